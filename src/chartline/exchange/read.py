"""A finished run from its out folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from chartline.exchange.model import DerivedTable, ExchangeError, FinishedRun
from chartline.protocol.model import Protocol
from chartline.results.serialise import results_from_rows

_NOT_DERIVED = ("OVERRIDES",)  # names reviewers, and is no table of an analysis


def read_finished(folder: Path, smallest_cell: int | None = None) -> FinishedRun:
    """Return the run that was left in `folder`. Raises `ExchangeError` where there is no finished run.

    `smallest_cell` may only be stricter than the protocol's `report.smallest_cell`.
    """
    needed = ("headline.json", "results.parquet", "definitions.json", "cut/protocol.json", "adam", "study.lock")
    missing = [name for name in needed if not (folder / name).exists()]
    if missing:
        raise ExchangeError(
            f"{folder} is not the out folder of a finished run: it has no {', '.join(missing)}",
            where=str(folder),
            do=f"run `chartline run {folder} --out ...` and name that out folder"
            if (folder / "protocol.yaml").is_file()
            else "name the --out of `chartline run`",
        )
    lock, protocol = _json(folder / "study.lock"), Protocol.model_validate(_json(folder / "cut" / "protocol.json"))
    return FinishedRun(
        folder=folder.absolute(),
        version=lock["chartline"],
        protocol=protocol,
        protocol_digest=lock["protocol_digest"],
        data_digest=lock["data_digest"],
        results=results_from_rows(pl.read_parquet(folder / "results.parquet", glob=False).iter_rows(named=True)),
        headline=_json(folder / "headline.json")["headline"],
        definitions=_json(folder / "definitions.json"),
        tables=tables_of(folder / "adam"),
        smallest_cell=_smallest(protocol, smallest_cell),
    )


def tables_of(folder: Path) -> dict[str, DerivedTable]:
    """Return name -> table of a folder that holds `adsl.parquet`, or `adsl/part-*.parquet`, and so on."""
    out = {}
    for path in sorted(folder.iterdir()):
        name = path.stem.upper()
        files = tuple(sorted(path.glob("*.parquet"))) if path.is_dir() else (path,)
        if name not in _NOT_DERIVED and files and files[0].suffix == ".parquet":
            labels = pl.read_parquet_metadata(files[0]).get("labels", "{}")
            out[name] = DerivedTable(name, files, json.loads(labels))
    return out


def _smallest(protocol: Protocol, asked: int | None) -> int:
    declared = protocol.report.smallest_cell
    if asked is not None and asked < declared:
        raise ExchangeError(
            f"--smallest-cell {asked} shows smaller numbers of patients than the protocol allows",
            expected=f"{declared} or more, as `report.smallest_cell` of the protocol says",
            do="leave the option out, or change the protocol and run again",
        )
    return declared if asked is None else asked


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
