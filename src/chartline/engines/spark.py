"""The patient side on Spark: the tables of an OMOP database are read by Spark, and each part of the persons is worked
on by the same Polars functions as on one machine.

    every table   semi-joined with the selected persons, part = person_id modulo parts, its columns as one struct
    all tables    one frame: part, one struct column a table; grouped by part
    each part     one call of a Python function: the tables as Polars frames in, files out (part, name, content)

Spark retries a task that fails and commits its files once, so no part is counted twice. Files come back as rows of a
Parquet table in the work folder, and the run makes of them the same folders that workers of one machine leave.
The function is an aggregate over Arrow arrays (`arrow_udf`), for `applyInArrow` does not run without pandas, which
chartline does not use.
Executors need chartline and Polars installed, and nothing of the study: what it declares is sent to them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from chartline.engines.work import finished_whole
from chartline.errors import SourceError, StudyError
from chartline.sources.cdm import CdmDatabase, CdmTable, Kind, Rows

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql import SparkSession as SparkSession

Files = Mapping[str, bytes]  # path below a folder -> content
_FILES = "array<struct<name: string, content: binary>>"


@contextmanager
def spark_session(master: str) -> Iterator[SparkSession]:
    """Yield a session on `local[2]` or the address of a cluster. Raises `StudyError` where Spark is not installed."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as e:
        raise StudyError(
            "Spark is not installed.",
            expected="the extra `spark` of chartline and Java 17",
            do="install chartline with the extra `spark`",
        ) from e
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("chartline").config("spark.sql.session.timeZone", "UTC")
    session = builder.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


class SparkCdm(CdmDatabase):
    """An OMOP database as tables of Spark: Parquet folders, or the tables of a schema of its catalog."""

    def __init__(self, session: SparkSession, name: str, places: Mapping[str, str], schema: str | None = None) -> None:
        """`places`: table in small letters -> the Parquet folder or file; of a catalog's `schema` all its tables.

        `name` is what the database is called, and `file` of a table what its addresses begin with, as on one machine.
        """
        self.session, self.name = session, name
        frames = {t: self._parquet(place) for t, place in places.items()} if schema is None else self._catalog(schema)
        self.tables = {}
        for table, frame in frames.items():
            frame.createOrReplaceTempView(table)
            self.tables[table] = _described(table, frame, name)

    def _parquet(self, place: str) -> DataFrame:
        try:
            return self.session.read.parquet(place)
        except Exception as e:  # Spark's own errors, which need not be installed to be named
            raise SourceError("Spark cannot read a table", where=f"{place} ({str(e).splitlines()[0]})") from e

    def _catalog(self, schema: str) -> dict[str, DataFrame]:
        found = self.session.catalog.listTables(schema)
        return {t.name.lower(): self.session.table(f"{schema}.`{t.name}`") for t in found if not t.isTemporary}

    def query(self, sql: str) -> pl.DataFrame:
        found = self.session.sql(sql).toArrow()
        return pl.DataFrame(pl.from_arrow(found))

    def quoted(self, name: str) -> str:
        return f"`{name.replace('`', '``')}`"

    def rows(self, table: CdmTable, keys: pl.Series | None, column: str) -> Rows:
        raise NotImplementedError("rows are read by part")

    def close(self) -> None:
        """The session is closed by who opened it."""


def _described(name: str, frame: DataFrame, file: str) -> CdmTable:
    columns = {field.name.lower(): field.name for field in frame.schema.fields}
    kinds = {field.name.lower(): _kind(field.dataType.simpleString()) for field in frame.schema.fields}
    return CdmTable(name, f"`{name}`", columns, kinds, file)


def _kind(type_: str) -> Kind:
    if type_ in ("tinyint", "smallint", "int", "bigint"):
        return "integer"
    if type_ in ("float", "double") or type_.startswith("decimal"):
        return "number"
    named: dict[str, Kind] = {
        "date": "date", "timestamp": "datetime", "timestamp_ntz": "datetime", "string": "text",
    }  # fmt: skip
    return named.get(type_, "other")


def chart_parts(
    database: SparkCdm,
    persons: pl.Series,
    tables: Sequence[str],
    parts: int,
    function: Callable[[int, dict[str, pl.DataFrame]], Files],
    out: Path,
) -> None:
    """Hand the rows of `persons` in `tables`, part by part, to `function`, and keep its files at `out`."""
    from pyspark.sql import functions as f

    session = database.session
    chosen = f.broadcast(session.createDataFrame([(int(p),) for p in persons], "chosen_person bigint"))
    frames = []
    for name in tables:
        table = database.tables[name]
        if table.person_column is None:
            raise StudyError(
                f"The table {name} speaks of no person and is not read on Spark.",
                do="leave it out of the mapping, or run on one machine",
            )
        person = f.col(f"`{table.columns[table.person_column]}`").cast("bigint")
        rows = session.table(name).join(chosen, person == f.col("chosen_person"), "left_semi")
        struct = f.struct(*(f.col(f"`{own}`") for own in table.columns.values()))
        frames.append(rows.select(f.pmod(person, f.lit(parts)).cast("int").alias("part"), struct.alias(name)))
    every = frames[0]
    for frame in frames[1:]:
        every = every.unionByName(frame, allowMissingColumns=True)
    keys = {name: database.tables[name] for name in tables}
    _keep(every, parts, lambda part, table: function(part, _tables(table, keys)), out)


def _tables(grouped: pa.Table, described: Mapping[str, CdmTable]) -> dict[str, pl.DataFrame]:
    """Return the tables of one part from its rows, each in the order of its primary key."""
    frame = pl.DataFrame(pl.from_arrow(grouped))
    out = {}
    for name, table in described.items():
        rows = frame.filter(pl.col(name).is_not_null()).select(name).unnest(name)
        keys = [table.columns[c] for c in (table.key, *table.columns) if c in table.columns]
        out[name] = rows.sort(list(dict.fromkeys(keys)), nulls_last=True)
    return out


def derive_parts(
    session: SparkSession, charts: Path, parts: int, function: Callable[[int, Files], Files], out: Path
) -> None:
    """Hand the files that `chart_parts` kept at `charts`, part by part, to `function`, and keep its files at `out`."""

    def derived(part: int, table: pa.Table) -> Files:
        return function(part, dict(zip(table["name"].to_pylist(), table["content"].to_pylist(), strict=True)))

    _keep(session.read.parquet(str(charts)), parts, derived, out)


def _keep(frame: DataFrame, parts: int, function: Callable[[int, pa.Table], Files], out: Path) -> None:
    """Group by part, apply, and write the files as one Parquet table: there whole or not at all."""

    import pyarrow as pa
    from pyspark.sql import functions as f
    from pyspark.sql.pandas.functions import arrow_udf

    names = frame.columns

    def apply(*columns: pa.Array) -> Any:
        table = pa.table(dict(zip(names, columns, strict=True)))
        files = function(table["part"][0].as_py(), table.drop_columns(["part"]))
        return [{"name": name, "content": content} for name, content in files.items()]

    apply.__annotations__ = {"columns": pa.Array, "return": Any}  # by which Spark knows what kind of function it is
    made = arrow_udf(apply, _FILES)  # type: ignore[call-overload]
    grouped = frame.repartition(parts, "part").groupBy("part").agg(made(*names).alias("files"))
    done = grouped.select("part", f.inline("files"))
    done.write.mode("overwrite").parquet(str(out))


def put_folders(kept: Path, folder_of: Callable[[int], Path]) -> set[int]:
    """Make folders of the files that are kept, one a part; return the parts that there are."""
    table = pl.scan_parquet(kept / "*.parquet")
    parts = set(table.select("part").unique().collect()["part"])
    for part in sorted(parts):
        folder = folder_of(part)
        if not folder.exists():
            files = table.filter(pl.col("part") == part).collect()
            with finished_whole(folder) as new:
                write_files(dict(files.select("name", "content").iter_rows()), new)
    return parts


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_files(files: Files, folder: Path) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
