"""Harrell's concordance: how often, of two patients, the one with the higher predicted risk has the event first.

In: a CoxFit, or Episodes and a risk score for each row. Out: the share of comparable pairs that agree, pairs with
equal scores counted half, with its infinitesimal-jackknife error, as R `survival::concordance`. A pair is comparable
where one has the event while the other is at risk, in the same stratum; not where both have it at that time.

Pairs are not gone through: for each row the pairs of lower and of equal score are counted by the bits of the score's
rank, which takes n log n steps. Sources: Harrell FE et al. JAMA 1982;247:2543-2546; Therneau T, Atkinson E. Concordance
(vignette of the R package survival).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.distributions import interval_z
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.regression.cox import CoxFit
from chartline.stats.regression.risk_sets import RiskSets
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="concordance",
        label="Harrell's concordance",
        takes="a Cox model, or Episodes with a risk score",
        gives="C with its infinitesimal-jackknife error and interval, and the pairs by kind",
        reference="survival::concordance(fit)",
        paper="Harrell FE et al. JAMA 1982;247:2543-2546",
    ),
)
_SAME = 1e-11  # share of the largest score by which scores of equal covariates may differ through rounding


@dataclass(frozen=True)
class Concordance:
    """`value` is C; `std_error` is None where which row is whose is not known. Pairs are of subjects.

    `tied_score` pairs are comparable and count half; `tied_time` and `tied_both` had their events at the same time.
    """

    value: float
    std_error: float | None
    lower: float | None
    upper: float | None
    concordant: float
    discordant: float
    tied_score: float
    tied_time: float
    tied_both: float
    level: float


def estimate_concordance(fit: CoxFit, level: float | None = None) -> Concordance:
    """Return the concordance of a model's linear predictor with what happened.

    Raises `NotEstimable` where a coefficient is infinite or no two patients can be compared.
    """
    if np.any(np.isinf(fit.coefficients)):
        raise NotEstimable("a coefficient is infinite, so that there is no score")
    e = fit.episodes
    score = (e.design - fit.centre) @ np.nan_to_num(fit.coefficients)
    return score_concordance(e, score[e.pattern], cause=fit.cause, level=level or fit.level)


def score_concordance(
    episodes: Episodes, score: npt.ArrayLike, *, cause: str | int | None = None, level: float = 0.95
) -> Concordance:
    """Return the concordance of a score (one a row; higher is worse) with the time to `cause`.

    Raises `NotEstimable` where there is no event or no two patients can be compared.
    """
    given = np.asarray(score, np.float64)
    if given.shape != episodes.exit.shape or not np.all(np.isfinite(given)):
        raise ValueError("a score is one finite number a row")
    sets = RiskSets.of(episodes, cause)
    rank = _ranks(given)[sets.row]
    agree, differ, equal = _pairs(sets, rank)
    total = [float(sets.count @ pairs) / 2 for pairs in (agree, differ, equal)]
    comparable = sum(total)
    if not comparable:
        raise NotEstimable("no two patients can be compared")
    somers = (total[0] - total[1]) / comparable
    influence = ((agree - differ) - somers * (agree + differ + equal)) / (2 * comparable)
    error = _error(episodes, sets, influence) if episodes.paired else None
    half = interval_z(level) * error if error is not None else None
    value = (somers + 1) / 2
    tied_time, tied_both = _tied_times(sets, rank)
    return Concordance(
        value, error, None if half is None else value - half, None if half is None else value + half,
        total[0], total[1], total[2], tied_time, tied_both, level,
    )  # fmt: skip


def _error(episodes: Episodes, sets: RiskSets, influence: Floats) -> float:
    """Each subject, or each cluster, moves C by its influence; the root of the sum of squares."""
    if episodes.cluster is None:
        return math.sqrt(float(sets.count @ np.square(influence)))
    moved = np.bincount(episodes.cluster[sets.row], sets.count * influence)
    return math.sqrt(float(moved @ moved))


def _ranks(score: Floats) -> Ints:
    """Rank of each score among the distinct ones; those that differ by rounding only are one."""
    distinct, at = np.unique(score, return_inverse=True)
    apart = np.diff(distinct) > _SAME * max(float(np.abs(distinct).max()), 1e-300)
    return np.concatenate([[0], np.cumsum(apart)])[at.reshape(-1)]


def _pairs(sets: RiskSets, rank: Ints) -> tuple[Floats, Floats, Floats]:
    """For a subject of each row, the pairs it is in that agree, that differ, and of equal score."""
    event = np.flatnonzero(sets.event)
    t = sets.slot[event] // 2
    agree, differ, same = np.zeros(sets.slot.size), np.zeros(sets.slot.size), np.zeros(sets.slot.size)
    agree[event], differ[event], same[event] = _still_there(sets, rank, event)
    # and as the one who was still there: the events of others while at risk, but for those at one's own time
    starts = np.searchsorted(t, np.arange(sets.times.size + 1))
    earlier = _Ordered.of(rank[event], sets.count[event], int(rank.max()))
    lower, equal, higher = earlier.count(starts[sets.first], starts[sets.last - sets.event], rank)
    return agree + higher, differ + lower, same + equal


def _still_there(sets: RiskSets, rank: Ints, event: Ints) -> tuple[Floats, Floats, Floats]:
    """For each event row, who is at risk then and has no event then, of lower, higher and equal score."""
    t = sets.slot[event] // 2
    end = np.array([b for a, b in sets.bounds for _ in range(a, b)])[t]  # of the stratum
    top = int(rank.max())
    stays = _Ordered.of(rank, sets.count, top)
    lower, equal, higher = stays.count(
        np.searchsorted(sets.slot, 2 * t + 1), np.searchsorted(sets.slot, 2 * end), rank[event]
    )
    if sets.late.size:
        first = sets.first[sets.late]
        later = _Ordered.of(rank[sets.late], sets.count[sets.late], top)
        a, b = np.searchsorted(first, t + 1), np.searchsorted(first, end)
        for total, part in zip((lower, equal, higher), later.count(a, b, rank[event]), strict=True):
            total -= part
    return lower, higher, equal


def _tied_times(sets: RiskSets, rank: Ints) -> tuple[float, float]:
    """Pairs that had their events at the same time, of different and of equal score."""
    event = np.flatnonzero(sets.event)
    width = int(rank.max()) + 1
    _, at = np.unique((sets.slot[event] // 2) * width + rank[event], return_inverse=True)
    equal = np.bincount(at.reshape(-1), sets.count[event])
    both = float((equal * (equal - 1)).sum()) / 2
    return float((sets.deaths * (sets.deaths - 1)).sum()) / 2 - both, both


@dataclass(frozen=True, eq=False)
class _Ordered:
    """Ranks in a fixed order, so that how many in a stretch of it are below a rank is found bit by bit of the rank.

    At each bit, from the highest, the ranks are parted into those without it and those with it, order kept. `zeros`
    has the number without it up to each place, `weight` their counts.
    """

    zeros: tuple[Ints, ...]
    weight: tuple[Floats, ...]
    all_weight: Floats  # in the given order
    sorted_weight: Floats  # in the order of ranks

    @classmethod
    def of(cls, rank: Ints, count: Floats, top: int) -> _Ordered:
        """Ranks may be asked for up to `top`."""
        zeros, weight = [], []
        now, of = rank, count
        for bit in range(max(1, top.bit_length()) - 1, -1, -1):
            without = (now >> bit) & 1 == 0
            zeros.append(np.concatenate([[0], np.cumsum(without)]))
            weight.append(np.concatenate([[0.0], np.cumsum(np.where(without, of, 0.0))]))
            order = np.argsort(~without, kind="stable")
            now, of = now[order], of[order]
        given, ordered = (np.concatenate([[0.0], np.cumsum(w)]) for w in (count, of))
        return cls(tuple(zeros), tuple(weight), given, ordered)

    def count(self, begin: Ints, stop: Ints, rank: Ints) -> tuple[Floats, Floats, Floats]:
        """The counts in the places from `begin` to before `stop` whose rank is below `rank`, equal to it, above it."""
        below = np.zeros(rank.size)
        a, b = begin, stop
        for level, (zeros, weight) in enumerate(zip(self.zeros, self.weight, strict=True)):
            has = (rank >> (len(self.zeros) - 1 - level)) & 1 == 1
            below += np.where(has, weight[b] - weight[a], 0.0)
            a = np.where(has, zeros[-1] + a - zeros[a], zeros[a])
            b = np.where(has, zeros[-1] + b - zeros[b], zeros[b])
        equal = self.sorted_weight[b] - self.sorted_weight[a]
        return below, equal, self.all_weight[stop] - self.all_weight[begin] - below - equal
