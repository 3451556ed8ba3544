"""Open queries: how many by centre and rule, and the list of those that withhold a patient."""

from __future__ import annotations

from collections import Counter

from chartline.report import format as fmt
from chartline.report.cells import centre_labels
from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import QueryLine, ReportSource

_LISTED = 60  # blocking queries printed one by one; all are in queries.csv
_PARTS = 4  # values and places of a query that are printed


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
    rows = [(Cell(w.subject), Cell("; ".join(w.analyses)), Cell(", ".join(w.queries))) for w in source.withheld]
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
            notes=_cut(len(rows), "patient", "patients"),
        )
    ]


def _cut(n: int, one: str, many: str) -> tuple[str, ...]:
    """Return the note of a list that was cut."""
    return (f"{fmt.plural(n - _LISTED, f'further {one}', f'further {many}')} in queries.csv.",) if n > _LISTED else ()


def _short(texts: tuple[str, ...], most: int) -> str:
    return "; ".join(texts[:most]) + (f"; and {len(texts) - most} more" if len(texts) > most else "")


def _counts(source: ReportSource) -> Table:
    labels = centre_labels(source)
    seen = Counter((q.rule, q.centre) for q in source.queries)
    centres = [c for c in labels if any(q.centre == c for q in source.queries)]
    centres += sorted({q.centre for q in source.queries} - set(centres))
    severities: dict[str, set[str]] = {}
    for q in source.queries:
        severities.setdefault(q.rule, set()).add(q.severity)
    rank = {"block": 0, "warn": 1, "note": 2}
    rules = sorted(severities, key=lambda r: (min(rank.get(s, 3) for s in severities[r]), r))
    rows = [
        (
            Cell(_words(rule)),
            Cell(fmt.joined(sorted(severities[rule], key=lambda s: rank.get(s, 3)), "or")),
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
        header=("Rule", "Severity", *(labels.get(c, c or "Study") for c in centres), "All"),
        rows=tuple(rows),
        align="ll" + "r" * (len(centres) + 1),
        widths=(3.4, 1.1, *(0.9,) * len(centres), 0.7),
        notes=(
            "block: withholds the patient from the analyses touched; warn: asked; what can be read is used, "
            "what cannot is missing; note: told only.",
        ),
        wide=len(centres) > 7,
    )


def _words(rule: str) -> str:
    text = rule.replace("_", " ")
    return text[:1].upper() + text[1:]


def _list(blocking: list[QueryLine]) -> Table:
    rows = [
        (
            Cell(q.id),
            Cell(q.subject or fmt.DASH),
            Cell(q.message),
            Cell(_short(tuple(q.saw.split("; ")), _PARTS)),
            Cell(_short(q.places, _PARTS)),
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
