"""Mapped charts on disk, between reading and deriving: written by unit of reading, read by part of the subjects.

In and out: ClinicalData. A unit is one centre, or one part of a database's persons. Its folder holds

    domains/DM/0000.parquet  the rows of each domain, with the HASH of their subject, in its order
    tables/0/0000.parquet    the source tables as read and amended, with LABEL: what an address and a raw value are
                             from; each row with its number, AT, and the HASH of its subject, in its order
    charts.json              which table and which columns each mapping block has
    subjects.parquet         CENTRE, USUBJID, HASH and how many rows

A part is read with the cells of its own rows and no others; what is sorted by hash need not be read whole for that.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from chartline.core.clinical import ClinicalData, Origins, empty_domain, variables
from chartline.engines.parts import hashes, range_of
from chartline.errors import StudyError
from chartline.sources.base import KeyLabels, SourceData, SourceTable

_ROWS = 10_000  # of one row group: what is read at least
_SORTED = 200_000  # rows of one file: what is put in order at a time


def write_charts(folder: Path, data: ClinicalData, source: SourceData) -> int:
    """Write one unit, read from `source`. Return how many bytes it takes in memory."""
    subjects = _subjects(data).with_columns(hashes(_subjects(data)["USUBJID"]))
    subjects.write_parquet(folder / "subjects.parquet")
    (folder / "domains").mkdir()
    whose = []
    for domain, frame in data.domains.items():
        own = frame.select("USUBJID", "BLOCK", "ROW").join(subjects, on="USUBJID", how="left", maintain_order="left")
        whose.append(own.select("BLOCK", "ROW", "HASH"))
        if frame.height:
            _write_by_hash(frame, own["HASH"], folder / "domains" / domain)
    tables = _write_tables(folder, data.origins, pl.concat(whose), source)
    return round(sum(f.estimated_size() for f in (*data.domains.values(), *(t.frame for t in tables))))


def _subjects(data: ClinicalData) -> pl.DataFrame:
    rows = pl.concat(data[d].select("CENTRE", "USUBJID") for d in data.domains)
    return rows.group_by("CENTRE", "USUBJID").len("ROWS").sort("CENTRE", "USUBJID")


def _write_tables(folder: Path, origins: Origins, whose: pl.DataFrame, source: SourceData) -> list[SourceTable]:
    """Write the tables. `whose`: BLOCK, ROW and HASH of everything mapped."""
    (folder / "tables").mkdir()
    tables: dict[str, SourceTable] = dict(source.tables)
    for table, _ in origins.blocks:
        assert isinstance(table, SourceTable)
        tables[table.name] = table
    at = {name: i for i, name in enumerate(tables)}
    said = [{"file": t.file, "name": t.name, "places": t.places, "grid": t.grid} for t in tables.values()]
    blocks = [(at[table.name], columns) for table, columns in origins.blocks]  # type: ignore[attr-defined]
    for name, table in tables.items():
        labels = pl.Series("LABEL", list(table.row_labels), dtype=pl.String)
        frame = pl.DataFrame([*(table.frame[c].alias("#" + c) for c in table.columns), labels])
        mine = whose.filter(pl.col("BLOCK").is_in([b for b, (t, _) in enumerate(blocks) if t == at[name]]))
        own = mine.group_by(AT="ROW").agg(pl.col("HASH").min())
        numbered = frame.with_row_index("AT")
        hashed = numbered.select("AT").join(own, on="AT", how="left", maintain_order="left")["HASH"]
        _write_by_hash(numbered, hashed, folder / "tables" / str(at[name]))
    text = json.dumps({"tables": said, "blocks": blocks}, ensure_ascii=False)
    (folder / "charts.json").write_text(text, encoding="utf-8")
    return list(tables.values())


def _write_by_hash(frame: pl.DataFrame, hashed: pl.Series, home: Path) -> None:
    """Write the rows in the order of HASH, which these values are, as files of a folder; a copy of a large frame in
    that order would be half of the memory that a centre takes."""
    home.mkdir()
    whole, order = frame.with_columns(hashed), hashed.arg_sort()
    for k, first in enumerate(range(0, max(frame.height, 1), _SORTED)):
        _write(whole[order[first : first + _SORTED]], home / f"{k:04}.parquet")


def _scan(home: Path) -> pl.LazyFrame:
    return pl.scan_parquet(sorted(home.iterdir()), glob=False)


def _write(frame: pl.DataFrame, file: Path) -> None:
    """Through memory, so that a full disk is the system's own error and not one of a library's many."""
    from io import BytesIO

    content = BytesIO()
    frame.write_parquet(content, compression="zstd", compression_level=1, row_group_size=_ROWS)
    file.write_bytes(content.getbuffer())


class StoredTable:
    """A source table on disk, of which the rows of one part are in memory; another row is read when it is asked for."""

    def __init__(self, folder: Path, said: Mapping[str, Any], which: pl.Expr) -> None:
        self._folder, self._said = folder, said
        kept = _scan(folder).filter(which).collect().sort("AT")
        self._at = kept["AT"].to_numpy()  # rising
        self._table = self._made(kept)

    def _made(self, frame: pl.DataFrame) -> SourceTable:
        cells = frame.drop("AT", "HASH", "LABEL", strict=False).rename(lambda name: name.removeprefix("#"))
        return SourceTable(
            self._said["file"], self._said["name"], cells, self._said["places"], KeyLabels(frame["LABEL"]),
            grid=self._said["grid"],
        )  # fmt: skip

    @cached_property
    def _places(self) -> pl.Series:
        """Where each row of the table stands in the file."""
        return _scan(self._folder).select("AT").collect()["AT"].arg_sort()

    def _own(self, rows: pl.Series) -> tuple[SourceTable, pl.Series]:
        """Return the table that holds these rows, and where they stand in it.

        In NumPy: this is asked for each variable of each part, and a query of Polars takes longer than a few rows.
        """
        wanted = rows.to_numpy()
        at = self._at.searchsorted(wanted)
        if len(self._at) and (self._at.take(at, mode="clip") == wanted).all():
            return self._table, pl.Series(at)
        plan, asked = _scan(self._folder), rows.unique().sort()
        found = pl.concat(plan.slice(place, 1) for place in self._places.gather(asked)).collect()
        return self._made(found), asked.search_sorted(rows)

    def address(self, row: int, column: str) -> str:
        """Return the canonical address of a cell, as `SourceTable.address`."""
        table, at = self._own(pl.Series([row]))
        return table.address(at[0], column)

    def addresses(self, rows: pl.Series, column: str) -> pl.Series:
        """Return `address` of many rows of one column, in their order."""
        table, at = self._own(rows)
        return table.addresses(at, column)

    def raw(self, row: int, column: str) -> str | None:
        """Return what stands in a cell."""
        table, at = self._own(pl.Series([row]))
        return table.raw(at[0], column)

    def raws(self, rows: pl.Series, column: str) -> pl.Series:
        """Return `raw` of many rows of one column, in their order."""
        table, at = self._own(rows)
        return table.raws(at, column)

    @property
    def whole(self) -> SourceTable:
        """The whole table, in memory: put in order column by column, for it is large."""
        plan = _scan(self._folder)
        names = [name for name in plan.collect_schema().names() if name not in ("AT", "HASH")]
        return self._made(pl.DataFrame([plan.select(n).collect()[n].gather(self._places) for n in names]))


def read_charts(
    units: Sequence[Path],
    *,
    part: tuple[int, int] | None = None,
    subjects: Sequence[str] | None = None,
    cells: bool = True,
) -> ClinicalData:
    """Return the data of several units: of one part (which of how many), of some subjects, or of all. Without `cells`
    no row of a source table is kept in memory.

    SEQ is unique within domain and centre again where several units are of one centre.
    """
    try:
        return _read(units, part, subjects, cells)
    except (pl.exceptions.PolarsError, ValueError) as e:
        raise StudyError(
            f"The charts that this run has kept cannot be read: {str(e).splitlines()[0]}",
            where=str(units[0].parents[1]),
            do="remove the folder and run again; look at the disk, for what was written there is not what is there",
        ) from e


def _read(
    units: Sequence[Path],
    part: tuple[int, int] | None,
    subjects: Sequence[str] | None,
    cells: bool,
) -> ClinicalData:
    frames: dict[str, list[pl.DataFrame]] = {domain: [] for domain in variables()}
    blocks: list[tuple[StoredTable, Mapping[str, tuple[str, ...]]]] = []
    highest: dict[tuple[str, str], int] = {}
    for unit in units:
        own = _domains(unit, part, subjects)
        for domain, frame in own.items():
            centre = frame["CENTRE"][0]
            seq = pl.col("SEQ") + highest.get((domain, centre), 0)
            shifted = frame.with_columns(seq, pl.col("BLOCK") + pl.lit(len(blocks), pl.UInt32))
            highest[domain, centre] = shifted["SEQ"].max()  # type: ignore[assignment]
            frames[domain].append(shifted.drop("HASH"))
        blocks += _tables(unit, own if cells else {}, part)
    stacked = {d: _stacked(fs) if fs else empty_domain(d) for d, fs in frames.items()}
    return ClinicalData(stacked, Origins(tuple(blocks)))


def _stacked(pieces: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put the pieces of a domain together; a column in which nobody has anything takes no room."""
    none = set.intersection(*(set(_unused(piece)) for piece in pieces))
    return _without_room(pl.concat(piece.drop(none) for piece in pieces), none, pieces[0].schema)


def _unused(frame: pl.DataFrame) -> list[str]:
    return [name for name, n in frame.null_count().row(0, named=True).items() if n == frame.height]


def _without_room(frame: pl.DataFrame, none: Collection[str], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return the frame with these columns as nulls, of which Polars keeps one and how often it is there."""
    kept = frame.drop(none, strict=False)
    return kept.with_columns(pl.lit(None, schema[n]).alias(n) for n in schema if n in none).select(*schema)


def _domains(unit: Path, part: tuple[int, int] | None, subjects: Sequence[str] | None) -> dict[str, pl.DataFrame]:
    out: dict[str, pl.DataFrame] = {}
    if subjects is not None and not subjects:
        return out
    for domain in variables():
        home = unit / "domains" / domain
        if not home.exists():
            continue
        plan = _scan(home)
        if part is not None:
            plan = plan.filter(_in_part(part))
        if subjects is not None:
            plan = plan.filter(pl.col("USUBJID").is_in(list(subjects)))
        frame = plan.collect()
        if frame.height:
            used = _without_room(frame, _unused(frame), frame.schema)
            out[domain] = used.sort("SEQ")  # the order of the source
    return out


def _tables(
    unit: Path, own: Mapping[str, pl.DataFrame], part: tuple[int, int] | None
) -> list[tuple[StoredTable, Mapping[str, tuple[str, ...]]]]:
    """Return the table and columns of each mapping block, with the rows in memory that these domains come from."""
    said = json.loads((unit / "charts.json").read_text(encoding="utf-8"))
    of_block = [table for table, _ in said["blocks"]]
    used = pl.concat([f.select("BLOCK", "ROW") for f in own.values()]).unique() if own else None
    tables = []
    for i, table in enumerate(said["tables"]):
        if used is None:
            which = pl.lit(False)
        elif part is not None:
            which = _in_part(part)
        else:
            mine = [b for b, t in enumerate(of_block) if t == i]
            which = pl.col("AT").is_in(used.filter(pl.col("BLOCK").is_in(mine))["ROW"].unique().implode())
        tables.append(StoredTable(unit / "tables" / str(i), table, which))
    return [(tables[t], {name: tuple(c) for name, c in columns.items()}) for t, columns in said["blocks"]]


def _in_part(part: tuple[int, int]) -> pl.Expr:
    first, last = (pl.lit(h, pl.UInt64) for h in range_of(*part))
    return pl.col("HASH").is_between(first, last)


def first_blocks(units: Sequence[Path]) -> list[int]:
    """Return the number that the first mapping block of each unit has where the units are read together."""
    sizes = [len(json.loads((unit / "charts.json").read_text(encoding="utf-8"))["blocks"]) for unit in units]
    return [sum(sizes[:n]) for n in range(len(sizes))]


def read_subjects(units: Sequence[Path]) -> pl.DataFrame:
    """Return CENTRE, USUBJID, ROWS and HASH of every subject of several units."""
    return pl.concat([pl.read_parquet(unit / "subjects.parquet", glob=False) for unit in units])


def read_source(units: Sequence[Path]) -> SourceData:
    """Return the source tables of a centre, whole: to say where a query's cell stands. None of a database that was
    read in several parts: it may not fit."""
    tables = [_whole_tables(unit) for unit in units] if len(units) == 1 else []
    return SourceData({t.name: t for of in tables for t in of})


def _whole_tables(unit: Path) -> list[SourceTable]:
    said = json.loads((unit / "charts.json").read_text(encoding="utf-8"))
    return [StoredTable(unit / "tables" / str(i), t, pl.lit(False)).whole for i, t in enumerate(said["tables"])]
