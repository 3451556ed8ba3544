"""What the reader must know first: which patients are left out of which analyses by open queries."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.document import Block, Paragraph
from chartline.report.source import ReportSource

_NAMED = 12  # more patients than this are counted, not named


def build(source: ReportSource) -> list[Block]:
    if not source.withheld:
        return []
    by_analysis: dict[str, list[str]] = {}
    for line in source.withheld:
        for analysis in line.analyses:
            by_analysis.setdefault(analysis, []).append(line.subject)
    n = len({line.subject for line in source.withheld})
    parts = "; ".join(f"{a}: {_who(source, subjects)}" for a, subjects in by_analysis.items())
    queries = len({q for line in source.withheld for q in line.queries})
    text = (
        f"{fmt.plural(n, 'patient is', 'patients are')} withheld from some analyses because of "
        f"{fmt.plural(queries, 'open query', 'open queries')}. {parts}. They return when the centres have answered."
    )
    return [Paragraph(text, "notice")]


def _who(source: ReportSource, subjects: list[str]) -> str:
    if source.protocol.report.patient_level and len(subjects) <= _NAMED:
        return ", ".join(sorted(subjects))
    return fmt.plural(len(subjects), "patient")
