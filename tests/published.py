"""The printed numbers of the reference study and the headline that must give each, however its data came in."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chartline.study import StudyRun

EXPECTED = Path(__file__).resolve().parents[2] / "shared" / "ino-cohort" / "expected"
PUBLISHED = {
    "CR/CRi": "cr_cri_rate",
    "MRD negativity among CR/CRi": "mrd_negative_rate",
    "deep response": "deep_response_rate",
    "HSCT": "hsct_rate",
    "grade 3/4 treatment-related liver toxicity": "liver_g34_rate",
    "myelosuppression-related AE": "myelosuppression_rate",
    "OS 6 months": "os_6m",
    "OS 12 months": "os_12m",
    "median DOR (months)": "dor_median",
    "median RFS (months)": "rfs_median",
    "median cycles given": "median_cycles",
    "median cycles to deep response": "cycles_to_deep",
}


@cache
def expected(name: str) -> Any:
    """Return a file of the expected results, computed in R from the clean data."""
    return json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))


def close(value: float) -> Any:
    """Eight significant digits, as far as the reference prints them (8 decimals)."""
    return pytest.approx(value, rel=1e-8, abs=5e-9)


def check_published(run: StudyRun, item: str) -> None:
    """Assert that a run's headline is what the paper prints for one item: value, counts and percentage."""
    want = next(i for i in expected("published")["items"] if i["item"] == item)
    got = run.headline["headline"][PUBLISHED[item]]
    if want["value"] is not None:
        assert got["estimate"] == close(want["value"])
    elif want["denominator"] is not None:
        assert got["estimate"] == want["numerator"] / want["denominator"]
    if want["denominator"] is not None and item not in ("OS 6 months", "OS 12 months"):
        assert (got["n"], got["N"]) == (want["numerator"], want["denominator"])
    if want["percent"] is not None:
        assert round(got["estimate"] * 100, 1) == want["percent"]
