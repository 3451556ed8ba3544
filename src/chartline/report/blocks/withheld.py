"""What the reader must know first: which patients are left out of which analyses by open queries."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.document import Block, Paragraph
from chartline.report.source import ReportSource

_NAMED = 8  # more pairs of patient and analysis than this are counted here and listed under "Open queries"


def build(source: ReportSource) -> list[Block]:
    if not source.withheld:
        return []
    by_analysis: dict[str, list[str]] = {}
    for line in source.withheld:
        for analysis in line.analyses:
            by_analysis.setdefault(analysis, []).append(line.subject)
    n = len({line.subject for line in source.withheld})
    queries = len({q for line in source.withheld for q in line.queries})
    text = (
        f"{fmt.plural(n, 'patient is', 'patients are')} withheld from some analyses because of "
        f"{fmt.plural(queries, 'open query', 'open queries')}. "
    )
    named = source.protocol.report.patient_level and sum(map(len, by_analysis.values())) <= _NAMED
    text += _each(by_analysis) if named else _most(source, by_analysis)
    return [Paragraph(f"{text} They return when the centres have answered.", "notice")]


def _each(by_analysis: dict[str, list[str]]) -> str:
    return "; ".join(f"{a}: {', '.join(sorted(subjects))}" for a, subjects in by_analysis.items()) + "."


def _most(source: ReportSource, by_analysis: dict[str, list[str]]) -> str:
    """Name the analyses of the key numbers and the curves with how many they lack, and count the others."""
    keys = (source.protocol.headline.get(k) for k in source.protocol.report.key_numbers)
    ids = dict.fromkeys([h.analysis for h in keys if h is not None] + list(source.protocol.report.curves))
    labels = {a.id: a.label for a in source.protocol.analyses}
    main = [labels[i] for i in ids if labels.get(i) in by_analysis]
    parts = [f"{a}: {fmt.plural(len(by_analysis[a]), 'patient')}" for a in main]
    others = len(by_analysis) - len(main)
    parts += [fmt.plural(others, "further analysis", "further analyses")] if others else []
    where = " They are listed under Open queries." if source.protocol.report.patient_level else ""
    return f"{'; '.join(parts)}.{where}"
