"""How records, variables and the standing of a patient are called, for clinicians: labels, never codes."""

from __future__ import annotations

from collections.abc import Mapping

from chartline.checks.wording import term_words, unit_words
from chartline.core.clinical import DOMAIN_LABELS, variables
from chartline.core.index import START_OF
from chartline.mapping.words import tests

_NAMED_BY = {
    **{"MH": ("MHCAT", "MHTERM"), "CM": ("CMTRT", "CMCAT"), "PR": ("PRTRT",), "AE": ("AETERM",)},
    **{"LB": ("LBTESTCD",), "FA": ("FAOBJ", "FATESTCD"), "RS": ("RSVISIT",)},
}
_ROLES = {
    "counted": "counted",
    "not_counted": "not counted",
    "missing": "missing",
    "withheld": "withheld by an open query",
    "event": "event",
    "censored": "censored",
    "lost": "lost to follow-up",
    "moved": "on the way",
}
_FOLLOW_UP = _ROLES | {"event": "event of the endpoint", "censored": "end of follow-up"}
_FLAG = {"Y": "Yes", "N": "No"}
NOT_IN_IT = "not in it"


def record_words(domain: str, said: Mapping[str, str]) -> str:
    """Return what a record is: "Laboratory: Haemoglobin, 2021-03-04"; its domain alone where nothing names it."""
    names = [value_words(domain, v, said[v]) for v in _NAMED_BY.get(domain, ()) if v in said][:1]
    day = said.get(START_OF.get(domain, ""))
    of = ", ".join([*names, *([day] if day else [])])
    return f"{DOMAIN_LABELS[domain]}: {of}" if of else DOMAIN_LABELS[domain]


def variable_words(domain: str, variable: str, said: Mapping[str, str]) -> str:
    """Return the label of a variable with its unit, that of the test where it depends on it."""
    known = variables()[domain][variable]
    unit = tests().get(said.get("LBTESTCD", ""), ("", ""))[1] if known.unit == "(by test)" else known.unit
    return f"{known.label}, {unit_words(unit)}" if unit and unit != "1" else known.label


def standing(role: str | None, value: str | None, follow_up: bool = False) -> str:
    """Return how a patient stands in an analysis: "event on day 83", "counted", "counted: 3", "not in it".

    Of follow-up itself the end of it is what is counted, and an event hides it.
    """
    if role is None:
        return NOT_IN_IT
    word = (_FOLLOW_UP if follow_up else _ROLES).get(role, role)
    if value in (None, "", "Y", "N"):
        return word
    return f"{word} on day {value}" if role in ("event", "censored", "lost") else f"{word}: {value}"


def value_words(domain: str, variable: str, value: str) -> str:
    """Return a value as a clinician reads it: a test and a code by their names."""
    if variable == "LBTESTCD":
        return tests().get(value, (value, ""))[0]
    return _FLAG.get(value, value) if _type(domain, variable) == "flag" else _code(domain, variable, value)


def _code(domain: str, variable: str, value: str) -> str:
    return term_words(value) if _type(domain, variable) == "code" else value


def _type(domain: str, variable: str) -> str:
    return variables()[domain][variable].type
