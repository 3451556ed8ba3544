"""The generalised Cochran-Mantel-Haenszel tests: r x c tables in strata.

In: an array strata x rows x columns. Out: a `StratifiedTest`. One formula serves three alternatives (Landis, Heyman and
Koch 1978): "general" (any association), "row_means" (the mean column score differs between rows) and "correlation"
(column scores rise with row scores). Without strata (one stratum) they are (n - 1)/n times Pearson's chi-square, a
Kruskal-Wallis type test, and the linear-by-linear test.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chartline.stats.distributions import chi2_sf
from chartline.stats.proportions.stratified import StratifiedTest
from chartline.stats.proportions.table import Counts, whole_counts
from chartline.stats.statistic import NotEstimable, Statistic

Floats = NDArray[np.float64]
Kind = Literal["general", "row_means", "correlation"]
STATISTICS = (
    Statistic(
        "generalised_mantel_haenszel",
        "Generalised Cochran-Mantel-Haenszel test",
        "CrossTab of two dimensions and strata",
        "chi-square, degrees of freedom and p-value for general association, row mean scores, or correlation",
        "mantelhaen.test; coin::cmh_test, coin::lbl_test",
        "Landis JR, Heyman ER, Koch GG. Int Stat Rev 1978;46:237-254",
    ),
)


def generalised_mantel_haenszel_test(
    tables: ArrayLike,
    kind: Kind = "general",
    rows: ArrayLike | None = None,
    columns: ArrayLike | None = None,
) -> StratifiedTest:
    """Return the test of association of rows and columns within strata (R `mantelhaen.test` for "general").

    `rows` and `columns` are scores, 1, 2, 3, ... if not given; used as `kind` says. Strata of fewer than two patients,
    and levels that nobody has, are left out. Raises `NotEstimable` where nothing can be associated, `ValueError` for
    another shape or unknown kind.
    """
    if kind not in ("general", "row_means", "correlation"):
        raise ValueError(f"not an alternative: {kind}")
    counts = whole_counts(tables, 3)
    use = counts.sum(axis=(1, 2)) > 1
    r = _contrasts(counts.sum(axis=(0, 2)), rows, kind == "correlation", "row")
    c = _contrasts(counts.sum(axis=(0, 1)), columns, kind != "general", "column")
    difference, variance = np.zeros(len(r) * len(c)), np.zeros((len(r) * len(c),) * 2)
    for table in counts[use]:
        d, v = _moments(table, r, c)
        difference, variance = difference + d, variance + v
    df = int(np.linalg.matrix_rank(variance, hermitian=True))
    if df == 0:
        raise NotEstimable("no stratum has two rows and two columns with patients")
    chisq = float(difference @ np.linalg.pinv(variance, hermitian=True) @ difference)
    if df == len(variance):
        chisq = float(difference @ np.linalg.solve(variance, difference))
    return StratifiedTest(chisq, df, chi2_sf(chisq, df), _said(len(counts) - int(use.sum()), len(variance) - df))


def _contrasts(totals: Counts, scores: ArrayLike | None, scored: bool, what: str) -> Floats:
    """What is compared: the scores as one line, or an indicator of each level but the last that somebody has."""
    levels = np.flatnonzero(totals)
    if len(levels) < 2:
        raise NotEstimable("no patients in the tables" if not len(levels) else f"all patients are in one {what}")
    if not scored:
        return np.eye(len(totals))[levels[:-1]]
    line = np.arange(1.0, len(totals) + 1) if scores is None else np.asarray(scores, dtype=float)
    if line.shape != totals.shape or not np.isfinite(line).all():
        raise ValueError(f"{len(totals)} scores are needed, one for each {what}")
    return line[None, :]


def _moments(table: Counts, r: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Observed minus expected of the contrasts, and their covariance given both margins of the stratum."""
    n = float(table.sum())
    rows, columns = table.sum(axis=1) / n, table.sum(axis=0) / n
    difference = r @ (table - n * np.outer(rows, columns)) @ c.T
    spread = np.kron(_spread(r, rows), _spread(c, columns))
    return np.asarray(difference.ravel()), np.asarray(spread * n * n / (n - 1))


def _spread(contrasts: Floats, shares: Floats) -> Floats:
    centred = contrasts - (contrasts @ shares)[:, None]
    return np.asarray((centred * shares) @ centred.T)


def _said(strata: int, lost: int) -> tuple[str, ...]:
    out = [f"{strata} strata have fewer than two patients, and do not count"] if strata else []
    if lost:
        out.append(f"{lost} comparisons are never possible within a stratum: as many degrees of freedom fewer")
    return tuple(out)
