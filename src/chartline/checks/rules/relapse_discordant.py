"""A relapse that an assessment shows is recorded, and a recorded relapse is not contradicted by one.

After a response that the treating team recorded and its own findings do not contradict, marrow blasts of 5 % or more,
blood blasts or extramedullary disease are a relapse (the thresholds of most rule sets, see `docs/rules/`). Asked is
where such an assessment has no recorded relapse, where the first of them lies more than `days` (30) from the recorded
date, and where within `near_days` (7) after that date marrow, blood and sites are all free of disease. No assessment
contradicts nothing. What the team called a response is the business of `response_discordant`; a relapse dated before
the response that of `relapse_order`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.assessments import first_of_day
from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="relapse_discordant",
    group=Group.RESPONSE,
    sentence="The recorded relapse and the assessments after the first response agree.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RELAPSE}),
    asks="Please check whether and when the patient relapsed, and the findings of this assessment.",
    parameters={"blasts": 5, "days": 30, "near_days": 7},
)
_PARTS = {"BMBLAST": "%", "PBBLAST": "%", "EMD": "", "RSDTC": "", "INVRESP": ""}


def find(context: Context, *, blasts: float, days: float, near_days: float) -> list[Finding]:
    """Return at most one finding a subject."""
    rows = _after_response(context, blasts).join(_recorded(context), on=SUBJECT, how="left", maintain_order="left")
    since = (pl.col("ON") - pl.col("HI")).dt.total_days()
    apart = pl.max_horizontal((pl.col("LO") - pl.col("ON")).dt.total_days(), since)
    recorded = pl.col("RELAPSED").fill_null(False)
    first = pl.col("SHOWS") & (pl.col("ON") == pl.col("ON").filter("SHOWS").min().over(SUBJECT))
    none = ~pl.col("SHOWS").any().over(SUBJECT)
    in_order = (pl.col("HI") >= pl.col("RESPONSE")).fill_null(True)
    kind = (
        pl.when(first & ~recorded)
        .then(pl.lit("unrecorded"))
        .when(first & in_order & (apart > days))
        .then(pl.lit("elsewhere"))
        .when(none & recorded & in_order & pl.col("FREE") & since.is_between(0, near_days))
        .then(pl.lit("free"))
    )
    asked = rows.with_columns(kind.alias("KIND")).filter(pl.col("KIND").is_not_null())
    return [_finding(r) for r in run(asked.unique(SUBJECT, keep="first", maintain_order=True)).iter_rows(named=True)]


def _after_response(context: Context, blasts: float) -> pl.LazyFrame:
    """One row an assessment day after the first response, each finding with its cell, and whether it SHOWS relapse or
    is FREE of disease."""
    columns = [*first_of_day(_PARTS), pl.col("ON").any().alias("TREATED")]
    dated = context.assessments.lazy().filter(pl.col("RSDTC").str.len_chars() == 10)
    rows = dated.group_by(*SUBJECT, "DAY", maintain_order=True).agg(columns).with_columns(first_day("DAY").alias("ON"))
    shows = (holds("BMBLAST", ">=", blasts) | holds("PBBLAST", ">", 0) | (pl.col("EMD") == "PRESENT")).fill_null(False)
    free = holds("BMBLAST", "<", blasts) & holds("PBBLAST", "==", 0) & pl.col("EMD").is_in(["ABSENT", "RESOLVED"])
    called = pl.col("INVRESP").is_in(context.responses).fill_null(False)
    response = pl.col("ON").filter(pl.col("TREATED") & called & ~shows).min().over(SUBJECT)
    told = rows.with_columns(
        response.alias("RESPONSE"), (shows & ~called).alias("SHOWS"), free.fill_null(False).alias("FREE")
    )
    return told.filter(pl.col("ON") > pl.col("RESPONSE")).sort(*SUBJECT, "ON", maintain_order=True)


def _recorded(context: Context) -> pl.LazyFrame:
    """Whether a relapse is stated, with the cell that says so, and the days its date can mean."""
    date = context.relapse.lazy().select(*SUBJECT, "VALUE", "LO", "HI", "BLOCK", "ROW")
    said = context.stated("SS", "RELAPSE").lazy()
    said = said.select(*SUBJECT, *[pl.col(c).alias(f"SAID{c}") for c in ("VALUE", "BLOCK", "ROW")])
    both = said.join(date, on=SUBJECT, how="full", coalesce=True, maintain_order="left_right")
    return both.with_columns(((pl.col("SAIDVALUE") == "Y") | pl.col("VALUE").is_not_null()).alias("RELAPSED"))


def _finding(r: dict[str, Any]) -> Finding:
    shown = ["BMBLAST", "PBBLAST", "EMD"]
    said = {v: recorded(r, v) for v in shown}
    cells = [Cell("RS", v, r[f"{v}BLOCK"], r[f"{v}ROW"], said[v], unit=_PARTS[v]) for v in shown if r[v] is not None]
    if r["VALUE"] is not None:
        cells.insert(0, Cell("SS", "RELDTC", r["BLOCK"], r["ROW"], r["VALUE"]))
    elif r["SAIDVALUE"] is not None:
        cells.append(Cell("SS", "RELAPSE", r["SAIDBLOCK"], r["SAIDROW"], r["SAIDVALUE"]))
    found = [
        f"{value_words(said['BMBLAST'])} % marrow blasts" if r["BMBLAST"] is not None else "",
        f"{value_words(said['PBBLAST'])} % blood blasts" if r["PBBLAST"] else "",
        "extramedullary disease" if r["EMD"] == "PRESENT" else "",
    ]
    with_what = " and ".join(f for f in found if f)
    message = {
        "unrecorded": f"The assessment of {r['DAY']} shows {with_what} after a response, but no relapse is recorded.",
        "elsewhere": f"The relapse is recorded on {r['VALUE']}, but the first assessment that shows one is of "
        f"{r['DAY']} ({with_what}).",
        "free": f"A relapse is recorded on {r['VALUE']}, but marrow, blood and extramedullary sites were free of "
        f"disease on {r['DAY']}.",
    }[r["KIND"]]
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), message)
