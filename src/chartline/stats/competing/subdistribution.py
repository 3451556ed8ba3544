"""The sums of the Fine-Gray model: its likelihood, score and information, and each row's share in the score.

In: rows as `Rows` (index arrays over the J distinct times of events of interest). Out: engines with the same verbs.

Separable  covariates fixed in time. A competing event at T counts Q(t-) / Q(T-) at t, a product, so that sums over the
           risk set are cumulative sums and no row is ever expanded: O(rows x covariates) a step, plus one Gram matrix.
Counted    the same where the rows share few patterns of covariates: O(P x J x covariates) a step.
Patterns   covariates whose effect changes with time. Sums are over distinct covariate rows x event times: O(P x J) a
           step, whatever the number of subjects.

A row's share has two parts (Fine and Gray 1999, section 4): eta, what it adds to the score with the weights taken as
known, and psi, what it adds by having helped to estimate the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chartline.stats.competing.censoring_weights import CensoringWeights
from chartline.stats.competing.totals import totals
from chartline.stats.episodes import Floats, Ints
from chartline.stats.pieces import product, square


@dataclass(frozen=True, eq=False)
class Rows:
    """One entry a row. `stop` and `start` count the event times at or before exit and entry; `competing` lists the
    rows that end with another cause, `own_weight` is their Q(T-); `event` and `ended` say which end with the cause and
    with any."""

    count: Floats
    start: Ints
    stop: Ints
    event: npt.NDArray[np.bool_]
    ended: npt.NDArray[np.bool_]
    competing: Ints
    own_weight: Floats
    stratum: Ints
    strata: int
    times: Floats  # the J event times
    weight: Floats  # strata x J: Q(t-)
    deaths: Floats  # J: events at each
    entry: Floats
    late: bool  # some start after the first event time


@dataclass(frozen=True, eq=False)
class Fit:
    """The state at one beta: log likelihood, score, information and the jumps of the baseline hazard."""

    loglik: float
    score: Floats
    information: Floats
    jumps: Floats


def nowhere(beta: Floats) -> Fit:
    """Return the state where the likelihood cannot be computed."""
    return Fit(-np.inf, np.full_like(beta, np.nan), np.full((beta.size, beta.size), np.nan), np.zeros(0))


class Engine(Protocol):
    def evaluate(self, beta: Floats) -> Fit: ...
    def eta(self, beta: Floats) -> Floats: ...
    def psi(
        self, beta: Floats, weights: CensoringWeights, lost: npt.NDArray[np.bool_], at_risk_ties: bool
    ) -> Floats: ...


class Separable:
    """`x` is covariates x rows, centred."""

    def __init__(self, rows: Rows, x: Floats) -> None:
        self.rows, self.x = rows, x
        self.x_competing = np.ascontiguousarray(x[:, rows.competing])
        moved = rows.count * rows.event
        self.sum_events = x @ moved
        self.key = rows.stratum[rows.competing] * (rows.times.size + 1) + rows.stop[rows.competing]
        self.room = np.empty(x.shape[1])
        self.from_ = np.flatnonzero(rows.start > 0) if rows.late else np.zeros(0, np.int64)

    def evaluate(self, beta: Floats) -> Fit:
        r = self.rows
        risk, shift = self._risk(beta)
        s0 = self._over_risk_set(risk, None)
        s1 = np.stack([self._over_risk_set(risk, k) for k in range(self.x.shape[0])]) if self.x.size else self.x
        if not np.all(s0 > 0):  # a step so wide that whole risk sets vanish
            return nowhere(beta)
        mean = s1 / s0
        jumps = r.deaths / s0
        loglik = float(beta @ self.sum_events - r.deaths @ (np.log(s0) + shift))
        hazard = self._experienced(jumps[None, :])[0]
        information = weighed_gram(self.x, np.multiply(risk, hazard, out=self.room)) - (mean * r.deaths) @ mean.T
        self._at = (beta.copy(), risk, mean, jumps, hazard)
        return Fit(loglik, self.sum_events - mean @ r.deaths, information, jumps * np.exp(-shift))

    def eta(self, beta: Floats) -> Floats:
        """Return covariates x rows, for one subject of each row."""
        risk, mean, jumps, hazard = self._state(beta)
        r = self.rows
        unit = risk / r.count
        out = self._experienced(mean * jumps)
        np.multiply(out, unit, out=out)
        out += self.x * (r.event - unit * hazard)
        ends = np.flatnonzero(r.event)
        out[:, ends] -= mean[:, r.stop[ends] - 1]
        return out

    def psi(self, beta: Floats, weights: CensoringWeights, lost: npt.NDArray[np.bool_], at_risk_ties: bool) -> Floats:
        """Return covariates x rows; `lost` says which rows end in a censoring."""
        risk, mean, jumps, _ = self._state(beta)
        r, m = self.rows, self.x.shape[0]
        when = weights.times[weights.censored.any(axis=0)]
        first = np.searchsorted(r.times, when, side="left")
        since = np.searchsorted(when, weights.times, side="right")[weights.step[r.competing]]
        key = r.stratum[r.competing] * (when.size + 1) + since
        mass = risk[r.competing] / r.own_weight
        size = r.strata * (when.size + 1)

        def gathered(w: Floats) -> Floats:
            return np.cumsum(totals(key, w, size).reshape(r.strata, -1), axis=1)[:, :-1]

        c0 = gathered(mass)
        to_come = [_suffix(r.weight * jumps * line)[:, first] for line in (np.ones_like(jumps), *mean)]
        q = np.stack([gathered(mass * self.x_competing[k]) * to_come[0] - c0 * to_come[k + 1] for k in range(m)])
        return spread_over_rows(q, when, r, weights, lost, at_risk_ties)

    def _state(self, beta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        if not np.array_equal(self._at[0], beta):
            self.evaluate(beta)
        return self._at[1:]

    def _risk(self, beta: Floats) -> tuple[Floats, float]:
        """count exp(x beta), scaled so that nothing overflows, and the logarithm of the scale."""
        eta = beta @ self.x
        shift = float(eta.max(initial=0.0))
        return self.rows.count * np.exp(eta - shift), shift

    def _over_risk_set(self, risk: Floats, k: int | None) -> Floats:
        """Sum of risk (times covariate k) over who is at risk at each event time, competing events with weights."""
        r, size = self.rows, self.rows.times.size + 1
        w = risk if k is None else np.multiply(risk, self.x[k], out=self.room)
        total = totals(r.stop, w, size)
        if self.from_.size:
            total -= totals(r.start[self.from_], w[self.from_], size)
        out = np.cumsum(total[:0:-1])[::-1]
        if r.competing.size:
            mass = w[r.competing] / r.own_weight
            past = np.cumsum(totals(self.key, mass, r.strata * size).reshape(r.strata, size), axis=1)[:, :-1]
            out = out + (r.weight * past).sum(axis=0)
        return np.asarray(out)

    def _experienced(self, jumps: Floats) -> Floats:
        """What each row feels of the increments `jumps` (lines x J), weighted once its competing event is past."""
        r = self.rows
        out = np.empty((len(jumps), r.stop.size))
        for line, felt in zip(jumps, out, strict=True):
            total = np.concatenate([[0.0], np.cumsum(line)])
            np.take(total, r.stop, out=felt)
            if self.from_.size:
                felt -= total[r.start]
            if r.competing.size:
                felt[r.competing] += _suffix(r.weight * line).reshape(-1)[self.key] / r.own_weight
        return out


class Counted(Separable):
    """As `Separable`, where rows share few patterns: sums over the risk sets are those of subjects counted by pattern.

    `values` is covariates x patterns, centred, `pattern` a row's index. What a pattern has at risk at each event time,
    weights included, does not depend on beta. Rows are gone through once, for their shares in the score.
    """

    def __init__(self, rows: Rows, x: Floats, values: Floats, pattern: Ints) -> None:
        super().__init__(rows, x)
        self.values, self.pattern = values, pattern
        self.present = weighed_at_risk(rows, pattern, values.shape[1])

    def evaluate(self, beta: Floats) -> Fit:
        r = self.rows
        eta = beta @ self.values
        shift = float(eta.max(initial=0.0))
        unit = np.exp(eta - shift)
        sums = product(np.vstack([unit, self.values * unit]), self.present)
        if not np.all(sums[0] > 0):
            return nowhere(beta)
        mean, jumps = sums[1:] / sums[0], r.deaths / sums[0]
        loglik = float(beta @ self.sum_events - r.deaths @ (np.log(sums[0]) + shift))
        weight = unit * np.einsum("pj,j->p", self.present, jumps)
        information = (self.values * weight) @ self.values.T - square(mean * r.deaths, mean)
        self._of = (beta.copy(), unit, mean, jumps)
        return Fit(loglik, self.sum_events - mean @ r.deaths, information, jumps * np.exp(-shift))

    def _state(self, beta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        if not np.array_equal(self._of[0], beta):
            self.evaluate(beta)
        _, unit, mean, jumps = self._of
        return self.rows.count * unit[self.pattern], mean, jumps, self._experienced(jumps[None, :])[0]


def weighed_at_risk(rows: Rows, pattern: Ints, size: int) -> Floats:
    """Return who is at risk at each event time, competing events by their weights: patterns x event times."""
    width = rows.times.size + 1
    inside = totals(pattern * width + rows.stop, rows.count, size * width)
    if rows.late:
        inside = inside - totals(pattern * width + rows.start, rows.count, size * width)
    out = np.cumsum(inside.reshape(size, width)[:, :0:-1], axis=1)[:, ::-1].copy()
    c = rows.competing
    for g in range(rows.strata):
        who = rows.stratum[c] == g
        key, weight = pattern[c[who]] * width + rows.stop[c[who]], rows.count[c[who]] / rows.own_weight[who]
        out += rows.weight[g] * np.cumsum(totals(key, weight, size * width).reshape(size, width), axis=1)[:, :-1]
    return np.asarray(out)


class Patterns:
    """`z` is patterns x J x covariates, each covariate row as it stands at each event time; `pattern` a row's index."""

    def __init__(self, rows: Rows, z: Floats, pattern: Ints) -> None:
        self.rows, self.z, self.pattern = rows, z, pattern
        j, p = rows.times.size, z.shape[0]
        width = j + 1

        self.present = weighed_at_risk(rows, pattern, p)
        ends = np.flatnonzero(rows.event)
        key = pattern[ends] * width + rows.stop[ends] - 1
        self.ended = totals(key, rows.count[ends], p * width).reshape(p, width)[:, :-1]

    def evaluate(self, beta: Floats) -> Fit:
        r, z = self.rows, self.z
        log_risk = z @ beta
        shift = log_risk.max(axis=0)
        unit = np.exp(log_risk - shift)
        w = self.present * unit
        s0 = w.sum(axis=0)
        if not np.all(s0 > 0):
            return nowhere(beta)
        mean = np.einsum("pj,pjk->jk", w, z) / s0[:, None]
        with np.errstate(over="ignore", invalid="ignore"):  # so far out that the search will turn back
            jumps = r.deaths / s0
            score = np.einsum("pj,pjk->k", self.ended, z) - r.deaths @ mean
            loglik = float((self.ended * log_risk).sum() - r.deaths @ (np.log(s0) + shift))
            flat = z.reshape(-1, z.shape[2])
            gram = (flat * (w * jumps).reshape(-1, 1)).T @ flat
            self._at = (beta.copy(), unit * jumps, mean)
            return Fit(loglik, score, gram - (mean * r.deaths[:, None]).T @ mean, jumps * np.exp(-shift))

    def eta(self, beta: Floats) -> Floats:
        """As `Separable.eta`."""
        hazard, mean = self._state(beta)
        r, p = self.rows, self.pattern
        pull = hazard[:, :, None] * (self.z - mean)
        total = np.concatenate([np.zeros((pull.shape[0], 1, pull.shape[2])), np.cumsum(pull, axis=1)], axis=1)
        out = total[p, r.start] - total[p, r.stop]
        ends = np.flatnonzero(r.event)
        out[ends] += self.z[p[ends], r.stop[ends] - 1] - mean[r.stop[ends] - 1]
        c = r.competing
        for g in range(r.strata):
            who = c[r.stratum[c] == g]
            later = _suffix(np.moveaxis(pull * r.weight[g][:, None], 1, 2))
            out[who] -= later[p[who], :, r.stop[who]] / r.own_weight[r.stratum[c] == g][:, None]
        return np.asarray(out.T)

    def psi(self, beta: Floats, weights: CensoringWeights, lost: npt.NDArray[np.bool_], at_risk_ties: bool) -> Floats:
        """As `Separable.psi`."""
        hazard, mean = self._state(beta)
        r, c = self.rows, self.rows.competing
        when = weights.times[weights.censored.any(axis=0)]
        first = np.searchsorted(r.times, when, side="left")
        since = np.searchsorted(when, weights.times, side="right")[weights.step[c]]
        pull = np.moveaxis(hazard[:, :, None] * (self.z - mean), 1, 2)  # patterns x covariates x J
        q = np.zeros((self.z.shape[2], r.strata, when.size))
        for g in range(r.strata):
            who = r.stratum[c] == g
            key = self.pattern[c[who]] * (when.size + 1) + since[who]
            mass = totals(key, r.count[c[who]] / r.own_weight[who], pull.shape[0] * (when.size + 1))
            gathered = np.cumsum(mass.reshape(-1, when.size + 1), axis=1)[:, :-1]
            q[:, g] = np.einsum("pu,pku->ku", gathered, _suffix(pull * r.weight[g])[:, :, first])
        return spread_over_rows(q, when, r, weights, lost, at_risk_ties)

    def _state(self, beta: Floats) -> tuple[Floats, Floats]:
        if not np.array_equal(self._at[0], beta):
            self.evaluate(beta)
        return self._at[1:]


def spread_over_rows(
    q: Floats, when: Floats, rows: Rows, weights: CensoringWeights, lost: npt.NDArray[np.bool_], at_risk_ties: bool
) -> Floats:
    """Integrate q / Y over each row's censoring martingale: covariates x rows.

    `q` is covariates x strata x times of censoring. `at_risk_ties`: an event on a day is at risk of censoring on it.
    """
    m, width = q.shape[0], when.size + 1
    at = np.searchsorted(weights.times, when)
    risk, gone = weights.at_risk[:, at], weights.censored[:, at]
    jump = np.divide(q, risk, out=np.zeros_like(q), where=risk > 0)
    drift = np.cumsum(np.divide(jump * gone, risk, out=np.zeros_like(q), where=risk > 0), axis=2)
    drift = np.concatenate([np.zeros((*drift.shape[:2], 1)), drift], axis=2).reshape(m, -1)
    stop = np.searchsorted(when, weights.times, side="right")[weights.step]
    if not at_risk_ties:
        moved = np.flatnonzero(rows.ended)
        stop[moved] = np.searchsorted(when, weights.times, side="left")[weights.step[moved]]
    base = rows.stratum * width
    out = -np.take(drift, base + stop, axis=1)
    if np.isfinite(rows.entry).any():
        out += np.take(drift, base + np.searchsorted(when, rows.entry, side="right"), axis=1)
    ends = np.flatnonzero(lost)
    last = np.searchsorted(when, weights.times, side="left")[weights.step[ends]]
    out[:, ends] += jump.reshape(m, -1)[:, rows.stratum[ends] * when.size + last]
    return out


def weighed_gram(x: Floats, w: Floats) -> Floats:
    """Return x diag(w) x', x being covariates x rows, in blocks that stay in the processor's cache."""
    out = np.zeros((x.shape[0], x.shape[0]))
    for first in range(0, x.shape[1], 16384):
        part = x[:, first : first + 16384]
        out += (part * w[first : first + 16384]) @ part.T
    return out


def _suffix(values: Floats) -> Floats:
    """Sums over the last axis from each position to the end, with 0 after it."""
    back = np.cumsum(values[..., ::-1], axis=-1)[..., ::-1]
    return np.concatenate([back, np.zeros((*back.shape[:-1], 1))], axis=-1)
