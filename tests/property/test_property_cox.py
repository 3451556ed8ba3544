"""Cox models against a slow second implementation, and what must not change them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    Episodes,
    estimate_concordance,
    estimate_cox,
    logrank_test,
    martingale_residuals,
    predict_survival,
    proportional_hazards_test,
    score_concordance,
    score_residuals,
)
from chartline.stats.regression.cox import CoxFit
from chartline.stats.regression.efron import Ties, efron_sums
from chartline.stats.regression.few_rows import FewRowsLikelihood
from chartline.stats.regression.likelihood import Likelihood
from chartline.stats.regression.patterns import standardise
from chartline.stats.regression.risk_sets import RiskSets
from chartline.stats.statistic import NotEstimable

Row = tuple[int, int, int, int, float, int, int]  # entry, further time, event, stratum, z, x, count
ROW = st.tuples(
    st.integers(0, 4), st.integers(1, 6), st.sampled_from([0, 1, 1]), st.integers(0, 1),
    st.floats(-2, 2).map(lambda v: round(v, 2)), st.integers(0, 1), st.integers(1, 3),
)  # fmt: skip
ROWS = st.lists(ROW, min_size=8, max_size=25)
FAST = settings(max_examples=25, deadline=None)


def episodes(rows: list[Row], *, strata: bool = True, **more: Any) -> Episodes:
    entry, more_time, event, stratum, z, x, count = (np.array(c) for c in zip(*rows, strict=True))
    options: dict[str, Any] = {"covariates": {"x": x, "z": z}, "entry": entry, "count": count}
    if strata:
        options["strata"] = stratum
    return Episodes.of(entry + more_time, event, **{**options, **more})


def fit_or_skip(e: Episodes, **more: Any) -> CoxFit:
    """The fit, where it is an ordinary one."""
    try:
        fit = estimate_cox(e, **more)
    except NotEstimable:
        assume(False)
        raise
    assume(not fit.warnings and float(np.max(fit.std_errors)) < 50)
    return fit


def agreement(fit: CoxFit) -> tuple[float, ...]:
    """Concordance, its error, the pairs by kind; nothing where no two can be compared."""
    try:
        c = estimate_concordance(fit)
    except NotEstimable:
        return ()
    return (c.value, c.std_error or 0.0, c.concordant, c.discordant, c.tied_score, c.tied_both)


def slow(e: Episodes, beta: Any, ties: str) -> tuple[float, Any, Any]:
    """Log-likelihood, gradient and information by the formulas as books have them, over repeated rows."""
    at = np.repeat(np.arange(e.exit.size), e.count)
    x, entry, exit_, event, stratum = e.x[at], e.entry[at], e.exit[at], e.status[at] > 0, e.stratum[at]
    loglik, score, information = 0.0, np.zeros(x.shape[1]), np.zeros((x.shape[1], x.shape[1]))
    for s, t in sorted({(s, t) for s, t, d in zip(stratum, exit_, event, strict=True) if d}):
        there = (stratum == s) & (entry < t) & (t <= exit_)
        dying = there & event & (exit_ == t)
        d = int(dying.sum())
        loglik += float((x[dying] @ beta).sum())
        score += x[dying].sum(axis=0)
        for k in range(d):
            down = k / d if ties == "efron" else 0.0
            w = np.exp(x @ beta) * (there - down * dying)
            mean = w @ x / w.sum()
            loglik -= math.log(w.sum())
            score -= mean
            information += (x - mean).T @ ((x - mean) * w[:, None]) / w.sum()
    return loglik, score, information


@FAST
@given(ROWS, st.sampled_from(["efron", "breslow"]))
def test_the_maximum_is_one_by_the_slow_formulas(rows: list[Row], ties: Any) -> None:
    e = episodes(rows)
    fit = fit_or_skip(e, ties=ties)
    loglik, score, information = slow(e, fit.coefficients, ties)
    assert fit.loglik == pytest.approx(loglik, rel=1e-9, abs=1e-11)
    assert score == pytest.approx(np.zeros(2), abs=1e-7)
    assert fit.variance == pytest.approx(np.linalg.inv(information), rel=1e-6)
    null, u, i = slow(e, np.zeros(2), ties)
    assert fit.loglik_null == pytest.approx(null, rel=1e-10, abs=1e-11)
    assert fit.score.chisq == pytest.approx(float(u @ np.linalg.solve(i, u)), rel=1e-6, abs=1e-10)


@FAST
@given(st.lists(ROW, min_size=4, max_size=9), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_exact_ties_are_all_choices(rows: list[Row], b1: float, b2: float) -> None:
    e = episodes(rows)
    assume(bool((e.status > 0).any()))
    sets = RiskSets.of(e)
    model = standardise(e, sets, "exact")
    beta = np.array([b1, b2])
    at = np.repeat(np.arange(e.exit.size), e.count)
    x, entry, exit_, stratum = ((e.x - model.centre) / model.scale)[at], e.entry[at], e.exit[at], e.stratum[at]
    event = e.status[at] > 0
    expected = 0.0
    for s, t in {(s, t) for s, t, d in zip(stratum, exit_, event, strict=True) if d}:
        there = np.flatnonzero((stratum == s) & (entry < t) & (t <= exit_))
        dying = [i for i in there if event[i] and exit_[i] == t]
        risk = np.exp(x[there] @ beta)
        expected += float((x[dying] @ beta).sum())
        expected -= math.log(sum(math.prod(c) for c in itertools.combinations(risk.tolist(), len(dying))))
    found = model.likelihood.evaluate(beta)
    assert found.loglik == pytest.approx(expected, rel=1e-10, abs=1e-10)
    h = 1e-5
    for j in range(2):
        step = h * np.eye(2)[j]
        up, down = model.likelihood.evaluate(beta + step), model.likelihood.evaluate(beta - step)
        assert found.score[j] == pytest.approx((up.loglik - down.loglik) / (2 * h), rel=1e-5, abs=1e-5)
        assert found.information[j] == pytest.approx(-(up.score - down.score) / (2 * h), rel=1e-4, abs=1e-5)


@FAST
@given(ROWS, st.sampled_from(["efron", "breslow", "exact"]))
def test_counts_are_replication(rows: list[Row], ties: Any) -> None:
    one = episodes(rows)
    repeated = episodes([(*r[:6], 1) for r in rows for _ in range(r[6])])
    a, b = fit_or_skip(one, ties=ties), fit_or_skip(repeated, ties=ties)
    assert a.coefficients == pytest.approx(b.coefficients, rel=1e-8, abs=1e-9)
    assert a.variance == pytest.approx(b.variance, rel=1e-7)
    assert (a.n, a.events, a.loglik) == pytest.approx((b.n, b.events, b.loglik), rel=1e-10)
    if ties == "exact":
        return
    assert agreement(a) == pytest.approx(agreement(b), rel=1e-8)
    robust = [estimate_cox(e, ties=ties, robust=True).variance for e in (one, repeated)]
    assert robust[0] == pytest.approx(robust[1], rel=1e-6, abs=1e-10)
    (p, *_), (q, *_) = (predict_survival(f, {"x": 1, "z": 0.5}) for f in (a, b))
    assert p.survival == pytest.approx(q.survival, rel=1e-8)
    assert p.std_error == pytest.approx(q.std_error, rel=1e-7)


def table(rows: list[Row]) -> EventTable:
    cells: dict[Any, list[int]] = {}
    for entry, time, event, stratum, z, x, count in rows:
        pattern = (("s", str(stratum)), ("x", str(x)), ("z", str(z)))
        cells.setdefault((pattern, entry), [0, 0, 0])[0] += count
        cells.setdefault((pattern, entry + time), [0, 0, 0])[1 + event] += count
    key = CountKey(analysis="a", protocol_digest="d", unit="day")
    return EventTable(key=key, rows={k: tuple(v) for k, v in sorted(cells.items())})


@FAST
@given(ROWS, st.integers(1, 7))
def test_pooled_counts_are_the_whole(rows: list[Row], cut: int) -> None:
    pooled = Episodes.from_counts(table(rows[:cut]) + table(rows[cut:]), strata=["s"], covariates=["x", "z"])
    a, b = fit_or_skip(pooled), fit_or_skip(episodes(rows))
    assert a.coefficients == pytest.approx(b.coefficients, rel=1e-8, abs=1e-9)
    assert a.std_errors == pytest.approx(b.std_errors, rel=1e-8)
    assert agreement(a)[:1] == pytest.approx(agreement(b)[:1], rel=1e-12)
    tests = [proportional_or_none(f) for f in (a, b)]
    assert tests[0] == (None if tests[1] is None else pytest.approx(tests[1], rel=1e-6, abs=1e-9))


def proportional_or_none(fit: CoxFit) -> float | None:
    try:
        return proportional_hazards_test(fit, "identity").overall.chisq
    except NotEstimable:
        return None


@FAST
@given(ROWS)
def test_the_score_with_exact_ties_is_the_logrank_test(rows: list[Row]) -> None:
    groups = np.array([str(r[5]) for r in rows])
    assume(len({*groups}) == 2)
    e = episodes(rows, covariates={"x": groups}, group=groups)
    try:
        fit, logrank = estimate_cox(e, ties="exact"), logrank_test(e)
    except NotEstimable:
        assume(False)
        raise
    assert fit.score.chisq == pytest.approx(logrank.chisq, rel=1e-9, abs=1e-12)


@FAST
@given(ROWS, st.randoms(use_true_random=False))
def test_order_of_rows_units_of_time_and_cuts_of_time_change_nothing(rows: list[Row], random: Any) -> None:
    fit = fit_or_skip(episodes(rows))
    shuffled = random.sample(rows, len(rows))
    entry, more, event, stratum, z, x, count = (np.array(c) for c in zip(*shuffled, strict=True))
    scaled = Episodes.of(
        (entry + more) * 7, event, entry=entry * 7, strata=stratum, covariates={"x": x, "z": z}, count=count
    )
    cut = np.where(more > 1, entry + more // 2, entry + more)  # each row cut where it can be
    two = more > 1
    parts = {
        "time": np.concatenate([cut, (entry + more)[two]]),
        "event": np.concatenate([np.where(two, 0, event), event[two]]),
        "entry": np.concatenate([entry, cut[two]]), "strata": np.concatenate([stratum, stratum[two]]),
        "covariates": {"x": np.concatenate([x, x[two]]), "z": np.concatenate([z, z[two]])},
        "count": np.concatenate([count, count[two]]),
        "cluster": np.concatenate([np.arange(len(rows)), np.arange(len(rows))[two]]),
    }  # fmt: skip
    for other in (scaled, Episodes.of(**parts)):
        again = fit_or_skip(other)
        assert again.coefficients == pytest.approx(fit.coefficients, rel=1e-8, abs=1e-9)
        assert again.variance == pytest.approx(fit.variance, rel=1e-7)
        assert agreement(again)[2:5] == pytest.approx(agreement(fit)[2:5])
    ones = parts | {"count": np.ones_like(parts["count"])}
    whole = Episodes.of(entry + more, event, entry=entry, strata=stratum, covariates={"x": x, "z": z})
    robust = [fit_or_skip(e, robust=True) for e in (Episodes.of(**ones), whole)]
    assert robust[0].variance == pytest.approx(robust[1].variance, rel=1e-6, abs=1e-10)


@FAST
@given(ROWS, st.floats(-50, 50), st.sampled_from([-3.0, 0.01, 1000.0]))
def test_shifting_and_scaling_a_covariate(rows: list[Row], shift: float, scale: float) -> None:
    e = episodes(rows)
    fit = fit_or_skip(e)
    x, z = e.x.T
    moved = fit_or_skip(episodes(rows, covariates={"x": x, "z": (z + shift) * scale}))
    assert moved.coefficients * [1, scale] == pytest.approx(fit.coefficients, rel=1e-7, abs=1e-8)
    assert moved.std_errors * [1, abs(scale)] == pytest.approx(fit.std_errors, rel=1e-7)
    assert moved.loglik == pytest.approx(fit.loglik, rel=1e-10)
    mixed = fit_or_skip(episodes(rows, covariates={"x": x, "z": z + 2 * x}))
    b = fit.coefficients
    assert mixed.coefficients == pytest.approx([b[0] - 2 * b[1], b[1]], rel=1e-6, abs=1e-7)


@FAST
@given(ROWS)
def test_patterns_and_rows_are_one_likelihood(rows: list[Row]) -> None:
    e = episodes([(*r[:4], float(round(r[4])), *r[5:]) for r in rows] * 9)
    assume(bool((e.status > 0).any()))
    sets = RiskSets.of(e)
    model = standardise(e, sets, "efron")
    rowwise = Likelihood(sets, ((e.x[sets.row] - model.centre) / model.scale).T.copy())
    beta = np.array([0.3, -0.7])
    a, b = model.likelihood.evaluate(beta), rowwise.evaluate(beta)
    assert a.loglik == pytest.approx(b.loglik, rel=1e-12)
    assert a.score == pytest.approx(b.score, rel=1e-9, abs=1e-9)
    assert a.information == pytest.approx(b.information, rel=1e-9, abs=1e-9)
    wide = sets.at_risk(np.ones((1, sets.row.size)), wide=True)
    assert wide == pytest.approx(sets.at_risk(np.ones((1, sets.row.size))), abs=1e-9)


@FAST
@given(ROWS, st.sampled_from(["efron", "breslow"]))
def test_running_sums_of_few_rows_are_the_same_likelihood(rows: list[Row], ties: Any) -> None:
    e = episodes(rows, strata=False, entry=None)
    assume(bool((e.status > 0).any()))
    sets = RiskSets.of(e)
    assume(sets.times.size > 3)  # else patterns are fewer still
    few = standardise(e, sets, ties).likelihood
    assert isinstance(few, FewRowsLikelihood)
    beta = np.array([0.3, -0.7])
    a, b = few.evaluate(beta), Likelihood(sets, few.xt, ties).evaluate(beta)
    assert a.loglik == pytest.approx(b.loglik, rel=1e-12)
    assert a.score == pytest.approx(b.score, rel=1e-9, abs=1e-9)
    assert a.information == pytest.approx(b.information, rel=1e-9, abs=1e-9)


@FAST
@given(ROWS)
def test_residuals_sum_to_zero(rows: list[Row]) -> None:
    e = episodes(rows)
    fit = fit_or_skip(e)
    assert float(e.count @ martingale_residuals(fit)) == pytest.approx(0, abs=1e-9)
    assert e.count @ score_residuals(fit) == pytest.approx(np.zeros(2), abs=1e-6)


@FAST
@given(ROWS, st.lists(st.integers(0, 4), min_size=25, max_size=25))
def test_concordance_is_that_of_all_pairs(rows: list[Row], scores: list[int]) -> None:
    e = episodes([(*r[:6], 1) for r in rows])
    score = np.array(scores[: len(rows)], float)
    n = len(rows)
    agree, differ, same = np.zeros(n), np.zeros(n), np.zeros(n)
    for i, j in itertools.permutations(range(n), 2):
        there = e.entry[j] < e.exit[i] and (e.exit[j] > e.exit[i] or (e.exit[j] == e.exit[i] and not e.status[j]))
        if e.status[i] and there and e.stratum[i] == e.stratum[j]:
            kind = agree if score[i] > score[j] else differ if score[i] < score[j] else same
            kind[[i, j]] += 1
    total = (agree + differ + same).sum() / 2
    if not total:
        with pytest.raises(NotEstimable):
            score_concordance(e, score)
        return
    found = score_concordance(e, score)
    assert (found.concordant, found.discordant, found.tied_score) == (agree.sum() / 2, differ.sum() / 2, same.sum() / 2)
    somers = (agree - differ).sum() / 2 / total
    assert found.value == pytest.approx((1 + somers) / 2, rel=1e-12)
    moved = ((agree - differ) - somers * (agree + differ + same)) / (2 * total)
    assert found.std_error == pytest.approx(math.sqrt(float(moved @ moved)), rel=1e-9, abs=1e-12)
    assert 0 <= found.value <= 1


@FAST
@given(st.integers(49, 3000), st.floats(1e-6, 1.0), st.floats(1e-3, 1e6))
def test_many_tied_events_are_summed_by_formula_as_one_by_one(d: int, share: float, size: float) -> None:
    s = np.array([size])
    e = s * share
    found = efron_sums(Ties.of(np.array([float(d)])), s, e)
    down = np.arange(d) / d
    u = s - down * e
    direct = {"log": np.log(u).sum(), "q1": (1 / u).sum(), "q2": (1 / u**2).sum()}
    assert {k: float(getattr(found, k)[0]) for k in direct} == pytest.approx(direct, rel=1e-11, abs=1e-9)
    first = {"f1": (down / u).sum() * e[0], "f2": (down / u**2).sum() * e[0], "g2": (down**2 / u**2).sum() * e[0] ** 2}
    times = {"f1": e[0], "f2": e[0], "g2": e[0] ** 2}
    assert {k: float(getattr(found, k)[0]) * times[k] for k in first} == pytest.approx(first, rel=1e-9, abs=1e-11 * d)
