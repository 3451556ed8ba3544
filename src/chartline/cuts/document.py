"""A difference as a document, in the look of the report: numbers first, then what moved them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chartline.cuts import lines
from chartline.cuts.lines import BLANK
from chartline.cuts.model import Difference, NumberChange
from chartline.report.document import Block, Cell, Document, Heading, KeyNumbers, Paragraph, Table
from chartline.report.format import plural
from chartline.report.typeset import typeset_block

_LISTED = 400  # rows of a table; all are in diff.csv
_HOW = (
    "A patient is listed under a number where the two cuts count the patient otherwise. The last column is the number "
    "of the new cut with that one patient as in the old cut and all others as in the new: computed again, not "
    "approximated. Changes of several patients may cancel out or add to each other."
)


def build_document(difference: Difference) -> Document:
    """Return the page of a difference. It names patients and their values: it stays with the study team."""
    old, new = difference.old, difference.new
    study = new.protocol.study
    blocks: list[Block] = [
        KeyNumbers(_key_numbers(difference)),
        Paragraph(lines.same_words(difference), "lead" if _only_data(difference) else "notice"),
        Paragraph("This page names patients and values of their charts.", "small"),
        *_numbers(difference),
        *_patients(difference),
        *_charts(difference),
        *_derived(difference),
        *_queries(difference),
        *_declared(difference),
    ]
    return Document(
        title="What changed between two data cuts",
        subtitle=f"{study.title.strip()} ({study.id}). From {lines.cut_words(old)} to {lines.cut_words(new)}.",
        notice=study.notice,
        blocks=_numbered(blocks),
        footer=f"{study.id}; protocol {new.protocol_digest[:12]}, data {old.data_digest[:12]} to "
        f"{new.data_digest[:12]}; chartline {new.version}",
        short_title=f"{study.short_title or study.id}: two data cuts",
    )


def _only_data(difference: Difference) -> bool:
    return all(d.kind == "file" and not lines.is_mapping(d, difference) for d in difference.declared)


def _numbered(blocks: Sequence[Block]) -> tuple[Block, ...]:
    tables = iter(range(1, len(blocks) + 1))
    return tuple(replace(b, number=f"Table {next(tables)}") if isinstance(b, Table) else b for b in blocks)


def _key_numbers(difference: Difference) -> tuple[tuple[str, str, str, str], ...]:
    moved = sum(n.moved for n in difference.numbers)
    touched = {(v.centre, v.subject) for v in difference.values}
    return (
        (str(moved), "Headline numbers moved", f"of {len(difference.numbers)}", ""),
        (str(len(touched)), "Patients whose chart changed", lines.patient_words(difference), ""),
        (str(len(difference.values)), "Values in the charts", lines.value_words(difference).rpartition(", of")[0], ""),
    )


def _numbers(difference: Difference) -> list[Block]:
    out: list[Block] = [Heading("Headline numbers")]
    shown = lines.moved_numbers(difference)
    if not shown:
        return [*out, Paragraph("No headline number moved, and nobody is counted otherwise in one.")]
    rows = [row for n in shown for row in _number_rows(n)]
    still = [n.label for n in difference.numbers if n not in shown]
    rest = (f"Nobody is counted otherwise, and nothing moved, in: {'; '.join(still)}.",) if still else ()
    table = Table(
        number="",
        caption="Numbers that moved, and the patients who are counted otherwise.",
        header=("Number, patient", "Old cut", "New cut", "Without this patient's change"),
        rows=tuple(rows[:_LISTED]),
        align="llll",
        widths=(3.2, 2.6, 2.6, 2.6),
        notes=(*rest, *_cut(rows)),
    )
    return [*out, Paragraph(_HOW, "small"), typeset_block(table)]


def _number_rows(n: NumberChange) -> list[tuple[Cell, ...]]:
    was, now = (Cell(text or BLANK, bold=n.moved) for text in (n.old, n.new))
    rows: list[tuple[Cell, ...]] = [(Cell(n.label, bold=True), was, now, Cell(""))]
    if note := lines.number_note(n):
        rows.append((Cell(note, indent=1), Cell(""), Cell(""), Cell("")))
    for m in n.movers:
        without = (m.without or BLANK) if m.moved or m.without is None else "the same"
        rows.append((Cell(m.subject, indent=1), Cell(m.old), Cell(m.new), Cell(without)))
        if m.because:
            rows.append((Cell(m.because, indent=2), Cell(""), Cell(""), Cell("")))
    return rows


def _patients(difference: Difference) -> list[Block]:
    out: list[Block] = [Heading("Patients")]
    if not difference.patients:
        return [*out, Paragraph("The same patients, and each as eligible as before.")]
    words = {"new": "New", "gone": "Gone", "eligibility": "Eligibility changed"}
    rows = [
        (Cell(p.subject), Cell(p.centre), Cell(words[p.what]), Cell(p.old or BLANK), Cell(p.new or BLANK))
        for p in difference.patients
    ]
    header = ("Patient", "Centre", "What", "Old cut", "New cut")
    return [*out, _table("Patients who are new, gone, or of changed eligibility.", header, rows, (1, 1, 1.6, 3.5, 3.5))]


def _charts(difference: Difference) -> list[Block]:
    out: list[Block] = [Heading("Charts")]
    if not difference.values:
        return [*out, Paragraph("No value in the charts changed.")]
    whole = {p.subject: p.what for p in difference.patients if p.what in ("new", "gone")}
    rows: list[tuple[Cell, ...]] = []
    spans = set()
    for subject, values in lines.by_patient(difference.values):
        spans.add(len(rows))
        rows.append((Cell(subject), *[Cell("")] * 3))
        if subject in whole:
            rows.append((Cell(f"{whole[subject].capitalize()}: {lines.record_counts(values)}"), *[Cell("")] * 3))
            continue
        for line in lines.chart_lines(values):
            rows.append((Cell(line.words), Cell(line.old), Cell(line.new), Cell(line.place)))
            if line.reread:
                rows.append((Cell("The cell says the same; it is read otherwise.", indent=1), *[Cell("")] * 3))
    header = ("What", "Old cut", "New cut", "Cell")
    caption = f"Values in the charts: {lines.value_words(difference)}."
    table = _table(caption, header, rows, (3.4, 2, 2, 3))
    return [*out, typeset_block(replace(table, span_rows=frozenset(i for i in spans if i < _LISTED)))]


def _derived(difference: Difference) -> list[Block]:
    out: list[Block] = [Heading("Derived values")]
    if not difference.derived:
        return [*out, Paragraph("No derived value of a patient in both cuts changed.")]
    rows: list[tuple[Cell, ...]] = []
    spans = set()
    for subject, changes in lines.by_patient(difference.derived):
        spans.add(len(rows))
        rows.append((Cell(subject), *[Cell("")] * 3))
        why = None
        for d in changes:
            because = "as above" if d.because and d.because == why else d.because
            rows.append((Cell(d.label), Cell(d.old or BLANK), Cell(d.new or BLANK), Cell(because)))
            why = d.because
    header = ("Value", "Old cut", "New cut", "Why, now")
    table = _table("Derived values of patients in both cuts.", header, rows, (2.4, 1.5, 1.5, 4.6))
    return [*out, typeset_block(replace(table, span_rows=frozenset(i for i in spans if i < _LISTED)))]


def _queries(difference: Difference) -> list[Block]:
    out: list[Block] = [Heading("Queries")]
    if not difference.queries:
        return [*out, Paragraph("No query was opened or closed.")]
    rows = [
        (Cell(q.subject or f"Centre {q.centre}"), Cell(q.what.capitalize()), Cell(q.message), Cell(q.id))
        for q in difference.queries
    ]
    return [*out, _table("Queries opened and closed.", ("Patient", "What", "Query", "Id"), rows, (1, 1, 6, 1.8))]


def _declared(difference: Difference) -> list[Block]:
    if not difference.declared:
        return []
    words = {"version": "Version", "protocol": "Protocol", "file": "File"}
    rows = []
    for d in difference.declared:
        kind = "Mapping" if lines.is_mapping(d, difference) else words[d.kind]
        rows.append((Cell(kind), Cell(d.name), *(Cell(t) for t in lines.declared_words(d))))
    header = ("What", "Name", "Old cut", "New cut")
    return [Heading("Declarations and files"), _table("What differs besides.", header, rows, (1, 3.4, 2.6, 2.6))]


def _table(caption: str, header: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], widths: tuple[float, ...]) -> Table:
    return Table("", caption, header, tuple(rows[:_LISTED]), "l" * len(header), widths, _cut(rows))


def _cut(rows: Sequence[object]) -> tuple[str, ...]:
    more = len(rows) - _LISTED
    return (f"{plural(more, 'further row', 'further rows')} in diff.csv.",) if more > 0 else ()
