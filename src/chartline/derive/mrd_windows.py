"""The MRD category of every subject at each time point, under each definition that is compared.

The time points (`protocol.names.MRD_WINDOWS`), all from the first response (from the first dose where there is none)
until the stop of the response:

    FIRST   within so many days of the first response; the best sample
    CYCLE   by the end of the protocol's cycle; the best sample
    BEST    at any time; the best sample
    END     by the end of treatment; the last sample with an adequate result, else the last one
    HSCT    before transplantation, of those transplanted; the last such sample

The variable is null where no sample of the time point is counted by the definition: not tested.
"""

from __future__ import annotations

import polars as pl

from chartline.core.plans import run
from chartline.core.reasons import reason
from chartline.derive.milestones import KEY
from chartline.derive.mrd_rules import load_mrd_rules
from chartline.derive.mrd_samples import judged
from chartline.protocol.names import MRD_WINDOWS, mrd_variable
from chartline.protocol.response import Mrd


def derive_windows(
    samples: pl.DataFrame, window: pl.DataFrame, rule: Mrd, definitions: tuple[str, ...]
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (KEY and a variable per definition and time point, trace)."""
    if not definitions:
        return window.select(KEY), []
    dated = samples.lazy().join(window.lazy(), on=KEY)
    until = pl.col("STOPDT").is_null() | (pl.col("ADT") < pl.col("STOPDT"))
    taken = run(dated.filter((pl.col("ADT") >= pl.col("FROM")) & until))
    parts = [_category(taken, window, rule, name, w) for name in definitions for w in MRD_WINDOWS]
    found = run(pl.concat(parts))
    wide = found.lazy().group_by(KEY, maintain_order=True)
    variables = [mrd_variable(name, w) for name in definitions for w in MRD_WINDOWS]
    table = wide.agg(pl.col("CATEGORY").filter(pl.col("VARIABLE") == v).first().alias(v) for v in variables)
    source = ("RS", pl.col("MRDSEQ"), pl.col("MRDVAR"))
    item = pl.concat_str(pl.lit("ADSL."), "VARIABLE")
    return run(table), [reason(found, item, pl.col("CATEGORY"), pl.col("BECAUSE"), source)]


def _category(taken: pl.DataFrame, window: pl.DataFrame, rule: Mrd, name: str, when: str) -> pl.LazyFrame:
    """KEY VARIABLE CATEGORY BECAUSE MRDSEQ MRDVAR of every subject."""
    rules = load_mrd_rules(name)
    inside = judged(taken.lazy(), rules).filter(_inside(when, rule))
    chosen = inside.sort(*_order(when)).unique(KEY, keep="first", maintain_order=True)
    people = window.lazy().select(*KEY, "RESPFL", "HSCTDT", "DEEPDT", "DEEPWORD")
    rows = people.join(
        chosen.select(*KEY, "CATEGORY", "SAID", "MRDSEQ", "MRDVAR"), on=KEY, how="left", maintain_order="left"
    )
    assessed = (pl.col("RESPFL") == "Y") if rules.remission or when == "FIRST" else pl.lit(True)
    rows = rows.with_columns(pl.when(assessed).then(c).alias(c) for c in ("CATEGORY", "MRDSEQ", "MRDVAR"))
    because = (
        pl.when(~assessed)
        .then(pl.lit("no response, so not assessed"))
        .when(pl.lit(when == "HSCT") & pl.col("HSCTDT").is_null())
        .then(pl.lit("not transplanted"))
        .otherwise(pl.col("SAID").fill_null(pl.format("no MRD sample {}", _words(when, rule))))
    )
    because = pl.format("{}: {}", pl.lit(rules.label), because)
    variable = pl.lit(mrd_variable(name, when)).alias("VARIABLE")
    return rows.select(*KEY, variable, "CATEGORY", because.alias("BECAUSE"), "MRDSEQ", "MRDVAR")


def _inside(when: str, rule: Mrd) -> pl.Expr:
    day = pl.col("ADT")
    return {
        "FIRST": day <= pl.col("FRSPDT").dt.offset_by(f"{rule.first_response_days}d"),
        "CYCLE": day <= pl.col("DEEPDT"),
        "BEST": pl.lit(True),
        "END": day <= pl.col("ENDDT"),
        "HSCT": day < pl.col("HSCTDT"),
    }[when]


def _words(when: str, rule: Mrd) -> pl.Expr:
    by_cycle = pl.format("by {} ({})", pl.col("DEEPDT").cast(pl.String), "DEEPWORD")
    words = {
        "FIRST": f"within {rule.first_response_days} days of the first response",
        "BEST": "from the first response on",
        "END": f"until {rule.deep_after_last_dose_days} days after the last dose",
        "HSCT": "before transplantation",
    }
    return by_cycle if when == "CYCLE" else pl.lit(words[when])


def _order(when: str) -> list[pl.Expr | str]:
    """Which sample of a subject stands for the time point: the first in this order."""
    if when in ("END", "HSCT"):
        conclusive = pl.col("STANDING").is_in(["negative", "not_negative"]).fill_null(False)
        return [*KEY, ~conclusive, -pl.col("ADT").to_physical().cast(pl.Int64), "RANK"]
    return [*KEY, "RANK", "ADT"]
