"""Measurable residual disease: every definition, time point and denominator in one table, the definitions in words."""

from __future__ import annotations

from chartline.protocol.analyses import MrdRates
from chartline.protocol.names import MRD_WINDOWS
from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource

_HEADS = {
    "tested": "Responders adequately tested (A)",
    "responders": "All responders (B; lower bound, D)",
    "all": "All patients (C)",
    "high": "Missing as negative (upper bound, D)",
}


def build(source: ReportSource) -> list[Block]:
    found = [a for a in source.protocol.analyses if isinstance(a, MrdRates) and source.results.of(a.id)]
    tables: list[Block] = [_table(source, a) for a in found]
    return [Heading("Measurable residual disease"), *tables] if tables else []


def _table(source: ReportSource, analysis: MrdRates) -> Table:
    rows: list[tuple[Cell, ...]] = []
    spans: set[int] = set()
    for window in analysis.windows:
        spans.add(len(rows))
        head = MRD_WINDOWS[window].format(cycle=source.protocol.mrd.deep_by_cycle)
        rows.append((Cell(head), *[Cell("") for _ in analysis.definitions]))
        rows += [_row(source, analysis, window, name) for name in _HEADS]
    return Table(
        number="Table",
        caption=f"{analysis.label}: n/N, % (95% CI) by definition, time point and denominator.",
        header=("", *analysis.definitions),
        rows=tuple(rows),
        align="l" + "r" * len(analysis.definitions),
        widths=(2.6, *[2.0] * len(analysis.definitions)),
        notes=_notes(source, analysis),
        span_rows=frozenset(spans),
        wide=len(analysis.definitions) > 2,
    )


def _row(source: ReportSource, analysis: MrdRates, window: str, name: str) -> tuple[Cell, ...]:
    cells = [_cell(source, analysis, f"DEFINITION={label};WINDOW={window}", name) for label in analysis.definitions]
    return (Cell(_HEADS[name], indent=1), *cells)


def _cell(source: ReportSource, analysis: MrdRates, group: str, name: str) -> Cell:
    result = source.result(analysis.id, f"proportion_{name}", group=group)
    if result is None or not result.N:
        return Cell(fmt.DASH, result.id if result is not None else "")
    share = fmt.value(result).removesuffix("%")
    return Cell(f"{fmt.ratio(result.n, result.N)}, {fmt.with_span(result, share)}", result.id)


def _notes(source: ReportSource, analysis: MrdRates) -> tuple[str, ...]:
    said = source.mrd_definitions
    defined = [f"{label}: {said[name].strip()}" for label, name in analysis.definitions.items() if name in said]
    methods = sorted({r.method for r in source.results.of(analysis.id)})
    return (
        "MRD-negative by definition. " + " ".join(defined),
        "Samples count from the first response until relapse, transplantation or new therapy, as the assessments of "
        "the response do. A missing or insufficient test is never negative (so B is also the lower bound of D), except "
        "in the upper bound. Before transplantation, only patients transplanted are counted. CI, confidence interval "
        f"({fmt.joined(methods, 'or')}).",
    )
