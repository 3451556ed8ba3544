"""Results as plain rows and back: what results.csv and results.parquet hold, one column a field of `Result`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from chartline.results.model import Result, Results

SEPARATOR = " | "  # between warnings; within one a bar is written as \|, a backslash as \\


def result_rows(results: Results) -> list[dict[str, Any]]:
    """Return one plain dict a result, columns as `RESULT_COLUMNS`; warnings are joined by " | ".

    Every row names the protocol and the data it was computed from, so that rows of several runs can be stacked.
    """
    digests = {"protocol_digest": results.protocol_digest, "data_digest": results.data_digest}
    return [_row(r) | digests for r in results]


def results_from_rows(rows: Iterable[Mapping[str, Any]]) -> Results:
    """Return the results that `result_rows` wrote. Raises `ValueError` for a row that is not a result, or where the
    rows come from several runs."""
    listed = list(rows)
    runs = {(row["protocol_digest"], row["data_digest"]) for row in listed}
    if len(runs) != 1:
        raise ValueError(f"the rows come from {len(runs)} runs, not one")
    return Results((result_of(row) for row in listed), *runs.pop())


def _row(result: Result) -> dict[str, Any]:
    row: dict[str, Any] = {"result_id": result.id}
    row |= {f.name: getattr(result, f.name) for f in fields(Result)}
    row["value"] = None if result.value is None else float(result.value)
    row["at"] = None if result.at is None else float(result.at)
    row["warnings"] = SEPARATOR.join(re.sub(r"[\\|]", r"\\\g<0>", w) for w in result.warnings)
    return row


def result_of(row: Mapping[str, Any]) -> Result:
    """Return the result of one row of `result_rows`. Raises `ValueError` for a row that is not a result."""
    values = {f.name: row[f.name] for f in fields(Result)}
    values["warnings"] = tuple(re.sub(r"\\(.)", r"\1", w) for w in (row["warnings"] or "").split(SEPARATOR) if w)
    result = Result(**values)
    if result.id != row["result_id"]:
        raise ValueError(f"the row {row['result_id']} holds the result {result.id}")
    return result
