"""An OMOP CDM in PostgreSQL: a `CdmDatabase` over one connection that can only read.

In: the server's address, the schemas of its tables, the name of the environment variable with the password. Out: rows
by COPY, which the server writes as text and Polars reads, block by block; a value is the text that it is in any other
dialect. All questions of one reading see the same state of the database (one transaction, REPEATABLE READ, READ ONLY).
Rows come in the order of their primary key: a table has none of its own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polars as pl

from chartline.errors import SourceError, StudyError
from chartline.sources.cdm import CdmDatabase, CdmTable, Kind, Rows
from chartline.sources.cdm_text import as_text, decimal_text
from chartline.sources.csvblocks import whole_records
from chartline.sources.limits import MIB, TABLE_CELLS, too_many_cells

if TYPE_CHECKING:
    from psycopg import Connection

_BLOCK = 8 * MIB  # of rows that are in work at a time
_SETTINGS = "SET TIME ZONE 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 1"
_KINDS: dict[str, Kind] = {
    "smallint": "integer", "integer": "integer", "bigint": "integer", "numeric": "number", "real": "number",
    "double precision": "number", "date": "date", "timestamp without time zone": "datetime",
    "timestamp with time zone": "datetime", "character varying": "text", "text": "text", "character": "text",
}  # fmt: skip
# Object ids of types in `pg_type`, which never change.
_BOOL, _INTEGERS, _FLOATS, _NUMERIC, _DATE, _TIME = 16, (20, 21, 23, 26), (700, 701), 1700, 1082, 1083
_TIMESTAMP, _TIMESTAMP_ZONE, _BYTES = 1114, 1184, 17


class Postgres(CdmDatabase):
    """A PostgreSQL database with the tables of some schemas."""

    def __init__(self, address: str, schemas: Sequence[str], password: str | None) -> None:
        url = urlsplit(address)
        self.name, self.where = url.path.strip("/"), address
        self.connection = _connected(address, _secret(password))
        try:
            with self._told():
                self.connection.execute(_SETTINGS)
                self.tables = dict(self._found(schemas))
        except StudyError:
            self.close()
            raise
        if not self.tables:
            self.close()
            raise SourceError(
                f"The database {self.name} has no tables in {', '.join(schemas)} that may be read",
                where=address,
                do="name the schemas of the CDM in `schemas`, and ask for the right to read them",
            )

    def query(self, sql: str) -> pl.DataFrame:
        frame, types = self._copied(sql)
        return frame.select(_typed(series, oid) for series, oid in zip(frame, types, strict=True))

    def rows(self, table: CdmTable, keys: pl.Series | None, column: str, columns: Sequence[str]) -> Rows:
        where = ""
        if keys is not None:
            own = self.quoted(table.columns[column])
            name = own if table.kinds[column] == "integer" else f"CAST({own} AS bigint)"
            where = f" WHERE {name} IN (SELECT unnest('{{{','.join(map(str, keys))}}}'::bigint[]))"
        order = f" ORDER BY {self.quoted(table.columns[table.key])}" if table.key in table.columns else ""
        frame, types = self._copied(f"SELECT {self.listed(table, columns)} FROM {table.place}{where}{order}")
        if frame.height * frame.width > TABLE_CELLS:
            do = "select fewer persons, or run in parts"
            raise too_many_cells(f"table {table.name}", self.where, frame.height * frame.width, TABLE_CELLS, do)
        text = as_text(frame.select(_typed(series, oid, text=True) for series, oid in zip(frame, types, strict=True)))
        return Rows(text, [f"row {number}" for number in range(1, text.height + 1)])

    def pairs(self, rows: Sequence[tuple[int, int]]) -> str:
        arrays = ("'{" + ",".join(str(row[i]) for row in rows) + "}'::bigint[]" for i in (0, 1))
        return f"(SELECT * FROM unnest({', '.join(arrays)}) AS pairs (id, n))"

    def close(self) -> None:
        self.connection.close()

    def _found(self, schemas: Sequence[str]) -> Iterator[tuple[str, CdmTable]]:
        sql = (
            "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = ANY(%s) ORDER BY array_position(%s, table_schema::text), table_name, ordinal_position"
        )
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for schema, table, column, kind in self.connection.execute(sql, (list(schemas), list(schemas))).fetchall():
            found.setdefault((schema, table), []).append((column, kind))
        seen: dict[str, tuple[str, str]] = {}
        for (schema, own), columns in found.items():
            name = own.lower()
            first = seen.setdefault(name, (schema, own))
            if first != (schema, own):
                if first[0] == schema:
                    raise SourceError(f"{self.name} has two tables {name}", where=f"{first[1]} and {own} in {schema}")
                continue
            names = {column.lower(): column for column, _ in columns}
            if len(names) < len(columns):
                raise SourceError(f"{self.name} has two columns that differ only in capitals", where=f"table {own}")
            kinds = {column.lower(): _KINDS.get(kind, "other") for column, kind in columns}
            yield name, CdmTable(name, f"{self.quoted(schema)}.{self.quoted(own)}", names, kinds, self.name)

    def _copied(self, sql: str) -> tuple[pl.DataFrame, list[int]]:
        """Return the rows of a question as text, and the types of its columns."""
        with self._told(), self.connection.cursor() as cursor:
            described = cursor.execute(f"SELECT * FROM ({sql}) AS asked LIMIT 0").description or ()
            names = [one.name for one in described]
            with cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)") as copy:
                frames = [_frame(block, names) for block in whole_records(_gathered(copy))]
        empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return pl.concat([empty, *frames]), [one.type_code for one in described]

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell a fault of the server as one of the source; nothing half-read goes on."""
        import psycopg

        try:
            yield
        except (psycopg.errors.InvalidTextRepresentation, psycopg.errors.DatetimeFieldOverflow) as error:
            raise SourceError(
                f"{self.name} holds a day or an id that cannot be read as one",
                where=f"{self.where} ({_first_line(error)})",
                expected="days as dates or as text like 2020-04-03, ids as whole numbers",
                do="correct the export",
            ) from error
        except psycopg.errors.InvalidDatetimeFormat as error:
            raise SourceError(
                f"{self.name} holds a day that cannot be read as one",
                where=f"{self.where} ({_first_line(error)})",
                expected="days as dates or as text like 2020-04-03",
                do="correct the export",
            ) from error
        except psycopg.OperationalError as error:
            raise SourceError(
                f"The connection to the database {self.name} was lost",
                where=f"{self.where} ({_first_line(error)})",
                do="run again; nothing was written",
            ) from error
        except psycopg.Error as error:
            raise SourceError(
                f"The database {self.name} refused a question",
                where=f"{self.where} ({_first_line(error)})",
                do="ask for the right to read the tables of the CDM",
            ) from error


def _connected(address: str, password: str | None) -> Connection:
    try:
        import psycopg
    except ImportError as error:
        raise StudyError(
            "A PostgreSQL database needs psycopg, which is not installed",
            where=address,
            do='install it: pip install "chartline[postgres]"',
        ) from error
    try:
        connection = psycopg.connect(address, password=password, connect_timeout=30, application_name="chartline")
    except psycopg.Error as error:
        raise SourceError(
            "The database cannot be reached",
            where=f"{address} ({_first_line(error)})",
            expected="a PostgreSQL server that lets this user read",
            do="check the address, the user, and the environment variable of the password",
        ) from error
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


def _secret(name: str | None) -> str | None:
    if name is None:
        return None
    if name not in os.environ:
        raise SourceError(
            f"The environment variable {name} is not set",
            where="password of the OMOP database",
            do=f"set it for this run, and nowhere else: {name}=... chartline run ...",
        )
    return os.environ[name]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _gathered(rows: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """Join what the server sends, a row a message, to blocks: a frame a row would take a thousand times as long."""
    block = bytearray()
    for row in rows:
        block += row
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _frame(block: bytes, names: list[str]) -> pl.DataFrame:
    schema = dict.fromkeys(names, pl.String)
    return pl.read_csv(io.BytesIO(block), has_header=False, schema=schema)


def _typed(series: pl.Series, oid: int, *, text: bool = False) -> pl.Series:
    """A column of text as its type. `text`: it becomes text again, so exact decimals are left as they are."""
    if oid == _BOOL:
        return series.replace_strict({"t": True, "f": False}, return_dtype=pl.Boolean)
    if oid in _INTEGERS:
        return series.cast(pl.Int64)
    if oid in _FLOATS:
        return series.cast(pl.Float64)
    if oid == _NUMERIC:
        return decimal_text(series) if text else series.cast(pl.Float64)
    if oid == _DATE:
        return series.str.to_date("%Y-%m-%d")
    if oid == _TIME:
        return series.str.to_time("%H:%M:%S%.f")
    if oid in (_TIMESTAMP, _TIMESTAMP_ZONE):
        return series.str.replace(r"\+00$", "").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")
    if oid == _BYTES:
        return series.str.replace(r"^\\x", "")
    return series
