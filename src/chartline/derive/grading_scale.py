"""Grading scales as data: one CSV in `derive/grading/`, one row per threshold.

Columns: testcd, direction (H, L), baseline (any, normal, abnormal), grade, operator, threshold, reference (ULN, LLN,
BASE or absolute), unit, term, version, source. A value has the highest grade any of whose rows is true. Where a row
that could make the grade higher cannot be judged (no limit of normal, say) the grade is missing, not 0.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import polars as pl

from chartline.core.plans import run
from chartline.derive.compare import OPERATORS, holds
from chartline.errors import ProtocolError


@cache
def load_scale(name: str) -> pl.DataFrame:
    """Return a shipped scale: LBTESTCD, ABNORMAL (bool: of the baseline), GRADE, OPERATOR, THRESHOLD, REFERENCE.

    Raises `ProtocolError` where there is none of that name.
    """
    folder = files("chartline") / "derive" / "grading"
    known = sorted(f.name.removesuffix(".csv") for f in folder.iterdir() if f.name.endswith(".csv"))
    if name not in known:
        raise ProtocolError(
            f"There is no grading scale `{name}`",
            where="laboratory.grading",
            expected=f"one of: {', '.join(known)}",
            do="name one of them, or add derive/grading/<name>.csv",
        )
    rows = pl.read_csv((folder / f"{name}.csv").read_bytes(), schema_overrides={"threshold": pl.Float64()})
    states = pl.DataFrame({"baseline": ["any", "any", "normal", "abnormal"], "ABNORMAL": [False, True, False, True]})
    return rows.join(states, on="baseline").select(
        pl.col("testcd").alias("LBTESTCD"),
        "ABNORMAL",
        pl.col("grade").alias("GRADE"),
        pl.col("operator").alias("OPERATOR"),
        pl.col("threshold").alias("THRESHOLD"),
        pl.col("reference").alias("REFERENCE"),
    )


def grade(rows: pl.DataFrame, scale: pl.DataFrame) -> pl.Series:
    """Return the grade (Int64) of each row of `rows`, in order; null: the test has no scale, or cannot be graded.

    `rows` has LBTESTCD, AVAL, AVAL_OP, ANRLO, ANRHI, BASE and ABNORMAL: whether the test's baseline was above
    normal. Unknown is taken as normal, as CTCAE v5 gives no rule for it (`labs.py` flags such rows BASEASSM).
    """
    needed = (
        rows.lazy()
        .select("LBTESTCD", "AVAL", "AVAL_OP", "ANRLO", "ANRHI", "BASE", pl.col("ABNORMAL").fill_null(False))
        .with_row_index("ROW_ID")
    )
    reference = pl.col("REFERENCE")
    unit = (
        pl.when(reference == "ULN")
        .then("ANRHI")
        .when(reference == "LLN")
        .then("ANRLO")
        .when(reference == "BASE")
        .then("BASE")
        .otherwise(1.0)
    )
    judged = (
        needed.join(scale.lazy(), on=["LBTESTCD", "ABNORMAL"])
        .with_columns((pl.col("THRESHOLD") * unit).alias("LIMIT"))
        .select("ROW_ID", "GRADE", _met(scale).alias("MET"))
    )
    met = pl.col("GRADE").filter(pl.col("MET")).max().fill_null(0)
    doubtful = pl.col("GRADE").filter(pl.col("MET").is_null()).max().fill_null(0)
    graded = judged.group_by("ROW_ID").agg(pl.when(doubtful <= met).then(met).alias("ATOXGR"))
    out = needed.select("ROW_ID").join(graded, on="ROW_ID", how="left", maintain_order="left")
    return run(out.select(pl.col("ATOXGR").cast(pl.Int64)))["ATOXGR"]


def _met(scale: pl.DataFrame) -> pl.Expr:
    """AVAL against LIMIT with the row's own OPERATOR; null where either is missing."""
    used = [o for o in OPERATORS if o in set(scale["OPERATOR"])]
    return pl.coalesce([pl.when(pl.col("OPERATOR") == o).then(holds("AVAL", o, pl.col("LIMIT"))) for o in used])


def describe_scale(name: str) -> str:
    """Return how a reader knows a scale, e.g. "NCI CTCAE v5.0 (27 November 2017)". Raises as `load_scale`."""
    load_scale(name)
    rows = pl.read_csv((files("chartline") / "derive" / "grading" / f"{name}.csv").read_bytes(), columns=["source"])
    return str(rows["source"][0])
