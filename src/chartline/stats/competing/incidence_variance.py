"""Variances of the Aalen-Johansen cumulative incidence, every one in a few cumulative sums (no double loop over days).

With S the event-free curve, F the incidence of the cause, F(t) its value where the variance is wanted and
h(s) = (F(t) - F(s)) / S(s), what an event at s does to F(t) is S(s-) (1 - h(s)) / Y(s) if it is of the cause and
-S(s-) h(s) / Y(s) if not. Since h is linear in F(t), sums over s are kept of the parts without, with, and with the
square of F(t). They are written by r(s) = F(end) - F(s), whose share r(s) / S(s) never exceeds 1: by F(s) itself two
large sums would cancel once S is small.

greenwood  events at s are multinomial of Y(s). It is what R `survival::survfit` prints (its infinitesimal jackknife)
           where everyone enters at time 0, and `mstate::probtrans(method = "greenwood")` always. It needs the numbers
           at risk only, and does not depend on where a subject's time was cut.
gray       Gray's form with his correction for ties, as R `cmprsk::cuminc` gives it (Aalen 1978 without ties).
jackknife  the sum over subjects of squared influences. It differs from greenwood with late entry only, where R's
           `survfit` gives it; a subject is a row, or the rows of one cluster (and `count` copies of it)
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.competing.totals import totals
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.risk import Leaving, Runs

VarianceKind = Literal["greenwood", "gray", "jackknife"]


def greenwood(leaving: Leaving, before: Floats, after: Floats, total: Floats) -> Floats:
    """Return the variance of F at every time of `leaving`, a line a cause.

    `before` and `after` are S(s-) and S(s), one entry a time; `total` is F(s), a line a cause. Betensky RA, Schoenfeld
    DA. Biometrics 2001;57:282-286 (the multinomial form); equal to the infinitesimal jackknife without late entry.
    """
    y = leaving.at_risk.astype(np.float64)
    share, every = leaving.events / y, leaving.all_events / y
    ratio = _ratio(before, after)
    of_share = before / y * share
    level = of_share * (1 - share) * before
    slope = of_share * (-2 * ratio * (1 - every))
    square = every * (1 - every) / y * ratio * ratio
    return _quadratic(leaving.runs, level, slope, square, total)


def event_free(leaving: Leaving, after: Floats) -> Floats:
    """Return Greenwood's variance of S at every time; 0 where S is 0."""
    y, every, there = leaving.at_risk, leaving.all_events, after > 0
    gone = np.divide(every, y * (y - every), out=np.zeros_like(after), where=there)
    return np.where(there, after * after * leaving.runs.sums(gone), 0.0)


def gray(leaving: Leaving, before: Floats, after: Floats, total: Floats) -> Floats:
    """Return the variance of F at every time in the form of `cmprsk::cuminc` (arguments as `greenwood`)."""
    y, of_cause = leaving.at_risk.astype(np.float64), leaving.events
    other = leaving.all_events - of_cause
    base = before * before / (y * y)
    ends = after > 0
    inverse = np.divide(1.0, after, out=np.zeros_like(after), where=ends)
    own, others = base * _untied(of_cause, y) * of_cause, np.where(ends, base * _untied(other, y) * other, 0.0)
    return _quadratic(leaving.runs, own, -2 * own * inverse, (own + others) * inverse * inverse, total)


def jackknife(
    before: Floats, after: Floats, at_risk: Ints, of_cause: Ints, all_events: Ints, total: Floats,
    episodes: Episodes, times: Floats, counts: npt.NDArray[np.bool_],
) -> Floats:  # fmt: skip
    """Return the sum over subjects of squared influences on F, at every time.

    `counts` says which status (0 to K) counts as the cause; the rest as `greenwood`. A row's influence at t is
    own(x) - [A(x and t) - A(e and t)] + (F(end) - F(t)) (own'(x) - [B(x and t) - B(e and t)]) for its entry e and
    exit x, so that squares need sums over those gone, those present and those not yet there.
    """
    y = at_risk.astype(np.float64)
    ratio, rest = _ratio(before, after), total[-1:] - total
    drift = np.column_stack([np.cumsum((before * of_cause - ratio * rest * all_events) / y**2),
                             np.cumsum(ratio * all_events / y**2)])  # fmt: skip
    drift = np.vstack([np.zeros(2), drift])
    at = np.searchsorted(times, episodes.exit)  # the step of the exit
    entered = np.searchsorted(times, episodes.entry, side="right")  # steps that were over at the entry
    jump = np.column_stack([
        (before[at] * counts[episodes.status] - ratio[at] * rest[at]) / y[at], ratio[at] / y[at]
    ]) * (episodes.status > 0)[:, None]  # fmt: skip
    if episodes.cluster is not None:
        return _by_subject(episodes, at, entered, jump, drift, rest)
    gone = jump - drift[at + 1] + drift[entered]
    out = np.zeros(times.size)
    for i, j, power in ((0, 0, 0), (0, 1, 1), (1, 1, 2)):
        w = np.asarray(episodes.count * (2.0 if i != j else 1.0), np.float64)
        done = np.cumsum(totals(at, w * gone[:, i] * gone[:, j], times.size))
        out += (done + _present(at, entered, w, drift, i, j, times.size)) * rest**power
    return np.maximum(out, 0.0)


def _present(at: Ints, entered: Ints, w: Floats, drift: Floats, i: int, j: int, steps: int) -> Floats:
    """Sum over those still there after each step of (A(t) - A(e)) (B(t) - B(e))."""

    def there(weights: Floats) -> Floats:
        come = np.cumsum(totals(entered, weights, steps + 1)[:steps])
        return np.asarray(come - np.cumsum(totals(at, weights, steps)))

    a, b = drift[1:, i], drift[1:, j]
    start_a, start_b = drift[entered, i], drift[entered, j]
    out = a * b * there(w) - a * there(w * start_b) - b * there(w * start_a) + there(w * start_a * start_b)
    return np.asarray(out)


def _by_subject(
    episodes: Episodes, at: Ints, entered: Ints, jump: Floats, drift: Floats, rest: Floats
) -> Floats:  # fmt: skip
    """As `jackknife` where several rows are one subject: subjects x times, in one pass over times."""
    assert episodes.cluster is not None
    subjects = int(episodes.cluster.max(initial=-1)) + 1
    out = np.zeros(rest.size)
    for step in range(rest.size):
        start, stop = np.minimum(entered, step + 1), np.minimum(at, step) + 1
        value = drift[start] - drift[np.maximum(stop, start)] + jump * (at <= step)[:, None]
        row = np.sqrt(episodes.count) * (value[:, 0] + rest[step] * value[:, 1])
        out[step] = np.sum(totals(episodes.cluster, row, subjects) ** 2)
    return out


def _quadratic(runs: Runs, level: Floats, slope: Floats, square: Floats, total: Floats) -> Floats:
    """Sum over s <= t of level(s) + slope(s) (r(s) - r(t)) + square(s) (r(s) - r(t))^2, for every t."""
    rest = runs.to_come(total)
    bent = square * rest
    constant, linear = runs.sums(level + (slope + bent) * rest), runs.sums(slope + 2 * bent)
    return np.maximum(constant + rest * (rest * runs.sums(square) - linear), 0.0)


def _ratio(before: Floats, after: Floats) -> Floats:
    """S(s-) / S(s); 0 where S(s) is 0, after which nothing changes."""
    return np.divide(before, after, out=np.zeros_like(before), where=after > 0)


def _untied(events: Ints, at_risk: Floats) -> Floats:
    """Gray's correction for `events` tied at one time: (Y - d) / (Y - 1)."""
    more = np.maximum(at_risk - 1, 1.0)
    return np.where(events > 1, (at_risk - events) / more, 1.0)
