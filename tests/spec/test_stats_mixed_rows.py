"""Cox models of categories and continuous covariates read as columns: the same as of the same rows as plain arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chartline.counts.columns import EventColumns, Factor
from chartline.stats import Episodes, estimate_cox
from chartline.stats.regression.likelihood import Likelihood
from chartline.stats.regression.mixed_rows import MixedLikelihood, mixed_columns_of
from chartline.stats.regression.patterns import standardise
from chartline.stats.regression.risk_sets import RiskSets

N = 6000
LEVELS = {"sex": ("F", "M"), "risk": ("high", "low", "standard"), "site": ("A", "B")}


def patients(seed: int, days: int = 300) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    out: dict[str, Any] = {name: rng.integers(0, len(levels), N) for name, levels in LEVELS.items()}
    out |= {"age": rng.normal(50, 15, N), "wbc": rng.lognormal(2, 1, N)}
    hazard = np.exp(0.4 * out["sex"] - 0.3 * (out["risk"] == 1) + 0.01 * out["age"] + 0.02 * np.log(out["wbc"])) / days
    out["day"] = np.ceil(np.minimum(rng.exponential(1 / hazard), days)).astype(np.int64)
    return out | {"event": (out["day"] < days).astype(np.int64)}


def as_columns(p: dict[str, Any], names: tuple[str, ...]) -> EventColumns:
    """Categories by pattern, numbers by row, in the order of `names`."""
    categories = [n for n in names if n in LEVELS]
    widths = [len(LEVELS[n]) for n in categories]
    pattern = np.ravel_multi_index([p[n] for n in categories], widths) if categories else None
    at = np.unravel_index(np.arange(np.prod(widths)), widths) if categories else ()
    of = {n: Factor(codes, LEVELS[n]) for n, codes in zip(categories, at, strict=True)}
    covariates = {n: of[n] if n in of else p[n] for n in names}
    ones = np.ones(N, np.int64)
    return EventColumns(
        p["day"], p["event"], ones, pattern=pattern, covariates=covariates, own=frozenset(names) - frozenset(LEVELS)
    )


def as_arrays(p: dict[str, Any], names: tuple[str, ...]) -> Episodes:
    given = {n: np.array(LEVELS[n])[p[n]] if n in LEVELS else p[n] for n in names}
    return Episodes.of(p["day"], p["event"], covariates=given)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(
    "names", [("age", "sex", "wbc", "risk"), ("sex", "age"), ("age", "wbc"), ("site", "risk", "sex", "wbc")]
)
def test_the_model_is_that_of_the_rows(names: tuple[str, ...], ties: Any) -> None:
    p = patients(len(names))
    mixed, plain = Episodes.from_columns(as_columns(p, names)), as_arrays(p, names)
    assert mixed.covariates == plain.covariates and mixed.x == pytest.approx(plain.x, abs=0)
    assert isinstance(standardise(mixed, RiskSets.of(mixed), ties).likelihood, MixedLikelihood)
    assert type(standardise(plain, RiskSets.of(plain), ties).likelihood) is Likelihood
    a, b = (estimate_cox(e, ties=ties) for e in (mixed, plain))
    assert a.coefficients == pytest.approx(b.coefficients, rel=1e-10)
    assert a.variance == pytest.approx(b.variance, rel=1e-10)
    assert (a.loglik_null, a.loglik) == pytest.approx((b.loglik_null, b.loglik), rel=1e-12)
    assert a.score.chisq == pytest.approx(b.score.chisq, rel=1e-10)
    assert a.centre == pytest.approx(b.centre, rel=1e-12)


def test_it_is_the_same_at_any_coefficients() -> None:
    p = patients(7, days=40)  # many ties
    names = ("risk", "age", "sex", "wbc")
    mixed, plain = Episodes.from_columns(as_columns(p, names)), as_arrays(p, names)
    models = [standardise(e, RiskSets.of(e), "efron").likelihood for e in (mixed, plain)]
    for beta in (np.zeros(5), np.array([0.5, -1.0, 2.0, 0.1, -0.3]), np.array([0, 0, 3.0, 0, 0])):
        a, b = (model.evaluate(beta) for model in models)
        assert a.loglik == pytest.approx(b.loglik, rel=1e-12)
        assert a.score == pytest.approx(b.score, rel=1e-9, abs=1e-8)
        assert a.information == pytest.approx(b.information, rel=1e-9, abs=1e-8)


def test_risks_beyond_the_doubles_have_no_likelihood() -> None:
    e = Episodes.from_columns(as_columns(patients(3), ("sex", "age")))
    with np.errstate(over="ignore", invalid="ignore"):
        assert standardise(e, RiskSets.of(e), "efron").likelihood.evaluate(np.array([0.0, 900.0])).loglik == -np.inf


def test_a_covariate_that_follows_from_others_is_named_as_ever() -> None:
    p = patients(5)
    p["older"] = p["age"] + 10.0
    names = ("sex", "age", "older")
    fits = [estimate_cox(e) for e in (Episodes.from_columns(as_columns(p, names)), as_arrays(p, names))]
    assert [np.isnan(f.coefficients).tolist() for f in fits] == [[False, False, True]] * 2
    assert fits[0].warnings == fits[1].warnings


def test_a_part_of_the_rows_is_a_model_of_that_part() -> None:
    p = patients(4)
    names = ("sex", "age", "risk")
    some = p["site"] == 0
    a, b = (estimate_cox(e.select(some)) for e in (Episodes.from_columns(as_columns(p, names)), as_arrays(p, names)))
    assert a.coefficients == pytest.approx(b.coefficients, rel=1e-10)


def test_counts_are_replication() -> None:
    p = patients(6)
    columns = as_columns(p, ("sex", "age"))
    count = 1 + p["risk"]
    twice = {n: np.repeat(v, count) for n, v in p.items()}
    weighted = Episodes.from_columns(replace(columns, count=count))
    assert mixed_columns_of(weighted, RiskSets.of(weighted)) is not None
    given = {"sex": np.array(LEVELS["sex"])[twice["sex"]], "age": twice["age"]}
    plain = estimate_cox(Episodes.of(twice["day"], twice["event"], covariates=given))
    fit = estimate_cox(weighted)
    assert fit.coefficients == pytest.approx(plain.coefficients, rel=1e-9)
    assert fit.variance == pytest.approx(plain.variance, rel=1e-9)


def test_a_row_that_counts_nobody_changes_nothing() -> None:
    p = patients(8)
    columns = as_columns(p, ("risk", "age"))
    some = p["site"] == 0
    nobody = Episodes.from_columns(replace(columns, count=some.astype(np.int64)))
    left = estimate_cox(as_arrays(p, ("risk", "age")).select(some))
    fit = estimate_cox(nobody)
    assert fit.coefficients == pytest.approx(left.coefficients, rel=1e-10)
    assert fit.variance == pytest.approx(left.variance, rel=1e-10)
