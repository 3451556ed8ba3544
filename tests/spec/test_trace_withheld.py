"""The report's list of withheld patients names exactly those whom the counts withhold."""

from __future__ import annotations

from chartline.counts.count import count_analyses
from chartline.report.source import WithheldLine
from chartline.trace.listings import withheld_lines
from counts_cases import DIGEST, Row, adam, attrition, subject, time, tiny_protocol


def lines(subjects: list[Row], times: list[Row], withheld: list[Row]) -> tuple[WithheldLine, ...]:
    protocol, tables = tiny_protocol(), adam(subjects, times, withheld=withheld)
    return withheld_lines(tables, count_analyses(tables, attrition(tables), protocol, DIGEST), protocol)


def test_a_patient_is_listed_under_the_analyses_that_need_the_value() -> None:
    hidden: Row = {"USUBJID": "1", "ITEM": "ADSL.MRDFL", "QUERY": "Q1"}
    other: Row = {"USUBJID": "1", "ITEM": "ADSL.WT", "QUERY": "Q2"}  # no declared analysis reads the weight
    responder, not_one = subject("1", RESPFL="Y"), subject("1", RESPFL="N")
    assert lines([responder], [time("1", 3)], [hidden, other]) == (WithheldLine("1", ("MRD", "Deep"), ("Q1",)),)
    assert lines([not_one], [time("1", 3)], [hidden, other]) == ()  # no response, whatever the MRD value


def test_an_endpoint_withholds_by_query_only() -> None:
    by_query: Row = {"USUBJID": "1", "ITEM": "ADTTE.RFS", "QUERY": "Q1, Q2"}
    undated: Row = {"USUBJID": "2", "ITEM": "ADTTE.RFS", "QUERY": None, "REASON": "relapse is recorded without a date"}
    assert lines([subject("1", RESPFL="N"), subject("2", RESPFL="N")], [], [by_query, undated]) == (
        WithheldLine("1", ("RFS", "Follow-up"), ("Q1", "Q2")),
    )


def test_undecided_eligibility_is_in_the_attrition_table_and_not_in_the_list() -> None:
    undecided: Row = {"USUBJID": "1", "ITEM": "ADSL.ELIGFL", "QUERY": None, "REASON": "Cannot be decided: Adult"}
    endpoint: Row = {"USUBJID": "1", "ITEM": "ADTTE.RFS", "QUERY": None, "REASON": "not known whether in the set"}
    assert lines([subject("1", ELIGFL=None)], [], [undecided, endpoint]) == ()
