"""The columns of a derived table as Dataset-JSON and Define-XML both describe them.

Source: CDISC Dataset-JSON 1.1 (2024-12-05), column metadata and supported combinations of data types: a date is an ISO
8601 text whose target is an integer, as ADaM stores it; whole numbers are integers, others doubles, never rounded.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from chartline.exchange.model import DerivedTable, ExchangeError

_DISPLAY = {pl.Date: "E8601DA.", pl.Datetime: "E8601DT."}  # SAS formats, by which a number is shown as an ISO date


@dataclass(frozen=True)
class Column:
    """One variable of a dataset."""

    name: str
    label: str
    data_type: str  # of Dataset-JSON: string, integer, double, date, datetime, boolean
    target: str = ""  # targetDataType
    length: int | None = None  # of the longest text, in characters
    display: str = ""
    key: int | None = None  # place in the key


@dataclass(frozen=True)
class Dataset:
    """One table, described."""

    table: DerivedTable
    label: str
    structure: str
    kind: str  # the class of ADaM that its structure has
    records: int
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return self.table.name


@cache
def _said() -> dict[str, dict[str, str]]:
    with (files("chartline") / "exchange" / "datasets.csv").open(encoding="utf-8") as f:
        return {row["dataset"]: row for row in csv.DictReader(f)}


def describe_dataset(table: DerivedTable) -> Dataset:
    """Return the description of a table; its rows are counted and its texts measured without holding them.

    Raises `ExchangeError` for a type or a number that JSON does not have.
    """
    said = _said().get(table.name, {"label": table.name, "class": "ADAM OTHER", "structure": "", "keys": ""})
    frame = table.scan()
    schema = frame.collect_schema()
    texts = [pl.col(n).str.len_chars().max().alias(n) for n, t in schema.items() if t == pl.String]
    finite = [pl.col(n).is_finite().all().alias(n) for n, t in schema.items() if t.is_float()]
    measured = frame.select(pl.len().alias(" records"), *texts, *finite).collect(engine="streaming").row(0, named=True)
    keys = said["keys"].split()
    keys = keys if set(keys) <= set(schema.names()) else []  # part of a key is none
    _stop_unless_finite(table, [n for n, t in schema.items() if t.is_float() and measured[n] is False])
    columns = tuple(_column(table, n, t, measured[n] if t == pl.String else None, keys) for n, t in schema.items())
    return Dataset(table, said["label"], said["structure"], said["class"], measured[" records"], columns)


def _column(table: DerivedTable, name: str, kind: pl.DataType, longest: int | None, keys: list[str]) -> Column:
    data_type = _type(table, name, kind)
    temporal = data_type in ("date", "datetime")
    return Column(
        name=name,
        label=table.labels.get(name, name),
        data_type=data_type,
        target="integer" if temporal else "",
        length=max(longest or 1, 1) if data_type == "string" else None,
        display=_DISPLAY[kind.base_type()] if temporal else "",
        key=keys.index(name) + 1 if name in keys else None,
    )


def _stop_unless_finite(table: DerivedTable, names: list[str]) -> None:
    if names:
        raise ExchangeError(
            f"{table.name} holds a number that JSON cannot say (infinite, or not a number): {', '.join(names)}",
            where=str(table.files[0]),
            do="report it: a derived number is missing or finite",
        )


def _type(table: DerivedTable, name: str, kind: pl.DataType) -> str:
    if kind == pl.String:
        return "string"
    if kind.is_integer():
        return "integer"
    if kind.is_float():
        return "double"
    for of, said in ((pl.Date, "date"), (pl.Datetime, "datetime"), (pl.Boolean, "boolean")):
        if kind == of:
            return said
    raise ExchangeError(f"{table.name}.{name} is of a type that Dataset-JSON does not have: {kind}")
