"""Mean cumulative count: the expected number of events of a patient by a time, where events recur and death ends them.

In: for each patient the days of the events and the last day, dead or alive; equal patients may be one with a weight.
Out: the curve with a standard error that takes a patient's events as dependent.

Of the patients at risk at t (followed to t or beyond) dR(t) is the number of events over the number at risk, and S the
Kaplan-Meier estimate of being alive; the mean count is the sum of S(t-) dR(t) (Ghosh and Lin). Without deaths it is
Nelson's mean cumulative function. The variance is that of the influence of each patient, as the paper's formula 2.2:
no model of how events depend on each other is assumed. The interval is on the log scale. Events precede an end of the
same day, and a death the events of later days only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.distributions import interval_z
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="mean_cumulative_count",
        label="Mean cumulative count of recurrent events",
        takes="the days of each patient's events, the last day, and whether it was death",
        gives="expected number of events by a time, standard error (robust) and log interval",
        reference="mets::recurrentMarginal(phreg(events), phreg(death))",
        paper="Ghosh D, Lin DY. Biometrics 2000;56:554-562; Dong H, et al. Am J Epidemiol 2015;181:532-540",
    ),
)
METHOD = "mean cumulative count (Ghosh-Lin), robust log interval"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeanCount:
    """The curve: arrays of one length, a step at each of `times_days`."""

    times_days: Floats
    count: Floats
    std_error: Floats
    at_risk: Floats
    last_day: float
    level: float

    def at(self, day: float) -> tuple[float, float, float, float]:
        """Return (count, standard error, lower, upper) at a day; limits are NaN where the count is 0."""
        i = int(np.searchsorted(self.times_days, day, side="right")) - 1
        count, se = (float(self.count[i]), float(self.std_error[i])) if i >= 0 else (0.0, 0.0)
        if count <= 0:
            return count, se, float("nan"), float("nan")
        factor = float(np.exp(interval_z(self.level) * se / count))
        return count, se, count / factor, count * factor


def estimate_mean_count(
    events: Sequence[Sequence[float]],
    end: Sequence[float],
    dead: Sequence[bool],
    weight: Sequence[int] | None = None,
    *,
    level: float = 0.95,
) -> MeanCount:
    """Return the mean cumulative count of patients with these days of events, last days, and deaths.

    Raises `NotEstimable` for nobody, and `ValueError` for an event after the last day.
    """
    if not len(end):
        raise NotEstimable("no patients")
    last, died = np.asarray(end, float), np.asarray(dead, bool)
    many = np.ones(last.size) if weight is None else np.asarray(weight, float)
    if any(len(days) and max(days) > stop for days, stop in zip(events, last, strict=True)):
        raise ValueError("an event after the last day")
    times = np.unique(np.concatenate([*(np.asarray(e, float) for e in events), last[died]]))
    own = np.array([[np.sum(np.asarray(e, float) == t) for t in times] for e in events]).reshape(last.size, times.size)
    here = last[:, None] >= times
    deaths = died[:, None] & (last[:, None] == times)
    at_risk = many @ here
    rate, hazard = (many @ own) / at_risk, (many @ deaths) / at_risk
    alive = np.concatenate([[1.0], np.cumprod(1 - hazard)[:-1]])  # S(t-)
    count = np.cumsum(alive * rate)
    residual = (own - here * rate) * alive / at_risk
    lost = (deaths - here * hazard) / at_risk
    influence = np.cumsum(residual, axis=1) - count * np.cumsum(lost, axis=1) + np.cumsum(count * lost, axis=1)
    error = np.sqrt(many @ influence**2)
    return MeanCount(times, count, error, at_risk, float(last.max()), level)
