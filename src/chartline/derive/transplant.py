"""Transplantation after the index drug.

In: milestones, ADEX, response. Out per subject HSCTFL, HSCTDT, HSCTINT (days from the last dose before it) and
HSCTRESP (was the response recorded before it). A transplant known to have happened but without a date counts as
done; what needs its date is then missing.
"""

from __future__ import annotations

import polars as pl

from chartline.core.index import IndexRows
from chartline.core.plans import run
from chartline.core.reasons import number_of, reason
from chartline.derive.milestones import KEY


def derive_transplant(
    milestones: pl.DataFrame, adex: pl.DataFrame, best: pl.DataFrame, index: IndexRows
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (one row a treated subject, trace)."""
    done = (
        milestones.lazy()
        .filter(pl.col("first_dose").is_not_null())
        .select(
            *KEY,
            pl.col("transplant").alias("HSCTDT"),
            pl.col("transplant_F").alias("HSCTDTF"),
            "transplant_SEQ",
            pl.when(pl.col("transplant_KNOWN")).then(pl.lit("Y")).otherwise(pl.lit("N")).alias("HSCTFL"),
        )
    )
    before = adex.lazy().join(done, on=KEY).filter(pl.col("ASTDT") <= pl.col("HSCTDT"))
    last = before.group_by(KEY).agg(pl.col("ASTDT").max().alias("LASTDT"), pl.col("SEQ").sort_by("ASTDT").last())
    responses = best.lazy().select(*KEY, "FRSPDT", "FRSP")
    joined = done.join(last, on=KEY, how="left", maintain_order="left").join(
        responses, on=KEY, how="left", maintain_order="left"
    )
    in_response = (pl.col("FRSPDT") <= pl.col("HSCTDT")).fill_null(False)
    response = pl.when(pl.col("HSCTDT").is_not_null()).then(
        pl.when(in_response).then(pl.lit("Y")).otherwise(pl.lit("N"))
    )
    interval = (pl.col("HSCTDT") - pl.col("LASTDT")).dt.total_days()
    rows = run(joined.with_columns(interval.alias("HSCTINT"), response.alias("HSCTRESP")))
    names = ["HSCTFL", "HSCTDT", "HSCTDTF", "HSCTINT", "HSCTRESP"]
    return rows.select(*KEY, *names), _reasons(rows, index.event)


def _reasons(rows: pl.DataFrame, event: str) -> list[pl.LazyFrame]:
    day = pl.col("HSCTDT").cast(pl.String)
    done = pl.coalesce(
        pl.format(f"transplantation on {{}}, after the {event}", day),
        pl.when(pl.col("HSCTFL") == "Y").then(pl.lit(f"transplanted after the {event}, date not recorded")),
        pl.lit(f"no transplantation recorded after the {event}"),
    )
    days, last = number_of("HSCTINT", "day"), pl.col("LASTDT").cast(pl.String)
    interval = pl.format("transplanted on {}, {} after the last dose on {}", day, days, last).fill_null(done)
    responded = pl.format("transplanted on {}; {} since {}", day, "FRSP", pl.col("FRSPDT").cast(pl.String))
    response = (
        pl.when(pl.col("HSCTRESP") == "Y")
        .then(responded)
        .when(pl.col("HSCTRESP") == "N")
        .then(pl.format("transplanted on {} without a recorded response before", day))
        .otherwise(done)
    )
    source = ("PR", pl.col("transplant_SEQ"), "PRSTDTC")
    last_dose = ("EX", pl.col("SEQ"), "EXSTDTC")
    return [
        *[reason(rows, f"ADSL.{n}", pl.col(n), done, source) for n in ("HSCTFL", "HSCTDT")],
        *[reason(rows, "ADSL.HSCTINT", pl.col("HSCTINT"), interval, s) for s in (source, last_dose)],
        reason(rows, "ADSL.HSCTRESP", pl.col("HSCTRESP"), response, source),
    ]
