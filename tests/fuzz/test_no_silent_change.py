"""A value that says something else changes the data or a query, and the digest that every result carries; whichever
mapped value of whichever dialect it is.

Every file's digest is a part of `data_digest`, so a result from other bytes is never taken for the same result. Of the
values that a mapping reads more is true: none is passed over.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest
from cells import with_value
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_study import SmallStudy, changed

from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.errors import StudyError
from chartline.mapping.apply import map_centre
from chartline.mapping.blocks import plan
from chartline.sources.base import SourceData

RUNS = int(os.environ.get("CHARTLINE_FUZZ_RUNS", "0")) // 5  # of each of five centres
WORDS = ["quux", "99999", "1911-11-11", "-77"]  # of no code list, of no range, of no patient of the study


def _read(study: SmallStudy, centre: str) -> dict[tuple[str, str], list[int]]:
    """The values that records are made from, as (table, column) -> rows: what a variable is read from, what chooses
    the kind of record, and whose it is. Reference ranges too, which make no record but limits."""
    mapping, (source, data) = study.mappings[centre], study.data[centre]
    planned = plan(mapping)
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    used = [frame.select(pl.lit(domain).alias("DOMAIN"), "BLOCK", "ROW") for domain, frame in data.domains.items()]
    for domain, block, rows in pl.concat(used).unique().group_by("DOMAIN", "BLOCK").agg("ROW").iter_rows():
        table, made = data.origins.blocks[block]
        columns = {column for several in made.values() for column in several}
        for one in planned.blocks:
            same = {name: cell.columns for name, cell in one.cells.items() if "#" not in name}
            if (one.table, one.domain) == (table.name, domain) and same.items() <= made.items():
                columns |= {column for column, wanted in one.where if isinstance(wanted, str)}
                columns |= {column for unit in one.units.values() for column in unit.columns}
        columns |= set(planned.subjects[table.name].columns) if table.name in planned.subjects else set()
        for column in columns:
            found[table.name, column] |= set(rows)
    for one in planned.blocks:
        if one.domain == "RANGE":
            for column in {column for cell in one.cells.values() for column in cell.columns}:
                found[one.table, column] |= set(range(source.tables[one.table].frame.height))
    filled = {
        place: [row for row in sorted(rows) if _value(source, *place, row) is not None] for place, rows in found.items()
    }
    return {place: rows for place, rows in sorted(filled.items()) if rows}


def _value(source: SourceData, table: str, column: str, row: int) -> str | None:
    frame = source.tables[table].frame
    return frame[column][row] if column in frame.columns else None


def _other(value: str, chance: Random) -> str:
    """Another value, which may be as good: the next number, ten times as much, the next day; or one of `WORDS`."""
    near = []
    if re.fullmatch(r"\d{1,6}(\.\d+)?", value):
        near = [f"{float(value) + 1:g}", f"{float(value) * 10:g}"]
    elif re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        near = [str(date.fromisoformat(value) + timedelta(days)) for days in (-1, 1, 365)]
    return chance.choice(near if near and chance.random() < 0.6 else WORDS)


def _said(data: ClinicalData, queries: list[Query]) -> Any:
    """All values of all domains, and all that is asked."""
    places = ("SEQ", "BLOCK", "ROW")
    return {name: data[name].drop(*places).rows() for name in data.domains}, {(q.id, q.saw, q.message) for q in queries}


@pytest.mark.parametrize("centre", ["A", "B", "C", "D", "E"])
def test_no_mapped_value_is_passed_over(study: SmallStudy, centre: str) -> None:
    source, mapping = study.data[centre][0], study.mappings[centre]
    before = _said(*map_centre(source, mapping))
    places = _read(study, centre)
    passed_over: dict[tuple[str, str], str] = {}

    @settings(
        max_examples=RUNS or 30,
        derandomize=not RUNS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**64 - 1))
    def run(seed: int) -> None:
        chance = Random(seed)
        name, column = chance.choice(list(places))
        row = chance.choice(places[name, column])
        old, address = _value(source, name, column, row) or "", source.tables[name].address(row, column)
        new = _other(old, chance)
        if new == old:
            return
        file = study.home / "centres" / f"centre_{centre}" / address.split("!")[0]
        content = with_value(file.read_bytes(), address, new)
        try:
            with changed(file, content):
                read = study.read(centre, mapping)
            assert read.files[file.name] != source.files[file.name]
            after = _said(*map_centre(read, mapping))
        except StudyError:
            return
        if after == before:
            passed_over.setdefault((name, column), f"{address}: {old} -> {new}")

    run()
    assert not passed_over, "passed over: " + "; ".join(passed_over.values())
