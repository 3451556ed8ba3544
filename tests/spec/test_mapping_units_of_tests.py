"""Molar factors of the laboratory tests against the molar masses (g/mol; IUPAC atomic weights)."""

from __future__ import annotations

import pytest

from chartline.mapping.units import factor
from chartline.mapping.words import tests as laboratory_tests

MASS = {
    "CHOL": 386.65, "HDL": 386.65, "LDL": 386.65, "TRIG": 885.4, "GLUC": 180.156, "GLUCF": 180.156, "MG": 24.305,
    "PHOS": 30.974, "CACORR": 40.078, "CAION": 40.078, "URATE": 168.11, "BILI": 584.66, "CREA": 113.12,
}  # fmt: skip


@pytest.mark.parametrize("test", MASS)
def test_a_milligram_per_decilitre(test: str) -> None:
    standard = laboratory_tests()[test][1]
    wanted = 10 / MASS[test] * (1000 if standard == "umol/L" else 1)
    assert factor("mg/dL", standard, test) == pytest.approx(wanted, rel=0.003)


@pytest.mark.parametrize(
    ("test", "unit", "wanted"),
    [
        ("SODIUM", "mEq/L", 1.0), ("K", "meq/l", 1.0), ("CAION", "mEq/L", 0.5), ("MG", "mEq/L", 0.5),
        ("FIBRINO", "mg/dL", 0.01), ("ALB", "g/dL", 10.0), ("CK", "ukat/L", 60.0), ("APTT", "sec", 1.0),
        ("CRCL", "L/min", 1000.0), ("K", "mg/dL", None), ("HB", "mg/dL", None), ("INR", "s", None),
    ],
)  # fmt: skip
def test_other_units(test: str, unit: str, wanted: float | None) -> None:
    assert factor(unit, laboratory_tests()[test][1], test) == wanted


def test_haemoglobin_in_mmol() -> None:
    assert factor("mmol/L", "g/L", "HB") == pytest.approx(64458 / 4 / 1000, rel=1e-3)
