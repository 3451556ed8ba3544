"""What the checks of laboratory values ask: each in both directions, the doubtful cell first.

P1 of every table is the sound neighbour and is asked nothing; P2 breaks the rule.
"""

from __future__ import annotations

import pytest

from chartline.checks.laboratory import other_units
from chartline.core.query import Query, Severity, Topic
from rule_cases import asked

WARN, BLOCK = Severity.WARN, Severity.BLOCK
COLUMNS = ("USUBJID", "LBTESTCD", "LBDTC", "LBORRES", "LBSTRESN")


def labs(*rows: tuple[str, str, str, object], **same: str) -> str:
    """Rows (patient, test, day, value); `same` are columns with one value for all."""
    head = " | ".join((*COLUMNS, *same))
    return "\n".join([head, *(" | ".join(map(str, (*r, r[-1], *same.values()))) for r in rows)])


def one(queries: list[Query], message: str, *cells: str, subject: str = "P2", severity: Severity = WARN) -> None:
    """One query with just this message and these cells."""
    found = [(q.subject, q.message, q.addresses, q.severity) for q in queries]
    assert found == [(subject, message, cells, severity)]


def value(*lines: int) -> list[str]:
    return [f"lb.csv!row {n}!LBSTRESN" for n in lines]


# --- units


def test_the_factor_of_another_unit_is_that_of_reading_it() -> None:
    """17.1 umol/L are 1 mg/dL of bilirubin; 10 g/L are 1 g/dL; 1 x 10^9/L are 1,000 per uL and 0.01 lakh."""
    assert (1 / 17.1, "numbers in mg/dL were carried as µmol/L") in other_units("BILI")
    assert (10.0, "numbers in g/L were taken for g/dL") in other_units("HB")
    assert (1000.0, "numbers in per µL were carried as × 10⁹/L") in other_units("PLT")
    assert (0.01, "numbers in lakh per µL were carried as × 10⁹/L") in other_units("PLT")
    assert other_units("INR") == ()


def centre(test: str, usual: list[float], odd: list[float]) -> str:
    """Six patients with three values about `usual`, and P2 with the values `odd`."""
    people = ["P1", "P3", "P4", "P5", "P6", "P7"]
    rows = [(p, test, f"2020-01-{d + 2:02}", v + i) for i, p in enumerate(people) for d, v in enumerate(usual)]
    return labs(*rows, *(("P2", test, f"2020-01-{d + 2:02}", v) for d, v in enumerate(odd)))


def test_a_patient_whose_whole_series_is_in_another_unit() -> None:
    """Bilirubin 12 to 17 umol/L in the others (median 14.5); 0.8 mg/dL are 13.7 umol/L."""
    one(
        asked("unit_of_patient", LB=centre("BILI", [12, 11, 13], [0.8, 0.7, 0.9])),
        "Bilirubin (total): the 3 values of this patient (0.7 to 0.9 µmol/L) are far from those of the centre's other "
        "patients (usually about 14). They would fit if numbers in mg/dL were carried as µmol/L (a median of 13.7 "
        "µmol/L).",
        *value(20, 21, 22),
    )


@pytest.mark.parametrize("odd", [[0.8, 0.7], [3, 3.1, 3.2], [120, 110, 130], [14, 13, 240]])
def test_a_patient_who_is_only_ill_or_has_too_few_values_is_not_asked(odd: list[float]) -> None:
    assert asked("unit_of_patient", LB=centre("BILI", [12, 11, 13], odd)) == []


def test_five_patients_do_not_tell_what_is_usual() -> None:
    lb = "\n".join(line for line in centre("BILI", [12, 11, 13], [0.8, 0.7, 0.9]).splitlines() if line[:2] != "P7")
    lb = "\n".join(line for line in lb.splitlines() if line[:2] != "P6")
    assert asked("unit_of_patient", LB=lb) == []


def test_haemoglobin_of_one_patient_in_the_other_unit_is_one_question() -> None:
    """98 g/L are 9.8 g/dL: as g/L that is below the possible (20). Four such values of a patient are one question."""
    (q,) = asked("lab_implausible", LB=centre("HB", [98, 97, 99], [9.8, 9.7, 9.9, 10.1]))
    assert q.addresses == tuple(value(20, 21, 22, 23))
    assert q.message == (
        "Haemoglobin: 4 values of this patient (9.7 to 10.1 g/L) are outside the possible (20 to 250). It would fit "
        "what the centre's other patients have if a number in g/dL was written as g/L (99 g/L)."
    )
    assert asked("unit_of_patient", LB=centre("HB", [98, 97, 99], [9.8, 9.7, 9.9, 10.1])) == []
    assert len(asked("lab_implausible", LB=centre("HB", [98, 97, 99], [9.8, 9.7, 9.9]))) == 3


def days(who: str, test: str, *values: float) -> list[tuple[str, str, str, object]]:
    return [(who, test, f"2020-01-{d:02}", v) for d, v in enumerate(values, start=1)]


def test_a_series_that_changes_to_another_unit() -> None:
    sound = days("P1", "CREA", 60, 62, 64, 300, 310, 320)  # five times: an illness
    odd = days("P2", "CREA", 60, 62, 64, 5.5, 5.6, 5.7)
    assert asked("unit_switch", LB=labs(*sound, *odd)) == []  # eleven times less is no unit
    odd = days("P2", "BILI", 12, 13, 11, 205.2, 222.3, 188.1)
    one(
        asked("unit_switch", LB=labs(*sound, *odd)),
        "Bilirubin (total) is 11 to 13 µmol/L up to 2020-01-03 and 188.1 to 222.3 from 2020-01-04 on, as if from "
        "then on numbers in µmol/L were taken for mg/dL, or the other way round before.",
        *value(11, 10),
    )


def test_two_values_on_a_side_are_no_series() -> None:
    assert asked("unit_switch", LB=labs(*days("P2", "BILI", 12, 13, 11, 205.2, 222.3))) == []


# --- limits of normal


def test_limits_of_normal_the_wrong_way_round() -> None:
    lb = labs(("P1", "ALT", "2020-01-02", 20), LBSTNRLO="5", LBSTNRHI="40")
    assert asked("limits_reversed", LB=lb) == []
    lb = labs(("P1", "ALT", "2020-01-02", 20), ("P2", "ALT", "2020-01-02", 21), LBSTNRLO="40", LBSTNRHI="5")
    one(
        asked("limits_reversed", LB=lb),
        "Alanine aminotransferase: of 2 values the lower limit of normal is not below the upper one (40 and 5 U/L).",
        *(f"lb.csv!row {n}!{limit}" for n in (2, 3) for limit in ("LBSTNRLO", "LBSTNRHI")),
        subject="",
    )


@pytest.mark.parametrize(
    ("limit", "unit", "is_asked"), [("159", "", False), ("160", "", True), ("10", "", True), ("160", "U/mL", False)]
)
def test_an_upper_limit_far_from_the_centres_others(limit: str, unit: str, is_asked: bool) -> None:
    head = "USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN | LBSTNRHI | LBORRESU\n"
    rows = [f"P1 | ALT | 2020-01-0{d} | 20 | 20 | 40 |" for d in (2, 3, 4)]
    queries = asked("limits_apart", LB=head + "\n".join([*rows, f"P2 | ALT | 2020-01-02 | 20 | 20 | {limit} | {unit}"]))
    if not is_asked:
        assert queries == []
        return
    one(
        queries,
        f"Alanine aminotransferase: 1 value has an upper limit of normal of {limit} U/L, where the centre's usual "
        "limit is 40.",
        "lb.csv!row 5!LBSTNRHI",
        subject="",
    )


def test_limits_in_another_unit_than_the_values() -> None:
    """Creatinine 80 to 84 umol/L beside an upper limit of 1.2 (mg/dL): 82 / 1.2 is 68 times."""
    rows = [(f"P{i}", "CREA", "2020-01-02", 79 + i) for i in range(1, 6)]
    (q,) = asked("limits_of_other_unit", LB=labs(*rows, LBSTNRHI="1.2"))
    assert q.message == (
        "Creatinine: the median of 5 patients is 82 µmol/L, but the upper limit of normal is 1.2: values and limits "
        "seem to be in different units."
    )
    assert (q.subject, q.addresses) == ("", tuple(f"lb.csv!row {n}!LBSTNRHI" for n in (2, 3, 4)))
    assert asked("limits_of_other_unit", LB=labs(*rows, LBSTNRHI="106")) == []
    assert asked("limits_of_other_unit", LB=labs(*rows[:4], LBSTNRHI="1.2")) == []


def test_a_median_that_bounds_leave_open_is_held_against_no_limit() -> None:
    """Shares 20, below 1 and 20 of the limits: a median of 20, but of 2, "<4" and 100 the median may be 2 to 4."""
    head = "USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN | LBSTNRHI"
    results = [("2", "0.1"), ("<4", "4"), ("100", "5")]
    rows = [f"P{i} | CREA | 2020-01-02 | {v} | {v} | {limit}" for i in range(1, 6) for v, limit in results]
    assert asked("limits_of_other_unit", LB="\n".join([head, *rows])) == []


def test_blood_counts_far_below_the_normal_range_are_the_disease() -> None:
    rows = [(f"P{i}", "ANC", "2020-01-02", 0.1) for i in range(1, 6)]
    assert asked("limits_of_other_unit", LB=labs(*rows, LBSTNRHI="7.5")) == []


# --- copies


def test_a_value_that_repeats_itself_day_after_day() -> None:
    """P1 has 24 pairs of which none is equal, so p = 1/26: 5 equal of P2 have 28 pairs x (1/26)^4 = 0.00006 < 0.01."""
    moving = [("P1", "HB", f"2020-01-{d:02}", 90 + d) for d in range(1, 26)]
    odd = days("P2", "HB", 97, 97, 97, 97, 97)
    one(
        asked("frozen_values", LB=labs(*moving, *odd)),
        "Haemoglobin is 97 g/L in 5 consecutive results, from 2020-01-01 to 2020-01-05.",
        *value(27, 28, 29, 30, 31),
    )
    assert asked("frozen_values", LB=labs(*moving, *odd[:4])) == []


def test_values_that_often_repeat_are_no_copies() -> None:
    """P1 repeats half of its values: p = 13/26, and 28 x (1/2)^4 = 1.75 such runs are chance."""
    steady = [("P1", "HB", f"2020-01-{d:02}", 90 + d // 2) for d in range(1, 26)]
    assert asked("frozen_values", LB=labs(*steady, *days("P2", "HB", 97, 97, 97, 97, 97))) == []


def test_a_number_of_one_digit_repeats_by_rounding() -> None:
    moving = [("P1", "CREA", f"2020-01-{d:02}", 60 + d) for d in range(1, 26)]
    odd = "\n".join(f"P2 | CREA | 2020-01-0{d} | 0.8 | 70.72" for d in range(1, 7))
    assert asked("frozen_values", LB=f"{labs(*moving)}\n{odd}") == []


PANEL = {"HB": 97, "PLT": 41, "ALT": 22, "AST": 31, "BILI": 11.97}


def panel(who: str, day: str, **other: float) -> list[tuple[str, str, str, object]]:
    return [(who, test, day, v) for test, v in {**PANEL, **other}.items()]


def test_a_panel_that_is_that_of_another_day() -> None:
    sound = [*panel("P1", "2020-01-02", HB=99), *panel("P1", "2020-01-09", HB=98)]
    odd = [*panel("P2", "2020-01-02"), *panel("P2", "2020-01-09")]
    (q,) = asked("panel_repeated", LB=labs(*sound, *odd))
    assert q.message == "All 5 laboratory values of 2020-01-09 are those of 2020-01-02."
    # ALT, AST, BILI, HB, PLT of the later day, then of the earlier
    assert q.addresses == tuple(value(19, 20, 21, 17, 18, 14, 15, 16, 12, 13))


def test_a_panel_that_is_that_of_another_patient_of_the_centre() -> None:
    (q,) = asked("panel_repeated", LB=labs(*panel("P1", "2020-01-02"), *panel("P2", "2020-01-09")))
    assert (q.subject, q.message) == (
        "P2",
        "All 5 laboratory values of 2020-01-09 are those of patient P1 of 2020-01-02.",
    )
    at_another = (
        labs(*panel("P1", "2020-01-02"), CENTRE="A")
        + "\n"
        + labs(*panel("P2", "2020-01-09"), CENTRE="B").partition("\n")[2]
    )
    assert asked("panel_repeated", LB=at_another) == []


# --- results of one day


def test_neutrophils_above_the_white_cells() -> None:
    """65 % of 4 are 2.6; 4 x 1.1 + 0.1 = 4.5 is still within the tolerance."""
    sound = [("P1", "WBC", "2020-01-02", 4), ("P1", "ANC", "2020-01-02", 4.5), ("P1", "ANC", "2020-01-03", 65)]
    odd = [("P2", "WBC", "2020-01-02", 4), ("P2", "ANC", "2020-01-02", 65)]
    one(
        asked("part_above_whole", LB=labs(*sound, *odd)),
        "Neutrophils 65 on 2020-01-02 are more than white blood cells 4 × 10⁹/L. It would fit if the number is a "
        "percentage of them (2.6 × 10⁹/L).",
        *value(6, 5),
    )


def test_a_differential_that_adds_up_to_more_than_the_white_cells() -> None:
    """3 + 1.5 = 4.5 is at most 4 x 1.1 + 0.1 = 4.5; 3 + 1.6 = 4.6 is more."""
    sound = [("P1", "WBC", "2020-01-02", 4), ("P1", "ANC", "2020-01-02", 3), ("P1", "LYM", "2020-01-02", 1.5)]
    odd = [("P2", "WBC", "2020-01-02", 4), ("P2", "ANC", "2020-01-02", 3), ("P2", "LYM", "2020-01-02", 1.6)]
    one(
        asked("differential_over_100", LB=labs(*sound, *odd)),
        "On 2020-01-02 neutrophils 3 and lymphocytes 1.6 add up to 4.6, more than the white blood cells 4 × 10⁹/L.",
        *value(6, 7, 5),
    )


def test_a_part_that_alone_is_too_high_is_asked_once() -> None:
    rows = [("P2", "WBC", "2020-01-02", 4), ("P2", "ANC", "2020-01-02", 65), ("P2", "LYM", "2020-01-02", 1)]
    assert asked("differential_over_100", LB=labs(*rows)) == []
    assert len(asked("part_above_whole", LB=labs(*rows))) == 1


def test_two_results_of_one_day_that_are_many_times_each_other() -> None:
    sound = [("P1", "PLT", "2020-01-02", 10), ("P1", "PLT", "2020-01-02", 49), ("P1", "PLT", "2020-01-03", 90)]
    odd = [("P2", "PLT", "2020-01-02", 10), ("P2", "PLT", "2020-01-02", 50)]
    one(
        asked("same_day_apart", LB=labs(*sound, *odd)),
        "Platelets on 2020-01-02: the results 10 and 50 × 10⁹/L are far apart.",
        *value(5, 6),
    )


def test_what_is_at_stake_is_the_grade_of_the_test() -> None:
    rows = [("P2", "ALT", "2020-01-02", 10), ("P2", "ALT", "2020-01-02", 50)]
    (q,) = asked("same_day_apart", LB=labs(*rows))
    assert q.topics == {Topic.LIVER}
