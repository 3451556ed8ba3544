"""What is asked of dates: their order, those that software writes for nothing, and columns that were filled in.

P1 is sound; P2 breaks the rule. A finding about a column has no patient. Chances are those of R's pbinom.
"""

from __future__ import annotations

import datetime as dt

import pytest

from chartline.checks.binomial import chance_of_at_least, chance_of_at_most
from chartline.checks.dates import likely_slip
from chartline.core.query import Query, Severity, Topic
from chartline.protocol.model import Protocol
from checks_cases import DOSES, PEOPLE, asked, rows

BLOCK, WARN = Severity.BLOCK, Severity.WARN


def one(queries: list[Query]) -> Query:
    assert len(queries) == 1, queries
    return queries[0]


# --- diagnosis_order


@pytest.mark.parametrize(
    ("diagnosis", "n"), [("2020-01-15", 0), ("2020-01-16", 1), ("2020-01", 0), ("2020-02", 1), ("2019-12-31", 0)]
)
def test_a_diagnosis_after_the_first_dose_by_more_than_14_days(
    reference_protocol: Protocol, diagnosis: str, n: int
) -> None:
    mh = f"USUBJID|MHCAT|MHTERM|MHSTDTC\nP1|DIAGNOSIS|B-ALL|2019-06-01\nP2|DIAGNOSIS|B-ALL|{diagnosis}"
    queries = asked(reference_protocol, "diagnosis_order", MH=mh)
    assert len(queries) == n
    if n:
        assert queries[0].addresses == ("mh.csv!row 3!MHSTDTC", "ex.csv!row 3!EXSTDTC")
        assert "after treatment had begun: first dose 2020-01-01" in queries[0].message


def test_a_diagnosis_after_the_lines_it_was_treated_with_names_them_and_the_slip(reference_protocol: Protocol) -> None:
    mh = rows(
        "USUBJID|MHCAT|MHTERM|MHSTDTC|MHSEQN",
        "P1|DIAGNOSIS|B-ALL|2019-03-01|",
        "P1|PRIOR LINE|Hyper-CVAD|2019-02-20|1",  # a prephase: 9 days
        "P2|DIAGNOSIS|B-ALL|2019-09-03|",
        "P2|PRIOR LINE|Hyper-CVAD|2019-03-12|1",
    )
    q = one(asked(reference_protocol, "diagnosis_order", MH=mh))
    assert (q.subject, q.severity, q.topics) == ("P2", WARN, frozenset({Topic.BASELINE}))
    assert q.addresses == ("mh.csv!row 4!MHSTDTC", "mh.csv!row 5!MHSTDTC")
    assert q.message == (
        "The diagnosis is dated 2019-09-03, after treatment had begun: Hyper-CVAD 2019-03-12. "
        "It would fit if day and month were swapped (2019-03-09)."
    )


def test_day_zero_that_is_the_diagnosis_is_not_compared_with_itself(reference_protocol: Protocol) -> None:
    from chartline.protocol.treatment import IndexEvent

    event = IndexEvent.model_validate({"label": "diagnosis", "from": "MH", "where": "MHCAT == 'DIAGNOSIS'"})
    protocol = reference_protocol.model_copy(update={"treatment": None, "index": event})
    mh = "USUBJID|MHCAT|MHTERM|MHSTDTC\nP1|DIAGNOSIS|B-ALL|2019-06-01\nP2|DIAGNOSIS|B-ALL|2020-06-01"
    assert asked(protocol, "diagnosis_order", MH=mh) == []


# --- line_order


@pytest.mark.parametrize(
    ("second", "n"), [("2019-02-28", 1), ("2019-03-01", 0), ("2019-03", 0), ("2019-02", 1), ("2019", 0), ("", 0)]
)
def test_a_second_line_that_began_before_the_first(reference_protocol: Protocol, second: str, n: int) -> None:
    mh = (
        f"USUBJID|MHCAT|MHTERM|MHSTDTC|MHSEQN\nP2|PRIOR LINE|FLAG-Ida|{second}|2\nP2|PRIOR LINE|Hyper-CVAD|2019-03-01|1"
    )
    queries = asked(reference_protocol, "line_order", MH=mh)
    assert len(queries) == n
    if n:
        assert queries[0].addresses == ("mh.csv!row 2!MHSTDTC", "mh.csv!row 3!MHSTDTC")
        assert queries[0].message == (
            f"Line 2 (FLAG-Ida) began on {second}, before line 1 (Hyper-CVAD), which began on 2019-03-01."
        )


# --- assessment_order

CYCLES = DOSES + "    P2 | 2020-02-01 | 2 | 1 | 0.5 | 1.0\n"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("2020-01-28", "2020-02-25", None),
        ("2020-01-28", "2020-02-01", None),  # the day on which the cycle was begun
        ("2019-12-31", "2020-02-25", "after cycle 1 is dated 2019-12-31, before the first dose (2020-01-01)"),
        ("2020-01-28", "2020-01-31", "after cycle 2 is dated 2020-01-31, before cycle 2 was begun (2020-02-01)"),
        ("2020-03-10", "2020-02-25", "before the assessment of an earlier cycle (2020-03-10)"),
        ("2020-01", "2020-01", "after cycle 2 is dated 2020-01, before cycle 2 was begun"),
        ("2019", "2020", "after cycle 1 is dated 2019, before the first dose"),
    ],
)
def test_assessments_out_of_order(reference_protocol: Protocol, first: str, second: str, said: str | None) -> None:
    rs = f"USUBJID|RSDTC|RSCYCLE|BMBLAST\nP1|2019-12-30|0|50\nP1|2020-01-28|1|2\nP2|{first}|1|2\nP2|{second}|2|2"
    queries = asked(reference_protocol, "assessment_order", EX=CYCLES, RS=rs)
    assert bool(queries) == (said is not None)
    if said:
        assert said in one(queries).message
        assert queries[0].topics == {Topic.RESPONSE}


def test_an_assessment_of_the_year_before_names_the_slip(reference_protocol: Protocol) -> None:
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST\nP2|2019-01-28|1|2"
    q = one(asked(reference_protocol, "assessment_order", RS=rs))
    assert q.message.endswith("It would fit if the year was typed one year too early (2020-01-28).")
    assert q.addresses == ("rs.csv!row 2!RSDTC", "ex.csv!row 3!EXSTDTC")


# --- same_day_events


@pytest.mark.parametrize(
    ("tables", "addresses", "topic"),
    [
        (
            {"MH": "USUBJID|MHCAT|MHTERM|MHSTDTC\nP2|DIAGNOSIS|B-ALL|1979-08-11"},
            ("dm.csv!row 3!BRTHDTC", "mh.csv!row 2!MHSTDTC"),
            Topic.BASELINE,
        ),
        (
            {"SS": "USUBJID|RELAPSE|RELDTC|LKADTC\nP2|Y|2020-01-01|2021-01-01"},
            ("ss.csv!row 2!RELDTC", "ex.csv!row 3!EXSTDTC"),
            Topic.RELAPSE,
        ),
        (
            {"PR": "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP2|ALLOGENEIC HSCT|Y|AFTER|2020-01-01"},
            ("pr.csv!row 2!PRSTDTC", "ex.csv!row 3!EXSTDTC"),
            Topic.TRANSPLANT,
        ),
        (
            {
                "RS": "USUBJID|RSDTC|RSCYCLE|BMBLAST|INVRESP\nP2|2020-01-28|1|2|CR",
                "SS": "USUBJID|RELAPSE|RELDTC|LKADTC\nP2|Y|2020-01-28|2021-01-01",
            },
            ("ss.csv!row 2!RELDTC", "rs.csv!row 2!RSDTC"),
            Topic.RELAPSE,
        ),
    ],
)
def test_two_facts_that_cannot_fall_on_one_day(
    reference_protocol: Protocol, tables: dict[str, str], addresses: tuple[str, ...], topic: Topic
) -> None:
    q = one(asked(reference_protocol, "same_day_events", **tables))
    assert (q.addresses, q.topics) == (addresses, frozenset({topic}))


def test_an_observation_period_may_begin_at_birth(reference_protocol: Protocol) -> None:
    ss = "USUBJID|LKADTC|OBSSTDTC|OBSENDTC\nP1|2021-01-01||\nP2|2021-01-01|1979-08-11|2021-01-01"
    assert asked(reference_protocol, "same_day_events", SS=ss) == []
    ended = ss.replace("1979-08-11|2021-01-01", "1979-08-01|1979-08-11")
    one(asked(reference_protocol, "same_day_events", SS=ended))


def test_a_day_apart_or_a_month_alone_is_not_one_day(reference_protocol: Protocol) -> None:
    mh = "USUBJID|MHCAT|MHTERM|MHSTDTC\nP2|DIAGNOSIS|B-ALL|1979-08-12"
    ss = "USUBJID|RELAPSE|RELDTC|LKADTC\nP1|Y|2020-01-02|2021-01-01\nP2|Y|2020-01|2021-01-01"
    pr = "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP2|ALLOGENEIC HSCT|Y|BEFORE|2020-01-01"  # infused, then day 0
    assert asked(reference_protocol, "same_day_events", MH=mh, SS=ss, PR=pr) == []


# --- placeholder_date, age_implausible


@pytest.mark.parametrize(
    ("date", "n"),
    [("1899-12-30", 1), ("1900-01-05", 1), ("1904-01-06", 1), ("1904-12-31", 1), ("1905-01-01", 0), ("1753-01-01", 1)],
)
def test_a_date_that_software_writes_for_nothing(reference_protocol: Protocol, date: str, n: int) -> None:
    dm = PEOPLE.replace("1979-08-11", date).replace("| M   | 40", "| M   |   ")
    queries = asked(reference_protocol, "placeholder_date", DM=dm)
    assert len(queries) == n
    if n:
        assert (queries[0].severity, queries[0].topics) == (BLOCK, frozenset({Topic.ELIGIBILITY}))
        assert queries[0].message == f"The date {date} is one that software writes where there is none."


@pytest.mark.parametrize(("date", "n"), [("1970-01-01", 1), ("1970-01-02", 0), ("1970-01", 0)])
def test_the_empty_date_of_programming_languages(reference_protocol: Protocol, date: str, n: int) -> None:
    mh = f"USUBJID|MHCAT|MHTERM|MHSTDTC\nP2|DIAGNOSIS|B-ALL|{date}"
    born = PEOPLE.replace("1979-08-11", "1970-01-01").replace("| 40", "| 50").replace("1980-06-01", "1950-06-01")
    queries = asked(reference_protocol, "placeholder_date", DM=born.replace("| 39", "| 69"), MH=mh)
    assert [q.addresses for q in queries] == [("mh.csv!row 2!MHSTDTC",)] * n  # the date of birth is left alone


def test_a_placeholder_is_not_asked_again_as_a_date_before_birth(reference_protocol: Protocol) -> None:
    mh = "USUBJID|MHCAT|MHTERM|MHSTDTC\nP2|DIAGNOSIS|B-ALL|1900-01-05"
    assert asked(reference_protocol, "before_birth", MH=mh) == []
    assert len(asked(reference_protocol, "placeholder_date", MH=mh)) == 1


@pytest.mark.parametrize(
    ("birth", "age", "said"),
    [
        ("1920-01-01", "", None),  # 100 years old on 2020-01-01
        ("1919-01-01", "", "Born 1919-01-01, the patient would have been 101 years old at first dose."),
        ("1919-01-01", "101", "Born 1919-01-01, the patient would have been 101 years old at first dose."),
        ("1919-01-01", "39", None),  # another question: age_mismatch
        ("1919", "", None),  # it may be 1919-12-31: 100 years old
        ("", "139", "The recorded age is 139 years."),
        ("", "-1", "The recorded age is -1 years."),
        ("", "99", None),
    ],
)
def test_an_age_that_nobody_has(reference_protocol: Protocol, birth: str, age: str, said: str | None) -> None:
    dm = f"USUBJID|BRTHDTC|SEX|AGE\nP1|1980-06-01|F|39\nP2|{birth}|M|{age}"
    assert [q.message for q in asked(reference_protocol, "age_implausible", DM=dm)] == ([said] if said else [])


# --- year_slip


@pytest.mark.parametrize(
    ("day", "n"),
    [
        ("2019-01-02", 1),
        ("2019-01-01", 1),  # one year later: the first dose
        ("2018-12-31", 0),
        ("2019-03-01", 1),  # 2020-03-01 is 60 days after the last dose
        ("2019-03-02", 0),
        ("2019-12-20", 0),
    ],
)
def test_a_sample_one_year_before_treatment(reference_protocol: Protocol, day: str, n: int) -> None:
    lb = f"USUBJID|LBTESTCD|LBDTC|LBORRES|LBSTRESN\nP1|PLT|2020-01-02|50|50\nP2|PLT|{day}|50|50\nP2|ANC|{day}|1|1"
    queries = asked(reference_protocol, "year_slip", LB=lb)
    assert len(queries) == n
    if n:
        assert queries[0].addresses == ("lb.csv!row 3!LBDTC",)
        assert "one year later would be during treatment" in queries[0].message


def test_old_results_of_many_days_or_of_the_diagnosis_are_no_slip(reference_protocol: Protocol) -> None:
    head = "USUBJID|LBTESTCD|LBDTC|LBORRES|LBSTRESN"
    many = rows(head, *(f"P2|PLT|2019-01-{d:02}|50|50" for d in (2, 3, 4, 5)))
    assert asked(reference_protocol, "year_slip", LB=many) == []
    assert len(asked(reference_protocol, "year_slip", LB=many.rpartition("\n")[0])) == 1
    known = "USUBJID|MHCAT|MHTERM|MHSTDTC\nP2|DIAGNOSIS|B-ALL|2019-01-20"
    assert asked(reference_protocol, "year_slip", LB=rows(head, "P2|PLT|2019-01-02|50|50"), MH=known) == []


# --- columns


def lines_on(days: list[int], subject: str = "P{i}") -> str:
    starts = (f"{subject.format(i=i)}|PRIOR LINE|x|20{10 + i % 9}-{i % 12 + 1:02}-{d:02}" for i, d in enumerate(days))
    return rows("USUBJID|MHCAT|MHTERM|MHSTDTC", *starts)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ([1, 1, 1, 2, 5, 9, 16, 20, 25, 28], None),  # 3 of 10: once in 270
        (
            [1, 1, 1, 1, 5, 9, 16, 20, 25, 28],
            "4 of the 10 dates of the history (diagnosis, earlier treatment) are on the first",
        ),
        ([15, 15, 15, 15, 5, 9, 16, 20, 25, 28], "are on the 15th of a month"),
        ([1, 1, 1, 1, 5, 9, 16, 20, 25], None),  # nine dates are too few
    ],
)
def test_too_many_dates_on_the_first_of_a_month(
    reference_protocol: Protocol, days: list[int], said: str | None
) -> None:
    queries = asked(reference_protocol, "first_of_month_heaping", MH=lines_on(days, "Q{i}"))
    assert bool(queries) == (said is not None)
    if said:
        q = one(queries)
        assert said in q.message and "one time in 4,793" in q.message  # 1 / 0.0002086
        assert (q.subject, q.severity) == ("", WARN)
        assert len(q.addresses) == 4


def test_a_centre_that_counts_days_has_no_weekdays_and_no_months(reference_protocol: Protocol) -> None:
    mh = lines_on([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "Q{i}")
    for rule in ("first_of_month_heaping", "weekend_heaping", "days_never_above_12", "placeholder_date"):
        assert asked(reference_protocol, rule, counting_days=True, MH=mh) == []


def doses_on(weekends: int, others: int) -> str:
    """First doses of so many patients on Saturdays, and of others on Wednesdays, a week apart."""
    saturday, wednesday = dt.date(2019, 1, 5), dt.date(2019, 1, 9)
    days = [saturday + dt.timedelta(7 * i) for i in range(weekends)]
    days += [wednesday + dt.timedelta(7 * i) for i in range(others)]
    return rows("USUBJID|EXSTDTC|EXDOSM2", *(f"Q{i}|{d}|0.8" for i, d in enumerate(days)))


@pytest.mark.parametrize(
    ("weekends", "others", "n"),
    [(12, 8, 0), (13, 7, 1), (13, 6, 0), (0, 60, 0)],  # R: 0.0033 and 0.00077; 19 patients are too few; clinics rest
)
def test_planned_dates_at_weekends(reference_protocol: Protocol, weekends: int, others: int, n: int) -> None:
    queries = asked(reference_protocol, "weekend_heaping", EX=doses_on(weekends, others))
    assert len(queries) == n
    if n:
        assert "13 of the 20 dates of doses (the first of each patient) are at weekends; about 6" in queries[0].message


@pytest.mark.parametrize(("deaths", "n"), [(20, 0), (21, 1)])  # (5/7)^20 = 0.0012, (5/7)^21 = 0.00085
def test_deaths_on_working_days_alone(reference_protocol: Protocol, deaths: int, n: int) -> None:
    wednesday = dt.date(2020, 2, 5)
    days = [wednesday + dt.timedelta(7 * i) for i in range(deaths)]
    ss = rows("USUBJID|DTHFL|DTHDTC|LKADTC", *(f"Q{i}|Y|{d}|{d}" for i, d in enumerate(days)))
    queries = asked(reference_protocol, "weekend_heaping", SS=ss)
    assert [q.message.partition(" (")[0] for q in queries] == ["21 of the 21 dates of death"] * n


def marrows_on(days: list[int]) -> str:
    dates = (f"Q{i % 4}|{2020 + i // 4}-{i % 12 + 1:02}-{d:02}|2" for i, d in enumerate(days))
    return rows("USUBJID|RSDTC|BMBLAST", *dates)


@pytest.mark.parametrize(
    ("days", "n"),
    [
        ([2, 4, 5, 7, 9, 10, 11, 12], 1),  # 0.394^8 = 0.0006
        ([2, 4, 5, 7, 9, 10, 11], 0),  # 0.394^7 = 0.0015
        ([2, 4, 5, 7, 9, 10, 11, 13], 0),
    ],
)
def test_days_that_are_months(reference_protocol: Protocol, days: list[int], n: int) -> None:
    queries = asked(reference_protocol, "days_never_above_12", RS=marrows_on(days))
    assert [q.message for q in queries] == [
        "None of the 8 dates of marrows and assessments has a day after the 12th of the month."
    ] * n


def test_dates_of_two_patients_say_nothing_of_a_column(reference_protocol: Protocol) -> None:
    days = marrows_on([2, 4, 5, 7, 9, 10, 11, 12]).replace("Q2", "Q0").replace("Q3", "Q1")
    assert asked(reference_protocol, "days_never_above_12", RS=days) == []


@pytest.mark.parametrize(("shift", "n"), [(0, 0), (-1462, 1), (1462, 1), (-1600, 0), (-30, 0)])
def test_a_file_of_the_other_date_system(reference_protocol: Protocol, shift: int, n: int) -> None:
    zero = dt.date(2020, 1, 1)
    ex = rows("USUBJID|EXSTDTC|EXDOSM2", *(f"Q{i}|{zero}|0.8" for i in range(3)))
    samples = (f"Q{i}|PLT|{zero + dt.timedelta(d + shift)}|50|50" for i in range(3) for d in (0, 7, 14))
    queries = asked(
        reference_protocol, "date_system", EX=ex, LB=rows("USUBJID|LBTESTCD|LBDTC|LBORRES|LBSTRESN", *samples)
    )
    assert len(queries) == n
    if n:
        side = "before" if shift < 0 else "after"
        assert f"The 9 dates of samples lie about 1,462 days {side} the first dose" in queries[0].message


@pytest.mark.parametrize(("same", "apart", "n"), [(4, 4, 1), (4, 5, 0), (3, 0, 0)])
def test_living_patients_last_seen_on_one_day(reference_protocol: Protocol, same: int, apart: int, n: int) -> None:
    days = ["2023-06-30"] * same + [f"2022-05-{d + 1:02}" for d in range(apart)]
    ss = rows("USUBJID|DTHFL|LKADTC", *(f"Q{i}|N|{d}" for i, d in enumerate(days)), "R1|Y|2023-06-30")
    queries = asked(reference_protocol, "last_contact_shared", SS=ss)
    said = ["4 of 8 living patients have the same date last known alive, 2023-06-30."]
    assert [q.message for q in queries] == said * n


# --- the arithmetic


@pytest.mark.parametrize(
    ("k", "n", "share", "p"),
    [
        (3, 10, 12 / 365.25, 0.003576831152),
        (4, 10, 12 / 365.25, 0.0002086306846),
        (12, 20, 2 / 7, 0.003294722777),
        (13, 20, 2 / 7, 0.0007687636919),
        (287001, 1_000_000, 2 / 7, 0.002213358551),
    ],
)
def test_the_exact_binomial_test_is_that_of_r(k: int, n: int, share: float, p: float) -> None:
    assert chance_of_at_least(k, n, share) == pytest.approx(p, rel=1e-8)


def test_the_other_tail() -> None:
    assert chance_of_at_most(0, 21, 2 / 7) == pytest.approx((5 / 7) ** 21, rel=1e-12)
    assert chance_of_at_least(0, 21, 2 / 7) == 1.0


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        ("2020-06-10", "2020-09-01", "2020-12-31", "It would fit if day and month were swapped (2020-10-06)."),
        (
            "2020-06-20",
            "2021-01-01",
            "2021-12-31",
            "It would fit if the year was typed one year too early (2021-06-20).",
        ),
        (
            "1920-06-20",
            "2020-01-01",
            "2020-12-31",
            "It would fit if the year was typed in the wrong century (2020-06-20).",
        ),
        ("2020-06-10", "2020-09-01", "2021-12-31", ""),  # two slips would do: it would be a guess
        ("2020-06", "2020-09-01", "2021-12-31", ""),
        ("2020-02-29", "2021-01-01", "2021-12-31", ""),
    ],
)
def test_the_slip_that_would_explain_a_date(value: str, low: str, high: str, said: str) -> None:
    assert likely_slip(value, dt.date.fromisoformat(low), dt.date.fromisoformat(high)) == said


@pytest.mark.parametrize(
    ("rule", "tables", "said"),
    [
        (
            "relapse_order",
            {"SS": "USUBJID|RELAPSE|RELDTC|LKADTC\nP2|Y|2019-06-20|2021-01-01"},
            "The relapse is dated before the first dose. "
            "It would fit if the year was typed one year too early (2020-06-20).",
        ),
        (
            "relapse_order",
            {"SS": "USUBJID|RELAPSE|RELDTC|LKADTC\nP2|Y|2018-06-20|2021-01-01"},
            "The relapse is dated before the first dose.",  # no single slip would do
        ),
        (
            "procedure_timing",
            {"PR": "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP2|ALLOGENEIC HSCT|Y|AFTER|2019-04-28"},
            "Allogeneic HSCT is recorded as after the index treatment, but its date is before the first dose. "
            "It would fit if the year was typed one year too early (2020-04-28).",
        ),
        (
            "after_death",
            {"SS": "USUBJID|DTHFL|DTHDTC\nP2|Y|2019-12-28"},
            "Death on 2019-12-28 is before other records: dose on 2020-01-01. "
            "It would fit if the year was typed one year too early (2020-12-28).",
        ),
    ],
)
def test_a_date_out_of_order_names_the_slip_that_would_explain_it(
    reference_protocol: Protocol, rule: str, tables: dict[str, str], said: str
) -> None:
    assert one(asked(reference_protocol, rule, **tables)).message == said


# --- date_in_future


def without_cut_off(protocol: Protocol) -> Protocol:
    return protocol.model_copy(update={"data": protocol.data.model_copy(update={"cut_off": None})})


def last_seen(*days: str) -> dict[str, str]:
    """Five patients, the last of them P2, and the days on which they were last known alive."""
    numbers = ("P1", "P3", "P4", "P5", "P2")
    return {
        "DM": rows("USUBJID|BRTHDTC|SEX", *(f"{n}|19{60 + i}-06-01|F" for i, n in enumerate(numbers))),
        "EX": rows("USUBJID|EXSTDTC|EXDOSM2", *(f"{n}|2020-01-01|0.8" for n in numbers)),
        "SS": rows("USUBJID|LKADTC|DTHFL", *(f"{n}|{d}|N" for n, d in zip(numbers, days, strict=True))),
    }


OTHERS = ("2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01")


@pytest.mark.parametrize(("seen", "n"), [("2022-04-30", 0), ("2022-05-01", 1), ("2022-05", 1), ("2022", 0)])
def test_a_date_long_after_everybody_else(reference_protocol: Protocol, seen: str, n: int) -> None:
    queries = asked(without_cut_off(reference_protocol), "date_in_future", **last_seen(*OTHERS, seen))
    assert [(q.subject, q.severity, q.topics) for q in queries] == [("P2", BLOCK, {Topic.FOLLOW_UP})] * n
    for q in queries:
        assert q.message == (
            f"The date {seen} lies long after the last date of every other patient of the study, 2021-05-01."
        )


def test_two_patients_in_the_future_are_the_study(reference_protocol: Protocol) -> None:
    protocol = without_cut_off(reference_protocol)
    assert asked(protocol, "date_in_future", **last_seen(*OTHERS[:3], "2024-01-01", "2024-06-01")) == []


def test_a_study_with_a_cut_off_knows_the_future(reference_protocol: Protocol) -> None:
    assert asked(reference_protocol, "date_in_future", **last_seen(*OTHERS, "2031-01-01")) == []
