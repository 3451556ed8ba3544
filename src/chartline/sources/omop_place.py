"""Where an OMOP database lies, told by its files alone: for a question that is asked before there is a mapping.

In: a centre's folder, or what a person names: a folder, a DuckDB file, the address of a PostgreSQL server. Out: the
source as a mapping would declare it, or the open database. A run never looks here: it reads what a mapping declares.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from chartline.errors import SourceError
from chartline.sources.cdm import CdmDatabase
from chartline.sources.folder import CentreFolder, SourceFile, seems
from chartline.sources.limits import named
from chartline.sources.omop import open_cdm
from chartline.sources.spec import SourceKind, SourceSpec, TableFormat

# Tables by which a folder is known as an OMOP database: its persons, or its vocabulary.
_TELLING = frozenset({"person", "concept"})
_START = 8192  # of a file: its kind, or the headings of a table


def is_part(file: SourceFile) -> bool:
    """Whether a file is one part of a table's folder, as Spark writes `measurement/part-00000.parquet`."""
    path = PurePosixPath(file.name.lower())
    return path.suffix == ".parquet" and path.stem.startswith("part-")


def table_of(file: SourceFile) -> str:
    """Return the table that a file's name says it holds, in small letters; "" where it is neither CSV nor Parquet."""
    path = PurePosixPath(file.name.lower())
    if path.suffix not in (".csv", ".parquet"):
        return ""
    return path.parent.name if is_part(file) else path.stem


def folder_of(file: SourceFile) -> str:
    """Return the folder that a table lies in, below the centre's ("." is that itself)."""
    parent = PurePosixPath(file.name).parent
    return str(parent.parent if is_part(file) else parent)


def parts_path(files: Sequence[SourceFile], folder: str) -> str | None:
    """Return the path that means tables in parts, and others beside them; None where no table is in parts."""
    parts = [file for file in files if is_part(file)]
    if not parts:
        return None
    inside = "*/*" if len(parts) == len(files) else "**"
    return f"{inside}.parquet" if folder == "." else f"{folder}/{inside}.parquet"


def is_duckdb(file: SourceFile) -> bool:
    """Whether a file is a DuckDB database, by its name and its first bytes."""
    return file.path.suffix.lower() in (".duckdb", ".db") and seems(file.read(_START)) == "a DuckDB database"


def find_database(centre: CentreFolder) -> SourceSpec:
    """Return the one OMOP database in a centre's folder, as a mapping would declare it.

    Raises SourceError where there is none, or more than one.
    """
    by_folder: dict[str, list[SourceFile]] = {}
    for file in centre.all_files():
        if table_of(file):
            by_folder.setdefault(folder_of(file), []).append(file)
    found = {
        file.name: SourceSpec(kind=SourceKind.OMOP, path=file.name) for file in centre.all_files() if is_duckdb(file)
    }
    for folder, files in by_folder.items():
        if _TELLING & {table_of(file) for file in files}:
            found[folder] = _tables_in(folder, files)
    if len(found) != 1:
        raise SourceError(
            f"{len(found)} OMOP databases lie in the folder" if found else "No OMOP database lies in the folder",
            where=str(centre.root) + (f": {named(sorted(found))}" if found else ""),
            expected="one: tables as CSV or Parquet (person, concept, ...), or a DuckDB file",
            do="name the database with --database, or write the mapping",
        )
    return next(iter(found.values()))


def _tables_in(folder: str, files: list[SourceFile]) -> SourceSpec:
    if path := parts_path(files, folder):
        return SourceSpec(kind=SourceKind.OMOP, path=path, format=TableFormat.PARQUET)
    said: dict[str, str] = {"path": folder}
    if twice := twice_in(files):
        said["format"] = twice
    if text := next((file for file in files if file.name.lower().endswith(".csv")), None):
        headings = text.read(_START).split(b"\n", 1)[0].decode("utf-8", "replace")
        said["delimiter"] = max(",\t;|", key=headings.count)
    return SourceSpec.model_validate({"kind": SourceKind.OMOP, **said})


def twice_in(files: Sequence[SourceFile]) -> str | None:
    """Return the format that has more tables, where a table stands in a folder as text and as Parquet; else None."""
    text, parquet = ({table_of(f) for f in files if f.name.lower().endswith(ending)} for ending in (".csv", ".parquet"))
    return ("csv" if len(text) >= len(parquet) else "parquet") if text & parquet else None


def open_place(place: str, schemas: Sequence[str] = ()) -> CdmDatabase:
    """Open the database that a person names: a folder, a DuckDB file, or `postgresql://...` with its schemas.

    The server asks for no password here: PostgreSQL's own places (`PGPASSWORD`, `.pgpass`) hold it. Raises SourceError.
    """
    if "://" in place:
        from chartline.sources.cdm_postgres import Postgres

        return Postgres(_address(place), schemas or ("public",), None)
    if schemas:
        raise SourceError("Only a server has schemas", where=place, do="name the server, or leave out --schema")
    path = Path(place)
    if path.is_file():
        from chartline.sources.cdm_duckdb import DuckDbFile

        return DuckDbFile(SourceFile(path.name, path))
    folder = CentreFolder(path)
    return open_cdm(folder, find_database(folder))


def _address(place: str) -> str:
    try:
        SourceSpec(kind=SourceKind.OMOP, database=place)
    except ValueError:
        raise SourceError(
            "This is no address of an OMOP database",  # not told which: it may hold a password
            where="--database",
            expected="postgresql://user@host:5432/name, and the password in PGPASSWORD or .pgpass",
            do="correct the address",
        ) from None
    return place
