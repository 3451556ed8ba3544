"""What the checks of response ask: each in both directions, the doubtful cell first.

P1 of every table is the sound neighbour and is asked nothing; P2 breaks the rule.
"""

from __future__ import annotations

import pytest

from chartline.checks.engine import check_data
from chartline.core.query import Query, Severity
from derive_cases import protocol
from rule_cases import asked
from truth_data import tiny

WARN, BLOCK = Severity.WARN, Severity.BLOCK


def one(queries: list[Query], message: str, *cells: str, severity: Severity = WARN) -> None:
    """One query, of P2, with just this message and these cells."""
    assert [(q.subject, q.message, q.addresses, q.severity) for q in queries] == [("P2", message, cells, severity)]


# --- remission and blood counts (window of the rule set: 0 to 14 days after the marrow)

MARROW = """
    USUBJID | RSDTC      | RSCYCLE | BMBLAST | INVRESP
    P1      | 2020-01-25 | 1       | 2       | {0}
    P2      | 2020-01-25 | 1       | 2       | {0}
"""
COUNTS = "USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN | LBPLTTX\n"


def counts(*rows: tuple[str, str, str, str]) -> str:
    return COUNTS + "\n".join(f"{who} | {test} | {day} | {v} | {v} |" for who, test, day, v in rows)


def test_a_cr_whose_counts_never_recovered() -> None:
    lb = counts(
        ("P1", "ANC", "2020-01-25", "0.4"), ("P1", "PLT", "2020-01-25", "40"),
        ("P1", "ANC", "2020-02-08", "1.0"), ("P1", "PLT", "2020-02-08", "100"),  # both on day 14: recovered
        ("P2", "ANC", "2020-01-25", "1.4"), ("P2", "PLT", "2020-01-25", "99"), ("P2", "PLT", "2020-02-09", "140"),
    )  # fmt: skip
    one(
        asked("cr_without_counts", RS=MARROW.format("CR"), LB=lb),
        "CR was recorded on 2020-01-25, but within 14 days platelets were at most 99 × 10⁹/L (CR needs 100).",
        "rs.csv!row 3!INVRESP",
        "lb.csv!row 7!LBSTRESN",
    )


@pytest.mark.parametrize(
    ("neutrophils", "platelets"),
    [
        ("2", "2020-01-25 | >99 | >99"),  # may be 100
        ("0.2", "2020-03-01 | 20 | 20"),  # none in the window
        ("0.2", "2020-01-25 | 9900 | 9900"),  # not believable: another check asks
    ],
)
def test_a_count_that_may_have_recovered_is_not_asked(neutrophils: str, platelets: str) -> None:
    lb = f"{counts(('P2', 'ANC', '2020-01-25', neutrophils))}\nP2 | PLT | {platelets} |"
    assert asked("cr_without_counts", RS=MARROW.format("CR"), LB=lb) == []


def test_a_cr_that_goes_on_through_the_next_cycle_is_not_asked() -> None:
    rs = MARROW.format("CR") + "    P2      | 2020-02-25 | 2       | 1       | CR\n"
    lb = counts(
        ("P2", "ANC", "2020-01-25", "1.4"), ("P2", "PLT", "2020-01-25", "120"),
        ("P2", "ANC", "2020-02-25", "0.4"), ("P2", "PLT", "2020-02-25", "20"),
    )  # fmt: skip
    assert asked("cr_without_counts", RS=rs, LB=lb) == []


def test_no_counts_are_asked_where_the_rule_set_asks_for_none() -> None:
    data = tiny(EX="USUBJID | EXSTDTC\nP2 | 2020-01-01", RS=MARROW.format("CR"),
                LB=counts(("P2", "ANC", "2020-01-25", "0.2"), ("P2", "PLT", "2020-01-25", "20")))  # fmt: skip
    assert not [q for q in check_data(data, protocol(), None) if q.rule == "cr_without_counts"]


def test_a_cri_with_the_counts_of_cr() -> None:
    lb = counts(
        ("P1", "ANC", "2020-01-25", "1.1"), ("P1", "PLT", "2020-01-25", "100"),  # more than 100 is asked of ELN 2024
        ("P2", "ANC", "2020-01-25", "1.1"), ("P2", "PLT", "2020-01-25", "101"),
    )  # fmt: skip
    one(
        asked("cri_with_counts", RS=MARROW.format("CRi"), LB=lb),
        "CRi was recorded on 2020-01-25, but the counts of that day are those of CR: neutrophils 1.1 × 10⁹/L and "
        "platelets 101 × 10⁹/L.",
        "rs.csv!row 3!INVRESP",
        "lb.csv!row 4!LBSTRESN",
        "lb.csv!row 5!LBSTRESN",
    )


def test_counts_after_a_transfusion_or_on_a_later_day_make_no_cr() -> None:
    transfused = f"{COUNTS}P2 | ANC | 2020-01-25 | 2 | 2 |\nP2 | PLT | 2020-01-25 | 140 | 140 | Y"
    later = counts(("P2", "ANC", "2020-01-26", "2"), ("P2", "PLT", "2020-01-26", "140"))
    assert asked("cri_with_counts", RS=MARROW.format("CRi"), LB=transfused) == []
    assert asked("cri_with_counts", RS=MARROW.format("CRi"), LB=later) == []


# --- MRD


def test_negative_mrd_on_the_day_of_a_relapse() -> None:
    rs = """
        USUBJID | RSDTC      | BMBLAST | INVRESP                 | MRDCLASS
        P1      | 2020-01-25 | 2       | RELAPSE (EXTRAMEDULLARY)| NEGATIVE
        P2      | 2020-01-25 |         | RELAPSE                 |
        P2      | 2020-01-25 |         |                         | NEGATIVE
    """
    one(
        asked("mrd_negative_at_relapse", RS=rs),
        "MRD is recorded as negative on 2020-01-25, the day of an assessment recorded as relapse.",
        "rs.csv!row 4!MRDCLASS",
        "rs.csv!row 3!INVRESP",
    )


@pytest.mark.parametrize(
    ("mrd_class", "level", "words"),
    [
        ("NEGATIVE", "0.01", "negative, but its level is 0.01 %"),
        ("NEGATIVE", "0.0099", None),
        ("NEGATIVE", "<0.01", None),
        ("NEGATIVE", "<0.1", None),  # a coarse assay, not a contradiction
        ("POSITIVE", "0", "positive, but its level is 0 %"),
        ("POSITIVE", "<0.01", "positive, but its level is <0.01 %"),
        ("POSITIVE", "0.002", None),
        ("POSITIVE", ">10", None),
        ("DETECTED BELOW 0.01%", "0", "detected below 0.01 %, but its level is 0 %"),
        ("DETECTED BELOW 0.01%", "0.01", "detected below 0.01 %, but its level is 0.01 %"),
        ("DETECTED BELOW 0.01%", "0.004", None),
        ("DETECTED BELOW 0.01%", "<0.01", None),
        ("", "0.5", None),
    ],
)
def test_the_class_of_an_mrd_result_and_its_level(mrd_class: str, level: str, words: str | None) -> None:
    queries = asked(
        "mrd_class_discordant", RS=f"USUBJID | RSDTC | MRDCLASS | MRDVAL\nP2 | 2020-01-25 | {mrd_class} | {level}"
    )
    if words is None:
        assert queries == []
    else:
        one(queries, f"MRD is recorded as {words}.", "rs.csv!row 2!MRDCLASS", "rs.csv!row 2!MRDVAL")


def test_an_mrd_level_below_what_the_assay_detects() -> None:
    rs = """
        USUBJID | RSDTC      | MRDVAL  | MRDSENS
        P1      | 2020-01-25 | 0.002   | 2e-05
        P1      | 2020-02-25 | <0.001  | 0.0001
        P1      | 2020-03-25 | 0       | 0.0001
        P1      | 2020-04-25 | 0.005   |
        P2      | 2020-01-25 | 0.005   | 0.0001
    """
    one(
        asked("mrd_below_detection", RS=rs),
        "MRD of 0.005 % was measured by an assay whose limit of detection is 0.01 % (0.0001 of cells).",
        "rs.csv!row 6!MRDVAL",
        "rs.csv!row 6!MRDSENS",
    )


def test_a_limit_of_detection_that_the_cells_cannot_give() -> None:
    rs = """
        USUBJID | RSDTC      | MRDSENS | MRDCELLS | MRDMETH
        P1      | 2020-01-25 | 2e-05   | 500000   | MFC, 8 colours
        P1      | 2020-02-25 | 1e-05   | 50000    | IG/TR RQ-PCR
        P2      | 2020-01-25 | 1e-05   | 50000    | MFC, 8 colours
    """
    one(
        asked("mrd_limit_of_cells", RS=rs),
        "A limit of detection of 1e-05 of 50,000 cells is 0.5 cells; fewer than 10 cannot be told from background.",
        "rs.csv!row 4!MRDSENS",
        "rs.csv!row 4!MRDCELLS",
    )


# --- what an assessment shows


@pytest.mark.parametrize(
    ("name", "value", "severity", "message"),
    [
        ("BMBLAST", "101", BLOCK, "Marrow blasts of 101 % cannot be: the bounds are 0 and 100 %."),
        ("PBBLAST", "-1", BLOCK, "Blood blasts of -1 % cannot be: the bounds are 0 and 100 %."),
        ("BMCELLU", "120", WARN, "Marrow cellularity of 120 % cannot be: the bounds are 0 and 100 %."),
        ("MRDSENS", "4", BLOCK,
         "MRD limit of detection (fraction of cells) of 4 cannot be: the bounds are 0 and 1 (a fraction of cells)."),
    ],
)  # fmt: skip
def test_a_percentage_that_cannot_be(name: str, value: str, severity: Severity, message: str) -> None:
    rs = f"USUBJID | RSDTC | {name}\nP1 | 2020-01-25 | 1\nP1 | 2020-01-26 | 0\nP2 | 2020-01-25 | {value}"
    one(asked("percent_impossible", RS=rs), message, f"rs.csv!row 4!{name}", severity=severity)


@pytest.mark.parametrize(
    ("sign", "words"),
    [("AUERROD", "Auer rods in the marrow"), ("CSFBLAST", "leukaemic blasts in the cerebrospinal fluid")],
)
def test_a_remission_with_a_sign_of_leukaemia(sign: str, words: str) -> None:
    rs = f"""
        USUBJID | RSDTC      | INVRESP | {sign}
        P1      | 2020-01-25 | CR      | N
        P1      | 2020-02-25 | PR      | Y
        P2      | 2020-01-25 | CRi     | Y
    """
    one(
        asked("signs_in_remission", RS=rs),
        f"CRi was recorded on 2020-01-25 with {words}.",
        f"rs.csv!row 4!{sign}",
        "rs.csv!row 4!INVRESP",
    )


def test_a_remission_without_a_marrow() -> None:
    rs = """
        USUBJID | RSDTC      | BMBLAST | INVRESP
        P1      | 2020-01-25 | 2       |
        P1      | 2020-02-08 |         | CR
        P2      | 2020-01-25 | 2       |
        P2      | 2020-02-09 |         | CR
    """
    one(
        asked("response_without_marrow", RS=rs),
        "CR was recorded on 2020-02-09, with no marrow blast count within 14 days of it.",
        "rs.csv!row 5!INVRESP",
    )


def test_a_centre_that_counts_no_blasts_and_a_partial_date_are_not_asked_for_a_marrow() -> None:
    none = "USUBJID | RSDTC | BMBLAST | INVRESP\nP2 | 2020-02-09 |  | CR"
    month = "USUBJID | RSDTC | BMBLAST | INVRESP\nP2 | 2020-02 |  | CR\nP2 | 2020-01-25 | 2 |"
    assert asked("response_without_marrow", RS=none) == []
    assert asked("response_without_marrow", RS=month) == []


def test_a_best_response_that_no_assessment_shows() -> None:
    rs = """
        USUBJID | RSDTC      | RSVISIT       | BMBLAST | INVRESP
        P1      | 2020-01-25 | Cycle 1       | 2       | CRi
        P1      | 2020-02-25 | Cycle 2       | 2       | CR
        P1      |            | Best response |         | CR
        P2      | 2020-01-25 | Cycle 1       | 8       | PR
        P2      | 2020-02-25 | Cycle 2       | 2       | CRi
        P2      |            | Best response |         | CR
    """
    one(
        asked("best_response_unseen", RS=rs),
        "The best response is given as CR, but the best of 2 dated assessments is CRi (2020-02-25).",
        "rs.csv!row 7!INVRESP",
        "rs.csv!row 6!INVRESP",
    )


TRANSPLANT = """
    USUBJID | PRTRT           | PROCCUR | PRTIMING | PRSTDTC    | PRSTATUS
    P1      | ALLOGENEIC HSCT | Y       | AFTER    | 2020-03-01 | {0}
    P2      | ALLOGENEIC HSCT | Y       | AFTER    | 2020-03-01 | {0}
"""
REMISSION = """
    USUBJID | RSDTC      | RSCYCLE | BMBLAST | INVRESP
    P1      | 2020-02-01 | 1       | 2       | CRi
    P2      | 2020-02-01 | 1       | 40      | NR
    P2      | 2020-03-02 | 0       | 1       | CR
"""


@pytest.mark.parametrize("status", ["CR2", "CR/CRi", "CRi", "in complete remission", "second remission"])
def test_a_transplantation_in_a_remission_that_was_never_recorded(status: str) -> None:
    one(
        asked("transplant_remission_unseen", PR=TRANSPLANT.format(status), RS=REMISSION),
        f"Allogeneic HSCT on 2020-03-01 was done in {status}, but no assessment before it records a remission.",
        "pr.csv!row 3!PRSTATUS",
        "pr.csv!row 3!PRSTDTC",
    )


@pytest.mark.parametrize("status", ["", "Active disease", "not in remission", "PR", "relapse 1", "no CR", "creatinine"])
def test_a_transplantation_in_another_status_needs_no_remission(status: str) -> None:
    assert asked("transplant_remission_unseen", PR=TRANSPLANT.format(status), RS=REMISSION) == []


def test_a_transplantation_of_a_patient_without_assessments_is_not_asked() -> None:
    assert asked("transplant_remission_unseen", PR=TRANSPLANT.format("CR2")) == []


# --- relapse


def test_a_relapse_whose_assessment_shows_none() -> None:
    rs = """
        USUBJID | RSDTC      | BMBLAST | PBBLAST | EMD     | INVRESP
        P1      | 2020-03-01 | 5       | 0       | ABSENT  | RELAPSE
        P1      | 2020-04-01 | 1       | 0       | PRESENT | RELAPSE
        P1      | 2020-05-01 | 1       | 2       |         | RELAPSE
        P1      | 2020-06-01 |         | 0       | ABSENT  | RELAPSE
        P1      | 2020-07-01 | 1       | 0       | ABSENT  | RELAPSE (EXTRAMEDULLARY)
        P2      | 2020-03-01 | 4.9     |         |         | RELAPSE
    """
    one(
        asked("relapse_without_blasts", RS=rs),
        "A relapse was recorded on 2020-03-01 with 4.9 % marrow blasts (below 5 %) and no other sign of leukaemia.",
        "rs.csv!row 7!BMBLAST",
        "rs.csv!row 7!INVRESP",
    )


@pytest.mark.parametrize(
    ("site", "marrow", "words"),
    [
        ("MARROW", "2", "in the marrow"),
        ("MARROW AND EXTRAMEDULLARY", "4.9", "in the marrow"),
        ("EXTRAMEDULLARY ONLY", "5", "outside the marrow only"),
    ],
)
def test_a_site_of_relapse_that_the_marrow_contradicts(site: str, marrow: str, words: str) -> None:
    other = "60" if words == "in the marrow" else "1"
    ss = f"""
        USUBJID | RELAPSE | RELDTC     | RELTYPE | LKADTC
        P1      | Y       | 2020-05-01 | {site}  | 2021-01-01
        P2      | Y       | 2020-05-01 | {site}  | 2021-01-01
    """
    rs = f"USUBJID | RSDTC | BMBLAST\nP1 | 2020-05-08 | {other}\nP1 | 2020-05-09 | {marrow}\nP2 | 2020-05-08 | {marrow}"
    one(
        asked("relapse_site_discordant", SS=ss, RS=rs),
        f"The relapse of 2020-05-01 is recorded as {words}, but the marrow of 2020-05-08 has {marrow} % blasts.",
        "ss.csv!row 3!RELTYPE",
        "rs.csv!row 4!BMBLAST",
        "ss.csv!row 3!RELDTC",
    )


# --- several records of one day


def test_two_records_of_one_day_that_contradict_each_other() -> None:
    rs = """
        USUBJID | RSDTC      | BMBLAST | INVRESP | EMD
        P1      | 2020-01-25 | 2       | CR      | ABSENT
        P1      | 2020-01-25 | 4       | CR      | NOT ASSESSED
        P1      | 2020-02-25 | 30      | NR      |
        P2      | 2020-01-25 | 2       | CR      |
        P2      | 2020-01-25 | 5       |         |
    """
    one(
        asked("assessments_differ", RS=rs),
        "Records of 2020-01-25 differ in marrow blasts: 2 % and 5 %.",
        "rs.csv!row 5!BMBLAST",
        "rs.csv!row 6!BMBLAST",
    )
    rs = rs.replace("| 5       |         |", "|         | CRi     |")
    one(
        asked("assessments_differ", RS=rs),
        "Records of 2020-01-25 differ in response recorded by the treating team: CR and CRi.",
        "rs.csv!row 5!INVRESP",
        "rs.csv!row 6!INVRESP",
    )
