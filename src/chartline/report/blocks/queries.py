"""Open queries: how many by centre and rule, and the list of those that withhold a patient."""

from __future__ import annotations

import re
from collections import Counter

from chartline.report import format as fmt
from chartline.report.cells import centre_labels
from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import QueryLine, ReportSource

_LISTED = 60  # blocking queries printed one by one; all are in queries.csv
_PARTS = 3  # values and places of a query that are printed
_ANALYSES = 6  # analyses that are named for a withheld patient
_LIST = re.compile(r"[^\s,;]+(?:, [^\s,;]+){5,}(?: and [^\s,;]+)?")  # six or more single words: dates, numbers
_WHOM = "For each number, whom it lacks and why: chartline explain NUMBER --members."
_ELSEWHERE = "(see queries.csv)"
_SEVERITIES = {"block": "withholds", "warn": "asks", "note": "tells"}  # in the order of their weight


def build(source: ReportSource) -> list[Block]:
    out: list[Block] = [Heading("Open queries")]
    if not source.queries:
        return [*out, Paragraph("No query is open.")]
    asked = sum(q.severity != "note" for q in source.queries)
    blocking = [q for q in source.queries if q.severity == "block"]
    text = f"{fmt.plural(len(source.queries), 'query is', 'queries are')} open: {fmt.whole(len(blocking))} "
    text += f"withhold a patient from an analysis, {fmt.whole(asked - len(blocking))} ask without withholding, "
    text += f"{fmt.whole(len(source.queries) - asked)} are notes."
    out += [Paragraph(text), _counts(source)]
    if blocking and source.protocol.report.patient_level:
        out += [*_withheld(source), _list(blocking)]
    return out


def _withheld(source: ReportSource) -> list[Table]:
    """Return the table of the patients that are left out, of what, and by which queries."""
    rows = [(Cell(w.subject), Cell(_short(w.analyses, _ANALYSES)), Cell(", ".join(w.queries))) for w in source.withheld]
    if not rows:
        return []
    return [
        Table(
            number="Table",
            caption="Patients withheld, and the analyses they are left out of.",
            header=("Patient", "Analyses", "Queries"),
            rows=tuple(rows[:_LISTED]),
            align="lll",
            widths=(1, 6, 1.9),
            notes=(_WHOM, *_cut(len(rows), "patient", "patients")),
        )
    ]


def _cut(n: int, one: str, many: str) -> tuple[str, ...]:
    """Return the note of a list that was cut."""
    return (f"{fmt.plural(n - _LISTED, f'further {one}', f'further {many}')} in queries.csv.",) if n > _LISTED else ()


def _short(texts: tuple[str, ...], most: int, where: str = "") -> str:
    """Return the first texts, and how many more there are (and where)."""
    return "; ".join(texts[:most]) + _more(len(texts) - most, where)


def _more(n: int, where: str = _ELSEWHERE) -> str:
    return f"; and {n} more {where}".rstrip() if n > 0 else ""


def _places(places: tuple[str, ...]) -> str:
    """Return the first places; those of one sheet or line share its name: "f.xlsx!Sheet!C3, C4"."""
    grouped: dict[str, list[str]] = {}
    for place in places[:_PARTS]:
        table, _, cell = place.rpartition("!")
        grouped.setdefault(table, []).append(cell)
    named = (f"{table}!{', '.join(cells)}" if table else ", ".join(cells) for table, cells in grouped.items())
    return "; ".join(named) + _more(len(places) - _PARTS)


def _cut_lists(text: str) -> str:
    """Return a sentence in which a list of six dates or numbers and more is cut after the third."""

    def cut(found: re.Match[str]) -> str:
        items = re.split(", | and ", found[0])
        stop = "." if items[-1].endswith(".") else ""
        return f"{', '.join(items[:_PARTS])} and {len(items) - _PARTS} more {_ELSEWHERE}{stop}"

    return _LIST.sub(cut, text)


def _counts(source: ReportSource) -> Table:
    labels = centre_labels(source)
    seen = Counter((q.rule, q.centre) for q in source.queries)
    centres = [c for c in labels if any(q.centre == c for q in source.queries)]
    centres += sorted({q.centre for q in source.queries} - set(centres))
    severities: dict[str, set[str]] = {}
    for q in source.queries:
        severities.setdefault(q.rule, set()).add(q.severity)
    rank = {s: i for i, s in enumerate(_SEVERITIES)}
    rules = sorted(severities, key=lambda r: (min(rank.get(s, 3) for s in severities[r]), r))
    rows = [
        (
            Cell(_words(source, rule)),
            Cell(_weights(severities[rule])),
            *(Cell(fmt.whole(seen[rule, c]) if seen[rule, c] else "") for c in centres),
            Cell(fmt.whole(sum(seen[rule, c] for c in centres))),
        )
        for rule in rules
    ]
    total = [Cell(fmt.whole(sum(seen[r, c] for r in rules)), bold=True) for c in centres]
    rows.append((Cell("All", bold=True), Cell(""), *total, Cell(fmt.whole(len(source.queries)), bold=True)))
    return Table(
        number="Table",
        caption="Open queries by rule and centre.",
        header=("Rule", "What it does", *(labels.get(c, c or "Study") for c in centres), "All"),
        rows=tuple(rows),
        align="ll" + "r" * (len(centres) + 1),
        widths=(3.1, 1.6, *(0.9,) * len(centres), 0.7),
        notes=(
            "Withholds: the patient is left out of the analyses touched. Asks: what can be read is used, what cannot "
            "is missing. Tells: no answer is needed.",
        ),
        wide=len(centres) > 7,
    )


def _weights(severities: set[str]) -> str:
    """Return "Withholds or asks"."""
    return fmt.joined([words for s, words in _SEVERITIES.items() if s in severities], "or").capitalize()


def _words(source: ReportSource, rule: str) -> str:
    text = rule.replace("_", " ").replace("first dose", source.protocol.index_rows.event)
    return text[:1].upper() + text[1:]


def _list(blocking: list[QueryLine]) -> Table:
    rows = [
        (
            Cell(q.id),
            Cell(q.subject or fmt.DASH),
            Cell(_cut_lists(q.message)),
            Cell(_cut_lists(_short(tuple(q.saw.split("; ")), _PARTS, _ELSEWHERE))),
            Cell(_places(q.places)),
        )
        for q in blocking[:_LISTED]
    ]
    return Table(
        number="Table",
        caption="Open queries that withhold a patient.",
        header=("Query", "Patient", "What is wrong", "What was seen", "Where"),
        rows=tuple(rows),
        align="lllll",
        widths=(1.35, 0.85, 2.8, 2.3, 2.5),
        notes=_cut(len(blocking), "query", "queries"),
    )
