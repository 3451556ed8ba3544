"""MRD samples, and what each of them is under a definition.

In: RS rows and the merged assessments. Out of `mrd_samples`: one row per subject, day and kind of assay, so that a
transcript level never fills a gap of a flow result, with the cycle and the marrow blasts of the assessment of that day.
Out of `judged`: the samples with CATEGORY (null: the definition does not count such an assay or specimen), STANDING,
SAID (the sentence) and the rank RANK of the category, 0 the best.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.compare import holds, value_text
from chartline.core.plans import run
from chartline.core.reasons import number_text
from chartline.derive.milestones import KEY
from chartline.derive.mrd_rules import Detection, Level, MrdRules, Requirement, Sensitivity
from chartline.protocol.names import in_sentence

_RECORDED = ("MRDMETH", "MRDSPEC", "MRDSENS", "MRDCELLS", "MRDVAL", "MRDCLASS")
_SIDES = ("MRDSENS_OP", "MRDSENS_HI", "MRDCELLS_OP", "MRDVAL_OP", "MRDVAL_HI")
_OF_DAY = ("RSCYCLE", "BMBLAST", "BMBLAST_OP", "BMBLAST_HI")
_FOUND = ("POSITIVE", "DETECTED BELOW 0.01%")  # MRDCLASS of leukaemic cells, and of none
_NONE_FOUND = ("NEGATIVE", "NEGATIVE (INSUFFICIENT CELLS)")
_ASSAYS = {"FLOW": "flow cytometry", "IG/TR PCR": "IG/TR PCR", "NGS": "sequencing"}
_ASSAYS |= {"BCR::ABL1 TRANSCRIPT": "a BCR::ABL1 transcript"}


def mrd_samples(data: ClinicalData, assessments: pl.DataFrame) -> pl.DataFrame:
    """Return the samples with a result: CENTRE USUBJID ADT RSDTC MRDASSAY, what was recorded, MRDSEQ and MRDVAR of the
    cell with the result. Rows that name no assay belong to the only assay of that day."""
    rows = data["RS"].lazy().filter(pl.any_horizontal(pl.col(c).is_not_null() for c in (*_RECORDED, "MRDASSAY")))
    day = [*KEY, "RSDTC"]
    only = pl.col("MRDASSAY").drop_nulls()
    rows = rows.sort("CENTRE", "SEQ").with_columns(
        pl.coalesce("MRDASSAY", pl.when(only.n_unique().over(day) == 1).then(only.first().over(day)))
    )
    columns = []
    for name in _RECORDED:
        present = pl.col(name).is_not_null()
        columns += [
            pl.col(c).filter(present).first() for c in (name, f"{name}_OP", f"{name}_HI") if c in (*_RECORDED, *_SIDES)
        ]
    for name in ("MRDVAL", "MRDCLASS"):
        columns.append(pl.col("SEQ").filter(pl.col(name).is_not_null()).first().alias(f"{name}__SEQ"))
    merged = rows.group_by(*day, "MRDASSAY", maintain_order=True).agg(columns)
    known = assessments.lazy().select(*day, "ADT", *_OF_DAY)
    found = merged.filter(pl.col("MRDVAL").is_not_null() | pl.col("MRDCLASS").is_not_null())
    out = found.join(known, on=day, how="inner").with_columns(
        pl.coalesce("MRDVAL__SEQ", "MRDCLASS__SEQ").alias("MRDSEQ"),
        pl.when(pl.col("MRDVAL").is_not_null()).then(pl.lit("MRDVAL")).otherwise(pl.lit("MRDCLASS")).alias("MRDVAR"),
    )
    return run(out.drop("MRDVAL__SEQ", "MRDCLASS__SEQ").sort(*KEY, "ADT", "MRDASSAY"))


def judged(samples: pl.LazyFrame, rules: MrdRules) -> pl.LazyFrame:
    """Add what each sample is under a definition (columns above)."""
    counted = _among("MRDASSAY", rules.assays) & _among("MRDSPEC", rules.specimens)
    first = [pl.when(_shown(c.requires, rules)).then(pl.lit(c.code)) for c in rules.categories]
    labels = {c.code: in_sentence(c.label) for c in rules.categories}
    rank = {code: i for i, code in enumerate(rules.best)}
    category = pl.col("CATEGORY")
    return samples.with_columns(pl.when(counted).then(pl.coalesce(first)).alias("CATEGORY")).with_columns(
        category.replace_strict(rules.standing, default=None, return_dtype=pl.String).alias("STANDING"),
        category.replace_strict(rank, default=len(rank), return_dtype=pl.Int64).alias("RANK"),
        _sentence(category.replace_strict(labels, default=None, return_dtype=pl.String)).alias("SAID"),
    )


def relapsed(rules: MrdRules) -> pl.Expr:
    """Whether a sample shows the level of an MRD relapse, on a marrow that is not shown to have relapsed."""
    level, marrow = rules.relapse.level, rules.relapse.marrow
    high = holds("MRDVAL", level.operator, level.threshold).fill_null(False)
    return high & holds("BMBLAST", marrow.operator, marrow.threshold).fill_null(True)


def _among(variable: str, accepted: tuple[str, ...]) -> pl.Expr:
    return pl.col(variable).is_null() | pl.col(variable).is_in(accepted)


def _shown(requires: tuple[Requirement, ...], rules: MrdRules) -> pl.Expr:
    return pl.all_horizontal(pl.lit(True), *[_met(r, rules).fill_null(False) for r in requires])


def _met(requirement: Requirement, rules: MrdRules) -> pl.Expr:
    if isinstance(requirement, Level):
        return _level(requirement)
    if isinstance(requirement, Detection):
        return _detected() if requirement.detected else ~_detected()
    return _sensitive(rules.sensitivity)


def _level(required: Level) -> pl.Expr:
    """By the level; by the recorded result only where there is no level; never against the recorded result."""
    by_level = holds("MRDVAL", required.operator, required.threshold)
    said = pl.col("MRDCLASS")
    shown = pl.when(pl.col("MRDVAL").is_not_null()).then(by_level).otherwise(said.is_in(required.called))
    return shown & ~said.is_in(required.not_called).fill_null(False)


def _detected() -> pl.Expr:
    """Whether any leukaemic cell was found: a level above 0, or the recorded result; a level of 0 alone says no."""
    above = holds("MRDVAL", ">", 0.0)
    said = pl.col("MRDCLASS")
    return (
        pl.when(above.fill_null(False) | said.is_in(_FOUND).fill_null(False))
        .then(pl.lit(True))
        .when(said.is_in(_NONE_FOUND).fill_null(False) | ~above.fill_null(True))
        .then(pl.lit(False))
    )


def _sensitive(needed: Sensitivity) -> pl.Expr:
    """The recorded limit reaches the sensitivity, and so do the cells acquired, as far as each is known."""
    recorded = holds("MRDSENS", needed.operator, needed.threshold)
    enough = {"<=": ">=", "<": ">"}[needed.operator]
    cells = holds("MRDCELLS", enough, needed.events / needed.threshold)
    return pl.coalesce(recorded & cells, recorded, cells)


def _sentence(label: pl.Expr) -> pl.Expr:
    # concat_str and not format, which panics over a single row of nothing but missing values (Polars 2.1)
    level = pl.concat_str(value_text("MRDVAL"), pl.lit(" %"))
    result = pl.coalesce(level, pl.col("MRDCLASS").str.to_lowercase())
    limit = pl.concat_str(pl.lit("limit of detection "), pl.col("MRDSENS").cast(pl.String))
    cells = pl.concat_str(number_text(pl.col("MRDCELLS")), pl.lit(" cells acquired"))
    assay = pl.concat_str(
        pl.lit("by "), pl.col("MRDASSAY").replace_strict(_ASSAYS, default=None, return_dtype=pl.String)
    )
    specimen = pl.when(pl.col("MRDSPEC") == "BLOOD").then(pl.lit("blood"))
    how = [assay, specimen, pl.coalesce(limit, cells, pl.lit("no limit of detection given"))]
    what = pl.concat_str(how, separator=", ", ignore_nulls=True)
    verdict = label.fill_null("not counted by this definition")
    return pl.concat_str(
        pl.lit("MRD "), result, pl.lit(" on "), pl.col("RSDTC"), pl.lit(" ("), what, pl.lit("): "), verdict
    )
