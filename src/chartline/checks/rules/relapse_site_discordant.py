"""The recorded site of relapse agrees with the marrow examined at it.

A relapse "in the marrow" whose marrow, within `near_days` (7) of the date, has fewer than 5 % blasts, or one "outside
the marrow only" whose marrow has 5 % or more. Where blood and sites were free as well, whether there was a relapse at
all is `relapse_discordant`'s question.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="relapse_site_discordant",
    group=Group.RESPONSE,
    sentence="The site of relapse agrees with the marrow examined at it.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RELAPSE}),
    asks="Please check the site of relapse and the blast count of this marrow.",
    parameters={"blasts": 5, "near_days": 7},
)
_FREE = ("ABSENT", "RESOLVED")


def find(context: Context, *, blasts: float, near_days: float) -> list[Finding]:
    """Return one finding a relapse whose site the marrows at its date contradict."""
    relapse = context.relapse.lazy().filter(pl.col("LO") == pl.col("HI"))
    site = context.stated("SS", "RELTYPE").lazy().select(*SUBJECT, pl.col("VALUE").alias("SITE"), *_renamed())
    marrow = (
        context.assessments.lazy()
        .filter(pl.col("BMBLAST").is_not_null() & (pl.col("RSDTC").str.len_chars() == 10))
        .select(
            *SUBJECT, "RSDTC", "BMBLAST", "BMBLAST_OP", "BMBLAST_HI",
            first_day("RSDTC").alias("DAY"), pl.col("BLOCK").alias("BLOCK_RS"), pl.col("ROW").alias("ROW_RS"),
            (holds("PBBLAST", "==", 0) & pl.col("EMD").is_in(_FREE)).alias("FREE"),
        )
    )  # fmt: skip
    near = relapse.join(site, on=SUBJECT, maintain_order="left").join(marrow, on=SUBJECT, maintain_order="left")
    near = near.filter((pl.col("DAY") - pl.col("LO")).dt.total_days().abs() <= near_days)
    few = holds("BMBLAST", "<", blasts).fill_null(False).all().over(SUBJECT)
    none = pl.col("FREE").fill_null(False).any().over(SUBJECT)
    inside = pl.col("SITE").is_in(["MARROW", "MARROW AND EXTRAMEDULLARY"]) & few & ~none
    outside = (pl.col("SITE") == "EXTRAMEDULLARY ONLY") & holds("BMBLAST", ">=", blasts)
    rows = run(near.filter(inside | outside)).unique(SUBJECT, keep="first", maintain_order=True)
    return [_finding(r) for r in rows.iter_rows(named=True)]


def _renamed() -> list[pl.Expr]:
    return [pl.col(c).alias(f"{c}_SITE") for c in ("BLOCK", "ROW")]


def _finding(r: dict[str, Any]) -> Finding:
    site = "outside the marrow only" if r["SITE"] == "EXTRAMEDULLARY ONLY" else "in the marrow"
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        (
            Cell("SS", "RELTYPE", r["BLOCK_SITE"], r["ROW_SITE"], r["SITE"]),
            Cell("RS", "BMBLAST", r["BLOCK_RS"], r["ROW_RS"], recorded(r, "BMBLAST"), unit="%"),
            Cell("SS", "RELDTC", r["BLOCK"], r["ROW"], r["VALUE"]),
        ),
        f"The relapse of {r['VALUE']} is recorded as {site}, but the marrow of {r['RSDTC']} has "
        f"{value_words(recorded(r, 'BMBLAST'))} % blasts.",
    )
