"""Results as plain rows and back: what results.csv and results.parquet hold, one column a field of `Result`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from chartline.results.model import RESULT_COLUMNS, Result, Results

SEPARATOR = "; "  # between warnings


def result_rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return one plain dict a result, columns as `RESULT_COLUMNS`; warnings are joined by "; "."""
    return [_row(r) for r in results]


def results_from_rows(rows: Iterable[Mapping[str, Any]], protocol_digest: str, data_digest: str) -> Results:
    """Return the results that `result_rows` wrote. Raises `ValueError` for a row that is not a result."""
    return Results((_result(row) for row in rows), protocol_digest, data_digest)


def _row(result: Result) -> dict[str, Any]:
    row: dict[str, Any] = {"result_id": result.id}
    row |= {f.name: getattr(result, f.name) for f in fields(Result)}
    row["value"] = None if result.value is None else float(result.value)
    row["at"] = None if result.at is None else float(result.at)
    row["warnings"] = SEPARATOR.join(result.warnings)
    assert tuple(row) == RESULT_COLUMNS
    return row


def _result(row: Mapping[str, Any]) -> Result:
    values = {f.name: row[f.name] for f in fields(Result)}
    values["warnings"] = tuple(w for w in (row["warnings"] or "").split(SEPARATOR) if w)
    result = Result(**values)
    if result.id != row["result_id"]:
        raise ValueError(f"the row {row['result_id']} holds the result {result.id}")
    return result
