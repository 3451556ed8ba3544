"""Relapse by the rule set: the first assessment after the first response that shows it.

In: merged assessments, the response, the rule set, milestones. Out per subject DRELFL (Y/N), DRELDT and the sentence
why, with RECRELFL and RECRELDT, the recorded relapse, to compare; and the milestone `relapse` made of it where the
protocol asks for that. Every assessment counts, also one after transplantation
or new therapy: the first relapse ends a remission whatever came before. Who never responded cannot relapse (N); so is
N where no assessment shows it, with the number looked at. Null where the rule set has no rule for relapse.
"""

from __future__ import annotations

import polars as pl

from chartline.core.dates import PartialPolicy
from chartline.core.plans import run
from chartline.core.reasons import number_of, reason
from chartline.derive.findings import verdict, visit_findings
from chartline.derive.milestones import KEY
from chartline.derive.response_rules import Finding, Measure, ResponseRules, load_rules
from chartline.protocol.base import Milestone
from chartline.protocol.response import Response

_RELAPSE = Milestone.RELAPSE


def shows_relapse(rules: ResponseRules) -> pl.Expr:
    """Return whether each assessment shows relapse (never null)."""
    parts = [_part(p) for p in rules.relapse.any_of] if rules.relapse else [pl.lit(False)]
    return pl.any_horizontal(parts)


def _part(part: Measure | Finding) -> pl.Expr:
    shown = verdict(part).fill_null(False)
    if isinstance(part, Measure) and part.again_after_days is not None:
        last = pl.when(shown).then("ADT").max().over(KEY)
        return shown & ((last - pl.col("ADT")).dt.total_days() >= part.again_after_days).fill_null(False)
    return shown


def with_next_relapse(assessments: pl.LazyFrame, rules: ResponseRules) -> pl.LazyFrame:
    """Add NEXTREL, the day of the first later assessment of the subject that shows relapse (null: none)."""
    if rules.durability is None:
        return assessments.with_columns(pl.lit(None, pl.Date).alias("NEXTREL"))
    shown = pl.when(shows_relapse(rules)).then("ADT")
    marked = assessments.with_columns(shown.alias("NEXTREL"))
    return marked.with_columns(pl.col("NEXTREL").shift(-1).backward_fill().over(KEY, order_by="ADT"))


def derive_relapse(
    assessments: pl.DataFrame, best: pl.DataFrame, milestones: pl.DataFrame, response: Response
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (KEY DRELFL DRELDT RECRELFL RECRELDT RECRELDTF DRELSEQ, one row a treated subject; trace).

    `milestones` are those as recorded.
    """
    rules = load_rules(response.criteria)
    first = best.lazy().select(*KEY, "FRSPDT")
    told = pl.format("{}, {} after the first response", _sentence(rules), number_of(_days_since_response(), "day"))
    later = (
        assessments.lazy()
        .join(first, on=KEY, maintain_order="left")
        .with_columns(shows_relapse(rules).alias("SHOWN"))
        .filter(pl.col("ADT") > pl.col("FRSPDT"))
        .with_columns(told.alias("TOLD"))
    )
    of_shown = pl.col("SHOWN")
    found = later.group_by(KEY, maintain_order=True).agg(
        pl.col("ADT").filter(of_shown).first().alias("DRELDT"),
        *[pl.col(c).filter(of_shown).first().alias(a) for c, a in (("SEQ", "DRELSEQ"), ("TOLD", "TOLD"))],
        pl.len().alias("LOOKED"),
    )
    rows = first.join(found, on=KEY, how="left", maintain_order="left")
    rows = rows.join(_recorded(milestones), on=KEY, how="left", maintain_order="left")
    happened = pl.when(pl.col("DRELDT").is_not_null()).then(pl.lit("Y")).otherwise(pl.lit("N"))
    known = pl.lit(rules.relapse is not None)
    out = run(rows.with_columns(pl.when(known).then(happened).alias("DRELFL"), _because(rules).alias("WHY")))
    where = ("RS", pl.col("DRELSEQ"), "RSDTC")
    trace = [reason(out, f"ADSL.{n}", pl.col(n), pl.col("WHY"), where) for n in ("DRELFL", "DRELDT")]
    said = ("SS", pl.col(f"{_RELAPSE}_SEQ"), "RELDTC")
    trace += [reason(out, f"ADSL.{n}", pl.col(n), pl.col("RECORDED"), said) for n in ("RECRELFL", "RECRELDT")]
    return out.select(*KEY, "DRELFL", "DRELDT", "RECRELFL", "RECRELDT", "RECRELDTF", "DRELSEQ"), trace


def _recorded(milestones: pl.DataFrame) -> pl.LazyFrame:
    """The relapse that the centre recorded, with its sentence; null where it stated nothing."""
    known = pl.col(f"{_RELAPSE}_KNOWN")
    dated = pl.format("relapse recorded on {}", f"{_RELAPSE}_DTC")
    undated = pl.when(known).then(pl.lit("relapse recorded without a date"))
    return milestones.lazy().select(
        *KEY,
        f"{_RELAPSE}_SEQ",
        pl.when(known).then(pl.lit("Y")).when(~known).then(pl.lit("N")).alias("RECRELFL"),
        pl.col(_RELAPSE).alias("RECRELDT"),
        pl.col(f"{_RELAPSE}_F").alias("RECRELDTF"),
        pl.coalesce(
            dated,
            undated,
            pl.when(~known).then(pl.lit("recorded as no relapse")),
            pl.lit("not recorded whether relapse happened"),
        ).alias("RECORDED"),
    )


def _days_since_response() -> pl.Expr:
    return (pl.col("ADT") - pl.col("FRSPDT")).dt.total_days()


def _sentence(rules: ResponseRules) -> pl.Expr:
    findings = visit_findings(rules, rules.relapse.any_of if rules.relapse else ())
    return pl.format(f"relapse by the rules of {rules.label}: marrow {{}} {{}}", "RSDTC", findings)


def _because(rules: ResponseRules) -> pl.Expr:
    if rules.relapse is None:
        return pl.lit(f"the rule set {rules.label} has no rule for relapse")
    seen = pl.format("no relapse in the {} assessments after the first response", "LOOKED")
    seen = seen.str.replace(" the 1 assessments ", " the assessment ", literal=True)
    none = pl.when(pl.col("FRSPDT").is_null()).then(pl.lit("no response, so no relapse"))
    return pl.coalesce("TOLD", none, seen, pl.lit("no assessment after the first response"))


def without_relapse(milestones: pl.DataFrame) -> pl.DataFrame:
    """Return the milestones as if no relapse had been recorded."""
    names = [c for c in milestones.columns if c == _RELAPSE or c.startswith(f"{_RELAPSE}_")]
    return milestones.with_columns(pl.lit(None, milestones.schema[c]).alias(c) for c in names)


def with_derived_relapse(milestones: pl.DataFrame, relapse: pl.DataFrame) -> pl.DataFrame:
    """Return the milestones with the relapse that was derived in place of the one that was recorded."""
    day, bounds = pl.col("DRELDT"), ("LO", "HI", *PartialPolicy)
    joined = milestones.lazy().join(relapse.lazy(), on=KEY, how="left", maintain_order="left")
    derived = joined.with_columns(
        day.alias(_RELAPSE),
        day.cast(pl.String).alias(f"{_RELAPSE}_DTC"),
        pl.col("DRELSEQ").alias(f"{_RELAPSE}_SEQ"),
        (pl.col("DRELFL") == "Y").alias(f"{_RELAPSE}_KNOWN"),
        pl.lit(None, dtype=pl.String).alias(f"{_RELAPSE}_F"),
        pl.lit("RS").alias(f"{_RELAPSE}_DOM"),
        *[day.alias(f"{_RELAPSE}_{b}") for b in bounds],
    )
    return run(derived.drop(c for c in relapse.columns if c not in KEY))
