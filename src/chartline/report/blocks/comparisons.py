"""Comparisons and models: every declared comparison, regression and adjustment, with null results, in one table.

What was asked for is printed, whatever came out (STROBE 17). Estimates stand before P values; a number that could not
be computed prints its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import level_text, variable_label
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource
from chartline.results.model import Result

KINDS = (
    *("compare_survival", "compare_proportions", "compare_values", "agreement"),
    *("cox", "fine_gray", "logistic", "multiplicity", "e_value"),
)
EFFECTS = {
    "hazard_ratio": "Hazard ratio",
    "subdistribution_hazard_ratio": "Subdistribution hazard ratio",
    "odds_ratio": "Odds ratio",
    "odds_ratio_pooled": "Odds ratio, pooled",
    "risk_difference": "Difference, %",
    "risk_difference_mn": "Difference, % (Miettinen-Nurminen)",
    "risk_ratio": "Ratio",
    "restricted_mean": "Restricted mean, months",
    "restricted_mean_difference": "Difference of restricted means, months",
    "restricted_mean_ratio": "Ratio of restricted means",
    "hodges_lehmann": "Shift (Hodges-Lehmann)",
    "mean_difference": "Difference of means",
    "standardised_difference": "Standardised difference",
    "proportion": "n/N, %",
    "agreement": "Agreement, %",
    "kappa": "Kappa",
    "frailty_variance": "Variance of the frailty",
    "concordance": "Concordance",
    "e_value": "E-value",
    "e_value_limit": "E-value of the limit",
    "p_adjusted": "P, adjusted",
}


def build(source: ReportSource) -> list[Block]:
    shown = [a for a in source.protocol.analyses if a.kind in KINDS and source.results.of(a.id)]
    if not shown:
        return []
    rows: list[tuple[Cell, ...]] = []
    spans: set[int] = set()
    reasons: dict[str, None] = {}
    for analysis in shown:
        spans.add(len(rows))
        rows.append((Cell(_title(analysis)), *(Cell(""),) * 3))
        rows += _rows(source, analysis, reasons)
    return [
        Heading("Comparisons and models"),
        Table(
            number="Table",
            caption="Comparisons and models, all that were declared.",
            header=("", "Estimate (95% CI)", "P", "Method"),
            rows=tuple(rows),
            align="lrrl",
            widths=(2.6, 1.9, 0.7, 3.6),
            span_rows=frozenset(spans),
            notes=(
                f"CI, confidence interval; {fmt.NOT_COMPUTED}, see the method column. P values are two-sided and not "
                "adjusted for their number unless the row says so.",
            ),
        ),
    ]


def _title(analysis: Any) -> str:
    definition = analysis.definition.rstrip(".")
    return f"{analysis.label}{' (sensitivity)' if analysis.sensitivity else ''}" + (
        f": {definition}" if definition else ""
    )


def _rows(source: ReportSource, analysis: Any, reasons: dict[str, None]) -> Iterable[tuple[Cell, ...]]:
    """An estimate a row with its P value; tests without an estimate below them."""
    found = source.results.of(analysis.id)
    used: set[str] = set()
    for r in found:
        if r.statistic not in EFFECTS:
            continue
        p = _p_of(found, r)
        used |= {p.id} if p is not None else set()
        yield _effect(source, r, p)
    for r in found:
        if r.unit == "P" and r.statistic not in EFFECTS and r.id not in used:
            yield (Cell(_test(source, r), indent=1), Cell(""), Cell(fmt.value(r), r.id), Cell(_how(r)))
        elif r.value is None and r.statistic.startswith(("p_", "model")) and r.id not in used:
            yield (Cell(_test(source, r), indent=1), Cell(""), Cell(fmt.NOT_COMPUTED, r.id), Cell(_how(r)))


def _p_of(found: list[Result], r: Result) -> Result | None:
    """The P value that belongs to an estimate: of the same group and time, named after it or simply p."""
    for p in found:
        if p.unit == "P" and (p.group, p.at) == (r.group, r.at) and p.statistic in ("p", f"p_{r.statistic}"):
            return p
    return None


def _effect(source: ReportSource, r: Result, p: Result | None) -> tuple[Cell, ...]:
    name = _where(source, r)
    label = f"{EFFECTS[r.statistic]}: {name}" if name else EFFECTS[r.statistic]
    if r.at is not None:
        label += f", {fmt.plain(r.at)} months"
    ends = fmt.span(r)
    value = fmt.value(r).removesuffix("%")
    shown = f"{fmt.ratio(r.n, r.N)}, {value}" if r.statistic == "proportion" else value
    return (
        Cell(label, indent=1),
        Cell(f"{shown} ({ends})" if ends else shown, r.id),
        Cell(fmt.value(p), p.id) if p is not None else Cell(""),
        Cell(_how(r)),
    )


def _test(source: ReportSource, r: Result) -> str:
    """The name of a test, with the group it is of."""
    name = r.method.split(";")[0].split(",")[0]
    return f"{name}: {where}" if (where := _where(source, r)) else name


def _how(r: Result) -> str:
    """Method, and why there is no value or what a reader should mind."""
    return ". ".join(t for t in (r.method, r.reason, *r.warnings) if t)


def _where(source: ReportSource, r: Result) -> str:
    """The group of a result in words: "Age, years (per 10)", "Refractory"."""
    words = []
    for part in r.group.split(";") if r.group else []:
        name, _, level = part.partition("=")
        if name == "TERM":
            variable, _, of = level.partition("=")
            label = "After the event" if variable == "STATE" else variable_label(source, variable)[0]
            words.append(f"{label}: {level_text(of)}" if of and variable != "STATE" else label)
        else:
            words.append(level_text(level))
    return ", ".join(words)
