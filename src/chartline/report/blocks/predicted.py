"""Survival predicted by a Cox regression: a table of the described patients, their curves as a figure."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import estimate, level_in_words
from chartline.report.document import Block, Cell, Figure, Heading, Table
from chartline.report.drawn import Drawn, curve_figure, origin_of
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    shown: list[Any] = [
        a for a in source.protocol.analyses if a.kind == "predicted_survival" and source.results.of(a.id)
    ]
    out: list[Block] = [Heading("Predicted survival")] if shown else []
    for analysis in shown:
        figure = _figure(source, analysis)
        out += [_table(source, analysis), *([figure] if figure else [])]
    return out


def _name(source: ReportSource, analysis: Any, group: str) -> str:
    """PROFILE=40 years;STRATUM=A as a reader sees it: "40 years (Centre A)"."""
    profile, _, stratum = group.removeprefix("PROFILE=").partition(";STRATUM=")
    strata, levels = source.protocol.analysis(analysis.of).strata, stratum.split(", ")
    if len(strata) == len(levels):
        levels = [level_in_words(source, name, level) for name, level in zip(strata, levels, strict=True)]
    return f"{profile} ({', '.join(levels)})" if stratum else profile


def _table(source: ReportSource, analysis: Any) -> Table:
    found = source.results.of(analysis.id)
    groups = dict.fromkeys(r.group for r in found if r.group)
    rows = [
        (Cell(_name(source, analysis, g)), *[_at(source, analysis, g, month) for month in analysis.at_months])
        for g in groups
    ]
    failed = [r.reason for r in found if not r.group and r.reason]
    return Table(
        number="Table",
        caption=f"{analysis.label}: survival predicted for described patients.",
        header=("Patient", *(f"At {fmt.so_many_months(m)}, % (95% CI)" for m in analysis.at_months)),
        rows=tuple(rows),
        align="l" + "r" * len(analysis.at_months),
        notes=(
            f"From {source.protocol.analysis(analysis.of).label.lower()} (Cox regression); what the model says of "
            "patients like these in this study, no forecast for a person. CI, confidence interval.",
            *(f"Not estimable: {reason}." for reason in failed),
        ),
    )


def _at(source: ReportSource, analysis: Any, group: str, month: float) -> Cell:
    r = source.result(analysis.id, "survival", month, group)
    return estimate(r) if r is not None else Cell(fmt.DASH)


def _figure(source: ReportSource, analysis: Any) -> Figure | None:
    curves = source.curves.get(analysis.id)
    if not curves or len(curves) > 6:
        return None  # more curves than can be told apart: the table has them
    model = source.protocol.analysis(analysis.of)
    return curve_figure(
        Drawn(
            name=analysis.id,
            curves={_name(source, analysis, group): curve for group, curve in curves.items()},
            caption=f"{analysis.label}: predicted curves.",
            alt=f"Predicted curves of {fmt.joined([_name(source, analysis, g) for g in curves])}.",
            x_label=f"Months from {origin_of(source, model)}",
            y_label="Predicted, %",
            value="Predicted, %",
            few=False,
            events=False,
            one_risk=all("STRATUM" not in group for group in curves),
        )
    )
