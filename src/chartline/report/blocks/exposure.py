"""Treatment exposure: cycles, doses and cumulative dose of the index drug."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import extremes, level_in_words, levels, middle
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    rows: list[tuple[Cell, ...]] = []
    for analysis in source.protocol.report.exposure:
        declared: Any = source.declared(analysis)
        if declared is not None and source.result(analysis, "median") is not None:
            rows.append(_row(source, analysis, declared.label))
            rows += _by_level(source, getattr(declared, "variable", ""), declared.population)
    if not rows:
        return []
    return [
        Heading("Treatment exposure"),
        Table(
            number="Table",
            caption=f"Exposure to {source.protocol.treatment.label}.",
            header=("", "Patients", "Mean (SD)", "Median (IQR)", "Range", "Missing"),
            rows=tuple(rows),
            align="lrrrrr",
            widths=(2.6, 1, 1.2, 1.5, 1.2, 0.9),
            notes=("SD, standard deviation; IQR, interquartile range.",),
        ),
    ]


def _row(source: ReportSource, analysis: str, label: str) -> tuple[Cell, ...]:
    median, mean, low = (source.result(analysis, s) for s in ("median", "mean", "min"))
    assert median is not None
    known = median.n if median.n is not None else (median.N or 0) - median.missing
    sd = source.result(analysis, "sd")
    shown = [fmt.number(r.value, 1) if r is not None and r.value is not None else fmt.DASH for r in (mean, sd)]
    return (
        Cell(label),
        Cell(fmt.whole(known), median.id),
        Cell(f"{shown[0]} ({shown[1]})", mean.id if mean else ""),
        Cell(middle(source, analysis), median.id),
        Cell(extremes(source, analysis), low.id if low else ""),
        Cell(fmt.whole(median.missing), median.id),
    )


def _by_level(source: ReportSource, variable: str, population: str) -> list[tuple[Cell, ...]]:
    """Return the levels of the same variable in the same set, where the protocol counts them too."""
    for a in source.protocol.analyses:
        if a.kind == "categories" and a.variable == variable and a.population == population:
            return [
                (
                    Cell(level_in_words(source, variable, name), indent=1),
                    Cell(fmt.n_percent(r.n or 0, r.N or 0), r.id),
                    *(Cell(""),) * 4,
                )
                for name, r in levels(source, a.id, variable)
            ]
    return []
