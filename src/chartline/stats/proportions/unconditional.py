"""Unconditional exact tests of two proportions: Boschloo's and Barnard's.

In: n1 of N1 and n2 of N2. Out: an `UnconditionalTest`. All tables with the two group sizes are ordered, by Fisher's
p-value (Boschloo) or by the pooled z statistic (Barnard, Suissa-Shuster), and the probability of those that are at
least as extreme is maximised over the common rate. SciPy's tests of these names search the rate from a few start
points and keep about six digits; here it is searched on a grid fine enough for the waves of the function, and the best
points are refined until the doubles end. Conventions (they differ between programs, so they are arguments):
- Boschloo two-sided: "minlike" orders by Fisher's two-sided p (R `Exact`, `exact2x2(tsmethod = "minlike")`);
  "central" is twice the smaller one-sided p (SciPy, `exact2x2(tsmethod = "central")`).
- Barnard two-sided: |z| at least as large (R `Exact`, SciPy, SAS), z with the pooled variance unless `pooled=False`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chartline.stats.proportions.proportion import NEARLY, Alternative
from chartline.stats.proportions.table import group_counts
from chartline.stats.statistic import NotEstimable, Statistic

Floats = NDArray[np.float64]
LARGEST = 1_000_000  # tables with the given group sizes
_TAKES = "CrossTab over `outcome` and a grouping of two levels"
STATISTICS = (
    Statistic(
        "boschloo",
        "Boschloo's exact test",
        _TAKES,
        "p-value: Fisher's p as statistic, maximised over the common rate",
        "Exact::exact.test(method = 'boschloo')",
        "Boschloo RD. Stat Neerl 1970;24:1-35",
    ),
    Statistic(
        "barnard",
        "Barnard's exact test",
        _TAKES,
        "z (pooled variance) and its p-value maximised over the common rate",
        "Exact::exact.test(method = 'z-pooled')",
        "Barnard GA. Biometrika 1947;34:123-138; Suissa S, Shuster JJ. J R Stat Soc A 1985;148:317-327",
    ),
)


@dataclass(frozen=True)
class UnconditionalTest:
    """`statistic` is z (Barnard) or Fisher's p-value (Boschloo); `rate` the common rate at which p is largest."""

    statistic: float
    p: float
    rate: float


def boschloo_test(
    n1: int,
    total1: int,
    n2: int,
    total2: int,
    alternative: Alternative = "two-sided",
    two_sided: Literal["minlike", "central"] = "minlike",
) -> UnconditionalTest:
    """Return Boschloo's test that both rates are equal; "less" is a lower rate in the first group.

    Never larger than Fisher's p. Raises `NotEstimable` for an empty group or more than `LARGEST` tables, `ValueError`
    unless 0 <= n <= total.
    """
    n1, total1, n2, total2 = _sizes(n1, total1, n2, total2, alternative)
    if alternative == "two-sided" and two_sided == "central":
        sides = [boschloo_test(n1, total1, n2, total2, side) for side in ("less", "greater")]
        smaller = min(sides, key=lambda s: s.p)
        return UnconditionalTest(smaller.statistic, min(1.0, 2 * smaller.p), smaller.rate)
    fisher = _fisher_of_all(total1, total2, alternative)
    return _largest(float(fisher[n1, n2]), fisher <= fisher[n1, n2] * NEARLY)


def barnard_test(
    n1: int,
    total1: int,
    n2: int,
    total2: int,
    alternative: Alternative = "two-sided",
    *,
    pooled: bool = True,
) -> UnconditionalTest:
    """Return Barnard's test that both rates are equal, tables ordered by z. Raises as `boschloo_test`."""
    n1, total1, n2, total2 = _sizes(n1, total1, n2, total2, alternative)
    z = _z_of_all(total1, total2, pooled)
    seen = float(z[n1, n2])
    order = {"less": -z, "greater": z, "two-sided": np.abs(z)}[alternative]
    limit = float(order[n1, n2])
    return _largest(seen, order >= limit - 1e-7 * abs(limit))


def _sizes(n1: int, total1: int, n2: int, total2: int, alternative: str) -> tuple[int, int, int, int]:
    if alternative not in ("two-sided", "less", "greater"):
        raise ValueError(f"not an alternative: {alternative}")
    n1, total1, n2, total2 = group_counts(n1, total1, n2, total2)
    if (total1 + 1) * (total2 + 1) > LARGEST:
        raise NotEstimable(f"groups of {total1} and {total2} are too large for an unconditional exact test")
    return n1, total1, n2, total2


def _z_of_all(total1: int, total2: int, pooled: bool) -> Floats:
    """z of every table; 0 where both rates are equal (R `Exact`), infinite where the variance alone is 0."""
    x1, x2 = np.arange(total1 + 1.0)[:, None], np.arange(total2 + 1.0)
    p1, p2 = x1 / total1, x2 / total2
    if pooled:
        p = (x1 + x2) / (total1 + total2)
        variance = p * (1 - p) * (1 / total1 + 1 / total2)
    else:
        variance = p1 * (1 - p1) / total1 + p2 * (1 - p2) / total2
    difference = (x1 * total2 - x2 * total1) / (total1 * total2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, difference / np.sqrt(np.maximum(variance, 0)))


def _fisher_of_all(total1: int, total2: int, alternative: Alternative) -> Floats:
    """Fisher's p of every table, one diagonal (number of events) at a time."""
    log_choose1, log_choose2 = _log_choose(total1), _log_choose(total2)
    out = np.ones((total1 + 1, total2 + 1))
    for events in range(total1 + total2 + 1):
        x1 = np.arange(max(0, events - total2), min(total1, events) + 1)
        log_weight = log_choose1[x1] + log_choose2[events - x1]
        p = np.exp(log_weight - log_weight.max())
        out[x1, events - x1] = _p_values(p / p.sum(), alternative)
    return np.minimum(out, 1.0)


def _p_values(p: Floats, alternative: Alternative) -> Floats:
    if alternative == "less":
        return np.cumsum(p)
    if alternative == "greater":
        return np.cumsum(p[::-1])[::-1]
    order = np.argsort(p, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(p[order])])
    return np.asarray(total[np.searchsorted(p[order], p * NEARLY, side="right")])


def _largest(statistic: float, extreme: NDArray[np.bool_]) -> UnconditionalTest:
    """Maximise the probability of the extreme tables over the rate: a grid, then every good peak refined."""
    from scipy.optimize import minimize_scalar

    if extreme.all():
        return UnconditionalTest(statistic, 1.0, 0.5)
    inside = extreme.astype(np.float64)
    points = max(401, 8 * (inside.shape[0] + inside.shape[1]))
    angle = np.linspace(0, np.pi / 2, points)  # rates closer together near 0 and 1, where the function is steeper
    grid = np.sin(angle) ** 2
    value = _probability(grid, inside)
    best = value.max()
    peaks = [i for i in range(1, points - 1) if value[i] >= max(value[i - 1 : i + 2].max(), 0.9 * best)]
    found = [(float(best), float(grid[value.argmax()]))]
    for i in peaks:
        done = minimize_scalar(
            lambda a: -float(_probability(np.sin(np.atleast_1d(a)) ** 2, inside)[0]),
            bounds=(angle[i - 1], angle[i + 1]),
            method="bounded",
            options={"xatol": 1e-10},
        )
        found.append((-float(done.fun), float(np.sin(done.x) ** 2)))
    p, rate = max(found)
    return UnconditionalTest(statistic, min(1.0, p), rate)


def _probability(rates: Floats, inside: Floats) -> Floats:
    """The probability of the tables `inside` at each common rate."""
    one, two = _binomial(inside.shape[0] - 1, rates), _binomial(inside.shape[1] - 1, rates)
    return np.asarray(((one @ inside) * two).sum(axis=1))


def _binomial(total: int, rates: Floats) -> Floats:
    """Binomial probabilities, one line per rate."""
    from scipy.special import xlog1py, xlogy

    k = np.arange(total + 1.0)
    p = rates[:, None]
    return np.asarray(np.exp(_log_choose(total) + xlogy(k, p) + xlog1py(total - k, -p)))


def _log_choose(total: int) -> Floats:
    from scipy.special import gammaln

    k = np.arange(total + 1.0)
    return np.asarray(gammaln(total + 1) - gammaln(k + 1) - gammaln(total - k + 1))
