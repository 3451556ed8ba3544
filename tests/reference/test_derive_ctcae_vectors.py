"""CTCAE laboratory grades against the published test vectors of the R package admiral (Apache-2.0)."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from chartline.derive.grading_scale import grade, load_scale

pytestmark = pytest.mark.shared
TESTS = {
    "alanine aminotransferase increased": ("ALT", ""),
    "alkaline phosphatase increased": ("ALP", ""),
    "blood bilirubin increased": ("BILI", ""),
    "creatinine increased": ("CREA", ""),
    "neutrophil count decreased": ("ANC", "10^9/L"),
    "anemia": ("HB", "G/L"),
}


def _vectors(shared: Path, version: str) -> pl.DataFrame:
    """The vectors in SI units of the tests we grade; one without its unit is not a value we could ever hold."""
    path = shared / "data" / "ctcae_admiral_test_vectors" / "lab_grade_vectors.csv"
    rows = []
    for r in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        test, unit = TESTS.get(r["term"].lower(), (None, ""))
        if test and r["criteria"] == f"atoxgr_criteria_ctc{version}" and (r["AVALU"] == unit or not unit):
            number = {k: float(r[k]) if r[k] else None for k in ("AVAL", "ANRLO", "ANRHI", "BASE")}
            wanted = r["ATOXGRH"] or r["ATOXGRL"]
            abnormal = {"HIGH": True, "NORMAL": False}.get(r["BNRIND"])
            rows.append({"LBTESTCD": test, **number, "ABNORMAL": abnormal, "WANTED": int(wanted) if wanted else None})
    frame = pl.DataFrame(
        rows, schema_overrides={"ABNORMAL": pl.Boolean(), "WANTED": pl.Int64()}, infer_schema_length=None
    )
    return frame.with_columns(pl.lit(None, pl.String).alias("AVAL_OP"))


@pytest.mark.parametrize(("version", "at_least"), [("v4", 75), ("v5", 90)])
def test_grades_agree(shared: Path, version: str, at_least: int) -> None:
    rows = _vectors(shared, version)
    assert rows.height >= at_least
    got = rows.with_columns(grade(rows, load_scale(f"ctcae_{version}")).alias("GOT"))
    assert got.filter(~pl.col("GOT").eq_missing(pl.col("WANTED"))).rows(named=True) == []
