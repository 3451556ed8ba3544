"""Laboratory values with grades, baseline and the on-treatment window.

In: LB rows, milestones, the protocol's choices. Out: ADLB, one row a value that is a number:

    CENTRE USUBJID SEQ LBTESTCD ADT AVAL AVAL_OP ANRLO ANRHI LBSUMM LBCYCLE
    BASE BASEDT BASESEQ         the baseline value, its day and row
    BASEHI BASELO               its limits of normal
    BNRIND                      HIGH, LOW or NORMAL: the baseline against its own limits of normal
    ABLFL                       Y on the baseline row
    CHG                         AVAL - BASE
    ATOXGRL ATOXGRH             grades of the value as too low and as too high, two terms of the scale; null: it has no
                                such term, or the value cannot be graded (ATOXWHY says why)
    BTOXGRL BTOXGRH             those of the baseline
    ATOXGR BTOXGR ATOXWHY       the grades in the direction in which the test is usually toxic, the worse of two, and
                                why there is none
    BASEASSM                    Y where no baseline is known and it was taken as normal
    ANL01FL                     Y on treatment: after the first dose, up to the declared days after the last dose and
                                before the first stop; or a source's summary of a cycle's worst value
    SHIFT WORSTFL               "1 to 3"; Y on the worst on-treatment value of the test

Baseline is the last value in the declared days up to and including the first dose, or a source's own baseline where
no date was kept.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.reasons import reason
from chartline.derive.grading_circumstances import grade_under
from chartline.derive.milestones import KEY, stop_day, stop_word
from chartline.protocol.lab_terms import usual_directions
from chartline.protocol.toxicity import Laboratory

_TEST = [*KEY, "LBTESTCD"]


def treatment_window(milestones: pl.DataFrame, rule: Laboratory) -> pl.DataFrame:
    """Return KEY, TRTSDT, TRTEDT and ONTRTEDT, the last day on treatment."""
    end = pl.col("last_dose").dt.offset_by(f"{rule.on_treatment_days}d")
    stop = stop_day(rule.before).dt.offset_by("-1d")
    treated = milestones.lazy().filter(pl.col("first_dose").is_not_null())
    window = treated.select(
        *KEY,
        pl.col("first_dose").alias("TRTSDT"),
        pl.col("last_dose").alias("TRTEDT"),
        pl.min_horizontal(end, stop).alias("ONTRTEDT"),
    )
    return run(window)


def on_treatment_until(
    window: pl.DataFrame, milestones: pl.DataFrame, rule: Laboratory
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (ONTRTEDT a treated subject, trace)."""
    days = rule.on_treatment_days
    full = pl.col("ONTRTEDT") == pl.col("TRTEDT").dt.offset_by(f"{days}d")
    counted = pl.format(f"{days} days after the last dose, {{}}", pl.col("TRTEDT").cast(pl.String))
    day = stop_day(rule.before).cast(pl.String)
    stopped = pl.format("the day before {} on {}", stop_word(rule.before), day).fill_null("no date of the last dose")
    because = pl.when(full).then(counted).otherwise(stopped)
    rows = window.join(milestones, on=KEY)
    source = ("EX", pl.col("last_dose_SEQ"), "EXSTDTC")
    return window.select(*KEY, "ONTRTEDT"), [reason(rows, "ADSL.ONTRTEDT", pl.col("ONTRTEDT"), because, source)]


def derive_labs(data: ClinicalData, window: pl.DataFrame, rule: Laboratory) -> pl.DataFrame:
    """Return ADLB. `window` is `treatment_window`."""
    values = run(_values(data, window.lazy()))
    joined = values.lazy().join(_baselines(values.lazy(), rule), on=_TEST, how="left", maintain_order="left")
    is_base = (pl.col("SEQ") == pl.col("BASESEQ")).fill_null(False)
    judged = joined.with_columns(
        (pl.col("AVAL") - pl.col("BASE")).round(6).alias("CHG"),
        pl.when(is_base).then(pl.lit("Y")).alias("ABLFL"),
        pl.when(pl.col("BASE").is_null()).then(pl.lit("Y")).alias("BASEASSM"),
        _baseline_state().alias("BNRIND"),
    )
    rows = run(judged)
    # A baseline has no baseline of its own: it is graded against the limits of normal.
    against = rows.with_columns(pl.when(pl.col("ABLFL").is_null()).then("BNRIND").alias("BNRIND"))
    graded = pl.concat([rows, grade_under(against, data["AE"], rule)], how="horizontal")
    return _worst(_in_usual_direction(graded)).drop("TRTSDT", "ONTRTEDT", "LBORRESU")


def _baseline_state() -> pl.Expr:
    above, below = pl.col("BASE") > pl.col("BASEHI"), pl.col("BASE") < pl.col("BASELO")
    normal = pl.when(pl.col("BASE").is_not_null()).then(pl.lit("NORMAL"))
    return pl.when(above).then(pl.lit("HIGH")).when(below).then(pl.lit("LOW")).otherwise(normal)


def _in_usual_direction(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ATOXGR and ATOXWHY, and the grades of the baseline."""
    usual = pl.col("LBTESTCD").replace_strict(usual_directions(), default="LH", return_dtype=pl.String)
    counts = {d: usual.str.contains(d) for d in "LH"}
    doubt = pl.any_horizontal(counts[d] & pl.col(f"WHY{d}").is_not_null() for d in "LH")
    top = pl.max_horizontal(pl.when(counts[d]).then(f"ATOXGR{d}") for d in "LH")
    why = pl.coalesce(pl.when(counts[d]).then(f"WHY{d}") for d in "LH")
    grade = pl.when(~(doubt & (top.fill_null(0) == 0))).then(top)
    graded = rows.with_columns(grade.alias("ATOXGR"))
    ungraded = pl.when(pl.col("ATOXGR").is_null()).then(pl.coalesce(why, pl.lit("the scale does not grade it")))
    own = pl.col("ABLFL") == "Y"
    at_baseline = [pl.col(f"ATOXGR{d}").filter(own).first().over(_TEST).alias(f"BTOXGR{d}") for d in ("", "L", "H")]
    return graded.with_columns(ungraded.alias("ATOXWHY"), *at_baseline).drop("WHYL", "WHYH")


def _values(data: ClinicalData, window: pl.LazyFrame) -> pl.LazyFrame:
    rows = data["LB"].lazy().filter(pl.col("LBSTRESN").is_not_null()).join(window.drop("TRTEDT"), on=KEY)
    complete = pl.when(pl.col("LBDTC").str.len_chars() == 10).then(first_day("LBDTC"))
    rows = rows.select(
        *KEY,
        "SEQ",
        "LBTESTCD",
        complete.alias("ADT"),
        pl.col("LBSTRESN").alias("AVAL"),
        pl.col("LBSTRESN_OP").alias("AVAL_OP"),
        pl.col("LBSTNRLO").alias("ANRLO"),
        pl.col("LBSTNRHI").alias("ANRHI"),
        "LBSUMM",
        "LBCYCLE",
        "LBORRESU",
        "TRTSDT",
        "ONTRTEDT",
    ).sort(*_TEST, "ADT", "SEQ", nulls_last=True)
    dated = (pl.col("ADT") > pl.col("TRTSDT")) & (pl.col("ADT") <= pl.col("ONTRTEDT"))
    on = dated.fill_null(pl.col("LBSUMM") == "WORST")
    return rows.with_columns(pl.when(on).then(pl.lit("Y")).alias("ANL01FL"))


def _baselines(rows: pl.LazyFrame, rule: Laboratory) -> pl.LazyFrame:
    """One row a subject and test. Of two values of that day, the one with limits of normal, then the later row."""
    since = (pl.col("TRTSDT") - pl.col("ADT")).dt.total_days()
    before = since.is_between(0, rule.baseline_days).fill_null(pl.col("LBSUMM") == "BASELINE").fill_null(False)
    limited = (pl.col("ANRHI").is_not_null() | pl.col("ANRLO").is_not_null()).alias("LIMITED")
    chosen = rows.filter(before).with_columns(limited).sort("ADT", "LIMITED", "SEQ", nulls_last=False)
    return chosen.group_by(_TEST, maintain_order=True).agg(
        pl.col("AVAL").last().alias("BASE"),
        pl.col("ADT").last().alias("BASEDT"),
        pl.col("SEQ").last().alias("BASESEQ"),
        pl.col("ANRHI").last().alias("BASEHI"),
        pl.col("ANRLO").last().alias("BASELO"),
    )


def _worst(rows: pl.DataFrame) -> pl.DataFrame:
    """Mark the first on-treatment row with the highest grade of each test, and say the shift."""
    on = rows.lazy().filter((pl.col("ANL01FL") == "Y") & pl.col("ATOXGR").is_not_null())
    top = on.sort("ATOXGR", "ADT", "SEQ", descending=[True, False, False], nulls_last=True)
    top = top.group_by(_TEST, maintain_order=True).agg(pl.col("SEQ").first()).with_columns(pl.lit("Y").alias("WORSTFL"))
    shift = pl.format("{} to {}", pl.col("BTOXGR").cast(pl.String).fill_null("not graded"), "ATOXGR")
    marked = rows.lazy().join(top, on=[*_TEST, "SEQ"], how="left", maintain_order="left")
    return run(marked.with_columns(pl.when(pl.col("ANL01FL") == "Y").then(shift).alias("SHIFT")))
