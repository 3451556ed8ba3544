"""Records of two centres that agree in nearly all that identifies a person are one person, or the agreement is chance.

Asked are two records of different centres that agree in two of date of birth, first dose and date of diagnosis, one of
them the birth; or in first dose, date of diagnosis and sex where the births differ by a slip (day and month swapped, or
only the day, the month or the year different). What the protocol's `duplicates` matches is counted once without a
question. Each centre is told its own cell, what agrees, and a code that both can quote; never what stands at the other
(`checks/persons.py`). A centre that counts days is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from chartline.checks.context import Context, Whole
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.persons import FACTS, pair_code, persons
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="same_person_elsewhere",
    group=Group.IDENTITY,
    scope=Scope.STUDY,
    sentence="Records of two centres that nearly agree in birth, sex, first dose and diagnosis are one person's.",
    severity=Severity.WARN,
    topics=frozenset({Topic.IDENTITY}),
    asks="Please check these facts, and say whether this patient was also treated at another centre.",
)
_BY_DUPLICATES = {"BRTHDT": "BORN", "SEX": "SEX", "TRTSDT": "FIRST"}
_KEYS = (("BORN", "FIRST"), ("BORN", "DIAGNOSED"), ("FIRST", "DIAGNOSED", "SEX"))


def gather(context: Context) -> Seen:
    """Gather what identifies each patient."""
    return {"persons": persons(context).lazy()}


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return two findings a pair of records, one for each centre."""
    everyone = seen["persons"].with_row_index("AT")
    pairs = pl.concat(_sharing(everyone, key) for key in _KEYS).unique(
        ["AT", "AT_B"], keep="first", maintain_order=True
    )
    same = {f: (pl.col(f) == pl.col(f"{f}_B")).fill_null(False) for f in FACTS}
    near = pairs.with_columns(same[f].alias(f"SAME_{f}") for f in FACTS).filter(pl.col("SAME_BORN") | _slip_of_birth())
    counted = [_BY_DUPLICATES.get(v) for v in whole.protocol.duplicates.match]
    if counted and all(counted):
        near = near.filter(~pl.all_horizontal(f"SAME_{f}" for f in counted))
    return [f for r in run(near).iter_rows(named=True) for f in _findings(whole, r)]


def _sharing(everyone: pl.LazyFrame, key: tuple[str, ...]) -> pl.LazyFrame:
    """Pairs of records of two centres that have all of `key` in common, each pair once."""
    known = everyone.filter(pl.all_horizontal(pl.col(k).is_not_null() for k in key))
    other = known.rename({c: f"{c}_B" for c in ("AT", "CENTRE", "USUBJID", "BLOCK", "ROW", *FACTS)})
    pairs = known.join(
        other, left_on=list(key), right_on=[f"{k}_B" for k in key], coalesce=False, maintain_order="left"
    )
    pairs = pairs.filter((pl.col("AT") < pl.col("AT_B")) & (pl.col("CENTRE") != pl.col("CENTRE_B")))
    return pairs.select(
        "AT", "AT_B", *(f"{c}{s}" for s in ("", "_B") for c in ("CENTRE", "USUBJID", "BLOCK", "ROW", *FACTS))
    )


def _slip_of_birth() -> pl.Expr:
    parts = [
        (pl.col(c).str.slice(0, 4), pl.col(c).str.slice(5, 2), pl.col(c).str.slice(8, 2)) for c in ("BORN", "BORN_B")
    ]
    (y, m, d), (y2, m2, d2) = parts
    alike = [(a == b).cast(pl.Int8) for a, b in ((y, y2), (m, m2), (d, d2))]
    two_of_three = alike[0] + alike[1] + alike[2] == 2
    swapped = (y == y2) & (m == d2) & (d == m2)
    return (two_of_three | swapped).fill_null(False)


def _findings(whole: Whole, r: dict[str, Any]) -> Iterator[Finding]:
    event = whole.protocol.index_rows.event
    words = {**FACTS, "FIRST": event}
    agree = [f for f in FACTS if r[f"SAME_{f}"]]
    differ = [words[f] for f in FACTS if not r[f"SAME_{f}"] and r[f] is not None and r[f"{f}_B"] is not None]
    code = pair_code(whole.protocol.study.id, (r[f] for f in agree))
    message = f"A record at another centre has the same {_listed([words[f] for f in agree])}"
    message += f", but not the same {_listed(differ)}" if differ else ""
    for s in ("", "_B"):
        cells = (
            (Cell("DM", "BRTHDTC", r["BLOCK" + s], r["ROW" + s], r["BORN" + s]),) if r["BLOCK" + s] is not None else ()
        )
        if cells:
            yield Finding(r["CENTRE" + s], r["USUBJID" + s], cells, f"{message}. The code of the pair is {code}.")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
