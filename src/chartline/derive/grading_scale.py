"""Grading scales as data: one CSV in `derive/grading/`, one row per threshold.

Columns: testcd, direction (H, L), baseline (any, normal, abnormal), grade, operator, threshold, reference (ULN, LLN,
BASE or absolute), unit, term, version, source. A value has the highest grade any of whose rows is true. Where a row
that could make the grade higher cannot be judged (no limit of normal, say) the grade is missing, not 0.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from chartline.derive.compare import holds
from chartline.errors import ProtocolError

_LIMITS = {"ULN": "ANRHI", "LLN": "ANRLO", "BASE": "BASE"}


@dataclass(frozen=True)
class Threshold:
    testcd: str
    direction: str
    baseline: str
    grade: int
    operator: str
    threshold: float
    reference: str

    def met(self) -> pl.Expr:
        """AVAL against this threshold; null where the value or the reference is missing."""
        if self.reference == "absolute":
            return holds("AVAL", self.operator, self.threshold)
        return holds("AVAL", self.operator, pl.col(_LIMITS[self.reference]) * self.threshold)


@cache
def load_scale(name: str) -> tuple[Threshold, ...]:
    """Return a shipped grading scale. Raises `ProtocolError` where there is none of that name."""
    folder = files("chartline") / "derive" / "grading"
    known = sorted(f.name.removesuffix(".csv") for f in folder.iterdir() if f.name.endswith(".csv"))
    if name not in known:
        raise ProtocolError(
            f"There is no grading scale `{name}`",
            where="laboratory.grading",
            expected=f"one of: {', '.join(known)}",
            do="name one of them, or add derive/grading/<name>.csv",
        )
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as f:
        return tuple(
            Threshold(
                r["testcd"], r["direction"], r["baseline"], int(r["grade"]), r["operator"],
                float(r["threshold"]), r["reference"],
            )
            for r in csv.DictReader(f)
        )  # fmt: skip


def grade(scale: Iterable[Threshold], abnormal_baseline: pl.Expr) -> pl.Expr:
    """Return the grade (Int64) of rows with LBTESTCD, AVAL, AVAL_OP, ANRLO, ANRHI, BASE; null: cannot be graded.

    `abnormal_baseline` says whether the test's baseline was above normal; unknown is taken as normal, as CTCAE v5
    gives no rule for it (the row is flagged BASEASSM by `labs.py`).
    """
    by_test: dict[tuple[str, str], list[Threshold]] = {}
    for t in scale:
        for state in ("normal", "abnormal") if t.baseline == "any" else (t.baseline,):
            by_test.setdefault((t.testcd, state), []).append(t)
    out = pl.when(pl.lit(False)).then(pl.lit(None, dtype=pl.Int64))
    abnormal = abnormal_baseline.fill_null(False)
    for (test, state), rows in sorted(by_test.items()):
        here = (pl.col("LBTESTCD") == test) & (abnormal if state == "abnormal" else ~abnormal)
        out = out.when(here).then(_highest(rows))
    return out.otherwise(pl.lit(None, dtype=pl.Int64))


def _highest(rows: list[Threshold]) -> pl.Expr:
    """From the highest grade down: true gives it, unknown gives null, false goes on."""
    graded: dict[int, list[pl.Expr]] = {}
    for t in rows:
        graded.setdefault(t.grade, []).append(t.met())
    out = pl.when(pl.col("AVAL").is_null()).then(pl.lit(None, dtype=pl.Int64))
    for level in sorted(graded, reverse=True):
        met = pl.any_horizontal(graded[level])
        out = out.when(met).then(pl.lit(level, dtype=pl.Int64))
        out = out.when(met.is_null()).then(pl.lit(None, dtype=pl.Int64))
    return out.otherwise(pl.lit(0, dtype=pl.Int64))


def describe_scale(name: str) -> str:
    """Return how a reader knows a scale, e.g. "NCI CTCAE v5.0 (27 November 2017)". Raises as `load_scale`."""
    load_scale(name)
    with (files("chartline") / "derive" / "grading" / f"{name}.csv").open(encoding="utf-8") as f:
        return next(csv.DictReader(f))["source"]
