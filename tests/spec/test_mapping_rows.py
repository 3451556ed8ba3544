"""Which rows become records, whose they are, and where every value came from."""

from __future__ import annotations

import pytest

from chartline.core.query import Severity, Topic
from chartline.errors import MappingError
from chartline.mapping.apply import map_centre
from mapping_tables import mapped, mapping, source, table, values

AE = [{"domain": "AE", "variables": {"AETERM": "t"}}]


def test_every_value_knows_its_cell() -> None:
    data, _ = mapped(
        "id | t | d\nP1 | Rash | 02/01/2020",
        [{"domain": "AE", "variables": {"AETERM": "t", "AESTDTC": "d"}}],
        dates={"order": "DMY"},
    )
    assert data.locate("AE", 1, "AESTDTC", "Z") == ("book.xlsx!S!C2", "02/01/2020")
    assert data.locate("AE", 1, "AETERM", "Z") == ("book.xlsx!S!B2", "Rash")


def test_declared_rows_are_left_out_and_told() -> None:
    data, queries = mapped(
        "id | t\nP1 | Rash\nTOTAL | 1",
        AE,
        table_keys={"exclude_rows": [{"where": {"id": {"matches": "^TOTAL"}}, "reason": "row of totals"}]},
    )
    assert values(data, "AE", "USUBJID") == [("P1",)]
    assert [(q.rule, q.severity, q.addresses) for q in queries] == [
        ("rows_excluded", Severity.NOTE, ("book.xlsx!S!row 3",))
    ]


def test_a_row_with_values_but_no_subject_is_queried_and_a_blank_row_is_not() -> None:
    data, queries = mapped("id | t\nP1 | Rash\n | Fever\n |", AE)
    assert values(data, "AE", "AETERM") == [("Rash",)]
    assert [(q.rule, q.addresses, q.saw) for q in queries] == [("row_without_subject", ("book.xlsx!S!A3",), "t: Fever")]


def test_a_subject_that_does_not_look_like_one_is_queried() -> None:
    data, queries = mapped("id | t\nP1 | Rash\nNote: seen by Dr X | x", AE, subject_pattern="^P[0-9]+$")
    assert values(data, "AE", "USUBJID") == [("P1",)]
    assert [q.rule for q in queries] == ["not_a_subject_id"]


def test_a_second_row_of_a_subject_is_queried_with_the_cells_that_differ() -> None:
    data, queries = mapped(
        "id | last | x\nP1 | 2023-02-28 | NA\nP2 | 2020-01-01 | 1\nP1 | 2022-10-31 | -",
        [{"domain": "SS", "variables": {"LKADTC": "last", "DTHCAUS": "x"}}],
        table_keys={"one_row_per_subject": True},
        missing=["NA", "-"],
    )
    assert values(data, "SS", "USUBJID", "LKADTC") == [("P1", "2023-02-28"), ("P2", "2020-01-01")]
    [q] = queries
    assert (q.rule, q.severity, q.subject) == ("duplicate_subject_row", Severity.BLOCK, "P1")
    assert q.addresses == ("book.xlsx!S!B4", "book.xlsx!S!B2")
    assert q.topics == {Topic.FOLLOW_UP}
    assert q.saw == "last: 2022-10-31 here, 2023-02-28 there"


def test_where_chooses_rows_and_rows_chosen_by_no_block_are_told() -> None:
    data, queries = mapped(
        "id | kind | t\nP1 | ae | Rash\nP1 | Ae | Fever\nP1 | other | x",
        [{**AE[0], "where": {"kind": "ae"}}],
    )
    assert values(data, "AE", "AETERM") == [("Rash",)]
    assert [(q.rule, q.addresses) for q in queries] == [("row_not_mapped", ("book.xlsx!S!row 3", "book.xlsx!S!row 4"))]
    assert queries[0].message == (
        "2 rows of book.xlsx!S fit no block of the mapping and are not used: kind = Ae (1 row); kind = other (1 row)."
    )


def test_values_that_no_block_takes_are_listed_with_their_rows() -> None:
    text = "id | item | visit | t\n" + "P1 | BM blasts | C1 | 3\n" * 2 + "P1 | bm blast | C2 | 4\nP1 | | C1 | 5"
    block = {**AE[0], "where": {"item": "bm blast", "visit": "C2"}}
    _, [q] = mapped(text, [block])
    assert q.saw == "item = BM blasts (2 rows); item = (blank) (1 row); visit = C1 (3 rows)"
    _, [q] = mapped(text + "\n" + "\n".join(f"P1 | item {i} | C1 | x" for i in range(10)), [block])
    assert q.saw.count(" = ") == 8
    assert q.saw.endswith("; and 5 more")  # 13 values in all


def test_where_every_value_alone_is_taken_the_combinations_are_listed() -> None:
    text = "id | item | visit | t\nP1 | a | 1 | x\nP1 | b | 2 | x\nP1 | a | 2 | x"
    blocks = [{**AE[0], "where": {"item": "a", "visit": "1"}}, {**AE[0], "where": {"item": "b", "visit": "2"}}]
    assert mapped(text, blocks)[1][0].saw == "item = a and visit = 2 (1 row)"


@pytest.mark.parametrize(
    ("test", "terms"),
    [
        ("a", ["1"]),
        (["a", "b"], ["1", "2"]),
        ({"matches": "^[ab]$"}, ["1", "2"]),
        ({"present": True}, ["1", "2", "3"]),
        ({"present": False}, ["4", "5"]),
        ({"not": "a"}, ["2", "3", "4", "5"]),
        ({"not": ["a", "b"]}, ["3", "4", "5"]),
        ({"not": {"matches": "a"}}, ["2", "3", "4", "5"]),
    ],
)
def test_the_tests_of_where(test: object, terms: list[str]) -> None:
    data, _ = mapped(
        "id | k | t\nP | a | 1\nP | b | 2\nP | c | 3\nP | | 4\nP | NA | 5",
        [{**AE[0], "where": {"k": test}}],
        missing=["NA"],
    )
    assert data["AE"]["AETERM"].to_list() == terms


def test_for_each_lists_go_together_and_dicts_multiply() -> None:
    text = "id | C1 D1 | C1 D8 | C2 D1 | C2 D8\nP1 | 2020-01-01 | 2020-01-08 | | 2020-02-08"
    product = {
        "domain": "EX",
        "for_each": {"cycle": ["1", "2"], "day": ["1", "8"]},
        "variables": {
            "EXCYCLE": {"constant": "{cycle}"},
            "EXCYDAY": {"constant": "{day}"},
            "EXSTDTC": "C{cycle} D{day}",
        },
    }
    data, queries = mapped(text, [product])
    assert values(data, "EX", "EXCYCLE", "EXCYDAY", "EXSTDTC") == [
        (1, 1, "2020-01-01"),
        (1, 8, "2020-01-08"),
        (2, 8, "2020-02-08"),
    ]
    assert queries == []


def test_a_record_exists_where_an_anchor_is_filled_even_if_it_cannot_be_read() -> None:
    data, queries = mapped(
        "id | d | cause\nP1 | | \nP2 | someday | \nP3 | 2020-01-01 |",
        [{"domain": "SS", "variables": {"DTHFL": {"constant": "Y"}, "DTHDTC": "d"}}],
        table_keys={"ignore": {"cause": "not used"}},
    )
    assert values(data, "SS", "USUBJID", "DTHFL", "DTHDTC") == [("P2", "Y", None), ("P3", "Y", "2020-01-01")]
    assert [q.subject for q in queries] == ["P2"]


def test_the_anchor_can_be_named() -> None:
    data, _ = mapped(
        "id | day | support\nP1 | 2020-01-01 | Y\nP2 | 2020-01-02 |",
        [{"domain": "LB", "anchor": ["LBPLTTX"], "variables": {"LBDTC": "day", "LBPLTTX": "support"}}],
    )
    assert values(data, "LB", "USUBJID", "LBDTC", "LBPLTTX", "LBSTRESN") == [("P1", "2020-01-01", "Y", None)]


def test_subjects_and_values_may_be_looked_up() -> None:
    person = table("person", "person_id | name\n1 | P1")
    death = table("death", "person_id | day\n1 | 2020-01-01\n9 | 2020-01-02")
    spec = {"column": "person_id", "lookup": {"table": "person", "key": "person_id", "value": "name"}}
    data, queries = map_centre(
        source(person, death),
        mapping(
            {"person": {}, "death": {"subject": spec, "records": [{"domain": "SS", "variables": {"DTHDTC": "day"}}]}}
        ),
    )
    assert values(data, "SS", "USUBJID", "DTHDTC") == [("P1", "2020-01-01")]
    assert [(q.rule, q.addresses) for q in queries] == [("unknown_subject_lookup", ("book.xlsx!death!A3",))]


def test_a_look_up_key_with_two_values_is_a_fault_of_the_file() -> None:
    person = table("person", "person_id | name\n1 | P1\n1 | P2")
    death = table("death", "person_id | day\n1 | 2020-01-01")
    spec = {"column": "person_id", "lookup": {"table": "person", "key": "person_id", "value": "name"}}
    tables = {"person": {}, "death": {"subject": spec, "records": [{"domain": "SS", "variables": {"DTHDTC": "day"}}]}}
    with pytest.raises(MappingError, match="stands for two values"):
        map_centre(source(person, death), mapping(tables))


def test_ids_that_are_not_unique_over_centres_get_a_prefix() -> None:
    data, _ = mapped("id | t\n001 | Rash", AE, subject_prefix="Z-")
    assert values(data, "AE", "USUBJID") == [("Z-001",)]


def test_an_empty_table_gives_every_domain_and_no_row() -> None:
    data, queries = map_centre(source(table("S", "id | t")), mapping({"S": {"subject": "id", "records": AE}}))
    assert (data["AE"].height, data["DM"].height, queries) == (0, 0, [])


def test_what_the_reader_saw_becomes_a_note() -> None:
    from chartline.sources.base import SourceNote

    note = SourceNote("hidden_row", "book.xlsx!S!row 2", "Row 2 is hidden.")
    data, queries = map_centre(
        source(table("S", "id | t\nP1 | x"), notes=(note,)), mapping({"S": {"subject": "id", "records": AE}})
    )
    assert data["AE"].height == 1
    assert [(q.rule, q.severity, q.addresses) for q in queries] == [("hidden_row", Severity.NOTE, (note.address,))]


SAMPLES = "id | sample | last\nP1 | a | 2023-02-28\nP1 | b | 2023-02-28\nP2 | c | 2020-01-01\nP1 | d | {last}"
PER_SAMPLE = {"repeated_rows": "one row a sample", "ignore": {"sample": "not needed"}}
ALIVE = [{"domain": "SS", "variables": {"LKADTC": "last"}}]


def test_rows_declared_as_repeats_are_left_out_and_their_number_told() -> None:
    data, queries = mapped(SAMPLES.format(last="2023-02-28"), ALIVE, table_keys=PER_SAMPLE)
    assert values(data, "SS", "USUBJID", "LKADTC") == [("P1", "2023-02-28"), ("P2", "2020-01-01")]
    [q] = queries
    assert (q.rule, q.severity, q.addresses) == (
        "rows_excluded",
        Severity.NOTE,
        ("book.xlsx!S!row 3", "book.xlsx!S!row 5"),
    )
    assert q.message == "2 rows left out as declared: one row a sample; the subject's first row is used."


def test_a_declared_repeat_that_says_something_else_is_queried() -> None:
    data, queries = mapped(SAMPLES.format(last="2022-01-01"), ALIVE, table_keys=PER_SAMPLE)
    assert values(data, "SS", "USUBJID", "LKADTC") == [("P1", "2023-02-28"), ("P2", "2020-01-01")]
    assert [(q.rule, q.severity) for q in queries] == [
        ("rows_excluded", Severity.NOTE),
        ("duplicate_subject_row", Severity.BLOCK),
    ]
    assert queries[1].addresses == ("book.xlsx!S!C5", "book.xlsx!S!C2")


def test_a_table_has_one_row_a_subject_or_repeats() -> None:
    with pytest.raises(ValueError, match="not both"):
        mapped("id | last\nP1 | 2020-01-01", ALIVE, table_keys=PER_SAMPLE | {"one_row_per_subject": True})
