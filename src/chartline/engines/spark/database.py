"""SparkCdm: an OMOP database that Spark reads, as Parquet files or as the tables of a schema of its catalog.

In: files or the name of a schema. Out: a `CdmDatabase` like those of one machine, in whose questions and rows a value,
its address and its place are the same. Each question is one plan of Spark, which shares what stands in it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from chartline.engines.spark.session import told
from chartline.errors import SourceError
from chartline.sources.cdm import CdmDatabase, CdmTable, Kind, Rows, check_tables
from chartline.sources.cdm_text import as_text
from chartline.sources.limits import TABLE_CELLS, named, too_many_cells

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Where a row stands in a Parquet file, beside its columns; a catalog's tables have no such place.
FILE, ROW = "__file", "__row"
_KINDS: dict[str, Kind] = {
    "tinyint": "integer", "smallint": "integer", "int": "integer", "bigint": "integer", "float": "number",
    "double": "number", "date": "date", "timestamp": "datetime", "timestamp_ntz": "datetime", "string": "text",
}  # fmt: skip


class SparkCdm(CdmDatabase):
    """An open OMOP database of Spark. `frames`: its tables with all their rows, and the place of each."""

    def __init__(self, session: SparkSession, name: str) -> None:
        self.session, self.name = session, name
        self.tables: dict[str, CdmTable] = {}
        self.frames: dict[str, DataFrame] = {}

    @classmethod
    def of_parquet(
        cls, session: SparkSession, name: str, files: Mapping[str, Sequence[Path]], described: Mapping[str, CdmTable]
    ) -> SparkCdm:
        """Open Parquet files, `files` those of each table. `described` are the tables as one machine calls them."""
        from pyspark.sql import functions as f

        database = cls(session, name)
        for table, parts in files.items():
            with told(where=str(parts[0])):
                frame = session.read.parquet(*map(local_address, parts))
            file = f.col("_metadata.file_name") if len(parts) > 1 else f.lit(None).cast("string")
            placed = frame.select("*", file.alias(FILE), f.col("_metadata.row_index").alias(ROW))
            database._add(table, frame, placed)
            own = described[table]
            database.tables[table] = replace(database.tables[table], file=own.file, inside=own.inside)
        return database

    @classmethod
    def of_catalog(cls, session: SparkSession, schema: str, listed: Sequence[str] = ()) -> SparkCdm:
        """Open a schema (`SCHEMA` or `CATALOG.SCHEMA`) of Spark's catalog; `listed`: only these tables, if any.

        Raises `SourceError` where it is not there or has no tables, `MappingError` where a listed one is not there."""
        database = cls(session, schema)
        with told(where=f"the catalog's schema {schema}"):
            if not session.catalog.databaseExists(schema):
                raise SourceError(
                    f"Spark's catalog has no schema {schema}",
                    expected=f"among: {named(sorted(d.name for d in session.catalog.listDatabases()))}",
                    do="correct --catalog; which catalog Spark looks into stands in its spark-defaults.conf",
                )
            found = [t.name for t in session.catalog.listTables(schema) if not t.isTemporary]
        check_tables({name.lower() for name in found}, listed, f"the catalog's schema {schema}")
        for own in found:
            if not listed or own.lower() in listed:
                place = ".".join(database.quoted(part) for part in (*schema.split("."), own))
                with told(where=f"table {own} of the catalog's schema {schema}"):
                    frame = session.table(place)
                    database._add(own.lower(), frame, frame)
        if not database.tables:
            raise SourceError(
                f"The schema {schema} of Spark's catalog has no tables that may be read",
                do="name the schema of the CDM in --catalog, and ask for the right to read it",
            )
        return database

    def _add(self, name: str, frame: DataFrame, placed: DataFrame) -> None:
        fields = frame.schema.fields
        columns = {field.name.lower(): field.name for field in fields}
        if name in self.tables or len(columns) < len(fields):
            raise SourceError(f"{self.name} has two tables or columns that differ only in capitals", where=name)
        frame.createOrReplaceTempView(self.quoted(name))
        kinds = {field.name.lower(): _kind(field.dataType.simpleString()) for field in fields}
        self.tables[name] = CdmTable(name, self.quoted(name), columns, kinds, self.name)
        self.frames[name] = placed

    def query(self, sql: str) -> pl.DataFrame:
        with told(where=self.name):
            found = self.session.sql(sql).toArrow()
        return pl.DataFrame(pl.from_arrow(found))

    def quoted(self, name: str) -> str:
        return f"`{name.replace('`', '``')}`"

    def rows(self, table: CdmTable, keys: pl.Series | None, column: str, columns: Sequence[str]) -> Rows:
        from pyspark.sql import functions as f

        frame = self.frames[table.name]
        with told(where=f"{self.name}, table {table.name}"):
            if keys is not None:
                wanted = f.broadcast(listed(self.session, keys, "wanted"))
                frame = frame.join(wanted, f.expr(self.as_id(table, column)) == f.col("wanted"), "left_semi")
            found = pl.DataFrame(pl.from_arrow(placed(frame, table, columns).toArrow()))
        if (cells := found.height * found.width) > TABLE_CELLS:
            raise too_many_cells(f"table {table.name}", self.name, cells, TABLE_CELLS, "run with --spark and --parts")
        return placed_rows(found, table)

    def as_id(self, table: CdmTable, column: str) -> str:
        """Return the SQL of an id as a whole number of 64 bits, whatever type it has here."""
        return f"CAST({self._as_meant(table, column)} AS BIGINT)"

    def close(self) -> None:
        """The session is closed by who opened it."""


def placed(frame: DataFrame, table: CdmTable, columns: Iterable[str]) -> DataFrame:
    """Return these columns (in small letters) of a table, and the place of each row where it has one."""
    own = (f"`{table.columns[c].replace('`', '``')}`" for c in columns)
    return frame.select(*own, *(c for c in (FILE, ROW) if c in frame.columns))


def placed_rows(frame: pl.DataFrame, table: CdmTable, of: str = "") -> Rows:
    """Return the rows of a table as text, in the order of their files or, where there are none, of the primary key and
    then of all columns. `of` ('part 3 ') is put before the number of a row that has no place in a file."""
    if ROW not in frame.columns:
        own = (table.columns[c] for c in (table.key, *table.columns) if c in table.columns)
        keys = [name for name in own if name in frame.columns]
        frame = frame.sort(list(dict.fromkeys(keys)), nulls_last=True)
        return Rows(as_text(frame), [f"{of}row {number}" for number in range(1, frame.height + 1)])
    frame = frame.sort(FILE, ROW)
    row = pl.format("row {}", pl.col(ROW) + 1)
    labels = frame.select(pl.when(pl.col(FILE).is_null()).then(row).otherwise(pl.format("{} {}", FILE, row)))
    return Rows(as_text(frame.drop(FILE, ROW)), labels.to_series().to_list())


def listed(session: SparkSession, keys: pl.Series, name: str) -> DataFrame:
    """Return whole numbers of 64 bits as a frame of Spark with one column."""
    return session.createDataFrame(keys.cast(pl.Int64).alias(name).to_frame().to_arrow())


def local_address(path: Path) -> str:
    """Return a file of a disk as Spark takes it, whatever its name holds and whatever other disk the cluster has."""
    text = "".join(f"\\{c}" if c in "\\{}[]*?" else c for c in str(path.absolute()))
    return f"file://{text}"


def _kind(type_: str) -> Kind:
    return "number" if type_.startswith("decimal") else _KINDS.get(type_, "other")
