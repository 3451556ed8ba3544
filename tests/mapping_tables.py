"""Tiny source tables and mappings for tests of the mapping room."""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.mapping.apply import map_centre
from chartline.mapping.model import Mapping
from chartline.sources.base import SourceData, SourceNote, SourceTable

KINDS = {"!d": "d", "!n": "n", "!e": "e"}  # '2020-01-02!d' is a true date cell


def table(name: str, text: str) -> SourceTable:
    """A sheet from text: first line headings, `|` between cells, `value!d` a true date, `!n` a number, `!e` an error.

    Rows are numbered from 2 and columns lettered from A, as in a spreadsheet called book.xlsx.
    """
    rows = [[c.strip() for c in line.split("|")] for line in text.strip().splitlines()]
    heads, body = rows[0], rows[1:]
    kinds = [["d" if c[-2:] == "!d" else KINDS.get(c[-2:], "t" if c else None) for c in row] for row in body]
    cells = [[(c[:-2] if c[-2:] in KINDS else c) or None for c in row] for row in body]
    schema = dict.fromkeys(heads, pl.String)
    return SourceTable(
        "book.xlsx",
        name,
        pl.DataFrame(cells, schema=schema, orient="row"),
        {h: chr(ord("A") + i) for i, h in enumerate(heads)},
        [str(i + 2) for i in range(len(body))],
        pl.DataFrame(kinds, schema=schema, orient="row"),
        grid=True,
    )


def source(*tables: SourceTable, notes: tuple[SourceNote, ...] = ()) -> SourceData:
    return SourceData({t.name: t for t in tables}, notes)


def mapping(tables: dict[str, Any], **more: Any) -> Mapping:
    return Mapping.model_validate({"chartline": "mapping/1", "centre": "Z", "tables": tables} | more)


def mapped(text: str, records: list[dict[str, Any]], **more: Any) -> tuple[ClinicalData, list[Query]]:
    """Map one sheet `S` whose subjects stand in column `id`; keys of the table itself in `table_keys`."""
    keys = {"subject": "id", "records": records} | more.pop("table_keys", {})
    return map_centre(source(table("S", text)), mapping({"S": keys}, **more))


def values(data: ClinicalData, domain: str, *names: str) -> list[tuple[Any, ...]]:
    return data[domain].select(names).rows()
