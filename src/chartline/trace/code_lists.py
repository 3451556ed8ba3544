"""The code lists of a study: every code of the concept sets that decided who was read, for readers and reviewers.

In: a study as it was read, whose databases resolved the sets when they selected (nothing is asked again). Out: lines of
the report, one a code, and the table of `code_lists.csv`, one a code and centre. Where no database was asked, as the
protocol declares them. RECORD (items 6.1 and 7.1) asks for these lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from chartline.report.source import CodeLine
from chartline.sources.base import ConceptLine
from chartline.study import StudyData

_SOURCE_VALUE = "source value"  # in the place of a vocabulary
_COLUMNS = {
    "centre": pl.String, "concept_set": pl.String, "vocabulary": pl.String, "code": pl.String, "concept_id": pl.Int64,
    "name": pl.String, "descendants": pl.String, "excluded": pl.String, "concepts": pl.Int64, "note": pl.String,
}  # fmt: skip


def code_lines(study: StudyData) -> tuple[CodeLine, ...]:
    """Return a line a code; of a code that two databases resolve otherwise, a line each with their centres."""
    places: dict[CodeLine, list[str]] = {}
    for place, line in _lines(study):
        places.setdefault(line, []).append(place)
    asked = {place for of in places.values() for place in of}
    label = {c.id: c.label or c.id for c in study.protocol.data.centres}
    return tuple(
        replace(line, databases=tuple(label[p] for p in of) if len(of) < len(asked) else ())
        for line, of in places.items()
    )


def code_table(study: StudyData) -> pl.DataFrame:
    """Return a row a code and centre, "" where no database was asked; without rows where there are no codes."""
    rows = [
        (
            place, line.concept_set, line.vocabulary, line.code, line.concept_id, line.name,
            "yes" if line.descendants else "no", "yes" if line.excluded else "no", line.concepts, line.note,
        )
        for place, line in _lines(study)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _lines(study: StudyData) -> Iterator[tuple[str, CodeLine]]:
    """Yield (id of the centre, line) in the order of the protocol."""
    label = {name: one.label for name, one in study.protocol.concept_sets.items()}
    chosen = {c: source.selected for c, source in study.sources.items() if source.selected is not None}
    for centre in (c.id for c in study.protocol.data.centres if c.id in chosen):
        for line in chosen[centre].concepts:
            yield centre, _resolved(line, label.get(line.concept_set, line.concept_set))
    if not chosen:
        yield from (("", line) for line in _declared(study))


def _resolved(line: ConceptLine, label: str) -> CodeLine:
    if line.is_source_value:
        return _source_value(label, line.declared)
    note = "; ".join(word for word in line.note.split("; ") if word != "excluded")
    return CodeLine(
        label, line.vocabulary, line.code, line.concept_id, line.name, line.descendants, line.excluded, line.concepts,
        note,
    )  # fmt: skip


def _declared(study: StudyData) -> Iterator[CodeLine]:
    for one in study.protocol.concept_sets.values():
        for c in one.concepts:
            words = (c.vocabulary or "", c.code or "", c.id, c.name)
            yield CodeLine(one.label, *words, c.descendants, c.exclude, concepts=None, note="")
        yield from (_source_value(one.label, pattern) for pattern in one.source_values)


def _source_value(label: str, pattern: str) -> CodeLine:
    return CodeLine(label, _SOURCE_VALUE, pattern, None, "", False, False, concepts=None, note="")
