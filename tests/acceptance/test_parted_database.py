"""A database that fails while a study is run in parts: no output, a clear message, and a rerun that ends right.

The database is simulated: 200 persons, of whom about 20 are selected; a PostgreSQL server from a wheel, and Parquet.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest

from chartline.errors import SourceError
from chartline.pipeline import simulate_database
from chartline.sources.cdm_postgres import Postgres
from omop_databases import wheel_server, write_postgres
from parted import numbers_of, run_inline

PARTS, READS = 3, 4


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose database is folders of Parquet parts."""
    folder = tmp_path_factory.mktemp("database") / "db"
    simulate_database(200, 1, folder, treated=0.1, processes=1)
    return folder


@pytest.fixture(scope="module")
def sound(parquet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The out folder of that study, run in parts from sound files."""
    out = tmp_path_factory.mktemp("sound") / "out"
    run_inline(parquet, out, PARTS)
    return out


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with wheel_server() as address:
        yield address


@pytest.fixture(scope="module")
def served(parquet: Path, server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study; its database is on the server."""
    tables = {
        folder.name: pl.read_parquet(folder / "*.parquet").with_columns(cs.integer().cast(pl.Int64))
        for folder in (parquet / "cdm").iterdir()
    }
    write_postgres(tables, server, "cdm")
    study = tmp_path_factory.mktemp("served") / "db"
    shutil.copytree(parquet, study, ignore=shutil.ignore_patterns("cdm"))
    mapping = (study / "mapping.yaml").read_text("utf-8")
    source = f'- {{kind: omop, database: "{server}", schemas: [cdm]}}'
    mapping, n = re.subn(r'- \{kind: omop, path: "cdm/.*', source, mapping)
    assert n == 1
    (study / "mapping.yaml").write_text(mapping, encoding="utf-8")
    return study


def test_a_connection_that_drops_in_the_middle_of_a_run_costs_the_run_and_nothing_else(
    sound: Path, served: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the third of four readings after its persons are chosen, while their rows are fetched."""
    import psycopg

    out, rows, dropped = tmp_path / "out", Postgres.rows, []

    def drops(self: Postgres, *arguments: object) -> object:
        if len(list(tmp_path.glob(".out.parts-*/charts/centre-*"))) == 2 and not dropped:
            with psycopg.connect(server, autocommit=True) as other:
                pid = self.connection.info.backend_pid
                dropped.extend(other.execute("SELECT pg_terminate_backend(%s)", (pid,)).fetchall())
        return rows(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Postgres, "rows", drops)
    with pytest.raises(SourceError, match="connection to the database postgres was lost") as raised:
        run_inline(served, out, PARTS, reads=READS)
    assert dropped == [(True,)] and raised.value.do
    assert not out.exists()
    charts = list(tmp_path.glob(".out.parts-*/charts/*"))
    assert len(charts) == 2  # whole ones, and no other

    kept = {c: c.stat().st_ino for c in charts}
    monkeypatch.setattr(Postgres, "rows", rows)
    run_inline(served, out, PARTS, reads=READS)
    assert len(kept) == 2 and [p.name for p in tmp_path.iterdir()] == ["out"]
    run_inline(served, tmp_path / "undisturbed", 1)
    assert numbers_of(out) == numbers_of(tmp_path / "undisturbed")
    assert (out / "counts.json").read_bytes() == (sound / "counts.json").read_bytes()


@pytest.mark.parametrize("fault", ["cut short", "damaged inside", "empty"])
def test_a_corrupt_part_is_refused_by_name_and_once_it_is_sound_again_the_run_ends_right(
    parquet: Path, sound: Path, tmp_path: Path, fault: str
) -> None:
    study = Path(shutil.copytree(parquet, tmp_path / "db"))
    file = next((study / "cdm" / "measurement").glob("*.parquet"))
    whole = file.read_bytes()
    metadata = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")  # where the pages end
    broken = {
        "cut short": whole[: len(whole) // 2],
        "damaged inside": whole[:4] + bytes(b ^ 0xFF for b in whole[4:metadata]) + whole[metadata:],
        "empty": b"",
    }
    out = Path(shutil.copytree(sound, tmp_path / "out"))
    before = numbers_of(out)
    file.write_bytes(broken[fault])
    with pytest.raises(SourceError) as raised:
        run_inline(study, out, PARTS)
    assert "measurement" in str(raised.value)
    assert numbers_of(out) == before
    file.write_bytes(whole)
    run_inline(study, out, PARTS)
    assert numbers_of(out) == before
