"""Every mapped value of a study with the cell it came from: what two data cuts are compared by.

In: ClinicalData. Out: one row a value that is not missing, in the order of the data,

    DOMAIN CENTRE USUBJID SEQ VARIABLE VALUE ADDRESS RAW

VALUE is the value as text: a number with the sign it was censored with ("<0.01") or its upper end ("5-10"), a date of a
centre that counts days as that day. ADDRESS and RAW are null where the data were not mapped from a source.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData, ranged, variables
from chartline.core.plans import run

CHARTED_SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys(("DOMAIN", "CENTRE", "USUBJID"), pl.String()),
    "SEQ": pl.Int64(),
    **dict.fromkeys(("VARIABLE", "VALUE", "ADDRESS", "RAW"), pl.String()),
}
_AT_ONCE = 100_000  # values: their cells are told by Python, where texts take much more memory than in a frame
_ROW = ("CENTRE", "USUBJID", "SEQ", "BLOCK", "ROW")


def charted_values(data: ClinicalData) -> pl.DataFrame:
    """Return every value of every domain (columns above)."""
    pieces = [
        data.study_days.texts(_located(piece, data), "VALUE").select(*CHARTED_SCHEMA)
        for domain, frame in data.domains.items()
        if frame.height
        for piece in _values(domain, frame).iter_slices(_AT_ONCE)
    ]
    return pl.concat([pl.DataFrame(schema=CHARTED_SCHEMA), *pieces])


def _values(domain: str, frame: pl.DataFrame) -> pl.DataFrame:
    """One variable after the other: most are empty, and all at once would be many times the domain."""
    filled = [name for name in variables()[domain] if frame[name].null_count() < frame.height]
    said = frame.lazy().select(pl.lit(domain).alias("DOMAIN"), *_ROW, pl.all().exclude(_ROW))
    plans = [
        said.select("DOMAIN", *_ROW, pl.lit(name).alias("VARIABLE"), _text(name, frame.columns).alias("VALUE"))
        for name in filled
    ]
    none = said.head(0).select("DOMAIN", *_ROW, VARIABLE=pl.lit(""), VALUE=pl.lit(""))
    return run(pl.concat([none, *(plan.drop_nulls("VALUE") for plan in plans)]))


def _text(name: str, columns: list[str]) -> pl.Expr:
    """A value with what goes with it: its sign, and the upper end of a range."""
    text = pl.col(name).cast(pl.String).str.strip_suffix(".0") if f"{name}_OP" in columns else pl.col(name)
    if f"{name}_OP" in columns:
        text = pl.concat_str(pl.col(f"{name}_OP").fill_null(""), text)
    if name in ranged():
        high = pl.col(f"{name}_HI").cast(pl.String).str.strip_suffix(".0")
        low = pl.col(name).cast(pl.String).str.strip_suffix(".0")
        text = pl.when(high.is_not_null()).then(pl.concat_str(low, pl.lit("-"), high)).otherwise(text)
    return text.cast(pl.String)


def _located(values: pl.DataFrame, data: ClinicalData) -> pl.DataFrame:
    return pl.concat([values, data.origins.cells(values)], how="horizontal")
