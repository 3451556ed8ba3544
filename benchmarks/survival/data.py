"""The patients of the benchmark, made from a seed: no real ones, and no file to fetch.

Out: arrays, one entry a patient, and the same as one Parquet file. Ten years of follow-up in whole days; three arms;
relapse and death without relapse compete; five categorical covariates with 144 patterns between them, and three
continuous ones. Hazards are proportional, so that no model is asked for what is not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SEED = 20_260
LEVELS = {"sex": 2, "ecog": 3, "line": 4, "stage": 2, "risk": 3}  # 144 patterns, 9 indicators
CONTINUOUS = ("age", "log_wbc", "blasts")
YEARS = 10
_EFFECTS = {"arm": (0, -0.1, 0.1), "sex": (0, 0.1), "ecog": (0, 0.2, 0.4), "line": (0, 0.1, 0.2, 0.3)}
_EFFECTS |= {"stage": (0, -0.1), "risk": (0, 0.15, 0.3)}
_SLOPES = {"age": 0.01, "log_wbc": 0.1, "blasts": 0.005}


def make_patients(n: int) -> dict[str, Any]:
    """Return columns of `n` patients: `day`, `event` (0 censored, 1 relapse, 2 death), arm, and the covariates."""
    rng = np.random.default_rng((SEED, n))
    out: dict[str, Any] = {"arm": rng.integers(0, 3, n, dtype=np.int8)}
    for name, levels in LEVELS.items():
        out[name] = rng.integers(0, levels, n, dtype=np.int8)
    out["age"] = np.round(rng.normal(55, 14, n), 2)
    out["log_wbc"] = rng.normal(2, 1, n)
    out["blasts"] = rng.uniform(0, 100, n)
    linear = sum(np.take(values, out[name]) for name, values in _EFFECTS.items())
    for name, slope in _SLOPES.items():
        linear = linear + slope * (out[name] - out[name][: 10_000].mean())
    relapse = rng.exponential(365 * 6 / np.exp(linear))
    death = rng.exponential(365 * 12 / np.exp(0.3 * linear))
    leaving = rng.uniform(0, 365 * YEARS, n)
    time = np.minimum(np.minimum(relapse, death), leaving)
    out["day"] = np.ceil(time).astype(np.int32)
    out["event"] = np.where(time == relapse, 1, np.where(time == death, 2, 0)).astype(np.int8)
    return out


def write_parquet(patients: dict[str, Any], path: Path) -> None:
    """Write the patients as one Parquet file, categories as texts as a database has them."""
    import polars as pl

    frame = pl.DataFrame(patients)
    names = {"arm": ("A", "B", "C"), **{k: tuple(f"{k} {i}" for i in range(v)) for k, v in LEVELS.items()}}
    frame.with_columns(
        pl.col(k).replace_strict(list(range(len(v))), list(v), return_dtype=pl.String) for k, v in names.items()
    ).write_parquet(path, row_group_size=200_000)


def indicators(patients: dict[str, Any], names: tuple[str, ...]) -> tuple[list[str], np.ndarray]:
    """Return the indicators of the categories in `names`, against the first level each (R `contr.treatment`)."""
    labels, columns = [], []
    for name in names:
        for level in range(1, LEVELS[name]):
            labels.append(f"{name}={name} {level}")
            columns.append((patients[name] == level).astype(np.float64))
    return labels, np.column_stack(columns)
