"""What is missing is asked once a patient and topic, or once a centre where none of its patients has it.

P1 of the small tables is whole; P2 lacks something. Three patients of a centre without it make a habit.
"""

from __future__ import annotations

import pytest

from chartline.core.query import Query, Severity, Topic
from chartline.protocol.model import Protocol
from checks_cases import asked, rows

WARN = Severity.WARN
NEEDED = ("DIAGNOSIS", "STATUS")


def one(queries: list[Query]) -> Query:
    assert len(queries) == 1, queries
    return queries[0]


def history(*lines: str) -> str:
    return rows("USUBJID|MHCAT|MHTERM|MHORRES", *lines)


def patients(*numbers: str, first: str = "2020-01-01") -> dict[str, str]:
    """Demographics, doses and last contacts of some patients of centre A."""
    return {
        "DM": rows("USUBJID|SEX|BRTHDTC", *(f"{n}|F|19{60 + i}-06-01" for i, n in enumerate(numbers))),
        "EX": rows("USUBJID|EXSTDTC|EXDOSM2", *(f"{n}|{first}|0.8" for n in numbers)),
        "SS": rows("USUBJID|LKADTC|DTHFL", *(f"{n}|2023-06-01|N" for n in numbers)),
    }


# --- eligibility_unknown


WHOLE = ("P1|DIAGNOSIS|B-ALL|", "P1|STATUS|Status|RELAPSED")


@pytest.mark.parametrize(
    ("lines", "said", "address"),
    [
        (("P2|DIAGNOSIS|B-ALL|", "P2|STATUS|Status|REFRACTORY"), None, ""),
        (("P2|DIAGNOSIS|B-ALL|",), "disease status", "dm.csv!row 3!USUBJID"),
        (("P2|DIAGNOSIS|B-ALL|", "P2|STATUS|Status|"), "disease status", "mh.csv!row 5!MHORRES"),
        ((), "diagnosis and disease status", "dm.csv!row 3!USUBJID"),
    ],
)
def test_who_belongs_to_the_study_must_be_known(
    reference_protocol: Protocol, lines: tuple[str, ...], said: str | None, address: str
) -> None:
    queries = asked(reference_protocol, "eligibility_unknown", MH=history(*WHOLE, *lines))
    assert bool(queries) == (said is not None)
    if said:
        q = one(queries)
        assert q.message == f"Whether this patient belongs to the study cannot be judged: {said} not recorded."
        assert (q.subject, q.severity, q.topics) == ("P2", WARN, frozenset({Topic.ELIGIBILITY}))
        assert q.addresses == (address,)


def test_an_age_is_a_date_of_birth_or_an_age(reference_protocol: Protocol) -> None:
    mh = history(*WHOLE, "P2|DIAGNOSIS|B-ALL|", "P2|STATUS|Status|RELAPSED")
    for birth, age, n in (("1980", "", 0), ("", "39", 0), ("", "", 1)):
        dm = f"USUBJID|BRTHDTC|SEX|AGE\nP1|1980-06-01|F|39\nP2|{birth}|M|{age}"
        assert len(asked(reference_protocol, "eligibility_unknown", DM=dm, MH=mh)) == n


def test_what_no_patient_of_a_centre_has_is_asked_of_the_centre(reference_protocol: Protocol) -> None:
    mh = history(*(f"Q{i}|DIAGNOSIS|B-ALL|" for i in range(3)))
    q = one(asked(reference_protocol, "eligibility_unknown", **patients("Q0", "Q1", "Q2"), MH=mh))
    assert q.subject == ""
    assert q.message == "No patient of this centre (3 treated) has disease status, which decides who is in the study."
    mh = mh.rpartition("\n")[0]
    two = asked(reference_protocol, "eligibility_unknown", **patients("Q0", "Q1"), MH=mh)
    assert [q.subject for q in two] == ["Q0", "Q1"]  # two patients are no habit


def test_who_was_not_treated_is_asked_for_doses_alone(reference_protocol: Protocol) -> None:
    ex = "USUBJID|EXSTDTC|EXDOSM2\nP1|2020-01-01|0.8"
    assert asked(reference_protocol, "eligibility_unknown", EX=ex, MH=history(*WHOLE)) == []


def test_a_value_that_could_not_be_read_is_not_missing(reference_protocol: Protocol) -> None:
    """The mapping has asked about the cell; here the source shows `7`, and nothing was read from it."""
    import polars as pl

    from chartline.checks.engine import Asks
    from chartline.core.clinical import ClinicalData
    from checks_cases import SOUND, alone, asked_both_ways
    from truth_data import tiny

    mh = history(*WHOLE, "P2|DIAGNOSIS|B-ALL|", "P2|STATUS|Status|7")
    data = tiny(**SOUND, MH=mh)
    unread = data["MH"].with_columns(pl.col("MHORRES").replace("7", None))
    data = ClinicalData({**data.domains, "MH": unread}, data.origins)
    assert asked_both_ways(data, Asks(alone(reference_protocol, "eligibility_unknown"))) == []


# --- baseline_missing


def ecog(present: int, absent: int) -> tuple[dict[str, str], str]:
    numbers = [f"Q{i:02}" for i in range(present + absent)]  # 19 of 20 are 0.95
    return patients(*numbers), history(*(f"{n}|ECOG|ECOG|1" for n in numbers[:present]))


@pytest.mark.parametrize(("present", "absent", "n"), [(19, 1, 1), (38, 2, 2), (18, 1, 0), (5, 0, 0)])
def test_a_characteristic_of_table_1_that_most_patients_have(
    reference_protocol: Protocol, present: int, absent: int, n: int
) -> None:
    tables, mh = ecog(present, absent)
    queries = asked(reference_protocol, "baseline_missing", **tables, MH=mh)
    assert [q.message for q in queries] == ["Not recorded at baseline: ECOG performance status."] * n


def test_a_characteristic_that_one_centre_never_records(reference_protocol: Protocol) -> None:
    numbers = [("A", f"Q{i}") for i in range(5)] + [("B", f"R{i}") for i in range(3)]
    tables = {
        "DM": rows("CENTRE|USUBJID|SEX|AGE", *(f"{c}|{n}|F|40" for c, n in numbers)),
        "EX": rows("CENTRE|USUBJID|EXSTDTC|EXDOSM2", *(f"{c}|{n}|2020-01-01|0.8" for c, n in numbers)),
        "SS": rows("CENTRE|USUBJID|LKADTC", *(f"{c}|{n}|2023-06-01" for c, n in numbers)),
        "MH": rows("CENTRE|USUBJID|MHCAT|MHORRES", *(f"{c}|{n}|ECOG|1" for c, n in numbers if c == "A")),
    }
    q = one(asked(reference_protocol, "baseline_missing", **tables))
    assert (q.centre, q.subject, q.severity) == ("B", "", Severity.NOTE)  # told: Table 1 counts it as missing
    assert q.message == "No patient of this centre (3 treated) has at baseline: ECOG performance status."


# --- assessment_incomplete, assessment_absent, counts_absent

RS = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|INVRESP"
P1 = "P1|2020-01-28|1|2|0|ABSENT|CR"


@pytest.mark.parametrize(
    ("assessment", "said"),
    [
        (("P2|2020-01-28|1|40|0|ABSENT|NR",), None),
        (("P2|2020-01-28|1|40|0|NOT ASSESSED|NR",), None),
        (("P2|2020-01-28|1|40|||NR",), "The assessment of 2020-01-28 lacks blood blasts and extramedullary disease."),
        (("P2|2020-01-28|1||0|ABSENT|NR",), "The assessment of 2020-01-28 lacks marrow blasts."),
        (("P2|2020-01-28|1|40|||NR", "P2|2020-01-28|1||0|ABSENT|"), None),  # one day in two rows
        (("P2|2019-12-28|0|40|||",), None),  # before treatment
        (("P2|2020-01-28|1|5-10|0|ABSENT|NR",), None),  # a range is a finding
    ],
)
def test_an_assessment_lacks_what_the_criteria_look_at(
    reference_protocol: Protocol, assessment: tuple[str, ...], said: str | None
) -> None:
    queries = asked(reference_protocol, "assessment_incomplete", RS=rows(RS, P1, *assessment))
    assert [q.message for q in queries] == ([said] if said else [])


def test_a_response_taken_as_recorded_needs_no_blasts(reference_protocol: Protocol) -> None:
    response = reference_protocol.response.model_copy(update={"criteria": "recorded"})
    protocol = reference_protocol.model_copy(update={"response": response})
    assert asked(protocol, "assessment_incomplete", RS=rows(RS, P1, "P2|2020-01-28|1||||CR")) == []


@pytest.mark.parametrize(
    ("seen", "death", "n"),
    [("2020-03-01", "", 1), ("2020-02-29", "", 0), ("", "2020-02-29", 0), ("", "2020-03-01", 1), ("2020-02", "", 0)],
)
def test_no_assessment_although_the_patient_lived_for_60_days(
    reference_protocol: Protocol, seen: str, death: str, n: int
) -> None:
    ss = f"USUBJID|LKADTC|DTHDTC\nP1|2021-01-01|\nP2|{seen}|{death}"
    queries = asked(reference_protocol, "assessment_absent", SS=ss, RS=rows(RS, P1, "P2|2019-12-30|0|80|9|ABSENT|"))
    assert [q.subject for q in queries] == ["P2"] * n
    if n:
        assert queries[0].message.startswith("No assessment on treatment is recorded")


LB = "USUBJID|LBTESTCD|LBDTC|LBORRES|LBSTRESN"
COUNTS = ("P1|ANC|2020-01-28|1.2|1.2", "P1|PLT|2020-01-30|110|110")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (("P2|ANC|2020-01-28|1|1", "P2|PLT|2020-02-11|90|90"), None),  # day 14
        (("P2|ANC|2020-01-28|1|1", "P2|PLT|2020-02-12|90|90"), "platelets"),
        (("P2|ANC|2020-01-27|1|1", "P2|PLT|2020-02-01|90|90"), "neutrophils"),
        (("P2|ANC|2020-02|1|1", "P2|PLT|2020-01-28|90|90"), None),  # it may be in the window
        ((), "neutrophils or platelets"),
    ],
)
def test_no_count_near_a_marrow_in_remission(
    reference_protocol: Protocol, counts: tuple[str, ...], said: str | None
) -> None:
    rs = rows(RS, P1, "P2|2020-01-28|1|2|0|ABSENT|CRi")
    queries = asked(reference_protocol, "counts_absent", RS=rs, LB=rows(LB, *COUNTS, *counts))
    assert [q.message for q in queries] == (
        [f"The marrow of 2020-01-28 is in remission, but no {said} within 14 days after it."] if said else []
    )


def test_a_marrow_that_is_no_remission_needs_no_count(reference_protocol: Protocol) -> None:
    rs = rows(RS, P1, "P2|2020-01-28|1|5|0|ABSENT|NR")
    assert asked(reference_protocol, "counts_absent", RS=rs, LB=rows(LB, *COUNTS)) == []


# --- laboratory


def doses(*days: str) -> str:
    return rows("USUBJID|EXSTDTC|EXDOSM2", *(f"{n}|{d}|0.5" for n in ("P1", "P2", "P3", "P4", "P5") for d in days))


@pytest.mark.parametrize(("day", "n"), [("2019-12-31", 1), ("2020-01-01", 0), ("2020-01-15", 0), ("2020-01-16", 1)])
def test_no_value_between_two_doses(reference_protocol: Protocol, day: str, n: int) -> None:
    others = [f"{p}|PLT|2020-01-08|50|50" for p in ("P1", "P3", "P4", "P5")]  # four of five gaps have values: 0.8
    lb = rows(LB, *others, f"P2|PLT|{day}|50|50")
    queries = asked(reference_protocol, "laboratory_gap", EX=doses("2020-01-01", "2020-01-15"), LB=lb)
    assert [q.message for q in queries] == [
        "No laboratory value lies between the doses of 2020-01-01 and 2020-01-15."
    ] * n


def test_doses_close_together_or_a_centre_without_values_are_not_asked(reference_protocol: Protocol) -> None:
    others = [f"{p}|PLT|2020-01-08|50|50" for p in ("P1", "P3", "P4", "P5")]
    assert asked(reference_protocol, "laboratory_gap", EX=doses("2020-01-01", "2020-01-14"), LB=rows(LB, *others)) == []
    few = rows(LB, *others[:3])  # three of five
    assert asked(reference_protocol, "laboratory_gap", EX=doses("2020-01-01", "2020-01-15"), LB=few) == []


@pytest.mark.parametrize(
    ("lines", "n"),
    [
        (("P2|PLT|2019-12-17|50|50|",), 1),  # 15 days before
        (("P2|PLT|2019-12-18|50|50|",), 0),
        (("P2|PLT|2020-01-01|50|50|",), 0),
        (("P2|PLT||50|50|BASELINE",), 0),
        (("P2|PLT|2019-12|50|50|",), 0),
        ((), 1),
    ],
)
def test_a_test_without_a_baseline(reference_protocol: Protocol, lines: tuple[str, ...], n: int) -> None:
    sound = ("P1|PLT|2019-12-30|80|80|", "P1|PLT|2020-01-20|20|20|")
    lb = rows(f"{LB}|LBSUMM", *sound, "P2|PLT|2020-01-20|20|20|", *lines)
    queries = asked(reference_protocol, "baseline_laboratory_absent", LB=lb)
    assert [q.message for q in queries] == [
        "No value in the 14 days up to the first dose (2020-01-01), though there are later ones: platelets."
    ] * n


def test_a_test_that_no_flag_judges_by_its_baseline_needs_none(reference_protocol: Protocol) -> None:
    lb = rows(LB, "P2|ALT|2020-01-20|20|20")
    assert asked(reference_protocol, "baseline_laboratory_absent", LB=lb) == []


# --- follow-up, status


@pytest.mark.parametrize(("seen", "n"), [("2022-12-31", 1), ("2023-01-01", 0), ("2022-12", 1), ("2023", 0)])
def test_a_living_patient_not_seen_for_a_year(reference_protocol: Protocol, seen: str, n: int) -> None:
    ss = f"USUBJID|LKADTC|DTHFL|DTHDTC\nP1|2023-10-01|N|\nP2|{seen}|N|\nP3|2021-01-01|Y|2021-01-01"
    queries = [q for q in asked(reference_protocol, "follow_up_short", SS=ss) if q.subject == "P2"]
    assert [q.severity for q in queries] == [Severity.NOTE] * n
    if seen == "2022-12-31":
        assert queries[0].message == "The patient was last known alive on 2022-12-31, 365 days before the data cut-off."


def test_a_study_without_a_cut_off_and_a_centre_that_counts_days_have_no_gap(reference_protocol: Protocol) -> None:
    data = reference_protocol.data.model_copy(update={"cut_off": None})
    protocol = reference_protocol.model_copy(update={"data": data})
    ss = "USUBJID|LKADTC|DTHFL\nP2|2020-01-05|N"
    assert asked(protocol, "follow_up_short", SS=ss) == []
    assert asked(reference_protocol, "follow_up_short", counting_days=True, SS=ss) == []


@pytest.mark.parametrize(
    ("line", "n"),
    [
        ("P2|2021-01-01||", 1),
        ("P2|2021-01-01||2021-01-01", 0),
        ("P2|2021-01-01|N|", 0),
        ("P2|||", 0),  # neither death nor last contact: date_missing
    ],
)
def test_a_blank_between_yes_and_no(reference_protocol: Protocol, line: str, n: int) -> None:
    ss = rows("USUBJID|LKADTC|DTHFL|DTHDTC", "P1|2021-01-01|N|", line)
    queries = asked(reference_protocol, "status_unstated", SS=ss)
    assert [(q.message, q.addresses, q.topics) for q in queries] == [
        ("Whether the patient died is not recorded.", ("ss.csv!row 3!DTHFL",), frozenset({Topic.DEATH}))
    ] * n


def test_a_centre_that_records_only_the_yes(reference_protocol: Protocol) -> None:
    ss = "USUBJID|LKADTC|DTHFL|RELAPSE\nP1|2021-01-01|Y|Y\nP2|2021-01-01||"
    assert asked(reference_protocol, "status_unstated", SS=ss) == []


# --- what happened without a date or an amount


@pytest.mark.parametrize(
    ("done", "timing", "date", "n"),
    [
        ("Y", "AFTER", "", 1),
        ("Y", "", "", 1),
        ("Y", "BEFORE", "", 0),
        ("Y", "AFTER", "2020-05", 0),
        ("N", "AFTER", "", 0),
    ],
)
def test_a_transplantation_without_a_date_blocks(
    reference_protocol: Protocol, done: str, timing: str, date: str, n: int
) -> None:
    pr = f"USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP2|ALLOGENEIC HSCT|{done}|{timing}|{date}"
    queries = asked(reference_protocol, "procedure_undated", PR=pr)
    assert [(q.severity, q.message, q.addresses) for q in queries] == [
        (Severity.BLOCK, "Allogeneic HSCT is recorded without a date.", ("pr.csv!row 2!PRSTDTC",))
    ] * n


@pytest.mark.parametrize(
    ("category", "start", "n"), [("SUBSEQUENT THERAPY", "", 1), ("SUBSEQUENT THERAPY", "2020", 0), ("G-CSF", "", 0)]
)
def test_a_new_therapy_without_a_start(reference_protocol: Protocol, category: str, start: str, n: int) -> None:
    cm = f"USUBJID|CMCAT|CMTRT|CMSTDTC\nP2|{category}|FLAG-Ida|{start}"
    queries = asked(reference_protocol, "therapy_undated", CM=cm)
    assert [q.message for q in queries] == ["FLAG-Ida is recorded without a start date."] * n


@pytest.mark.parametrize(("amount", "n"), [("|", 1), ("0.8|", 0), ("|1.6", 0)])
def test_a_dose_without_an_amount(reference_protocol: Protocol, amount: str, n: int) -> None:
    ex = f"USUBJID|EXSTDTC|EXDOSM2|EXDOSE\nP1|2020-01-01|0.8|\nP2|2020-01-01|{amount}"
    queries = asked(reference_protocol, "dose_unquantified", EX=ex)
    assert [q.message for q in queries] == ["The dose of 2020-01-01 has no amount."] * n


@pytest.mark.parametrize(("listed", "stated", "n"), [(4, "", 1), (3, "", 0), (5, "", 0), (4, "0", 0), (4, "1", 1)])
def test_no_earlier_line_of_one_patient(reference_protocol: Protocol, listed: int, stated: str, n: int) -> None:
    lines = [f"Q{i}|PRIOR LINE|Hyper-CVAD|" for i in range(listed)] + [f"Q4|LINES|Number|{stated}"]
    queries = asked(reference_protocol, "lines_absent", **patients(*(f"Q{i}" for i in range(5))), MH=history(*lines))
    assert [q.subject for q in queries] == ["Q4"] * n


def test_a_first_dose_in_doubt_is_not_asked_for_its_baseline(reference_protocol: Protocol) -> None:
    ex = rows("USUBJID|EXSTDTC|EXDOSM2", "P2|2019-01-01|0.8", "P2|2020-01-08|0.5")  # dose_gap asks
    lb = rows(LB, "P2|PLT|2020-01-07|50|50", "P2|PLT|2020-01-20|20|20")
    assert asked(reference_protocol, "baseline_laboratory_absent", EX=ex, LB=lb) == []
    assert len(asked(reference_protocol, "dose_gap", EX=ex, LB=lb)) == 1


# --- cycle_unassessed


def cycles(of_p2: str, *marrows: str) -> dict[str, str]:
    """P1 had six cycles a month apart, each with its marrow; P2 `of_p2` cycles ("1 2 3") and the marrows given."""
    doses = [f"{who}|2020-0{n}-01|{n}|1|0.5" for who, numbers in (("P1", "1 2 3 4 5 6"), ("P2", of_p2))
             for n in numbers.split()]  # fmt: skip
    own = [f"P1|2020-0{n}-25|{n}|1" for n in range(1, 7)]
    return {
        "EX": rows("USUBJID|EXSTDTC|EXCYCLE|EXCYDAY|EXDOSM2", *doses),
        "RS": rows("USUBJID|RSDTC|RSCYCLE|BMBLAST", *own, *(f"P2|{m}" for m in marrows)),
    }


@pytest.mark.parametrize(
    ("given", "marrows", "n"),
    [
        ("1 2", ["2020-01-25|1|1"], 0),
        ("1 2", [], 1),
        ("1", [], 0),  # no other followed
        ("1 2", ["2020-01-25||1"], 0),  # no number, but dated in the cycle
        ("1 2", ["2020-02-01||1"], 0),  # on the day of the next
        ("1 2", ["2020-02-02||1"], 1),
        ("1 2", ["2020-01-01||1"], 1),  # before it was given
        ("1 2", ["2020-01||1"], 0),  # may be in the cycle
        ("1 2", ["|1|1"], 0),
        ("1 2", ["2020-02-20|2|1"], 1),
    ],
)
def test_a_cycle_that_nobody_looked_at(reference_protocol: Protocol, given: str, marrows: list[str], n: int) -> None:
    queries = asked(reference_protocol, "cycle_unassessed", **cycles(given, *marrows))
    assert [(q.subject, q.message) for q in queries] == [
        ("P2", "Cycle 1, begun on 2020-01-01, was followed by another, but no assessment lies between.")
    ] * n


def test_a_centre_that_looks_after_some_cycles_only(reference_protocol: Protocol) -> None:
    tables = cycles("1 2 3 4", "2020-01-25|1|1")  # 6 of 8 cycles of the centre have one
    assert asked(reference_protocol, "cycle_unassessed", **tables) == []
