"""Sensitivity analyses: each main analysis with its variants below it, in one table."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import cell, estimate
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource

KINDS = ("survival", "proportion")


def build(source: ReportSource) -> list[Block]:
    families = _families(source)
    if not families:
        return []
    at = _landmarks(source)
    rows: list[tuple[Cell, ...]] = []
    for base, variants in families:
        if base is not None:
            rows.append(_row(source, base, at, 0))
        else:
            rows.append((Cell("Other"), *(Cell(""),) * (2 + len(at))))
        rows += [_row(source, v, at, 1) for v in variants]
    header = (
        "Analysis",
        "n/N or events/N",
        "% or median, months (95% CI)",
        *(f"At {fmt.so_many_months(m)}, % (95% CI)" for m in at),
    )
    return [
        Heading("Sensitivity analyses"),
        Table(
            number="Table",
            caption="Main analyses and their variants.",
            header=header,
            rows=tuple(rows),
            align="l" + "r" * (len(header) - 1),
            widths=(3.4, 1.2, 2, *(1.9,) * len(at)),
            notes=(
                f"Variants stand below their main analysis. CI, confidence interval; {fmt.NOT_REACHED}, not reached.",
            ),
        ),
    ]


def _families(source: ReportSource) -> list[tuple[Any, list[Any]]]:
    """Return (main analysis, variants). A variant belongs to the main one whose id shares most leading words."""
    shown = [a for a in source.protocol.analyses if source.results.of(a.id)]
    mains = [a for a in shown if not a.sensitivity and a.kind in KINDS]
    out: dict[str, tuple[Any, list[Any]]] = {}
    for variant in (a for a in shown if a.sensitivity and a.kind in KINDS):
        same = [m for m in mains if m.kind == variant.kind]
        base = max(same, key=lambda m: _shared(m.id, variant.id), default=None)
        if base is not None and _shared(base.id, variant.id) == 0:
            base = None
        out.setdefault(base.id if base else "", (base, []))[1].append(variant)
    order = {m.id: i for i, m in enumerate(mains)}
    return [out[k] for k in sorted(out, key=lambda k: order.get(k, len(order)))]


def _shared(a: str, b: str) -> int:
    count = 0
    for x, y in zip(a.split("_"), b.split("_"), strict=False):
        if x != y:
            break
        count += 1
    return count


def _landmarks(source: ReportSource) -> list[float]:
    ids = [a.id for a in source.protocol.analyses if a.sensitivity]
    return sorted({r.at for a in ids for r in source.results.of(a) if r.statistic == "survival" and r.at is not None})[
        :2
    ]


def _row(source: ReportSource, analysis: Any, at: list[float], indent: int) -> tuple[Cell, ...]:
    main = source.result(analysis.id, "median" if analysis.kind == "survival" else "proportion")
    label = Cell(analysis.label, bold=indent == 0, indent=indent)
    ratio = cell(main, fmt.ratio(main.n, main.N) if main else "")
    rates = [estimate(r) if (r := source.result(analysis.id, "survival", m)) else Cell("") for m in at]
    return (label, ratio, estimate(main), *rates)
