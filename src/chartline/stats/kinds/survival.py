"""Rows for a time to event, and for follow-up, which is the same table with events and censorings exchanged.

Days become months of 30.4375 days here; the curve itself stays in days.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from chartline.counts.model import EventTable, Pattern
from chartline.results.curve import StepCurve
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of, groups_by, in_group, left_out
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import DAYS_PER_MONTH, FEW, Source, months
from chartline.stats.statistic import NotEstimable
from chartline.stats.survival.follow_up import reverse
from chartline.stats.survival.hazard import estimate_smoothed_hazard
from chartline.stats.survival.kaplan_meier import Curve, estimate_curve
from chartline.stats.survival.landmark import estimate_conditional_survival
from chartline.stats.survival.nelson_aalen import estimate_cumulative_hazard
from chartline.stats.survival.restricted_mean import estimate_restricted_mean

_HAZARD = "Nelson-Aalen, log interval"
_SMOOTHED = "Hazard smoothed by Epanechnikov's kernel"
_MEAN = "Restricted mean (area under Kaplan-Meier)"
_LATER = "Kaplan-Meier of those still at risk at"
_REVERSED = (
    "Reverse Kaplan-Meier: its events are ends of follow-up; patients with an event of the endpoint are censored"
)
_QUANTILES = (("q1", 0.25, "lower quartile"), ("median", 0.5, "median"), ("q3", 0.75, "upper quartile"))


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the rows of a Kaplan-Meier estimate, for everyone and by group."""
    yield from estimate_survival(source.table(analysis.id, EventTable), analysis)


def curves(source: Source, analysis: Any) -> dict[str, StepCurve]:
    """Return the curve of everyone ("") and of each group: Kaplan-Meier, or reverse Kaplan-Meier for follow-up."""
    table = source.table(analysis.id, EventTable)
    patterns = ((), *groups_by(table, analysis.by))
    return {group_of(p): drawn(_fit(_oriented(table.select(p), analysis), analysis)) for p in patterns}


def drawn(curve: Curve) -> StepCurve:
    """Return a Kaplan-Meier curve as it is drawn."""
    days = sorted({*curve.times_days, *(day for day, _ in curve.entries)})
    after = (days[-1] if days else 0) + 1
    return StepCurve(
        curve.times_days, curve.survival, curve.lower, curve.upper, tuple(days),
        tuple(curve.n_risk(day) for day in (*days, after)), tuple(curve.n_events(day) for day in curve.times_days),
        tuple(curve.censor_days), curve.initial,
    )  # fmt: skip


def _fit(table: EventTable, analysis: Any) -> Curve:
    return estimate_curve(table, analysis.interval, analysis.level, variance=getattr(analysis, "variance", "greenwood"))


def estimate_survival(table: EventTable, analysis: Any) -> Iterator[Result]:
    """Yield n, events (by cause too), quantiles in months, the first day with S <= 0.5 and each landmark's rows."""
    for pattern in ((), *groups_by(table, analysis.by)):
        part = _oriented(table.select(pattern), analysis)
        withheld, warnings = in_group(table.withheld, group_of(pattern))
        curve = _fit(part, analysis)
        shared: dict[str, Any] = {
            "N": curve.n, "missing": part.missing, "withheld": withheld, "label": analysis.label,
            "warnings": left_out(part.missing, withheld, "without a time left out") + warnings,
        }  # fmt: skip
        yield from _counts(part, curve, analysis, pattern, shared)
        shared |= {"group": group_of(pattern), "n": sum(curve.events)}
        yield from _times(curve, analysis, shared)
        for month in analysis.at_months:
            yield from _landmark(curve, analysis, month, shared)
        if analysis.kind == "survival":
            yield from _beyond(part, analysis, shared)


def _oriented(table: EventTable, analysis: Any) -> EventTable:
    return reverse(table) if analysis.kind == "follow_up" else table


def _method(analysis: Any) -> str:
    return "Reverse Kaplan-Meier (event: end of follow-up)" if analysis.kind == "follow_up" else "Kaplan-Meier"


def _counted(analysis: Any) -> str:
    """What the events and the censored of follow-up are; those of an endpoint need no word."""
    return _REVERSED if analysis.kind == "follow_up" else ""


def _variance(analysis: Any) -> str:
    return str(getattr(analysis, "variance", "greenwood")).capitalize()


def _beyond(part: EventTable, analysis: Any, shared: dict[str, Any]) -> Iterator[Result]:
    """What stands beside the curve: cumulative and smoothed hazard, restricted mean, survival of those alive later."""
    of = {k: v for k, v in shared.items() if k not in ("label", "group")}
    of |= {"level": analysis.level, "at_unit": "months"}
    for month in analysis.at_months:
        rows = Rows(analysis.id, analysis.label, shared["group"], of | {"at": month})
        yield from rows.tried(
            "cumulative_hazard", _HAZARD, partial(_cumulative_hazard, rows, part, month, analysis.level)
        )
        if analysis.hazard_bandwidth_months is not None:
            yield from rows.tried("hazard", _SMOOTHED, partial(_smoothed_hazard, rows, part, month, analysis))
    for month in analysis.restricted_mean_months:
        rows = Rows(analysis.id, analysis.label, shared["group"], of | {"at": month})
        yield from rows.tried("restricted_mean", _MEAN, partial(_restricted_mean, rows, part, month, analysis.level))
    for alive in analysis.alive_at_months:
        for month in (m for m in analysis.at_months if m > alive):
            rows = Rows(analysis.id, analysis.label, shared["group"], of | {"at": month})
            yield from rows.tried(
                f"survival_from_{alive:g}", _LATER, partial(_conditional, rows, part, alive, month, analysis)
            )


def _cumulative_hazard(rows: Rows, part: EventTable, month: float, level: float) -> Iterator[Result]:
    if not part.n:
        raise NotEstimable(NOBODY)
    h = estimate_cumulative_hazard(part, level=level).at(month * DAYS_PER_MONTH)
    yield rows.value("cumulative_hazard", h.value, _HAZARD, (h.lower, h.upper), unit="hazard")


def _smoothed_hazard(rows: Rows, part: EventTable, month: float, analysis: Any) -> Iterator[Result]:
    width = analysis.hazard_bandwidth_months * DAYS_PER_MONTH
    days = month * DAYS_PER_MONTH
    last = float(max((day for _, day in part.rows), default=0))
    if days > last:
        raise NotEstimable(f"nobody was followed to {month:g} months")
    h = estimate_smoothed_hazard(part, width, until=last, times=[days], level=analysis.level)
    a_month = [x[0] * DAYS_PER_MONTH for x in (h.hazard, h.lower, h.upper)]
    method = f"{_SMOOTHED}, bandwidth {analysis.hazard_bandwidth_months:g} months"
    yield rows.value("hazard", a_month[0], method, (a_month[1], a_month[2]), unit="per month", warnings=h.warnings)


def _restricted_mean(rows: Rows, part: EventTable, month: float, level: float) -> Iterator[Result]:
    m = estimate_restricted_mean(part, month * DAYS_PER_MONTH, level)
    ends = (months(m.lower), months(m.upper))
    yield rows.value("restricted_mean", months(m.mean), _MEAN, ends, unit="months", warnings=m.warnings)


def _conditional(rows: Rows, part: EventTable, alive: float, month: float, analysis: Any) -> Iterator[Result]:
    days = (alive * DAYS_PER_MONTH, month * DAYS_PER_MONTH)
    try:
        s = estimate_conditional_survival(part, *days, analysis.interval, analysis.level)
    except NotEstimable:
        why = f"nobody was followed from {alive:g} to {month:g} months" if part.n else NOBODY
        raise NotEstimable(why) from None
    method = f"{_LATER} {alive:g} months, {analysis.interval} interval"
    name = f"survival_from_{alive:g}"
    yield rows.value(
        name, s.value, method, (s.lower, s.upper), unit="proportion", N=s.n, n=s.events, warnings=s.warnings
    )


def _counts(
    part: EventTable, curve: Curve, analysis: Any, pattern: Pattern, shared: dict[str, Any]
) -> Iterator[Result]:
    of: dict[str, Any] = {"unit": "patients", "is_count": True, **shared}
    group = group_of(pattern)
    yield Result(analysis.id, "n", curve.n, group=group, n=curve.n, **of)
    events = sum(curve.events)
    yield Result(analysis.id, "events", events, group=group, n=events, method=_counted(analysis), **of)
    for i, cause in enumerate(part.causes if len(part.causes) > 1 else ()):
        n = sum(row[2 + i] for row in part.rows.values())
        yield Result(analysis.id, "events", n, group=group_of((*pattern, ("CAUSE", cause))), n=n, **of)


def _times(curve: Curve, analysis: Any, shared: dict[str, Any]) -> Iterator[Result]:
    method = f"{_method(analysis)}, Brookmeyer-Crowley interval ({analysis.interval})"
    for statistic, p, name in _QUANTILES:
        q = curve.quantile(p)
        reason = "" if q.value is not None else f"{name} not reached" if curve.n else NOBODY
        yield Result(
            analysis.id, statistic, months(q.value), lower=months(q.lower), upper=months(q.upper),
            level=curve.level, unit="months", method=method, reason=reason, **shared,
        )  # fmt: skip
    day = curve.first_time(0.5)
    yield Result(
        analysis.id, "first_time", day, at=0.5, at_unit="survival", unit="days",
        method=f"{_method(analysis)}, first day on which the estimate is at most 0.5",
        reason="" if day is not None else "not reached" if curve.n else NOBODY, **shared,
    )  # fmt: skip


def _landmark(curve: Curve, analysis: Any, month: float, shared: dict[str, Any]) -> Iterator[Result]:
    days = month * DAYS_PER_MONTH
    at: dict[str, Any] = {"at": month, "at_unit": "months"}
    reached = curve.reaches(days)
    s = curve.survival_at(days)
    reason = "" if reached else f"nobody was followed to {month:g} months" if curve.n else NOBODY
    own = {"n": curve.n_risk(days), "warnings": shared["warnings"]}
    if reached:
        own["warnings"] += _warnings(curve, analysis, month)
    yield Result(
        analysis.id, "survival", s.value if reached else None, lower=s.lower if reached else None,
        upper=s.upper if reached else None, level=curve.level, unit="proportion",
        method=f"{_method(analysis)}, {analysis.interval} interval ({_variance(analysis)})", reason=reason,
        **at, **shared | own,
    )  # fmt: skip
    before = curve.n_censored_before(days)
    for statistic, n, method in (("n_risk", curve.n_risk(days), ""), ("n_censored_before", before, _counted(analysis))):
        yield Result(
            analysis.id, statistic, n, unit="patients", is_count=True, method=method, **at, **shared | {"n": n}
        )


def _warnings(curve: Curve, analysis: Any, month: float) -> tuple[str, ...]:
    """What a reader should mind of the estimate at a landmark."""
    days, out = month * DAYS_PER_MONTH, []
    from_start = all(day == 0 for day, _ in curve.entries)
    if analysis.kind == "survival" and from_start and not curve.n_censored_before(days):
        out.append(f"equals the crude proportion: nobody was censored before {month:g} months")
    at_risk, s = curve.n_risk(days), curve.survival_at(days)
    if at_risk < FEW:
        out.append(f"{at_risk} at risk at {month:g} months")
    if s.lower is None:
        out.append(f"the {curve.interval} interval has no value where the estimate is {s.value:g}")
    return tuple(out)
