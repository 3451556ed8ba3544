"""Planned precision and power, for patients still to be observed; from no data."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import estimate
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource

KINDS = ("precision", "power")


def build(source: ReportSource) -> list[Block]:
    shown: list[Any] = [a for a in source.protocol.analyses if a.kind in KINDS and source.results.of(a.id)]
    return [Heading("Planning"), *[_table(source, a) for a in shown]] if shown else []


def _table(source: ReportSource, analysis: Any) -> Table:
    if analysis.kind == "precision":
        names = {
            "expected_interval": "% expected (95% CI)", "expected_width": "Expected width, %",
            "upper_bound_of_none": "Upper limit if nobody, %",
        }  # fmt: skip
    else:
        names = {"power": "Power, %", "events_expected": "Events expected", "more_than": "Rejected with more than"}
    found = source.results.of(analysis.id)
    names = {s: n for s, n in names.items() if any(r.statistic == s for r in found)}
    rows = []
    for n in analysis.n:
        values = [source.result(analysis.id, s, group=f"N={n}") for s in names]
        rows.append((Cell(fmt.whole(n)), *[estimate(r) for r in values]))
    methods: list[str] = []
    for r in found:
        if not any(r.method.startswith(m) for m in methods):
            methods.append(r.method)
    return Table(
        number="Table",
        caption=f"{analysis.label}.",
        header=("Patients", *names.values()),
        rows=tuple(rows),
        align="r" * (1 + len(names)),
        notes=(f"{'. '.join(methods)}. Planned; no patient's data enter.",),
    )
