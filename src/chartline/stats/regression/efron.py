"""The sums over the d tied events of one time that Efron's rule needs, direct or by Euler-Maclaurin's formula.

In: for each tied time the risk total S, the total E of those who have the event, and their number d. With
u = S - E l / d for l = 0, ..., d - 1: out are the sums of log u, 1/u, 1/u^2, and of the latter two times l / d and
(l / d)^2. A day on which thousands have the event costs as much as one with 40. Source: DLMF 2.10.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chartline.stats.episodes import Floats, Ints

DIRECT = 48  # tied events up to which the terms are added one by one
_LAST = 18  # terms next to the singularity, always added one by one; the formula's error is then below 1e-16
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66)  # B2, B4, ...


@dataclass(frozen=True, eq=False)
class Ties:
    """The tied times, once for all iterations: `events` (d), the direct ones with their terms, and the large ones."""

    events: Floats
    small: Ints  # places among the tied times
    of_term: Ints  # place of each direct term
    share: Floats  # l / d of each direct term
    starts: Ints  # where the terms of each small time begin
    large: Ints

    @classmethod
    def of(cls, events: Floats) -> Ties:
        small = np.flatnonzero(events <= DIRECT)
        d = events[small].astype(np.int64)
        starts = np.cumsum(d) - d
        rank = np.arange(d.sum()) - np.repeat(starts, d)
        return cls(events, small, np.repeat(small, d), rank / np.repeat(d, d), starts, np.flatnonzero(events > DIRECT))


@dataclass(frozen=True, eq=False)
class TieSums:
    """One value a time: log is the sum of log u, q1 and q2 of 1/u and 1/u^2, f1, f2, g2 of those times l/d, (l/d)^2."""

    log: Floats
    q1: Floats
    q2: Floats
    f1: Floats  # (l / d) / u
    f2: Floats  # (l / d) / u^2
    g2: Floats  # (l / d)^2 / u^2


def efron_sums(ties: Ties, s: Floats, e: Floats) -> TieSums:
    """Return the sums at the tied times. What they lose to cancellation at E << S they are multiplied by E again."""
    if not ties.large.size:
        log, q1, q2 = _direct(ties, s, e)
    else:
        log, q1, q2 = (np.empty_like(s) for _ in range(3))
        if ties.small.size:
            log[ties.small], q1[ties.small], q2[ties.small] = _direct(ties, s, e)
        at = ties.large
        log[at], q1[at], q2[at] = _euler_maclaurin(s[at], e[at], ties.events[at])
    return TieSums(
        log, q1, q2, (s * q1 - ties.events) / e, (s * q2 - q1) / e, (s * (s * q2 - 2 * q1) + ties.events) / (e * e)
    )


def _direct(ties: Ties, s: Floats, e: Floats) -> tuple[Floats, Floats, Floats]:
    u = s[ties.of_term] - ties.share * e[ties.of_term]
    q = 1 / u
    log, q1, q2 = np.add.reduceat(np.stack((np.log(u), q, q * q)), ties.starts, axis=1)
    return log, q1, q2


def _euler_maclaurin(s: Floats, e: Floats, d: Floats) -> tuple[Floats, Floats, Floats]:
    """The first d - 18 terms by the formula, l from 0 to m; the others as they are."""
    h = e / d
    m = d - _LAST - 1
    first, last = s, s - h * m
    run = -np.log1p(-h * m / first) / h  # the integral of 1/u
    log = m * np.log(last) - m + first * run + (np.log(first) + np.log(last)) / 2
    q1 = run + (1 / first + 1 / last) / 2
    q2 = m / (first * last) + (first**-2 + last**-2) / 2
    for k, b in enumerate(_BERNOULLI, 1):
        x, y = (h / last) ** (2 * k - 1), (h / first) ** (2 * k - 1)
        log -= b / (2 * k * (2 * k - 1)) * (x - y)
        q1 += b / (2 * k) * (x / last - y / first)
        q2 += b * (x / last**2 - y / first**2)
    tail = s[:, None] - h[:, None] * (m[:, None] + 1 + np.arange(_LAST))
    return log + np.log(tail).sum(1), q1 + (1 / tail).sum(1), q2 + (1 / tail**2).sum(1)
