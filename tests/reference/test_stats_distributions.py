"""Normal quantile, incomplete beta function and its inverse against R (`record_distributions.R`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chartline.stats.distributions import beta_cdf, beta_quantile, beta_tails, normal_quantile

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
