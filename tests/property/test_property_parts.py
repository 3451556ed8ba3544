"""Any number of parts gives the same numbers, byte for byte: on simulated databases of any seed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.errors import SourceError
from chartline.pipeline import run_study, simulate_database
from parted import numbers_of, run_inline


@cache
def database(seed: int) -> Path:
    """A study of a simulated database of 400 persons, of whom about 40 are treated and selected."""
    folder = Path(mkdtemp()) / "db"
    simulate_database(400, seed, folder, treated=0.1, processes=1)
    return folder


@cache
def whole(seed: int) -> dict[str, bytes]:
    """The numbers of the same study in one piece."""
    out = Path(mkdtemp()) / "out"
    run_study(database(seed), out)
    return numbers_of(out)


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(st.integers(1, 3), st.sampled_from([1, 2, 7, 64]) | st.integers(2, 100))
def test_the_pooled_answer_is_the_single_answer(seed: int, parts: int) -> None:
    out = Path(mkdtemp()) / "out"
    run_inline(database(seed), out, parts)
    assert numbers_of(out) == whole(seed)
    n = json.loads(whole(seed)["headline.json"])["headline"]["eligible"]["n"]
    assert n > 10  # or there would be nothing to pool


def test_a_corrupt_part_of_the_database_is_refused_by_name(tmp_path: Path) -> None:
    """The second half of a Parquet part was never written: no answer, whatever else is sound."""
    simulate_database(400, 9, tmp_path / "db", treated=0.1, processes=1)
    part = next((tmp_path / "db" / "cdm" / "measurement").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    with pytest.raises(SourceError, match="measurement"):
        run_inline(tmp_path / "db", tmp_path / "out", 3)
    assert not (tmp_path / "out").exists()
