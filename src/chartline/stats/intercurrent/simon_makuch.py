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

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chartline.stats.episodes import Episodes
from chartline.stats.intercurrent.landmark import after_landmark
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.survival.exits import Exits
from chartline.stats.survival.kaplan_meier import Curve, IntervalKind, VarianceKind, curve_of_exits

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
class SimonMakuch:
    """A Kaplan-Meier curve a group; times count from the origin, with a landmark too. A step's `censored` are those who
    were censored and those who left the group."""

    curves: Mapping[str, Curve]
    landmark: float
    warnings: tuple[str, ...]


def estimate_simon_makuch(
    episodes: Episodes,
    *,
    landmark: float = 0,
    interval: IntervalKind = "log-log",
    level: float = 0.95,
    variance: VarianceKind = "greenwood",
) -> SimonMakuch:
    """Return one curve a group, from `landmark` on; ends by any cause are events.

    Raises `ValueError` for a negative landmark, `NotEstimable` where nobody is at risk after it.
    """
    kept = after_landmark(episodes, landmark, shift=False) if landmark else episodes
    if not kept.n:
        raise NotEstimable("no patients in the set")
    curves = {
        name: curve_of_exits(
            Exits.of(kept.select(kept.group == g)), interval, level, variance=variance, start=float(landmark)
        )
        for g, name in enumerate(kept.groups)
    }
    warnings = tuple(w for name, curve in curves.items() if (w := _warning(name, curve)))
    return SimonMakuch(curves, float(landmark), warnings)


def _warning(name: str, curve: Curve) -> str:
    if not curve.steps.size:
        return f"nobody is at risk in the group {name!r}"
    zero = int(np.argmax(curve.steps == 0))
    if curve.steps[zero] == 0 and zero < curve.steps.size - 1:
        return (
            f"the curve of {name!r} falls to 0 at time {curve.times_days[zero]:g}, when all "
            f"{curve.at_risk[zero]} at risk had the event, though others came later: start it at a landmark"
        )
    return ""
