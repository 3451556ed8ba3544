"""Time-to-event endpoints: one table of all, then a curve for each analysis in `report.curves`."""

from __future__ import annotations

from typing import Any

from chartline.protocol.names import levels_in_order
from chartline.report import format as fmt
from chartline.report.cells import cell, estimate, level_in_words, levels, sentence_case
from chartline.report.document import Block, Cell, Figure, Heading, Paragraph, Table
from chartline.report.drawn import Drawn, curve_figure, origin_of
from chartline.report.source import ReportSource
from chartline.results.wording import group_words

LANDMARKS = 3  # of three columns each, that a page has room for


def build(source: ReportSource) -> list[Block]:
    shown = [a for a in source.protocol.report.curves if source.results.of(a)]
    if not shown:
        return []
    out: list[Block] = [Heading("Survival"), _table(source, shown)]
    for analysis in shown:
        declared: Any = source.declared(analysis)
        figure = _figure(source, analysis, declared)
        out += [Heading(declared.label, 2), *([figure] if figure else [])]
        out += [] if _groups(source, declared) else [_line(source, analysis, declared)]
    return out


def _groups(source: ReportSource, declared: Any) -> dict[str, str]:
    """Return group -> its name, of an analysis by groups: declared levels in their order, the missing last."""
    by = declared.by
    if not by:
        return {}
    found = levels(source, declared.id, by, levels_in_order(source.protocol, by))
    return {f"{by}={level}": level_in_words(source, by, level) for level, _ in found}


def _landmarks(source: ReportSource, analyses: list[str]) -> list[float]:
    found = {r.at for a in analyses for r in source.results.of(a) if r.statistic == "survival" and r.at is not None}
    return sorted(found)


def _follow_up(source: ReportSource) -> list[str]:
    return [
        a.id
        for a in source.protocol.analyses
        if a.kind == "follow_up" and not a.sensitivity and source.results.of(a.id)
    ]


def _with_follow_up(source: ReportSource, analyses: list[str]) -> list[str]:
    return list(dict.fromkeys((*analyses, *_follow_up(source))))


def _table(source: ReportSource, analyses: list[str]) -> Table:
    at = _landmarks(source, analyses)[:LANDMARKS]
    header = ["", "Events/N", "Median, months (95% CI)"]
    for month in at:
        header += [f"At {fmt.so_many_months(month)}, % (95% CI)", "At risk", "Censored before"]
    rows = []
    for analysis in _with_follow_up(source, analyses):
        declared: Any = source.declared(analysis)
        groups = _groups(source, declared)
        if groups:
            rows.append((Cell(declared.label), *(Cell("") for _ in header[1:])))
            rows += [_row(source, declared, Cell(name, indent=1), at, group) for group, name in groups.items()]
        else:
            rows.append(_row(source, declared, Cell(declared.label), at))
    return Table(
        number="Table",
        caption="Time-to-event endpoints and follow-up.",
        header=tuple(header),
        rows=tuple(rows),
        align="l" + "r" * (len(header) - 1),
        widths=(2, 0.9, 1.7, *(1.7, 0.65, 1.15) * len(at)),
        notes=_notes(source, analyses),
    )


def _row(source: ReportSource, declared: Any, label: Cell, at: list[float], group: str = "") -> tuple[Cell, ...]:
    median = source.result(declared.id, "median", group=group)
    row = [label, cell(median, fmt.ratio(median.n, median.N) if median else ""), estimate(median)]
    for month in at:
        row += _at(source, declared.id, month, declared.kind == "follow_up", group)
    return tuple(row)


def _at(source: ReportSource, analysis: str, month: float, follow_up: bool, group: str) -> list[Cell]:
    """Return rate, number at risk and number censored before a landmark; follow-up has only those at risk."""
    at_risk = source.result(analysis, "n_risk", month, group)
    before = source.result(analysis, "n_censored_before", month, group)
    rate = Cell("") if follow_up else estimate(source.result(analysis, "survival", month, group))
    return [rate, cell(at_risk), Cell("") if follow_up else cell(before)]


def _notes(source: ReportSource, analyses: list[str]) -> tuple[str, ...]:
    methods: dict[str, None] = {}
    shown = _with_follow_up(source, analyses)
    for a in shown:
        for r in source.results.of(a):
            if r.statistic == "median" and r.method:
                methods[r.method] = None
    followed = any(getattr(source.declared(a), "kind", "") == "follow_up" for a in shown)
    ends = " The events of follow-up are its ends (patients censored in the endpoint), not deaths or other events."
    more = " Later landmarks are in the result file." if len(_landmarks(source, analyses)) > LANDMARKS else ""
    return (
        f"CI, confidence interval; {fmt.NOT_REACHED}, not reached. One month is 30.4375 days. {'; '.join(methods)}."
        f"{ends if followed else ''}{more}",
    )


def _line(source: ReportSource, analysis: str, declared: Any) -> Paragraph:
    """Return the line of numbers under a curve, with the definition."""
    pieces: list[str | Cell] = [f"{declared.definition.rstrip('.')}. " if declared.definition else ""]
    median = source.result(analysis, "median")
    if median is not None and median.n is not None and median.N is not None:
        pieces += [Cell(_events(declared, median), median.id), "; median ", Cell(fmt.with_interval(median), median.id)]
    for at in declared.at_months:
        r = source.result(analysis, "survival", at)
        before = source.result(analysis, "n_censored_before", at)
        if r is not None:
            pieces += ["; ", Cell(fmt.with_interval(r), r.id), f" at {fmt.so_many_months(at)}"]
            pieces += [" (", Cell(fmt.value(before), before.id), " censored before)"] if before is not None else []
    return Paragraph.of(*(p for p in pieces if p != ""), ".", style="small")


def _figure(source: ReportSource, analysis: str, declared: Any) -> Figure | None:
    curves = source.curves.get(analysis)
    if not curves:
        return None
    median = source.result(analysis, "median")
    n = median.N if median is not None else None
    reverse = declared.kind == "follow_up"
    groups = _groups(source, declared)
    drawn = {name: curves[group] for group, name in groups.items() if group in curves}
    drawn = drawn or {group_words(source.protocol, group) or "All": curve for group, curve in curves.items()}
    return curve_figure(
        Drawn(
            name=analysis,
            curves=drawn,
            caption=f"{declared.label}: {'reverse ' if reverse else ''}Kaplan-Meier estimate"
            + (f" in {fmt.plural(n, 'patient')}." if n else "."),
            alt=_alt(declared, median, n),
            x_label=f"Months from {origin_of(source, declared)}",
            y_label=f"{declared.label}, %",
            value="Under follow-up, %" if reverse else "Survival, %",
            level=median,
            median=(median.value, f"Median {fmt.with_unit(median)}") if median and median.value is not None else None,
            summary=_summary(declared, median) if median else (),
            bands=len(drawn) <= 3,  # more of them hide each other
        )
    )


def _summary(declared: Any, median: Any) -> tuple[str, ...]:
    return _events(declared, median), f"Median {fmt.with_interval(median)}"


def _events(declared: Any, median: Any) -> str:
    """Return "29 events in 32 patients"; the events of follow-up are its ends."""
    events = fmt.plural(median.n or 0, "event")
    if declared.kind == "follow_up":
        events = f"{fmt.plural(median.n or 0, 'end')} of follow-up"
    return f"{events} in {fmt.plural(median.N or 0, 'patient')}"


def _alt(declared: Any, median: Any, n: int | None) -> str:
    curve = "Reverse Kaplan-Meier" if declared.kind == "follow_up" else "Kaplan-Meier"
    text = f"{curve} curve of {sentence_case(declared.label)}"
    text += f" in {fmt.plural(n, 'patient')}" if n is not None else ""
    return f"{text}, median {fmt.with_interval(median)}." if median is not None else f"{text}."
