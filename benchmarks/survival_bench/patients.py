"""The patients of the benchmark, made from a seed: no real ones, and no file to fetch.

Out: columns of one entry a patient, as arrays, as raw files that each tool reads before its clock starts, and as the
Parquet file that chartline is also timed on. Ten years of follow-up in whole days; three arms; relapse and death
without relapse compete; five categorical covariates with 144 patterns between them, and three continuous ones. Hazards
are proportional, so that no model is asked for what is not there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

SEED = 20_260
ARMS = 3
LEVELS = {"sex": 2, "ecog": 3, "line": 4, "stage": 2, "risk": 3}  # 144 patterns, 9 indicators
CATEGORICAL = tuple(LEVELS)
MIXED = (("sex", "ecog"), ("age", "log_wbc", "blasts"))
COLUMNS: dict[str, Any] = {
    "day": np.int32, "event": np.int8, "arm": np.int8, **{name: np.int8 for name in LEVELS},
    **{name: np.float64 for name in MIXED[1]},
}  # fmt: skip
YEARS = 10
_EFFECTS = {"arm": (0, -0.1, 0.1), "sex": (0, 0.1), "ecog": (0, 0.2, 0.4), "line": (0, 0.1, 0.2, 0.3)}
_EFFECTS |= {"stage": (0, -0.1), "risk": (0, 0.15, 0.3)}
_SLOPES = {"age": (0.01, 55), "log_wbc": (0.1, 2), "blasts": (0.005, 50)}  # and the mean


def make_patients(n: int) -> dict[str, Any]:
    """Return the columns of `n` patients; `event` is 0 censored, 1 relapse, 2 death without relapse."""
    rng = np.random.default_rng((SEED, n))
    out: dict[str, Any] = {"arm": rng.integers(0, ARMS, n, dtype=np.int8)}
    out |= {name: rng.integers(0, levels, n, dtype=np.int8) for name, levels in LEVELS.items()}
    out["age"] = np.round(rng.normal(55, 14, n), 2)
    out["log_wbc"] = rng.normal(2, 1, n)
    out["blasts"] = rng.uniform(0, 100, n)
    linear = sum(np.take(values, out[name]) for name, values in _EFFECTS.items())
    linear = linear + sum(slope * (out[name] - mean) for name, (slope, mean) in _SLOPES.items())
    relapse = rng.exponential(365 * 6 / np.exp(linear))
    death = rng.exponential(365 * 12 / np.exp(0.3 * linear))
    leaving = rng.uniform(0, 365 * YEARS, n)
    time = np.minimum(np.minimum(relapse, death), leaving)
    out["day"] = np.ceil(time).astype(np.int32)
    out["event"] = np.where(time == relapse, 1, np.where(time == death, 2, 0)).astype(np.int8)
    return {name: out[name].astype(kind, copy=False) for name, kind in COLUMNS.items()}


def write_patients(n: int, folder: Path) -> None:
    """Write `<column>.bin` (raw, for Python and R) and `patients.parquet`, where categories are texts."""
    import polars as pl

    patients = make_patients(n)
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in patients.items():
        values.tofile(folder / f"{name}.bin")
    names = {"arm": tuple("ABC"), **{k: tuple(f"{k} {i}" for i in range(v)) for k, v in LEVELS.items()}}
    texts = [pl.col(k).replace_strict(range(len(v)), v, return_dtype=pl.String) for k, v in names.items()]
    frame = pl.DataFrame(patients).with_columns(texts)
    frame.write_parquet(folder / "patients.parquet", row_group_size=200_000)


def read_patients(folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Return columns as `write_patients` wrote them."""
    return {name: np.fromfile(folder / f"{name}.bin", COLUMNS[name]) for name in names}


def indicators(patients: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the indicators of the categories in `names`, against the first level of each, as decimals."""
    return {
        f"{name}={name} {level}": (patients[name] == level).astype(np.float64)
        for name in names
        for level in range(1, LEVELS[name])
    }


if __name__ == "__main__":
    write_patients(int(sys.argv[1]), Path(sys.argv[2]))
