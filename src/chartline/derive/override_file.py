"""overrides.csv -> overrides, or an error that names the line.

Columns: subject, item, date, term, derived, value, by, on, reason.

    item          date                      term             value
    OVR           of the assessment         (blank)          a category of the response rule set
    OVR_<name>    of the assessment         (blank)          a category of that variant's rule set
    RELDT         (blank)                   (blank)          yyyy-mm-dd, or none
    AEREL         of the event as recorded  of the event     Y or N
    AETOXGR       of the event as recorded  of the event     1 to 5

`derived` is what the reviewer saw; a run asks again where it has changed. Where a centre counts days and gives no
dates, a date of its subjects is written as the run tells it: `day 35`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.decisions import is_day, read_decisions
from chartline.core.overrides import ASSESSMENT, EVENT_ITEMS, NO_RELAPSE, RELAPSE, Override
from chartline.derive.response_rules import load_rules
from chartline.errors import OverrideError
from chartline.protocol.model import Protocol

_COUNTED = re.compile(r"day -?\d")
COLUMNS = ("subject", "item", "date", "term", "derived", "value", "by", "on", "reason")
_INSTEAD = {  # what follows from something else, and from what
    **dict.fromkeys(
        ("BOR", "BORDT", "RESPFL", "FRSP", "FRSPDT", "FRSPCYC", "TTRESP", "REFRFL"), "OVR of an assessment"
    ),
    **dict.fromkeys(("RELFL", "RECRELDT", "RECRELFL", "DRELDT", "DRELFL"), "RELDT"),
    **dict.fromkeys(("ELIGFL", "ELIGREAS"), "an answer to the cell that a criterion reads (answers.csv)"),
    **dict.fromkeys(("DTHDT", "DTHFL", "LKADT"), "an answer to the cell (answers.csv)"),
    **dict.fromkeys(("OS", "RFS", "EFS", "DOR"), "OVR of an assessment, or RELDT"),
}


def read_overrides(path: Path, protocol: Protocol) -> tuple[Override, ...]:
    """Return the overrides of a file, each checked by itself. Raises `OverrideError` with the line of a fault."""
    rows = read_decisions(path, COLUMNS, OverrideError, "overrides")
    out = [_override(fields, path, line, protocol) for line, fields in rows]
    seen: dict[tuple[str, ...], int] = {}
    for o in out:
        first = seen.setdefault((o.subject, o.item, o.date, o.term), o.line)
        if first != o.line:
            raise OverrideError(
                f"Two overrides speak about {o.item} of {o.subject}", where=f"{path}, lines {first} and {o.line}",
                do="keep the one that holds",
            )  # fmt: skip
    return tuple(out)


def _override(fields: dict[str, str], path: Path, line: int, protocol: Protocol) -> Override:
    where = f"{path}, line {line}"
    for must, why in (("subject", "whose"), ("item", "which value"), ("value", "to what"), ("by", "who"),
                      ("on", "when"), ("reason", "why")):  # fmt: skip
        if not fields[must]:
            raise OverrideError(f"The line has no `{must}`: nobody can tell {why}", where=where, do=f"fill in {must}")
    if not is_day(fields["on"]):
        raise OverrideError(f"`on` is `{fields['on']}`, which is no date", where=where, expected="yyyy-mm-dd")
    item = fields["item"]
    choices = {ASSESSMENT: protocol.response} | {
        f"{ASSESSMENT}_{name}": choice for name, choice in protocol.response_variants.items()
    }
    rules = ""
    if item in choices:
        rules = choices[item].criteria
        _expect(fields["value"], load_rules(rules).best, f"category of {load_rules(rules).label}", where)
        _need(fields, where, date=True, term=False)
    elif item == RELAPSE:
        if fields["value"] != NO_RELAPSE and not (is_day(fields["value"]) or _COUNTED.match(fields["value"])):
            raise OverrideError(
                f"The relapse is `{fields['value']}`", where=where, expected=f"yyyy-mm-dd, or {NO_RELAPSE}"
            )
        _need(fields, where, date=False, term=False)
    elif item in EVENT_ITEMS:
        _expect(fields["value"], ("Y", "N") if item == "AEREL" else tuple("12345"), item, where)
        _need(fields, where, date=None, term=True)
    else:
        known = [*choices, RELAPSE, *EVENT_ITEMS]
        instead = _INSTEAD.get(item.partition("_")[0])
        raise OverrideError(
            f"`{item}` cannot be overridden", where=where, expected=", ".join(known),
            do=f"it follows from other values: set {instead}" if instead else "name one of these",
        )  # fmt: skip
    return Override(**fields, line=line, file=path.name, rules=rules)


def _expect(value: str, known: tuple[str, ...], what: str, where: str) -> None:
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        raise OverrideError(
            f"`{value}` is no {what}", where=where,
            expected=(f"did you mean `{near[0]}`? " if near else "") + ", ".join(known),
        )  # fmt: skip


def _need(fields: dict[str, str], where: str, *, date: bool | None, term: bool) -> None:
    """A date or term that must be there (True), must not (False), or may (None)."""
    if date is True and not (is_day(fields["date"]) or _COUNTED.match(fields["date"])):
        raise OverrideError(f"{fields['item']} needs the date of its assessment", where=where, expected="yyyy-mm-dd")
    if date is False and fields["date"]:
        raise OverrideError(f"{fields['item']} takes no date", where=where, do="leave `date` empty")
    if term is not bool(fields["term"]):
        raise OverrideError(
            f"{fields['item']} {'needs' if term else 'takes no'} `term`", where=where,
            do="give the term of the adverse event as it is recorded" if term else "leave `term` empty",
        )  # fmt: skip


def dated_overrides(overrides: tuple[Override, ...], data: ClinicalData) -> tuple[Override, ...]:
    """Return overrides whose study days are dates, as everything is computed.

    Raises `OverrideError` for a date where the subject's centre counts days, and for days where it gives dates.
    """
    centres = {s: c for d in ("EX", "DM") for s, c in data[d].select("USUBJID", "CENTRE").unique().iter_rows()}
    return tuple(_dated(o, centres.get(o.subject), data) for o in overrides)


def _dated(o: Override, centre: str | None, data: ClinicalData) -> Override:
    if centre is None:  # an unknown subject, which has its own message
        return o
    days, told = data.study_days, {"date": o.date} | ({"value": o.value} if o.item == RELAPSE else {})
    for name, text in told.items():
        counted = _COUNTED.match(text) is not None
        if not counted and (centre not in days.events or not is_day(text)):
            continue
        date = days.date(centre, text) if counted else None
        if date is None:
            raise OverrideError(
                f"`{name}` of {o.subject} is `{text}`", where=f"{o.file}, line {o.line}",
                expected="`day 35`, as the run tells it: the centre counts days and gives no dates"
                if centre in days.events else "yyyy-mm-dd: the centre gives dates",
            )  # fmt: skip
        told[name] = date.isoformat()
    return replace(o, date=told["date"], value=told.get("value", o.value))


def check_overrides(overrides: tuple[Override, ...], data: ClinicalData) -> None:
    """Raise `OverrideError` for a subject, an assessment or an adverse event that the charts do not have."""
    subjects = {d: data[d].select("USUBJID").unique()["USUBJID"] for d in ("DM", "EX")}
    known = sorted({*subjects["DM"].to_list(), *subjects["EX"].to_list()})
    for o in overrides:
        where = f"{o.file}, line {o.line}"
        if o.subject not in known:
            near = difflib.get_close_matches(o.subject, known, n=3)
            raise OverrideError(
                f"There is no subject {o.subject}", where=where,
                expected=f"did you mean {', '.join(near)}?" if near else f"for example {', '.join(known[:5])}",
            )  # fmt: skip
        if o.item.startswith(ASSESSMENT):
            _find(data, "RS", o, pl.col("RSDTC") == o.date, "RSDTC", "assessment", where)
        if o.item in EVENT_ITEMS:
            same = (pl.col("AETERM") == o.term) & (pl.col("AESTDTC").fill_null("") == o.date)
            told = pl.concat_str(pl.col("AETERM"), pl.lit(" "), pl.col("AESTDTC").fill_null("(no date)"))
            _find(data, "AE", o, same, told, "adverse event", where)


def _find(
    data: ClinicalData, domain: str, o: Override, same: pl.Expr, told: str | pl.Expr, what: str, where: str
) -> None:
    of = data[domain].filter(pl.col("USUBJID") == o.subject)
    hits = of.filter(same)
    if domain == "AE" and hits.height > 1:
        raise OverrideError(
            f"{o.subject} has {hits.height} adverse events `{o.term}` of that date", where=where,
            do="let the centre tell them apart (answers.csv)",
        )  # fmt: skip
    if hits.is_empty():
        there = of.select(pl.col(told) if isinstance(told, str) else told).to_series().drop_nulls().unique().sort()
        centre, days = next(iter(of["CENTRE"]), ""), data.study_days
        day = days.text(centre, o.date or "no date")
        raise OverrideError(
            f"{o.subject} has no {what} of {day}{f' `{o.term}`' if o.term else ''}", where=where,
            expected="; ".join(days.text(centre, t) for t in there.to_list()[:12]) or f"no {what} is recorded",
        )  # fmt: skip
