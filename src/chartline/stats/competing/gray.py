"""Gray's test: is the cumulative incidence of one cause the same in all groups, whatever the other causes do?

In: Episodes with groups (and strata). Out: chi-square, p, the scores of the groups and their covariance. Numbers at
risk are weighed to those of the subdistribution, R(t) = Y(t) (1 - F(t-)) / S(t-), with each group's own F and S; the
weight of a time is (1 - F(t-))^rho with the F of all groups together. Everything is sums over distinct times of
events, with loops over groups only.

Follows `cmprsk::cuminc(time, status, group, strata, rho)` with its corrections for ties. Without competing causes and
with rho = 0 the scores are those of the log-rank test; the variance is not, since each group's own curve stands in it.
Late entry enters by the numbers at risk (cmprsk has none).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chartline.stats.distributions import chi2_sf
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.risk import RiskTable, totals
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="gray",
        label="Gray's test",
        takes="Episodes or EventTable with the causes that compete, by group",
        gives="chi-square, degrees of freedom, p",
        reference="cmprsk::cuminc(time, status, group, strata, rho)$Tests",
        paper="Gray RJ. Ann Stat 1988;16:1141-1154",
    ),
)
_BEYOND = "the pooled incidence passes one, since in a group all had the event early: the variance is rough"
_NOTHING = 1e-9  # a pooled 1 - F this near to 0 is rounding
_SINGULAR = 1e-9  # smallest share of the largest eigenvalue of a correlation matrix that counts as not zero


@dataclass(frozen=True, eq=False)
class GrayTest:
    """`scores` are observed minus expected (weighed by rho) of each group in `groups`, `covariance` theirs."""

    chisq: float
    df: int
    p: float
    groups: tuple[str, ...]
    n: tuple[int, ...]
    events: tuple[int, ...]
    scores: Floats
    covariance: Floats
    rho: float
    warnings: tuple[str, ...] = ()


def gray_test(episodes: Episodes, cause: str | int = 1, *, rho: float = 0.0) -> GrayTest:
    """Compare the cumulative incidence of `cause` (a name, or 1, 2, ...) between the groups, within the strata.

    Groups without anybody are left out with a warning. Raises `NotEstimable` for fewer than two groups, no event of
    the cause, scores whose covariance is singular, or weights that have no value because the pooled incidence reaches
    one before the last event; `ValueError` for a cause that there is not.
    """
    rows, k = episodes.present(), episodes.kinds_of(cause).start
    n = totals(rows.group, rows, len(rows.groups))
    present = np.flatnonzero(n)
    if present.size < 2:
        raise NotEstimable("fewer than two groups have patients")
    tables = _tables(rows, present)
    events = sum(table.events[:, :, k].sum(axis=0) for table in tables)
    if not np.any(events):
        raise NotEstimable(f"no event of the cause {rows.causes[k]}")
    parts = [_one_stratum(table, k, rho, late=rows.late) for table in tables]
    scores, covariance, beyond = (sum(x) for x in zip(*parts, strict=True))
    chisq, df = _quadratic_form(scores, covariance)
    empty = [name for g, name in enumerate(rows.groups) if not n[g]]
    return GrayTest(
        chisq, df, chi2_sf(chisq, df), tuple(rows.groups[g] for g in present),
        tuple(int(n[g]) for g in present), tuple(int(d) for d in events), scores, covariance, rho,
        (*(f"no patients in group {name}" for name in empty), *((_BEYOND,) if beyond else ())),
    )  # fmt: skip


def _tables(rows: Episodes, present: Ints) -> list[RiskTable]:
    """Numbers at risk by group, a table a stratum."""
    if len(rows.strata) == 1 and present.size == len(rows.groups):
        return [rows.risk]
    column = np.searchsorted(present, rows.group)
    parts = ((rows.select(here), column[here]) for here in (rows.stratum == s for s in range(len(rows.strata))))
    return [RiskTable.of(part, at, present.size) for part, at in parts if at.size]


def _one_stratum(table: RiskTable, cause: int, rho: float, *, late: bool) -> tuple[Floats, Floats, bool]:
    """Scores and covariance of one stratum (Fortran `crst` of cmprsk, as sums over times); whether F passes one."""
    all_events, groups = table.events.sum(axis=2), table.at_risk.shape[1]
    some = np.flatnonzero(all_events.any(axis=1))
    y, d, d1 = (x.T[:, some].T.astype(np.float64) for x in (table.at_risk, all_events, table.events[:, :, cause]))
    d2 = d - d1
    if not d1.any():
        return np.zeros(groups), np.zeros((groups, groups)), False
    there = y > 0
    of_y = np.divide(1.0, y, out=np.zeros_like(y), where=there)
    after = np.cumprod(1 - (d1 + d2) * of_y, axis=0)
    before = np.vstack([np.ones((1, groups)), after[:-1]])
    if np.any(there & (before <= 0)):
        raise NotEstimable("in one group all at risk had an event before others entered")
    own = np.cumsum(before * d1 * of_y, axis=0)
    own_before = np.vstack([np.zeros((1, groups)), own[:-1]])
    weighed = np.divide(y, before, out=np.zeros_like(y), where=there)
    total, n1 = weighed.sum(axis=1), d1.sum(axis=1)
    share = weighed / total[:, None]
    pooled = np.cumsum(n1 / total)
    compared = (n1 > 0) & (there.sum(axis=1) > 1)  # where one group is left nothing is compared, whatever the weight
    left = np.where(compared, 1 - np.concatenate([[0.0], pooled[:-1]]), 1.0)  # 1 - F(t-)
    _refuse_no_weight(left, rho, late=late)
    weight = np.where(n1 > 0, left**rho, 0.0)
    risk = weighed * (1 - own_before)
    expected = np.divide(risk, risk.sum(axis=1)[:, None], out=np.zeros_like(risk), where=risk.sum(axis=1)[:, None] > 0)
    scores = weight @ (d1 - n1[:, None] * expected)
    covariance = np.zeros((groups, groups))
    step = n1 / (total * left)
    gap = np.divide(1 - pooled[:, None], after, out=np.zeros_like(after), where=after > 0)
    for k in range(groups):
        a = (weight * weighed[:, k])[:, None] * ((np.arange(groups) == k) - share)
        c = a * step[:, None]
        to_come = c.sum(axis=0) - np.cumsum(c, axis=0)
        own_part = a + np.where(after[:, k] > 0, 1 - gap[:, k], 1.0)[:, None] * to_come
        spread = _untied(n1, total * before[:, k]) * before[:, k] * n1 / total * of_y[:, k]
        covariance += own_part.T @ (spread[:, None] * own_part)
        other_part = gap[:, k, None] * to_come
        spread = _untied(d2[:, k], y[:, k]) * before[:, k] ** 2 * d2[:, k] * of_y[:, k] ** 2
        covariance += other_part.T @ (spread[:, None] * other_part)
    return scores, covariance, bool(np.any(left < 0))


def _refuse_no_weight(left: Floats, rho: float, *, late: bool) -> None:
    """F of all groups passes one while groups are compared where all of another group had the event early: `cuminc`
    then goes on with 1 - F below 0, which the scores do not see if rho is 0. With late entry it has no reference.
    """
    if late and np.any(left <= 0):
        raise NotEstimable("late entry takes the pooled incidence to one before the last event")
    if np.any(np.abs(left) < _NOTHING) or (rho != 0 and np.any(left < 0)):
        raise NotEstimable("the pooled incidence reaches one before the last event")


def _untied(events: Floats, at_risk: Floats) -> Floats:
    """1 - (d - 1) / (n - 1) where d > 1: the correction for ties of cmprsk."""
    return 1 - np.divide(events - 1, at_risk - 1, out=np.zeros_like(events), where=(events > 1) & (at_risk != 1))


def _quadratic_form(scores: Floats, covariance: Floats) -> tuple[float, int]:
    """Scores of all groups but the last, squared by the inverse of their covariance."""
    s, v = scores[:-1], covariance[:-1, :-1]
    size = np.sqrt(np.maximum(np.diag(v), 0.0))
    if np.any(size <= 0) or np.linalg.eigvalsh(v / np.outer(size, size))[0] < _SINGULAR:
        raise NotEstimable("the groups cannot be told apart: no time has events while several groups are at risk")
    return float(s @ np.linalg.solve(v, s)), s.size
