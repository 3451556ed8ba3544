"""Rows of competing risks: the incidence of each cause at the landmarks, the event-free share, Gray's test by group."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from chartline.counts.model import EventTable, Pattern
from chartline.results.curve import StepCurve
from chartline.results.model import Result
from chartline.stats.competing.cumulative_incidence import CumulativeIncidence, estimate_cumulative_incidence
from chartline.stats.competing.gray import gray_test
from chartline.stats.episodes import Episodes
from chartline.stats.groups import NOBODY, group_of, groups_by, in_group, left_out, with_known
from chartline.stats.kinds.rows import Rows, finite, standing
from chartline.stats.kinds.source import DAYS_PER_MONTH, FEW, Source
from chartline.stats.statistic import NotEstimable

EVENT_FREE = "event_free"


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield, for everyone and by group, n, events and incidence of each cause, the event-free share; Gray's test."""
    table = source.table(analysis.id, EventTable)
    for pattern in ((), *groups_by(table, analysis.by)):
        yield from _group(table, analysis, pattern)
    if analysis.by:
        yield from _gray(table, analysis)


def curves(source: Source, analysis: Any) -> dict[str, StepCurve]:
    """Return the curve of each cause: of everyone, or of each group ("SITEID=A;CAUSE=relapse")."""
    table = source.table(analysis.id, EventTable)
    out = {}
    for pattern in groups_by(table, analysis.by) if analysis.by else [()]:
        try:
            fit = _fit(table.select(pattern), analysis)
        except NotEstimable:
            continue
        for cause in table.causes:
            out[group_of((*pattern, ("CAUSE", cause)))] = _drawn(fit, cause)
    return out


def _drawn(fit: CumulativeIncidence, cause: str) -> StepCurve:
    of, days = fit.causes[cause], tuple(fit.times_days.tolist())
    leaving = np.cumsum(fit.censored + sum(fit.events.values()))
    return StepCurve(
        days, tuple(of.estimate.tolist()), tuple(finite(x) for x in of.lower), tuple(finite(x) for x in of.upper),
        days, (fit.n, *(fit.n - leaving).tolist()), tuple(np.cumsum(fit.events[cause]).tolist()), initial=0.0,
    )  # fmt: skip


def _fit(table: EventTable, analysis: Any) -> CumulativeIncidence:
    if not table.n:
        raise NotEstimable(NOBODY)
    return estimate_cumulative_incidence(Episodes.from_counts(table), interval=analysis.interval, level=analysis.level)


def _method(analysis: Any) -> str:
    return f"Aalen-Johansen, {analysis.interval} interval"


def _group(table: EventTable, analysis: Any, pattern: Pattern) -> Iterator[Result]:
    part = table.select(pattern)
    withheld, warnings = in_group(table.withheld, group_of(pattern))
    shared = {
        "N": part.n, "missing": part.missing, "withheld": withheld, "level": analysis.level,
        "warnings": left_out(part.missing, withheld, "without a time left out") + warnings,
    }  # fmt: skip
    counts = {k: v for k, v in shared.items() if k != "level"}
    yield Rows(analysis.id, analysis.label, group_of(pattern), counts).count("n", part.n)
    for i, cause in enumerate(part.causes):
        group = group_of((*pattern, ("CAUSE", cause)))
        events = sum(row[2 + i] for row in part.rows.values())
        yield Rows(analysis.id, analysis.label, group, counts).count("events", events)
    for month in analysis.at_months:
        yield from _at(part, analysis, pattern, month, shared)


def _at(part: EventTable, analysis: Any, pattern: Pattern, month: float, shared: dict[str, Any]) -> Iterator[Result]:
    """The incidence of each cause and the event-free share at a landmark."""
    at = _fit(part, analysis).at(month * DAYS_PER_MONTH) if part.n else None
    reached = at is not None and bool(at.reached[0])
    risk = int(at.at_risk[0]) if at is not None else 0
    reason = "" if reached else f"nobody was followed to {month:g} months" if part.n else NOBODY
    few = (f"{risk} at risk at {month:g} months",) if reached and risk < FEW else ()
    of = shared | {"at": month, "at_unit": "months", "n": risk, "unit": "proportion"}
    for name in (*part.causes, EVENT_FREE):
        own, statistic = ((*pattern, ("CAUSE", name)), "incidence") if name != EVENT_FREE else (pattern, EVENT_FREE)
        rows = Rows(analysis.id, analysis.label, group_of(own), of)
        if at is None or not reached:
            yield rows.failed(statistic, reason, _method(analysis))
        else:
            share = at.event_free if name == EVENT_FREE else at.causes[name]
            ends = (share.lower[0], share.upper[0])
            yield rows.value(statistic, float(share.estimate[0]), _method(analysis), ends, warnings=few)


def _gray(table: EventTable, analysis: Any) -> Iterator[Result]:
    known, unknown = with_known(table, (analysis.by, *analysis.strata))
    shared = standing(known.n, table.missing + unknown, table.withheld, "without a time or group left out")
    method = "Gray's test" + (f", stratified by {', '.join(analysis.strata)}" if analysis.strata else "")
    for cause in table.causes:
        rows = Rows(analysis.id, analysis.label, group_of((("CAUSE", cause),)), shared)
        yield from rows.tried("p_gray", method, partial(_gray_rows, rows, known, analysis, cause, method))


def _gray_rows(rows: Rows, table: EventTable, analysis: Any, cause: str, method: str) -> Iterator[Result]:
    if not table.rows:
        raise NotEstimable(NOBODY)
    test = gray_test(Episodes.from_counts(table, by=analysis.by, strata=analysis.strata), cause)
    yield rows.value("chisq_gray", test.chisq, method, unit="chi-square", warnings=test.warnings)
    yield rows.p("p_gray", test.p, f"{method}, {test.df} df", warnings=test.warnings)
