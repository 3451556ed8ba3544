"""Transplantation: rates and intervals, as the protocol lists them in `report.transplant`."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import extremes, level_in_words, levels, middle, rate
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    rows: list[tuple[Cell, ...]] = []
    for analysis in source.protocol.report.transplant:
        declared: Any = source.declared(analysis)
        if declared is not None:
            rows += _rows(source, analysis, declared)
    if not rows:
        return []
    return [
        Heading("Transplantation"),
        Table(
            number="Table",
            caption="Transplantation.",
            header=("", "n/N", "% or median (IQR); range", "95% CI", "Definition"),
            rows=tuple(rows),
            align="lrrrl",
            widths=(2.6, 0.8, 2.2, 1.3, 3),
            notes=("CI, confidence interval; IQR, interquartile range.",),
        ),
    ]


def _rows(source: ReportSource, analysis: str, declared: Any) -> list[tuple[Cell, ...]]:
    text = Cell(declared.definition)
    if (r := source.result(analysis, "proportion")) is not None:
        return [(Cell(declared.label), *rate(r), text)]
    if (r := source.result(analysis, "median")) is not None:
        known = r.n if r.n is not None else (r.N or 0) - r.missing
        shown = Cell(f"{middle(source, analysis)}; {extremes(source, analysis)}", r.id)
        return [(Cell(declared.label), Cell(fmt.ratio(known, r.N), r.id), shown, Cell(""), text)]
    if declared.kind == "categories":
        found = levels(source, analysis, declared.variable)
        rows: list[tuple[Cell, ...]] = [(Cell(declared.label), Cell(""), Cell(""), Cell(""), text)] if found else []
        rows += [
            (Cell(word, indent=1), Cell(fmt.ratio(r.n, r.N), r.id), _percent(r), Cell(""), Cell(""))
            for word, r in ((level_in_words(source, declared.variable, lv), r) for lv, r in found)
        ]
        return rows
    return []


def _percent(result: Any) -> Cell:
    return Cell(fmt.percent((result.n or 0) / result.N) if result.N else fmt.DASH, result.id)
