"""An answer is about the patient it names.

In: what was applied to a centre's tables, those tables, and the clinical rows made from them. Out: the amendments that
the study keeps and that are about another patient by now, or AmendmentError for a line of answers.csv. A row that
makes no clinical row cannot be checked, nor one whose subject an answer corrected.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.errors import AmendmentError
from chartline.mapping.amendments import Applied, Outdated
from chartline.mapping.model import Mapping
from chartline.sources.base import SourceData, SourceTable

_KEY = ["BLOCK", "ROW"]


def check_subjects(
    applied: Sequence[Applied], data: SourceData, clinical: ClinicalData, mapping: Mapping
) -> list[Outdated]:
    """Return or refuse the answers of whose row every clinical row is another subject's.

    Raises AmendmentError for a line of answers.csv; amendments that the study keeps are returned.
    """
    moved = {(x.table, x.label) for x in applied if x.column and x.column == _subject_column(mapping, x.table)}
    asked = [x for x in applied if x.amendment.subject and x.table and (x.table, x.label) not in moved]
    rows = _source_rows(asked, data, clinical)
    out: list[Outdated] = []
    if rows.is_empty():
        return out
    owners = pl.concat(
        frame.select(*_KEY, "USUBJID").join(rows, on=_KEY) for frame in clinical.domains.values() if frame.height
    )
    for number, subjects in owners.group_by("ANSWER").agg(pl.col("USUBJID").unique().sort()).sort("ANSWER").rows():
        a = asked[number].amendment
        if a.subject in subjects:
            continue
        what = f"{a.address} is a cell of {' and '.join(subjects)}, but the answer names {a.subject}."
        if not a.kept:
            raise AmendmentError(
                what,
                where=a.where,
                expected=f"an answer about {' or '.join(subjects)}",
                do="correct the subject or the address",
            )
        out.append(Outdated(a, what, tuple(subjects)))
    return out


def _subject_column(mapping: Mapping, table: str) -> str | None:
    subject = mapping.tables[table].subject if table in mapping.tables else None
    return subject if subject is None or isinstance(subject, str) else subject.column


def _source_rows(asked: Sequence[Applied], data: SourceData, clinical: ClinicalData) -> pl.DataFrame:
    """Return BLOCK and ROW of everything that may be made from the row of each answer (ANSWER: its place)."""
    blocks: dict[str, list[int]] = {}
    for number, (table, _) in enumerate(clinical.origins.blocks):
        assert isinstance(table, SourceTable)
        blocks.setdefault(table.name, []).append(number)
    labels = {name: {label: i for i, label in enumerate(data.tables[name].row_labels)} for name in _tables(asked)}
    rows = [
        (number, labels[x.table][x.label], i)
        for i, x in enumerate(asked)
        if x.label in labels[x.table]
        for number in blocks.get(x.table, ())
    ]
    return pl.DataFrame(rows, schema={"BLOCK": pl.UInt32, "ROW": pl.UInt32, "ANSWER": pl.Int64}, orient="row")


def _tables(asked: Sequence[Applied]) -> set[str]:
    return {x.table for x in asked}
