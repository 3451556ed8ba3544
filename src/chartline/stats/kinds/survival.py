"""Rows for a time to event, and for follow-up, which is the same table with events and censorings exchanged.

Days become months of 30.4375 days here; the curve itself stays in days.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import EventTable, Pattern
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of, groups_by, in_group, left_out
from chartline.stats.kinds.source import DAYS_PER_MONTH, FEW, Source, months
from chartline.stats.survival.follow_up import reverse
from chartline.stats.survival.kaplan_meier import Curve, estimate_curve

_QUANTILES = (("q1", 0.25, "lower quartile"), ("median", 0.5, "median"), ("q3", 0.75, "upper quartile"))


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the rows of a Kaplan-Meier estimate, for everyone and by group."""
    yield from estimate_survival(source.table(analysis.id, EventTable), analysis)


def curves(source: Source, analysis: Any) -> dict[str, Curve]:
    """Return the curve of everyone ("") and of each group."""
    table = source.table(analysis.id, EventTable)
    return {group_of(p): curve_of(table.select(p), analysis) for p in ((), *groups_by(table, analysis.by))}


def curve_of(table: EventTable, analysis: Any) -> Curve:
    """Return the curve an analysis asks for: Kaplan-Meier, or reverse Kaplan-Meier for follow-up."""
    return estimate_curve(_oriented(table, analysis), analysis.interval, analysis.level)


def estimate_survival(table: EventTable, analysis: Any) -> Iterator[Result]:
    """Yield n, events (by cause too), quantiles in months, the first day with S <= 0.5 and each landmark's rows."""
    for pattern in ((), *groups_by(table, analysis.by)):
        part = _oriented(table.select(pattern), analysis)
        withheld, warnings = in_group(table.withheld, group_of(pattern))
        curve = estimate_curve(part, analysis.interval, analysis.level)
        shared: dict[str, Any] = {
            "N": curve.n, "missing": part.missing, "withheld": withheld, "label": analysis.label,
            "warnings": left_out(part.missing, withheld, "without a time left out") + warnings,
        }  # fmt: skip
        yield from _counts(part, curve, analysis.id, pattern, shared)
        shared |= {"group": group_of(pattern), "n": sum(curve.events)}
        yield from _times(curve, analysis, shared)
        for month in analysis.at_months:
            yield from _landmark(curve, analysis, month, shared)


def _oriented(table: EventTable, analysis: Any) -> EventTable:
    return reverse(table) if analysis.kind == "follow_up" else table


def _method(analysis: Any) -> str:
    return "Reverse Kaplan-Meier" if analysis.kind == "follow_up" else "Kaplan-Meier"


def _counts(
    part: EventTable, curve: Curve, analysis: str, pattern: Pattern, shared: dict[str, Any]
) -> Iterator[Result]:
    of: dict[str, Any] = {"unit": "patients", "is_count": True, **shared}
    group = group_of(pattern)
    yield Result(analysis, "n", curve.n, group=group, n=curve.n, **of)
    events = sum(curve.events)
    yield Result(analysis, "events", events, group=group, n=events, **of)
    for i, cause in enumerate(part.causes if len(part.causes) > 1 else ()):
        n = sum(row[2 + i] for row in part.rows.values())
        yield Result(analysis, "events", n, group=group_of((*pattern, ("CAUSE", cause))), n=n, **of)


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
        method=f"{_method(analysis)}, {analysis.interval} interval (Greenwood)", reason=reason,
        **at, **shared | own,
    )  # fmt: skip
    before = curve.n_censored_before(days)
    for statistic, n in (("n_risk", curve.n_risk(days)), ("n_censored_before", before)):
        yield Result(analysis.id, statistic, n, unit="patients", is_count=True, **at, **shared | {"n": n})


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
