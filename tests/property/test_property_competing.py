"""Competing risks and states: slow second implementations, pooled counts, replication, cuts, order, units."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    Episodes,
    TimeEffect,
    estimate_cumulative_incidence,
    estimate_fine_gray,
    estimate_relapse_nrm_rfs,
    estimate_states,
    gray_test,
)
from chartline.stats.competing.state_product import _carry
from chartline.stats.statistic import NotEstimable

KEY = CountKey(analysis="cir", protocol_digest="", unit="day")
CAUSES = ("relapse", "death")


@dataclass
class Subjects:
    """Columns of a drawn cohort: two causes, two groups, a covariate, a stratum, counts."""

    entry: Any
    time: Any
    status: Any
    group: Any
    x: Any
    stratum: Any
    count: Any

    def episodes(self, *, counted: bool = True, scale: float = 1.0, order: Any = None, **extra: Any) -> Episodes:
        c = {k: v for k, v in vars(self).items()}
        if not counted:
            c = {k: np.repeat(v, self.count) for k, v in c.items()}
            c["count"] = np.ones_like(c["time"])
        if order is not None:
            c = {k: v[order] for k, v in c.items()}
        return Episodes.of(
            c["time"] * scale, c["status"], entry=c["entry"] * scale, group=c["group"], strata=c["stratum"],
            covariates={"ARM": c["group"], "X": c["x"]}, count=c["count"], causes=CAUSES, **extra,
        )  # fmt: skip


@st.composite
def cohorts(draw: st.DrawFn, *, late: bool = True, least: int = 2) -> Subjects:
    entries = st.sampled_from([0, 0, 0, 2, 5]) if late else st.just(0)
    rows = draw(
        st.lists(
            st.tuples(
                entries, st.integers(0, 12), st.integers(0, 2), st.integers(0, 1),
                st.sampled_from([-1.0, 0.0, 0.5, 2.0]), st.integers(0, 1), st.integers(1, 3),
            ),
            min_size=least, max_size=24,
        )
    )  # fmt: skip
    entry, stay, status, group, x, stratum, count = (np.array(v) for v in zip(*rows, strict=True))
    return Subjects(entry, entry + np.maximum(stay, entry > 0), status, group, x, stratum, count)


def same(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def slow_incidence(c: Subjects, cause: int, t: float) -> tuple[float, float]:
    """Aalen-Johansen and its multinomial variance as the definitions say, day by day, by derivatives."""
    days = sorted({d for d, s in zip(c.time, c.status, strict=True) if s and d <= t})
    free, steps = 1.0, []
    for d in days:
        here = ((c.entry < d) | (c.entry == 0)) & (c.time >= d)
        y = c.count[here].sum()
        share = [c.count[here & (c.time == d) & (c.status == k)].sum() / y for k in (1, 2)]
        steps.append((free, share, y))
        free *= 1 - sum(share)
    total = sum(s * share[cause - 1] for s, share, _ in steps)
    variance = 0.0
    for i, (s, share, y) in enumerate(steps):
        rest, left = 0.0, 1.0
        for _, later, _ in steps[i + 1 :]:
            rest += left * later[cause - 1]
            left *= 1 - sum(later)
        pull = np.array([s * ((k == cause) - rest) for k in (1, 2)])
        variance += float(pull @ (np.diag(share) - np.outer(share, share)) @ pull) / y
    return total, variance


@given(cohorts(), st.sampled_from([1, 2]))
@settings(max_examples=25, deadline=None)
def test_incidence_is_the_sum_and_its_variance_the_derivatives(c: Subjects, cause: int) -> None:
    curve = estimate_cumulative_incidence(c.episodes())
    at = curve.at([3, 7, 20])
    for i, t in enumerate(at.times_days):
        value, variance = slow_incidence(c, cause, t)
        assert at.causes[CAUSES[cause - 1]].estimate[i] == pytest.approx(value, abs=1e-12)
        assert at.causes[CAUSES[cause - 1]].std_error[i] ** 2 == pytest.approx(variance, rel=1e-8, abs=1e-12)


@given(cohorts(), st.sampled_from(["log-log", "log", "plain"]), st.sampled_from(["greenwood", "gray", "jackknife"]))
@settings(max_examples=25, deadline=None)
def test_shares_sum_to_one_rise_and_lie_in_their_limits(c: Subjects, interval: Any, variance: Any) -> None:
    curve = estimate_cumulative_incidence(c.episodes(), interval=interval, variance=variance)
    shares = [s.estimate for s in curve.causes.values()]
    same(sum(shares) + curve.event_free.estimate, np.ones(curve.times_days.size))
    assert all(np.all(np.diff(s) >= -1e-12) for s in shares)
    for s in (*curve.causes.values(), curve.event_free):
        there = ~np.isnan(s.lower)
        assert np.all(s.lower[there] <= s.estimate[there] + 1e-9) and np.all(s.upper[there] >= s.estimate[there] - 1e-9)
        assert np.all(s.lower[there] >= 0) and np.all(s.upper[there] <= 1 + 1e-12)
    three = estimate_relapse_nrm_rfs(c.episodes(), [1, 6, 30], relapse="relapse")
    total = three.relapse.estimate + three.non_relapse_mortality.estimate + three.relapse_free_survival.estimate
    same(total, np.ones(3))


@given(cohorts())
@settings(max_examples=20, deadline=None)
def test_one_cause_is_kaplan_meier_with_greenwood(c: Subjects) -> None:
    c.status = np.minimum(c.status, 1)
    curve = estimate_cumulative_incidence(c.episodes())
    y, d = curve.at_risk, curve.events["relapse"]
    survival = np.cumprod((y - d) / y)
    same(curve.causes["relapse"].estimate, 1 - survival)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.where(survival > 0, survival**2 * np.cumsum(d / (y * (y - d))), 0.0)
    same(curve.causes["relapse"].std_error ** 2, np.where(survival < 1, greenwood, 0.0))
    same(curve.event_free.std_error**2, greenwood)


@given(cohorts())
@settings(max_examples=20, deadline=None)
def test_jackknife_is_the_sum_of_squared_derivatives_by_weight(c: Subjects) -> None:
    c.count = np.ones_like(c.count)
    curve = estimate_cumulative_incidence(c.episodes(), variance="jackknife")
    step = 10**6  # counts are whole: a subject more or less among a million copies is the derivative
    out = np.zeros(curve.times_days.size)
    for i in range(c.time.size):
        moved = []
        for sign in (1, -1):
            weights = np.full(c.time.size, step)
            weights[i] += sign
            c.count = weights
            moved.append(estimate_cumulative_incidence(c.episodes()).causes["death"].estimate)
        out += ((moved[0] - moved[1]) / 2 * step) ** 2
    np.testing.assert_allclose(curve.causes["death"].std_error ** 2, out, rtol=1e-4, atol=1e-8)


@given(cohorts(late=False))
@settings(max_examples=20, deadline=None)
def test_jackknife_is_greenwood_without_late_entry(c: Subjects) -> None:
    a, b = (estimate_cumulative_incidence(c.episodes(counted=False), variance=v) for v in ("greenwood", "jackknife"))
    for cause in CAUSES:
        same(a.causes[cause].std_error ** 2, b.causes[cause].std_error ** 2)
    same(a.event_free.std_error**2, b.event_free.std_error**2)


def cut(c: Subjects, day: int) -> tuple[Subjects, Any]:
    """Everyone followed past `day` is cut in two there; returned with the index of the subject."""
    twice = np.flatnonzero((c.entry < day) & (c.time > day))
    rows = {k: np.concatenate([v, v[twice]]) for k, v in vars(c).items()}
    n = c.time.size
    rows["time"][twice], rows["status"][twice], rows["entry"][n:] = day, 0, day
    return Subjects(**rows), np.concatenate([np.arange(n), twice])


@given(cohorts(), st.integers(1, 8))
@settings(max_examples=20, deadline=None)
def test_where_time_is_cut_changes_nothing(c: Subjects, day: int) -> None:
    pieces, subject = cut(c, day)
    when = [1, 4, 9, 30]
    for variance in ("greenwood", "jackknife"):
        whole = estimate_cumulative_incidence(c.episodes(cluster=np.arange(c.time.size)), variance=variance).at(when)
        parts = estimate_cumulative_incidence(pieces.episodes(cluster=subject), variance=variance).at(when)
        same(whole.causes["death"].estimate, parts.causes["death"].estimate)
        same(whole.causes["death"].std_error ** 2, parts.causes["death"].std_error ** 2)
    fits = [outcome(c.episodes()), outcome(pieces.episodes(), subject=subject)]
    agree(*fits)


def outcome(episodes: Episodes, **options: Any) -> Any:
    """A Fine-Gray fit or the reason that there is none."""
    try:
        return estimate_fine_gray(episodes, "relapse", **options)
    except NotEstimable as reason:
        return str(reason)


def agree(a: Any, b: Any) -> None:
    if isinstance(a, str) or isinstance(b, str):
        assert a == b
        return
    if np.all(np.isfinite(a.coefficients)) and np.all(np.abs(a.coefficients) < 20):
        np.testing.assert_allclose(b.coefficients, a.coefficients, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-6, atol=1e-8)
        assert b.loglik == pytest.approx(a.loglik, rel=1e-9, abs=1e-9)
    else:  # no maximum: which coefficients take the blame may hang on rounding
        assert not np.all(np.isfinite(b.coefficients)) or np.any(np.abs(b.coefficients) >= 20)


@given(cohorts(least=6), st.randoms(), st.sampled_from(["crr", "finegray"]))
@settings(max_examples=20, deadline=None)
def test_counts_are_copies_order_and_units_are_nothing(c: Subjects, random: Any, weights: Any) -> None:
    order = np.array(random.sample(range(c.time.size), c.time.size))
    whole = c.episodes()
    for other in (c.episodes(counted=False), c.episodes(order=order), c.episodes(scale=1 / 30.4375)):
        a, b = estimate_cumulative_incidence(whole), estimate_cumulative_incidence(other)
        same(a.causes["relapse"].estimate, b.causes["relapse"].estimate)
        same(a.causes["relapse"].std_error ** 2, b.causes["relapse"].std_error ** 2)
        agree(outcome(whole, weights=weights), outcome(other, weights=weights))
        results = []
        for rows in (whole, other):
            try:
                test = gray_test(rows, "relapse", rho=0.5)
                results.append([test.chisq, *test.scores, *test.covariance.ravel()])
            except NotEstimable as reason:
                results.append(str(reason))
        if isinstance(results[0], str):
            assert results[0] == results[1]
        else:
            np.testing.assert_allclose(results[1], results[0], rtol=1e-6, atol=1e-9)


def table(c: Subjects, which: Any) -> EventTable:
    rows: Counter[Any] = Counter()
    for i in np.flatnonzero(which):
        pattern = (("ARM", str(c.group[i])), ("X", str(c.x[i])))
        rows[pattern, int(c.entry[i]), 0] += int(c.count[i])
        rows[pattern, int(c.time[i]), 1 + int(c.status[i])] += int(c.count[i])
    keys = {(p, d) for p, d, _ in rows}
    return EventTable(key=KEY, causes=CAUSES, rows={k: tuple(rows[(*k, j)] for j in range(4)) for k in sorted(keys)})


@given(cohorts(least=6))
@settings(max_examples=20, deadline=None)
def test_pooled_counts_are_the_whole(c: Subjects) -> None:
    part = np.arange(c.time.size) % 2 == 0
    pooled, whole = table(c, part) + table(c, ~part), c.episodes()
    rows = Episodes.from_counts(pooled, by="ARM", covariates=("ARM", "X"))
    a, b = estimate_cumulative_incidence(whole), estimate_cumulative_incidence(rows)
    same(a.causes["relapse"].std_error ** 2, b.causes["relapse"].std_error ** 2)
    c.stratum = np.zeros_like(c.stratum)
    whole = c.episodes()
    agree(outcome(whole, variance="model"), outcome(rows, variance="model"))
    try:
        expected = gray_test(whole, "death").chisq
    except NotEstimable:
        return
    assert gray_test(rows, "death").chisq == pytest.approx(expected, rel=1e-8, abs=1e-10)


@given(cohorts(late=False, least=4))
@settings(max_examples=20, deadline=None)
def test_gray_scores_are_log_rank_without_competing_events(c: Subjects) -> None:
    c.status, c.stratum = np.minimum(c.status, 1), np.zeros_like(c.stratum)
    try:
        test = gray_test(c.episodes(), "relapse")
    except NotEstimable:
        return
    score = 0.0
    for d in {t for t, s in zip(c.time, c.status, strict=True) if s}:
        risk, dies = c.time >= d, (c.time == d) & (c.status == 1)
        here = c.group == 0
        score += c.count[dies & here].sum() - c.count[dies].sum() * c.count[risk & here].sum() / c.count[risk].sum()
    assert test.scores[0] == pytest.approx(score, abs=1e-10)


def slow_fine_gray(c: Subjects, z: Any, beta: Any, kind: str) -> tuple[Any, Any]:
    """Score at beta and the sum of squared eta + psi over subjects, by the formulas of 1999 with every weight written
    out. `z(i, t)` is the covariate row of subject i at t; counts are copies."""
    n = c.time.size
    event, comp, lost = c.status == 1, c.status == 2, c.status == 0

    def at_risk_of_loss(j: int, u: float) -> Any:
        out = (c.stratum == c.stratum[j]) & (c.time >= u)
        return out if kind == "crr" else out & ~((c.time == u) & ~lost)

    def g(j: int, t: float) -> float:
        out = 1.0
        own = c.stratum == c.stratum[j]
        for u in {float(v) for v in c.time[own & lost] if v < t}:
            out *= 1 - c.count[own & lost & (c.time == u)].sum() / c.count[at_risk_of_loss(j, u)].sum()
        return out if t <= c.time[own].max() else 0.0

    days = sorted({float(t) for t in c.time[event]})
    score, means, hazards, weights = np.zeros(len(beta)), [], [], []
    for t in days:
        w = np.array([1.0 if c.time[i] >= t else g(i, t) / g(i, c.time[i]) if comp[i] else 0.0 for i in range(n)])
        rows = np.array([z(i, t) for i in range(n)])
        risk = w * np.exp(rows @ beta)
        mean = (c.count * risk) @ rows / (c.count @ risk)
        dies = event & (c.time == t)
        score += c.count[dies] @ (rows[dies] - mean)
        means.append(mean)
        hazards.append(c.count[dies].sum() / (c.count @ risk))
        weights.append(risk)
    middle = np.zeros((len(beta), len(beta)))
    pull = np.array(
        [[(np.array(z(i, t)) - means[k]) * weights[k][i] * hazards[k] for k, t in enumerate(days)] for i in range(n)]
    )
    share = -pull.sum(axis=1)
    for i in np.flatnonzero(event):
        share[i] += np.array(z(i, c.time[i])) - means[days.index(float(c.time[i]))]
    for s in np.unique(c.stratum):
        own = c.stratum == s
        for u in {float(v) for v in c.time[own & lost]}:
            past = own & comp & (c.time < u)
            later = [k for k, t in enumerate(days) if t >= u]
            q = (c.count[past, None] * pull[past][:, later].sum(axis=1)).sum(axis=0)
            there = at_risk_of_loss(int(np.flatnonzero(own)[0]), u)
            total, gone = c.count[there].sum(), own & lost & (c.time == u)
            share[gone] += q / total
            share[there] -= q * c.count[gone].sum() / total**2
    for i in range(n):
        middle += c.count[i] * np.outer(share[i], share[i])
    return score, middle


@given(cohorts(late=False, least=8), st.sampled_from(["crr", "finegray"]), st.booleans())
@settings(max_examples=20, deadline=None)
def test_fine_gray_solves_the_score_with_every_weight_written_out(c: Subjects, kind: Any, changing: bool) -> None:
    effects = [TimeEffect("X", lambda t: t / 10, "t")] if changing else []
    fit = outcome(c.episodes(), weights=kind, time_effects=effects)
    assume(not isinstance(fit, str) and np.all(np.isfinite(fit.coefficients)) and np.all(np.abs(fit.coefficients) < 20))

    def z(i: int, t: float) -> list[float]:
        return [c.group[i], c.x[i], *([c.x[i] * t / 10] if changing else [])]

    score, middle = slow_fine_gray(c, z, fit.coefficients, kind)
    np.testing.assert_allclose(score, 0, atol=1e-7)
    inverse = np.linalg.inv(fit.information)
    np.testing.assert_allclose(fit.covariance, inverse @ middle @ inverse, rtol=1e-5, atol=1e-7)


@given(cohorts(late=False, least=6))
@settings(max_examples=15, deadline=None)
def test_fine_gray_is_cox_without_competing_events(c: Subjects) -> None:
    c.status = np.minimum(c.status, 1)
    fit = outcome(c.episodes(), variance="robust")
    assume(not isinstance(fit, str) and np.all(np.isfinite(fit.coefficients)))
    x, score = np.column_stack([c.group, c.x]), np.zeros(2)
    risk = c.count * np.exp(x @ fit.coefficients)
    for i in np.flatnonzero(c.status):
        here = c.time >= c.time[i]
        score += c.count[i] * (x[i] - risk[here] @ x[here] / risk[here].sum())
    np.testing.assert_allclose(score, 0, atol=1e-7)


@given(cohorts(), st.sampled_from(["greenwood", "aalen"]))
@settings(max_examples=20, deadline=None)
def test_competing_risks_are_a_process_of_one_step(c: Subjects, variance: Any) -> None:
    rows = Episodes.of(c.time, c.status, entry=c.entry, group=np.full(c.time.size, "remission"), count=c.count,
                       causes=CAUSES)  # fmt: skip
    states = estimate_states(rows, states=("remission", *CAUSES), start="remission", variance=variance)
    curve = estimate_cumulative_incidence(c.episodes())
    same(states.probability.sum(axis=1), np.ones(states.times_days.size))
    for k, cause in enumerate(CAUSES):
        same(states.probability[:, k + 1], curve.causes[cause].estimate)
        if variance == "greenwood":
            same(states.std_error[:, k + 1] ** 2, curve.causes[cause].std_error ** 2)


@st.composite
def processes(draw: st.DrawFn) -> Episodes:
    """Subjects that move between three states and back, some with counts, some starting in the second."""
    time, to, entry, state, count, who = [], [], [], [], [], []
    for i in range(draw(st.integers(1, 10))):
        now, here, n = 0, draw(st.integers(0, 1)), draw(st.integers(1, 3))
        while True:
            stay, goes = draw(st.integers(1, 6)), draw(st.sampled_from([-1, -1, 0, 1, 2]))
            moves = -1 if goes == here else goes
            time.append(now + stay), to.append(moves + 1), entry.append(now), state.append("abc"[here])
            count.append(n), who.append(i)
            now, here = now + stay, moves
            if moves in (-1, 2):
                break
    return Episodes.of(time, to, entry=entry, group=state, count=count, causes=("a", "b", "c"), cluster=who)


@given(processes(), st.sampled_from(["greenwood", "aalen", "jackknife"]))
@settings(max_examples=20, deadline=None)
def test_states_sum_to_one_by_the_product_of_days(rows: Episodes, variance: Any) -> None:
    fit = estimate_states(rows, states=("a", "b", "c"), variance=variance)
    same(fit.probability.sum(axis=1), np.ones(fit.times_days.size))
    p, index = fit.start, {"a": 0, "b": 1, "c": 2}
    for i in range(fit.times_days.size):
        h = np.eye(3)
        for (a, b), moves in fit.moves.items():
            if moves[i]:
                rate = moves[i] / fit.at_risk[i, index[a]]
                h[index[a], index[b]] += rate
                h[index[a], index[a]] -= rate
        p = p @ h
        same(fit.probability[i], p)
    assert fit.length_of_stay(fit.times_days[-1]).days.sum() == pytest.approx(fit.times_days[-1])


@given(processes())
@settings(max_examples=15, deadline=None)
def test_counts_of_processes_are_copies(rows: Episodes) -> None:
    copies = np.repeat(np.arange(rows.exit.size), rows.count)
    one = Episodes.of(
        rows.exit[copies], rows.status[copies], entry=np.where(np.isneginf(rows.entry), 0, rows.entry)[copies],
        group=np.array(rows.groups)[rows.group[copies]], causes=rows.causes,
    )  # fmt: skip
    for variance in ("greenwood", "aalen"):
        a, b = (estimate_states(e, states=("a", "b", "c"), variance=variance) for e in (rows, one))
        same(a.std_error**2, b.std_error**2)
        same(a.length_of_stay(a.times_days[-1]).std_error, b.length_of_stay(a.times_days[-1]).std_error)


@given(st.integers(1, 40), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_blocks_of_days_carry_as_days_do(days: int, both: bool, seed: int) -> None:
    r = np.random.default_rng(seed)
    h, add, first = r.normal(size=(days, 2, 2)) / 2, r.normal(size=(days, 2, 2)), r.normal(size=(2, 2))
    x, expected = first, []
    for i in range(days):
        x = (h[i].T @ x @ h[i] if both else x @ h[i]) + add[i]
        expected.append(x)
    same(_carry(h, add, first, both=both), np.array(expected))
