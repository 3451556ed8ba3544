"""Trend over ordered groups: Cochran-Armitage (asymptotic and exact) and the linear-by-linear test.

In: events and totals of ordered groups, or a table with ordered rows and columns, and scores (1, 2, 3, ... if none are
given). Out: a `TrendTest`. Scores matter up to a linear change only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chartline.stats.distributions import chi2_sf, normal_sf
from chartline.stats.proportions.table import occupied, whole_counts
from chartline.stats.statistic import NotEstimable, Statistic

LARGEST = 1_000_000_000  # additions of the exact distribution: some seconds
STATISTICS = (
    Statistic(
        "cochran_armitage",
        "Cochran-Armitage trend test",
        "CrossTab over `outcome` and an ordered grouping",
        "chi-square of 1 degree of freedom, z (positive: the rate rises with the score) and p-value",
        "prop.trend.test",
        "Cochran WG. Biometrics 1954;10:417-451; Armitage P. Biometrics 1955;11:375-386",
    ),
    Statistic(
        "cochran_armitage_exact",
        "Exact trend test",
        "CrossTab over `outcome` and an ordered grouping",
        "permutation p-values: two-sided, rising and falling",
        "coin::independence_test(distribution = 'exact')",
        "Williams DA. Biometrics 1988;44:1117-1122; Strasser H, Weber C. Math Methods Stat 1999;8:220-250",
    ),
    Statistic(
        "linear_by_linear",
        "Linear-by-linear association test",
        "CrossTab of two ordered dimensions",
        "(n - 1) r^2 of the scores, z and p-value",
        "coin::lbl_test; DescTools::MHChisqTest",
        "Mantel N. J Am Stat Assoc 1963;58:690-700; Agresti A. Categorical Data Analysis, 3.4",
    ),
)


@dataclass(frozen=True)
class TrendTest:
    """`p` is two-sided; `p_rising` and `p_falling` are one-sided (z above 0, below 0)."""

    z: float
    chisq: float
    p: float
    p_rising: float
    p_falling: float


@dataclass(frozen=True)
class ExactTrendTest:
    """`statistic` is the sum of the scores of the events, `expected` its mean under no trend.

    `p` is the probability of a sum at least as far from the mean.
    """

    statistic: float
    expected: float
    p: float
    p_rising: float
    p_falling: float


def trend_test(events: ArrayLike, totals: ArrayLike, scores: ArrayLike | None = None) -> TrendTest:
    """Return the test of a trend in proportions over ordered groups (R `prop.trend.test`).

    Groups without patients count nothing. Raises `NotEstimable` for fewer than two groups with patients or with
    different scores, or where no or every patient has the event; `ValueError` for arrays that do not fit.
    """
    x, n, s = _ordered(events, totals, scores)
    rate, centred = x.sum() / n.sum(), s - (n @ s) / n.sum()
    variance = float(rate * (1 - rate) * (n @ centred**2))
    return _trend(float(x @ centred) / math.sqrt(variance))


def exact_trend_test(events: ArrayLike, totals: ArrayLike, scores: ArrayLike | None = None) -> ExactTrendTest:
    """Return the permutation test of a trend, given the group sizes and the number of events.

    Scores must be whole numbers. Raises as `trend_test`, and `NotEstimable` where the distribution is too large.
    """
    x, n, s = _ordered(events, totals, scores)
    if not np.array_equal(s, np.round(s)):
        raise ValueError("the exact trend test needs scores that are whole numbers")
    shift = s.min()
    whole = (s - shift).astype(int)
    whole //= int(np.gcd.reduce(whole))
    p = _score_sums(n.astype(int), whole, int(x.sum()))
    seen = int(x @ whole)
    mean = float(np.arange(len(p)) @ p)
    far = np.abs(np.arange(len(p)) - mean) >= abs(seen - mean) - 1e-9 * max(1.0, mean)
    step = float((s.max() - shift) / whole.max())
    back = [float(v * step + shift * x.sum()) for v in (seen, mean)]
    return ExactTrendTest(
        back[0], back[1], *(min(1.0, float(v.sum())) for v in (p[far], p[seen:][::-1], p[: seen + 1]))
    )


def linear_by_linear_test(
    table: ArrayLike, rows: ArrayLike | None = None, columns: ArrayLike | None = None
) -> TrendTest:
    """Return the test of linear association between row and column scores: (n - 1) r^2 (`coin::lbl_test`).

    Raises `NotEstimable` for an empty table, one with a single row or column, or scores that are all equal.
    """
    counts = whole_counts(table, 2)
    occupied(counts)
    u, v = (_scores(given, size) for given, size in zip((rows, columns), counts.shape, strict=True))
    n = float(counts.sum())
    u, v = u - counts.sum(axis=1) @ u / n, v - counts.sum(axis=0) @ v / n
    spread = float(counts.sum(axis=1) @ u**2) * float(counts.sum(axis=0) @ v**2)
    if spread == 0:
        raise NotEstimable("every patient has the same score")
    return _trend(math.sqrt(n - 1) * float(u @ counts @ v) / math.sqrt(spread))


def _trend(z: float) -> TrendTest:
    return TrendTest(z, z * z, chi2_sf(z * z, 1), normal_sf(z), normal_sf(-z))


def _ordered(
    events: ArrayLike, totals: ArrayLike, scores: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    x, n = whole_counts(events, 1), whole_counts(totals, 1)
    if x.shape != n.shape or (x > n).any():
        raise ValueError("events and totals are of the same groups, and events are not more than totals")
    s = _scores(scores, len(x))
    here = n > 0
    if len(set(s[here].tolist())) < 2:
        raise NotEstimable("fewer than two groups with patients")
    if x.sum() in (0, n.sum()):
        raise NotEstimable("no events in any group" if x.sum() == 0 else "every patient has the event")
    return x[here].astype(float), n[here].astype(float), s[here]


def _scores(given: ArrayLike | None, size: int) -> NDArray[np.float64]:
    scores = np.arange(1.0, size + 1) if given is None else np.asarray(given, dtype=float)
    if scores.shape != (size,) or not np.isfinite(scores).all():
        raise ValueError(f"{size} scores are needed, one for each level")
    return scores


def _score_sums(sizes: NDArray[np.int64], scores: NDArray[np.int64], events: int) -> NDArray[np.float64]:
    """P(score sum = 0, 1, ...) when `events` of all patients are drawn at random: one group after the other."""
    width = events * int(scores.max()) + 1
    if int(np.minimum(sizes, events).sum()) * (events + 1) * width > LARGEST:
        raise NotEstimable("the exact distribution is too large: use the asymptotic trend test")
    ways = np.zeros((events + 1, width))  # ways[k, t]: share of the draws with k events so far and score sum t
    ways[0, 0] = 1.0
    before = 0
    for size, score in zip(sizes.tolist(), scores.tolist(), strict=True):
        new = np.zeros_like(ways)
        for k in range(min(size, events) + 1):
            moved = ways[: events + 1 - k, : width - k * score]
            new[k:, k * score :] += moved * _draw(np.arange(events + 1 - k), before, k, size)[:, None]
        ways, before = new, before + size
    return np.asarray(ways[events] / ways[events].sum())


def _draw(earlier: NDArray[np.int64], before: int, k: int, size: int) -> NDArray[np.float64]:
    """C(size, k) C(before, e) / C(before + size, e + k): so weighted, the shares stay probabilities throughout."""
    from scipy.special import gammaln

    def log_choose(n: int, r: NDArray[np.int64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            inside = gammaln(n + 1.0) - gammaln(r + 1.0) - gammaln(np.maximum(n - r, 0) + 1.0)
        return np.where(r <= n, inside, -np.inf)

    mine = log_choose(size, np.asarray([k]))[0]
    with np.errstate(invalid="ignore"):
        log_share = mine + log_choose(before, earlier) - log_choose(before + size, earlier + k)
    return np.where((earlier <= before) & (earlier + k <= before + size), np.exp(log_share), 0.0)
