"""A cut from the out folder of a finished run. The charts themselves may long be gone."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl

from chartline.cuts.model import Cut, CutError
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol

_NOT_DERIVED = ("overrides", "admrd")  # tables beside the derived ones


def read_cut(folder: Path) -> Cut:
    """Return the cut that a run left in `folder`. Raises `CutError` where there is no finished run, or an older one
    that did not keep what a comparison needs."""
    if not (folder / "headline.json").is_file():
        raise CutError(
            f"{folder} is not the out folder of a finished run",
            where=str(folder),
            expected="a folder with headline.json, adam/ and cut/",
            do=f"run `chartline run {folder} --out ...` and name that out folder"
            if (folder / "protocol.yaml").is_file()
            else "name the --out of `chartline run`",
        )
    if not (folder / "cut" / "charted.parquet").exists():
        raise CutError(
            f"The run in {folder} did not keep its charted values",
            where=str(folder / "cut"),
            do="run that cut again with this version of chartline",
        )
    lock = _json(folder / "study.lock")
    declared = Protocol.model_validate(_json(folder / "cut" / "protocol.json"))
    values = _json(folder / "definitions.json")["values"]
    with (folder / "queries.csv").open(encoding="utf-8", newline="") as f:
        queries = {row["query_id"]: row for row in csv.DictReader(f)}
    return Cut(
        folder=folder.absolute(),
        version=lock["chartline"],
        study=lock["study"],
        protocol_digest=lock["protocol_digest"],
        data_digest=lock["data_digest"],
        inputs=lock["inputs"],
        protocol=declared,
        headline=_json(folder / "headline.json")["headline"],
        labels={item: said["label"] for item, said in values.items()},
        charted=pl.read_parquet(folder / "cut" / "charted.parquet", glob=False),
        trace=pl.read_parquet(folder / "trace.parquet", glob=False),
        adam=_adam(folder),
        queries=queries,
    )


def _adam(folder: Path) -> Adam:
    tables = {f.stem.upper(): pl.read_parquet(f, glob=False) for f in sorted((folder / "adam").glob("*.parquet"))}
    derived = {name: t for name, t in tables.items() if name.lower() not in _NOT_DERIVED}
    return Adam(derived, pl.DataFrame(), pl.read_parquet(folder / "cut" / "withheld.parquet", glob=False), {})


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
