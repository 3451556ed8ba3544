"""What is asked about doses, cycles, transplantation and the treatments before and after.

P1 is sound; P2 breaks the rule. The example protocol: at most 0.8 mg/m2, three doses a cycle.
"""

from __future__ import annotations

import pytest

from chartline.core.query import Query, Severity, Topic
from chartline.protocol.model import Protocol
from chartline.protocol.treatment import EventSource, IndexEvent, PriorTherapy
from checks_cases import PEOPLE, asked, rows

BLOCK, WARN = Severity.BLOCK, Severity.WARN
HEAD = "USUBJID|EXSTDTC|EXCYCLE|EXCYDAY|EXDOSM2|EXDOSE"
SOUND = ("P1|2020-01-01|1|1|0.8|1.6", "P1|2020-01-08|1|8|0.5|1.0")


def given(protocol: Protocol, rule: str, *doses: str, **tables: str) -> list[Query]:
    """Doses of P2 as `date|cycle|day|mg/m2|mg`, all of them from the second field on optional."""
    lines = [f"P2|{d}" + "|" * (4 - d.count("|")) for d in doses]
    return asked(protocol, rule, EX=rows(HEAD, *SOUND, *lines), **tables)


# --- cycle_skipped


@pytest.mark.parametrize(
    ("cycles", "said"),
    [
        ("1 2 3", None),
        ("1 1 2", None),
        ("1 3", "Doses of cycle 3 are recorded after those of cycle 1, but none of cycle 2."),
        ("1 2 5", "Doses of cycle 5 are recorded after those of cycle 2, but none of cycles 3 to 4."),
        ("2 3", "Doses of cycle 2 are recorded, but none of cycle 1."),
        ("3", "Doses of cycle 3 are recorded, but none of cycles 1 to 2."),
    ],
)
def test_a_cycle_left_out(reference_protocol: Protocol, cycles: str, said: str | None) -> None:
    doses = [f"2020-0{i}-01|{c}|1" for i, c in enumerate(cycles.split(), 1)]
    assert [q.message for q in given(reference_protocol, "cycle_skipped", *doses)] == ([said] if said else [])


def test_a_source_without_cycle_numbers_left_none_out(reference_protocol: Protocol) -> None:
    assert given(reference_protocol, "cycle_skipped", "2020-01-01", "2020-02-01") == []


# --- cycle_order


@pytest.mark.parametrize(
    ("doses", "severity", "said"),
    [
        (["2020-01-01|1|1", "2020-01-08|1|8", "2020-02-01|2|1"], None, ""),
        (["2020-01-01|1|1", "2020-01-08|1|", "2020-02-01|2|1"], None, ""),
        (
            ["2020-01-08|1|1", "2020-01-01|1|8"],
            BLOCK,
            "Cycle 1 day 1 is dated 2020-01-08, after cycle 1 day 8 (2020-01-01). "
            "The date of the first dose is in doubt.",
        ),
        (
            ["2020-01-01|1|1", "2020-09-01|1|8", "2020-01-15|1|15"],
            WARN,
            "Cycle 1 day 8 is dated 2020-09-01, after cycle 1 day 15 (2020-01-15). "
            "It would fit if day and month were swapped (2020-01-09).",
        ),
        (
            ["2020-01-01|1|1", "2020-01-08|2|1", "2020-02-01|1|8"],
            WARN,
            "Cycle 1 day 8 is dated 2020-02-01, after cycle 2 day 1 (2020-01-08). "
            "It would fit if day and month were swapped (2020-01-02).",
        ),
        (["2020-01-08|1|8", "2020-01-08|1|1"], None, ""),  # two doses of one day: duplicate_dose
        (["2020-01|2|1", "2020-01-01|1|1"], None, ""),
    ],
)
def test_doses_out_of_order(
    reference_protocol: Protocol, doses: list[str], severity: Severity | None, said: str
) -> None:
    queries = given(reference_protocol, "cycle_order", *doses)
    assert [(q.severity, q.message) for q in queries] == ([(severity, said)] if severity else [])


def test_a_pair_out_of_order_is_not_asked_again_as_a_gap(reference_protocol: Protocol) -> None:
    doses = ("2020-01-01|1|1", "2020-01-15|1|15", "2020-08-01|1|8")
    assert len(given(reference_protocol, "cycle_order", *doses)) == 1
    assert given(reference_protocol, "dose_gap", *doses) == []


# --- doses_in_cycle, dose_slip, bsa_implausible


@pytest.mark.parametrize(
    ("days", "n"), [(("01", "08", "15"), 0), (("01", "08", "15", "22"), 1), (("01", "08", "15", "15"), 0)]
)
def test_more_doses_than_a_cycle_has(reference_protocol: Protocol, days: tuple[str, ...], n: int) -> None:
    queries = given(reference_protocol, "doses_in_cycle", *(f"2020-01-{d}|1|" for d in days))
    said = "Cycle 1 has 4 doses, from 2020-01-01 to 2020-01-22; a cycle has at most 3."
    assert [q.message for q in queries] == [said] * n
    if n:
        assert queries[0].addresses[0] == "ex.csv!row 7!EXSTDTC"


def test_a_protocol_that_does_not_say_what_a_cycle_is_asks_nothing_of_it(reference_protocol: Protocol) -> None:
    treatment = reference_protocol.treatment
    assert treatment
    plain = type(treatment).model_validate({"drug": treatment.drug, "label": treatment.label})
    protocol = reference_protocol.model_copy(update={"treatment": plain})
    assert given(protocol, "doses_in_cycle", *(f"2020-01-{d}|1|" for d in ("01", "08", "15", "22"))) == []


@pytest.mark.parametrize(
    ("doses", "n"),
    [
        (["0.8|1.6", "0.5|1.0", "0.05|0.1"], 1),
        (["0.8|1.6", "0.5|1.0", "0.126|"], 0),  # 3.97 times less than the median
        (["0.8|1.6", "0.5|1.0", "0.125|"], 1),  # 4 times
        (["|1.6", "|1.0", "|0.1"], 1),  # mg over 2 m2
        (["0.8|1.6", "0.05|0.1"], 0),  # two doses: which is usual?
        (["0.8|1.6", "0.5|1.0", "0.05|1.0"], 0),  # contradicted by its mg: dose_amount
        (["0.8|1.6", "0.5|1.0", "5|10"], 0),  # above the maximum: dose_amount
        (["0.8|1.6", "0.5|1.0", "0|"], 0),  # not above zero: dose_amount
    ],
)
def test_a_dose_far_from_the_others(reference_protocol: Protocol, doses: list[str], n: int) -> None:
    dated = [f"2020-01-{d:02}|1||{amount}" for d, amount in zip((1, 8, 15), doses, strict=False)]
    queries = given(reference_protocol, "dose_slip", *dated)
    assert len(queries) == n
    if n:
        assert queries[0].message.startswith("The dose on 2020-01-15 is 0.")
        assert queries[0].message.endswith("mg/m²; the patient's usual dose is 0.5.")


@pytest.mark.parametrize(("area", "n"), [("0.2", 0), ("0.19", 1), ("3", 0), ("3.01", 1), ("182", 1), ("1.82", 0)])
def test_a_body_surface_area_that_nobody_has(reference_protocol: Protocol, area: str, n: int) -> None:
    dm = PEOPLE.replace("| 40  | 2.0", f"| 40  | {area}")
    queries = given(reference_protocol, "bsa_implausible", "2020-01-01|1|1|0.8", DM=dm)
    assert [q.addresses for q in queries] == [("dm.csv!row 3!BSA",)] * n
    assert given(reference_protocol, "bsa_implausible", "2020-01-01|1|1|0.8|1.6", DM=dm) == []  # dose_amount


# --- therapy_overlap


@pytest.mark.parametrize(
    ("start", "end", "n"),
    [
        ("2019-06-01", "2020-01-01", 0),
        ("2019-06-01", "2020-01-02", 1),
        ("2019-06-01", "2020-01", 0),
        ("2019-06-01", "2020-02", 1),
        ("", "2020-01-02", 1),
        ("2020-01-02", "2020-02-01", 0),  # began after day 0: history_discordant
    ],
)
def test_an_earlier_line_that_ended_after_the_first_dose(
    reference_protocol: Protocol, start: str, end: str, n: int
) -> None:
    mh = f"USUBJID|MHCAT|MHTERM|MHSTDTC|MHENDTC\nP2|PRIOR LINE|FLAG-Ida|{start}|{end}"
    queries = given(reference_protocol, "therapy_overlap", "2020-01-01|1|1", MH=mh)
    assert [q.message for q in queries] == [f"FLAG-Ida ended on {end}, after the first dose (2020-01-01)."] * n
    if n:
        assert queries[0].addresses == ("mh.csv!row 2!MHENDTC", "ex.csv!row 4!EXSTDTC")


@pytest.mark.parametrize(("start", "n"), [("2020-02-01", 1), ("2020-02-02", 0), ("2020-02", 0), ("2020-01", 1)])
def test_a_new_therapy_before_the_last_dose(reference_protocol: Protocol, start: str, n: int) -> None:
    cm = f"USUBJID|CMCAT|CMTRT|CMSTDTC\nP2|SUBSEQUENT THERAPY|FLAG-Ida|{start}\nP2|G-CSF|Filgrastim|2020-01-20"
    queries = given(reference_protocol, "therapy_overlap", "2020-01-01|1|1", "2020-02-01|2|1", CM=cm)
    assert [q.message for q in queries] == [f"FLAG-Ida was begun on {start}, not after the last dose (2020-02-01)."] * n
    assert all(q.topics == {Topic.NEW_THERAPY} for q in queries)


# One list of lines before and after day 0, as OMOP's `episode`: what day 0 parts is no contradiction.


@pytest.mark.parametrize(
    ("start", "n"),
    [
        ("2019-06-01", 0),  # an earlier line
        ("2020-01-01", 0),  # the day of the first dose: an earlier line, by the rule of prior therapy
        ("2020-01-02", 1),
        ("2020-02-01", 1),  # the day of the last dose
        ("2020-02-02", 0),  # a new therapy
        ("2020-01", 0),  # perhaps before
    ],
)
def test_one_list_of_lines_is_parted_by_day_0(reference_protocol: Protocol, start: str, n: int) -> None:
    rows = {"source": "CM", "where": "CMCAT == 'REGIMEN'"}
    protocol = reference_protocol.model_copy(
        update={
            "prior_therapy": PriorTherapy.model_validate({"lines": rows, "recorded": {"SALVAGE": "LINES"}}),
            "new_therapy": EventSource.model_validate(rows),
        }
    )
    cm = f"USUBJID|CMCAT|CMTRT|CMSTDTC\nP2|REGIMEN|Hyper-CVAD|2019-01-05\nP2|REGIMEN|FLAG-Ida|{start}"
    queries = given(protocol, "therapy_overlap", "2020-01-01|1|1", "2020-02-01|2|1", CM=cm)
    assert [q.message for q in queries] == [f"FLAG-Ida was begun on {start}, not after the last dose (2020-02-01)."] * n
    earlier = 2 if start in ("2019-06-01", "2020-01-01", "2020-01") else 1
    for stated in (1, 2):
        mh = f"USUBJID|MHCAT|MHORRES\nP2|LINES|{stated}"
        told = given(protocol, "history_discordant", "2020-01-01|1|1", "2020-02-01|2|1", CM=cm, MH=mh)
        assert len(told) == (stated != earlier)


# --- transplantation


@pytest.mark.parametrize(
    ("transplant", "timing", "relapse", "n"),
    [
        ("2020-01-20", "AFTER", "", 1),
        ("2020-01-20", "", "", 1),
        ("2020-02-01", "AFTER", "", 0),  # the day of the last dose
        ("2020-01-20", "AFTER", "2020-01-28", 0),  # it came back
        ("2020-01-20", "AFTER", "2020-03-01", 1),
        ("2020-01", "AFTER", "", 1),
        ("2019-12-20", "", "", 0),
        ("2020-02", "AFTER", "", 0),
    ],
)
def test_a_dose_after_the_transplantation(
    reference_protocol: Protocol, transplant: str, timing: str, relapse: str, n: int
) -> None:
    pr = f"USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP2|ALLOGENEIC HSCT|Y|{timing}|{transplant}"
    ss = f"USUBJID|RELDTC|LKADTC\nP2|{relapse}|2021-01-01"
    queries = given(reference_protocol, "dose_after_transplant", "2020-01-01|1|1", "2020-02-01|2|1", PR=pr, SS=ss)
    assert [q.message for q in queries] == [
        f"A dose on 2020-02-01 comes after the transplantation on {transplant}, and no relapse between is recorded."
    ] * n
    if n:
        assert queries[0].addresses == ("ex.csv!row 5!EXSTDTC", "pr.csv!row 2!PRSTDTC")


@pytest.mark.parametrize(("second", "n"), [("2020-03-01", 0), ("2020-03-02", 1), ("2020-03-29", 1), ("2020-03-30", 0)])
def test_two_transplantations_a_few_days_apart(reference_protocol: Protocol, second: str, n: int) -> None:
    pr = rows("USUBJID|PRTRT|PROCCUR|PRSTDTC", *(f"P2|ALLOGENEIC HSCT|Y|{d}" for d in ("2020-03-01", second)))
    queries = given(reference_protocol, "procedure_twice", "2020-01-01|1|1", PR=pr)
    assert [q.addresses for q in queries] == [("pr.csv!row 3!PRSTDTC", "pr.csv!row 2!PRSTDTC")] * n


def test_a_transplantation_that_was_not_done_is_none(reference_protocol: Protocol) -> None:
    pr = "USUBJID|PRTRT|PROCCUR|PRSTDTC\nP2|ALLOGENEIC HSCT|Y|2020-03-01\nP2|ALLOGENEIC HSCT|N|2020-03-05"
    assert given(reference_protocol, "procedure_twice", "2020-01-01|1|1", PR=pr) == []


# --- drug_before_consent

CONSENT = "USUBJID | BRTHDTC | SEX | AGE | BSA | RFICDTC"


def consented(protocol: Protocol, on: str, **tables: str) -> list[Query]:
    """P1 consented on the day of the first dose, 2020-01-01; P2 on another day."""
    people = rows(CONSENT, "P1 | 1980-06-01 | F | 39 | 2 | 2020-01-01", f"P2 | 1979-08-11 | M | 40 | 2 | {on}")
    return asked(protocol, "drug_before_consent", DM=people, **tables)


@pytest.mark.parametrize(
    ("on", "said"),
    [
        ("2019-12-20", None),
        ("2020-01-01", None),
        ("", None),  # consent was waived
        ("2020-01", None),  # may be the first of January
        ("2020", None),
        ("2020-01-02", "The first dose was given on 2020-01-01, 1 day before the consent of 2020-01-02."),
        ("2020-02", "The first dose was given on 2020-01-01, at least 31 days before the consent of 2020-02."),
        (
            "2020-12-20",
            "The first dose was given on 2020-01-01, 354 days before the consent of 2020-12-20. It would fit if the "
            "year was typed one year too late (2019-12-20).",
        ),
    ],
)
def test_a_dose_before_the_consent(reference_protocol: Protocol, on: str, said: str | None) -> None:
    queries = consented(reference_protocol, on)
    assert [q.message for q in queries] == ([said] if said else [])
    assert all((q.severity, q.topics) == (WARN, {Topic.ELIGIBILITY}) for q in queries)
    assert all(q.addresses == ("dm.csv!row 3!RFICDTC", "ex.csv!row 3!EXSTDTC") for q in queries)


@pytest.mark.parametrize(("on", "n"), [("2020-01-29", 0), ("2020-01-30", 1)])
def test_the_window_in_which_consent_may_follow(reference_protocol: Protocol, on: str, n: int) -> None:
    protocol = reference_protocol.model_copy(update={"checks": {"drug_before_consent": {"days": 28}}})
    assert len(consented(protocol, on)) == n


def test_a_study_without_a_drug_asks_no_consent_to_it(reference_protocol: Protocol) -> None:
    event = IndexEvent.model_validate({"label": "diagnosis", "from": "MH", "where": "MHCAT == 'DIAGNOSIS'"})
    protocol = reference_protocol.model_copy(update={"treatment": None, "index": event})
    mh = "USUBJID|MHCAT|MHTERM|MHSTDTC\nP1|DIAGNOSIS|B-ALL|2019-06-01\nP2|DIAGNOSIS|B-ALL|2019-06-01"
    assert consented(protocol, "2020-06-01", MH=mh) == []


def test_two_dates_of_consent_differ(reference_protocol: Protocol) -> None:
    people = rows(CONSENT, "P1 | 1980-06-01 | F | 39 | 2 | 2019-12-20", *(
        f"P2 | 1979-08-11 | M | 40 | 2 | {on}" for on in ("2019-12-20", "2019-12-21")
    ))  # fmt: skip
    [query] = asked(reference_protocol, "statements_differ", DM=people)
    assert query.message == "Date of informed consent is stated in different ways: 2019-12-20, 2019-12-21."


def test_consent_after_death_is_asked_and_consent_after_the_cut_off_is_not(reference_protocol: Protocol) -> None:
    people = rows(CONSENT, "P1 | 1980-06-01 | F | 39 | 2 | 2031-01-01", "P2 | 1979-08-11 | M | 40 | 2 | 2021-06-01")
    ss = "USUBJID | LKADTC | DTHFL | DTHDTC\nP1 | 2021-01-01 | N |\nP2 | 2021-03-01 | Y | 2021-03-01"
    [query] = asked(reference_protocol, "after_death", DM=people, SS=ss)
    assert query.severity is WARN and "consent on 2021-06-01" in query.message
    assert asked(reference_protocol, "after_cut_off", DM=people) == []
