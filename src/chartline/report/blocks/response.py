"""Response: each rate with n/N, exact interval and definition, then the best response of everyone."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import extremes, levels, middle, rate, response_abbreviations, response_text
from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    rows = [_row(source, a) for a in source.protocol.report.response if source.result(a, "proportion") is not None]
    if not rows:
        return []
    out: list[Block] = [
        Heading("Response"),
        Table(
            number="Table",
            caption="Response rates by definition.",
            header=("", "n/N", "%", "95% CI", "Definition"),
            rows=tuple(rows),
            align="lrrrl",
            widths=(2.5, 0.8, 0.9, 1.5, 4.3),
            notes=_notes(source),
        ),
    ]
    return out + _times(source) + _distributions(source)


def _times(source: ReportSource) -> list[Block]:
    """Return how long the response took, where the protocol summarises it."""
    said = []
    for a in source.protocol.analyses:
        if a.kind == "summary" and a.variable in ("TTRESP", "TTRESPM") and source.result(a.id, "median") is not None:
            unit = "days" if a.variable == "TTRESP" else "months"
            n = source.result(a.id, "median")
            median = Cell(f"median {middle(source, a.id)}", n.id if n is not None else "")
            said.append((unit, median, extremes(source, a.id), n.n if n is not None else None))
    if not said:
        return []
    pieces: list[str | Cell] = [f"Time from first dose to first response ({fmt.whole(said[0][3] or 0)} patients): "]
    for i, (unit, median, ends, _) in enumerate(said):
        pieces += ["; " if i else "", median, f" {unit}, range {ends}"]
    return [Paragraph.of(*pieces, " (median with quartiles).")]


def _row(source: ReportSource, analysis: str) -> tuple[Cell, ...]:
    declared: Any = source.declared(analysis)
    result = source.result(analysis, "proportion")
    label, definition = getattr(declared, "label", analysis), getattr(declared, "definition", "")
    missing = f" Unknown in {result.missing}." if result is not None and result.missing else ""
    return (Cell(label), *rate(result), Cell(definition + missing))


def _notes(source: ReportSource) -> tuple[str, ...]:
    methods = {r.method for a in source.protocol.report.response if (r := source.result(a, "proportion")) is not None}
    parts = (f"CI, confidence interval ({fmt.joined(sorted(methods), 'or')})", response_abbreviations(source))
    return (". ".join(p for p in parts if p) + ".",)


def _distributions(source: ReportSource) -> list[Block]:
    """Return one table of the categories counted in the sets of the response table (best response, its cycle)."""
    variables = {"BOR", "FRSP", "FRSPCYC", "NEREAS"} | {
        a.variable for a in source.protocol.analyses if a.kind == "summary" and a.population in ("deep", "responders")
    }
    rows: list[tuple[Cell, ...]] = []
    spans: set[int] = set()
    for a in source.protocol.analyses:
        if a.kind != "categories" or a.variable not in variables:
            continue
        found = levels(source, a.id, a.variable, source.levels.get(a.variable, ()))
        if found:
            spans.add(len(rows))
            rows.append((Cell(a.label), Cell(""), Cell("")))
            rows += [
                (_named(source, a.variable, lv), Cell(fmt.ratio(r.n, r.N), r.id), Cell(_percent(r.n, r.N), r.id))
                for lv, r in found
            ]
    if not rows:
        return []
    return [
        Table(
            number="Table",
            caption="Best response, first response and their timing.",
            header=("", "n/N", "%"),
            rows=tuple(rows),
            align="lrr",
            widths=(4, 1, 1),
            span_rows=frozenset(spans),
        )
    ]


def _named(source: ReportSource, variable: str, level: str) -> Cell:
    return Cell(response_text(source, variable, level), indent=1)


def _percent(n: int | None, total: int | None) -> str:
    return fmt.percent((n or 0) / total) if total else fmt.DASH
