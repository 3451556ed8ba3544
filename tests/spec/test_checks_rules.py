"""What each data check asks, in small tables: one breach, one query, the doubtful cell first.

Subject P1 of every table is sound; P2 breaks the rule. The drug, the cut-off (2023-12-31), the maximum dose (0.8 mg/m2)
and the expected gap (5 to 16 days) are those of the example protocol.
"""

from __future__ import annotations

import pytest

from chartline.checks.engine import check_data, rules
from chartline.core.clinical import ClinicalData
from chartline.core.query import Query, Severity, Topic
from chartline.errors import ProtocolError
from chartline.protocol.events import Endpoint
from chartline.protocol.model import Protocol
from checks_cases import asked, of_small_tables
from truth_data import tiny

BLOCK, WARN = Severity.BLOCK, Severity.WARN
DOSES = """
    USUBJID | EXSTDTC    | EXCYCLE | EXCYDAY | EXDOSM2 | EXDOSE
    P1      | 2020-01-01 | 1       | 1       | 0.8     | 1.6
    P2      | 2020-01-01 | 1       | 1       | 0.8     | 1.6
"""
PEOPLE = """
    USUBJID | BRTHDTC    | SEX | AGE | BSA
    P1      | 1980-06-01 | F   | 39  | 2.0
    P2      | 1980-06-01 | M   | 39  | 2.0
"""
ALIVE = """
    USUBJID | LKADTC     | DTHFL
    P1      | 2021-01-01 | N
    P2      | 2021-01-01 | N
"""


@pytest.fixture
def reference_protocol(reference_protocol: Protocol) -> Protocol:
    """The example's protocol; what these small tables lack is asked in `test_checks_completeness.py`."""
    return of_small_tables(reference_protocol)


@pytest.fixture
def ask(reference_protocol: Protocol):
    """Check tables laid over a sound study of two patients; return the queries of P2 (P1 must have none)."""

    def asked(**tables: str) -> list[Query]:
        queries = check_data(tiny(**{"DM": PEOPLE, "EX": DOSES, "SS": ALIVE, **tables}), reference_protocol, (0, 14))
        assert not [q for q in queries if q.subject == "P1"]
        return queries

    return asked


def only(queries: list[Query], rule: str, severity: Severity, *topics: Topic) -> Query:
    assert [(q.rule, q.severity, q.topics) for q in queries] == [(rule, severity, frozenset(topics))]
    assert queries[0].message.endswith((".", "?"))
    assert queries[0].ask
    return queries[0]


def test_a_sound_study_is_asked_nothing(ask) -> None:
    assert ask() == []


# --- order of events


@pytest.mark.parametrize("relapse", ["2019-12-31", "2019-12", "2019", "2019-11-01/2019-12-31"])
def test_a_relapse_before_the_first_dose(ask, relapse: str) -> None:
    ss = f"""
        USUBJID | RELAPSE | RELDTC     | LKADTC
        P1      | Y       | 2020-01    | 2021-01-01
        P2      | Y       | {relapse}  | 2021-01-01
    """
    q = only(ask(SS=ss), "relapse_order", BLOCK, Topic.RELAPSE)
    assert q.addresses == ("ss.csv!row 3!RELDTC", "ex.csv!row 3!EXSTDTC")
    assert q.saw == f"Date of relapse: {relapse}; First dose: 2020-01-01"


def test_a_relapse_before_the_first_response(ask) -> None:
    rs = """
        USUBJID | RSDTC      | RSCYCLE | BMBLAST | INVRESP
        P1      | 2020-01-25 | 1       | 2       | CR
        P2      | 2020-01-25 | 1       | 2       | CRi
    """
    ss = """
        USUBJID | RELAPSE | RELDTC     | LKADTC
        P1      | Y       | 2020-01-26 | 2021-01-01
        P2      | Y       | 2020-01-20 | 2021-01-01
    """
    q = only(ask(RS=rs, SS=ss), "relapse_order", BLOCK, Topic.RELAPSE)
    assert q.addresses == ("ss.csv!row 3!RELDTC", "rs.csv!row 3!RSDTC")


def test_a_record_after_death(ask) -> None:
    ss = """
        USUBJID | DTHFL | DTHDTC     | LKADTC
        P1      | Y     | 2020-06-01 | 2020-06-01
        P2      | Y     | 2020-03-01 | 2020-03-01
    """
    lb = """
        USUBJID | LBTESTCD | LBDTC      | LBORRES | LBSTRESN | LBSTNRHI
        P1      | ALT      | 2020-01-02 | 20      | 20 | 40
        P1      | ALT      | 2020-06-01 | 20      | 20 | 40
        P2      | ALT      | 2020-01-02 | 20      | 20 | 40
        P2      | ALT      | 2020-03-02 | 20      | 20 | 40
        P2      | ALT      | 2020-03-05 | 20      | 20 | 40
    """
    q = only(ask(SS=ss, LB=lb), "after_death", BLOCK, Topic.DEATH)
    assert q.addresses == ("ss.csv!row 3!DTHDTC", "ss.csv!row 3!LKADTC", "lb.csv!row 6!LBDTC")
    assert "2 laboratory results, the last on 2020-03-05" in q.message


def test_a_death_in_a_month_does_not_precede_that_month(ask) -> None:
    ss = """
        USUBJID | DTHFL | DTHDTC  | LKADTC
        P1      | Y     | 2020-03 | 2020-03-20
        P2      | Y     | 2020-03 | 2020-04-01
    """
    q = only(ask(SS=ss), "after_death", BLOCK, Topic.DEATH)
    assert q.addresses == ("ss.csv!row 3!DTHDTC", "ss.csv!row 3!LKADTC")


def test_an_adverse_event_closed_after_death_is_only_asked(ask) -> None:
    ss = """
        USUBJID | DTHFL | DTHDTC     | LKADTC
        P1      | Y     | 2020-06-01 | 2020-06-01
        P2      | Y     | 2020-06-01 | 2020-06-01
    """
    ae = """
        USUBJID | AETERM | AESTDTC    | AEENDTC    | AETOXGR
        P1      | Nausea | 2020-05-30 | 2020-06-01 | 1
        P2      | Nausea | 2020-05-30 | 2020-06-02 | 1
    """
    only(ask(SS=ss, AE=ae), "after_death", WARN, Topic.DEATH)


def test_a_date_after_the_cut_off_in_two_cells_is_one_query(ask) -> None:
    ss = """
        USUBJID | DTHFL | DTHDTC     | LKADTC
        P1      | Y     | 2023-12-31 | 2023-12-31
        P2      | Y     | 2032-12-31 | 2032-12-31
    """
    q = only(ask(SS=ss), "after_cut_off", BLOCK, Topic.DEATH, Topic.FOLLOW_UP)
    assert q.addresses == ("ss.csv!row 3!DTHDTC", "ss.csv!row 3!LKADTC")


def test_dates_before_birth(ask) -> None:
    mh = """
        USUBJID | MHCAT     | MHTERM | MHSTDTC
        P1      | DIAGNOSIS | B-ALL  | 1980
        P2      | DIAGNOSIS | B-ALL  | 1979
    """
    q = only(ask(MH=mh), "before_birth", WARN, Topic.BASELINE)
    assert q.addresses == ("mh.csv!row 3!MHSTDTC", "dm.csv!row 3!BRTHDTC")


def test_a_birth_after_most_dates_is_itself_in_doubt(ask) -> None:
    dm = PEOPLE.replace("P2      | 1980-06-01 | M   | 39 ", "P2      | 2022-06-01 | M   |    ")
    q = only(ask(DM=dm), "before_birth", BLOCK, Topic.ELIGIBILITY)
    assert q.addresses[0] == "dm.csv!row 3!BRTHDTC"


def test_an_end_before_its_start(ask) -> None:
    cm = """
        USUBJID | CMCAT | CMTRT      | CMSTDTC    | CMENDTC
        P1      | G-CSF | Filgrastim | 2020-01-20 | 2020-01
        P2      | G-CSF | Filgrastim | 2020-02-02 | 2020-01
    """
    q = only(ask(CM=cm), "end_before_start", WARN, Topic.NEW_THERAPY)
    assert q.addresses == ("cm.csv!row 3!CMENDTC", "cm.csv!row 3!CMSTDTC")


def test_a_procedure_on_the_wrong_side_of_the_first_dose(ask) -> None:
    pr = """
        USUBJID | PRTRT           | PROCCUR | PRTIMING | PRSTDTC
        P1      | ALLOGENEIC HSCT | Y       | AFTER    | 2020-01-02
        P1      | ALLOGENEIC HSCT | Y       | BEFORE   | 2019-12-31
        P2      | ALLOGENEIC HSCT | Y       | AFTER    | 2019-04-28
    """
    q = only(ask(PR=pr), "procedure_timing", BLOCK, Topic.TRANSPLANT)
    assert q.addresses == ("pr.csv!row 4!PRSTDTC", "pr.csv!row 4!PRTIMING", "ex.csv!row 3!EXSTDTC")
    assert q.message.startswith("Allogeneic HSCT is recorded as after the index treatment")


def test_a_living_patient_last_seen_before_the_last_record(ask) -> None:
    lb = """
        USUBJID | LBTESTCD | LBDTC      | LBORRES | LBSTRESN | LBSTNRHI
        P1      | ALT      | 2020-01-02 | 20      | 20 | 40
        P1      | ALT      | 2021-01-01 | 20      | 20 | 40
        P2      | ALT      | 2020-01-02 | 20      | 20 | 40
        P2      | ALT      | 2021-01-02 | 20      | 20 | 40
    """
    q = only(ask(LB=lb), "alive_too_early", WARN, Topic.FOLLOW_UP)
    assert q.addresses == ("ss.csv!row 3!LKADTC", "lb.csv!row 5!LBDTC")


# --- doses


def test_a_dose_above_the_maximum_that_its_mg_contradict(ask) -> None:
    ex = DOSES.replace(
        "P2      | 2020-01-01 | 1       | 1       | 0.8", "P2      | 2020-01-01 | 1       | 1       | 8.0"
    )
    q = only(ask(EX=ex), "dose_amount", WARN, Topic.EXPOSURE)
    assert q.addresses == ("ex.csv!row 3!EXDOSM2", "ex.csv!row 3!EXDOSE", "dm.csv!row 3!BSA")
    assert "8 mg/m² is above the maximum of 0.8 mg/m²" in q.message
    assert "1.6 mg over 2 m² make 0.80 mg/m², not 8." in q.message


def test_mg_alone_are_held_against_the_maximum(ask) -> None:
    ex = """
        USUBJID | EXSTDTC    | EXDOSE
        P1      | 2020-01-01 | 1.7
        P2      | 2020-01-01 | 1.8
    """
    assert "0.9 mg/m²" in only(ask(EX=ex), "dose_amount", WARN, Topic.EXPOSURE).message


@pytest.mark.parametrize(("second", "words"), [("1.6", "with the same dose"), ("0.8", "with different doses")])
def test_two_doses_on_one_day(ask, second: str, words: str) -> None:
    m2 = "0.8" if second == "1.6" else "0.4"
    ex = DOSES + f"    P2      | 2020-01-01 | 1       | 1       | {m2}     | {second}\n"
    q = only(ask(EX=ex), "duplicate_dose", WARN, Topic.EXPOSURE)
    assert q.addresses == ("ex.csv!row 4!EXSTDTC", "ex.csv!row 3!EXSTDTC")
    assert words in q.message


def test_a_gap_after_the_first_dose_blocks(ask) -> None:
    ex = (
        DOSES
        + """
        P1      | 2020-01-17 | 1       | 8       | 0.5     | 1.0
        P2      | 2021-01-07 | 1       | 8       | 0.5     | 1.0
    """
    )
    ss = ALIVE.replace("2021-01-01", "2021-06-01")
    q = only(ask(EX=ex, SS=ss), "dose_gap", BLOCK, Topic.FIRST_DOSE)
    assert q.addresses == ("ex.csv!row 3!EXSTDTC", "ex.csv!row 5!EXSTDTC")
    assert "372 days" in q.message


def test_a_first_dose_with_nothing_around_it_is_said_so(ask) -> None:
    ex = DOSES + "    P2      | 2020-09-01 |         |         | 0.5     | 1.0\n"
    lb = """
        USUBJID | LBTESTCD | LBDTC      | LBORRES | LBSTRESN | LBSTNRHI
        P2      | ALT      | 2020-09-02 | 20      | 20 | 40
    """
    q = only(ask(EX=ex, LB=lb), "dose_gap", BLOCK, Topic.FIRST_DOSE)
    assert "near the later one" in q.message


def test_a_later_gap_is_asked(ask) -> None:
    ex = (
        DOSES
        + """
        P2      | 2020-01-08 | 1       | 8       | 0.5     | 1.0
        P2      | 2020-01-10 | 1       | 15      | 0.5     | 1.0
    """
    )
    q = only(ask(EX=ex), "dose_gap", WARN, Topic.EXPOSURE)
    assert q.addresses == ("ex.csv!row 5!EXSTDTC", "ex.csv!row 4!EXSTDTC")


def test_a_prior_transplant_after_a_doubtful_first_dose_is_asked_of_the_dose(ask) -> None:
    ex = DOSES + "    P2      | 2020-09-01 |         |         | 0.5     | 1.0\n"
    pr = """
        USUBJID | PRTRT           | PROCCUR | PRTIMING | PRSTDTC
        P2      | ALLOGENEIC HSCT | Y       | BEFORE   | 2020-03-01
    """
    gap, timing = ask(EX=ex, PR=pr)
    assert (gap.rule, gap.severity) == ("dose_gap", BLOCK)
    assert (timing.rule, timing.severity, timing.addresses[0]) == ("procedure_timing", WARN, "ex.csv!row 3!EXSTDTC")


def test_samples_far_from_the_only_dose(ask) -> None:
    lb = """
        USUBJID | LBTESTCD | LBDTC      | LBORRES | LBSTRESN | LBSTNRHI
        P1      | ALT      | 2020-01-31 | 20      | 20 | 40
        P2      | ALT      | 2020-02-01 | 20      | 20 | 40
    """
    assert "31 days" in only(ask(LB=lb), "first_dose_alone", WARN, Topic.FIRST_DOSE).message


@pytest.mark.parametrize(
    ("dose", "severity", "topic"),
    [
        ("           | 1       | 1  ", BLOCK, Topic.FIRST_DOSE),
        ("2019-12    |         |    ", BLOCK, Topic.FIRST_DOSE),
        ("2020-02    |         |    ", WARN, Topic.EXPOSURE),
        ("           | 2       | 1  ", WARN, Topic.EXPOSURE),
    ],
)
def test_an_undated_dose_blocks_where_it_may_be_the_first(ask, dose: str, severity: Severity, topic: Topic) -> None:
    ex = DOSES + f"    P2      | {dose} | 0.8     | 1.6\n"
    assert only(ask(EX=ex), "dose_undated", severity, topic).addresses == ("ex.csv!row 4!EXSTDTC",)


def test_no_dated_dose_at_all(ask) -> None:
    ex = DOSES.replace("P2      | 2020-01-01", "P2      |           ")
    assert "not known" in only(ask(EX=ex), "dose_undated", BLOCK, Topic.FIRST_DOSE).message


def test_no_dose_of_the_drug(ask) -> None:
    ex = """
        USUBJID | EXSTDTC    | EXTRT
        P1      | 2020-01-01 | INOTUZUMAB OZOGAMICIN
        P2      | 2020-01-01 | BLINATUMOMAB
    """
    assert only(ask(EX=ex), "subject_untreated", WARN, Topic.FIRST_DOSE).addresses == ("dm.csv!row 3!USUBJID",)


# --- laboratory


def bilirubin(*values: float, unit: str = "umol/L") -> str:
    rows = [f"P2 | BILI | 2020-01-{day:02} | {v} | {unit} | {v} | 17.1" for day, v in enumerate(values, start=1)]
    return "\n".join(["USUBJID | LBTESTCD | LBDTC | LBORRES | LBORRESU | LBSTRESN | LBSTNRHI", *rows])


def test_a_value_that_jumps_and_returns(ask) -> None:
    q = only(ask(LB=bilirubin(12, 11, 119.7, 13, 12)), "isolated_jump", BLOCK, Topic.LIVER)
    assert q.addresses == ("lb.csv!row 4!LBSTRESN", "lb.csv!row 4!LBORRESU")
    assert "(11 and 13 µmol/L)" in q.message
    assert "if a decimal point was lost or moved (11.97 µmol/L)" in q.message


def test_a_value_in_the_other_unit_is_asked_as_such(ask) -> None:
    q = only(ask(LB=bilirubin(14, 13, 263.169, 15, 14)), "isolated_jump", BLOCK, Topic.LIVER)
    assert "if a number in µmol/L was written as mg/dL (15.39 µmol/L)" in q.message  # 263.169 / 17.1


@pytest.mark.parametrize("values", [(12, 40, 120, 60, 20), (12, 11, 60, 13), (12, 120), (12, 40, 90, 11, 12)])
def test_a_rise_that_is_an_illness_is_not_asked(ask, values: tuple[float, ...]) -> None:
    assert ask(LB=bilirubin(*values)) == []


def test_a_last_value_in_the_other_unit(ask) -> None:
    q = only(ask(LB=bilirubin(12, 11, 13, 12, 14, 13, 205.2)), "unit_mismatch", BLOCK, Topic.LIVER)
    assert q.addresses[0] == "lb.csv!row 8!LBSTRESN"


def test_an_impossible_count_in_two_places_is_one_query(ask) -> None:
    lb = """
        USUBJID | LBTESTCD | LBDTC      | LBORRES | LBSTRESN
        P1      | PLT      | 2020-01-10 | 2000    | 2000
        P2      | PLT      | 2020-01-05 | 60      | 60
        P2      | PLT      | 2020-01-10 | 77000   | 77000
        P2      | PLT      | 2020-01-10 | 77000   | 77000
        P2      | PLT      | 2020-01-15 | 90      | 90
    """
    q = only(ask(LB=lb), "lab_implausible", WARN, Topic.BLOOD_COUNTS)
    assert q.addresses == ("lb.csv!row 4!LBSTRESN", "lb.csv!row 5!LBSTRESN")
    assert "if a count per µL was written as × 10⁹/L (77 × 10⁹/L)" in q.message


@pytest.mark.parametrize(
    ("day", "blocks"), [("2020-01-24", False), ("2020-01-25", True), ("2020-02-08", True), ("2020-02-09", False)]
)
def test_an_impossible_count_blocks_the_response_it_would_decide(ask, day: str, blocks: bool) -> None:
    lb = f"""
        USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN
        P2      | PLT      | {day} | 4100    | 4100
    """
    rs = """
        USUBJID | RSDTC      | RSCYCLE | BMBLAST | INVRESP
        P2      | 2020-01-25 | 1       | 2       | CRi
    """
    severity, topic = (BLOCK, Topic.COUNTS) if blocks else (WARN, Topic.BLOOD_COUNTS)
    only(ask(LB=lb, RS=rs), "lab_implausible", severity, topic)


def test_no_count_decides_a_response_whose_rules_ask_for_none(reference_protocol: Protocol) -> None:
    lb = "USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN\nP2 | PLT | 2020-01-25 | 4100 | 4100"
    rs = "USUBJID | RSDTC | RSCYCLE | BMBLAST | INVRESP\nP2 | 2020-01-25 | 1 | 2 | CRi"
    queries = check_data(tiny(DM=PEOPLE, EX=DOSES, SS=ALIVE, LB=lb, RS=rs), reference_protocol, None)
    only(queries, "lab_implausible", WARN, Topic.BLOOD_COUNTS)


# --- response


@pytest.mark.parametrize(("blasts", "severity"), [("5", WARN), ("9.9", WARN), ("10", BLOCK), ("20", BLOCK)])
def test_a_response_with_blasts(ask, blasts: str, severity: Severity) -> None:
    rs = f"""
        USUBJID | RSDTC      | RSCYCLE | BMBLAST  | INVRESP
        P1      | 2020-01-25 | 1       | 4.9      | CR
        P2      | 2020-01-25 | 1       | {blasts} | CRi
    """
    q = only(ask(RS=rs), "response_discordant", severity, Topic.RESPONSE)
    assert q.addresses == ("rs.csv!row 3!BMBLAST", "rs.csv!row 3!INVRESP")


def test_a_response_and_its_marrow_in_two_rows_of_one_day(ask) -> None:
    rs = """
        USUBJID | RSDTC      | RSCYCLE | BMBLAST | INVRESP | MRDCLASS
        P2      | 2020-01-25 | 1       | 20      |         |
        P2      | 2020-01-25 |         |         | CR      |
        P2      | 2020-01-25 |         |         |         | NEGATIVE
    """
    mrd, response = ask(RS=rs)
    assert (mrd.rule, mrd.addresses) == ("mrd_without_remission", ("rs.csv!row 4!MRDCLASS", "rs.csv!row 2!BMBLAST"))
    assert response.addresses == ("rs.csv!row 2!BMBLAST", "rs.csv!row 3!INVRESP")


@pytest.mark.parametrize(("blood", "sites"), [("6", "ABSENT"), ("0", "PERSISTENT")])
def test_a_response_with_disease_elsewhere(ask, blood: str, sites: str) -> None:
    rs = f"""
        USUBJID | RSDTC      | RSCYCLE | BMBLAST | PBBLAST | EMD     | INVRESP
        P1      | 2020-01-25 | 1       | 2       | 0       | RESOLVED| CR
        P2      | 2020-01-25 | 1       | 2       | {blood} | {sites} | CR
    """
    only(ask(RS=rs), "response_discordant", WARN, Topic.RESPONSE)


def test_no_response_recorded_although_all_criteria_are_met(ask) -> None:
    rs = """
        USUBJID | RSDTC      | RSCYCLE | BMBLAST | PBBLAST | EMD        | INVRESP
        P1      | 2020-01-25 | 1       | 2       | 0       | PERSISTENT | PR
        P2      | 2020-01-25 | 1       | 2.0     | 0       | ABSENT     | PD
    """
    assert only(ask(RS=rs), "response_discordant", WARN, Topic.RESPONSE).addresses[0] == "rs.csv!row 3!BMBLAST"


@pytest.mark.parametrize("mrd", ["0 | NEGATIVE", "<0.01 |", "0.005 |"])
def test_negative_mrd_on_overt_leukaemia(ask, mrd: str) -> None:
    rs = f"""
        USUBJID | RSDTC      | RSCYCLE | BMBLAST | MRDVAL | MRDCLASS
        P1      | 2020-01-25 | 1       | 57      | 0.01   |
        P1      | 2020-02-25 | 2       | 2       | 0      | NEGATIVE
        P2      | 2020-01-25 | 1       | 57      | {mrd}
    """
    assert "57 % blasts" in only(ask(RS=rs), "mrd_without_remission", WARN, Topic.MRD).message


# --- statements and flags


@pytest.mark.parametrize(
    ("birth", "age", "severity", "topic", "first"),
    [
        ("1980-06-01", "40", WARN, Topic.BASELINE, "AGE"),
        ("1980-06-01", "49", WARN, Topic.BASELINE, "AGE"),
        ("1980", "37", WARN, Topic.BASELINE, "AGE"),
        ("2006-06-01", "66", BLOCK, Topic.ELIGIBILITY, "BRTHDTC"),
    ],
)
def test_age_and_birth_date(ask, birth: str, age: str, severity: Severity, topic: Topic, first: str) -> None:
    dm = f"""
        USUBJID | BRTHDTC | SEX | AGE
        P1      | 1980    | F   | 40
        P2      | {birth} | M   | {age}
    """
    q = only(ask(DM=dm), "age_mismatch", severity, topic)
    assert q.addresses[0] == f"dm.csv!row 3!{first}"


def test_two_statements_of_one_fact_name_the_minority_first(ask) -> None:
    dm = (
        PEOPLE
        + """
        P2      |            | F   |     |
        P2      |            | F   |     |
        P1      | 1980       | F   | 39  | 1.98
    """
    )
    q = only(ask(DM=dm), "statements_differ", WARN, Topic.BASELINE)
    assert q.addresses == ("dm.csv!row 3!SEX", "dm.csv!row 5!SEX", "dm.csv!row 4!SEX")


def test_birth_dates_that_decide_eligibility_block(ask) -> None:
    dm = PEOPLE + "    P2      | 2005       |     |     |\n"
    q = only(ask(DM=dm), "statements_differ", BLOCK, Topic.ELIGIBILITY)
    assert q.saw == "Date of birth: 2005; Date of birth: 1980-06-01"


@pytest.mark.parametrize(("detail", "severity"), [("2020-05-01 |", BLOCK), ("| MUD", WARN)])
def test_a_procedure_not_done_with_details(ask, detail: str, severity: Severity) -> None:
    pr = f"""
        USUBJID | PRTRT           | PROCCUR | PRTIMING | PRSTDTC    | PRDONOR
        P1      | ALLOGENEIC HSCT | N       |          |            |
        P2      | ALLOGENEIC HSCT | N       |          | {detail}
    """
    assert only(ask(PR=pr), "flag_contradicted", severity, Topic.TRANSPLANT).addresses[0] == "pr.csv!row 3!PROCCUR"


@pytest.mark.parametrize(
    ("columns", "no", "severity", "topic"),
    [
        ("RELAPSE | RELDTC", "N | 2020-05-01", BLOCK, Topic.RELAPSE),
        ("RELAPSE | RELTYPE", "N | MARROW", WARN, Topic.RELAPSE),
        ("DTHFL | DTHDTC", "N | 2021-01-01", BLOCK, Topic.DEATH),
        ("DTHFL | DTHCAUS", "N | Sepsis", WARN, Topic.DEATH),
    ],
)
def test_a_no_with_the_details_of_a_yes(ask, columns: str, no: str, severity: Severity, topic: Topic) -> None:
    ss = f"USUBJID | LKADTC | {columns}\nP1 | 2021-01-01 | N |\nP2 | 2021-01-01 | {no}"
    assert only(ask(SS=ss), "flag_contradicted", severity, topic).addresses[0].startswith("ss.csv!row 3!")


@pytest.mark.parametrize(("flag", "topic"), [("DTHFL", Topic.DEATH), ("RELAPSE", Topic.RELAPSE)])
def test_a_yes_without_a_date(ask, flag: str, topic: Topic) -> None:
    ss = f"USUBJID | LKADTC | {flag}\nP1 | 2021-01-01 | N\nP2 | 2021-01-01 | Y"
    assert only(ask(SS=ss), "date_missing", BLOCK, topic).severity is BLOCK


def test_neither_death_nor_last_contact(ask) -> None:
    ss = ALIVE.replace("P2      | 2021-01-01", "P2      |           ")
    only(ask(SS=ss), "date_missing", WARN, Topic.FOLLOW_UP)


@pytest.mark.parametrize(("last", "asks"), [("observed_until", False), ("last_alive", True)])
def test_the_end_of_observation_is_as_good_where_every_endpoint_ends_with_it(
    reference_protocol: Protocol, last: str, asks: bool
) -> None:
    death = Endpoint(id="OS", label="Survival", population="treated", origin="first_dose", events=["death"], last=last)
    protocol = reference_protocol.model_copy(update={"endpoints": (death,)})
    ss = "USUBJID|OBSSTDTC|OBSENDTC|LKADTC\nP1|||2021-01-01\nP2|2019-01-01|2021-01-01|"
    assert bool(asked(protocol, "date_missing", SS=ss)) == asks


def test_undated_marrow_and_sample(ask) -> None:
    rs = "USUBJID | RSDTC | BMBLAST\nP2 | | 3"
    lb = "USUBJID | LBTESTCD | LBORRES | LBSTRESN | LBSTNRHI | LBSUMM\n"
    lb += "P1 | ALT | 20 | 20 | 40 | WORST\nP2 | ALT | 20 | 20 | 40 |"
    only(ask(RS=rs), "date_missing", WARN, Topic.RESPONSE)
    only(ask(LB=lb), "date_missing", WARN, Topic.BLOOD_COUNTS)


@pytest.mark.parametrize("sex", ["", "U"])
def test_sex_not_recorded(ask, sex: str) -> None:
    dm = PEOPLE.replace("| M  ", f"| {sex} ")
    only(ask(DM=dm), "subject_unknown", WARN, Topic.BASELINE)


def test_a_subject_that_demographics_do_not_know(ask) -> None:
    q = only(ask(DM="USUBJID | SEX\nP1 | F"), "subject_unknown", BLOCK, Topic.IDENTITY)
    assert q.addresses == ("ex.csv!row 3!USUBJID",)


@pytest.mark.parametrize("grade", ["0", "6", "-1", "8"])
def test_a_grade_that_does_not_exist(ask, grade: str) -> None:
    day = "2020-01-05"
    ae = f"USUBJID | AETERM | AESTDTC | AETOXGR\nP1 | Nausea | {day} | 4\nP1 | Rash | {day} |\n"
    ae += f"P2 | Nausea | {day} | {grade}"
    assert only(ask(AE=ae), "grade_out_of_range", WARN, Topic.ADVERSE_EVENTS).addresses == ("ae.csv!row 4!AETOXGR",)


@pytest.mark.parametrize(
    ("term", "grade", "asked"),
    [
        ("Febrile neutropenia", "2", "Febrile neutropenia has grade 2; CTCAE grades Febrile neutropenia 3, 4, 5 only."),
        ("Febrile neutropenia", "3", None),
        ("VOD", "1", "VOD has grade 1; CTCAE grades Sinusoidal obstruction syndrome 2, 3, 4, 5 only."),
        ("Bacteraemia", "3", "Bacteraemia has grade 3; CTCAE grades Bacteremia 2 only."),
        ("Nausea", "5", None),  # a term that is not in the vocabulary
    ],
)
def test_a_grade_that_the_term_does_not_have(ask, term: str, grade: str, asked: str | None) -> None:
    queries = ask(AE=f"USUBJID | AETERM | AESTDTC | AETOXGR\nP2 | {term} | 2020-01-05 | {grade}")
    assert [q.message for q in queries if q.rule == "grade_not_of_term"] == ([asked] if asked else [])


@pytest.mark.parametrize("onset", ["2020-01-05", "2020-01", "2020", ""])
def test_an_adverse_event_without_an_onset_cannot_be_placed(ask, onset: str) -> None:
    queries = ask(AE=f"USUBJID | AETERM | AESTDTC\nP1 | Nausea | 2020-01-05\nP2 | Rash | {onset}")
    if onset:
        assert queries == []
        return
    q = only(queries, "ae_undated", WARN, Topic.ADVERSE_EVENTS)
    assert (q.subject, q.addresses) == ("P2", ("ae.csv!row 3!AESTDTC", "ae.csv!row 3!AETERM"))
    assert q.message == "The adverse event Rash has no onset date, so it cannot be placed."


def test_a_liver_test_without_any_upper_limit_is_asked_of_the_centre(ask) -> None:
    lb = """
        USUBJID | LBTESTCD | LBDTC      | LBORRES | LBSTRESN | LBSTNRHI
        P1      | ALT      | 2020-01-05 | 20      | 20       |
        P2      | ALT      | 2020-01-05 | 20      | 20       | 40
        P1      | BILI     | 2020-01-05 | 11      | 11       |
        P2      | BILI     | 2020-01-05 | 12      | 12       |
        P2      | BILI     | 2020-01-06 | 13      | 13       |
        P2      | BILI     | 2020-01-07 | 14      | 14       |
        P2      | PLT      | 2020-01-07 | 90      | 90       |
    """
    q = only(ask(LB=lb), "limit_missing", WARN, Topic.LIVER)
    assert q.subject == ""
    assert q.message == "BILI: 4 values of 2 patients have no upper limit of normal, so they cannot be graded."
    assert q.addresses == tuple(f"lb.csv!row {i}!LBSTRESN" for i in (4, 5, 6))


# --- the engine


def late_relapse() -> ClinicalData:
    return tiny(DM=PEOPLE, EX=DOSES, SS="USUBJID | RELDTC | LKADTC\nP2 | 2019-01-01 | 2021-01-01\nP1 | | 2021-01-01")


def with_checks(protocol: Protocol, checks: dict[str, object]) -> Protocol:
    return protocol.model_copy(update={"checks": {**protocol.checks, **checks}})


def test_a_protocol_may_switch_a_rule_off(reference_protocol: Protocol) -> None:
    assert check_data(late_relapse(), reference_protocol)
    assert check_data(late_relapse(), with_checks(reference_protocol, {"relapse_order": False})) == []


def test_a_protocol_may_tune_a_rule(reference_protocol: Protocol) -> None:
    data = tiny(DM=PEOPLE, EX=DOSES, SS=ALIVE, LB=bilirubin(12, 11, 60, 13, 12))
    assert check_data(data, reference_protocol) == []
    assert check_data(data, with_checks(reference_protocol, {"isolated_jump": {"ratio": 4}}))


@pytest.mark.parametrize(
    ("checks", "where"),
    [
        ({"no_such_rule": False}, "checks.no_such_rule"),
        ({"isolated_jump": {"ratoi": 4}}, "checks.isolated_jump.ratoi"),
        ({"isolated_jump": {"ratio": "four"}}, "checks.isolated_jump.ratio"),
        ({"isolated_jump": {"ratio_by_test": 4}}, "checks.isolated_jump.ratio_by_test"),
        ({"isolated_jump": "off"}, "checks.isolated_jump"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(reference_protocol: Protocol, checks: dict, where: str) -> None:
    with pytest.raises(ProtocolError) as fault:
        check_data(late_relapse(), with_checks(reference_protocol, checks))
    assert fault.value.where == where


def test_every_rule_explains_itself() -> None:
    for name, (rule, find) in rules().items():
        assert rule.id == name == find.__module__.rpartition(".")[2]
        assert rule.sentence.endswith(".")
        assert rule.asks.endswith(".")
        assert rule.topics
