"""CTCAE laboratory grades against the published test vectors of the R package admiral (Apache-2.0).

Every one of the 2818 rows is accounted for: it agrees, it is a value that can never reach us (with the reason), or it
differs (with the reason).
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from chartline.derive.grading_scale import grade
from chartline.mapping.units import factor
from chartline.mapping.words import tests as laboratory_tests

pytestmark = pytest.mark.shared

TESTS = {  # a term of CTCAE -> our test
    "activated partial thromboplastin time prolonged": "APTT",
    "alanine aminotransferase increased": "ALT",
    "alkaline phosphatase increased": "ALP",
    "anemia": "HB",
    "aspartate aminotransferase increased": "AST",
    "blood bilirubin increased": "BILI",
    "blood lactate dehydrogenase increased": "LDH",
    "cd4 lymphocytes decreased": "CD4",
    "cholesterol high": "CHOL",
    "creatinine clearance decreased": "CRCL",
    "creatinine increased": "CREA",
    "ggt increased": "GGT",
    "haptoglobin decreased": "HAPTOG",
    "hdl decreased": "HDL",
    "hemoglobin increased": "HB",
    "hypercalcemia": "CACORR",
    "hypercalcemia (ionized)": "CAION",
    "hyperglycemia": "GLUC",
    "hyperglycemia (fasting)": "GLUCF",
    "hyperkalemia": "K",
    "hypermagnesemia": "MG",
    "hypernatremia": "SODIUM",
    "hypocalcemia": "CACORR",
    "hypocalcemia (ionized)": "CAION",
    "hypoglycemia": "GLUC",
    "hypomagnesemia": "MG",
    "hypophosphatemia": "PHOS",
    "ldl increased": "LDL",
    "lipase increased": "LIPASE",
    "lymphocyte count decreased": "LYM",
    "neutrophil count decreased": "ANC",
    "platelet count decreased": "PLT",
    "serum amylase increased": "AMYLASE",
    "thrombocytopenia": "PLT",
    "alkalosis": "PH",
    "acidosis": "PH",
}
# Tests with limits in a unit: a number alone cannot be held against them.
WITH_UNIT = {"ANC", "CACORR", "CAION", "CD4", "CHOL", "CRCL", "GLUC", "GLUCF", "HB", "K", "MG", "PHOS", "PLT", "SODIUM"}
UNITS = {"10^3/ml": "/uL"}  # admiral's name of counts per cubic millimetre (thresholds of 1500, not 1.5)
NOT_OURS = "DAIDS is another scale"
NO_TERM = "not a term of the scale"
WRONG_UNIT = (
    "a unit the test cannot have: such a value is queried when a centre's file is read and never reaches grading"
)
NO_UNIT = "no unit: a value without a unit is queried when a centre's file is read and never reaches grading"

# The rows in which our grade is not admiral's: line of the file -> the reason.
CONVERTED = "admiral grades a value in its own unit only; ours is converted, and graded as what it is"
DIFFERENT = {
    442: CONVERTED,  # cholesterol in umol/L, v4
    484: CONVERTED,  # v5
    526: CONVERTED,  # v6
    2818: CONVERTED,  # creatinine clearance in L/min
}


def _rows(shared: Path) -> list[dict[str, str]]:
    path = shared / "data" / "ctcae_admiral_test_vectors" / "lab_grade_vectors.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def _left_out(r: dict[str, str]) -> str:
    """Why a vector is no value that we could grade; "" where it is one."""
    test = TESTS.get(r["term"].strip().lower())
    if r["system"] == "DAIDS":
        return NOT_OURS
    if test is None:
        return NO_TERM
    if r["AVALU"] and _factor(r, test) is None:
        return WRONG_UNIT
    return NO_UNIT if not r["AVALU"] and test in WITH_UNIT else ""


def _factor(r: dict[str, str], test: str) -> float | None:
    unit = UNITS.get(r["AVALU"].lower(), r["AVALU"])
    return factor(unit, laboratory_tests()[test][1], test) if unit else 1.0


def _vectors(shared: Path, version: str) -> pl.DataFrame:
    """The vectors of a version that we could grade, in our units; BNRIND from the limits where the vector has none."""
    rows = []
    for line, r in enumerate(_rows(shared), 2):
        if r["system"] != f"CTCAE{version}" or _left_out(r):
            continue
        test = TESTS[r["term"].strip().lower()]
        by = _factor(r, test)
        assert by is not None
        number = {k: float(r[k]) * by if r[k] else None for k in ("AVAL", "ANRLO", "ANRHI", "BASE")}
        base, upper = number["BASE"], number["ANRHI"]
        derived = "HIGH" if base is not None and upper is not None and base > upper else None
        direction = r["direction"] or "H"  # one vector of increased creatinine names none
        wanted = r["ATOXGRH"] if direction == "H" else r["ATOXGRL"]
        rows.append(
            {
                "LINE": line, "LBTESTCD": test, **number, "AVAL_OP": None, "DIRECTION": direction,
                "BNRIND": r["BNRIND"] or derived, "LBORRESU": UNITS.get(r["AVALU"].lower(), r["AVALU"]) or None,
                "WANTED": int(wanted) if wanted else None,
            }
        )  # fmt: skip
    text = dict.fromkeys(("AVAL_OP", "BNRIND", "LBORRESU"), pl.String())
    return pl.DataFrame(rows, schema_overrides=text | {"WANTED": pl.Int64()}, infer_schema_length=None)


@pytest.mark.parametrize("version", ["v4", "v5", "v6"])
def test_grades_agree(shared: Path, version: str) -> None:
    rows = _vectors(shared, version)
    graded = pl.concat([rows, grade(rows, f"ctcae_{version}")], how="horizontal")
    got = pl.when(pl.col("DIRECTION") == "L").then("ATOXGRL").otherwise("ATOXGRH").alias("GOT")
    different = graded.with_columns(got).filter(~pl.col("GOT").eq_missing(pl.col("WANTED")))
    expected = {line for line in DIFFERENT if line in set(rows["LINE"])}
    assert set(different["LINE"]) == expected, different.filter(~pl.col("LINE").is_in(list(expected))).rows(named=True)


def test_every_vector_is_accounted_for(shared: Path) -> None:
    """2818 vectors: what agrees, what differs, and what is left out and why."""
    reasons = Counter(_left_out(r) for r in _rows(shared))
    graded = sum(_vectors(shared, v).height for v in ("v4", "v5", "v6"))
    assert reasons.pop("") == graded
    assert reasons == REPORT
    assert graded + sum(REPORT.values()) == 2818


REPORT = {NOT_OURS: 633, NO_TERM: 374, WRONG_UNIT: 14, NO_UNIT: 87}
