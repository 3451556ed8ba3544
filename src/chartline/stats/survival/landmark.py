"""Survival of those who are still followed without the event at a landmark: S(t | alive at s).

In: an EventTable or Episodes, and the landmark s. Out: the Kaplan-Meier curve of those at risk after s, which is
S(t) / S(s) and starts at 1 on day s; its interval rests on the events after s only. Who has the event, or is last seen,
on day s itself is not among them; who enters after s enters then. R: `survfit(..., start.time = s)`, which also keeps
those who leave on day s itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from chartline.counts.model import EventTable
from chartline.stats.episodes import Episodes
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.survival.exits import Exits
from chartline.stats.survival.kaplan_meier import Curve, IntervalKind, VarianceKind, curve_of_exits

STATISTICS = (
    Statistic(
        name="landmark_survival",
        label="Survival of those alive at a landmark",
        takes="EventTable or Episodes, all causes; the landmark",
        gives="S(t | s) with the interval of the curve after s, and how many were followed beyond s",
        reference="survival::survfit(..., start.time = s)",
        paper="Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719; Zabor EC et al. Cancer 2013;119:3589-3592",
    ),
)


@dataclass(frozen=True)
class ConditionalSurvival:
    """S(`at` | no event by `landmark`). `n` were followed beyond the landmark
    (or entered after it), of whom `events` had the event by `at`."""

    landmark: float
    at: float
    value: float
    lower: float | None
    upper: float | None
    n: int
    events: int
    level: float
    interval: IntervalKind
    warnings: tuple[str, ...] = ()


def estimate_landmark_curve(
    data: EventTable | Episodes,
    landmark: float,
    interval: IntervalKind = "log-log",
    level: float = 0.95,
    *,
    variance: VarianceKind = "greenwood",
) -> Curve:
    """Return the curve of those still at risk after `landmark`, on the original time scale.

    Raises `NotEstimable` where nobody is followed beyond it, `ValueError` for a negative landmark.
    """
    if not landmark >= 0:
        raise ValueError(f"the landmark is {landmark}, and must not be negative")
    exits = Exits.of(data).after(landmark)
    if not exits.times.size:
        raise NotEstimable(f"nobody was followed beyond {landmark:g}")
    return curve_of_exits(exits, interval, level, variance=variance, start=landmark)


def estimate_conditional_survival(
    data: EventTable | Episodes,
    landmark: float,
    at: float,
    interval: IntervalKind = "log-log",
    level: float = 0.95,
) -> ConditionalSurvival:
    """Return the survival at time `at` of those without the event at `landmark`.

    Raises `NotEstimable` where nobody is followed beyond the landmark or to `at`, `ValueError` for `at` before it.
    """
    curve = estimate_landmark_curve(data, landmark, interval, level)
    s = curve.survival_at(at)
    if not curve.reaches(at) or s.value is None:
        raise NotEstimable(f"nobody was followed to {at:g}")
    none = f"the {interval} interval has no value where the estimate is {s.value:g}"
    warnings = (none,) if s.lower is None else ()
    return ConditionalSurvival(
        landmark, at, s.value, s.lower, s.upper, curve.n, curve.n_events(at),
        level, interval, warnings,
    )  # fmt: skip
