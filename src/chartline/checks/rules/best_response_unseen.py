"""A best response is not better than the best of the assessments.

A chart's summary ("best response: CR", an assessment without a date and without a marrow, or one whose time point is
called best) is held against the dated assessments of the same patient. Where none of them is as good, either an
assessment was not sent or the summary is wrong. In order: CR, CRh, CRi, MLFS, PR, then everything else.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.sentences import counted

RULE = Rule(
    id="best_response_unseen",
    group=Group.RESPONSE,
    sentence="A best response is seen in some dated assessment.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please give the assessment at which the best response was seen, or correct the best response.",
)
_ORDER = ("CR", "CRh", "CRi", "MLFS", "PR")
_NO_RESPONSE = ("SD", "NR", "PD", "RELAPSE", "RELAPSE (EXTRAMEDULLARY)")


def find(context: Context) -> list[Finding]:
    """Return one finding a summary of the best response that is better than every dated assessment."""
    rank = pl.col("INVRESP").replace_strict(
        {r: i for i, r in enumerate(_ORDER)} | dict.fromkeys(_NO_RESPONSE, len(_ORDER)),
        default=None,
        return_dtype=pl.Int64,
    )
    rows = context.data["RS"].lazy().with_columns(rank.alias("RANK")).filter(pl.col("RANK").is_not_null())
    named = pl.col("RSVISIT").str.contains("(?i)best").fill_null(False)
    bare = pl.col("RSDTC").is_null() & pl.all_horizontal(pl.col(c).is_null() for c in ("BMBLAST", "RSCYCLE", "RSVISIT"))
    summary = rows.filter(named | bare).select(*SUBJECT, "INVRESP", "RANK", "BLOCK", "ROW")
    dated = rows.filter(~named & pl.col("RSDTC").is_not_null()).sort("RANK", "RSDTC", maintain_order=True)
    best = dated.group_by(SUBJECT, maintain_order=True).agg(
        pl.len().alias("N"),
        *(pl.col(c).first().alias(f"{c}_BEST") for c in ("INVRESP", "RANK", "RSDTC", "BLOCK", "ROW")),
    )
    both = summary.join(best, on=SUBJECT, maintain_order="left").filter(pl.col("RANK") < pl.col("RANK_BEST"))
    return [_finding(r) for r in run(both).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        (
            Cell("RS", "INVRESP", r["BLOCK"], r["ROW"], r["INVRESP"], label="Best response"),
            Cell("RS", "INVRESP", r["BLOCK_BEST"], r["ROW_BEST"], r["INVRESP_BEST"], label="Best of the assessments"),
        ),
        f"The best response is given as {r['INVRESP']}, but the best of {counted(r['N'], 'dated assessment')} is "
        f"{r['INVRESP_BEST']} ({r['RSDTC_BEST']}).",
    )
