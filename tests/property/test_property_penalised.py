"""What must hold of penalised, logistic and frailty models whatever the data, and a slow obvious second computation."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    Episodes,
    Outcomes,
    adjust_p,
    e_value,
    estimate_firth_cox,
    estimate_firth_logistic,
    estimate_frailty_cox,
    estimate_logistic,
    find_monotone,
    find_separation,
)
from chartline.stats.regression.partial_likelihood import PartialLikelihood
from chartline.stats.statistic import NotEstimable

FEW = settings(max_examples=8, deadline=None)


@st.composite
def rows(draw: st.DrawFn, least: int = 5) -> dict[str, Any]:
    """5 to 14 subjects with ties, late entries, counts, two strata and two covariates that vary."""
    n = draw(st.integers(least, 14))
    many = lambda values: draw(st.lists(values, min_size=n, max_size=n))  # noqa: E731
    stay, entry = many(st.integers(1, 8)), many(st.sampled_from([0, 0, 0, 2]))
    out = {
        "time": [e + s for e, s in zip(entry, stay, strict=True)], "event": many(st.booleans()), "entry": entry,
        "count": many(st.sampled_from([1, 1, 2])), "strata": many(st.sampled_from(["a", "b"])),
        "x": many(st.integers(0, 1)), "z": many(st.integers(20, 25)),
    }  # fmt: skip
    assume(any(out["event"]) and len(set(out["x"])) == 2 and len(set(out["z"])) > 1)
    return out


def episodes(d: dict[str, Any], **other: Any) -> Episodes:
    d = d | other
    keys = {k: d[k] for k in ("entry", "count", "strata") if d.get(k) is not None}
    return Episodes.of(d["time"], d["event"], covariates={"x": d["x"], "z": d["z"]}, **keys)


def penalised(beta: Any, d: dict[str, Any], ties: str) -> float:
    """The penalised log-likelihood, one risk set after another, one subject at a time."""
    n = len(d["time"])
    x = np.column_stack([d["x"], d["z"]]).astype(float)
    w = np.exp((x - x.mean(axis=0)) @ beta)
    value, information = 0.0, np.zeros((2, 2))
    for g in sorted(set(d["strata"])):
        for t in sorted({d["time"][i] for i in range(n) if d["event"][i] and d["strata"][i] == g}):
            there = [i for i in range(n) if d["strata"][i] == g and (d["entry"][i] < t or d["entry"][i] == 0)]
            risk = [i for i in there for _ in range(d["count"][i]) if d["time"][i] >= t]
            dead = [i for i in risk if d["event"][i] and d["time"][i] == t]
            value += sum(math.log(w[i]) for i in dead)
            for step in range(len(dead)):
                off = step / len(dead) if ties == "efron" else 0.0
                share = np.array([w[i] * (1 - off * (i in dead)) for i in risk])
                value -= math.log(share.sum())
                share /= share.sum()
                centred = x[risk] - share @ x[risk]
                information += (centred * share[:, None]).T @ centred
    sign, log = np.linalg.slogdet(information)
    return value + log / 2 if sign > 0 else -math.inf


def fitted(d: dict[str, Any], **other: Any) -> Any:
    try:
        return estimate_firth_cox(episodes(d, **other), ties=other.get("ties", "breslow"))
    except NotEstimable:
        assume(False)


@FEW
@given(rows(), st.sampled_from(["breslow", "efron"]))
def test_the_penalised_maximum_and_its_limits_by_the_slow_computation(d: dict[str, Any], ties: str) -> None:
    fit = fitted(d, ties=ties)
    b = fit.coef
    top = penalised(b, d, ties)
    for move in ((0.02, 0), (-0.02, 0), (0, 0.005), (0, -0.005), (0.01, 0.005), (0.01, -0.005)):
        assert penalised(b + np.array(move), d, ties) < top + 1e-10
    zero = penalised(np.zeros(2), d, ties)
    assert fit.chisq == pytest.approx(2 * (top - zero), rel=1e-6, abs=1e-8)
    # at a limit of x no value of z brings the likelihood above the threshold, and one reaches it
    best = max(penalised(np.array([fit.terms[0].upper, z]), d, ties) for z in b[1] + np.linspace(-2, 2, 401))
    assert 2 * (top - best) >= 3.8414588 - 1e-9
    for term in fit.terms:
        assert term.lower < term.coef < term.upper


@FEW
@given(rows())
def test_counts_are_replicated_rows_in_any_order_in_any_unit(d: dict[str, Any]) -> None:
    fit = fitted(d)
    n = len(d["time"])
    each = [i for i in range(n) for _ in range(d["count"][i])][::-1]
    unfolded = {k: [v[i] for i in each] for k, v in d.items()} | {"count": None}
    scaled = {k: (np.array(v) * 7.5 if k in ("time", "entry") else v) for k, v in d.items()}
    for other in (fitted(unfolded), fitted(scaled)):
        for mine, theirs in zip(fit.terms, other.terms, strict=True):
            for name in ("coef", "se", "lower", "upper"):
                assert getattr(mine, name) == pytest.approx(getattr(theirs, name), rel=1e-8, abs=1e-8)


@FEW
@given(rows(), st.integers(1, 6))
def test_where_a_subjects_time_is_cut_changes_nothing(d: dict[str, Any], at: int) -> None:
    fit = fitted(d)
    cut: dict[str, list[Any]] = {k: [] for k in d}
    for i in range(len(d["time"])):
        parts = [(d["entry"][i], d["time"][i], d["event"][i])]
        if d["entry"][i] < at < d["time"][i]:
            parts = [(d["entry"][i], at, False), (at, d["time"][i], d["event"][i])]
        for entry, time, event in parts:
            for k in d:
                cut[k].append({"entry": entry, "time": time, "event": event}.get(k, d[k][i]))
    assert fitted(cut).coef == pytest.approx(fit.coef, rel=1e-8, abs=1e-8)


@FEW
@given(rows(), st.integers(0, 2**14))
def test_pooled_counts_are_the_whole(d: dict[str, Any], split: int) -> None:
    def table(chosen: list[int]) -> EventTable:
        out: dict[Any, list[int]] = {}
        for i in chosen:
            pattern = (("X", str(d["x"][i])), ("Z", str(d["z"][i])))
            out.setdefault((pattern, 0), [0, 0, 0])[0] += d["count"][i]
            out.setdefault((pattern, d["time"][i]), [0, 0, 0])[2 if d["event"][i] else 1] += d["count"][i]
        key = CountKey(analysis="os", protocol_digest="", unit="day")
        return EventTable(key=key, rows={k: tuple(v) for k, v in sorted(out.items())})

    n = len(d["time"])
    part = [i for i in range(n) if split >> i & 1]
    pooled = table(part) + table([i for i in range(n) if not split >> i & 1])
    whole = fitted(d, entry=None, strata=None)
    again = estimate_firth_cox(Episodes.from_counts(pooled, covariates=("X", "Z")))
    assert again.coef == pytest.approx(whole.coef, rel=1e-8, abs=1e-8)


@FEW
@given(rows(), st.sampled_from(["breslow", "efron"]))
def test_the_score_and_the_tilt_are_derivatives(d: dict[str, Any], ties: Any) -> None:
    likelihood = PartialLikelihood.of(episodes(d), ties)
    b = np.array([0.3, -0.2])
    here = likelihood.at(b, tilt=True)
    assume(here.tilt is not None)
    for k in range(2):
        step = np.zeros(2)
        step[k] = 1e-5
        up, down = likelihood.at(b + step, tilt=True), likelihood.at(b - step, tilt=True)
        assert (up.value - down.value) / 2e-5 == pytest.approx(here.score[k], rel=1e-5, abs=1e-6)
        slope = (up.log_determinant - down.log_determinant) / 2e-5
        assert slope == pytest.approx(here.tilt[k], rel=1e-4, abs=1e-5)  # type: ignore[index]
        assert -(up.score - down.score) / 2e-5 == pytest.approx(here.information[k], rel=1e-5, abs=1e-6)


@FEW
@given(rows(8), st.sampled_from([0.1, 0.5, 2.0]))
def test_a_centres_factor_weighs_its_events_against_those_expected(d: dict[str, Any], theta: float) -> None:
    # Klein's E step: factor = (1/theta + events) / (1/theta + expected), expected by Breslow's hazard under the factors
    e = replace(
        episodes(d, strata=None), group=np.array([i % 3 for i in range(len(d["time"]))]), groups=("A", "B", "C")
    )
    try:
        fit = estimate_frailty_cox(e, ties="breslow", theta=theta)
    except NotEstimable:
        assume(False)
    w = np.exp(e.x @ np.array([t.coef for t in fit.terms])) * np.array([fit.frailties[g].factor for g in e.group])
    expected = np.zeros(3)
    for t in np.unique(e.exit[e.status > 0]):
        risk = (e.entry < t) & (e.exit >= t)
        deaths = e.count[(e.status > 0) & (e.exit == t)].sum()
        jump = deaths / (e.count * w)[risk].sum()
        for g in range(3):
            expected[g] += jump * (e.count * w)[risk & (e.group == g)].sum()
    factors = np.array([f.factor for f in fit.frailties])
    events = np.array([f.events for f in fit.frailties])
    # `expected` holds the factor itself: factor (1/theta + expected / factor) = 1/theta + events
    assert factors / theta + expected == pytest.approx(1 / theta + events, rel=1e-7)
    assert factors.mean() == pytest.approx(1, rel=1e-8)


@settings(max_examples=4, deadline=None)
@given(rows())
def test_logistic_counts_order_and_the_turned_outcome(d: dict[str, Any]) -> None:
    y = [int(v) for v in d["event"]]
    data = Outcomes.of(y, {"x": d["x"], "z": d["z"]}, count=d["count"])
    turned = Outcomes.of([1 - v for v in y], {"x": d["x"], "z": d["z"]}, count=d["count"])
    each = [i for i in range(len(y)) for _ in range(d["count"][i])][::-1]
    unfolded = Outcomes.of([y[i] for i in each], {k: [d[k][i] for i in each] for k in ("x", "z")})
    for model in (estimate_firth_logistic, estimate_logistic):
        try:
            fit = model(data)
        except NotEstimable:
            continue
        assert model(unfolded).coef == pytest.approx(fit.coef, rel=1e-8, abs=1e-8)
        assert model(turned).coef == pytest.approx(-fit.coef, rel=1e-8, abs=1e-8)
        for mine, theirs in zip(fit.terms, model(turned).terms, strict=True):
            assert (theirs.lower, theirs.upper) == pytest.approx((-mine.upper, -mine.lower), rel=1e-7, abs=1e-7)


@FEW
@given(rows())
def test_an_estimate_exists_where_nothing_separates(d: dict[str, Any]) -> None:
    data = Outcomes.of([int(v) for v in d["event"]], {"x": d["x"], "z": d["z"]}, count=d["count"])
    try:
        estimate_firth_logistic(data)
    except NotEstimable:  # collinear
        return
    if find_separation(data):
        with pytest.raises(NotEstimable):
            estimate_logistic(data)
    else:
        assert np.all(np.isfinite(estimate_logistic(data).coef))


@FEW
@given(rows())
def test_the_two_searches_for_a_monotone_likelihood_agree(d: dict[str, Any]) -> None:
    # along what the sentence names the ordinary likelihood never falls, however far one goes
    e = episodes(d)
    found = find_monotone(e)
    likelihood = PartialLikelihood.of(e)
    if len(found) == 1 and " x " in f"{found[0].replace(',', ' ')} ":
        values = {side: [likelihood.at(np.array([side * b, 0.0])).value for b in (0, 2, 5, 9)] for side in (1, -1)}
        assert any(all(b >= a - 1e-12 for a, b in pairwise(v)) for v in values.values())


PS = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(PS)
def test_adjusted_p_values_are_ordered_among_themselves(p: list[float]) -> None:
    bonferroni, holm, hochberg, bh = (
        adjust_p(p, m)
        for m in ("bonferroni", "holm", "hochberg", "benjamini_hochberg")  # type: ignore[arg-type]
    )
    tiny = 1e-15
    assert np.all(bonferroni + tiny >= holm) and np.all(holm + tiny >= hochberg)
    assert np.all(hochberg + tiny >= bh) and np.all(bh + tiny >= np.array(p))
    assert np.all(np.diff(holm[np.argsort(p, kind="stable")]) >= 0)


@given(st.floats(0.01, 100), st.sampled_from(["risk ratio", "odds ratio", "hazard ratio"]))
def test_an_e_value_is_the_same_of_a_ratio_and_its_inverse(ratio: float, measure: Any) -> None:
    here, there = e_value(ratio, measure=measure), e_value(1 / ratio, measure=measure)
    assert here.value == pytest.approx(there.value, rel=1e-9)
    # the joint bounding factor of two such risk ratios is exactly the association
    e, rr = here.value, max(here.risk_ratio, 1 / here.risk_ratio)
    assert e * e / (2 * e - 1) == pytest.approx(rr, rel=1e-9)
