"""Any number of parts gives the same numbers, byte for byte: on simulated databases of any seed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.engines.charts import read_charts
from chartline.engines.told import Read, pool_read, read_told
from chartline.errors import SourceError
from chartline.pipeline import run_study, simulate_database
from chartline.pipeline.parted import Job, chart, choose_patients
from parted import numbers_of, run_inline, without_reports


@cache
def database(seed: int) -> Path:
    """A study of a simulated database of 200 persons, of whom about 20 are treated and selected."""
    folder = Path(mkdtemp()) / "db"
    simulate_database(200, seed, folder, treated=0.1, processes=1)
    return folder


@cache
def whole(seed: int) -> dict[str, bytes]:
    """The numbers of the same study in one piece, and its queries."""
    out = Path(mkdtemp()) / "out"
    with without_reports():
        run_study(database(seed), out)
    return numbers_of(out) | {"queries.csv": (out / "queries.csv").read_bytes()}


@settings(max_examples=4, suppress_health_check=list(HealthCheck))
@given(st.integers(1, 3), st.sampled_from([1, 2, 7, 64]) | st.integers(2, 100), st.sampled_from([1, 1, 2, 5]))
def test_the_pooled_answer_is_the_single_answer(seed: int, parts: int, reads: int) -> None:
    """Whatever the number of parts, and of the times that the database is asked for a part of its persons."""
    out = Path(mkdtemp()) / "out"
    run_inline(database(seed), out, parts, reads=reads)
    assert numbers_of(out) | {"queries.csv": (out / "queries.csv").read_bytes()} == whole(seed)
    n = json.loads(whole(seed)["headline.json"])["headline"]["eligible"]["n"]
    assert n > 10  # or there would be nothing to pool


def test_the_rows_of_parts_of_the_persons_are_those_of_all(tmp_path: Path) -> None:
    """Read three times, each time a third of the selected persons, the database gives every row once."""
    job = Job(database(1), tmp_path, reads=3)
    (tmp_path / "charts").mkdir()
    choose_patients(job, "SIM")
    for number in range(3):
        chart(job, "SIM", number)
    whole = Job(database(1), tmp_path)
    chart(whole, "SIM")
    assert len(job.units) == 3 and len(whole.units) == 1
    parts, one = pool_read([read_told(Read, unit) for unit in job.units]), read_told(Read, whole.units[0])
    assert parts.inputs == one.inputs and parts.selected == one.selected
    for domain, rows in read_charts(whole.units).domains.items():
        if rows.height:
            values = pl.all().exclude("SEQ", "ROW", "BLOCK")
            said = [frame.select(values).sort(pl.all()) for frame in (read_charts(job.units)[domain], rows)]
            assert said[0].equals(said[1]), domain


def test_a_corrupt_part_of_the_database_is_refused_by_name(tmp_path: Path) -> None:
    """The second half of a Parquet part was never written: no answer, whatever else is sound."""
    simulate_database(200, 9, tmp_path / "db", treated=0.1, processes=1)
    part = next((tmp_path / "db" / "cdm" / "measurement").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    with pytest.raises(SourceError, match="measurement"):
        run_inline(tmp_path / "db", tmp_path / "out", 3)
    assert not (tmp_path / "out").exists()
