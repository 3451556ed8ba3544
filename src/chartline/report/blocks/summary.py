"""The results in sentences, each number bound to its result: the report's first page, a paper's abstract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import sentence_case, unknown_in
from chartline.report.document import Block, Cell, Heading, Paragraph
from chartline.report.source import ReportSource
from chartline.results.model import Result

Pieces = list[str | Cell]


def build(source: ReportSource) -> list[Block]:
    study, report = source.protocol.study, source.protocol.report
    out: list[Block] = [Heading("Summary")]
    for word, text in (("Objective", study.objective), ("Design and setting", _design(study))):
        if text:
            out.append(Paragraph.of(Cell(f"{word}. ", bold=True), text))
    for word, pieces in (
        ("Patients", _patients(source)),
        ("Response", _rates(source, report.response)),
        ("Survival", _curves(source)),
        ("Transplantation", _rates(source, report.transplant)),
        ("Safety", _rates(source, report.safety)),
    ):
        if pieces:
            out.append(Paragraph.of(Cell(f"{word}. ", bold=True), *pieces))
    return out


def _design(study: Any) -> str:
    return ". ".join(t.rstrip(".") for t in (study.design, study.setting) if t) + (
        "." if study.design or study.setting else ""
    )


def _bound(result: Result, text: str) -> Cell:
    return Cell(text, result.id)


def _patients(source: ReportSource) -> Pieces:
    out: Pieces = []
    tallies = {a.count: source.result(a.id, "n") for a in source.protocol.analyses if a.kind == "tally" and a.count}
    screened, eligible = tallies.get("screened"), tallies.get("eligible")
    if screened and eligible:
        out += [
            "Of ",
            _bound(screened, fmt.value(screened)),
            " patients screened, ",
            _bound(eligible, fmt.value(eligible)),
        ]
        out += [" were eligible. "]
    elif eligible:
        out += [_bound(eligible, fmt.value(eligible)), " patients were eligible. "]
    for a in source.protocol.analyses:
        median = source.result(a.id, "median") if a.kind == "follow_up" and not a.sensitivity else None
        if median:
            out += ["Median follow-up was ", _bound(median, fmt.with_interval(median)), " (reverse Kaplan-Meier)."]
    return out


def _rates(source: ReportSource, ids: Iterable[str]) -> Pieces:
    """Return "CR or CRi in 19/32 (59.4%, 95% CI 40.6 to 76.3); ..." of the proportions among `ids`."""
    phrases: list[Pieces] = []
    for analysis in ids:
        r, declared = source.result(analysis, "proportion"), source.declared(analysis)
        if r is None or r.N is None or getattr(declared, "sensitivity", False):
            continue
        ends = f", {fmt.level(r)} {fmt.interval(r)}" if fmt.interval(r) else ""
        of = unknown_in(source, r)
        unknown = f"; {of}" if of else ""
        label = getattr(declared, "label", analysis)
        shown = label if not phrases else sentence_case(label)
        phrases.append([f"{shown} in ", _bound(r, f"{fmt.ratio(r.n, r.N)} ({fmt.value(r)}{ends}{unknown})")])
    return _sentence(phrases)


def _curves(source: ReportSource) -> Pieces:
    out: Pieces = []
    for analysis in source.protocol.report.curves:
        declared: Any = source.declared(analysis)
        median = source.result(analysis, "median")
        if median is None or declared is None or declared.by:  # groups stand in the table
            continue
        shown = fmt.with_interval(median, unknown_in(source, median))
        phrases: list[Pieces] = [[f"{declared.label}: median ", _bound(median, shown)]]
        for at in declared.at_months:
            r = source.result(analysis, "survival", at)
            if r is not None:
                phrases.append([_bound(r, fmt.with_interval(r)), f" at {fmt.so_many_months(at)}"])
        out += [*_sentence(phrases), " "]
    return out[:-1]


def _sentence(phrases: list[Pieces]) -> Pieces:
    out: Pieces = []
    for i, phrase in enumerate(phrases):
        out += [*(["; "] if i else []), *phrase]
    return [*out, "."] if out else []
