"""Time-to-event endpoints: one table of all, then a curve for each analysis in `report.curves`."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import cell, estimate, sentence_case
from chartline.report.document import Block, Cell, Figure, Heading, Paragraph, Table
from chartline.report.source import CurveLike, ReportSource

FEW = 5  # fewer at risk than this: the curve is dashed (methods.md 3.2: stop or mark an immature tail)
_STEPS = (1, 2, 3, 6, 12, 24, 36, 48, 60, 120)  # months between ticks
_TICKS = 9  # at most so many intervals


def build(source: ReportSource) -> list[Block]:
    shown = [a for a in source.protocol.report.curves if source.results.of(a)]
    if not shown:
        return []
    out: list[Block] = [Heading("Survival"), _table(source, shown)]
    for analysis in shown:
        declared: Any = source.declared(analysis)
        figure = _figure(source, analysis, declared)
        out += [Heading(declared.label, 2), *([figure] if figure else []), _line(source, analysis, declared)]
    return out


def _landmarks(source: ReportSource, analyses: list[str]) -> list[float]:
    found = {r.at for a in analyses for r in source.results.of(a) if r.statistic == "survival" and r.at is not None}
    return sorted(found)[:3]


def _follow_up(source: ReportSource) -> list[str]:
    return [
        a.id
        for a in source.protocol.analyses
        if a.kind == "follow_up" and not a.sensitivity and source.results.of(a.id)
    ]


def _table(source: ReportSource, analyses: list[str]) -> Table:
    at = _landmarks(source, analyses)
    header = ["", "Events/N", "Median, months (95% CI)"]
    for month in at:
        header += [f"At {fmt.plain(month)} months, % (95% CI)", "At risk", "Censored before"]
    rows = []
    for analysis in (*analyses, *_follow_up(source)):
        declared: Any = source.declared(analysis)
        median = source.result(analysis, "median")
        row = [Cell(declared.label), cell(median, fmt.ratio(median.n, median.N) if median else ""), estimate(median)]
        for month in at:
            row += _at(source, analysis, month, declared.kind == "follow_up")
        rows.append(tuple(row))
    return Table(
        number="Table",
        caption="Time-to-event endpoints and follow-up.",
        header=tuple(header),
        rows=tuple(rows),
        align="l" + "r" * (len(header) - 1),
        widths=(2, 0.9, 1.7, *(1.7, 0.65, 1.15) * len(at)),
        notes=_notes(source, analyses),
    )


def _at(source: ReportSource, analysis: str, month: float, follow_up: bool) -> list[Cell]:
    """Return rate, number at risk and number censored before a landmark; follow-up has only those at risk."""
    at_risk = source.result(analysis, "n_risk", month)
    before = source.result(analysis, "n_censored_before", month)
    rate = Cell("") if follow_up else estimate(source.result(analysis, "survival", month))
    return [rate, cell(at_risk), Cell("") if follow_up else cell(before)]


def _notes(source: ReportSource, analyses: list[str]) -> tuple[str, ...]:
    methods: dict[str, None] = {}
    for a in (*analyses, *_follow_up(source)):
        for r in source.results.of(a):
            if r.statistic == "median" and r.method:
                methods[r.method] = None
    return (
        f"CI, confidence interval; {fmt.NOT_REACHED}, not reached. One month is 30.4375 days. {'; '.join(methods)}.",
    )


def _line(source: ReportSource, analysis: str, declared: Any) -> Paragraph:
    """Return the line of numbers under a curve, with the definition."""
    pieces: list[str | Cell] = [f"{declared.definition.rstrip('.')}. " if declared.definition else ""]
    median = source.result(analysis, "median")
    if median is not None and median.n is not None and median.N is not None:
        events = f"{fmt.plural(median.n, 'event')} in {fmt.plural(median.N, 'patient')}"
        pieces += [Cell(events, median.id), "; median ", Cell(fmt.with_interval(median), median.id)]
    for at in declared.at_months:
        r = source.result(analysis, "survival", at)
        before = source.result(analysis, "n_censored_before", at)
        if r is not None:
            pieces += ["; ", Cell(fmt.with_interval(r), r.id), f" at {fmt.plain(at)} months"]
            pieces += [" (", Cell(fmt.value(before), before.id), " censored before)"] if before is not None else []
    return Paragraph.of(*(p for p in pieces if p != ""), ".", style="small")


def ticks(end_months: float) -> list[float]:
    """Return the ticks of an axis of months that reaches at least `end_months`."""
    step = next((s for s in _STEPS if end_months <= s * _TICKS), _STEPS[-1])
    count = max(1, -int(-end_months // step))
    while step * count < end_months:
        count += 1
    return [step * i for i in range(count + 1)]


def _figure(source: ReportSource, analysis: str, declared: Any) -> Figure | None:
    curves = source.curves.get(analysis)
    if not curves:
        return None
    end = max((fmt.months(_end(c)) for c in curves.values()), default=0.0)
    axis = ticks(max(end, 1.0))
    median = source.result(analysis, "median")
    groups = [_group(label or "All", curve, axis) for label, curve in curves.items()]
    one = len(groups) == 1
    drawn = any(g["steps"] for g in groups)
    n = median.N if median is not None else None
    reached = median is not None and median.value is not None
    data = {
        "x_label": f"Months from {_origin(source, declared)}",
        "y_label": f"{declared.label}, %",
        "x_max": axis[-1],
        "ticks": axis,
        "groups": groups,
        "median": [median.value, f"Median {fmt.with_unit(median)}"] if one and drawn and median and reached else None,
        "summary": _summary(median) if one and drawn and median else [],
        "note": "" if drawn else "No patient in this analysis",
    }
    few = any(g["few_from"] is not None for g in groups)
    band = f"Shaded: {fmt.level(median)}. " if median is not None and median.level else "Shaded: confidence interval. "
    return Figure(
        number="Figure",
        name=analysis.replace(".", "_"),
        kind="km",
        caption=f"{declared.label}: Kaplan-Meier estimate" + (f" in {fmt.plural(n, 'patient')}." if n else "."),
        alt=_alt(declared.label, median, n),
        data=data,
        notes=(
            f"{band}Ticks: censored patients. "
            + (f"Dashed where fewer than {FEW} patients are at risk." if few else ""),
        ),
        columns=("Group", "Days", "Months", "At risk", "Survival, %", "Lower", "Upper"),
        rows=_data_rows(curves),
    )


def _summary(median: Any) -> list[str]:
    return [
        f"{fmt.plural(median.n or 0, 'event')} in {fmt.plural(median.N or 0, 'patient')}",
        f"Median {fmt.with_interval(median)}",
    ]


def _alt(label: str, median: Any, n: int | None) -> str:
    text = f"Kaplan-Meier curve of {sentence_case(label)}"
    text += f" in {fmt.plural(n, 'patient')}" if n is not None else ""
    return f"{text}, median {fmt.with_interval(median)}." if median is not None else f"{text}."


def _origin(source: ReportSource, declared: Any) -> str:
    """Return the words of the endpoint's time zero."""
    endpoint = next((e for e in source.protocol.endpoints if e.id == declared.endpoint), None)
    origin = endpoint.origin if endpoint else None
    if origin is None and endpoint is not None and endpoint.use in ("duration_of_response", "relapse_free_survival"):
        return "first response"
    return origin.value.replace("_", " ") if origin is not None else "first dose"


def _end(curve: CurveLike) -> int:
    return max(curve.times_days, default=0)


def _at_day(curve: CurveLike, day: float) -> float:
    """Return S(day) of the step function."""
    i = bisect_right(curve.times_days, day)
    return curve.survival[i - 1] if i else 1.0


def _group(label: str, curve: CurveLike, axis: list[float]) -> dict[str, Any]:
    """Return what the template draws of one curve; times in months."""
    if not curve.times_days:
        empty: dict[str, Any] = {"steps": [], "band": [], "censored": [], "few_from": None, "few_at": None}
        return {"label": label, **empty, "risk": [0] * len(axis), "events": [0] * len(axis)}
    end = _end(curve)
    steps = [(0.0, 1.0), *((fmt.months(d), s) for d, s in zip(curve.times_days, curve.survival, strict=True))]
    steps.append((fmt.months(end), steps[-1][1]))
    few = _few_from(curve)
    days = [m * fmt.DAYS_PER_MONTH for m in axis]
    return {
        "label": label,
        "steps": steps,
        "band": _band(curve, end),
        "censored": [(fmt.months(d), _at_day(curve, d)) for d in curve.censor_days],
        "risk": [curve.n_risk(d) for d in days],
        "events": [curve.n_events(d) for d in days],
        "few_from": fmt.months(few) if few is not None else None,
        "few_at": _at_day(curve, few) if few is not None else None,
    }


def _band(curve: CurveLike, end: int) -> list[tuple[float, float, float]]:
    """Return (month, lower, upper): 1 before any event, ending where the interval has no value (S = 0)."""
    points = [(0.0, 1.0, 1.0)]
    for day, s, low, high in zip(curve.times_days, curve.survival, curve.lower, curve.upper, strict=True):
        if low is not None and high is not None:
            points.append((fmt.months(day), low, high))
        elif s < 1:
            return [*points, (fmt.months(day), *points[-1][1:])]
    return [*points, (fmt.months(end), *points[-1][1:])]


def _few_from(curve: CurveLike) -> int | None:
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
