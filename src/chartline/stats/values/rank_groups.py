"""Rank tests of several groups: Kruskal-Wallis for any difference, Jonckheere-Terpstra for a trend.

In: group -> numbers (value -> count, or plain arrays). Out: the statistic, the p-value, the method and why.
Kruskal-Wallis is exact, with ties, where the patients can be divided into the groups in few ways; chi-square else.
Jonckheere-Terpstra is exact without ties up to 100 values (as `clinfun`), else normal with a variance that knows ties.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import comb
from typing import Literal

import numpy as np

from chartline.stats.distributions import chi2_sf
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.values.permutation import rank_sums_without_ties
from chartline.stats.values.rank_tests import doubled_midranks, tie_sum
from chartline.stats.values.table import Floats, Ints, Numbers, counted

STATISTICS = (
    Statistic(
        name="kruskal_wallis",
        label="Kruskal-Wallis test",
        takes="ValueTable of two or more groups",
        gives="H corrected for ties, degrees of freedom, p by chi-square or exact",
        reference="kruskal.test; exact: every division of the ranks listed in R",
        paper="Kruskal WH, Wallis WA. J Am Stat Assoc 1952;47:583-621",
    ),
    Statistic(
        name="jonckheere_terpstra",
        label="Jonckheere-Terpstra test for trend",
        takes="ValueTable of two or more ordered groups",
        gives="JT and p, exact without ties or normal with tie-corrected variance",
        reference="clinfun::jonckheere.test; with ties SAS PROC FREQ, option JT",
        paper="Jonckheere AR. Biometrika 1954;41:133-145; Terpstra TJ. Indag Math 1952;14:327-333",
    ),
)
FEW_DIVISIONS = 50_000  # three groups of 4 have 34 650; the exact distribution of H takes about 0.1 s
EXACT_UPTO = 100  # values; R clinfun::jonckheere.test
Trend = Literal["two-sided", "increasing", "decreasing"]


@dataclass(frozen=True)
class GroupsTest:
    """`statistic` is H or JT; `df` of the chi-square, None where there is none; `z` of the normal, None likewise."""

    statistic: float
    p: float
    method: Literal["exact", "chi-square", "normal"]
    reason: str
    n: tuple[int, ...]
    df: int | None = None
    z: float | None = None
    warnings: tuple[str, ...] = ()


def kruskal_wallis_test(groups: Mapping[str, Numbers], *, exact: bool | None = None) -> GroupsTest:
    """Compare two or more groups by midranks (R `kruskal.test`); groups without values are left out and named.

    The exact p is P(H >= h) over all divisions of the pooled values into groups of these sizes, compared as whole
    numbers. Without `exact` it is used where there are at most 50 000 divisions.

    Raises `NotEstimable` with fewer than two groups that have values, or where all values are equal.
    """
    table, warnings = _table(groups)
    ranks, sizes = doubled_midranks(table.sum(axis=1)), table.sum(axis=0)
    h, n = _h(ranks, table), tuple(sizes.tolist())
    exactly, reason = _few_divisions(sizes, exact)
    if exactly:
        return GroupsTest(h, _exact_h(ranks, table), "exact", reason, n, warnings=warnings)
    return GroupsTest(h, chi2_sf(h, len(n) - 1), "chi-square", reason, n, len(n) - 1, warnings=warnings)


def jonckheere_test(
    groups: Mapping[str, Numbers], *, alternative: Trend = "two-sided", exact: bool | None = None
) -> GroupsTest:
    """Test for a trend over groups in the order given; "increasing" says that later groups tend to be larger.

    JT is the number of pairs from two groups in which the later is larger, ties by half. Exact (products of the
    rank-sum distributions) without ties up to 100 values; else normal, without continuity correction, with the
    variance of Hollander and Wolfe for ties, which `clinfun` leaves out.

    Raises `NotEstimable` with fewer than two groups that have values, where all values are equal, or where an exact p
    is asked for and values tie.
    """
    table, warnings = _table(groups)
    sizes, rows = table.sum(axis=0), table.sum(axis=1)
    jt, n = _pairs_in_order(table), tuple(sizes.tolist())
    exactly, reason = _no_ties(rows, exact)
    if exactly:
        return GroupsTest(jt, _exact_trend(sizes, round(jt), alternative), "exact", reason, n, warnings=warnings)
    z = (jt - float(rows.sum() ** 2 - sizes @ sizes) / 4) / math.sqrt(_trend_variance(sizes, rows))
    tail = math.erfc({"two-sided": abs(z), "increasing": z, "decreasing": -z}[alternative] / math.sqrt(2))
    p = tail if alternative == "two-sided" else tail / 2
    return GroupsTest(jt, p, "normal", reason, n, z=z, warnings=warnings)


def _table(groups: Mapping[str, Numbers]) -> tuple[Ints, tuple[str, ...]]:
    """Distinct values, ascending, x groups that have values: the counts; and which groups have none."""
    samples = {name: counted(numbers) for name, numbers in groups.items()}
    kept = [s for s in samples.values() if s.n]
    if len(kept) < 2:
        raise NotEstimable("fewer than two groups have values")
    values = np.unique(np.concatenate([s.values for s in kept]))
    if values.size == 1:
        raise NotEstimable("all values are equal")
    out = np.zeros((values.size, len(kept)), np.int64)
    for g, s in enumerate(kept):
        out[np.searchsorted(values, s.values), g] = s.counts
    return out, tuple(f"group {name} has no values and is left out" for name, s in samples.items() if not s.n)


def _h(ranks: Ints, table: Ints) -> float:
    """H from the distances of the mean ranks, so that no digits cancel, corrected for ties."""
    sizes, n = table.sum(axis=0), float(table.sum())
    away = (ranks @ table) / (2 * sizes) - (n + 1) / 2
    between = 12 / (n * (n + 1)) * float(sizes @ away**2)
    return between / (1 - tie_sum(table.sum(axis=1)) / (n * (n - 1) * (n + 1)))


def _few_divisions(sizes: Ints, exact: bool | None) -> tuple[bool, str]:
    """Whether H is exact, and why."""
    divisions = _divisions(sizes)
    if exact and divisions > 10 * FEW_DIVISIONS:
        raise NotEstimable("the exact distribution would take too long; use the chi-square approximation")
    if exact is not None:
        return (
            exact,
            "exact permutation distribution, as declared" if exact else "chi-square approximation, as declared",
        )
    if divisions <= FEW_DIVISIONS:
        return True, f"exact permutation distribution, because there are {divisions} ways only to divide the values"
    return False, f"chi-square approximation, because there are more than {FEW_DIVISIONS} ways to divide the values"


def _no_ties(rows: Ints, exact: bool | None) -> tuple[bool, str]:
    """Whether JT is exact, and why."""
    ties, n = bool(np.any(rows > 1)), int(rows.sum())
    if exact and ties:
        raise NotEstimable("values tie, so there is no exact Jonckheere-Terpstra test; use the normal approximation")
    if exact is not None:
        return exact, "exact distribution, as declared" if exact else "normal approximation, as declared"
    if not ties and n <= EXACT_UPTO:
        return True, f"exact distribution, because no values tie and there are at most {EXACT_UPTO}"
    why = "values tie" if ties else f"there are more than {EXACT_UPTO} values"
    return False, f"normal approximation, because {why}"


def _divisions(sizes: Ints) -> int:
    """How many ways there are to deal all values into groups of these sizes."""
    out, left = 1, int(sizes.sum())
    if left > 1000:
        return 1 << 1000  # more than anyone counts
    for size in sizes.tolist():
        out *= comb(left, size)
        left -= size
    return out


def _exact_h(ranks: Ints, table: Ints) -> float:
    """Deal out one distinct value after the other; a state is how many each group has and the sum of its ranks."""
    sizes = tuple(table.sum(axis=0).tolist())
    states: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {((0,) * len(sizes), (0,) * len(sizes)): 1}
    for rank, count in zip(ranks.tolist(), table.sum(axis=1).tolist(), strict=True):
        new: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
        for (held, sums), ways in states.items():
            room = [size - have for size, have in zip(sizes, held, strict=True)]
            for deal in _deals(count, room):
                key = (
                    tuple(h + d for h, d in zip(held, deal, strict=True)),
                    tuple(s + d * rank for s, d in zip(sums, deal, strict=True)),
                )
                new[key] = new.get(key, 0) + ways * _multinomial(deal)
        states = new
    scale = math.lcm(*sizes)

    def spread(sums: tuple[int, ...]) -> int:
        """H but for constants, as a whole number."""
        return sum(s * s * (scale // size) for s, size in zip(sums, sizes, strict=True))

    seen = spread(tuple((ranks @ table).tolist()))
    as_far = sum(ways for (_, sums), ways in states.items() if spread(sums) >= seen)
    return as_far / sum(states.values())


def _deals(count: int, room: list[int]) -> list[tuple[int, ...]]:
    """Every way to give `count` equal values to groups with this much room."""
    first = product(*(range(min(count, r) + 1) for r in room[:-1]))
    return [(*d, count - sum(d)) for d in first if 0 <= count - sum(d) <= room[-1]]


def _multinomial(deal: tuple[int, ...]) -> int:
    out, left = 1, sum(deal)
    for d in deal:
        out *= comb(left, d)
        left -= d
    return out


def _pairs_in_order(table: Ints) -> float:
    """JT: for each group, the values of earlier groups that are below, ties by half."""
    earlier = np.cumsum(table, axis=1) - table  # in groups before this one, by value
    below = np.cumsum(earlier, axis=0) - earlier / 2
    return float(np.sum(table * below))


def _exact_trend(sizes: Ints, jt: int, alternative: Trend) -> float:
    """JT is the sum of independent rank sums: of each group against all before it."""
    pmf: Floats = np.ones(1)
    for g in range(1, sizes.size):
        pmf = np.convolve(pmf, rank_sums_without_ties(int(sizes[:g].sum()), int(sizes[g])))
    up, down = float(pmf[jt:].sum()), float(pmf[: jt + 1].sum())
    return min(1.0, {"two-sided": 2 * min(up, down), "increasing": up, "decreasing": down}[alternative])


def _trend_variance(sizes: Ints, rows: Ints) -> float:
    """Variance of JT with ties (Hollander M, Wolfe DA. Nonparametric Statistical Methods, 6.2; SAS PROC FREQ)."""
    g, t, n = sizes.astype(np.float64), rows.astype(np.float64), float(sizes.sum())

    def sums(x: Floats) -> tuple[float, float, float]:
        pairs = x * (x - 1)
        return float(pairs.sum()), float((pairs * (x - 2)).sum()), float((pairs * (2 * x + 5)).sum())

    (g2, g3, g5), (t2, t3, t5) = sums(g), sums(t)
    out = (n * (n - 1) * (2 * n + 5) - g5 - t5) / 72 + g2 * t2 / (8 * n * (n - 1))
    return out + (g3 * t3 / (36 * n * (n - 1) * (n - 2)) if n > 2 else 0.0)
