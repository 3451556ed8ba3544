"""Comparisons and models: every declared comparison, regression and adjustment, with null results, in one table.

What was asked for is printed, whatever came out (STROBE 17). Estimates stand before P values; a method is said once,
and below it only what is different; a number that could not be computed prints its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import event_word, level_in_words, sentence_case, stat, variable_label
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
    "risk_difference_mn": "Difference, %",
    "risk_ratio": "Ratio",
    "restricted_mean": "Mean months without the event, of the first {at}",
    "restricted_mean_difference": "Difference of these means",
    "restricted_mean_ratio": "Ratio of these means",
    "hodges_lehmann": "Shift",
    "mean_difference": "Difference of means",
    "standardised_difference": "Standardised difference",
    "events": "Events/N",
    "proportion": "n/N, %",
    "median": "Median (IQR)",
    "agreement": "Agreement, %",
    "kappa": "Kappa",
    "frailty_variance": "Variance of the frailty",
    "concordance": "Concordance",
    "e_value": "E-value, of the limit",
}
_FISHER = (
    " Fisher's two-sided P value adds up the tables that are no likelier than the one observed; the exact interval of "
    "the odds ratio leaves half of the error at each end (both as R's fisher.test). Close to 0.05 they can disagree: P "
    "below 0.05 beside an interval that includes 1."
)
_NAME = re.compile(r"(?:\([^)]*\)|[^,;(])*")


def build(source: ReportSource) -> list[Block]:
    shown = [a for a in source.protocol.analyses if a.kind in KINDS and source.results.of(a.id)]
    if not shown:
        return []
    rows: list[tuple[Cell, ...]] = []
    spans: set[int] = set()
    for analysis in shown:
        spans.add(len(rows))
        rows.append((Cell(_title(analysis)), *(Cell(""),) * 3))
        rows += _said_once(_rows(source, analysis))
    return [
        Heading("Comparisons and models"),
        Table(
            number="Table",
            caption="Comparisons and models, all that were declared.",
            header=("", "Estimate (95% CI)", "P", "Method"),
            rows=tuple(rows),
            align="lrrl",
            widths=(2.7, 1.9, 0.7, 3.5),
            span_rows=frozenset(spans),
            notes=(_note(shown),),
        ),
    ]


def _note(shown: list[Any]) -> str:
    kinds = {a.kind for a in shown}
    words = ["CI, confidence interval"]
    words += ["IQR, interquartile range"] if "compare_values" in kinds else []
    return (
        f"{'; '.join(words)}; {fmt.NOT_COMPUTED}, see the method column. A method stands where it begins and holds for "
        "the rows below it. P values are two-sided and not adjusted for multiple testing unless the row says so."
        + (_FISHER if any(_fisher_beside_an_odds_ratio(a) for a in shown) else "")
    )


def _fisher_beside_an_odds_ratio(analysis: Any) -> bool:
    return analysis.kind == "compare_proportions" and "fisher" in analysis.tests and "odds_ratio" in analysis.measures


def _title(analysis: Any) -> str:
    definition = analysis.definition.rstrip(".")
    return f"{analysis.label}{' (sensitivity)' if analysis.sensitivity else ''}" + (
        f": {definition}" if definition else ""
    )


Row = tuple[Cell, Cell, Cell, str]  # label, estimate, P, method


def _said_once(rows: Iterator[Row]) -> Iterator[tuple[Cell, ...]]:
    """What a method has in common with the one above is left out, part by part."""
    before: list[str] = []
    for label, estimate, p, method in rows:
        parts = [part for part in method.split("; ") if part]
        same = 0
        while same < min(len(parts), len(before)) and parts[same] == before[same]:
            same += 1
        rest = "; ".join(parts[same:])
        yield label, estimate, p, Cell(rest[:1].upper() + rest[1:] if same == 0 else rest)
        before = parts or before


def _rows(source: ReportSource, analysis: Any) -> Iterator[Row]:
    """An estimate a row with its P value; tests without an estimate below them."""
    found = source.results.of(analysis.id)
    used: set[str] = set()
    for r in found:
        if r.statistic in EFFECTS:
            p = _p_of(found, r)
            used |= {p.id} if p is not None else set()
            yield _effect(source, analysis, r, p)
    for r in found:
        if r.id in used or r.statistic in EFFECTS:
            continue
        if r.unit == "P" or (r.value is None and r.statistic.startswith(("p_", "model"))):
            name, more = _named(r.method)
            label = r.label if r.statistic == "p_adjusted" else _with_group(name, _where(source, analysis, r))
            shown = r.method if r.statistic == "p_adjusted" else more
            yield Cell(label, indent=1), Cell(""), Cell(fmt.value(r), r.id), _how(r, shown)


def _p_of(found: list[Result], r: Result) -> Result | None:
    """The P value that belongs to an estimate: of the same group and time, named after it or simply p."""
    for p in found:
        if p.unit == "P" and (p.group, p.at) == (r.group, r.at) and p.statistic in ("p", f"p_{r.statistic}"):
            return p if r.statistic != "events" else None
    return None


def _effect(source: ReportSource, analysis: Any, r: Result, p: Result | None) -> Row:
    name = EFFECTS[r.statistic].format(at=fmt.so_many_months(r.at) if r.at is not None else "")
    label = _with_group(name, _where(source, analysis, r))
    value = fmt.value(r).removesuffix("%")
    if r.statistic == "events":
        shown = fmt.ratio(r.n, r.N)
    elif r.statistic == "median" and r.value is not None:
        quartiles = fmt.between(*(stat(source, r.analysis, s, r.group) for s in ("q1", "q3")))
        shown = f"{value} ({quartiles})"
    elif r.statistic == "e_value":
        limit = source.result(r.analysis, "e_value_limit", group=r.group)
        shown = f"{value}, {fmt.value(limit)}" if limit is not None else value
    elif r.statistic == "proportion":
        shown = f"{fmt.ratio(r.n, r.N)}, {value}"
    else:
        shown = value
    method = "" if r.statistic in ("events", "median") else _how(r, r.method)
    return (
        Cell(label, indent=1),
        Cell(fmt.with_span(r, shown), r.id),
        Cell(fmt.value(p), p.id) if p is not None else Cell(""),
        method,
    )


def _named(method: str) -> tuple[str, str]:
    """A test's name, and what its method says besides: "Log-rank test", "1 df"."""
    name = _NAME.match(method)
    assert name is not None
    return name[0], method[name.end() :].lstrip(",; ")


def _with_group(name: str, group: str) -> str:
    return f"{name}: {group}" if group else name


def _how(r: Result, method: str) -> str:
    """Method, why there is no value, what a reader should mind that the method does not say; last, what it is for."""
    minded = [w for w in r.warnings if w not in method]
    *parts, last = method.split("; ")
    own = last.startswith(("per ", "against "))
    return "; ".join(t for t in (*parts, "" if own else last, r.reason, *minded, last if own else "") if t)


def _where(source: ReportSource, analysis: Any, r: Result) -> str:
    """The group of a result in words: "Age at first dose, per 10 years", "Disease status, refractory"."""
    words = []
    for part in r.group.split(";") if r.group else []:
        name, _, level = part.partition("=")
        if name == "TERM":
            words.append(_term(source, analysis, level))
        elif name != "OF":
            words.append(level_in_words(source, name, level))
    return ", ".join(words)


def _term(source: ReportSource, analysis: Any, term: str) -> str:
    """A coefficient: a covariate with what its ratio is for, a level, a column of a spline, an effect with time."""
    name, _, level = term.partition("=")
    if name == "STATE":
        return f"after {sentence_case(event_word(source, getattr(analysis, 'time_dependent', '') or 'the event'))}"
    variable, _, spline = name.rstrip("]").partition("[")
    variable, _, changing = variable.partition("*")
    label, unit = variable_label(source, variable)
    if not unit:
        label, _, unit = label.partition(", ")
    if level:
        words = level_in_words(source, variable, level)
        return words if variable in ("SITEID", "CENTRE") else f"{label}, {sentence_case(words)}"
    if spline:
        return f"{label}, spline term {spline}"
    if changing:
        return f"{label} x {changing.replace('log(day)', 'logarithm of days')}"
    per = next((t.per for t in getattr(analysis, "terms", ()) if t.variable == variable), 1)
    if per != 1:
        return f"{label}, per {fmt.plain(per)} {unit}".rstrip()
    return f"{label}, {unit}" if unit else label
