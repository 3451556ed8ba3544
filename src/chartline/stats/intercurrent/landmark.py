"""Landmark analysis: those still at risk at a fixed day, grouped by what had happened by then, times from that day.

In: plain arrays (time, status, time of the event on the way or NaN) and the landmark. Out: Episodes with the groups
"not by the landmark" and "by the landmark", and how many were left out. What happens after the landmark changes no
group.

Convention: at risk at the landmark L are those with end > L; an event or a censoring on day L itself, or before,
leaves the subject out. The event on the way counts if it happened on day L or before. (R: `subset = futime > L`, group
`txtime <= L`.)

Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from chartline.counts.model import EventTable
from chartline.stats.comparison.logrank import LogrankTest, Weights, logrank_test
from chartline.stats.episodes import Episodes
from chartline.stats.intercurrent.split import ever_before_end
from chartline.stats.statistic import NotEstimable, Statistic

GROUPS = ("not by the landmark", "by the landmark")

STATISTICS = (
    Statistic(
        name="landmark_comparison",
        label="Landmark comparison",
        takes="times, status, and time of an event on the way",
        gives="numbers at the landmark and left out, and the log-rank test of those at risk",
        reference="survival::survdiff(Surv(futime - L, death) ~ I(txtime <= L), subset = futime > L)",
        paper="Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719",
    ),
)


@dataclass(frozen=True, eq=False)
class LandmarkData:
    """`episodes` count their times from the landmark. Numbers are subjects."""

    episodes: Episodes
    landmark: float
    n: int  # at risk at the landmark
    n_by: int  # of these, with the event on the way by then
    n_not: int
    n_excluded: int  # that had left by the landmark: had the event, or were censored
    excluded_events: int | None
    excluded_censored: int | None


@dataclass(frozen=True, eq=False)
class LandmarkTest:
    data: LandmarkData
    test: LogrankTest


def landmark_data(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    at: npt.ArrayLike,
    landmark: float,
    *,
    entry: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    covariates: Mapping[str, npt.ArrayLike] | None = None,
    reference: Mapping[str, str] | None = None,
    cluster: npt.ArrayLike | None = None,
) -> LandmarkData:
    """Return those at risk at `landmark`, in the unit of `time`; arrays as in `split_at`.

    Who enters later than the landmark enters late. Raises `ValueError` for a negative landmark and as `Episodes.of`;
    `NotEstimable` where nobody is left.
    """
    ever_before_end(time, at)
    by = np.asarray(at, np.float64) <= landmark  # never (NaN) is not by the landmark
    everyone = Episodes.of(
        time, event, entry=entry, count=count, strata=strata, covariates=covariates, reference=reference,
        cluster=cluster,
    )  # fmt: skip
    grouped = replace(everyone, group=by.astype(np.int64), groups=GROUPS)
    stays = everyone.exit > landmark
    kept = after_landmark(grouped, landmark)
    excluded, events = (int(everyone.count[~stays & m].sum()) for m in (True, everyone.status > 0))
    n_by = int(kept.count[kept.group == 1].sum())
    return LandmarkData(
        kept, float(landmark), n=kept.n, n_by=n_by, n_not=kept.n - n_by, n_excluded=excluded,
        excluded_events=events, excluded_censored=excluded - events,
    )  # fmt: skip


def landmark_counts(
    table: EventTable, landmark: float, state: str = "STATE", after: str = "after", *, n_before: int | None = None
) -> LandmarkData:
    """Return the same from counts of those at risk at `landmark` (days), by whether it had happened by then.

    `n_before` is how many there were at the origin; without it nobody is said to be excluded. Which of them had had the
    event is not in such a table: `excluded_events` and `excluded_censored` are None.
    """
    everyone = Episodes.from_counts(table, by=state)
    by = np.asarray(everyone.groups)[everyone.group] == after
    kept = after_landmark(replace(everyone, group=by.astype(np.int64), groups=GROUPS), landmark)
    n_by = int(kept.count[kept.group == 1].sum())
    excluded = 0 if n_before is None else n_before - kept.n
    return LandmarkData(kept, float(landmark), kept.n, n_by, kept.n - n_by, excluded, None, None)


def after_landmark(episodes: Episodes, landmark: float, *, shift: bool = True) -> Episodes:
    """Return the part of `episodes` after `landmark`: rows that end later, entered then at the earliest.

    Times count from the landmark with `shift`, from the origin without. The groups are kept as they are: right for what
    is known at the landmark, and for groups that change on the way. Raises as `landmark_data`.
    """
    if not (landmark >= 0 and np.isfinite(landmark)):
        raise ValueError(f"not a landmark: {landmark}")
    kept = episodes.select(episodes.exit > landmark)
    if not kept.n:
        raise NotEstimable(f"nobody is at risk after the landmark {landmark:g}")
    start = np.maximum(kept.entry, landmark)
    entry = start - landmark if shift else start
    moved = kept.exit - landmark if shift else kept.exit
    return replace(kept, entry=np.where(entry <= 0, -np.inf, entry), exit=moved)


def landmark_test(data: LandmarkData, weights: Weights = "logrank", *, stratified: bool = True) -> LandmarkTest:
    """Return the log-rank test of the two groups at the landmark. Raises `NotEstimable` where one is empty."""
    for name, n in zip(GROUPS, (data.n_not, data.n_by), strict=True):
        if not n:
            raise NotEstimable(f"nobody at risk at the landmark is in the group {name!r}")
    return LandmarkTest(data, logrank_test(data.episodes, weights, stratified=stratified))
