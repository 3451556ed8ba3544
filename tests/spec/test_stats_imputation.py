"""Missing covariates: what is drawn, what is pooled, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    Episodes,
    columns_of_counts,
    estimate_cox,
    estimate_imputed_cox,
    estimate_imputed_logistic,
    hazard_predictors,
    impute,
    rubin,
)
from chartline.stats.statistic import NotEstimable


def trial(n: int, seed: int) -> dict[str, Any]:
    """Effects of log 2 per unit of x and of log 1/2 of g = b; z is a shadow of x."""
    r = np.random.default_rng(seed)
    x = r.normal(size=n).round(2)
    g = np.where(r.random(n) < 1 / (1 + np.exp(-x)), "a", "b")
    time = r.exponential(500 * np.exp(-math.log(2) * (x - (g == "b")))).round() + 1
    stop = r.integers(100, 1500, n)
    return {
        "time": np.minimum(time, stop), "event": (time <= stop).astype(int), "x": x, "g": g.astype(object),
        "z": (x + r.normal(size=n)).round(2), "random": r.random(n),
    }  # fmt: skip


def test_without_gaps_the_answer_is_that_of_the_complete_data() -> None:
    d = trial(60, 1)
    plain = estimate_cox(Episodes.of(d["time"], d["event"], covariates={"x": d["x"], "g": d["g"]}))
    fit = estimate_imputed_cox(Episodes.of(d["time"], d["event"]), {"x": d["x"], "g": d["g"]}, seed=1, m=3)
    assert list(fit.terms) == list(plain.names)
    assert [t.estimate for t in fit.terms.values()] == pytest.approx(plain.coefficients.tolist(), rel=1e-12)
    assert [t.se for t in fit.terms.values()] == pytest.approx(plain.std_errors.tolist(), rel=1e-12)
    assert all(t.between == 0 and t.between_share == 0 for t in fit.terms.values())
    assert fit.missing == {"x": 0, "g": 0} and fit.warnings == ()


def test_values_missing_at_random_leave_no_bias() -> None:
    # 30 % of x are missing, the more so the larger z is: complete cases are a selected set
    d = trial(1200, 2)
    x, g = d["x"].copy(), d["g"].copy()
    x[d["random"] < 0.3 * (1 + np.tanh(d["z"]))] = math.nan
    g[::9] = None
    fit = estimate_imputed_cox(
        Episodes.of(d["time"], d["event"]), {"x": x, "g": g, "z": d["z"]}, seed=3, m=8, rounds=5, reference={"g": "a"}
    )
    assert fit.terms["x"].estimate == pytest.approx(math.log(2), abs=3 * fit.terms["x"].se)
    assert fit.terms["g=b"].estimate == pytest.approx(-math.log(2), abs=3 * fit.terms["g=b"].se)
    assert fit.terms["z"].estimate == pytest.approx(0, abs=3 * fit.terms["z"].se)
    assert 0.1 < fit.terms["x"].missing_information < 0.6
    whole = estimate_cox(Episodes.of(d["time"], d["event"], covariates={"x": d["x"], "g": d["g"], "z": d["z"]}))
    assert fit.terms["x"].se > whole.std_errors[0]
    assert fit.terms["x"].se < 1.6 * whole.std_errors[0]
    assert fit.warnings[0].startswith("8 imputations for ")


def test_a_logistic_model_is_imputed_by_its_outcome() -> None:
    r = np.random.default_rng(4)
    x = r.normal(size=1500)
    y = (r.random(1500) < 1 / (1 + np.exp(-x))).astype(int)
    x[r.random(1500) < 0.3] = math.nan
    fit = estimate_imputed_logistic(y, {"x": x}, seed=9, m=10)
    assert fit.terms["x"].estimate == pytest.approx(1, abs=3 * fit.terms["x"].se)
    firth = estimate_imputed_logistic(y[:40], {"x": x[:40]}, seed=9, m=5, method="firth")
    assert firth.method == "firth" and math.isfinite(firth.terms["x"].estimate)


def test_the_same_seed_gives_the_same_sets_in_whatever_order_the_rows_come() -> None:
    d = trial(50, 5)
    x = d["x"].copy()
    x[::4] = math.nan
    known = {"time": d["time"]}
    one = impute({"x": x, "g": d["g"]}, known, seed=7, m=4)
    back = np.arange(50)[::-1]
    two = impute({"x": x[back], "g": d["g"][back]}, {"time": d["time"][back]}, seed=7, m=4)
    other = impute({"x": x, "g": d["g"]}, known, seed=8, m=4)
    assert (back[two.row] == one.row).all()
    assert all((a["x"] == b["x"]).all() for a, b in zip(one.sets, two.sets, strict=True))
    assert any((a["x"] != b["x"]).any() for a, b in zip(one.sets, other.sets, strict=True))
    assert any((one.sets[0]["x"] != s["x"]).any() for s in one.sets[1:])


def test_what_is_there_stays_and_what_is_drawn_somebody_has() -> None:
    d = trial(80, 6)
    x, g = d["x"].copy(), d["g"].copy()
    x[:20], g[10:40] = math.nan, None
    found = impute({"x": x, "g": g}, {"time": d["time"], "event": d["event"]}, seed=1, m=3)
    assert found.missing == {"x": 20, "g": 30} and found.incomplete == 40
    for s in found.sets:
        assert set(s["x"]) <= set(d["x"][20:]) and set(s["g"]) <= {"a", "b"}
        given = found.row >= 20
        assert (s["x"][given] == x[found.row[given]]).all()


def test_a_row_of_three_is_three_subjects_with_draws_of_their_own() -> None:
    x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, None]
    found = impute({"x": x}, {"y": range(9)}, seed=2, m=2, count=[1, 2, 1, 1, 1, 1, 1, 1, 30])
    assert found.missing == {"x": 30} and found.row.size == 39
    assert len(set(found.sets[0]["x"][found.row == 8])) > 1


def test_the_hazard_that_helps_to_draw_is_nelson_and_aalens() -> None:
    # deaths at 2 (of 4 at risk), 5 (of 2): 1/4, then 1/4 + 1/2; who enters at 3 lives through the second only
    e = Episodes.of([2, 4, 5, 5], [1, 0, 1, 0], entry=[0, 0, 0, 3], count=[1, 2, 1, 1])
    known = hazard_predictors(e)
    assert known["hazard"].tolist() == [0.25, 0.25, 0.75, 0.5]
    assert known["event"].tolist() == [1, 0, 1, 0]


def test_gaps_of_an_event_table_come_as_none() -> None:
    key = CountKey(analysis="os", protocol_digest="", unit="day")
    rows = {}
    for age, sex, day in (("61", "F", 5), ("", "M", 6), ("40", "", 9)):
        rows[((("AGE", age), ("SEX", sex)), 0)] = (2, 0, 0)
        rows[((("AGE", age), ("SEX", sex)), day)] = (0, 1, 1)
    episodes, covariates = columns_of_counts(EventTable(key=key, rows=rows), ["AGE", "SEX"])
    found = {(t, a, s) for t, a, s in zip(episodes.exit, covariates["AGE"], covariates["SEX"], strict=True)}
    assert found == {(5, 61.0, "F"), (6, None, "M"), (9, 40.0, None)}


def test_what_cannot_be_imputed_is_said() -> None:
    with pytest.raises(NotEstimable, match=r"^age is missing for everyone$"):
        impute({"age": [None, math.nan]}, {"y": [0, 1]}, seed=1)
    with pytest.raises(ValueError, match="a predictor has a gap"):
        impute({"age": [1, None]}, {"y": [0, math.nan]}, seed=1)
    with pytest.raises(ValueError, match="at least two sets"):
        impute({"age": [1, None]}, {"y": [0, 1]}, seed=1, m=1)
    with pytest.raises(ValueError, match="no covariate to impute"):
        impute({}, {"y": [0, 1]}, seed=1)
    one_level = impute({"arm": ["A", None, "A"]}, {"y": [0, 1, 2]}, seed=1, m=2)
    assert one_level.sets[0]["arm"].tolist() == ["A"] * 3


def test_rubins_rules_on_paper() -> None:
    # 1 2 3, each with variance 1/2: mean 2, within 1/2, between 1, total 1/2 + (1 + 1/3) 1 = 11/6
    p = rubin([1, 2, 3], [0.5, 0.5, 0.5])
    assert (p.estimate, p.within, p.between) == (2, 0.5, 1)
    assert p.se**2 == pytest.approx(11 / 6, rel=1e-14)
    assert p.between_share == pytest.approx(8 / 11, rel=1e-14)  # (4/3) / (11/6)
    assert p.increase == pytest.approx(8 / 3, rel=1e-14)
    assert p.df == pytest.approx(2 * (11 / 8) ** 2, rel=1e-14)
    with pytest.raises(ValueError, match="two or more estimates"):
        rubin([1], [1])
    with pytest.raises(ValueError, match="a variance is not positive"):
        rubin([1, 2], [1, 0])
