"""What the checks of adverse events ask: each in both directions, the doubtful cell first.

P1 of every table is the sound neighbour and is asked nothing; P2 breaks the rule. Grades of values are those of CTCAE
v5.0, the scale of the example protocol: platelets below 75, 50 and 25 x 10^9/L are grade 2, 3 and 4.
"""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from chartline.checks.adverse_events import laboratory_events
from chartline.checks.engine import check_data
from chartline.core.query import Query, Severity
from chartline.derive.grading_scale import available_scales, load_scale
from checks_cases import ALIVE, DOSES, PEOPLE
from derive_cases import protocol
from rule_cases import asked
from truth_data import tiny

NOTE, WARN, BLOCK = Severity.NOTE, Severity.WARN, Severity.BLOCK
DEAD = """
    USUBJID | LKADTC     | DTHFL | DTHDTC     | DTHCAUS
    P1      | 2020-02-20 | Y     | 2020-02-20 | {0}
    P2      | 2020-02-20 | Y     | 2020-02-20 | {0}
"""


def one(queries: list[Query], message: str, *cells: str, severity: Severity = WARN) -> None:
    """One query, of P2, with just this message and these cells."""
    assert [(q.subject, q.message, q.addresses, q.severity) for q in queries] == [("P2", message, cells, severity)]


# --- grades and laboratory values

EVENTS = """
    USUBJID | AETERM           | AESTDTC    | AEENDTC    | AETOXGR
    P1      | Thrombocytopenia | 2020-01-05 | 2020-01-20 | 4
    P2      | Thrombocytopenia | 2020-01-05 | 2020-01-20 | {0}
"""


def platelets(who: str, *values: tuple[str, float]) -> str:
    return "\n".join(f"{who} | PLT | {day} | {v} | {v} | 150" for day, v in values)


LB = "USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN | LBSTNRLO\n"
WORST = platelets("P1", ("2020-01-06", 24), ("2020-01-20", 80)) + "\n"


def test_a_value_during_the_event_has_a_higher_grade() -> None:
    """24 is below 25 (grade 4), 25 is not (grade 3); the day after the end does not count."""
    sound = platelets("P2", ("2020-01-06", 25), ("2020-01-21", 10))
    assert asked("grade_of_laboratory", AE=EVENTS.format("3"), LB=LB + WORST + sound) == []
    one(
        asked("grade_of_laboratory", AE=EVENTS.format("3"), LB=LB + WORST + platelets("P2", ("2020-01-20", 24))),
        "Thrombocytopenia is recorded as grade 3, but a result during it has grade 4: platelets 24 × "
        "10⁹/L on 2020-01-20.",
        "ae.csv!row 3!AETOXGR",
        "lb.csv!row 4!LBSTRESN",
    )


def test_a_grade_that_no_value_reaches() -> None:
    """Grade 4 beside values of grade 2 at worst (50 is not below 50); one grade short, or one value, is not asked."""
    values = (("2020-01-06", 50), ("2020-01-09", 74))
    one(
        asked("grade_of_laboratory", AE=EVENTS.format("4"), LB=LB + WORST + platelets("P2", *values)),
        "Thrombocytopenia is recorded as grade 4, but the worst of 2 results during it has grade 2: platelets 50 "
        "× 10⁹/L on 2020-01-06.",
        "ae.csv!row 3!AETOXGR",
        "lb.csv!row 4!LBSTRESN",
    )
    assert asked("grade_of_laboratory", AE=EVENTS.format("3"), LB=LB + WORST + platelets("P2", *values)) == []
    assert asked("grade_of_laboratory", AE=EVENTS.format("4"), LB=LB + WORST + platelets("P2", values[0])) == []


def test_an_event_written_in_steps_has_the_grade_of_the_step() -> None:
    steps = EVENTS.format("3") + "    P2      | Thrombocytopenia | 2020-01-10 | 2020-01-12 | 4\n"
    values = platelets("P2", ("2020-01-06", 30), ("2020-01-11", 20))
    assert asked("grade_of_laboratory", AE=steps, LB=LB + WORST + values) == []


def test_an_event_without_an_end_lasts_thirty_days_here() -> None:
    events = "USUBJID | AETERM | AESTDTC | AETOXGR\nP2 | Thrombocytopenia | 2020-01-05 | 3"
    for day, n in (("2020-02-04", 1), ("2020-02-05", 0)):
        assert len(asked("grade_of_laboratory", AE=events, LB=LB + platelets("P2", (day, 10)))) == n


def test_without_a_scale_no_grade_is_held_against_a_value() -> None:
    data = tiny(DM=PEOPLE, EX=DOSES, SS=ALIVE, AE=EVENTS.format("3"), LB=LB + platelets("P2", ("2020-01-20", 24)))
    assert not [q for q in check_data(data, protocol()) if q.rule == "grade_of_laboratory"]


def test_the_named_laboratory_events_are_terms_of_the_scales() -> None:
    """Each test and direction is one that a shipped scale grades, and the term of version 5.0 is among its names."""
    graded = {
        (t, d) for s in available_scales() for t, d in load_scale(s).thresholds.select("test", "direction").rows()
    }
    terms = dict.fromkeys(load_scale("ctcae_v5").thresholds.select("term", "test", "direction").rows())
    assert set(laboratory_events().values()) <= graded
    named = {(name, *what) for name, what in laboratory_events().items()}
    for term, test, direction in terms:
        if (test, direction) in set(laboratory_events().values()) and not test.startswith("GLUCF"):
            assert (term.lower(), test, direction) in named
    with (files("chartline") / "vocabulary" / "lab_events.csv").open(encoding="utf-8") as f:
        names = [n for r in csv.DictReader(f) for n in r["names"].split("; ")]
    assert len(names) == len(set(names))


def test_febrile_neutropenia_with_neutrophils_of_one() -> None:
    ae = "USUBJID | AETERM | AESTDTC | AETOXGR\nP1 | Febrile neutropenia | 2020-01-10 | 3\n"
    ae += "P2 | Febrile neutropenia | 2020-01-10 | 3"
    lb = "USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN\n"
    lb += "P1 | ANC | 2020-01-13 | 0.9 | 0.9\nP1 | ANC | 2020-01-10 | 2 | 2\n"
    lb += "P2 | ANC | 2020-01-13 | 1.0 | 1.0\nP2 | ANC | 2020-01-14 | 0.1 | 0.1"
    one(
        asked("febrile_neutropenia_counts", AE=ae, LB=lb),
        "Febrile neutropenia began on 2020-01-10, but the lowest of 1 neutrophil count within 3 days is 1 × 10⁹/L.",
        "ae.csv!row 3!AETERM",
        "lb.csv!row 4!LBSTRESN",
    )


# --- onset, end, outcome


@pytest.mark.parametrize(
    ("related", "severity", "rest"),
    [
        ("Y", WARN, ", but is recorded as related to the treatment."),
        ("N", NOTE, "; it counts as no event on treatment."),
        ("", NOTE, "; it counts as no event on treatment."),
    ],
)
def test_an_event_before_the_first_dose(related: str, severity: Severity, rest: str) -> None:
    ae = f"""
        USUBJID | AETERM | AESTDTC    | AEREL
        P1      | Nausea | 2020-01-01 | Y
        P1      | Rash   | 2020       | Y
        P2      | Nausea | 2019-12    | {related}
    """
    cells = ["ae.csv!row 4!AESTDTC", *(["ae.csv!row 4!AEREL"] if related == "Y" else []), "ex.csv!row 3!EXSTDTC"]
    message = f"Nausea began on 2019-12, before the first dose{rest}"
    one(asked("ae_before_treatment", AE=ae), message, *cells, severity=severity)


def test_a_recovered_event_without_an_end() -> None:
    ae = """
        USUBJID | AETERM | AESTDTC    | AEENDTC    | AEOUT
        P1      | Nausea | 2020-01-02 | 2020-01-03 | RECOVERED/RESOLVED
        P1      | Rash   | 2020-01-02 |            | NOT RECOVERED/NOT RESOLVED
        P1      | Cough  | 2020-01-02 |            | recovering
        P2      | Nausea | 2020-01-02 |            | Resolved with sequelae
    """
    one(
        asked("ae_recovered_undated", AE=ae),
        "Nausea of 2020-01-02 has recovered, but has no end date.",
        "ae.csv!row 5!AEENDTC",
        "ae.csv!row 5!AEOUT",
    )
    never = "USUBJID | AETERM | AESTDTC | AEENDTC | AEOUT\nP2 | Nausea | 2020-01-02 |  | RECOVERED/RESOLVED"
    assert asked("ae_recovered_undated", AE=never) == []


@pytest.mark.parametrize("outcome", ["NOT RECOVERED/NOT RESOLVED", "Ongoing", "Recovering", "unresolved"])
def test_an_ongoing_event_with_an_end(outcome: str) -> None:
    ae = f"""
        USUBJID | AETERM | AESTDTC    | AEENDTC    | AEOUT
        P1      | Nausea | 2020-01-02 | 2020-01-03 | RECOVERED/RESOLVED
        P1      | Rash   | 2020-01-02 | 2020-02-20 | {outcome}
        P2      | Nausea | 2020-01-02 | 2020-02-19 | {outcome}
    """
    one(
        asked("ae_ongoing_ended", AE=ae, SS=DEAD.format("Relapse")),
        f"Nausea ended on 2020-02-19, but its outcome is {outcome.lower()}.",
        "ae.csv!row 4!AEENDTC",
        "ae.csv!row 4!AEOUT",
    )


def test_an_event_closed_at_the_cut_off_is_not_asked() -> None:
    ae = "USUBJID | AETERM | AESTDTC | AEENDTC | AEOUT\nP2 | Nausea | 2020-01-02 | 2023-12-31 | ongoing"
    assert asked("ae_ongoing_ended", AE=ae) == []


def test_one_event_recorded_twice() -> None:
    ae = """
        USUBJID | AETERM | AESTDTC    | AEENDTC    | AETOXGR
        P1      | Nausea | 2020-01-02 | 2020-01-09 | 2
        P1      | Nausea | 2020-01-09 | 2020-01-12 | 3
        P1      | Rash   | 2020-01-03 | 2020-01-05 | 1
        P1      | Cough  | 2020-01-02 |            | 1
        P1      | Cough  | 2020-01-05 |            | 1
        P2      | Nausea | 2020-01-02 | 2020-01-09 | 2
        P2      | nausea | 2020-01-02 | 2020-01-09 | 2
    """
    one(
        asked("ae_overlap", AE=ae),
        "nausea is recorded twice from 2020-01-02 on, with the same grade and end.",
        "ae.csv!row 8!AESTDTC",
        "ae.csv!row 7!AESTDTC",
    )
    ae = ae.replace("nausea | 2020-01-02 | 2020-01-09 | 2", "Nausea | 2020-01-08 | 2020-01-12 | 3")
    one(
        asked("ae_overlap", AE=ae),
        "Nausea is recorded again from 2020-01-08 on, while an earlier record of it lasts from 2020-01-02 to "
        "2020-01-09.",
        "ae.csv!row 8!AESTDTC",
        "ae.csv!row 7!AESTDTC",
        "ae.csv!row 7!AEENDTC",
    )


def test_an_event_without_a_name() -> None:
    ae = "USUBJID | AETERM | AESTDTC | AETOXGR\nP1 | Nausea | 2020-01-02 | 2\nP1 | | |\nP2 | | 2020-01-02 | 3"
    one(
        asked("ae_unnamed", AE=ae),
        "An adverse event is recorded without its name.",
        "ae.csv!row 4!AETERM",
        "ae.csv!row 4!AETOXGR",
        "ae.csv!row 4!AESTDTC",
    )


# --- death


@pytest.mark.parametrize(
    ("grade", "outcome", "severity", "words", "cells"),
    [
        ("5", "FATAL", BLOCK, "has grade 5 and a fatal outcome", ("AETOXGR", "AEOUT")),
        ("5", "", WARN, "has grade 5", ("AETOXGR",)),
        ("4", "Death", WARN, "has a fatal outcome", ("AEOUT",)),
    ],
)
def test_a_fatal_event_of_a_living_patient(
    grade: str, outcome: str, severity: Severity, words: str, cells: tuple[str, ...]
) -> None:
    ae = f"""
        USUBJID | AETERM | AESTDTC    | AETOXGR | AEOUT
        P1      | Sepsis | 2020-02-10 | 4       | not fatal
        P2      | Sepsis | 2020-02-10 | {grade} | {outcome}
    """
    places = (*(f"ae.csv!row 3!{c}" for c in cells), "ss.csv!row 3!DTHFL")
    one(asked("fatal_ae_alive", AE=ae), f"Sepsis {words}, but no death is recorded.", *places, severity=severity)
    assert asked("fatal_ae_alive", AE=ae, SS=DEAD.format("Sepsis")) == []


@pytest.mark.parametrize(("grade", "outcome"), [("4", "FATAL"), ("5", "RECOVERED/RESOLVED"), ("5", "ongoing")])
def test_a_grade_and_an_outcome_that_disagree_about_death(grade: str, outcome: str) -> None:
    ae = f"""
        USUBJID | AETERM | AESTDTC    | AETOXGR | AEOUT
        P1      | Sepsis | 2020-02-10 | 5       | FATAL
        P1      | Nausea | 2020-02-10 | 2       | RECOVERED/RESOLVED
        P1      | Rash   | 2020-02-10 | 5       |
        P2      | Sepsis | 2020-02-10 | {grade} | {outcome}
    """
    one(
        asked("fatal_outcome_grade", AE=ae),
        f"Sepsis has grade {grade}, but its outcome is {outcome.lower()}.",
        "ae.csv!row 5!AETOXGR",
        "ae.csv!row 5!AEOUT",
    )


def test_a_fatal_event_that_ended_before_the_death() -> None:
    ae = """
        USUBJID | AETERM | AESTDTC    | AEENDTC    | AETOXGR
        P1      | Sepsis | 2020-02-10 | 2020-02-19 | 5
        P1      | Rash   | 2020-02-01 | 2020-02-03 | 1
        P2      | Sepsis | 2020-02-10 | 2020-02-18 | 5
    """
    one(
        asked("fatal_ae_end", AE=ae, SS=DEAD.format("Sepsis")),
        "Sepsis is recorded as fatal, but ended on 2020-02-18, 2 days before the death on 2020-02-20.",
        "ae.csv!row 4!AEENDTC",
        "ss.csv!row 3!DTHDTC",
    )


def test_a_death_of_toxicity_without_a_fatal_event() -> None:
    """The last dose is 2020-01-01: the death comes 50 days after it, or 42 with a dose on 2020-01-09."""
    ss = DEAD.format("Treatment-related toxicity")
    ae = "USUBJID | AETERM | AESTDTC | AETOXGR\nP1 | Sepsis | 2020-02-10 | 5\nP2 | Sepsis | 2020-02-10 | 4"
    later = DOSES + "    P2      | 2020-01-09 | 1       | 8       | 0.5     | 1.0\n"
    assert asked("death_of_toxicity", SS=ss, AE=ae) == []
    one(
        asked("death_of_toxicity", SS=ss, AE=ae, EX=later),
        "The cause of death is `Treatment-related toxicity`, 42 days after the last dose, but no adverse event has "
        "grade 5 or a fatal outcome.",
        "ss.csv!row 3!DTHCAUS",
        "ss.csv!row 3!DTHDTC",
    )
    assert asked("death_of_toxicity", SS=DEAD.format("Progressive leukaemia"), AE=ae, EX=later) == []


@pytest.mark.parametrize(
    ("term", "grade", "outcome", "words", "cell"),
    [
        ("Sepsis", "5", "FATAL", "has grade 5", "AETOXGR"),
        ("Sepsis", "4", "", "has grade 4", "AETOXGR"),
        ("Sepsis", "", "fatal", "was fatal", "AEOUT"),
        ("Sepsis", "3", "", None, ""),
        ("Platelet count decreased", "4", "", None, ""),
        ("Anaemia", "4", "", None, ""),
    ],
)
def test_a_grave_event_that_is_not_serious(term: str, grade: str, outcome: str, words: str | None, cell: str) -> None:
    ae = f"""
        USUBJID | AETERM | AESTDTC    | AETOXGR | AEOUT     | AESER
        P1      | Sepsis | 2020-02-10 | 4       |           | Y
        P1      | Sepsis | 2020-02-12 | 4       |           |
        P2      | {term} | 2020-02-10 | {grade} | {outcome} | N
    """
    queries = asked("serious_denied", AE=ae)
    if words is None:
        assert queries == []
        return
    places = ("ae.csv!row 4!AESER", f"ae.csv!row 4!{cell}")
    one(queries, f"{term} {words}, but is recorded as not serious.", *places)
