"""A derived table as CDISC Dataset-JSON 1.1: one JSON document, or NDJSON where a table is large.

Source: CDISC Dataset-JSON 1.1 (2024-12-05): attributes in the order of the specification, `records` the number of rows,
`rows` one array a record, missing values null. In NDJSON the first line is the metadata, each further one a row. Rows
are read from Parquet and written batch by batch; no table is held whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from chartline.exchange.columns import Column, Dataset
from chartline.exchange.oids import item_group_oid, item_oid, metadata_oid, study_oid

if TYPE_CHECKING:
    from chartline.exchange.model import FinishedRun

VERSION = "1.1.0"
DEFINE = "define.xml"
LARGE = 100_000  # records from which one document would be a burden to whoever parses it whole
_BATCH = 50_000
_EMPTY_KEY = '{"":'  # what Polars writes before the one value of a struct without a name


def is_large(dataset: Dataset) -> bool:
    """Return whether a table is written as NDJSON: it has many records, or was itself written in parts."""
    return dataset.records >= LARGE or dataset.table.in_parts


def file_name(dataset: Dataset) -> str:
    return f"{dataset.name.lower()}.{'ndjson' if is_large(dataset) else 'json'}"


def write_dataset(run: FinishedRun, dataset: Dataset, folder: Path, at: datetime) -> Path:
    """Write one table; `at` is when the file is made."""
    file = folder / file_name(dataset)
    head = json.dumps(_metadata(run, dataset, at), ensure_ascii=False)
    with file.open("w", encoding="utf-8", newline="\n") as f:
        if is_large(dataset):
            f.write(f"{head}\n")
            f.writelines(f"{row}\n" for row in _rows(dataset))
            return file
        f.write(f'{head[:-1]}, "rows": [')
        for i, row in enumerate(_rows(dataset)):
            f.write(f"{',' if i else ''}\n{row}")
        f.write("\n]}\n")
    return file


def _metadata(run: FinishedRun, dataset: Dataset, at: datetime) -> dict[str, Any]:
    return {
        "datasetJSONCreationDateTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datasetJSONVersion": VERSION,
        "fileOID": f"{study_oid(run)}.{run.data_digest[:16]}.{dataset.name}",
        "originator": "chartline",
        "sourceSystem": {"name": "chartline", "version": run.version},
        "studyOID": study_oid(run),
        "metaDataVersionOID": metadata_oid(run),
        "metaDataRef": DEFINE,
        "itemGroupOID": item_group_oid(dataset.name),
        "records": dataset.records,
        "name": dataset.name,
        "label": dataset.label,
        "columns": [_column(dataset.name, c) for c in dataset.columns],
    }


def _column(dataset: str, column: Column) -> dict[str, Any]:
    said = {
        "itemOID": item_oid(dataset, column.name),
        "name": column.name,
        "label": column.label,
        "dataType": column.data_type,
        "targetDataType": column.target or None,
        "length": column.length,
        "displayFormat": column.display or None,
        "keySequence": column.key,
    }
    return {name: value for name, value in said.items() if value is not None}


def _rows(dataset: Dataset) -> Iterator[str]:
    """Yield every record as the text of a JSON array."""
    cells = [_iso(c) for c in dataset.columns]
    texts = [pl.struct(cell.alias("")).struct.json_encode().str.slice(len(_EMPTY_KEY)) for cell in cells]
    row = pl.concat_str([text.str.head(-1) for text in texts], separator=", ")  # without the bracket of the struct
    for batch in dataset.table.scan().select(row).collect_batches(chunk_size=_BATCH, maintain_order=True):
        yield from (f"[{text}]" for text in batch.to_series())


def _iso(column: Column) -> pl.Expr:
    cell = pl.col(column.name)
    if column.data_type == "date":
        return cell.dt.to_string("%Y-%m-%d")
    return cell.dt.to_string("iso:strict") if column.data_type == "datetime" else cell
