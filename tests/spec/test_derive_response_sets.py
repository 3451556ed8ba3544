"""What the response rule sets ask beyond thresholds: support, sites, durability, the treating team, refractory disease.

The thresholds themselves are in `test_rules_boundaries.py`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from chartline.core.query import Topic
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from derive_cases import because, block, derive, row

DOSES = "USUBJID|EXSTDTC|EXCYCLE|EXDOSM2\nP1|2020-01-01|1|0.8"
RECOVERED = "USUBJID|LBDTC|LBTESTCD|LBSTRESN\nP1|2020-01-28|ANC|5\nP1|2020-01-28|PLT|300"
HEADER = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD"


def under(criteria: str, rs: str, **more: Any) -> Adam:
    """A patient with 60 % blasts before treatment and recovered counts on 2020-01-28, under a rule set."""
    response = {"criteria": criteria} | more.pop("response", {})
    tables = {"EX": DOSES, "RS": rs, "LB": RECOVERED} | more
    return derive(tables, response=response, response_variants={})


def marrow(extra: str = "", values: str = "", after: str = "") -> str:
    """A marrow in remission on 2020-01-28, with further columns."""
    bar = "|" if extra else ""
    return (
        f"{HEADER}{bar}{extra}\nP1|2019-12-28|0|60|5|ABSENT{bar}{'|' * extra.count('|')}\n"
        f"P1|2020-01-28|1|1|0|ABSENT{bar}{values}\n{after}"
    )


# --- which day proves recovery, and what forbids it


@pytest.mark.parametrize(
    ("criteria", "expected"), [("ino_vate", "CR"), ("nci_asbmt_2010", "CR"), ("eln_2024", "CRi"), ("cibmtr", "CRi")]
)
def test_red_cells_in_the_week_before_forbid_cr_where_independence_is_asked_for(criteria: str, expected: str) -> None:
    cm = "USUBJID|CMCAT|CMTRT|CMSTDTC|CMENDTC\nP1|RBC TRANSFUSION|red cells|2020-01-21|2020-01-21"
    assert row(under(criteria, marrow(), CM=cm)["ADSL"], "BOR") == (expected,)
    assert row(under(criteria, marrow(), CM=cm.replace("01-21", "01-20"))["ADSL"], "BOR") == ("CR",)


def test_platelets_of_exactly_100_are_cr_in_one_set_and_cri_in_another() -> None:
    counts = {"LB": RECOVERED.replace("300", "100")}
    best = {c: row(under(c, marrow(), **counts)["ADSL"], "BOR")[0] for c in ("ino_vate", "cibmtr", "eln_2024")}
    assert best == {"ino_vate": "CR", "cibmtr": "CR", "eln_2024": "CRi"}


def test_one_lineage_is_cri_and_none_is_mlfs_where_the_set_has_one() -> None:
    one = {"LB": RECOVERED.replace("ANC|5", "ANC|0.3")}
    none = {"LB": RECOVERED.replace("ANC|5", "ANC|0.3").replace("300", "40")}
    for criteria in ("eln_2024", "eln_2017_aml", "eln_2022_aml"):
        assert row(under(criteria, marrow(), **one)["ADSL"], "BOR", "RESPFL") == ("CRi", "Y")
        assert row(under(criteria, marrow(), **none)["ADSL"], "BOR", "RESPFL") == ("MLFS", "N")
    assert row(under("ino_vate", marrow(), **none)["ADSL"], "BOR", "RESPFL") == ("CRi", "Y")


@pytest.mark.parametrize("criteria", ["ino_vate", "eln_2024", "cibmtr", "nci_asbmt_2010", "nccn", "eln_2022_aml"])
def test_cri_becomes_cr_by_later_counts_in_the_window_without_a_new_marrow(criteria: str) -> None:
    late = {"LB": RECOVERED.replace("2020-01-28", "2020-02-11")}  # day 14
    after = {"LB": RECOVERED.replace("2020-01-28", "2020-02-12")}  # day 15
    assert row(under(criteria, marrow(), **late)["ADSL"], "BOR", "FRSPDT") == ("CR", dt.date(2020, 1, 28))
    assert row(under(criteria, marrow(), **after)["ADSL"], "BOR")[0] in ("CRi", "MLFS")


# --- findings


@pytest.mark.parametrize("criteria", ["ino_vate", "eln_2024", "cibmtr", "nci_asbmt_2010", "nccn", "eln_2017_aml"])
@pytest.mark.parametrize(("csf", "response"), [("N", "Y"), ("", "Y"), ("Y", "N")])
def test_leukaemic_blasts_in_the_cerebrospinal_fluid_are_extramedullary_disease(
    criteria: str, csf: str, response: str
) -> None:
    assert row(under(criteria, marrow("CSFBLAST", csf))["ADSL"], "RESPFL") == (response,)


@pytest.mark.parametrize(
    ("criteria", "finding", "value", "expected"),
    [
        ("nci_asbmt_2010", "TRILIN", "Y", "CR"),
        ("nci_asbmt_2010", "TRILIN", "", "CR"),  # seldom recorded: where available
        ("nci_asbmt_2010", "TRILIN", "N", "PR"),
        ("cibmtr", "TRILIN", "N", "CRi"),
        ("nccn", "TRILIN", "N", "NR"),
        ("eln_2017_aml", "AUERROD", "Y", "NR"),
        ("eln_2017_aml", "AUERROD", "", "CR"),
        ("eln_2022_aml", "AUERROD", "Y", "CR"),  # not asked for in 2022
        ("eln_2024", "MRDVAL", "", "CR"),
        ("eln_2024", "MRDVAL", "<1", "CR"),
        ("eln_2024", "MRDVAL", ">=1", "FAIL_MRD"),
        ("ino_vate", "MRDVAL", "2", "CR"),
    ],
)
def test_what_a_set_asks_for_where_available(criteria: str, finding: str, value: str, expected: str) -> None:
    assert row(under(criteria, marrow(finding, value))["ADSL"], "BOR") == (expected,)


def test_an_aplastic_marrow_is_no_morphological_leukaemia_free_state() -> None:
    """At least 200 cells or 10 % cellularity; where neither was recorded it does not stand in the way."""
    low = {"LB": RECOVERED.replace("ANC|5", "ANC|0.3").replace("300", "40")}
    for values, expected in (("150|5", "NR"), ("150|", "MLFS"), ("150|10", "MLFS"), ("200|", "MLFS"), ("|", "MLFS")):
        adam = under("eln_2017_aml", marrow("BMCOUNT|BMCELLU", values), **low)
        assert row(adam["ADSL"], "BOR") == (expected,), values


def test_new_extramedullary_disease_is_progression_and_old_disease_is_not() -> None:
    rs = f"{HEADER}\nP1|2019-12-28|0|60|5|ABSENT\nP1|2020-01-28|1|60|5|PRESENT"
    assert row(under("nci_asbmt_2010", rs)["ADSL"], "BOR") == ("PD",)
    assert row(under("nci_asbmt_2010", rs.replace("ABSENT", "PRESENT"))["ADSL"], "BOR") == ("SD",)


# --- durability


def lost(relapse: str = "", died: str = "", last: str = "2020-12-01") -> str:
    flag, dead = ("Y" if relapse else "N"), ("Y" if died else "N")
    return f"USUBJID|RELAPSE|RELDTC|DTHFL|DTHDTC|LKADTC\nP1|{flag}|{relapse}|{dead}|{died}|{last}"


@pytest.mark.parametrize("criteria", ["cibmtr", "nci_asbmt_2010", "nccn"])
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (lost(relapse="2020-02-24"), "NOT HELD 4 WK"),  # day 27
        (lost(relapse="2020-02-25"), "CR"),  # day 28
        (lost(died="2020-02-10", last="2020-02-10"), "NOT HELD 4 WK"),
        (lost(last="2020-02-10"), "CR"),  # lost to follow-up: no loss of the remission is shown
    ],
)
def test_a_remission_is_held_for_four_weeks(criteria: str, state: str, expected: str) -> None:
    adam = under(criteria, marrow(), SS=state)
    assert row(adam["ADSL"], "BOR", "RESPFL") == (expected, "Y" if expected == "CR" else "N")


def test_what_ended_a_remission_too_early_is_said() -> None:
    adam = under("cibmtr", marrow(), SS=lost(relapse="2020-02-22"))
    assert because(adam, "ADSL.BOR")[0].endswith("; CR not held for 28 days: relapse 25 days later")


def test_an_assessment_that_shows_relapse_ends_a_remission_also_where_none_was_recorded() -> None:
    adam = under("cibmtr", marrow(after="P1|2020-02-20|0|40|3|ABSENT"), SS=lost())
    assert row(adam["ADSL"], "BOR") == ("NOT HELD 4 WK",)


def test_a_remission_immediately_before_transplantation_need_not_be_held() -> None:
    pr = "USUBJID|PRTRT|PROCCUR|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|2020-02-14"
    state = lost(relapse="2020-02-24")
    assert row(under("cibmtr", marrow(), SS=state, PR=pr)["ADSL"], "BOR") == ("CR",)
    assert row(under("cibmtr", marrow(), SS=state)["ADSL"], "BOR") == ("NOT HELD 4 WK",)


def test_a_remission_held_since_an_earlier_marrow_counts_though_a_later_one_was_not() -> None:
    rs = f"{HEADER}\nP1|2019-12-28|0|60|5|ABSENT\nP1|2020-01-28|1|1|0|ABSENT\nP1|2020-02-28|2|1|0|ABSENT"
    counts = RECOVERED.replace("2020-01-28", "2020-02-28")  # CRi first, CR a cycle later, lost 8 days after that
    adam = under("cibmtr", rs, LB=counts, SS=lost(relapse="2020-03-07"))
    assert row(adam["ADSL"], "BOR", "FRSPDT") == ("CRi", dt.date(2020, 1, 28))


# --- responders


def test_the_responders_are_the_rule_sets_own_unless_the_protocol_says_otherwise() -> None:
    partly = {"LB": RECOVERED.replace("ANC|5", "ANC|0.5").replace("300", "50")}
    assert row(under("eln_2022_aml", marrow(), **partly)["ADSL"], "BOR", "RESPFL", "FRSP") == ("CRh", "Y", "CRh")
    stricter = under("eln_2022_aml", marrow(), **partly, response={"responders": ["CR"]})
    assert row(stricter["ADSL"], "BOR", "RESPFL", "FRSP") == ("CRh", "N", None)
    with pytest.raises(ProtocolError, match="`ino_vate` has no category `CRh`"):
        under("ino_vate", marrow(), response={"responders": ["CR", "CRh"]})


# --- time to response, not evaluable, refractory, the treating team


def test_time_to_response_is_in_days_and_months_from_the_first_dose() -> None:
    days, months = row(under("ino_vate", marrow())["ADSL"], "TTRESP", "TTRESPM")
    assert (days, months) == (27, pytest.approx(27 / 30.4375))
    assert because(under("ino_vate", marrow()), "ADSL.TTRESP") == ["CR on 2020-01-28, 27 days after the first dose"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (lost(died="2020-01-31", last="2020-01-31"), "Early death"),
        (lost(died="2020-02-01"), "Other"),
        (lost(), "Other"),
    ],
)
def test_who_is_not_evaluable_died_early_or_not_and_stays_a_non_responder(state: str, expected: str) -> None:
    adam = under("ino_vate", f"{HEADER}\nP1|2019-12-28|0|60|5|ABSENT", SS=state)
    assert row(adam["ADSL"], "BOR", "RESPFL", "NEREAS") == ("NE", "N", expected)


def test_refractory_is_told_after_the_cycles_of_the_rule_set() -> None:
    bad = f"{HEADER}\nP1|2020-01-28|1|50|0|ABSENT\n"
    two, late = bad + "P1|2020-02-28|2|40|0|ABSENT", bad + "P1|2020-02-28|3|1|0|ABSENT"
    assert row(under("eln_2017_aml", bad)["ADSL"], "REFRFL") == (None,)  # one cycle does not tell
    assert row(under("eln_2017_aml", two)["ADSL"], "REFRFL") == ("Y",)
    assert row(under("eln_2017_aml", late)["ADSL"], "REFRFL") == (
        "Y",
    )  # a response after the second course is too late
    assert row(under("eln_2017_aml", marrow())["ADSL"], "REFRFL") == ("N",)
    assert row(under("eln_2024", two)["ADSL"], "REFRFL") == (None,)  # its table has no such rule


LESS = {"intensity": "less_intensive"}


@pytest.mark.parametrize(
    ("rs", "state", "expected", "why"),
    [  # 180 days after 1 January 2020 is 29 June: 30 + 29 + 31 + 30 + 31 + 29
        ("28|1|50|0|ABSENT", "N||2020-06-29", "Y", "no CR or CRh or CRi by 180 days after the first dose"),
        ("28|1|50|0|ABSENT", "N||2020-06-28", None, "last known alive 179 days after the first dose; "),
        ("28|1|50|0|ABSENT", "Y|2020-06-29|2020-06-29", None, "died 180 days after the first dose; "),
        ("28|1|50|0|ABSENT", "Y|2020-06-30|2020-06-30", "Y", "no CR or CRh or CRi by 180 days after the first dose"),
        ("28|1|50|0|ABSENT", "Y||2020-12-31", None, "died, day not known; "),
        ("28|1|50|0|ABSENT", "N||", None, "last contact not known; "),
        ("28|1|1|0|ABSENT", "Y|2020-02-28|2020-02-28", "N", "CR or CRh or CRi 27 days after the first dose"),
        ("28|1||0|ABSENT", "N||2020-12-31", None, "no assessment on treatment that counts"),
    ],
)
def test_refractory_to_less_intensive_treatment_is_told_180_days_after_the_first_dose(
    rs: str, state: str, expected: str | None, why: str
) -> None:
    died, on, alive = state.split("|")
    status = f"USUBJID|DTHFL|DTHDTC|LKADTC\nP1|{died}|{on}|{alive}"
    adam = under("eln_2022_aml", f"{HEADER}\nP1|2020-01-{rs}", response=LESS, SS=status)
    assert row(adam["ADSL"], "REFRFL") == (expected,)
    asked = "refractory is told after 180 days" if why.endswith("; ") else ""
    assert because(adam, "ADSL.REFRFL") == [why + asked]


def test_a_response_after_the_landmark_is_too_late_and_a_first_look_after_it_tells_nothing() -> None:
    alive = "USUBJID|LKADTC\nP1|2020-12-31"
    counts = "USUBJID|LBDTC|LBTESTCD|LBSTRESN\nP1|{0}|ANC|5\nP1|{0}|PLT|300"
    seen = f"{HEADER}\nP1|2020-01-28|1|50|0|ABSENT\nP1|2020-06-30|6|1|0|ABSENT"
    late = under("eln_2022_aml", seen, response=LESS, SS=alive, LB=counts.format("2020-06-30"))
    assert row(late["ADSL"], "BOR", "REFRFL") == ("CR", "Y")
    unseen = under("eln_2022_aml", f"{HEADER}\nP1|2020-06-30|6|50|0|ABSENT", response=LESS, SS=alive)
    assert row(unseen["ADSL"], "REFRFL") == (None,)
    assert because(unseen, "ADSL.REFRFL") == [
        "first assessed 181 days after the first dose; refractory is told after 180 days"
    ]


def test_eln_2017_tells_refractory_disease_of_intensive_treatment_only() -> None:
    two = f"{HEADER}\nP1|2020-01-28|1|50|0|ABSENT\nP1|2020-02-28|2|40|0|ABSENT"
    adam = under("eln_2017_aml", two, response=LESS)
    assert row(adam["ADSL"], "REFRFL") == (None,)
    assert because(adam, "ADSL.REFRFL") == [
        "the rule set ELN 2017 (AML) tells refractory disease of intensive treatment only"
    ]
    three = f"{two}\nP1|2020-03-28|3|40|0|ABSENT"
    assert row(under("ino_vate", three, response=LESS)["ADSL"], "REFRFL") == ("Y",)  # after 3 cycles of any treatment


def test_an_open_query_about_the_last_contact_withholds_only_what_a_day_decides() -> None:
    for intensity, expected in (("intensive", "Y"), ("less_intensive", None)):
        tables = {"EX": DOSES, "RS": f"{HEADER}\nP1|2020-01-28|2|50|0|ABSENT", "SS": "USUBJID|LKADTC\nP1|2020-12-31"}
        response = {"criteria": "eln_2022_aml", "intensity": intensity}
        adam = derive(tables, [block("P1", Topic.FOLLOW_UP)], response=response, response_variants={})
        assert row(adam["ADSL"], "REFRFL") == (expected,)


def test_the_best_that_the_treating_team_recorded_stands_in_the_categories_of_the_rule_set() -> None:
    rs = (
        f"{HEADER}|INVRESP\nP1|2020-01-28|1|9|0|ABSENT|PR\nP1|2020-02-28|2|5|0|ABSENT|CR\n"
        "P1|2020-06-01|0|50|0|ABSENT|RELAPSE"
    )
    adam = under("ino_vate", rs)
    assert row(adam["ADSL"], "BOR", "INVBOR", "INVRSPFL") == ("NR", "CR", "Y")
    assert because(adam, "ADSL.INVBOR") == ["the treating team recorded CR on 2020-02-28"]
    silent = under("ino_vate", rs.replace("|PR", "|").replace("|CR", "|"))
    assert row(silent["ADSL"], "INVBOR", "INVRSPFL") == (None, None)  # they recorded none: missing, not "no"
    unseen = under("ino_vate", f"{HEADER}\nP1|2019-12-28|0|60|5|ABSENT")
    assert row(unseen["ADSL"], "BOR", "INVBOR", "INVRSPFL") == ("NE", "NE", "N")


# --- relapse by the rule set


@pytest.mark.parametrize(
    ("finding", "criteria", "expected"),
    [
        ("12|0|ABSENT", "ino_vate", "Y"),
        ("12|0|ABSENT", "nci_asbmt_2010", "N"),  # 25 %: the same marrow is relapse in one set and not in another
        ("1|0|PRESENT", "ino_vate", "Y"),
        ("1|0|PERSISTENT", "ino_vate", "N"),
        ("1|2|ABSENT", "ino_vate", "Y"),
        ("1|2|ABSENT", "cibmtr", "N"),  # 5 % in the blood
        ("1|2|ABSENT", "eln_2022_aml", "N"),  # once only
        ("<5|0|ABSENT", "ino_vate", "N"),
        ("||", "ino_vate", "N"),
    ],
)
def test_the_first_assessment_that_shows_relapse(finding: str, criteria: str, expected: str) -> None:
    adam = under(criteria, marrow(after=f"P1|2020-06-01|0|{finding}"))
    day = dt.date(2020, 6, 1) if expected == "Y" else None
    assert row(adam["ADSL"], "DRELFL", "DRELDT", "RELFL") == (expected, day, None)


def test_why_there_is_a_relapse_or_none() -> None:
    assert because(under("ino_vate", marrow(after="P1|2020-02-22|0|55|3|ABSENT")), "ADSL.DRELFL") == [
        "relapse by the rules of INO-VATE: marrow 2020-02-22 with 55 % blasts (>=5), 3 % blood blasts (>0), no "
        "extramedullary disease, 25 days after the first response"
    ]
    after = under("ino_vate", marrow(after="P1|2020-02-22|0|1|0|ABSENT"))
    assert because(after, "ADSL.DRELFL") == ["no relapse in the assessment after the first response"]
    assert because(under("ino_vate", marrow()), "ADSL.DRELFL") == ["no assessment after the first response"]
    never = under("ino_vate", f"{HEADER}\nP1|2020-01-28|1|60|0|ABSENT")
    assert because(never, "ADSL.DRELFL") == ["no response, so no relapse"]


def test_the_derived_relapse_can_be_the_milestone() -> None:
    """It ends the assessments that count, and the times; the recorded date plays no part."""
    rs = marrow(after="P1|2020-03-28|2|40|0|ABSENT\nP1|2020-04-28|3|1|0|ABSENT")
    recorded = {"SS": lost(relapse="2020-08-01")}
    dor = {"PARAMCD": "DOR"}
    as_recorded = under("ino_vate", rs, **recorded)
    assert row(as_recorded["ADSL"], "RELDT", "DRELDT") == (dt.date(2020, 8, 1), dt.date(2020, 3, 28))
    assert row(as_recorded["ADTTE"], "AVAL", "CNSR", **dor) == (186, 0)
    derived = under("ino_vate", rs, **recorded, response={"relapse": "derived"})
    assert row(derived["ADSL"], "RELFL", "RELDT", "DRELDT") == ("Y", dt.date(2020, 3, 28), dt.date(2020, 3, 28))
    for adam in (as_recorded, derived):  # the recorded one stays beside it, to be compared
        assert row(adam["ADSL"], "RECRELFL", "RECRELDT") == ("Y", dt.date(2020, 8, 1))
        assert because(adam, "ADSL.RECRELDT") == ["relapse recorded on 2020-08-01"]
    assert row(derived["ADTTE"], "AVAL", "CNSR", "SRCDOM", "SRCVAR", "SRCSEQ", **dor) == (60, 0, "RS", "RSDTC", 3)
    counted = derived["ADRS"].filter(pl.col("PARAMCD") == "OVR", pl.col("ANL01FL") == "Y")
    assert counted["ADT"].to_list() == [dt.date(2020, 1, 28)]


def test_without_an_assessment_that_shows_it_a_derived_relapse_is_none() -> None:
    derived = under("ino_vate", marrow(), SS=lost(relapse="2020-08-01"), response={"relapse": "derived"})
    assert row(derived["ADSL"], "RELFL", "RELDT") == ("N", None)
    assert row(derived["ADTTE"], "AVAL", "CNSR", PARAMCD="DOR") == (308, 1)  # 28 January to 1 December 2020
