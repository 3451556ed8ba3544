"""The laboratory: one row a day of sampling, a column (and its unit) a test; and the centre's limits of normal.

A test that laboratories report in several units has its unit beside it, because a factor of 10, 17.1 or 88.4 that
nobody wrote down is the commonest error of such data; a test with one usual unit has it in the heading.
"""

from __future__ import annotations

from chartline.capture import uses
from chartline.capture.model import Choice, Item, Record, UnitOf
from chartline.capture.study import Asked
from chartline.capture.words import plausible, term_labels, units_of
from chartline.derive.response_rules import load_rules
from chartline.mapping.words import tests

_FLAGS = ("LBGCSF", "LBPLTTX", "LBRBCTX")


def ask_laboratory(study: Asked) -> None:
    """Every test that the protocol reads, in the order of the vocabulary, and support in the days before."""
    wanted = uses.tests_read(study.p, study.response)
    if not wanted:
        return
    form = study.form("laboratory")
    every = tuple(dict.fromkeys(w for why in wanted.values() for w in why))
    day = form.ask(study.question("LBDTC", every, required=True))
    flags = {v: form.ask(study.question(v, why)) for v, why in _support(study).items()}
    for test in (t for t in tests() if t in wanted):
        value, unit = _ask_test(study, test, wanted[test])
        items = {"LBDTC": day, "LBORRES": value, **flags}
        form.records.append(Record("LB", {"LBTESTCD": test}, items, {"LBORRES": unit}))


def _ask_test(study: Asked, test: str, why: tuple[str, ...]) -> tuple[str, UnitOf]:
    form, label, units = study.form("laboratory"), tests()[test][0], units_of(test)
    low, high = plausible()[test]
    if len(units) == 1:
        shown = "" if units[0] == "1" else units[0]
        value = form.ask(Item(test.lower(), label, "number", why, unit=shown, low=low, high=high, bounds=True))
        return value, ("constant", units[0])
    value = form.ask(Item(test.lower(), label, "number", why, low=0, bounds=True))
    choices = tuple(Choice(u, u) for u in units)
    said = "The unit in which the laboratory reported it."
    unit = Item(f"{test.lower()}_unit", f"{label}: unit", "choice", why, said, choices=choices, asked_if=(value, ()))
    return value, ("item", form.ask(unit))


def _support(study: Asked) -> dict[str, tuple[str, ...]]:
    """Flags of support in the days before a count -> why."""
    out: dict[str, dict[str, None]] = {}
    for choice in (study.p.response, *study.p.response_variants.values()) if study.response else ():
        rules = load_rules(choice.criteria)
        for s in rules.support.values():
            out.setdefault(s.flag, {})[f"A count under {s.label} is no proof of recovery ({rules.label})"] = None
    return {flag: tuple(out[flag]) for flag in _FLAGS if flag in out}


def ask_limits(study: Asked) -> None:
    """The centre's limits of normal of every test that is graded or compared with them."""
    wanted = dict(uses.graded_tests(study.p))
    if not wanted:
        return
    form, why = study.form("limits"), ("Grades of laboratory values",)
    named = [t for t in tests() if t in wanted]
    units = dict.fromkeys(u for t in named for u in units_of(t) if u != "1")
    test = Item(
        "limit_test", "Test", "choice", why, choices=tuple(Choice(t, tests()[t][0]) for t in named), required=True
    )
    sex = Item(
        "limit_sex", "Sex", "choice", why, "Blank where men and women have the same limits.",
        choices=term_labels()["DM", "SEX"],
    )  # fmt: skip
    low = Item("limit_low", "Lower limit of normal", "number", why)
    high = Item("limit_high", "Upper limit of normal", "number", why)
    unit = Item("limit_unit", "Unit", "choice", why, choices=tuple(Choice(u, u) for u in units), required=True)
    names = {v: form.ask(i) for v, i in {"TESTCD": test, "SEX": sex, "LO": low, "HI": high, "UNIT": unit}.items()}
    form.record("RANGE", {}, names)
