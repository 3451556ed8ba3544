"""Typed columns as text, one way for every database: what a person would write by hand.

Integers without point, numbers in shortest form, dates ISO, a time stamp at midnight as its date, else
'2020-04-03T08:30:00'; with a time zone in UTC. NaN, which programs write for a missing number, and '' are null.
"""

from __future__ import annotations

import polars as pl


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Return typed columns as text, each value in the form that the module's head describes."""
    return frame.select(_column_text(series) for series in frame)


def _column_text(series: pl.Series) -> pl.Series:
    kind = series.dtype
    if kind == pl.Boolean:
        return series.replace_strict({True: "true", False: "false"}, return_dtype=pl.String)
    if kind.is_float():
        return series.to_frame().select(_number_text(pl.col(series.name))).to_series()
    if kind.is_decimal():
        return decimal_text(series.cast(pl.String))
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            series = series.dt.convert_time_zone("UTC")
        text = series.dt.to_string("%Y-%m-%dT%H:%M:%S")
        return text.str.replace("T00:00:00$", "")
    if kind == pl.Time:
        return series.dt.to_string("%H:%M:%S")
    if kind == pl.Binary:
        return series.bin.encode("hex")
    return series.cast(pl.String).replace("", None)


def decimal_text(text: pl.Series) -> pl.Series:
    """Decimal numbers without the zeros at their end: '1.50' is '1.5'."""
    return text.str.replace(r"(\.\d*?)0+$", "$1").str.replace(r"\.$", "")


def _number_text(value: pl.Expr) -> pl.Expr:
    value = value.fill_nan(None)
    whole = (value == value.floor()) & (value.abs() < 1e15)
    return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
