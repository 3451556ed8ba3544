"""From results to table cells and words: each printed number is bound to the result it came from."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from chartline.protocol.names import EVENTS, event_words, in_sentence, level_label, sentence_start, shipped_labels
from chartline.report import format as fmt
from chartline.report.document import Cell
from chartline.report.source import ReportSource
from chartline.report.typeset import typeset
from chartline.results.model import Result
from chartline.results.unknown import not_evaluable_in, unknown_words
from chartline.results.wording import title_in


def cell(result: Result | None, text: str = "", bold: bool = False) -> Cell:
    """Return a cell bound to `result`; a dash where there is none."""
    if result is None:
        return Cell(fmt.DASH, bold=bold)
    return Cell(text or fmt.value(result), result.id, bold)


def rate(result: Result | None) -> tuple[Cell, Cell, Cell]:
    """Return the cells n/N, percentage, interval."""
    if result is None:
        return Cell(fmt.DASH), Cell(fmt.DASH), Cell(fmt.DASH)
    return (
        Cell(fmt.ratio(result.n, result.N), result.id),
        Cell(fmt.value(result), result.id),
        Cell(fmt.span(result) or fmt.DASH, result.id),
    )


def estimate(result: Result | None) -> Cell:
    """Return "5.7 (3.9–9.9)" as one cell, percentages without their sign: the column says what they are."""
    if result is None:
        return Cell(fmt.DASH)
    return Cell(fmt.with_span(result, fmt.value(result).removesuffix("%")), result.id)


def decimals(source: ReportSource, analysis: str) -> int:
    """Return 0 for a variable of whole numbers (its extremes are whole in every group), else 1."""
    ends = [r.value for r in source.results.of(analysis) if r.statistic in ("min", "max") and r.value is not None]
    return 0 if all(float(v).is_integer() for v in ends) else 1


def stat(source: ReportSource, analysis: str, statistic: str, group: str = "") -> str:
    """Return one statistic of a summary; whole numbers stay whole, half-way medians get their decimal."""
    r = source.result(analysis, statistic, group=group)
    if r is None or r.value is None:
        return fmt.DASH
    return fmt.number(r.value, 1) if decimals(source, analysis) else fmt.plain(r.value)


def middle(source: ReportSource, analysis: str, group: str = "") -> str:
    """Return "34 (27–45)": median and quartiles of a summary."""
    median = stat(source, analysis, "median", group)
    if median == fmt.DASH:
        return median
    return f"{median} ({fmt.between(*(stat(source, analysis, s, group) for s in ('q1', 'q3')))})"


def extremes(source: ReportSource, analysis: str, group: str = "") -> str:
    """Return "19–66": the range of a summary."""
    low, high = (stat(source, analysis, s, group) for s in ("min", "max"))
    return low if low == fmt.DASH else fmt.between(low, high)


def level_in_words(source: ReportSource, variable: str, level: str) -> str:
    """Return a level of a variable as readers see it, a centre by its label."""
    return level_label(source.protocol, variable, level)


def response_text(source: ReportSource, variable: str, code: str) -> str:
    """Return a response as readers see it, with its abbreviation where the text uses it: "Complete remission (CR)"."""
    labels = source.levels.get(variable, {})
    shown = typeset(labels[code] if code in labels else level_in_words(source, variable, code))
    return f"{shown} ({code})" if shown != code and code in source.protocol.response.responders else shown


def response_abbreviations(source: ReportSource) -> str:
    """Return "CR, complete remission; CRi, ...", of the responses that the text abbreviates."""
    labels = source.levels.get("BOR", {})
    return "; ".join(f"{c}, {sentence_case(labels[c])}" for c in source.protocol.response.responders if c in labels)


def levels(source: ReportSource, analysis: str, variable: str, order: Iterable[str] = ()) -> list[tuple[str, Result]]:
    """Return (level, its count over everyone) of a category; `order` first, then as the results have them."""
    prefix = f"{variable}="
    found = {
        r.group.removeprefix(prefix): r
        for r in source.results.of(analysis)
        if r.statistic == "n" and r.group.startswith(prefix) and ";" not in r.group
    }
    first = [lv for lv in order if lv in found]
    rest = [lv for lv in found if lv not in first and lv != ""]
    return [(lv, found[lv]) for lv in (*first, *rest, *([""] if "" in found else []))]


def group_of(by: str, level: str, variable: str = "", value: str = "") -> str:
    """Return the key of a subgroup, or of a level of a variable in it."""
    parts = [f"{by}={level}"] if level else []
    return ";".join([*parts, *([f"{variable}={value}"] if variable else [])])


sentence_case = in_sentence


def result_label(source: ReportSource, result: Result) -> str:
    """Return the name of a number as a reader sees it: "Overall survival at 12 months"."""
    declared: Any = source.declared(result.analysis)
    named = result if result.label else replace(result, label=getattr(declared, "label", result.analysis))
    return title_in(source.protocol, named)


def unknown_in(source: ReportSource, result: Result) -> str:
    """Return of how many patients of n/N nobody knows: "12 unknown", "1 not evaluable", ""."""
    none = not_evaluable_in(result, source.protocol, lambda a, s, group: source.result(a, s, group=group))
    return unknown_words(result.missing, none)


def result_title(source: ReportSource, result: Result) -> str:
    """Return what a reader should know of a number: name, group, definition, method, who is missing."""
    declared: Any = source.declared(result.analysis)
    parts = [result_label(source, result)]
    parts += [getattr(declared, "definition", ""), result.method]
    if result.missing:
        parts.append(f"{result.missing} with a missing value")
    if result.withheld:
        parts.append(f"{result.withheld} withheld because of open queries")
    parts += [result.reason, *result.warnings]
    return ". ".join(p.strip().rstrip(".") for p in parts if p) + "."


@cache
def test_labels() -> dict[str, str]:
    """Return name of a laboratory term -> label: "Haemoglobin", "Haemoglobin, high", "Potassium, low"."""
    with (files("chartline") / "vocabulary" / "tests.csv").open(encoding="utf-8") as f:
        tests = {r["testcd"]: r["label"] for r in csv.DictReader(f)}
    sides = {f"{t}_{word}": f"{label}, {word.lower()}" for t, label in tests.items() for word in ("LOW", "HIGH")}
    return tests | sides


def centre_labels(source: ReportSource) -> dict[str, str]:
    """Return centre id -> label, in the order of the protocol."""
    return {c.id: c.label or c.id for c in source.protocol.data.centres}


def variable_label(source: ReportSource, variable: str) -> tuple[str, str]:
    """Return (label, unit) of an ADSL variable."""
    declared = source.protocol.characteristics.get(variable)
    if declared is not None:
        return declared.label, declared.unit
    return shipped_labels(source.protocol).get(variable, variable), ""


def event_word(source: ReportSource, event: str) -> str:
    """Return a milestone or state as the head of a row: "Transplantation"; a study's own state by its name."""
    known = event in EVENTS or event in source.protocol.milestones
    return sentence_start(event_words(event, source.protocol)) if known else event
