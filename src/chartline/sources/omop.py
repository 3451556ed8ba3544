"""OMOP CDM tables to SourceTables: a folder of CSV or Parquet files, or one DuckDB file.

In: files in any capitals (`MEASUREMENT.csv`, `person.parquet`), or a folder `person` with files `part-*.parquet`, as
Spark writes them. Out: one table per CDM table, names and columns in lower case, all values text. CSV is read as it is
written, except that ids which a program saved as decimals ('8507.0') lose the '.0', with a note. From Parquet and
DuckDB: integers without point, numbers in shortest form, dates ISO, a time stamp at midnight as its date, else
'2020-04-03T08:30:00'. A row is labelled by its primary key (`measurement_id=619`; death: `person_id=3`) where that is
there and unique, else by its row ('row 12'; in CSV the headings are row 1). Inside a database the table comes first:
`cdm.duckdb!measurement!measurement_id=619!value_as_number`. A time stamp with a time zone is given in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

import polars as pl

from chartline.errors import MappingError, SourceError
from chartline.sources.asked import Asked
from chartline.sources.base import SourceData, SourceNote, SourceTable, add_table
from chartline.sources.cdm import CdmDatabase, Rows, check_tables
from chartline.sources.cdm_duckdb import (
    CdmFolder,
    DuckDbFile,
    check_cells,
    read_database,
    unreadable,
    whole_ids,
)
from chartline.sources.cdm_text import as_text
from chartline.sources.csvtext import read_records
from chartline.sources.folder import CentreFolder, SourceFile
from chartline.sources.omop_persons import read_persons, source_table
from chartline.sources.selected import read_selected
from chartline.sources.spec import SourceSpec, TableFormat

_ENDINGS = (".csv", ".parquet")


@dataclass(frozen=True)
class _Raw:
    """One table as read: text values under the source's own column names; `rows` are plain row labels."""

    file: str
    name: str
    frame: pl.DataFrame
    rows: Sequence[str]
    inside: bool = False  # a table inside a database file: the address names it after the file


def read_omop(centre: CentreFolder, spec: SourceSpec, asked: Asked | None = None) -> SourceData:
    """Read the CDM tables that `spec.path` or `spec.database` means (`tables`: only these).

    `asked` is what a protocol selects: then the database decides who is read. Raises MappingError where a table is
    there in two formats and none is declared, or a declared table is not there; SourceError for a file that is not
    what its name says, and for a server that does not answer.
    """
    if asked is not None and (asked.selection is not None or asked.chosen is not None):
        with open_cdm(centre, spec) as database:
            return read_selected(database, asked, spec.tables)
    if spec.database is not None:
        with open_cdm(centre, spec) as database:
            return read_persons(database, None, asked.tables if asked else None, spec.tables)
    files = centre.find(spec.path or ".", _ENDINGS)
    notes: list[SourceNote] = []
    if len(files) == 1 and not files[0].name.lower().endswith(_ENDINGS):
        raws = list(_from_database(files[0], spec))
    else:
        chosen = _choose(centre, files, spec)
        raws = [_from_files(name, copies, spec, notes) for name, copies in chosen.items()]
    tables: dict[str, SourceTable] = {}
    for raw in raws:
        rows = Rows(raw.frame, raw.rows)
        add_table(tables, source_table(raw.file, raw.name, rows, notes, inside=raw.inside))
    return SourceData(tables, tuple(notes))


def open_cdm(centre: CentreFolder, spec: SourceSpec) -> CdmDatabase:
    """Open what a source means as a database that answers SQL; its files are read in part, and so not digested."""
    if spec.database is not None:
        from chartline.sources.cdm_postgres import Postgres

        return _with_tables(Postgres(spec.database, spec.schemas, spec.password), spec, spec.database)
    files = centre.find(spec.path or ".", _ENDINGS)
    if len(files) == 1 and not files[0].name.lower().endswith(_ENDINGS):
        centre.read_in_part.add(files[0].name)
        return _with_tables(DuckDbFile(files[0]), spec, files[0].name)
    chosen = _choose(centre, files, spec)
    centre.read_in_part |= {file.name for copies in chosen.values() for file in copies}
    name = "the centre's folder" if spec.path in (None, ".") else str(spec.path)
    return CdmFolder(name, centre.root, chosen, spec.delimiter, spec.encoding)


def _with_tables(database: CdmDatabase, spec: SourceSpec, where: str) -> CdmDatabase:
    try:
        check_tables(set(database.tables), spec.tables, where)
    except MappingError:
        database.close()
        raise
    return database


def _choose(centre: CentreFolder, files: list[SourceFile], spec: SourceSpec) -> dict[str, list[SourceFile]]:
    """Return table name -> the file to read, or its parts. Files not chosen stay unread, so that the mapping must
    name them."""
    found: dict[str, list[SourceFile]] = {}
    parts: dict[str, list[SourceFile]] = {}
    for file in files:
        path = PurePosixPath(file.name.lower())
        part = path.stem.startswith("part-") and path.suffix == ".parquet"
        name = path.parent.name if part else path.stem
        if not spec.tables or name in spec.tables:
            (parts if part else found).setdefault(name, []).append(file)
    check_tables({*found, *parts}, spec.tables, str(centre.root))
    chosen = {name: [_one_of(name, [*copies, *parts.pop(name, ())], spec.format)] for name, copies in found.items()}
    chosen |= {name: sorted(files, key=lambda f: f.name) for name, files in parts.items()}
    centre.used -= {file.name for file in files} - {file.name for copies in chosen.values() for file in copies}
    return chosen


def _one_of(name: str, copies: list[SourceFile], wanted: TableFormat | None) -> SourceFile:
    fitting = [file for file in copies if wanted is None or file.name.lower().endswith(f".{wanted}")]
    if len(fitting) == 1 or len(copies) == 1:
        return (fitting or copies)[0]
    raise MappingError(
        f"The OMOP table {name!r} is there more than once",
        where=", ".join(file.name for file in copies),
        expected="one file per table",
        do="declare `format: csv` or `format: parquet`, and list the other copy in ignore_files",
    )


def _from_files(name: str, files: list[SourceFile], spec: SourceSpec, notes: list[SourceNote]) -> _Raw:
    """One table from its file, or from the Parquet parts of its folder, as Spark and other programs write them."""
    raws = [_from_file(name, file, spec, notes) for file in files]
    if len(raws) == 1:
        return raws[0]
    if any(raw.frame.columns != raws[0].frame.columns for raw in raws):
        raise SourceError(
            f"The parts of {name} do not have the same columns",
            where=str(files[0].path.parent),
            expected=", ".join(raws[0].frame.columns),
            do="export the table again",
        )
    rows = [f"{PurePosixPath(raw.file).name} {row}" for raw in raws for row in raw.rows]
    return _Raw(str(PurePosixPath(raws[0].file).parent), name, pl.concat(raw.frame for raw in raws), rows)


def _from_file(name: str, file: SourceFile, spec: SourceSpec, notes: list[SourceNote]) -> _Raw:
    if not file.name.lower().endswith(".parquet"):
        records = read_records(file, spec.delimiter, spec.encoding)
        notes.extend(records.notes)
        frame, decimal = whole_ids(file, records.frame)
        notes.extend(decimal)
        return _Raw(file.name, name, frame, records.labels)
    frame = as_text(read_parquet(file, name))
    return _Raw(file.name, name, frame, _rows(frame))


def read_parquet(file: SourceFile, name: str) -> pl.DataFrame:
    """Return a Parquet file's columns in their own types. Raises SourceError where it is none or has too many cells."""
    data = file.read()
    with unreadable(file):
        lazy = pl.scan_parquet(BytesIO(data))
        check_cells(file.name, str(file.path), name, lazy.select(pl.len()).collect().item(), len(lazy.collect_schema()))
        return pl.read_parquet(BytesIO(data))


def _rows(frame: pl.DataFrame) -> list[str]:
    return [f"row {number}" for number in range(1, frame.height + 1)]


def _from_database(file: SourceFile, spec: SourceSpec) -> Iterator[_Raw]:
    for table in read_database(file, spec.tables):
        frame = as_text(table.frame)
        yield _Raw(file.name, table.name.lower(), frame, _rows(frame), inside=True)
