"""The comparison that must not be made: ever against never transplanted, from the origin on.

In: plain arrays as in `split_at`. Out: its log-rank test and its Episodes, marked as biased. It is computed only to be
shown beside the right ones: whoever is in the group "ever" cannot have died before the transplant, and that immortal
time is credited to it. Whoever has the event on the way by the last day is in the group "ever", also where it falls on
that day itself, as such comparisons are made (R `Surv(futime, death) ~ !is.na(txtime)`).

Suissa S. Am J Epidemiol 2008;167:492-499.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from chartline.stats.comparison.logrank import LogrankTest, Weights, logrank_test
from chartline.stats.episodes import Episodes
from chartline.stats.intercurrent.split import ever_before_end
from chartline.stats.statistic import NotEstimable, Statistic

GROUPS = ("never", "ever")
LABEL = "biased: immortal time"

STATISTICS = (
    Statistic(
        name="naive_comparison",
        label="Ever against never (biased: immortal time)",
        takes="times, status, and time of an event on the way",
        gives="log-rank test and the immortal time of the group ever; shown only beside an unbiased analysis",
        reference="survival::survdiff(Surv(futime, death) ~ !is.na(txtime))",
        paper="Suissa S. Am J Epidemiol 2008;167:492-499",
    ),
)


@dataclass(frozen=True, eq=False)
class NaiveComparison:
    episodes: Episodes
    test: LogrankTest
    immortal_time: float  # person-time before the event on the way, in the group "ever"
    person_time_ever: float  # all person-time credited to "ever"
    label: str = LABEL


def naive_episodes(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    entry: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    covariates: Mapping[str, npt.ArrayLike] | None = None,
) -> Episodes:
    """Return each subject in the group "ever" or "never" from the start on, with the covariate `transplanted` 0/1."""
    end, _ = ever_before_end(time, at)
    ever = np.asarray(at, np.float64) <= end
    out = Episodes.of(
        time, event, entry=entry, count=count, strata=strata,
        covariates={"transplanted": ever.astype(np.float64), **(covariates or {})},
    )  # fmt: skip
    return replace(out, group=ever.astype(np.int64), groups=GROUPS)


def naive_comparison(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    at: npt.ArrayLike,
    weights: Weights = "logrank",
    *,
    entry: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
) -> NaiveComparison:
    """Return the biased comparison. Raises as `split_at` and `logrank_test`; `NotEstimable` if one group is empty."""
    episodes = naive_episodes(time, event, at, entry=entry, count=count, strata=strata)
    for g, name in enumerate(GROUPS):
        if not episodes.count[episodes.group == g].any():
            raise NotEstimable(f"no patients in the group {name!r}")
    start = np.where(np.isfinite(episodes.entry), episodes.entry, 0.0)
    ever = episodes.group == 1
    weight = episodes.count[ever].astype(np.float64)
    before = np.maximum(np.asarray(at, np.float64)[ever] - start[ever], 0)
    return NaiveComparison(
        episodes, logrank_test(episodes, weights), immortal_time=float(weight @ before),
        person_time_ever=float(weight @ (episodes.exit - start)[ever]),
    )  # fmt: skip
