"""The clinical definitions: every rule set that a derivation read, its source, and how far it was checked."""

from __future__ import annotations

from chartline.protocol.names import sentence_start
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    if not source.rule_sets:
        return []
    rows = [
        (Cell(f"{r.label}, version {r.version}"), Cell(sentence_start(r.status)), Cell(r.source), Cell(r.checked))
        for r in source.rule_sets
    ]
    return [
        Heading("Rule sets"),
        Table(
            number="Table",
            caption="Definitions used, and how far each was checked against its source.",
            header=("Rule set", "Checked", "Source", "What was checked, and what is ours"),
            rows=tuple(rows),
            align="llll",
            widths=(2, 1, 3, 5),
        ),
    ]
