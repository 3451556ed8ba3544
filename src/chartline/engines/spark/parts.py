"""Parts of the persons on Spark: their rows go to a function of this code, the files that it gives come back.

    every table   the rows of the selected persons, part = person_id modulo parts, its columns as one struct
    all tables    one frame: part, one struct column a table; grouped by part
    each part     one call of a Python function: the tables as rows of text in, files out (part, name, content)

Spark repeats a task that fails and commits its files once, so no part is counted twice. Files come back as rows of a
Parquet table in the work folder, there whole or not at all, and the run makes of them the same folders that workers of
one machine leave. A fault of the study (`StudyError`) comes back likewise, as itself, and is not tried again.
The function is an aggregate over Arrow arrays (`arrow_udf`), for `applyInArrow` does not run without pandas, which
chartline does not use.
Executors need chartline and Polars installed, and nothing of the study: what it declares is sent to them.
"""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from chartline.engines.spark.database import SparkCdm, listed, local_address, placed, placed_rows
from chartline.engines.spark.session import attended, told
from chartline.engines.work import finished_whole
from chartline.errors import StudyError
from chartline.sources.cdm import CdmTable, Rows
from chartline.sources.omop_persons import is_lead, leads_to, reading_order

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Files = Mapping[str, bytes]  # path below a folder -> content
Tell = Callable[[str], None]
_FILES = "array<struct<name: string, content: binary>>"
_FAULT = ""  # the name of no file: its content is what went wrong


def chart_parts(
    database: SparkCdm,
    persons: pl.Series,
    tables: Mapping[str, Sequence[str]],
    parts: int,
    function: Callable[[int, dict[str, Rows]], Files],
    out: Path,
    tell: Tell,
) -> None:
    """Hand the rows of `persons` in `tables` (each with the columns that are read), part by part, to `function`, and
    keep its files at `out`.

    Every part is handed over, also one in which there is nobody. Of a table that speaks of no person a part has the
    rows to which those of its persons lead, as a part that is read on one machine.
    """
    with told(out.parent, database.name):
        every = _by_part(database, persons, tables, parts)
    described = {name: database.tables[name] for name in tables}

    def charted(part: int, table: pa.Table) -> Files:
        return function(part, _tables(table, described, part))

    _keep(every, parts, charted, out, lambda what: tell(f"Reading and mapping on Spark{what}"))


def _by_part(database: SparkCdm, persons: pl.Series, tables: Mapping[str, Sequence[str]], parts: int) -> DataFrame:
    """Return the rows of all tables, each in the struct column of its table, with their part."""
    from pyspark.sql import functions as f

    session = database.session
    chosen = f.broadcast(listed(session, persons, "chosen_person"))
    every = numbers = session.range(parts).select(f.col("id").cast("int").alias("part"))
    read: dict[str, DataFrame] = {}
    for table in reading_order(database.tables[name] for name in tables):
        rows = placed(database.frames[table.name], table, tables[table.name])
        if table.person_column is not None:
            person = f.expr(database.as_id(table, table.person_column))
            rows = rows.join(chosen, person == f.col("chosen_person"), "left_semi")
            rows = rows.withColumn("part", f.pmod(person, f.lit(parts)).cast("int"))
        else:
            rows = _led_to(database, table, rows, read, numbers, tables)
        read[table.name] = rows
        own = [f.col(f"`{c}`") for c in rows.columns if c != "part"]
        every = every.unionByName(rows.select("part", f.struct(*own).alias(table.name)), allowMissingColumns=True)
    return every


def _led_to(
    database: SparkCdm,
    table: CdmTable,
    rows: DataFrame,
    read: Mapping[str, DataFrame],
    parts: DataFrame,
    columns: Mapping[str, Sequence[str]],
) -> DataFrame:
    """Return the rows of a table without persons, in each part those to which its other rows lead."""
    from pyspark.sql import functions as f

    column, leads = leads_to(table)
    if not column:  # nothing leads there: every part has the whole of it
        return rows.crossJoin(parts)
    keys = None
    for name, frame in read.items():
        for lead in columns[name]:
            if is_lead(name, lead, leads):
                key = f.expr(database.as_id(database.tables[name], lead)).alias("key")
                found = frame.select("part", key)
                keys = found if keys is None else keys.union(found)
    if keys is None:
        return rows.crossJoin(parts.limit(0))
    keys = keys.where("key IS NOT NULL").distinct()
    return rows.join(keys, f.expr(database.as_id(table, column)) == f.col("key")).drop("key")


def _tables(grouped: pa.Table, described: Mapping[str, CdmTable], part: int) -> dict[str, Rows]:
    """Return the tables of one part from its rows."""
    frame = pl.DataFrame(pl.from_arrow(grouped))
    out = {}
    for name, table in described.items():
        rows = frame.filter(pl.col(name).is_not_null()).select(name).unnest(name)
        out[name] = placed_rows(rows, table, f"part {part} ")
    return out


def derive_parts(
    session: SparkSession,
    charts: Path,
    parts: Sequence[int],
    function: Callable[[int, Files], Files],
    out: Path,
    tell: Tell,
) -> None:
    """Hand the files that `chart_parts` kept at `charts`, of each of these parts, to `function`; keep its files at
    `out`."""
    from pyspark.sql import functions as f

    def derived(part: int, table: pa.Table) -> Files:
        return function(part, dict(zip(table["name"].to_pylist(), table["content"].to_pylist(), strict=True)))

    with told(out.parent):
        frame = session.read.parquet(local_address(charts)).where(f.col("part").isin(list(parts)))
    _keep(frame, len(parts), derived, out, lambda what: tell(f"Deriving and counting on Spark{what}"), parts)


def _keep(
    frame: DataFrame,
    tasks: int,
    function: Callable[[int, pa.Table], Files],
    out: Path,
    tell: Tell,
    parts: Iterable[int] | None = None,
) -> None:
    """Group by part, apply, and write the files as one Parquet table: there whole or not at all.

    Raises what the function raised of the study, and `StudyError` where a part did not come back.
    """
    import pyarrow as pa
    from pyspark.sql import functions as f
    from pyspark.sql.pandas.functions import arrow_udf

    names = frame.columns

    def apply(*columns: pa.Array) -> Any:
        table = pa.table(dict(zip(names, columns, strict=True)))
        try:
            files = function(table["part"][0].as_py(), table.drop_columns(["part"]))
        except StudyError as e:
            files = {_FAULT: pickle.dumps(e)}
        return [{"name": name, "content": content} for name, content in files.items()]

    apply.__annotations__ = {"columns": pa.Array, "return": Any}  # by which Spark knows what kind of function it is
    made = arrow_udf(apply, _FILES)  # type: ignore[call-overload]
    grouped = frame.repartition(tasks, "part").groupBy("part").agg(made(*names).alias("files"))
    done = grouped.select("part", f.inline("files"))
    new = out.with_name(f".{out.name}.new-{os.getpid()}")  # of this run alone: a killed one may still be at its own
    shutil.rmtree(new, ignore_errors=True)
    # One file a task: a part is in one file, however many rows a file of this cluster may have.
    writer = done.write.option("maxRecordsPerFile", 0)
    with told(out.parent):
        attended(frame.sparkSession, tell, lambda: writer.parquet(f"file://{new}"))
    _check(new, set(range(tasks) if parts is None else parts))
    new.rename(out)


def _check(kept: Path, parts: set[int]) -> None:
    table = pl.scan_parquet(sorted(kept.glob("*.parquet")), glob=False)
    faults = table.filter(pl.col("name") == _FAULT).sort("part").select("content").head(1).collect()
    if faults.height:
        raise pickle.loads(faults["content"][0])
    came = table.select("part", "name").collect()
    lacking = parts ^ set(came["part"])
    if lacking or came.is_duplicated().any():
        raise StudyError(
            f"What came back from Spark is not whole: {len(lacking)} of {len(parts)} parts are lacking."
            if lacking
            else "A part came back from Spark twice.",
            where=str(kept),
            expected="a disk that this machine and all executors share, and each part once",
            do="name an --out on such a disk, and run again",
        )


def put_folders(kept: Path, folder_of: Callable[[int], Path]) -> None:
    """Make folders of the files that are kept, one a part; those that are there already stay."""
    for file in sorted(kept.glob("*.parquet")):
        files = pl.read_parquet(file, glob=False)
        for (part,), own in files.group_by("part"):
            folder = folder_of(int(str(part)))
            if not folder.exists():
                with finished_whole(folder) as new:
                    write_files(dict(own.select("name", "content").iter_rows()), new)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_files(files: Files, folder: Path) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
