"""One centre against all others: rank sums, two-by-two tables, last digits.

In: how many patients have each value, one value a patient, so that many values of one patient count once. Out: how
likely a difference as large would be
if the centre's patients were like the others', and how large it is. Central statistical monitoring tests every centre
on every variable (Venet et al., Clin Trials 2012;9:705; Kirkwood et al., Clin Trials 2013;10:783), so a chance is held
against a limit divided by the number of comparisons made (Bonferroni), and a size is asked for besides: with many
patients everything differs significantly. All are exact or asymptotic; nothing is drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, lgamma, pi, sqrt

import polars as pl

from chartline.checks.tallies import added, median
from chartline.core.plans import run


@dataclass(frozen=True)
class Compared:
    """One centre and variable against the patients of all other centres."""

    centre: str
    name: str
    patients: int
    others: int
    middle: float  # median of the centre's patients
    middle_others: float
    higher: float  # how often a patient of the centre has the higher value of two, ties counted half
    chance: float  # two-sided, of this comparison alone


def apart(tallies: pl.LazyFrame, *, patients: float, chance: float, higher: float) -> list[Compared]:
    """Return the centres that lie apart from the others by Wilcoxon's rank sum, for each NAME.

    `tallies` has CENTRE, NAME, VALUE and N, how many patients have it (`tallies.py`). Apart is a centre whose
    difference has a chance of at most `chance` after Bonferroni and of which a patient has the higher, or the lower,
    value in `higher` of all pairs. Centres with fewer than `patients` patients are among the others but are not judged,
    nor is anything compared with fewer than `patients` others. Normal approximation with the correction for ties and
    for continuity (R: wilcox.test(exact = FALSE)).
    """
    counts = run(added(tallies.filter(pl.col("VALUE").is_not_null()), ["CENTRE", "NAME", "VALUE"]))
    size = pl.col("T").cast(pl.Float64)
    values = counts.group_by("NAME", "VALUE").agg(pl.col("N").sum().alias("T")).sort("NAME", "VALUE")
    values = values.with_columns((size.cum_sum().over("NAME") - (size - 1) / 2).alias("RANK"))
    ties = values.group_by("NAME").agg((size.pow(3) - size).sum().alias("TIES"), pl.col("T").sum().alias("ALL"))
    ranked = counts.join(values, on=["NAME", "VALUE"])
    each = ranked.group_by("NAME", "CENTRE").agg(pl.col("N").sum(), (pl.col("N") * pl.col("RANK")).sum().alias("RANK"))
    judged = each.join(ties, on="NAME")
    judged = judged.filter((pl.col("N") >= patients) & (pl.col("ALL") - pl.col("N") >= patients))
    out = []
    for r in judged.sort("CENTRE", "NAME").iter_rows(named=True):
        share, own = rank_sum(r["N"], r["ALL"], r["RANK"], r["TIES"])
        if own * judged.height <= chance and max(share, 1 - share) >= higher:
            of = counts.lazy().filter(pl.col("NAME") == r["NAME"])
            is_here = pl.col("CENTRE") == r["CENTRE"]
            here, there = median(of.filter(is_here)), median(of.filter(~is_here))
            out.append(Compared(r["CENTRE"], r["NAME"], r["N"], r["ALL"] - r["N"], here, there, share, own))
    return out


def rank_sum(n: int, every: int, ranks: float, ties: float) -> tuple[float, float]:
    """Return (share of pairs in which the group is higher, two-sided chance) from the sum of ranks of n of `every`.

    `ties` is the sum of t^3 - t over the groups of equal values.
    """
    m = every - n
    u = ranks - n * (n + 1) / 2
    variance = n * m / 12 * ((every + 1) - ties / (every * (every - 1)))
    away = max(abs(u - n * m / 2) - 0.5, 0.0)
    return u / (n * m), erfc(away / sqrt(variance) / sqrt(2)) if variance > 0 else 1.0


def fisher(a: int, n: int, b: int, m: int) -> float:
    """Return the two-sided chance of a of n here and b of m elsewhere, their sum given (R: fisher.test)."""
    total = a + b
    low, high = max(0, total - m), min(n, total)
    terms = [_hypergeometric(k, n, m, total) for k in range(low, high + 1)]
    own = terms[a - low]
    return min(1.0, sum(t for t in terms if t <= own * (1 + 1e-7)))


def _hypergeometric(k: int, n: int, m: int, total: int) -> float:
    return exp(_choose(n, k) + _choose(m, total - k) - _choose(n + m, total))


def _choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def uneven_digits(counts: Sequence[int]) -> float:
    """Return the chance of ten counts as uneven as these if every last digit were as likely (chi-square, 9 degrees).

    The upper tail of the chi-square distribution with an odd number of degrees of freedom in closed form (Abramowitz
    and Stegun 26.4.4; R: pchisq(x, 9, lower.tail = FALSE)).
    """
    expected = sum(counts) / 10
    x = sum((c - expected) ** 2 / expected for c in counts)
    term = series = sqrt(2 * x / pi) * exp(-x / 2)
    for odd in (3, 5, 7):
        term *= x / odd
        series += term
    return erfc(sqrt(x / 2)) + series
