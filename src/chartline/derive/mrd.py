"""Measurable residual disease: adequately tested, negative, negative early enough to be a deep response, and relapsed.

In: MRD samples, response, ADEX, milestones. Out per subject MRDTSTFL, MRDNEGFL, MRDNEGDT, MRDNEGCY, DEEPFL, MRDRELFL,
MRDRELDT under the protocol's definition; and, for each definition that an analysis of kind `mrd` compares, the category
at each time point (`mrd_windows.py`). Samples count from the first response (from the first dose where there is none)
until the same stop as the response; an MRD relapse may come later, until the haematological relapse. A missing test is
never negative, and a negative sample without a response is no MRD-negative response.
"""

from __future__ import annotations

import polars as pl

from chartline.core.plans import run
from chartline.core.reasons import reason
from chartline.derive.milestones import KEY
from chartline.derive.mrd_rules import MrdRules, load_mrd_rules
from chartline.derive.mrd_samples import judged, relapsed
from chartline.derive.mrd_windows import derive_windows
from chartline.protocol.base import Milestone
from chartline.protocol.response import Mrd


def derive_mrd(
    samples: pl.DataFrame,
    best: pl.DataFrame,
    adex: pl.DataFrame,
    milestones: pl.DataFrame,
    rule: Mrd,
    compared: tuple[str, ...] = (),
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (one row a treated subject, trace). `compared` are the definitions of analyses of kind `mrd`."""
    rules = load_mrd_rules(rule.definition)
    window = _window(best, adex, milestones, rule)
    dated = judged(samples.lazy().join(window.lazy(), on=KEY), rules)
    taken = dated.filter(
        (pl.col("ADT") >= pl.col("FROM")) & (pl.col("STOPDT").is_null() | (pl.col("ADT") < pl.col("STOPDT")))
    )
    hit = (pl.col("STANDING") == "negative").fill_null(False) & (pl.col("RESPFL") == "Y")
    counted = run(taken.with_columns(hit.alias("HIT")))
    negative = (
        counted.lazy()
        .filter("HIT")
        .sort(*KEY, "ADT")
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("ADT").first().alias("MRDNEGDT"),
            pl.col("RSCYCLE").first().alias("MRDNEGCY"),
        )
    )
    adequate = pl.col("STANDING").is_in(["negative", "not_negative"])
    tested = counted.lazy().filter(adequate).select(KEY).unique().with_columns(pl.lit("Y").alias("MRDTSTFL"))
    joined = window.lazy().join(tested, on=KEY, how="left", maintain_order="left")
    joined = joined.join(negative, on=KEY, how="left", maintain_order="left")
    joined = joined.join(_relapse(dated, negative, rules), on=KEY, how="left", maintain_order="left")
    flagged = joined.with_columns(
        pl.col("MRDTSTFL").fill_null("N"),
        _yes(pl.col("MRDNEGDT").is_not_null()).alias("MRDNEGFL"),
        _yes((pl.col("MRDNEGDT") <= pl.col("DEEPDT")).fill_null(False)).alias("DEEPFL"),
        _yes(pl.col("MRDRELDT").is_not_null()).alias("MRDRELFL"),
    )
    out = run(flagged)
    categories, why = derive_windows(samples, window, rule, compared)
    columns = ("MRDTSTFL", "MRDNEGFL", "MRDNEGDT", "MRDNEGCY", "DEEPFL", "MRDRELFL", "MRDRELDT")
    table = out.lazy().select(*KEY, *columns)
    if compared:
        table = table.join(categories.lazy(), on=KEY, how="left", maintain_order="left")
    return run(table), [*_reasons(out, counted), *why]


def _window(best: pl.DataFrame, adex: pl.DataFrame, milestones: pl.DataFrame, rule: Mrd) -> pl.DataFrame:
    """KEY, RESPFL, FRSPDT, FROM, STOPDT, RELDT, HSCTDT, DEEPDT and DEEPWORD, ENDDT of every treated subject."""
    dates = milestones.lazy().select(
        *KEY,
        pl.col(Milestone.FIRST_DOSE).alias("TRTSDT"),
        pl.col(Milestone.RELAPSE).alias("RELDT"),
        pl.col(Milestone.TRANSPLANT).alias("HSCTDT"),
    )
    known = best.lazy().select(*KEY, "STOPDT", "FRSPDT", "RESPFL").join(dates, on=KEY)
    known = known.with_columns(pl.coalesce("FRSPDT", "TRTSDT").alias("FROM"))
    return run(known.join(_ends(adex.lazy(), rule), on=KEY, how="left", maintain_order="left"))


def _ends(adex: pl.LazyFrame, rule: Mrd) -> pl.LazyFrame:
    """End of the treatment, so many days after the last dose; end of the cycle, day 1 of the next, else the same."""
    after = pl.col("ASTDT").filter(pl.col("CYCLE") == rule.deep_by_cycle + 1).min()
    last = pl.col("ASTDT").max().dt.offset_by(f"{rule.deep_after_last_dose_days}d")
    next_cycle = f"day 1 of cycle {rule.deep_by_cycle + 1}"
    word = pl.when(after.is_not_null()).then(pl.lit(next_cycle))
    return adex.group_by(KEY).agg(
        pl.coalesce(after, last).alias("DEEPDT"),
        word.otherwise(pl.lit(f"{rule.deep_after_last_dose_days} days after the last dose")).alias("DEEPWORD"),
        last.alias("ENDDT"),
    )


def _relapse(dated: pl.LazyFrame, negative: pl.LazyFrame, rules: MrdRules) -> pl.LazyFrame:
    """The first sample after the first negative one that shows an MRD relapse, before the haematological relapse."""
    later = dated.join(negative, on=KEY).filter(
        pl.col("CATEGORY").is_not_null()
        & (pl.col("ADT") > pl.col("MRDNEGDT"))
        & (pl.col("RELDT").is_null() | (pl.col("ADT") < pl.col("RELDT")))
        & relapsed(rules)
    )
    return (
        later.sort(*KEY, "ADT")
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("ADT").first().alias("MRDRELDT"),
            pl.col("SAID").first().alias("RELSAID"),
            pl.col("MRDSEQ").first().alias("RELSEQ"),
        )
    )


def _yes(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.lit("Y")).otherwise(pl.lit("N"))


def _reasons(out: pl.DataFrame, counted: pl.DataFrame) -> list[pl.LazyFrame]:
    """One sentence a subject, with the sample it rests on: the first negative, else the last one taken."""
    shown = counted.lazy().sort(*KEY, "HIT", "ADT", descending=[False, False, True, False])
    shown = shown.group_by(KEY, maintain_order=True).agg(pl.col("SAID", "MRDSEQ", "MRDVAR").first())
    told = run(out.lazy().join(shown, on=KEY, how="left", maintain_order="left"))
    because = (
        pl.when(pl.col("FRSPDT").is_null())
        .then(pl.format("no response, so no MRD-negative response; {}", pl.col("SAID").fill_null("not tested")))
        .otherwise(pl.col("SAID").fill_null("no MRD sample from the first response on"))
    )
    until = pl.format("{} ({})", pl.col("DEEPDT").cast(pl.String), "DEEPWORD")
    deep = (
        pl.when(pl.col("DEEPFL") == "Y")
        .then(pl.format("{}, by {}", because, until))
        .when(pl.col("MRDNEGFL") == "Y")
        .then(pl.format("{}, after {}", because, until))
        .otherwise(because)
    )
    source = ("RS", pl.col("MRDSEQ"), pl.col("MRDVAR"))
    items = {n: because for n in ("MRDTSTFL", "MRDNEGFL", "MRDNEGDT", "MRDNEGCY")} | {"DEEPFL": deep}
    again = pl.format("MRD-negative on {}, then {}", pl.col("MRDNEGDT").cast(pl.String), "RELSAID")
    never = pl.when(pl.col("MRDNEGFL") == "Y").then(pl.lit("no MRD relapse among the samples before relapse"))
    relapse = pl.coalesce(again, never, pl.lit("never MRD-negative, so no MRD relapse"))
    where = ("RS", pl.col("RELSEQ"), "MRDVAL")
    return [
        *(reason(told, f"ADSL.{n}", pl.col(n), sentence, source) for n, sentence in items.items()),
        *(reason(told, f"ADSL.{n}", pl.col(n), relapse, where) for n in ("MRDRELFL", "MRDRELDT")),
    ]
