"""Two places that state the same fact about a subject state it alike.

Sex, date or year of birth, age, body surface area, country, relapse, death and last contact. Dates differ where no
day satisfies all of them (1991-01-07 and 1991 agree; 1991-01-07 and 1971 do not); numbers where they differ by more
than `tolerance` (5 %). The statement in the minority is named first, else the later one, because the first
statement in mapping order is the one that is used meanwhile. A date of birth that decides eligibility blocks it.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import least, most, recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.clinical import variables
from chartline.core.dates import age_in_years
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="statements_differ",
    group=Group.IDENTITY,
    sentence="Two places that state the same fact agree.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please say which one is right.",
    parameters={"tolerance": 0.05},
)
_STAKES: dict[tuple[str, str], tuple[Severity, Topic]] = {
    ("DM", "BRTHDTC"): (Severity.WARN, Topic.BASELINE),
    ("DM", "AGE"): (Severity.WARN, Topic.BASELINE),
    ("DM", "SEX"): (Severity.WARN, Topic.BASELINE),
    ("DM", "COUNTRY"): (Severity.WARN, Topic.BASELINE),
    ("DM", "BSA"): (Severity.WARN, Topic.EXPOSURE),
    ("DM", "RFICDTC"): (Severity.WARN, Topic.ELIGIBILITY),
    ("SS", "RELAPSE"): (Severity.BLOCK, Topic.RELAPSE),
    ("SS", "RELDTC"): (Severity.BLOCK, Topic.RELAPSE),
    ("SS", "RELTYPE"): (Severity.WARN, Topic.RELAPSE),
    ("SS", "DTHFL"): (Severity.BLOCK, Topic.DEATH),
    ("SS", "DTHDTC"): (Severity.BLOCK, Topic.DEATH),
    ("SS", "LKADTC"): (Severity.WARN, Topic.FOLLOW_UP),
}


def find(context: Context, *, tolerance: float) -> list[Finding]:
    """Return one finding a subject and fact that is stated in two ways."""
    findings = []
    for (domain, name), (severity, topic) in _STAKES.items():
        stated = context.statements(domain, name)
        if stated.height == context.stated(domain, name).height:  # nobody has two statements of it
            continue
        apart = _apart(stated, variables()[domain][name].type, tolerance)
        if apart.is_empty():
            continue
        rows = stated.join(apart, on=SUBJECT, how="semi", maintain_order="left").partition_by(
            SUBJECT, maintain_order=True
        )
        for one in rows:
            deciding = name == "BRTHDTC" and _decides(context, one)
            at_stake = (Severity.BLOCK, Topic.ELIGIBILITY) if deciding else (severity, topic)
            findings.append(_finding(domain, name, one.to_dicts(), *at_stake))
    return findings


def _apart(stated: pl.DataFrame, kind: str, tolerance: float) -> pl.DataFrame:
    """Return the subjects whose statements cannot all be true."""
    value = pl.col("VALUE")
    if kind == "date":
        differ = pl.col("LO").max() > pl.col("HI").min()
    elif kind in ("number", "integer"):
        low, high = least("VALUE").max(), most("VALUE").min()
        differ = low - high > tolerance * low.abs()
    else:
        differ = value.n_unique() > 1
    return stated.group_by(SUBJECT, maintain_order=True).agg(differ.alias("DIFFER")).filter("DIFFER")


def _decides(context: Context, births: pl.DataFrame) -> bool:
    """Return whether the earliest and the latest birth stated give an eligibility criterion different answers."""
    span = births.group_by(SUBJECT).agg(pl.col("LO").min(), pl.col("HI").max())
    ages = span.join(context.first_dose, on=SUBJECT, suffix="_DOSE").select(
        age_in_years("LO", "LO_DOSE").alias("OLDEST"), age_in_years("HI", "LO_DOSE").alias("YOUNGEST")
    )
    return bool(context.age_decides(ages, "OLDEST", "YOUNGEST").any())


def _finding(domain: str, name: str, rows: list[dict[str, Any]], severity: Severity, topic: Topic) -> Finding:
    rows = [{**r, "VALUE": recorded(r, "VALUE")} if "VALUE_OP" in r else r for r in rows]
    values = [r["VALUE"] for r in rows]
    rows = sorted(reversed(rows), key=lambda r: values.count(r["VALUE"]))  # minority first, else the later one
    label = variables()[domain][name].label
    shown = ", ".join(dict.fromkeys(value_words(v) for v in values))
    return Finding(
        rows[0]["CENTRE"],
        rows[0]["USUBJID"],
        tuple(Cell(domain, name, r["BLOCK"], r["ROW"], r["VALUE"]) for r in rows),
        f"{label} is stated in different ways: {shown}.",
        severity=severity,
        topics=frozenset({topic}),
    )
