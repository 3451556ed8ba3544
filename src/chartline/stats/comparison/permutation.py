"""Permutation log-rank test: for groups so small that no chi-square approximation can be trusted.

In: Episodes with groups, one row a subject (or `count` equal subjects). Out: p as the share of all ways to deal the
group labels whose statistic is at least as large as the one seen; or an estimate of that share from random deals, with
its Monte Carlo error and its seed.

Permuted are the labels over (entry, time, status), within strata: right where censoring and late entry have nothing to
do with the group. The statistic is the numerator of the log-rank test, observed minus expected. It is the sum over a
group of the scores w(t) event - sum of w d / n over (entry, exit], because the pooled risk sets stay the same
whoever is in which group. The scores are those of R `coin::logrank_trafo`, and so is the permutation variance n1 n2
/ (n (n - 1)) sum of squared scores; it is not the hypergeometric variance of the log-rank test, so `z` differs a little
from that test's (as in coin).

Exact for two groups: the subjects of a stratum are cut in two halves, all sums of scores in each half are listed by the
number of labels used, and pairs that reach the statistic are counted by bisection (van de Wiel's split-up algorithm).
With 32 subjects that is 2 x 65,536 sums for 601 million deals. More than two groups are always sampled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from chartline.stats.comparison.event_times import EventTimes
from chartline.stats.comparison.logrank import NAMES, Weights, weights_of
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="logrank_permutation",
        label="Permutation log-rank test",
        takes="Episodes with groups, one row a subject",
        gives="exact p of the log-rank numerator, or its Monte Carlo estimate with error and seed",
        reference="coin::logrank_test(distribution = 'exact'); enumeration by combn",
        paper="Hothorn T et al. Am Stat 2006;60:257-263; van de Wiel MA. Comput Stat 2001;16:519-538",
    ),
)
LIMIT = 1 << 21  # sums listed in a half (42 subjects, none tied); above it the labels are dealt at random
_TIE = 1e-9  # statistics that differ by less than this share of their standard error are equal
_CHUNK = 4_000_000  # labels dealt at once

Sums = tuple[Floats, Floats]  # distinct sums, and in how many ways each arises


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """`statistic` is observed - expected in the second of two groups; the quadratic form for more."""

    p: float
    statistic: float
    z: float | None  # of two groups, by the permutation variance; positive where the second has more events
    exact: bool
    splits: float  # ways to deal the labels
    resamples: int | None  # random deals
    seed: int | None
    error: float  # Monte Carlo standard error of p; 0 if exact
    groups: tuple[str, ...]
    n: tuple[int, ...]
    method: str
    warnings: tuple[str, ...]


def permutation_logrank_test(
    episodes: Episodes,
    weights: Weights = "logrank",
    *,
    stratified: bool = True,
    cause: str | int | None = None,
    method: Literal["auto", "exact", "monte_carlo"] = "auto",
    resamples: int = 100_000,
    seed: int = 20_260_101,
) -> PermutationTest:
    """Return the two-sided permutation test; `weights`, `stratified` and `cause` as in `logrank_test`.

    "auto" is exact where two halves of at most `LIMIT` sums suffice, else it deals at random `resamples` times. A
    label belongs to a row: a subject cut into several rows, or one that changes the group on the way, has no place
    here. Raises `ValueError` for "exact" where it is too large; `NotEstimable` for one group, no event, or where every
    deal gives the same statistic.
    """
    if len(episodes.groups) < 2:
        raise NotEstimable("there is one group only")
    scores = scores_of(episodes, weights, stratified=stratified, cause=cause)
    strata = list(_strata(episodes, scores, stratified))
    observed = np.bincount(episodes.group, weights=episodes.count * scores, minlength=len(episodes.groups))
    covariance = np.sum([_covariance(s, n) for s, n in strata], axis=0)
    if not np.any(np.diag(covariance) > _TIE * float(np.abs(scores).max(initial=0)) ** 2):
        raise NotEstimable("every way to deal the patients to the groups gives the same statistic")
    two = len(episodes.groups) == 2
    z = float(observed[1] / math.sqrt(covariance[1, 1])) if two else None
    root: Floats = np.asarray(np.linalg.pinv(covariance, rcond=1e-10, hermitian=True), np.float64)
    value = float(observed[1]) if two else float(observed @ root @ observed)
    halves = _halves(strata) if two and method != "monte_carlo" else None
    if halves is None and method == "exact":
        raise ValueError("too many ways to deal the labels, or more than two groups: use monte_carlo")
    edge = abs(value) - _TIE * (math.sqrt(covariance[1, 1]) if two else 1)
    p, error = _exact(halves, edge) if halves else _sampled(strata, root, edge, two, resamples, seed)
    sampled = halves is None
    return PermutationTest(
        p=p, statistic=value, z=z, exact=not sampled, splits=math.prod(_ways(n) for _, n in strata),
        resamples=resamples if sampled else None, seed=seed if sampled else None, error=error,
        groups=episodes.groups, n=tuple(int(x) for x in np.sum([n for _, n in strata], axis=0)),
        method=_method(weights, len(strata), resamples if sampled else None, seed), warnings=(),
    )  # fmt: skip


def scores_of(
    episodes: Episodes, weights: Weights = "logrank", *, stratified: bool = True, cause: str | int | None = None
) -> Floats:
    """Return each row's share of observed - expected: w at its event less the sum of w d / n while it was at risk."""
    table = EventTimes.of(episodes, cause=cause, stratified=stratified)
    if not table.d.any():
        raise NotEstimable("no events")
    w = weights_of(table, weights)
    stratum = episodes.stratum if stratified else np.zeros_like(episodes.stratum)
    hazard = np.concatenate([[0.0], np.cumsum(w * table.d / table.n)])
    until, since = (_place(table, stratum, t) for t in (episodes.exit, episodes.entry))
    event = episodes.events_of(cause)
    return np.asarray(np.where(event, w[until - 1], 0.0) - (hazard[until] - hazard[since]))


def _place(table: EventTimes, stratum: Ints, time: Floats) -> Ints:
    """How many rows of the table are in a stratum before, or in this one and not after `time`."""
    times = np.unique(table.time)
    keys = table.stratum * (times.size + 1) + np.searchsorted(times, table.time, side="right")
    mine = stratum * (times.size + 1) + np.searchsorted(times, time, side="right")
    return np.asarray(np.searchsorted(keys, mine, side="right"))


def _strata(episodes: Episodes, scores: Floats, stratified: bool) -> Iterator[tuple[Floats, Ints]]:
    """Of each stratum the scores, one a subject, and the numbers of the groups."""
    stratum = episodes.stratum if stratified else np.zeros_like(episodes.stratum)
    for s in range(int(stratum.max(initial=0)) + 1):
        mine = stratum == s
        count = episodes.count[mine]
        totals = np.bincount(episodes.group[mine], weights=count, minlength=len(episodes.groups))
        yield np.repeat(scores[mine], count), totals.astype(np.int64)


def _covariance(scores: Floats, n: Ints) -> Floats:
    """Permutation covariance of the sums of scores by group."""
    total = scores.size
    if total < 2:
        return np.zeros((n.size, n.size))
    spread = float(((scores - scores.mean()) ** 2).sum()) / (total * (total - 1))
    return np.asarray(spread * (total * np.diag(n) - np.outer(n, n)))


def _ways(n: Ints) -> float:
    out, left = 1.0, int(n.sum())
    for k in n.tolist():
        out *= math.comb(left, k)
        left -= k
    return out


def _halves(strata: list[tuple[Floats, Ints]]) -> list[tuple[Sums, Sums]] | None:
    """Pairs of halves; a deal is one sum from each half of one pair. None where that takes too many sums."""
    if len(strata) == 1:
        scores, n = strata[0]
        order = np.sort(scores)
        first, second = _by_labels(order[::2]), _by_labels(order[1::2])
        if first is None or second is None:
            return None
        k = int(n[1])
        return [(first[j], second[k - j]) for j in range(len(first)) if 0 <= k - j < len(second)]
    sides: list[Sums] = [(np.zeros(1), np.ones(1)), (np.zeros(1), np.ones(1))]
    for scores, n in sorted(strata, key=lambda s: -_ways(s[1])):
        of_stratum = _by_labels(scores, int(n[1]))
        small = 0 if sides[0][0].size <= sides[1][0].size else 1
        if of_stratum is None or sides[small][0].size * of_stratum[-1][0].size > LIMIT:
            return None
        sides[small] = _merged(*_convolved(sides[small], of_stratum[-1]))
    return [(sides[0], sides[1])]


def _by_labels(scores: Floats, most: int | None = None) -> list[Sums] | None:
    """All sums of 0, 1, ... (up to `most`) of these scores and their numbers of ways; None where they are too many."""
    out: list[Sums] = [(np.zeros(1), np.ones(1))]
    for value, times in zip(*np.unique(scores, return_counts=True), strict=True):
        new: list[list[Sums]] = [[] for _ in range(len(out) + int(times))]
        for (k, (sums, ways)), j in product(enumerate(out), range(int(times) + 1)):
            new[k + j].append((sums + j * value, ways * math.comb(int(times), j)))
        new = new if most is None else new[: most + 1]
        out = [_merged(np.concatenate([s for s, _ in part]), np.concatenate([w for _, w in part])) for part in new]
        if sum(s.size for s, _ in out) > LIMIT:
            return None
    return out


def _convolved(a: Sums, b: Sums) -> Sums:
    return (a[0][:, None] + b[0]).ravel(), (a[1][:, None] * b[1]).ravel()


def _merged(sums: Floats, ways: Floats) -> Sums:
    """Equal sums (to rounding) become one."""
    order = np.argsort(sums)
    sums, ways = sums[order], ways[order]
    new = np.concatenate([[True], np.diff(sums) > 1e-13 * max(1.0, float(np.abs(sums).max()))])
    return sums[new], np.add.reduceat(ways, np.flatnonzero(new))


def _exact(halves: list[tuple[Sums, Sums]], edge: float) -> tuple[float, float]:
    """The share of pairs of sums whose total is at least `edge` in size."""
    extreme = total = 0.0
    for (left, ways), (right, others) in halves:
        below = np.concatenate([[0.0], np.cumsum(others)])
        high = below[-1] - below[np.searchsorted(right, edge - left, side="left")]
        low = below[np.searchsorted(right, -edge - left, side="right")]
        extreme += float(ways @ np.minimum(high + low, below[-1]))
        total += float(ways.sum() * below[-1])
    return extreme / total, 0.0


def _sampled(
    strata: list[tuple[Floats, Ints]], root: Floats, edge: float, two: bool, resamples: int, seed: int
) -> tuple[float, float]:
    """(1 + number at least as large) / (1 + deals), so that p is never 0 (Phipson and Smyth 2010)."""
    if resamples < 1:
        raise ValueError("a Monte Carlo test needs at least one random deal")
    r = np.random.default_rng(seed)
    hits, size = 0, max(1, _CHUNK // sum(s.size for s, _ in strata))
    for start in range(0, resamples, size):
        u = np.sum([_dealt(r, s, n, min(size, resamples - start)) for s, n in strata], axis=0)
        found = np.abs(u[:, 1]) if two else np.einsum("ij,jk,ik->i", u, root, u)
        hits += int((found >= edge).sum())
    p = (1 + hits) / (1 + resamples)
    return p, math.sqrt(p * (1 - p) / resamples)


def _dealt(r: np.random.Generator, scores: Floats, n: Ints, times: int) -> Floats:
    """Sums of scores by group, a row a random deal."""
    mixed = r.permuted(np.tile(scores, (times, 1)), axis=1)
    ends = np.concatenate([np.zeros((times, 1)), np.cumsum(mixed, axis=1)], axis=1)
    return np.asarray(np.diff(ends[:, np.concatenate([[0], np.cumsum(n)])], axis=1))


def _method(weights: Weights, strata: int, resamples: int | None, seed: int) -> str:
    name = NAMES[weights] if isinstance(weights, str) else f"{NAMES[weights[0]]} ({weights[1]:g}, {weights[2]:g})"
    how = "exact" if resamples is None else f"{resamples:,} random deals, seed {seed}"
    return f"permutation {name}, {how}" + (f", within {strata} strata" if strata > 1 else "")
