"""Counts given all margins: the noncentral hypergeometric family behind Fisher's test and exact odds ratios.

In: the margins of a 2 x 2 table, or of several. Out: at any log odds ratio the probabilities of the upper left cell
(or of the sum of these cells). Only the part of the support that is not below 1e-300 of the mode is ever computed, so
that 10^7 patients cost no more than 10^4. Breslow NE, Day NE. Statistical Methods in Cancer Research I, IARC 1980, 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chartline.stats.proportions.proportion import NEARLY
from chartline.stats.statistic import NotEstimable

Floats = NDArray[np.float64]
SMALL = 5_000  # a support up to this size is computed whole
LARGEST = 50_000  # of the support of a sum over strata


@dataclass(frozen=True)
class Probabilities:
    """P(X = first), P(X = first + 1), ...; what is beyond is 0 to double precision."""

    first: int
    p: Floats

    def tails(self, x: int) -> tuple[float, float, float]:
        """Return P(X < x), P(X = x), P(X > x)."""
        i = x - self.first
        if not 0 <= i < len(self.p):
            return (0.0, 0.0, 1.0) if i < 0 else (1.0, 0.0, 0.0)
        return float(self.p[:i].sum()), float(self.p[i]), float(self.p[:i:-1].sum())

    def no_likelier_than(self, x: int) -> float:
        """Return the probability of every value no likelier than `x` (R's two-sided p; within 1e-7 is equal)."""
        return min(1.0, float(self.p[self.p <= self.p[x - self.first] * NEARLY].sum()))

    @property
    def mean(self) -> float:
        return self.first + float(np.arange(len(self.p)) @ self.p)


@dataclass(frozen=True)
class Margins:
    """`size1` and `size2` patients in two groups, `events` events among them all; X is the events of the first."""

    size1: int
    size2: int
    events: int

    @property
    def lowest(self) -> int:
        return max(0, self.events - self.size2)

    @property
    def highest(self) -> int:
        return min(self.size1, self.events)

    def at(self, log_odds_ratio: float = 0.0, including: int | None = None) -> Probabilities:
        """Return the probabilities of X at an odds ratio, over a range that holds `including`."""
        first, last = self._window(log_odds_ratio, including)
        log_weight = self._log_weights(first, last) + log_odds_ratio * np.arange(last - first + 1)
        weight = np.exp(log_weight - log_weight.max())
        return Probabilities(first, weight / weight.sum())

    def _log_weights(self, first: int, last: int) -> Floats:
        """log of C(size1, k) C(size2, events - k), relative to k = first: running sums of the logarithms of ratios."""
        k = np.arange(first, last, dtype=np.float64)
        up = np.log((self.size1 - k) / (k + 1) * ((self.events - k) / (self.size2 - self.events + k + 1)))
        return np.concatenate([[0.0], np.cumsum(up)])

    def _window(self, log_odds_ratio: float, including: int | None) -> tuple[int, int]:
        lowest, highest = self.lowest, self.highest
        if highest - lowest <= SMALL:
            return lowest, highest
        mode = self._mode(log_odds_ratio)
        cells = (mode, self.size1 - mode, self.events - mode, self.size2 - self.events + mode)
        half = 60 + int(40 / math.sqrt(sum(1 / (c + 1) for c in cells)))  # 40 standard deviations: 1e-300
        first, last = mode - half, mode + half
        if including is not None:
            first, last = min(first, including - half), max(last, including + half)
        return max(lowest, first), min(highest, last)

    def _mode(self, log_odds_ratio: float) -> int:
        """Where the ratio of successive weights passes 1 (Liao and Rosen 2001), scaled so that nothing overflows."""
        odds, one = math.exp(min(0.0, log_odds_ratio)), math.exp(min(0.0, -log_odds_ratio))
        b = (self.size1 + self.events + 2) * odds + (self.size2 - self.events) * one
        c = (self.size1 + 1) * (self.events + 1) * odds
        mode = int(2 * c / (b + math.sqrt(max(0.0, b * b - 4 * (odds - one) * c))))
        return min(self.highest, max(self.lowest, mode))


@dataclass(frozen=True)
class Sum:
    """The sum of X over several strata (the exact conditional analysis of 2 x 2 x K tables)."""

    lowest: int
    log_weights: Floats

    @property
    def highest(self) -> int:
        return self.lowest + len(self.log_weights) - 1

    @staticmethod
    def of(strata: Sequence[Margins]) -> Sum:
        """Return the convolution of the strata. Raises `NotEstimable` where the support is above `LARGEST`."""
        size = sum(m.highest - m.lowest for m in strata)
        if size > LARGEST:
            raise NotEstimable(
                f"the exact distribution has {size} values, more than {LARGEST}: use the asymptotic test"
            )
        p = np.ones(1)
        for m in strata:
            log_weight = m._log_weights(m.lowest, m.highest)
            p = np.convolve(p, np.exp(log_weight - log_weight.max()))
            p /= p.max()
        with np.errstate(divide="ignore"):
            return Sum(sum(m.lowest for m in strata), np.log(p))

    def at(self, log_odds_ratio: float = 0.0, including: int | None = None) -> Probabilities:
        log_weight = self.log_weights + log_odds_ratio * np.arange(len(self.log_weights))
        weight = np.exp(log_weight - log_weight.max())
        return Probabilities(self.lowest, weight / weight.sum())


Family = Margins | Sum


def conditional_estimate(family: Family, x: int) -> float:
    """Return the odds ratio at which E(X) = x: the conditional maximum likelihood estimate; 0 or inf at the ends."""
    if x in (family.lowest, family.highest):
        return 0.0 if x == family.lowest else math.inf
    return math.exp(_root(lambda t: family.at(t).mean - x))


def exact_limits(family: Family, x: int, level: float, share: float = 1.0) -> tuple[float, float]:
    """Return the odds ratios at which each tail, with `share` of P(X = x) in it, is half of 1 - level.

    `share` is 1 for the exact interval, 1/2 for the mid-P interval. 0 and inf where x is at an end of the support.
    """
    tail = (1 - level) / 2

    def log_tail(t: float, side: int) -> float:
        below, point, above = family.at(t, x).tails(x)
        p = (below, above)[side] + share * point
        return math.log(p / tail) if p > 0 else -math.inf

    lower = 0.0 if x == family.lowest else math.exp(_root(lambda t: log_tail(t, 1)))
    upper = math.inf if x == family.highest else math.exp(_root(lambda t: -log_tail(t, 0)))
    return lower, upper


def _root(f: Callable[[float], float]) -> float:
    """The root of a rising f of the log odds ratio."""
    from scipy.optimize import brentq

    lo, hi = -1.0, 1.0
    while f(lo) > 0:
        lo *= 2
    while f(hi) < 0:
        hi *= 2
    while not (math.isfinite(f(lo)) and math.isfinite(f(hi))):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if f(middle) < 0 else (lo, middle)
    return float(brentq(f, lo, hi, xtol=1e-15, rtol=1e-14, maxiter=500))
