"""A cell that says something else changes the data or a query, whichever mapped cell of whichever dialect it is.

Every file's digest stands in `study.lock`, so a run from other bytes is never taken for the same run; this is the
stronger claim: of the values that a mapping reads, none is passed over.
"""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_study import SmallStudy

from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.errors import StudyError
from chartline.mapping.apply import map_centre
from chartline.mapping.rows import wild
from chartline.sources.base import Kind, SourceData

RUNS = int(os.environ.get("CHARTLINE_FUZZ_RUNS", "0"))
WORDS = ["quux", "99999", "1911-11-11", "-77"]  # of no code list, of no range, of no patient of the study


def _mapped(study: SmallStudy, centre: str) -> list[tuple[str, str]]:
    """The columns that the mapping reads: all but those that it lists as ignored."""
    mapping, source = study.mappings[centre], study.data[centre][0]
    found = []
    for name, table in source.tables.items():
        if name in mapping.tables:
            ignored = wild(mapping.tables[name].ignore)
            found += [(name, column) for column in table.columns if not ignored.fullmatch(column)]
    return found


def _with(source: SourceData, table: str, row: int, column: str, text: str) -> SourceData:
    """The centre's tables with one cell that holds another text."""
    old = source.tables[table]
    frame = old.frame.with_columns(_set(old.frame[column], row, text))
    kinds = None if old.kinds is None else old.kinds.with_columns(_set(old.kinds[column], row, Kind.TEXT.value))
    return replace(source, tables={**source.tables, table: old.with_frame(frame, kinds)})


def _set(values: pl.Series, row: int, text: str) -> pl.Series:
    return pl.Series(values.name, [text if i == row else value for i, value in enumerate(values)], dtype=pl.String)


def _said(data: ClinicalData, queries: list[Query]) -> Any:
    """All values of all domains, and all that is asked."""
    places = ("SEQ", "BLOCK", "ROW")
    return {name: data[name].drop(*places).rows() for name in data.domains}, {(q.id, q.saw, q.message) for q in queries}


@pytest.mark.parametrize("centre", ["A", "C", "D"])
def test_no_mapped_cell_is_passed_over(study: SmallStudy, centre: str) -> None:
    source, _ = study.data[centre]
    before = _said(*map_centre(source, study.mappings[centre]))
    columns = _mapped(study, centre)

    @settings(
        max_examples=RUNS or 40,
        derandomize=not RUNS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32 - 1))
    def run(seed: int) -> None:
        chance = Random(seed)
        table, column = chance.choice(columns)
        rows = [i for i, value in enumerate(source.tables[table].frame[column]) if value is not None]
        if not rows:
            return
        row = chance.choice(rows)
        changed = _with(source, table, row, column, chance.choice(WORDS))
        try:
            after = _said(*map_centre(changed, study.mappings[centre]))
        except StudyError:
            return
        assert after != before, f"{source.tables[table].address(row, column)} is passed over"

    run()
