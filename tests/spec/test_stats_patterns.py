"""Rows of equal covariates may be counted as patterns or gone through one by one: nothing that is estimated differs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chartline.stats import Episodes, estimate_cox, estimate_fine_gray
from chartline.stats.competing import fine_gray
from chartline.stats.pieces import each, product, slices, square
from chartline.stats.regression import patterns

RNG = np.random.default_rng(8)
N = 6000
X = {"a": RNG.integers(0, 2, N), "b": RNG.integers(-1, 2, N)}
TIME, STATUS = np.ceil(RNG.exponential(300, N)), RNG.integers(0, 3, N)
LATE = np.where(RNG.random(N) < 0.3, np.floor(TIME * 0.5), 0)


def nothing_found(*_: Any) -> None:
    return None


@pytest.mark.parametrize("options", [{}, {"strata": RNG.integers(0, 3, N)}, {"entry": LATE}, {"count": X["a"] + 1}])
def test_cox_by_patterns_and_by_rows(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    e = Episodes.of(TIME, STATUS, covariates=X, **options)
    by_pattern = estimate_cox(e, cause=1)
    monkeypatch.setattr(patterns, "find_patterns", nothing_found)
    by_row = estimate_cox(e, cause=1)
    assert by_pattern.coefficients == pytest.approx(by_row.coefficients, rel=1e-9)
    assert by_pattern.variance == pytest.approx(by_row.variance, rel=1e-8)
    assert by_pattern.loglik == pytest.approx(by_row.loglik, rel=1e-12)
    assert by_pattern.sets.times.tolist() == by_row.sets.times.tolist()


@pytest.mark.parametrize("options", [{}, {"strata": RNG.integers(0, 3, N)}, {"count": X["a"] + 1}])
@pytest.mark.parametrize("variance", ["fine_gray", "robust"])
def test_fine_gray_by_patterns_and_by_rows(
    options: dict[str, Any], variance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    e = Episodes.of(TIME, STATUS, covariates=X, **options)
    by_pattern = estimate_fine_gray(e, variance=variance)
    monkeypatch.setattr(fine_gray, "find_patterns", nothing_found)
    by_row = estimate_fine_gray(e, variance=variance)
    assert by_pattern.coefficients == pytest.approx(by_row.coefficients, rel=1e-9)
    assert by_pattern.covariance == pytest.approx(by_row.covariance, rel=1e-8)
    assert by_pattern.baseline_jumps == pytest.approx(by_row.baseline_jumps, rel=1e-9)


def test_pieces_make_no_difference() -> None:
    a, b = RNG.normal(size=(9, 144)), RNG.normal(size=(144, 3000))
    assert product(a, b) == pytest.approx(a @ b, rel=1e-12, abs=1e-12)
    assert square(b[:7], b[7:10]) == pytest.approx(b[:7] @ b[7:10].T, rel=1e-12, abs=1e-11)
    assert each(lambda s: s.stop - s.start, slices(100, 7)) == [7] * 14 + [2]
    assert each(lambda i: i * i, range(50)) == [i * i for i in range(50)]
