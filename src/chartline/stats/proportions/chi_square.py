"""Chi-square tests of a table: Pearson's (with Yates' correction), the likelihood ratio, McNemar's for paired answers.

In: a table of whole numbers. Out: a `ChiSquare` or a `McNemarTest`. Empty rows and columns are left out and told; a
warning says where expected counts are too small for the chi-square distribution (Cochran's rule), and never changes
the test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chartline.stats.distributions import chi2_sf
from chartline.stats.proportions.proportion import binomial_test, clopper_pearson
from chartline.stats.proportions.table import Counts, occupied, whole_counts
from chartline.stats.statistic import NotEstimable, Statistic

SMALL = 5  # Cochran WG. Biometrics 1954;10:417-451: an expected count below it in more than a fifth of the cells
SHARE = 0.2
STATISTICS = (
    Statistic(
        "chi_square",
        "Pearson's chi-square test",
        "CrossTab of two dimensions",
        "chi-square, degrees of freedom and p-value; for 2 x 2 with Yates' correction if asked",
        "chisq.test",
        "Pearson K. Philos Mag 1900;50:157-175; Yates F. J R Stat Soc Suppl 1934;1:217-235",
    ),
    Statistic(
        "likelihood_ratio_chi_square",
        "Likelihood-ratio chi-square test (G)",
        "CrossTab of two dimensions",
        "G, degrees of freedom and p-value",
        "MASS::loglm",
        "Wilks SS. Ann Math Stat 1935;6:190-196",
    ),
    Statistic(
        "mcnemar",
        "McNemar's test",
        "CrossTab of two answers of the same patients",
        "asymptotic, continuity-corrected, exact and mid-P test; for more than two levels Bowker's test of symmetry",
        "mcnemar.test; exact2x2::mcnemar.exact",
        "McNemar Q. Psychometrika 1947;12:153-157; Fagerland MW et al. BMC Med Res Methodol 2013;13:91 (mid-P)",
    ),
)


@dataclass(frozen=True)
class ChiSquare:
    """`expected` are the counts expected under independence, for the rows and columns that are not empty."""

    chisq: float
    df: int
    p: float
    expected: NDArray[np.float64]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class McNemarTest:
    """`chisq`, `df`, `p`: asymptotic. The rest is for 2 x 2 only, else None.

    `odds_ratio` is that of the discordant pairs, upper right over lower left, with its exact (Clopper-Pearson)
    interval, inf where the lower left is 0.
    """

    chisq: float
    df: int
    p: float
    chisq_corrected: float | None = None
    p_corrected: float | None = None
    p_exact: float | None = None
    p_mid: float | None = None
    odds_ratio: float | None = None
    lower: float | None = None
    upper: float | None = None
    warnings: tuple[str, ...] = ()


def pearson_test(table: ArrayLike, *, continuity: bool = False) -> ChiSquare:
    """Return Pearson's test of independence (R `chisq.test(correct = continuity)`).

    `continuity` is Yates' correction, for 2 x 2 only: each difference is made smaller by 1/2, or by itself if that is
    less. Raises `NotEstimable` for an empty table or one with a single row or column, `ValueError` for no table.
    """
    counts, expected, warnings = _expected(table)
    difference = np.abs(counts - expected)
    if continuity and counts.shape == (2, 2):
        difference -= min(0.5, float(difference.min()))
    return _result(float((difference**2 / expected).sum()), expected, warnings)


def likelihood_ratio_test(table: ArrayLike) -> ChiSquare:
    """Return G = 2 sum O log(O / E), an empty cell counting 0. Raises as `pearson_test`."""
    from scipy.special import xlogy

    counts, expected, warnings = _expected(table)
    # O log(O/E) - (O - E): the same sum, without the cancellation of its first-order parts where O is near E
    terms = xlogy(counts, counts / expected) - (counts - expected)
    return _result(max(0.0, 2 * float(terms.sum())), expected, warnings)


def mcnemar_test(table: ArrayLike, level: float = 0.95) -> McNemarTest:
    """Return the tests that a square table of paired answers is symmetric (R `mcnemar.test`).

    Exact: the upper of the discordant pairs against 1/2 (`binom.test`); mid-P: the exact p less the probability of
    what was seen. Pairs of levels that nobody has are left out (R gives NaN). Raises `NotEstimable` without a
    discordant pair, `ValueError` where the table is not square.
    """
    counts = whole_counts(table, 2)
    if counts.shape[0] != counts.shape[1] or len(counts) < 2:
        raise ValueError(f"paired answers make a square table, not one of shape {counts.shape}")
    upper, lower = counts[np.triu_indices(len(counts), 1)], counts.T[np.triu_indices(len(counts), 1)]
    pairs = (upper + lower)[upper + lower > 0]
    if not pairs.size:
        raise NotEstimable("no discordant pairs")
    difference = np.abs(upper - lower)[upper + lower > 0].astype(float)
    chisq, df = float((difference**2 / pairs).sum()), len(pairs)
    if len(counts) > 2:
        left = upper.size - df
        said = (f"{left} pairs of levels that nobody has are left out",) if left else ()
        return McNemarTest(chisq, df, chi2_sf(chisq, df), warnings=said)
    return _paired(int(upper[0]), int(lower[0]), chisq, level)


def _paired(b: int, c: int, chisq: float, level: float) -> McNemarTest:
    corrected = (max(0, abs(b - c) - 1)) ** 2 / (b + c)
    exact = binomial_test(b, b + c)
    seen = exact.p_less + exact.p_greater - 1  # P(X = b)
    low = min(exact.p_less, exact.p_greater)
    ends = clopper_pearson(b, b + c, level)
    return McNemarTest(
        chisq, 1, chi2_sf(chisq, 1), corrected, chi2_sf(corrected, 1), min(1.0, 2 * low), min(1.0, 2 * low - seen),
        b / c if c else math.inf, _odds(ends.lower), _odds(ends.upper),
    )  # fmt: skip


def _odds(p: float) -> float:
    return p / (1 - p) if p < 1 else math.inf


def _expected(table: ArrayLike) -> tuple[Counts, NDArray[np.float64], tuple[str, ...]]:
    whole = whole_counts(table, 2)
    counts = occupied(whole)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0) / counts.sum())
    warnings = []
    if counts.shape != whole.shape:
        warnings.append("empty rows and columns are left out")
    small = int((expected < SMALL).sum())
    if small > SHARE * expected.size:
        warnings.append(f"expected counts below {SMALL} in {small} of {expected.size} cells: the p-value is rough")
    return counts, expected, tuple(warnings)


def _result(chisq: float, expected: NDArray[np.float64], warnings: tuple[str, ...]) -> ChiSquare:
    df = (expected.shape[0] - 1) * (expected.shape[1] - 1)
    return ChiSquare(chisq, df, chi2_sf(chisq, df), expected, warnings)
