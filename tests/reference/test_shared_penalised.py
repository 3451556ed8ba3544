"""Firth's penalised Cox regression of 100 breast cancers, as coxphf has it."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from chartline.stats import Episodes, choose_cox_method, estimate_cox, estimate_firth_cox

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def breast(shared: Path) -> Episodes:
    with (shared / "data" / "coxphf_breast100" / "breast.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    column = {name: [float(r[name]) for r in rows] for name in rows[0]}
    return Episodes.of(column["TIME"], column["CENS"], covariates={k: column[k] for k in ("T", "N", "G", "CD")})


@pytest.fixture(scope="module")
def reference(shared: Path) -> dict:  # type: ignore[type-arg]
    found = json.loads((shared / "data" / "coxphf_breast100" / "reference.json").read_text(encoding="utf-8"))
    return found["firth"]


def test_a_hundred_breast_cancers(breast: Episodes, reference: dict) -> None:  # type: ignore[type-arg]
    # the reference was made with coxphf's own convergence: 1e-6 in a step, so 8 digits of p and 7 of limits
    fit = estimate_firth_cox(breast)
    for mine, theirs in zip(fit.terms, reference["coef"], strict=True):
        assert mine.name == theirs["term"]
        assert mine.coef == pytest.approx(theirs["coef"], rel=1e-7)
        assert mine.se == pytest.approx(theirs["se"], rel=1e-7)
        assert mine.p == pytest.approx(theirs["p"], rel=1e-8)
        assert math.exp(mine.lower) == pytest.approx(theirs["hr_lower"], rel=1e-6)
        assert math.exp(mine.upper) == pytest.approx(theirs["hr_upper"], rel=1e-6)
    null, top = reference["loglik"]
    assert fit.chisq == pytest.approx(2 * (top - null), rel=1e-9)


def test_its_grade_is_why_the_penalty_is_needed(breast: Episodes) -> None:
    choice = choose_cox_method(breast)
    assert choice.method == "firth"
    assert "every event is where G is larger, though others are at risk" in choice.reason
    assert math.isinf(estimate_cox(breast).coefficients[2])


def test_maintenance_in_23_leukaemias(shared: Path) -> None:
    with (shared / "data" / "survival_leukemia_aml23" / "leukemia.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    found = json.loads((shared / "data" / "coxphf_breast100" / "reference.json").read_text(encoding="utf-8"))
    theirs = found["firth_leukemia"]
    e = Episodes.of(
        [float(r["time"]) for r in rows], [int(r["status"]) for r in rows],
        covariates={"x": [r["x"] for r in rows]}, reference={"x": "Maintained"},
    )  # fmt: skip
    term = estimate_firth_cox(e).terms[0]
    assert (term.coef, term.se) == pytest.approx((theirs["coef"], theirs["se"]), rel=1e-7)
    assert term.p == pytest.approx(theirs["p"], rel=1e-7)
    assert [math.exp(term.lower), math.exp(term.upper)] == pytest.approx(theirs["ci"], rel=1e-6)
