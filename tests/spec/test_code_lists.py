"""The code lists of a study: what the databases resolved when they selected, a line a code (RECORD, item 6.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from chartline.core.clinical import clinical_data
from chartline.report.blocks import code_lists
from chartline.report.document import Heading, Table
from chartline.report.source import CodeLine
from chartline.sources.base import NOT_IN_VOCABULARY, SOURCE_VALUE, ConceptLine, Selected, SourceData
from chartline.study import StudyData
from chartline.trace.code_lists import code_lines, code_table
from derive_cases import protocol
from report_cases import empty_source

SETS = {
    "drug": {
        "label": "The drug",
        "concepts": [{"vocabulary": "RxNorm", "code": "1", "descendants": True}, {"id": 6, "exclude": True}],
        "source_values": ["DRU %"],
    },
    "death": {"label": "Death", "concepts": [{"id": 9, "name": "dead"}]},
}
DRUG = ConceptLine("drug", "RxNorm 1", 5, "drug", "", 3, "RxNorm", "1", descendants=True)
TAKEN_OUT = ConceptLine("drug", "6", 6, "tablet", "excluded; not a standard concept", 1, "RxNorm", "2", excluded=True)
PATTERN = ConceptLine("drug", "DRU %", None, SOURCE_VALUE, "", 0)
UNKNOWN = ConceptLine("death", "9", 9, "dead", f"{NOT_IN_VOCABULARY}: taken as it is written", 1)


def study(**selected: tuple[ConceptLine, ...]) -> StudyData:
    """A study of the centres A and B; of those that are named, the database selected with these concepts."""
    centres = [{"id": c, "label": f"Centre {c}", "folder": c, "mapping": f"{c}.yaml"} for c in "AB"]
    declared: Any = {"data": {"cut_off": "2022-01-01", "centres": centres}, "concept_sets": SETS}
    sources = {c: SourceData({}, selected=Selected(0, (), lines)) for c, lines in selected.items()}
    return StudyData(protocol(**declared), "digest", clinical_data({}), (), (), {}, sources=sources)


def test_a_line_a_code_as_the_database_knows_it() -> None:
    assert code_lines(study(A=(DRUG, TAKEN_OUT, PATTERN, UNKNOWN))) == (
        CodeLine("The drug", "RxNorm", "1", 5, "drug", True, False, 3, ""),
        CodeLine("The drug", "RxNorm", "2", 6, "tablet", False, True, 1, "not a standard concept"),
        CodeLine("The drug", "source value", "DRU %", None, "", False, False, None, ""),
        CodeLine("Death", "", "", 9, "dead", False, False, 1, "not in the vocabulary: taken as it is written"),
    )


def test_two_databases_that_know_a_code_otherwise_have_a_line_each() -> None:
    """B's vocabulary is older: the drug has one descendant less. What both say alike stands once."""
    older = replace(DRUG, concepts=2)
    lines = code_lines(study(A=(DRUG, TAKEN_OUT), B=(older, TAKEN_OUT)))
    assert [(line.name, line.concepts, line.databases) for line in lines] == [
        ("drug", 3, ("Centre A",)), ("tablet", 1, ()), ("drug", 2, ("Centre B",)),
    ]  # fmt: skip
    assert code_table(study(A=(DRUG,), B=(older,))).rows() == [
        ("A", "The drug", "RxNorm", "1", 5, "drug", "yes", "no", 3, ""),
        ("B", "The drug", "RxNorm", "1", 5, "drug", "yes", "no", 2, ""),
    ]


def test_where_no_database_was_asked_the_codes_are_those_of_the_protocol() -> None:
    table = code_table(study())
    assert table.select("centre", "concept_set", "vocabulary", "code", "concept_id", "excluded", "concepts").rows() == [
        ("", "The drug", "RxNorm", "1", None, "no", None),
        ("", "The drug", "", "", 6, "yes", None),
        ("", "The drug", "source value", "DRU %", None, "no", None),
        ("", "Death", "", "", 9, "no", None),
    ]


def test_a_study_without_concept_sets_has_no_code_lists() -> None:
    none = StudyData(protocol(), "digest", clinical_data({}), (), (), {})
    assert code_table(none).height == 0
    assert code_lists.build(replace(empty_source(), codes=code_lines(none))) == []


def shown(*lines: CodeLine) -> Table:
    heading, table = code_lists.build(replace(empty_source(), codes=lines))
    assert heading == Heading("Code lists") and isinstance(table, Table)
    return table


def texts(table: Table) -> list[tuple[str, ...]]:
    return [tuple(cell.text for cell in row) for row in table.rows]


def test_the_report_lists_them_by_concept_set() -> None:
    table = shown(
        CodeLine("The drug", "RxNorm", "1", 5, "drug", True, False, 3, ""),
        CodeLine("The drug", "RxNorm", "2", 6, "tablet", False, False, 1, ""),
        CodeLine("Death", "", "", 9, "dead", True, False, None, ""),
    )
    assert table.header == ("Vocabulary", "Code", "OMOP concept", "Name", "With descendants")
    assert texts(table) == [
        ("The drug", "", "", "", ""),
        ("RxNorm", "1", "5", "drug", "yes: 3 concepts in all"),
        ("RxNorm", "2", "6", "tablet", "no"),
        ("Death", "", "", "", ""),
        ("", "", "9", "dead", "yes"),
    ]
    assert table.span_rows == {0, 3}


@pytest.mark.parametrize(
    ("more", "name", "said"),
    [
        ({"excluded": True}, "Taken out", "yes"),
        ({"note": "not a standard concept"}, "Remark", "not a standard concept"),
        ({"databases": ("Centre A", "Centre B")}, "Database of", "Centre A, Centre B"),
    ],
)
def test_a_column_that_nobody_needs_is_not_there(more: dict[str, Any], name: str, said: str) -> None:
    line = CodeLine("The drug", "RxNorm", "1", 5, "drug", False, False, 1, "")
    table = shown(line, replace(line, **more))
    assert table.header[5:] == (name,)
    assert [row[-1] for row in texts(table)] == ["", "", said]


def test_more_codes_than_anybody_reads_are_counted_by_set() -> None:
    line = CodeLine("The drug", "RxNorm", "1", 5, "drug", False, False, 1, "")
    many = [replace(line, concept_id=n) for n in range(200)]
    assert len(shown(*many).rows) == 201
    table = shown(*many, replace(line, concept_set="Death", excluded=True))
    assert texts(table) == [("The drug", "200", "0"), ("Death", "1", "1")]
    assert "code_lists.csv" in table.notes[0]


def test_the_table_has_no_type_that_a_spreadsheet_misreads() -> None:
    """Codes are text: `0010` is no number."""
    assert code_table(study()).schema["code"] == pl.String
