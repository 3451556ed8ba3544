"""The exact partial likelihood for tied events: which d of those at risk had the event, among all choices of d.

In: as `likelihood.py`, with event times at which d > 1. Out: the same. The sum over all choices is the coefficient of
z^d in the product of (1 + z exp(x b)) over those at risk. It is built row by row for all tied times at once, with its
first and second derivatives, as the distribution of a sum of independent events (each factor divided by its value at a
fixed z), so that no number leaves the range of doubles. A row of `count` subjects is that power of its factor. Source:
Gail MH, Lubin JH, Rubinstein LV. Biometrika 1981;68:703-707; R coxph(ties = "exact").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chartline.stats.episodes import Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.regression.likelihood import Evaluation, Likelihood
from chartline.stats.statistic import NotEstimable

_LIMIT = 1e9  # multiplications a step beyond which nobody would wait for the answer


@dataclass(frozen=True, eq=False)
class ExactLikelihood(Likelihood):
    """Untied times are as with Breslow's rule. Raises `NotEstimable` where the choices are too many to go through."""

    def __post_init__(self) -> None:
        d = self.sets.deaths[self.several]
        terms = float(np.minimum(self.sets.count, d.max()).sum())  # of the factors of all rows
        if terms * d.size * float(d.max()) * (1 + self.xt.shape[0]) ** 2 > _LIMIT:
            raise NotEstimable(f"exact ties would take too long with {int(d.max())} events on one day; use Efron's")

    @lazy
    def several(self) -> Ints:
        return np.flatnonzero(self.sets.deaths > 1)

    def evaluate(self, beta: Floats) -> Evaluation:
        """Return the log partial likelihood and its derivatives at `beta` (k)."""
        m = self.moments(beta)
        if not m.within:
            return Evaluation(-np.inf, np.zeros_like(beta), np.zeros((beta.size, beta.size)))
        at, d = self.several, self.sets.deaths[self.several].astype(np.int64)
        log, first, second = self._choices(beta, m.s[0, at], d)
        alone = self.sets.deaths == 1
        rate = np.where(alone, m.q1, 0.0)
        weighted = self.xt * (m.risk * self.sets.over_time(rate, wide=m.wide))
        s1 = m.s[1:, alone] * m.q1[alone]
        loglik = float(self._events[0] @ beta - m.log[alone].sum() - log.sum())
        score = self._events[0] - weighted.sum(axis=1) - first.sum(axis=0)
        return Evaluation(loglik, score, weighted @ self.xt.T - s1 @ s1.T + second.sum(axis=0))

    def _tilts(self, total: Floats, d: Ints) -> Floats:
        """For each tied time a z at which about d events are expected. The answer is the same for any."""
        n: Floats = self.sets.at_risk(self.sets.count[None, :])[0, self.several]
        return d / (n - d + 0.5) * n / total

    def _choices(self, beta: Floats, total: Floats, d: Ints) -> tuple[Floats, Floats, Floats]:
        """Of each tied time the log of the sum over all choices, its gradient, and its second derivative."""
        hazard = np.exp(beta @ self.xt)
        z = self._tilts(total, d)
        k, top = self.xt.shape[0], int(d.max())
        f0, f1, f2 = np.zeros((d.size, top + 1)), np.zeros((d.size, top + 1, k)), np.zeros((d.size, top + 1, k, k))
        f0[:, 0] = 1
        base = -d * np.log(z)
        first, last = np.searchsorted(self.several, self.sets.first), np.searchsorted(self.several, self.sets.last)
        for i in np.flatnonzero(last > first).tolist():
            at, c = slice(first[i], last[i]), int(self.sets.count[i])
            chance = z[at] * hazard[i] / (1 + z[at] * hazard[i])
            base[at] += c * np.log1p(z[at] * hazard[i])
            _include(f0[at], f1[at], f2[at], chance, c, self.xt[:, i])
        times = np.arange(d.size)
        value = f0[times, d]
        mean = f1[times, d] / value[:, None]
        second = f2[times, d] / value[:, None, None] - mean[:, :, None] * mean[:, None, :]
        return np.log(value) + base, mean, second


def _include(f0: Floats, f1: Floats, f2: Floats, chance: Floats, c: int, x: Floats) -> None:
    """Take in `c` equal subjects: the sum of events grows by a binomial number of them, in place."""
    top = f0.shape[1] - 1
    g0, g1, g2 = np.zeros_like(f0), np.zeros_like(f1), np.zeros_like(f2)
    for j in range(min(c, top) + 1):
        choices = math.lgamma(c + 1) - math.lgamma(j + 1) - math.lgamma(c - j + 1)
        w = np.exp(choices + j * np.log(chance) + (c - j) * np.log1p(-chance))[:, None]
        a0, a1, a2 = f0[:, : top + 1 - j], f1[:, : top + 1 - j], f2[:, : top + 1 - j]
        jx = j * x
        g0[:, j:] += w * a0
        g1[:, j:] += w[:, :, None] * (a1 + a0[:, :, None] * jx)
        both = a1[:, :, :, None] * jx
        square = a0[:, :, None, None] * np.outer(jx, jx)
        g2[:, j:] += w[:, :, None, None] * (a2 + both + both.swapaxes(2, 3) + square)
    f0[:], f1[:], f2[:] = g0, g1, g2
