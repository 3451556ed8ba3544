"""Simon-Makuch curves: survival by a state that changes on the way, each group's risk set as it is at each time.

In: Episodes whose groups change on the way (`split_at`). Out: for each group the Kaplan-Meier estimate with late
entry, a step function with Greenwood's error and pointwise intervals. A subject leaves "not yet" (censored) and enters
"after" on the day of the event on the way. With a landmark the curves start there: the proportion of those at risk at
the landmark (R `survfit(Surv(start, stop, event) ~ state)` on rows with stop > landmark, start no earlier than the
landmark).

A curve is the survival of no real patient: it reads as the chance to survive for someone who stays in the state. Soon
after the start the group "after" may hold one or two patients; where the last of them dies the curve is 0 for good,
which is said in `warnings`. A landmark avoids it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chartline.stats.distributions import interval_z
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.intercurrent.landmark import after_landmark
from chartline.stats.risk import RiskTable
from chartline.stats.statistic import NotEstimable, Statistic

IntervalKind = Literal["log-log", "log", "plain"]

STATISTICS = (
    Statistic(
        name="simon_makuch",
        label="Simon-Makuch curves",
        takes="Episodes whose groups change on the way",
        gives="survival by state with Greenwood's error and intervals, numbers at risk and events",
        reference="survival::survfit(Surv(start, stop, event) ~ state)",
        paper="Simon R, Makuch RW. Stat Med 1984;3:35-44",
    ),
)


@dataclass(frozen=True, eq=False)
class GroupCurve:
    """One state. Arrays have an entry for each time at which somebody in the state leaves it; NaN is no value."""

    group: str
    times: Floats  # from the origin, also with a landmark
    survival: Floats
    std_error: Floats  # Greenwood, of S
    lower: Floats
    upper: Floats
    at_risk: Ints
    events: Ints
    censored: Ints  # with those who leave the state

    def survival_at(self, time: float) -> float:
        """Return S(`time`), 1 before the first step, carried forward after the last."""
        i = int(np.searchsorted(self.times, time, side="right"))
        return float(self.survival[i - 1]) if i else 1.0


@dataclass(frozen=True, eq=False)
class SimonMakuch:
    curves: tuple[GroupCurve, ...]
    landmark: float
    level: float
    interval: IntervalKind
    warnings: tuple[str, ...]


def estimate_simon_makuch(
    episodes: Episodes, *, landmark: float = 0, interval: IntervalKind = "log-log", level: float = 0.95
) -> SimonMakuch:
    """Return one curve a group, from `landmark` on; ends by any cause are events.

    Raises `ValueError` for a negative landmark, `NotEstimable` where nobody is at risk after it.
    """
    kept = after_landmark(episodes, landmark, shift=False) if landmark else episodes
    if not kept.n:
        raise NotEstimable("no patients in the set")
    table = RiskTable.of(kept)
    curves = tuple(_curve(table, g, name, interval, interval_z(level)) for g, name in enumerate(kept.groups))
    warnings = tuple(w for c in curves if (w := _warning(c)))
    return SimonMakuch(curves, float(landmark), level, interval, warnings)


def _curve(table: RiskTable, g: int, name: str, interval: IntervalKind, z: float) -> GroupCurve:
    events, censored = table.events[:, g].sum(axis=1), table.censored[:, g]
    leave = events + censored > 0
    n, d = table.at_risk[leave, g].astype(np.float64), events[leave].astype(np.float64)
    survival = np.cumprod(1 - d / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_variance = np.cumsum(d / (n * (n - d)))
        std_error = np.where(survival > 0, survival * np.sqrt(log_variance), np.nan)
    lower, upper = _band(survival, log_variance, z, interval)
    return GroupCurve(
        name, table.times[leave], survival, std_error, lower, upper, table.at_risk[leave, g], events[leave],
        censored[leave],
    )  # fmt: skip


def _band(s: Floats, log_variance: Floats, z: float, interval: IntervalKind) -> tuple[Floats, Floats]:
    """Pointwise intervals as R `survfit`; none where S is 0, nor on the log-log scale where S is 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        half = z * np.sqrt(log_variance)
        if interval == "plain":
            lower, upper = np.maximum(0, s - half * s), np.minimum(1, s + half * s)
        elif interval == "log":
            lower, upper = s * np.exp(-half), np.minimum(1, s * np.exp(half))
        else:
            theta = half / np.log(s)
            lower, upper = np.exp(np.log(s) * np.exp(-theta)), np.exp(np.log(s) * np.exp(theta))
    none = (s == 0) | ((s == 1) if interval == "log-log" else False)
    return np.where(none, np.nan, lower), np.where(none, np.nan, upper)


def _warning(curve: GroupCurve) -> str:
    if not curve.times.size:
        return f"nobody is at risk in the group {curve.group!r}"
    zero = int(np.argmax(curve.survival == 0))
    if curve.survival[zero] == 0 and zero < curve.times.size - 1:
        return (
            f"the curve of {curve.group!r} falls to 0 at time {curve.times[zero]:g}, when all "
            f"{curve.at_risk[zero]} at risk had the event, though others came later: start it at a landmark"
        )
    return ""
