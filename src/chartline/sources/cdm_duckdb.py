"""OMOP tables that DuckDB asks: a DuckDB file, or a folder of Parquet and CSV files.

In: files. Out: a `CdmDatabase`. The selection is DuckDB's work in all three; the rows of the persons are DuckDB's in
its own file, Polars' in Parquet (which skips what no person of the study stands in), and the reader of delimited text's
in CSV, so that a value, its row and its address are what they are without a selection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, overload

import polars as pl

from chartline.errors import SourceError
from chartline.sources.base import SourceNote
from chartline.sources.cdm import CdmDatabase, CdmTable, Kind, Rows, check_tables
from chartline.sources.cdm_text import as_text
from chartline.sources.csvtext import Only, read_records
from chartline.sources.folder import SourceFile, seems
from chartline.sources.limits import TABLE_CELLS, too_many_cells

if TYPE_CHECKING:
    import numpy as np
    from duckdb import DuckDBPyConnection

DATABASE = "a DuckDB database"
# A view inside the file must not be able to read other files, nor DuckDB fetch an extension.
_SHUT: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "temp_directory": "",  # nothing of a patient is written beside the database
}
_MEMORY = "1GB"  # of a selection: DuckDB's own share of the 2 GB in which a run stays
WHOLE_MEMORY = "4GB"  # where tables are read as a whole: as much as a table may have
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "latin-1": "latin-1", "latin1": "latin-1", "iso-8859-1": "latin-1"}


class _DuckDb(CdmDatabase):
    """What the file and the folder have in common."""

    def __init__(self, name: str, where: str, connection: DuckDBPyConnection) -> None:
        self.name, self.where, self.connection = name, where, connection

    def query(self, sql: str) -> pl.DataFrame:
        with told(self.name, self.where):
            cursor = self.connection.execute(sql)
            kinds = {one[0]: str(one[1]) for one in cursor.description or ()}
            columns = cursor.fetchnumpy()
        return pl.DataFrame([_series(name, array, kinds.get(name, "")) for name, array in columns.items()])

    def pairs(self, rows: Sequence[tuple[int, int]]) -> str:
        ids, numbers = (",".join(str(row[i]) for row in rows) for i in (0, 1))
        if not rows:
            return super().pairs(rows)
        columns = (f"CAST(unnest(string_split('{text}', ',')) AS BIGINT)" for text in (ids, numbers))
        return "(SELECT {} AS id, {} AS n)".format(*columns)

    def close(self) -> None:
        self.connection.close()

    def _columns(self, place: str) -> tuple[dict[str, str], dict[str, Kind]]:
        described = self.connection.execute(f"SELECT * FROM {place} LIMIT 0").description or ()
        names = {one[0].lower(): one[0] for one in described}
        if len(names) < len(described):
            raise SourceError(f"{self.name} has two columns that differ only in capitals", where=f"table {place}")
        return names, {one[0].lower(): _kind(str(one[1])) for one in described}


class DuckDbFile(_DuckDb):
    """One DuckDB file, opened for reading."""

    def __init__(self, file: SourceFile) -> None:
        import duckdb  # loads in 0.1 s: only where a centre has such a file

        _check_is_database(file)
        with told(file.name, str(file.path)):
            connection = duckdb.connect(str(file.path), read_only=True, config=_SHUT | {"memory_limit": _MEMORY})
        super().__init__(file.name, str(file.path), connection)
        with told(file.name, str(file.path)):
            self.tables = dict(self._found())

    def _found(self) -> Iterator[tuple[str, CdmTable]]:
        sql = (
            "SELECT table_catalog, table_schema, table_name FROM information_schema.tables "
            "ORDER BY table_schema, table_name"
        )
        seen: dict[str, str] = {}
        for *schema, own in self.connection.execute(sql).fetchall():
            # With its catalog: a file `cdm.duckdb` with a schema `cdm` is ambiguous without.
            place, name = ".".join(map(self.quoted, (*schema, own))), own.lower()
            if name in seen:
                raise SourceError(
                    f"{self.name} has two tables {name}", where=f"{seen[name]} and {place}", do="ask for one schema"
                )
            seen[name] = place
            yield name, CdmTable(name, place, *self._columns(place), self.name)

    def rows(self, table: CdmTable, keys: pl.Series | None, column: str, columns: Sequence[str]) -> Rows:
        order = table.columns.get(table.key)
        where = f" WHERE {one_of(self.part_of(table, [column], self.name), column, table, self, keys)}"
        by = f" ORDER BY {self.quoted(order)}" if order else ""
        what = f"SELECT {self.listed(table, columns)} FROM {table.place}"
        frame = as_text(self.query(f"{what}{where if keys is not None else ''}{by}"))
        return Rows(frame, _numbered(frame))


@dataclass(frozen=True)
class DatabaseTable:
    """A table (or view) of a DuckDB file. `types` are its columns' types in DuckDB's words; in `frame` a date is a
    time stamp at midnight."""

    schema: str
    name: str
    types: tuple[str, ...]
    frame: pl.DataFrame


def read_database(file: SourceFile, tables: Sequence[str] = ()) -> Iterator[DatabaseTable]:
    """Yield the tables of a DuckDB file (`tables`: only these, in small letters).

    Raises SourceError where it is none or a table has too many cells, MappingError where one is not there.
    """
    import duckdb  # loads in 0.1 s: only where a centre has such a file

    _check_is_database(file)
    try:
        with duckdb.connect(
            str(file.path), read_only=True, config=_SHUT | {"memory_limit": WHOLE_MEMORY}
        ) as connection:
            yield from _database_tables(file, connection, tables)
    except duckdb.Error as error:
        raise SourceError(f"{file.name} cannot be read as a DuckDB database", where=f"{file.path} ({error})") from error


def _database_tables(
    file: SourceFile, connection: DuckDBPyConnection, wanted: Sequence[str]
) -> Iterator[DatabaseTable]:
    names = connection.execute(
        "SELECT table_catalog, table_schema, table_name FROM information_schema.tables "
        "ORDER BY table_schema, table_name"
    ).fetchall()
    check_tables({name.lower() for *_, name in names}, wanted, file.name)
    for catalog, schema, name in names:
        if wanted and name.lower() not in wanted:
            continue
        place = ".".join(quoted(part) for part in (catalog, schema, name))
        described = connection.execute(f"SELECT * FROM {place} LIMIT 0").description or ()
        enough = TABLE_CELLS // max(len(described), 1) + 1  # a view may have more rows than anybody can count
        found = connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM {place} LIMIT {enough})").fetchone()
        check_cells(file.name, str(file.path), name, found[0] if found else 0, len(described))
        columns = connection.execute(f"SELECT * FROM {place}").fetchnumpy()
        frame = pl.DataFrame([_series(key, array) for key, array in columns.items()])
        yield DatabaseTable(schema, name, tuple(str(column[1]) for column in described), frame)


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


class CdmFolder(_DuckDb):
    """A folder of files, one a table, or a folder of Parquet parts a table; Parquet and CSV may stand side by side."""

    at_once = 2  # one table is opened while another is read

    def __init__(
        self, name: str, root: Path, files: Mapping[str, Sequence[SourceFile]], delimiter: str, encoding: str
    ) -> None:
        import duckdb

        connection = duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": ""})
        super().__init__(name, str(root), connection)
        self.root, self.files, self.delimiter, self.encoding = root.resolve(), files, delimiter, encoding
        self.tables = {name: self._view(name, list(copies)) for name, copies in files.items()}
        connection.execute(f"SET allowed_directories = [{_quoted(str(self.root))}]")
        connection.execute("SET enable_external_access = false")

    def query(self, sql: str) -> pl.DataFrame:
        with _told_of_parts(self.files):
            return super().query(sql)

    def _view(self, name: str, files: list[SourceFile]) -> CdmTable:
        place, first = self.quoted(name), files[0]
        with _told_of_parts({name: files}), told(first.name, str(first.path)):
            self.connection.execute(f"CREATE VIEW {place} AS SELECT * FROM {self._scan(files)}")
            columns, kinds = self._columns(place)
        address = first.name if len(files) == 1 else str(PurePosixPath(first.name).parent)
        return CdmTable(name, place, columns, kinds, address, inside=False)

    def _scan(self, files: list[SourceFile]) -> str:
        listed = ", ".join(_quoted(str(self.root / file.name)) for file in files)
        if is_parquet(files[0]):
            return f"read_parquet([{listed}])"
        charset = _CHARSETS.get(self.encoding.lower())
        if charset is None:
            raise SourceError(
                f"A selection cannot look into text in {self.encoding}",
                where=files[0].name,
                expected="utf-8 or latin-1",
                do="save the tables as UTF-8, as Parquet or in a DuckDB file",
            )
        return (
            f"read_csv([{listed}], all_varchar = true, header = true, delim = {_quoted(self.delimiter)}, quote = '\"', "
            f"escape = '\"', encoding = '{charset}', max_line_size = 8388608)"
        )

    def rows(self, table: CdmTable, keys: pl.Series | None, column: str, columns: Sequence[str]) -> Rows:
        files = self.files[table.name]
        if is_parquet(files[0]):
            with _told_of_parts({table.name: files}):
                return _parquet_rows(files, table, keys, column, columns)
        (file,) = files
        only = Only(column, keys) if keys is not None else None
        records = read_records(file, self.delimiter, self.encoding, only=only)
        left = set(table.columns).difference(columns)
        wanted = records.frame.select(name for name in records.frame.columns if name.lower() not in left)
        frame, notes = whole_ids(file, wanted)
        return Rows(frame, records.labels, (*records.notes, *notes))

    def count(self, table: CdmTable, persons: pl.Series | None) -> int:
        files = self.files[table.name]
        if persons is None or not is_parquet(files[0]):
            return super().count(table, persons)
        with _told_of_parts({table.name: files}), unreadable(files[0]):
            found = _filtered(_scan(files), table, persons, str(table.person_column)).select(pl.len())
            return int(found.collect(engine="streaming").item())


def _parquet_rows(
    files: Sequence[SourceFile], table: CdmTable, keys: pl.Series | None, column: str, columns: Sequence[str]
) -> Rows:
    """One scan over all parts: the column of the keys first, the others only where one is found."""
    where = str(files[0].path.parent)
    with unreadable(files[0]):
        lazy = _filtered(_scan(files), table, keys, column)
        frame = lazy.select(table.columns[c] for c in columns).collect(engine="streaming")
    check_cells(table.file, where, table.name, frame.height, frame.width)
    return Rows(as_text(frame), _PartLabels(files, table, keys, column, frame.height))


def _scan(files: Sequence[SourceFile]) -> pl.LazyFrame:
    return pl.scan_parquet([file.path for file in files], glob=False)


def _filtered(plan: pl.LazyFrame, table: CdmTable, keys: pl.Series | None, column: str) -> pl.LazyFrame:
    if keys is None:
        return plan
    return plan.filter(pl.col(table.columns[column]).cast(pl.Int64).is_in(keys.implode()))


_NUMBER = "\0number"  # a name that no column has


@dataclass(frozen=True, eq=False)
class _PartLabels(Sequence[str]):
    """The labels of the rows that have one of the keys, numbered over all parts. Few have no key of their own to be
    named by, so the numbers are sought where one is asked for."""

    files: Sequence[SourceFile]
    table: CdmTable
    keys: pl.Series | None
    column: str
    height: int

    def __len__(self) -> int:
        return self.height

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.height))]
        number = self._numbers[index]
        part = bisect_right(self._starts, number) - 1
        label = f"row {number - self._starts[part] + 1}"
        return label if len(self.files) == 1 else f"{PurePosixPath(self.files[part].name).name} {label}"

    @cached_property
    def _numbers(self) -> pl.Series:
        plan = pl.scan_parquet([file.path for file in self.files], row_index_name=_NUMBER, glob=False)
        with unreadable(self.files[0]):
            found = _filtered(plan, self.table, self.keys, self.column).select(_NUMBER)
            return found.collect(engine="streaming").to_series()

    @cached_property
    def _starts(self) -> list[int]:
        """How many rows there are before each part."""
        rows = [pl.scan_parquet(file.path, glob=False).select(pl.len()).collect().item() for file in self.files]
        return [0, *accumulate(rows)][:-1]


def one_of(place: str, column: str, table: CdmTable, database: CdmDatabase, keys: pl.Series | None) -> str:
    """Return DuckDB's SQL that a column of a table is one of the keys."""
    if keys is None:
        return ""
    own = database.quoted(table.columns[column])
    name = own if table.kinds[column] == "integer" else f"CAST({own} AS BIGINT)"
    return f"{name} IN (SELECT unnest([{', '.join(map(str, keys))}]::BIGINT[]))"


def check_cells(name: str, where: str, table: str, rows: int, columns: int) -> None:
    """Raise SourceError for a table with more cells than are held."""
    if rows * columns > TABLE_CELLS:
        do = "ask for the rows of the study's patients alone, or declare a `selection`"
        raise too_many_cells(f"{name}, table {table}", where, rows * columns, TABLE_CELLS, do)


def _numbered(frame: pl.DataFrame) -> list[str]:
    return [f"row {number}" for number in range(1, frame.height + 1)]


def is_parquet(file: SourceFile) -> bool:
    return file.name.lower().endswith(".parquet")


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _check_is_database(file: SourceFile) -> None:
    """Raise SourceError where a file is no DuckDB database."""
    looks = seems(file.read(4096))
    if looks != DATABASE:
        raise SourceError(
            f"{file.name} is not an OMOP database: it seems to be {looks}",
            where=str(file.path),
            expected="a folder of CSV or Parquet files, or a DuckDB file",
        )


@contextmanager
def _told_of_parts(tables: Mapping[str, Sequence[SourceFile]]) -> Iterator[None]:
    """Tell a fault as that of the part that is to blame, if one is; looking at all of them first would take longer
    than the question."""
    try:
        yield
    except SourceError:
        for table, files in tables.items():
            _check_parts(table, files)
        raise


def _check_parts(table: str, files: Sequence[SourceFile]) -> None:
    """Raise SourceError where a part is no Parquet file, or other columns or types stand in it than in the first."""
    first: object = None
    for file in filter(is_parquet, files):
        with unreadable(file):
            schema = pl.scan_parquet(file.path, glob=False).collect_schema()
        first = schema if first is None else first
        if schema != first:
            raise SourceError(
                f"The parts of {table} do not have the same columns",
                where=f"{files[0].name} and {file.name}",
                expected="the same columns of the same types in every part",
                do="export the table again",
            )


@contextmanager
def unreadable(file: SourceFile) -> Iterator[None]:
    """Tell a fault of Polars as one of the Parquet file."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise SourceError(
            f"{file.name} is not a readable Parquet file: it seems to be {seems(file.read(1 << 16))}",
            where=f"{file.path} ({str(error).splitlines()[0]})",
            do="export the table again",
        ) from error


@contextmanager
def told(name: str, where: str) -> Iterator[None]:
    """Tell a fault of DuckDB as one of the source."""
    import duckdb

    try:
        yield
    except duckdb.ConversionException as error:
        raise SourceError(
            f"{name} holds a day or an id that cannot be read as one",
            where=f"{where} ({str(error).splitlines()[0]})",
            expected="days as dates or as text like 2020-04-03, ids as whole numbers",
            do="correct the export",
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise SourceError(
            f"{name}: the selection needs more memory than it may take", where=f"{where} ({_MEMORY})",
            do="select by a rarer index event, or run in parts",
        ) from error  # fmt: skip
    except duckdb.Error as error:
        raise SourceError(f"{name} cannot be read as {DATABASE}", where=f"{where} ({error})") from error


def _kind(kind: str) -> Kind:
    name = kind.upper()
    if name in ("DATE",):
        return "date"
    if name.startswith("TIMESTAMP"):
        return "datetime"
    if name in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"):
        return "integer"
    if name in ("FLOAT", "DOUBLE", "HUGEINT", "UHUGEINT") or name.startswith("DECIMAL"):
        return "number"
    return "text" if name.startswith("VARCHAR") else "other"


def _series(name: str, array: np.ndarray, kind: str = "") -> pl.Series:
    """A DuckDB column (numpy, masked where null) as a Series; dates arrive as time stamps at midnight.

    Through numpy because DuckDB's own way to Polars needs pyarrow, and its Arrow stream, read by Polars,
    makes DuckDB 2.0 print a page about leaked references when Python ends.
    """
    import numpy as np  # comes with DuckDB's columns; nothing else here needs it

    data, null = np.ma.getdata(array), np.ma.getmaskarray(array)
    if data.dtype == object:
        if kind != "VARCHAR":
            cells = (None if gone else str(value) for value, gone in zip(data, null, strict=True))
            return pl.Series(name, list(cells), dtype=pl.String)
        data[null] = None
        return pl.Series(name, data.tolist(), dtype=pl.String)
    return pl.select(pl.when(pl.lit(pl.Series(~null))).then(pl.lit(pl.Series(data))).alias(name)).to_series()


def whole_ids(file: SourceFile, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[SourceNote]]:
    """Take the '.0' off ids, which are integers in the CDM; a decimal id would match no other table."""
    ids = [name for name in frame.columns if name.lower().endswith("_id")]
    whole = frame.select(pl.col(name).str.contains(r"^-?\d+\.0+$").sum() for name in ids)
    changed = [name for name in ids if whole[name][0]]
    notes = []
    for name in changed:
        message = f"{whole[name][0]} id(s) are written as decimals ('8507.0'); they are read without the '.0'."
        notes.append(SourceNote("decimal_id", f"{file.name}!{name}", message))
    return (frame.with_columns(pl.col(changed).str.replace(r"\.0+$", "")) if changed else frame), notes
