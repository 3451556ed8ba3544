"""What is asked about who a patient is: one person under two numbers, another person's results, the wrong sex.

No centre is told what stands at another: only what agrees, and a code that both can quote.
"""

from __future__ import annotations

import pytest

from chartline.checks.persons import pair_code
from chartline.core.query import Query, Severity, Topic
from chartline.protocol.model import Protocol
from checks_cases import asked, rows

PEOPLE = "CENTRE|USUBJID|BRTHDTC|SEX"
DOSES = "CENTRE|USUBJID|EXSTDTC|EXDOSM2"
DIAGNOSES = "CENTRE|USUBJID|MHCAT|MHTERM|MHSTDTC"


def two(protocol: Protocol, rule: str, first: str, second: str) -> list[Query]:
    """Two records `centre|number|birth|sex|first dose|diagnosis`."""
    a, b = first.split("|"), second.split("|")
    return asked(
        protocol,
        rule,
        DM=rows(PEOPLE, *("|".join(r[:4]) for r in (a, b))),
        EX=rows(DOSES, *(f"{r[0]}|{r[1]}|{r[4]}|0.8" for r in (a, b))),
        MH=rows(DIAGNOSES, *(f"{r[0]}|{r[1]}|DIAGNOSIS|B-ALL|{r[5]}" for r in (a, b))),
        SS=rows("CENTRE|USUBJID|LKADTC", *(f"{r[0]}|{r[1]}|2022-01-01" for r in (a, b))),
    )


# --- same_person, subject_spelled_twice

KNOWN = "A|Q1|1980-06-01|F|2020-01-01|2019-06-01"


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("A|Q2|1980-06-01|F|2020-01-01|2019-07-01", "Q2 has the same date of birth, sex and first dose as Q1."),
        ("A|Q2|1980-06-01|F|2020-02-01|2019-06-01", "Q2 has the same date of birth, sex and date of diagnosis as Q1."),
        ("A|Q2|1980-06-01|F|2020-01-01|2019-06-01", "Q2 has the same date of birth, sex and first dose as Q1."),
        ("A|Q2|1980-06-01|M|2020-01-01|2019-06-01", None),
        ("A|Q2|1980-06-02|F|2020-01-01|2019-06-01", None),
        ("A|Q2|1980-06-01|F|2020-01-02|2019-06-02", None),
        ("A|Q2|1980-06|F|2020-01-01|2019-06-01", None),  # a month of birth is shared by many
        ("B|Q2|1980-06-01|F|2020-01-01|2019-06-01", None),  # the protocol's `duplicates` counts them once
    ],
)
def test_one_person_under_two_numbers_of_a_centre(reference_protocol: Protocol, second: str, said: str | None) -> None:
    queries = two(reference_protocol, "same_person", KNOWN, second)
    assert [q.message for q in queries] == ([said] if said else [])
    for q in queries:
        assert (q.subject, q.severity, q.topics) == ("Q2", Severity.WARN, frozenset({Topic.IDENTITY}))
        assert q.addresses == ("dm.csv!row 3!BRTHDTC", "dm.csv!row 2!BRTHDTC")


@pytest.mark.parametrize(
    ("number", "n"),
    [("A-1", 1), ("a 01", 1), ("A001", 1), ("A-01.", 1), ("A-10", 0), ("A-011", 0), ("B-01", 0), ("A-0-1", 0)],
)
def test_one_number_spelled_in_two_ways(reference_protocol: Protocol, number: str, n: int) -> None:
    dm = f"USUBJID|SEX\nA-01|F\n{number}|F"
    queries = asked(reference_protocol, "subject_spelled_twice", DM=dm)
    assert [q.message for q in queries] == [f"The number {number} differs from A-01 only in its spelling."] * n


# --- same_person_elsewhere


@pytest.mark.parametrize(
    ("second", "said"),
    [
        # counted once by `duplicates: {match: [BRTHDT, SEX, TRTSDT]}`, so not asked
        ("B|Q2|1980-06-01|F|2020-01-01|2019-06-01", None),
        ("B|Q2|1980-06-01|F|2020-01-01|2018-06-01", None),
        (
            "B|Q2|1980-06-01|M|2020-01-01|2019-06-01",
            "the same date of birth, first dose and date of diagnosis, but not the same sex.",
        ),
        (
            "B|Q2|1980-06-01|F|2021-03-01|2019-06-01",  # treated again elsewhere
            "the same date of birth, sex and date of diagnosis, but not the same first dose.",
        ),
        (
            "B|Q2|1980-01-06|F|2020-01-01|2019-06-01",
            "the same sex, first dose and date of diagnosis, but not the same date of birth.",
        ),
        (
            "B|Q2|1981-06-01|F|2020-01-01|2019-06-01",
            "the same sex, first dose and date of diagnosis, but not the same date of birth.",
        ),
        ("B|Q2|1981-07-01|F|2020-01-01|2019-06-01", None),  # two parts of the birth differ: chance
        ("B|Q2|1981-06-01|M|2020-01-01|2019-06-01", None),
        ("B|Q2|1980-06-01|F|2020-02-01|2019-07-01", None),  # a birthday and a sex are shared by many
        ("A|Q2|1980-06-01|M|2020-01-01|2019-06-01", None),  # one centre: same_person
    ],
)
def test_nearly_one_person_at_two_centres(reference_protocol: Protocol, second: str, said: str | None) -> None:
    queries = two(reference_protocol, "same_person_elsewhere", KNOWN, second)
    assert [(q.centre, q.subject) for q in queries] == ([("A", "Q1"), ("B", "Q2")] if said else [])
    for q in queries:
        assert said and f"A record at another centre has {said}" in q.message


def test_no_centre_is_told_what_stands_at_the_other(reference_protocol: Protocol) -> None:
    here, there = two(reference_protocol, "same_person_elsewhere", KNOWN, "B|Q2|1980-01-06|F|2020-01-01|2019-06-01")
    assert (here.addresses, there.addresses) == (("dm.csv!row 2!BRTHDTC",), ("dm.csv!row 3!BRTHDTC",))
    told = f"{here.message} {here.saw} {here.ask}"
    assert "1980-01-06" not in told and "Q2" not in told
    assert here.message[-5:] == there.message[-5:]  # the code of the pair, and a full stop


def test_the_code_of_a_pair_is_keyed_by_the_study_and_short() -> None:
    facts = ("F", "2020-01-01", "2019-06-01")
    assert pair_code("STUDY-1", facts) == pair_code("STUDY-1", list(facts))
    assert pair_code("STUDY-1", facts) != pair_code("STUDY-2", facts)
    assert len(pair_code("STUDY-1", facts)) == 4  # 65,536 codes for millions of possible patients


# --- panel_copied


def panel(subject: str, day: str, *values: float, tests: str = "HB WBC ANC PLT ALT AST") -> list[str]:
    return [f"{subject}|{t}|{day}|{v}|{v}" for t, v in zip(tests.split(), values, strict=False)]


@pytest.mark.parametrize(
    ("other", "n"),
    [
        (panel("P2", "2020-01-05", 80, 2.1, 0.4, 33, 21), 1),
        (panel("P2", "2020-01-05", 80, 2.1, 0.4, 33), 0),  # the first patient has one test more
        (panel("P2", "2020-01-05", 80, 2.1, 0.4, 33, 22), 0),
        (panel("P2", "2020-01-06", 80, 2.1, 0.4, 33, 21), 0),
    ],
)
def test_the_results_of_another_patient(reference_protocol: Protocol, other: list[str], n: int) -> None:
    lb = rows("USUBJID|LBTESTCD|LBDTC|LBORRES|LBSTRESN", *panel("P1", "2020-01-05", 80, 2.1, 0.4, 33, 21), *other)
    queries = asked(reference_protocol, "panel_copied", LB=lb)
    assert [q.message for q in queries] == ["On 2020-01-05 all 5 results of P2 are those of P1."] * n
    if n:
        assert queries[0].addresses == ("lb.csv!row 7!LBDTC", "lb.csv!row 2!LBDTC")


def test_four_equal_results_may_be_chance(reference_protocol: Protocol) -> None:
    same = (80, 2.1, 0.4, 33)
    lb = rows(
        "USUBJID|LBTESTCD|LBDTC|LBORRES|LBSTRESN", *panel("P1", "2020-01-05", *same), *panel("P2", "2020-01-05", *same)
    )
    assert asked(reference_protocol, "panel_copied", LB=lb) == []


# --- sex_of_term


@pytest.mark.parametrize(
    ("sex", "term", "n"),
    [
        ("M", "Vaginal haemorrhage", 1),
        ("M", "Pregnancy", 1),
        ("M", "Pregnancy test negative", 0),
        ("M", "Donor: mother, pregnant twice", 0),
        ("M", "Testicular relapse", 0),
        ("F", "Testicular relapse", 1),
        ("F", "Ovarian cyst", 0),
        ("F", "Cervical lymph node", 0),
        ("U", "Ovarian cyst", 0),
    ],
)
def test_a_record_of_the_other_sex(reference_protocol: Protocol, sex: str, term: str, n: int) -> None:
    dm = f"USUBJID|BRTHDTC|SEX\nP2|1980-06-01|{sex}"
    ae = f"USUBJID|AETERM|AESTDTC\nP2|{term}|2020-01-05"
    queries = asked(reference_protocol, "sex_of_term", DM=dm, AE=ae, EX="USUBJID|EXSTDTC\nP2|2020-01-01")
    named = {"M": "male", "F": "female"}.get(sex)
    assert [q.message for q in queries] == [f"The patient is recorded as {named}, but `{term}` is recorded."] * n
    if n:
        assert queries[0].addresses == ("dm.csv!row 2!SEX", "ae.csv!row 2!AETERM")
