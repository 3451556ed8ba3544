"""The checks that a study or a centre wrote itself, run like every other.

In: the context and one `OwnCheck`. Out: findings, one a record (or a subject, for what is stated of it) for which the
condition is false. Unknown is never a finding: a missing value, a partial date and a number that is only a bound ("<5")
make a comparison unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import laboratory_test
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.clinical import variables
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.query import Topic
from chartline.protocol.own_checks import DAY0, STATED, OwnCheck

_AT_STAKE = {
    **{"DM": Topic.BASELINE, "MH": Topic.BASELINE, "CM": Topic.NEW_THERAPY, "EX": Topic.EXPOSURE},
    **{"PR": Topic.TRANSPLANT, "LB": Topic.BLOOD_COUNTS, "RS": Topic.RESPONSE, "AE": Topic.ADVERSE_EVENTS},
    **{"FA": Topic.ADVERSE_EVENTS, "SS": Topic.FOLLOW_UP},
}


def rule_of(own: OwnCheck) -> Rule:
    """Return what a declared check says of itself, as a rule."""
    topics = frozenset(own.topics) or frozenset({_AT_STAKE[own.domain]})
    return Rule(own.id, Group.OWN, own.says, own.severity, topics, own.asks)


def find_own(context: Context, own: OwnCheck, centre: str | None = None) -> list[Finding]:
    """Return the findings of a declared check, of one centre where it is the centre's own."""
    expect, where = own.conditions
    needed = [*_in_order(own.expect, expect.variables), *_in_order(own.where, where.variables if where else ())]
    names = tuple(dict.fromkeys([*needed, *own.named]))
    rows = _rows(context, own, names)
    if centre is not None:
        rows = rows.filter(pl.col("CENTRE") == centre)
    dtypes: dict[str, pl.DataType] = {n: pl.Date() for n in names if own.kinds[n] == "date"}
    compared = expect.compared | (where.compared if where else frozenset())
    fails = ~expect.expr(dtypes) & _is_sharp(own, compared)
    if where is not None:
        fails &= where.expr(dtypes)
    quoted = [n for n in names if n in needed and n != "CENTRE"]
    return [_finding(context, own, r, names, quoted) for r in run(rows.filter(fails)).iter_rows(named=True)]


def _in_order(text: str, names: frozenset[str] | tuple[()]) -> list[str]:
    return sorted(names, key=text.find)


def _rows(context: Context, own: OwnCheck, names: tuple[str, ...]) -> pl.LazyFrame:
    """One row a record (a subject in DM and SS) with each variable, its text `<name>__RAW` and its cell."""
    stated = own.domain in STATED
    rows = context.subjects.lazy() if stated else context.data[own.domain].lazy()
    for name in names:
        domain = next((d for d in STATED if name in variables()[d]), own.domain)
        if name == DAY0:
            facts = context.first_dose.lazy()
        elif domain in STATED and name != "CENTRE":
            facts = context.stated(domain, name).lazy()
        else:
            continue
        facts = facts.select(
            *SUBJECT, pl.col("VALUE").alias(name), *(pl.col(c).alias(f"{name}__{c}") for c in ("BLOCK", "ROW"))
        )
        rows = rows.join(facts, on=SUBJECT, how="left", maintain_order="left")
    raw = [pl.col(n).alias(f"{n}__RAW") for n in names]
    days = [first_day(n).alias(n) for n in names if own.kinds[n] == "date"]
    return rows.with_columns(raw).with_columns(days)


def _is_sharp(own: OwnCheck, compared: frozenset[str]) -> pl.Expr:
    """Whether what is compared is known exactly: full dates, numbers that are no bounds."""
    numbers = [n for n in compared if own.kinds[n] == "number" and n in variables()[own.domain]]
    bounded = [pl.col(f"{n}_OP").is_null() for n in numbers if variables()[own.domain][n].type == "number"]
    bounded = [] if own.domain in STATED else bounded
    full = [pl.col(f"{n}__RAW").str.len_chars() == 10 for n in compared if own.kinds[n] == "date"]
    return pl.all_horizontal(pl.lit(True), *bounded, *(f.fill_null(True) for f in full))


def _finding(
    context: Context, own: OwnCheck, r: Mapping[str, Any], names: tuple[str, ...], quoted: list[str]
) -> Finding:
    cells = [c for n in quoted if (c := _cell(context, own, r, n)) is not None]
    if not cells:
        domain = r["DOMAIN"] if own.domain in STATED else own.domain
        cells = [Cell(domain, "USUBJID", r["BLOCK"], r["ROW"], r["USUBJID"], label="Subject")]
    said = {n: value_words(r[f"{n}__RAW"], _unit(own, r, n)) for n in names}
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), own.message(said))


def _cell(context: Context, own: OwnCheck, r: Mapping[str, Any], name: str) -> Cell | None:
    value, domain = r[f"{name}__RAW"], next((d for d in STATED if name in variables()[d]), None)
    if name == DAY0 or domain is not None:
        if r[f"{name}__ROW"] is None:
            return None
        at = {c: r[f"{name}__{c}"] for c in ("BLOCK", "ROW")}
        if name == DAY0:
            return context.day_zero({**at, "VALUE": value})
        return Cell(domain or "", name, at["BLOCK"], at["ROW"], value, unit=variables()[domain or ""][name].unit)
    label = laboratory_test(r["LBTESTCD"] or "").label if name == "LBSTRESN" else ""
    return Cell(own.domain, name, r["BLOCK"], r["ROW"], value, label=label, unit=_unit(own, r, name))


def _unit(own: OwnCheck, r: Mapping[str, Any], name: str) -> str:
    if name in ("LBSTRESN", "LBSTNRHI", "LBSTNRLO"):
        return laboratory_test(r["LBTESTCD"] or "").unit
    known = {**variables()["DM"], **variables()["SS"], **variables()[own.domain]}
    return known[name].unit if name in known else ""
