"""Every distribution against R (`record_distributions.R`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chartline.stats.distributions import (
    beta_cdf,
    beta_quantile,
    beta_tails,
    chi2_sf,
    f_sf,
    gamma_quantile,
    normal_cdf,
    normal_quantile,
    normal_sf,
    t_quantile,
    t_sf,
)

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "distributions.json").read_text())
R = {
    name: [{k: float(v) for k, v in row.items()} for row in rows]
    for name, rows in RECORDED.items()
    if isinstance(rows, list)
}


def close(value: float, expected: float, rel: float = 1e-12) -> bool:
    return abs(value - expected) <= rel * abs(expected)


def test_normal_quantile_is_qnorm() -> None:
    assert all(close(normal_quantile(r["p"]), r["z"], 1e-14) or r["z"] == 0 for r in R["qnorm"])


def test_beta_cdf_and_upper_tail_are_pbeta() -> None:
    wrong = []
    for r in R["pbeta"]:
        p, q = beta_tails(r["x"], r["a"], r["b"])
        # 1e-300: below it R and we both lose digits to underflow
        if not (close(p, r["cdf"]) or r["cdf"] < 1e-300) or not (close(q, r["sf"]) or r["sf"] < 1e-300):
            wrong.append((r, p / r["cdf"] - 1, q / r["sf"] - 1))
    assert not wrong


def test_beta_quantiles_are_qbeta_up_to_ten_million_patients() -> None:
    wrong = []
    for r in R["qbeta"]:
        n, k, tail = r["n"], r["k"], r["tail"]
        lower = beta_quantile(tail, k, n - k + 1) if k else 0.0
        upper = beta_quantile(tail, k + 1, n - k, upper=True) if k < n else 1.0
        if not close(lower, r["lower"]) or not close(upper, r["upper"]):
            wrong.append((r, lower, upper))
    assert not wrong


def far(value: float, expected: float) -> bool:
    """Tails below 1e-300 lose digits to underflow, in R as here."""
    return close(value, expected) or expected < 1e-300


def test_normal_tails_are_pnorm() -> None:
    assert all(far(normal_sf(r["z"]), r["sf"]) and far(normal_cdf(-r["z"]), r["sf"]) for r in R["pnorm"])


def test_chi_square_tail_is_pchisq() -> None:
    assert [r for r in R["pchisq"] if not far(chi2_sf(r["x"], r["df"]), r["sf"])] == []


def test_t_is_pt_and_qt() -> None:
    assert [r for r in R["pt"] if not far(t_sf(r["t"], r["df"]), r["sf"])] == []
    assert [r for r in R["qt"] if not close(t_quantile(r["p"], r["df"]), r["t"]) and r["t"] != 0] == []
    assert abs(t_quantile(0.5, 7)) < 1e-15


def test_f_tail_is_pf() -> None:
    assert [r for r in R["pf"] if not far(f_sf(r["f"], r["df1"], r["df2"]), r["sf"])] == []


def test_gamma_quantiles_are_qgamma() -> None:
    for r in R["qgamma"]:
        if r["p"] < 1e-5 and r["shape"] > 1e4:
            with pytest.raises(ValueError, match="no gamma quantile of known accuracy"):
                gamma_quantile(r["p"], r["shape"])
            continue
        assert close(gamma_quantile(r["p"], r["shape"]), r["lower"])
        assert close(gamma_quantile(r["p"], r["shape"], upper=True), r["upper"])


def test_tails_at_their_ends() -> None:
    inf = float("inf")
    assert (chi2_sf(inf, 1), chi2_sf(inf, 3), t_sf(inf, 3), t_sf(-inf, 3), f_sf(inf, 2, 3)) == (0, 0, 0, 1, 0)
    assert t_sf(1e200, 3) == 0.0 and f_sf(1e300, 2, 2) == pytest.approx(1e-300)


def test_arguments_without_a_distribution_are_refused() -> None:
    nan = float("nan")
    for call in (
        lambda: chi2_sf(-1, 1), lambda: chi2_sf(nan, 1), lambda: chi2_sf(1, 0), lambda: t_sf(nan, 3),
        lambda: t_sf(1, 0), lambda: t_quantile(1, 3), lambda: f_sf(-1, 2, 3), lambda: f_sf(1, 0, 3),
        lambda: gamma_quantile(2, 1), lambda: gamma_quantile(0.5, 0),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"^no "):
            call()


def test_quantile_inverts_the_cdf() -> None:
    for a, b in ((0.5, 0.5), (2, 31), (0.1, 5), (4e6, 6e6)):
        for p in (1e-9, 0.025, 0.5, 0.8, 0.999):
            assert close(beta_cdf(beta_quantile(p, a, b), a, b), p, 1e-9)


@pytest.mark.parametrize(("x", "a", "b"), [(0.5, 0, 1), (0.5, 1, -1), (-0.1, 1, 1), (1.1, 1, 1), (float("nan"), 1, 1)])
def test_outside_the_distribution_is_refused(x: float, a: float, b: float) -> None:
    with pytest.raises(ValueError, match="no beta distribution"):
        beta_cdf(x, a, b)
    with pytest.raises(ValueError, match="no beta quantile"):
        beta_quantile(2.0, 1, 1)
