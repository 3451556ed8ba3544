"""Amendments: every value that a centre's answer replaced, with what stood there before."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import ReportSource

_LISTED = 200


def build(source: ReportSource) -> list[Block]:
    if not source.amendments:
        return [Heading("Amendments"), Paragraph("No value was amended.")]
    n = len(source.amendments)
    text = f"{fmt.plural(n, 'cell was', 'cells were')} answered for by the centres. The source files are unchanged."
    if not source.protocol.report.patient_level:
        return [Heading("Amendments"), Paragraph(text)]
    rows = [
        (
            Cell(a.subject or a.centre),
            Cell(a.address),
            Cell(a.was or "(blank)"),
            Cell(a.now or "(blank)"),
            Cell(a.reason),
            Cell(", ".join(t for t in (a.by, a.on) if t)),
        )
        for a in source.amendments[:_LISTED]
    ]
    return [
        Heading("Amendments"),
        Paragraph(text),
        Table(
            number="Table",
            caption="Amendments.",
            header=("Patient", "Where", "Was", "Now", "Reason", "By, on"),
            rows=tuple(rows),
            align="llllll",
            widths=(0.75, 2.5, 1.2, 1.2, 2.3, 1.6),
            notes=(f"{fmt.whole(n - _LISTED)} more are in the amendment file.",) if n > _LISTED else (),
        ),
    ]
