"""Every mapped value of a study with the cell it came from: what two data cuts are compared by.

In: ClinicalData. Out: one row a value that is not missing, in the order of the data,

    DOMAIN CENTRE USUBJID SEQ VARIABLE VALUE ADDRESS RAW

VALUE is the value as text: a number with the sign it was censored with ("<0.01") or its upper end ("5-10"), a date of a
centre that counts days as that day. ADDRESS and RAW are null where the data were not mapped from a source.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData, ranged, variables

CHARTED_SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys(("DOMAIN", "CENTRE", "USUBJID"), pl.String()),
    "SEQ": pl.Int64(),
    **dict.fromkeys(("VARIABLE", "VALUE", "ADDRESS", "RAW"), pl.String()),
}
_ROW = ("CENTRE", "USUBJID", "SEQ", "BLOCK", "ROW")


def charted_values(data: ClinicalData) -> pl.DataFrame:
    """Return every value of every domain (columns above)."""
    parts = [_values(domain, frame) for domain, frame in data.domains.items() if frame.height]
    if not parts:
        return pl.DataFrame(schema=CHARTED_SCHEMA)
    values = _located(pl.concat(parts).with_row_index("AT"), data)
    return data.study_days.texts(values, "VALUE").select(*CHARTED_SCHEMA)


def _values(domain: str, frame: pl.DataFrame) -> pl.DataFrame:
    shown = frame.select(*_ROW, *(_text(name, frame.columns).alias(name) for name in variables()[domain]))
    long = shown.unpivot(index=list(_ROW), variable_name="VARIABLE", value_name="VALUE")
    return long.drop_nulls("VALUE").select(pl.lit(domain).alias("DOMAIN"), pl.all())


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
    mapped = values.filter(pl.col("BLOCK") < len(data.origins.blocks)).sort("BLOCK", "VARIABLE", "AT")
    addresses, raw = data.origins.cells(mapped.select("BLOCK", "VARIABLE", "ROW").rows())
    cells = mapped.select(
        "AT", pl.Series("ADDRESS", addresses, dtype=pl.String), pl.Series("RAW", raw, dtype=pl.String)
    )
    return values.join(cells, on="AT", how="left", maintain_order="left")
