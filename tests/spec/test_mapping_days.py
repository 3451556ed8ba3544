"""Files that hold no dates but days from an event: the event has a declared, fictitious day, and the sum is exact."""

from __future__ import annotations

import pytest

from chartline.errors import MappingError
from chartline.mapping.amendments import Action, Amendment, apply_amendments
from chartline.mapping.apply import map_centre
from mapping_tables import mapped, mapping, source, table, values

FROM = {"diagnosis": {"label": "diagnosis", "day": "2000-01-01"}}
ALIVE = [{"domain": "SS", "variables": {"LKADTC": {"column": "last", "days_after": "diagnosis"}}}]


@pytest.mark.parametrize(
    ("days", "date"),
    [
        ("0", "2000-01-01"),
        ("1", "2000-01-02"),
        ("59", "2000-02-29"),  # January has 31 days, 2000 is a leap year: 31 + 28 = 59 days lead to 29 February
        ("366", "2001-01-01"),
        ("1085", "2002-12-21"),  # 366 + 365 = 731 is 2002-01-01; 354 days more are 11 days before 2003-01-01
        ("-1", "1999-12-31"),
        ("27.0", "2000-01-28"),  # as a spreadsheet may show it
    ],
)
def test_days_are_added_to_the_declared_day(days: str, date: str) -> None:
    data, queries = mapped(f"id | last\nP1 | {days}", ALIVE, days_from=FROM)
    assert values(data, "SS", "LKADTC") == [(date,)]
    assert not queries


@pytest.mark.parametrize("cell", ["27.5", "2003-01-01", ">100", "about 30", "99999999"])
def test_what_is_no_whole_number_of_days_is_queried_and_left_out(cell: str) -> None:
    data, queries = mapped(f"id | last | n\nP1 | {cell} | 1", [_with_cause(ALIVE[0])], days_from=FROM)
    assert values(data, "SS", "LKADTC") == [(None,)]
    [q] = queries
    assert (q.rule, q.subject, q.addresses, q.saw) == (
        "not_a_number_of_days",
        "P1",
        ("book.xlsx!S!B2",),
        f"last: {cell}",
    )
    assert q.ask == "Please give the number of days."


def _with_cause(block: dict[str, object]) -> dict[str, object]:
    assert isinstance(block["variables"], dict)
    return block | {"variables": block["variables"] | {"DTHCAUS": "n"}}


def test_a_blank_is_no_date_and_no_query() -> None:
    data, queries = mapped("id | last\nP1 |\nP2 | 3", ALIVE, days_from=FROM)
    assert values(data, "SS", "USUBJID", "LKADTC") == [("P2", "2000-01-04")]
    assert not queries


@pytest.mark.parametrize(("answer", "date"), [("1085", "2002-12-21"), ("2003", "2005-06-26"), ("2003-01-01", None)])
def test_an_answer_is_a_number_of_days_like_the_cell(answer: str, date: str | None) -> None:
    # 2003 is days, not the year: 1827 days lead to 2005-01-01, and 176 more to 26 June.
    centre = source(table("S", "id | last | n\nP1 | 85 | 1"))
    said = Amendment("1", "Z", "P1", "book.xlsx!S!B2", "85", Action.SET, answer, "", "", "", "")
    amended, _, _ = apply_amendments(centre, [said])
    tables = {"S": {"subject": "id", "records": [_with_cause(ALIVE[0])]}}
    data, queries = map_centre(amended, mapping(tables, days_from=FROM))
    assert values(data, "SS", "LKADTC") == [(date,)]
    assert [q.rule for q in queries] == ([] if date else ["not_a_number_of_days"])


def test_an_event_that_is_not_declared_is_a_fault_of_the_mapping() -> None:
    with pytest.raises(MappingError, match="no event `diagnosis` in `days_from`"):
        mapped("id | last\nP1 | 3", ALIVE)


def test_only_a_date_can_be_counted_in_days() -> None:
    flag = [{"domain": "SS", "variables": {"DTHFL": {"column": "last", "days_after": "diagnosis"}}}]
    with pytest.raises(MappingError, match="DTHFL is not a date"):
        mapped("id | last\nP1 | 3", flag, days_from=FROM)


def test_the_event_itself_is_day_0_also_where_no_column_says_so() -> None:
    block = {
        "domain": "MH",
        "variables": {"MHTERM": "dx", "MHSTDTC": {"constant": "0", "days_after": "diagnosis"}},
    }
    data, queries = mapped("id | dx\nP1 | ALL", [block], days_from=FROM)
    assert values(data, "MH", "MHTERM", "MHSTDTC") == [("ALL", "2000-01-01")]
    assert not queries


def test_a_constant_that_is_no_number_of_days_is_a_fault_of_the_mapping() -> None:
    block = {
        "domain": "MH",
        "variables": {"MHTERM": "dx", "MHSTDTC": {"constant": "soon", "days_after": "diagnosis"}},
    }
    with pytest.raises(MappingError, match="`soon` of MHSTDTC is not a number of days"):
        mapped("id | dx\nP1 | ALL", [block], days_from=FROM)


def test_a_date_beside_days_is_refused() -> None:
    born = [*ALIVE, {"domain": "DM", "variables": {"BRTHDTC": "born"}}]
    with pytest.raises(MappingError, match="BRTHDTC is a date, and this centre counts days"):
        mapped("id | last | born\nP1 | 3 | 1980-01-01", born, days_from=FROM)
    fixed = [*ALIVE, {"domain": "MH", "variables": {"MHTERM": "dx", "MHSTDTC": {"constant": "2019-01-01"}}}]
    with pytest.raises(MappingError, match="MHSTDTC is a date"):
        mapped("id | last | dx\nP1 | 3 | ALL", fixed, days_from=FROM)


def test_two_events_have_two_labels() -> None:
    with pytest.raises(ValueError, match="two events have one label"):
        mapped("id | last\nP1 | 3", ALIVE, days_from=FROM | {"relapse": FROM["diagnosis"]})
