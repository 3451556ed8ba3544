"""Who is in the study, at which criterion the others left, and what is never guessed."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from chartline.cohort.model import Cohort
from chartline.core.query import Query, Severity, Topic
from derive_cases import block, row, select

MH = "CENTRE|USUBJID|MHCAT|MHTERM|MHORRES\n"
HISTORY = """{c}|{s}|DIAGNOSIS|B-cell acute lymphoblastic leukaemia|
{c}|{s}|STATUS|Status|RELAPSED
"""


def one(born: str = "1980-01-01", first: str = "2020-01-01", age: str = "", **more: str) -> Cohort:
    """One patient of centre A who meets every criterion unless `more` says otherwise."""
    tables = {
        "DM": f"USUBJID|BRTHDTC|SEX|AGE\nP1|{born}|M|{age}",
        "EX": f"USUBJID|EXSTDTC\nP1|{first}",
        "MH": MH + HISTORY.format(c="A", s="P1"),
    }
    return select(tables | more)


def verdict(cohort: Cohort, subject: str = "P1") -> tuple[object, ...]:
    return row(cohort.subjects, "ELIGFL", "ELIGREAS", USUBJID=subject)


@pytest.mark.parametrize(
    ("born", "age", "expected"),
    [
        ("2002-01-01", "", 18),  # eighteen on the day
        ("2002-01-02", "", 17),
        ("2000-02-29", "", 19),
        ("1990", "", None),  # 29 or 30
        ("1990", "29", 29),  # the recorded age is one that the year allows
        ("1990", "35", None),  # it is not
        ("1990-06", "", 29),  # the month leaves no doubt
        ("", "41", 41),
        ("", "", None),
    ],
)
def test_age_in_completed_years_at_first_dose(born: str, age: str, expected: int | None) -> None:
    assert row(one(born, age=age).subjects, "AGE") == (expected,)


def test_an_unknown_fact_is_a_third_outcome() -> None:
    cohort = one(born="")
    assert verdict(cohort) == (None, "Cannot be decided: Aged 18 years or over at first dose")
    step = next(s for s in cohort.attrition.steps if s.id == "adult")
    assert (step.n_in, step.n_no, step.n_unknown, step.n_out) == (1, 0, 1, 0)
    assert cohort.attrition.eligible == 0


def test_each_subject_leaves_at_the_first_criterion_not_met() -> None:
    cohort = one(born="2010-01-01", first="2016-05-05")  # too early and too young
    assert verdict(cohort) == ("N", "First dose outside the study period")
    assert [s.n_out for s in cohort.attrition.steps] == [1, 1, 0, 0, 0, 0]
    assert cohort.decisions["CRITERION"].to_list() == ["duplicate", "treated", "period"]


def test_the_reasons_name_the_facts_and_their_cells() -> None:
    cohort = one(born="1989-05-05", first="2021-12-30")
    said = cohort.decisions.filter(pl.col("CRITERION") == "adult")["BECAUSE"].item()
    assert said == "age 32 at first dose on 2021-12-30 (born 1989-05-05)"
    cells = cohort.trace.filter(pl.col("ITEM") == "ELIG.adult").select("SRCDOM", "SRCSEQ", "SRCVAR").rows()
    assert cells == [("DM", 1, "BRTHDTC"), ("EX", 1, "EXSTDTC")]
    cohort = one(MH=MH + "A|P1|STATUS|Status|RELAPSED")
    assert verdict(cohort) == (None, "Cannot be decided: B-cell acute lymphoblastic leukaemia")
    assert "Diagnosis not recorded" in cohort.decisions["BECAUSE"].to_list()


def test_never_treated_is_screened_and_not_eligible() -> None:
    cohort = one(EX="USUBJID|EXTRT|EXSTDTC\nP1|RITUXIMAB|2020-01-01")
    assert verdict(cohort) == ("N", "No dose of inotuzumab ozogamicin")
    assert cohort.attrition.screened == 1


def test_a_first_dose_dated_to_a_month_is_never_imputed() -> None:
    assert row(one(first="2020-01").subjects, "TRTSDT", "ELIGFL") == (None, "N")


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        (Topic.ELIGIBILITY, (None, "Cannot be decided: Aged 18 years or over at first dose")),
        (Topic.FIRST_DOSE, (None, "Cannot be decided: At least one dose of inotuzumab ozogamicin")),
        (Topic.IDENTITY, (None, "Cannot be decided: At least one dose of inotuzumab ozogamicin")),
        (Topic.RELAPSE, ("Y", None)),
    ],
)
def test_an_open_blocking_query_makes_what_it_touches_unknown(topic: Topic, expected: tuple[object, ...]) -> None:
    tables = {
        "DM": "USUBJID|BRTHDTC|SEX\nP1|1980-01-01|M",
        "EX": "USUBJID|EXSTDTC\nP1|2020-01-01",
        "MH": MH + HISTORY.format(c="A", s="P1"),
    }
    query = block("P1", topic)
    cohort = select(tables, [query])
    assert verdict(cohort) == expected
    if expected[0] is None:
        assert any(query.id in said for said in cohort.decisions["BECAUSE"])
    mild = Query("rule", Severity.WARN, "A", "P1", ("f!t!A1",), "saw", "message", "ask", frozenset({topic}))
    assert verdict(select(tables, [mild])) == ("Y", None)


TWO = {
    "DM": "CENTRE|USUBJID|BRTHDTC|SEX\nA|A-1|1980-01-01|M\nB|B-1|1980-01-01|M",
    "EX": "CENTRE|USUBJID|EXSTDTC\nA|A-1|2020-01-01\nB|B-1|2020-01-01\nB|B-1|2020-01-08",
    "MH": MH + HISTORY.format(c="A", s="A-1") + HISTORY.format(c="B", s="B-1"),
}


def test_the_same_person_at_two_centres_is_screened_twice_and_counted_once() -> None:
    cohort = select(TWO)
    assert (cohort.attrition.screened, cohort.attrition.eligible) == (2, 1)
    assert (cohort.attrition.steps[0].id, cohort.attrition.steps[0].n_no) == ("duplicate", 1)
    assert verdict(cohort, "B-1") == ("Y", None)  # the centre with most doses
    assert verdict(cohort, "A-1") == ("N", "Same person recorded at two centres")
    assert row(cohort.subjects, "DUPOF", USUBJID="A-1") == ("B-1",)
    said = cohort.decisions.filter(pl.col("USUBJID") == "A-1")["BECAUSE"].item()
    assert said == ("same date of birth, sex, first dose as B-1, which is counted: 2 treatment records there, 1 here")


def test_the_centre_listed_first_is_kept_where_that_is_declared_or_nothing_else_decides() -> None:
    first = {"match": ["BRTHDT", "SEX", "TRTSDT"], "keep": "first_listed"}
    assert row(select(TWO, duplicates=first).subjects, "DUPOF", USUBJID="B-1") == ("A-1",)
    tied = TWO | {"EX": "CENTRE|USUBJID|EXSTDTC\nA|A-1|2020-01-01\nB|B-1|2020-01-01"}
    assert row(select(tied).subjects, "DUPOF", USUBJID="B-1") == ("A-1",)


@pytest.mark.parametrize(
    "dm",
    [
        "CENTRE|USUBJID|BRTHDTC|SEX\nA|A-1|1980-01-01|M\nB|B-1|1980-01-02|M",  # another day of birth
        "CENTRE|USUBJID|BRTHDTC|SEX\nA|A-1|1980-01|M\nB|B-1|1980-01|M",  # a month is no match
        "CENTRE|USUBJID|BRTHDTC|SEX\nA|A-1|1980-01-01|\nB|B-1|1980-01-01|",  # nor is a missing sex
    ],
)
def test_what_is_missing_or_different_is_no_match(dm: str) -> None:
    assert select(TWO | {"DM": dm}).attrition.steps[0].n_no == 0


def test_twins_of_one_file_are_not_paired_here() -> None:
    tables = {k: t.replace("B|B-1", "A|B-1") for k, t in TWO.items()}
    assert select(tables).attrition.steps[0].n_no == 0


def test_characteristics_are_read_as_declared_and_an_unreadable_value_is_missing() -> None:
    mh = MH + HISTORY.format(c="A", s="P1") + "A|P1|ECOG|ECOG|1\nA|P1|CD22|CD22|<20\nA|P1|PRIOR HSCT|HSCT|Y\n"
    cohort = one(MH=mh + "A|P1|LINES|Lines|2.5\nA|P1|ECOG|ECOG|2")
    assert row(cohort.subjects, "ECOG", "CD22", "PRHSCT", "LINES") == (1, None, "Y", None)
    said = cohort.trace.filter(pl.col("ITEM") == "ADSL.CD22")["BECAUSE"].item()
    assert said == "CD22-positive blasts recorded as '<20', which is not a number"


@pytest.mark.parametrize(("take", "value"), [("first", 3), ("last", 2), ("max", 5), ("min", 1), ("count", 4)])
def test_which_of_several_rows_counts(take: str, value: int) -> None:
    mh = MH + HISTORY.format(c="A", s="P1") + "".join(f"A|P1|ECOG|ECOG|{n}\n" for n in (3, 5, 1, 2))
    ecog = {"label": "ECOG", "from": "MH", "where": "MHCAT == 'ECOG'", "value": "MHORRES", "type": "integer"}
    status = {"label": "Status", "from": "MH", "where": "MHCAT == 'STATUS'", "value": "MHORRES"}
    diagnosis = {"label": "Diagnosis", "from": "MH", "where": "MHCAT == 'DIAGNOSIS'", "value": "MHTERM"}
    characteristics = {"ECOG": ecog | {"take": take}, "STATUS": status, "DIAGNOS": diagnosis}
    tables = {"DM": "USUBJID|BRTHDTC|SEX\nP1|1980-01-01|M", "EX": "USUBJID|EXSTDTC\nP1|2020-01-01", "MH": mh}
    assert row(select(tables, characteristics=characteristics).subjects, "ECOG") == (value,)


def test_a_partial_date_keeps_its_flag() -> None:
    mh = "CENTRE|USUBJID|MHCAT|MHTERM|MHORRES|MHSTDTC\nA|P1|DIAGNOSIS|B-cell acute lymphoblastic leukaemia||2019-03"
    assert row(one(MH=mh).subjects, "DIAGDT", "DIAGDTF") == (dt.date(2019, 3, 15), "D")
