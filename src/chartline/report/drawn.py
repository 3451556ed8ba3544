"""Step curves as figures: survival, cumulative incidence, state probabilities, one drawing for all (`km.typ`)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chartline.protocol.names import event_words
from chartline.report import format as fmt
from chartline.report.document import Figure
from chartline.report.source import CurveLike, ReportSource
from chartline.results.model import Result

FEW = 5  # fewer at risk than this: the curve is dashed (methods.md 3.2: stop or mark an immature tail)
_STEPS = (1, 2, 3, 6, 12, 24, 36, 48, 60, 120)  # months between ticks
_TICKS = 9  # at most so many intervals


@dataclass(frozen=True)
class Drawn:
    """What a figure of curves says. `curves` are drawn in their order, under their labels."""

    name: str
    curves: Mapping[str, CurveLike]
    caption: str
    alt: str
    x_label: str
    y_label: str
    value: str  # what the curves are, as the head of their column in the data table
    level: Result | None = None  # a result whose confidence level is that of the bands
    median: tuple[float, str] | None = None
    summary: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bands: bool = True
    few: bool = True  # whether a curve is dashed where few are at risk
    events: bool = True  # whether the events up to each tick stand below the numbers at risk
    numbers: str = "Number at risk"  # the head of the numbers below the axis
    one_risk: bool = False  # whether all curves are of the same patients, so that their number stands once


def curve_figure(drawn: Drawn) -> Figure:
    """Return the figure of the curves, with its data table."""
    end = max((fmt.months(_end(c)) for c in drawn.curves.values()), default=0.0)
    axis = ticks(max(end, 1.0))
    groups = [_group(label, curve, axis, drawn.bands) for label, curve in drawn.curves.items()]
    if not drawn.events:
        groups = [g | {"events": []} for g in groups]
    if not drawn.few:
        groups = [g | {"few_from": None} for g in groups]
    one, any_drawn = len(groups) == 1, any(g["steps"] for g in groups)
    data = {
        "x_label": drawn.x_label,
        "y_label": drawn.y_label,
        "x_max": axis[-1],
        "ticks": axis,
        "groups": groups,
        "median": [*drawn.median] if one and any_drawn and drawn.median else None,
        "summary": list(drawn.summary) if one and any_drawn else [],
        "note": "" if any_drawn else "No patient in this analysis",
        "numbers": drawn.numbers,
        "one_risk": drawn.one_risk and not one,
    }
    return Figure(
        number="Figure",
        name=drawn.name.replace(".", "_"),
        kind="km",
        caption=drawn.caption,
        alt=drawn.alt,
        data=data,
        notes=tuple(note for note in (_reading(drawn, groups), *drawn.notes) if note),
        columns=("Group", "Days", "Months", "At risk", drawn.value, "Lower", "Upper"),
        rows=_data_rows(drawn.curves),
    )


def origin_of(source: ReportSource, declared: Any) -> str:
    """Return the words of the endpoint's time zero."""
    return source.origins.get(declared.endpoint, "first dose")


def milestone_words(source: ReportSource, milestone: str) -> str:
    """Return a milestone as the origin of an axis: "first dose", "transplantation"."""
    if milestone == "first_response":
        return "first response"
    return event_words(milestone, source.protocol).replace("_", " ")


def ticks(end_months: float) -> list[float]:
    """Return the ticks of an axis of months that reaches at least `end_months`."""
    step = next((s for s in _STEPS if end_months <= s * _TICKS), _STEPS[-1])
    count = max(1, -int(-end_months // step))
    while step * count < end_months:
        count += 1
    return [step * i for i in range(count + 1)]


def _reading(drawn: Drawn, groups: list[dict[str, Any]]) -> str:
    """How the drawing is to be read."""
    level = drawn.level
    shaded = f"Shaded: {fmt.level(level)}. " if level is not None and level.level else "Shaded: confidence interval. "
    ticked = "Ticks: censored patients. " if any(g["censored"] for g in groups) else ""
    few = any(g["few_from"] is not None for g in groups)
    dashed = f"Dashed where fewer than {FEW} patients are at risk." if few else ""
    return f"{shaded if drawn.bands else ''}{ticked}{dashed}"


def _end(curve: CurveLike) -> float:
    return max(curve.times_days, default=0)


def _at_day(curve: CurveLike, day: float) -> float:
    """Return the value of the step function on a day."""
    i = bisect_right(curve.times_days, day)
    return curve.survival[i - 1] if i else curve.initial


def _group(label: str, curve: CurveLike, axis: list[float], bands: bool) -> dict[str, Any]:
    """Return what the template draws of one curve; times in months."""
    if not curve.times_days:
        empty: dict[str, Any] = {"steps": [], "band": [], "censored": [], "few_from": None, "few_at": None}
        return {"label": label, **empty, "risk": [0] * len(axis), "events": [0] * len(axis)}
    end = _end(curve)
    steps = [(0.0, curve.initial), *((fmt.months(d), s) for d, s in zip(curve.times_days, curve.survival, strict=True))]
    steps.append((fmt.months(end), steps[-1][1]))
    few = _few_from(curve)
    days = [m * fmt.DAYS_PER_MONTH for m in axis]
    return {
        "label": label,
        "steps": steps,
        "band": _band(curve, end) if bands else [],
        "censored": [(fmt.months(d), _at_day(curve, d)) for d in curve.censor_days],
        "risk": [curve.n_risk(d) for d in days],
        "events": [curve.n_events(d) for d in days],
        "few_from": fmt.months(few) if few is not None else None,
        "few_at": _at_day(curve, few) if few is not None else None,
    }


def _band(curve: CurveLike, end: float) -> list[tuple[float, float, float]]:
    """Return (month, lower, upper): no width before any event, ending where the interval has no value (S = 0)."""
    points = [(0.0, curve.initial, curve.initial)]
    for day, s, low, high in zip(curve.times_days, curve.survival, curve.lower, curve.upper, strict=True):
        if low is not None and high is not None:
            points.append((fmt.months(day), low, high))
        elif s != curve.initial:
            return [*points, (fmt.months(day), *points[-1][1:])]
    return [*points, (fmt.months(end), *points[-1][1:])]


def _few_from(curve: CurveLike) -> float | None:
    """Return the first day after which fewer than `FEW` are at risk; None where the curve ends on it."""
    return next((day for day in curve.times_days[:-1] if curve.n_risk(day + 1) < FEW), None)


def _data_rows(curves: Any) -> tuple[tuple[str, ...], ...]:
    rows = []
    for label, c in curves.items():
        for day, s, low, high in zip(c.times_days, c.survival, c.lower, c.upper, strict=True):
            ends = [fmt.DASH if x is None else fmt.percent_bare(x) for x in (low, high)]
            month = fmt.number(fmt.months(day), 2)
            rows.append((label or "All", str(day), month, str(c.n_risk(day)), fmt.percent_bare(s), *ends))
    return tuple(rows)
