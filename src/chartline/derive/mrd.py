"""Measurable residual disease: adequately tested, negative, and negative early enough to be a deep response.

In: merged assessments, response, ADEX, milestones. Out per subject MRDTSTFL, MRDNEGFL, MRDNEGDT, MRDNEGCY, DEEPFL.
Samples count from the first response (from the first dose where there is none) until the same stop as the response.
A negative needs a limit of detection at or below the declared sensitivity; a missing test is never negative, and a
negative sample without a response is no MRD-negative response.
"""

from __future__ import annotations

import polars as pl

from chartline.core.plans import run
from chartline.core.reasons import number_text, reason
from chartline.derive.compare import holds
from chartline.derive.milestones import KEY
from chartline.protocol.model import Mrd

_NEGATIVE, _CONTRADICTS = "NEGATIVE", "POSITIVE"  # MRDCLASS as the mapping writes it


def derive_mrd(
    assessments: pl.DataFrame, best: pl.DataFrame, adex: pl.DataFrame, milestones: pl.DataFrame, rule: Mrd
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (one row a treated subject, trace)."""
    index = milestones.lazy().select(*KEY, pl.col("first_dose").alias("TRTSDT"))
    window = (
        best.lazy()
        .join(index, on=KEY)
        .select(*KEY, "STOPDT", "FRSPDT", "RESPFL", pl.coalesce("FRSPDT", "TRTSDT").alias("FROM"))
    )
    taken = (
        assessments.lazy()
        .join(window, on=KEY)
        .filter(
            (pl.col("MRDVAL").is_not_null() | pl.col("MRDCLASS").is_not_null())
            & (pl.col("ADT") >= pl.col("FROM"))
            & (pl.col("STOPDT").is_null() | (pl.col("ADT") < pl.col("STOPDT")))
        )
    )
    taken = taken.with_columns(_negative(rule).alias("NEG"), _adequate(rule).alias("ADEQUATE"))
    hit = pl.col("NEG") & pl.col("ADEQUATE") & (pl.col("RESPFL") == "Y")
    samples = run(taken.with_columns(hit.alias("HIT")))
    negative = (
        samples.lazy()
        .filter("HIT")
        .sort(*KEY, "ADT")
        .group_by(KEY, maintain_order=True)
        .agg(pl.col("ADT").first().alias("MRDNEGDT"), pl.col("RSCYCLE").first().alias("MRDNEGCY"))
    )
    tested = samples.lazy().filter("ADEQUATE").select(KEY).unique().with_columns(pl.lit("Y").alias("MRDTSTFL"))
    joined = (
        window.select(KEY)
        .join(tested, on=KEY, how="left", maintain_order="left")
        .join(negative, on=KEY, how="left", maintain_order="left")
    )
    joined = joined.join(_deep_until(adex.lazy(), rule), on=KEY, how="left", maintain_order="left")
    flagged = joined.with_columns(
        pl.col("MRDTSTFL").fill_null("N"),
        _yes(pl.col("MRDNEGDT").is_not_null()).alias("MRDNEGFL"),
        _yes((pl.col("MRDNEGDT") <= pl.col("DEEPDT")).fill_null(False)).alias("DEEPFL"),
    )
    out = run(flagged)
    return out.drop("DEEPDT", "DEEPWORD"), _reasons(out, samples, best, rule)


def _yes(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.lit("Y")).otherwise(pl.lit("N"))


def _negative(rule: Mrd) -> pl.Expr:
    """The level is below the threshold and the recorded class does not say positive; without a level, the class
    says negative."""
    level = holds("MRDVAL", "<", rule.below_percent).fill_null(False)
    said = pl.col("MRDCLASS")
    by_level = level & (said.is_null() | (said != _CONTRADICTS))
    return pl.when(pl.col("MRDVAL").is_not_null()).then(by_level).otherwise(said == _NEGATIVE).fill_null(False)


def _adequate(rule: Mrd) -> pl.Expr:
    """The limit of detection reaches the sensitivity; a level at or above the threshold proves itself."""
    positive = holds("MRDVAL", ">=", rule.below_percent)
    return holds("MRDSENS", "<=", rule.sensitivity).fill_null(False) | positive.fill_null(False)


def _deep_until(adex: pl.LazyFrame, rule: Mrd) -> pl.LazyFrame:
    """End of the cycle: day 1 of the next cycle, else so many days after the last dose."""
    after = pl.col("ASTDT").filter(pl.col("CYCLE") == rule.deep_by_cycle + 1).min()
    last = pl.col("ASTDT").max().dt.offset_by(f"{rule.deep_after_last_dose_days}d")
    next_cycle = f"day 1 of cycle {rule.deep_by_cycle + 1}"
    word = pl.when(after.is_not_null()).then(pl.lit(next_cycle))
    return adex.group_by(KEY).agg(
        pl.coalesce(after, last).alias("DEEPDT"),
        word.otherwise(pl.lit(f"{rule.deep_after_last_dose_days} days after the last dose")).alias("DEEPWORD"),
    )


def _reasons(out: pl.DataFrame, samples: pl.DataFrame, best: pl.DataFrame, rule: Mrd) -> list[pl.LazyFrame]:
    """One sentence a subject, with the sample it rests on: the first negative, else the last one taken."""
    shown = samples.lazy().sort(*KEY, "HIT", "ADT", descending=[False, False, True, False])
    shown = shown.group_by(KEY, maintain_order=True).agg(pl.all().first())
    rows = (
        out.lazy()
        .join(shown, on=KEY, how="left", maintain_order="left")
        .with_columns(_sample_sentence().alias("SAMPLE"))
    )
    responded = pl.col("FRSPDT").is_not_null()
    told = run(rows.drop("FRSPDT").join(best.lazy().select(*KEY, "FRSPDT"), on=KEY, how="left", maintain_order="left"))
    because = (
        pl.when(~responded)
        .then(pl.format("no response, so no MRD-negative response; {}", pl.col("SAMPLE").fill_null("not tested")))
        .otherwise(pl.col("SAMPLE").fill_null("no MRD sample from the first response on"))
    )
    until = pl.format("{} ({})", pl.col("DEEPDT").cast(pl.String), "DEEPWORD")
    deep = (
        pl.when(pl.col("DEEPFL") == "Y")
        .then(pl.format("{}, by {}", because, until))
        .when(pl.col("MRDNEGFL") == "Y")
        .then(pl.format("{}, after {}", because, until))
        .otherwise(because)
    )
    source = ("RS", pl.coalesce("MRDVAL__SEQ", "MRDCLASS__SEQ"), "MRDVAL")
    items = {n: because for n in ("MRDTSTFL", "MRDNEGFL", "MRDNEGDT", "MRDNEGCY")} | {"DEEPFL": deep}
    return [reason(told, f"ADSL.{n}", pl.col(n), sentence, source) for n, sentence in items.items()]


def _sample_sentence() -> pl.Expr:
    level = pl.format("{}{} %", pl.col("MRDVAL_OP").fill_null(""), number_text(pl.col("MRDVAL")))
    result = pl.coalesce(level, pl.col("MRDCLASS").str.to_lowercase(), pl.lit("without a result"))
    limit = pl.format("limit of detection {}", pl.col("MRDSENS").cast(pl.String)).fill_null(
        "no limit of detection given"
    )
    verdict = (
        pl.when(pl.col("NEG") & pl.col("ADEQUATE"))
        .then(pl.lit("negative"))
        .when(pl.col("NEG"))
        .then(pl.lit("called negative, but the test was not sensitive enough"))
        .otherwise(pl.lit("not negative"))
    )
    return pl.format("MRD {} on {} ({}): {}", result, pl.col("RSDTC"), limit, verdict)
