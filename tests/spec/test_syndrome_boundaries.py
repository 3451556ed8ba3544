"""Every threshold and window of every set of criteria: just below, at, and just above it.

The cases are made from the shipped files; which side is met is written here, by hand, from the sources that the files
name. A threshold that has no line here fails.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pytest

from chartline.derive.syndrome_evidence import Charts, Unit, evidence_rows
from chartline.derive.syndrome_rules import (
    Evidence,
    Item,
    LabDays,
    LabRatio,
    LabRepeat,
    LabRise,
    LabValue,
    Measure,
    available_syndromes,
    load_syndrome,
)

DAY0 = dt.date(2020, 3, 1)
UP, UP_STRICT, DOWN, DOWN_STRICT = "at or above", "above", "at or below", "below"
MET = {
    UP: (False, True, True),
    UP_STRICT: (False, False, True),
    DOWN: (True, True, False),
    DOWN_STRICT: (True, False, False),
}

SEVERITY = {  # EBMT 2016, and taken over by 2023
    ("days_4", "4 days"): DOWN,  # severe: "<= 4 d"
    ("days_7", "7 days"): DOWN,  # moderate: "5-7 d"; mild: "> 7 d"
    ("bilirubin_3", "3 mg/dL"): UP,  # moderate: ">= 3 and < 5"
    ("bilirubin_5", "5 mg/dL"): UP,
    ("bilirubin_8", "8 mg/dL"): UP,
    ("doubling", "2 x earlier"): UP,
    ("transaminases_2", "2 x ULN"): UP_STRICT,  # moderate: "> 2 and <= 5 x normal"
    ("transaminases_5", "5 x ULN"): UP_STRICT,
    ("transaminases_8", "8 x ULN"): UP_STRICT,
    ("weight_5", "5 %"): UP,  # moderate: ">= 5 and < 10 %"
    ("weight_10", "10 %"): UP,
    ("creatinine_1_2", "1.2 x baseline"): UP,
    ("creatinine_1_5", "1.5 x baseline"): UP,
    ("creatinine_2", "2 x baseline"): UP,
    ("risk_factors", "2"): UP,  # "two or more risk factors"
}  # fmt: skip
ORGANS = ("respiration", "coagulation", "liver", "circulation", "nervous", "kidney")
HYS_LAW = ("hys_law", "hys_law_14_days", "hys_law_r5")
# (set, item, threshold as it is printed) -> which side is met, from the source.
SIDES: dict[tuple[str, str, str], str] = {
    ("vod_seattle", "bilirubin", "2 mg/dL"): UP_STRICT,  # "> 2 mg/dL"
    ("vod_seattle", "weight", "2 %"): UP_STRICT,  # "weight gain (> 2 %)"
    ("vod_baltimore", "bilirubin", "2 mg/dL"): UP,
    ("vod_baltimore", "weight", "5 %"): UP_STRICT,
    ("vod_ebmt_2016", "bilirubin", "2 mg/dL"): UP,
    ("vod_ebmt_2016", "weight", "5 %"): UP_STRICT,
    ("vod_ebmt_2016", "haemodynamic", "10 mmHg"): UP,
    ("vod_ebmt_2023", "bilirubin", "2 mg/dL"): UP,
    ("vod_ebmt_2023", "weight", "5 %"): UP_STRICT,
    ("vod_ebmt_2023", "haemodynamic", "10 mmHg"): UP,
    ("ino_liver_gate", "bilirubin", "1.5 x ULN"): UP_STRICT,  # "hold where above 1.5 x ULN"
    ("ino_liver_gate", "alt", "2.5 x ULN"): UP_STRICT,
    ("ino_liver_gate", "ast", "2.5 x ULN"): UP_STRICT,
    ("ino_count_gate", "anc", "1 10^9/L"): DOWN_STRICT,  # "wait for ANC >= 1.0"
    ("ino_count_gate", "platelets", "50 10^9/L"): DOWN_STRICT,
    ("tls_cairo_bishop", "urate", "476 umol/L"): UP,
    ("tls_cairo_bishop", "urate", "1.25 x baseline"): UP,  # "25 % increase"
    ("tls_cairo_bishop", "potassium", "6 mmol/L"): UP,
    ("tls_cairo_bishop", "potassium", "1.25 x baseline"): UP,
    ("tls_cairo_bishop", "phosphate", "1.45 mmol/L"): UP,
    ("tls_cairo_bishop", "phosphate", "1.25 x baseline"): UP,
    ("tls_cairo_bishop", "calcium", "1.75 mmol/L"): DOWN,
    ("tls_cairo_bishop", "calcium", "0.75 x baseline"): DOWN,  # "25 % decrease"
    ("tls_cairo_bishop", "creatinine", "1.5 x ULN"): UP,
    ("tls_cairo_bishop", "creatinine_2", "1.5 x ULN"): UP_STRICT,  # grade 2: "> 1.5-3.0 x ULN"
    ("tls_cairo_bishop", "creatinine_3", "3 x ULN"): UP_STRICT,
    ("tls_cairo_bishop", "creatinine_4", "6 x ULN"): UP_STRICT,
    **{("tls_cairo_bishop", f"{sign}_{n}", f"{n}"): UP for sign in ("arrhythmia", "seizure") for n in (2, 3, 4)},
    ("crs_astct", "fever", "38 C"): UP,  # "temperature >= 38 C"
    ("crs_astct", "vasopressor", "1"): UP,
    ("crs_astct", "vasopressors", "2"): UP,  # "multiple vasopressors"
    ("icans_astct", "ice_9", "9"): DOWN,  # grade 1: ICE 7-9
    ("icans_astct", "ice_6", "6"): DOWN,  # grade 2: ICE 3-6
    ("icans_astct", "ice_2", "2"): DOWN,  # grade 3: ICE 0-2
    **{("icaht_early", item, "500 /uL"): DOWN for item in ("anc_500", "days_7", "days_14", "never_above")},
    **{("icaht_early", item, "100 /uL"): DOWN for item in ("deep_7", "deep_14")},
    ("icaht_late", "lasting", "1500 /uL"): DOWN,
    **{("icaht_late", f"anc_{n}", f"{n} /uL"): DOWN for n in (1000, 500, 100)},
    # SOFA: 2 points and more
    **{("vod_ebmt_2023", organ, "2"): UP for organ in ORGANS},
    ("vod_ebmt_2023", "respiration", "300 mmHg"): DOWN_STRICT,  # 2 points: "< 300"
    ("vod_ebmt_2023", "circulation", "1"): UP,  # 2 points: "dobutamine (any dose)"
    ("vod_ebmt_2023", "nervous", "12"): DOWN,  # 2 points: "10-12"
    ("vod_ebmt_2023", "kidney", "171 umol/L"): UP,  # 2 points: "171-299"
    **{(name, *of): side for name in ("vod_ebmt_2016", "vod_ebmt_2023") for of, side in SEVERITY.items()},
    ("hys_law_r5", "r_value", "R 5"): UP,
    **{(name, "transaminases", "3 x ULN"): UP for name in HYS_LAW},  # ">= 3 x ULN"
    **{(name, "bilirubin", "2 x ULN"): UP_STRICT for name in HYS_LAW},  # "> 2 x ULN"
    **{(name, "cholestasis", "2 x ULN"): UP_STRICT for name in HYS_LAW[:2]},  # "ALP <= 2 x ULN" is no cholestasis
}  # fmt: skip
# Days of neutropenia that make it: "for 7 days or more", "14 days or more", "never above" from day 0 to day 30.
DURATIONS = {"days_7": 7, "days_14": 14, "never_above": 31, "deep_7": 7, "deep_14": 14}
# First and last day of each pathway.
WINDOWS: dict[tuple[str, str], tuple[int, int | None]] = {
    ("vod_seattle", "SEATTLE"): (0, 20),  # "by day 20"
    ("vod_baltimore", "BALTIMORE"): (0, 21),  # "by day 21"
    ("vod_ebmt_2016", "CLASSICAL"): (0, 21),  # "in the first 21 days"
    ("vod_ebmt_2016", "LATE"): (22, None),  # "after day 21"
    ("vod_ebmt_2016", "NO_HSCT"): (0, 56),
    **{("vod_ebmt_2023", c): (0, 100) for c in ("PROVEN", "CLINICAL", "PROBABLE")},
    **{("vod_ebmt_2023", f"{c}_NO_HSCT"): (0, 56) for c in ("PROVEN", "CLINICAL", "PROBABLE")},
    ("hys_law", "CANDIDATE"): (0, 30),
    ("hys_law_14_days", "CANDIDATE"): (0, 14),
    ("hys_law_r5", "CANDIDATE"): (0, 30),
    ("ino_liver_gate", "BREACH"): (-7, 0),
    ("ino_count_gate", "BREACH"): (-7, 0),
    ("tls_cairo_bishop", "CLINICAL"): (-3, 7),  # "3 days before to 7 days after"
    ("tls_cairo_bishop", "LABORATORY"): (-3, 7),
    ("crs_astct", "CRS"): (0, 30),
    ("icans_astct", "ICANS"): (0, 30),
    ("icaht_early", "EARLY"): (0, 30),  # "day 0 to 30"
    ("icaht_late", "LATE"): (31, 100),  # "after day 30"
}  # fmt: skip


def thresholds() -> Iterator[tuple[str, str, Evidence]]:
    for name in available_syndromes():
        for item, declared in load_syndrome(name).items.items():
            for e in declared.any_of:
                if isinstance(e, LabValue | LabRatio | LabRise | LabDays | LabRepeat | Measure):
                    yield name, item, e


def words(e: Any) -> str:
    if isinstance(e, LabRatio):
        return f"R {e.threshold:g}"
    if isinstance(e, LabRise):
        return f"{e.threshold:g} x earlier"
    if getattr(e, "times", ""):
        return f"{e.threshold:g} x {e.times}"
    return f"{e.threshold:g} {e.unit}".strip()


def lab_row(test: str, day: int, value: float, **more: Any) -> dict[str, Any]:
    """A laboratory value with an upper limit and a baseline of 100, taken 10 days before day 0."""
    row = {
        "CENTRE": "A", "USUBJID": "P1", "SEQ": day + 100, "LBTESTCD": test, "ADT": DAY0 + dt.timedelta(days=day),
        "AVAL": float(value), "AVAL_OP": None, "ANRHI": 100.0, "BASE": 100.0, "BASEDT": DAY0 - dt.timedelta(days=10),
        "LBSUMM": None, "LBCYCLE": None, "ANL01FL": "Y",
    }  # fmt: skip
    return row | more


def finding_row(code: str, day: int, answer: str) -> dict[str, Any]:
    date = (DAY0 + dt.timedelta(days=day)).isoformat()
    return {"CENTRE": "A", "USUBJID": "P1", "SEQ": 1, "FATESTCD": code, "FAORRES": answer, "FADTC": date}


Rows = Sequence[dict[str, Any]]
LAB = {
    "CENTRE": pl.String, "USUBJID": pl.String, "SEQ": pl.Int64, "LBTESTCD": pl.String, "ADT": pl.Date,
    "AVAL": pl.Float64, "AVAL_OP": pl.String, "ANRHI": pl.Float64, "BASE": pl.Float64, "BASEDT": pl.Date,
    "LBSUMM": pl.String, "LBCYCLE": pl.Int64, "ANL01FL": pl.String,
}  # fmt: skip
FA = {
    "CENTRE": pl.String,
    "USUBJID": pl.String,
    "SEQ": pl.Int64,
    "FATESTCD": pl.String,
    "FAORRES": pl.String,
    "FADTC": pl.String,
}
AE = {
    "CENTRE": pl.String, "USUBJID": pl.String, "SEQ": pl.Int64, "AETERM": pl.String, "ASTDTC": pl.String,
    "AENDT": pl.Date, "AETOXGR": pl.Int64, "AEOUT": pl.String,
}  # fmt: skip
DEATH = {
    "CENTRE": pl.String, "USUBJID": pl.String, "DEAD": pl.Boolean, "DIED": pl.Date, "ALIVE": pl.Date,
    "CAUSE": pl.String, "SEQ": pl.Int64,
}  # fmt: skip


def so(
    e: Evidence, labs: Rows = (), findings: Rows = (), days: tuple[int, int | None] = (0, 30), *,
    events: Rows = (), deaths: Rows = (),
) -> bool | None:  # fmt: skip
    """Whether one kind of evidence is met; None: not known."""
    frames = ((labs, LAB), (findings, FA), (events, AE), (deaths, DEATH))
    charts = Charts(*(pl.LazyFrame(list(rows), schema) for rows, schema in frames))
    day0 = {"CENTRE": "A", "USUBJID": "P1", "OCC": 0, "ANCHOR": DAY0, "END": None, "SUMMARY": False}
    occurrences = pl.LazyFrame([day0], {"CENTRE": pl.String, "USUBJID": pl.String, "OCC": pl.Int64, "ANCHOR": pl.Date,
                                        "END": pl.Date, "SUMMARY": pl.Boolean})  # fmt: skip
    rows = pl.concat(evidence_rows(Unit(0, Item(label="it", any_of=(e,)), days), occurrences, charts)).collect()
    return {2: True, 1: None, 0: False, None: None}[rows["STATE"].max()]


# Standard units, written out: 1 mg/dL bilirubin is 17.1 umol/L, 1000/uL is 1 x 10^9/L.
STANDARD = {"mg/dL": 17.1, "/uL": 0.001, "10^9/L": 1.0, "umol/L": 1.0, "mmol/L": 1.0}


def at(e: Any, value: float) -> bool | None:
    """Whether evidence is met at a value in the unit of its threshold."""
    if isinstance(e, Measure):
        return so(e, [], [finding_row(e.measure[0], 3, f"{value:g}")])
    if isinstance(e, LabRatio):
        above, below = e.ratio
        return so(e, [lab_row(above, 3, 100 * value), lab_row(below, 3, 100)], [], (0, 30))
    if isinstance(e, LabRise):
        return so(e, [lab_row(e.rise, 3, 50), lab_row(e.rise, 5, 50 * value)], [])
    if isinstance(e, LabDays):
        return so(e, [lab_row(e.days_of, d, value * STANDARD[e.unit]) for d in range(31)], [])
    if isinstance(e, LabRepeat):
        return so(e, [lab_row(e.repeated, d, value * STANDARD[e.unit]) for d in range(e.values)], [])
    scale = 100 if e.times else STANDARD[e.unit]
    return so(e, [lab_row(e.lab[0], 3, round(value * scale, 9))], [])


@pytest.mark.parametrize(("name", "item", "e"), list(thresholds()), ids=lambda v: v if isinstance(v, str) else words(v))
def test_a_threshold_just_below_at_and_just_above(name: str, item: str, e: Any) -> None:
    step = 1 if isinstance(e, Measure) and e.threshold == int(e.threshold) and e.unit in ("", "days") else 0.01
    met = tuple(at(e, round(e.threshold + d, 6)) for d in (-step, 0, step))
    assert met == MET[SIDES[name, item, words(e)]]


def test_every_threshold_has_a_side_written_by_hand_and_no_other() -> None:
    assert {(name, item, words(e)) for name, item, e in thresholds()} == set(SIDES)


@pytest.mark.parametrize("item", DURATIONS)
def test_a_duration_one_day_short_and_long_enough(item: str) -> None:
    e: Any = load_syndrome("icaht_early").items[item].any_of[0]
    low, high = e.threshold * 0.001, 2.0

    def with_days(n: int) -> bool | None:
        return so(e, [lab_row("ANC", d, low if d < n else high) for d in range(31)], [])

    assert (with_days(DURATIONS[item] - 1), with_days(DURATIONS[item])) == (False, True)


@pytest.mark.parametrize(("gap", "known"), [(4, True), (5, None)])
def test_days_without_a_value_count_between_two_that_say_the_same_at_most_four_days_apart(gap: int, known: Any) -> None:
    e = load_syndrome("icaht_early").items["days_7"].any_of[0]
    assert so(e, [lab_row("ANC", d, 0.2) for d in (0, gap, 2 * gap)], []) is known


@pytest.mark.parametrize(("above", "met"), [(0, False), (1, True), (2, True), (3, False)])
@pytest.mark.parametrize("item", ["days_7", "deep_7"])
def test_a_recovery_of_fewer_than_three_days_counts_as_none(item: str, above: int, met: bool) -> None:
    e = load_syndrome("icaht_early").items[item].any_of[0]
    low = [*range(3), *range(3 + above, 6 + above)]  # 6 days; 7 with a day between, 8 with two
    assert so(e, [lab_row("ANC", d, 0.05 if d in low else 2) for d in range(31)]) is met


def test_never_above_is_never_above() -> None:
    e = load_syndrome("icaht_early").items["never_above"].any_of[0]
    assert so(e, [lab_row("ANC", d, 2 if d == 12 else 0.05) for d in range(31)]) is False


@pytest.mark.parametrize(
    ("values", "met"),
    [
        ({40: 1.5, 60: 1.5}, True),  # two days, whatever lies between them
        ({40: 1.5, 50: 2.0, 60: 1.5}, True),
        ({40: 1.5, 60: 1.51}, False),  # the second value denies the first
        ({40: 1.5}, None),  # nobody looked again
        ({40: 1.6}, False),
        ({30: 1.5, 40: 1.5}, None),  # day 30 is not late
        ({100: 1.5, 101: 1.5}, None),
        ({31: 1.5, 100: 1.5}, True),
        ({}, None),
    ],
)
def test_late_neutropenia_lasts_where_two_days_say_so(values: dict[int, float], met: bool | None) -> None:
    e = load_syndrome("icaht_late").items["lasting"].any_of[0]
    assert so(e, [lab_row("ANC", d, v) for d, v in values.items()], days=(31, 100)) is met


def test_two_values_of_one_day_are_one() -> None:
    e = load_syndrome("icaht_late").items["lasting"].any_of[0]
    assert so(e, [lab_row("ANC", 40, 1.5), lab_row("ANC", 40, 1.4, SEQ=9)], days=(31, 100)) is None


@pytest.mark.parametrize(("apart", "met"), [(1, True), (2, True), (3, None)])
def test_bilirubin_doubles_within_48_hours(apart: int, met: Any) -> None:
    e = load_syndrome("vod_ebmt_2016").items["doubling"].any_of[0]
    assert so(e, [lab_row("BILI", 3, 50), lab_row("BILI", 3 + apart, 100)], []) is met


@pytest.mark.parametrize(("test", "limit"), [("ANC", 1.0), ("PLT", 50.0)])
def test_counts_below_the_limit_before_treatment_do_not_hold_a_cycle(test: str, limit: float) -> None:
    items = load_syndrome("ino_count_gate").items
    e = items["anc" if test == "ANC" else "platelets"].any_of[0]

    def with_baseline(base: float | None) -> bool | None:
        return so(e, [lab_row(test, 0, limit / 2, BASE=base)], [])

    assert [with_baseline(b) for b in (limit - 0.01, limit, limit + 0.01, None)] == [False, True, True, None]


def pathways() -> Iterator[tuple[str, str]]:
    yield from ((name, p.code) for name in available_syndromes() for p in load_syndrome(name).pathways)


@pytest.mark.parametrize(("name", "code"), list(pathways()))
def test_a_window_opens_on_its_first_day_and_closes_after_its_last(name: str, code: str) -> None:
    first, last = WINDOWS[name, code]
    declared = next(p.days for p in load_syndrome(name).pathways if p.code == code)
    value = LabValue(lab=("BILI",), operator=">=", threshold=1, unit="mg/dL")
    yes = load_syndrome("vod_ebmt_2016").items["ascites"].any_of[0]
    for day, inside in ((first - 1, None), (first, True), (last, True), (None if last is None else last + 1, None)):
        if day is not None:
            assert so(value, [lab_row("BILI", day, 50)], [], declared) is inside, day
            assert so(yes, [], [finding_row("ASCITES", day, "Y")], declared) is inside, day


def test_every_window_is_written_by_hand() -> None:
    assert set(pathways()) == set(WINDOWS)


@pytest.mark.parametrize(
    ("name", "item", "days"),
    [
        *((n, "cholestasis", (-3, 3)) for n in ("hys_law", "hys_law_14_days")),
        ("hys_law_r5", "r_value", (0, 0)),
        *((n, "vod", (-30, 60)) for n in HYS_LAW),
        ("vod_seattle", "unresolved", (0, None)),
        ("crs_astct", "fatal", (0, 100)),
        ("icans_astct", "fatal", (0, 100)),
        ("tls_cairo_bishop", "fatal", (-3, 30)),
    ],
)
def test_items_with_a_window_of_their_own(name: str, item: str, days: tuple[int, int | None]) -> None:
    assert load_syndrome(name).items[item].days == days


# Deaths, and events that go on ----------------------------------------------------------------------------------------

FATAL = {"vod_seattle": (0, 100), "crs_astct": (0, 100), "icans_astct": (0, 100), "tls_cairo_bishop": (-3, 30)}


def death_row(died: int | None, cause: str | None, seen: int, dead: bool = True) -> dict[str, Any]:
    days = {"DIED": died, "ALIVE": seen}
    dates = {n: None if d is None else DAY0 + dt.timedelta(days=d) for n, d in days.items()}
    return {"CENTRE": "A", "USUBJID": "P1", "SEQ": 1, "DEAD": dead, "CAUSE": cause} | dates


@pytest.mark.parametrize("name", FATAL)
def test_a_death_counts_by_its_cause_within_the_window(name: str) -> None:
    first, last = FATAL[name]
    e: Any = load_syndrome(name).items["fatal"].any_of[0]
    of_it = e.death_of[0].upper()

    def judged(died: int | None, cause: str | None, seen: int | None = None, dead: bool = True) -> bool | None:
        return so(e, days=(first, last), deaths=[death_row(died, cause, died if seen is None else seen, dead)])

    assert [judged(d, of_it) for d in (first - 1, first, last, last + 1)] == [False, True, True, False]
    assert judged(5, "Progressive leukaemia") is False
    assert judged(5, f"Septic shock with ongoing {of_it}") is None  # one cause among others
    assert judged(5, None) is None
    assert judged(5, "Unknown") is None
    assert judged(None, of_it, seen=5) is None  # when, nobody wrote down
    assert judged(None, "Progressive leukaemia", seen=5) is False
    # The living: seen until the window's end, or lost before it.
    assert [judged(None, None, seen=d, dead=False) for d in (last - 1, last, last + 1)] == [None, False, False]


@pytest.mark.parametrize("name", FATAL)
def test_an_adverse_event_of_grade_5_is_a_death_by_it_and_one_of_another_grade_is_not(name: str) -> None:
    e: Any = load_syndrome(name).items["fatal"].any_of[1]

    def judged(grade: int | None) -> bool | None:
        row = {"CENTRE": "A", "USUBJID": "P1", "SEQ": 1, "AETERM": e.event[0], "ASTDTC": "2020-03-06"}
        return so(e, events=[row | {"AETOXGR": grade, "AENDT": None, "AEOUT": None}])

    assert [judged(g) for g in (4, 5, None)] == [False, True, None]


@pytest.mark.parametrize(
    ("end", "outcome", "met"),
    [
        (99, "RECOVERED/RESOLVED", False),
        (100, "RECOVERED/RESOLVED", False),  # over by day 100
        (101, "RECOVERED/RESOLVED", True),
        (None, "NOT RECOVERED/NOT RESOLVED", True),
        (60, "FATAL", True),  # it ended with the patient's life
        (None, "RECOVERED/RESOLVED", None),  # when, nobody wrote down
        (None, None, None),
    ],
)
def test_vod_is_unresolved_where_its_event_was_not_over_by_day_100(
    end: int | None, outcome: str | None, met: bool | None
) -> None:
    e: Any = load_syndrome("vod_seattle").items["unresolved"].any_of[0]
    ended = None if end is None else DAY0 + dt.timedelta(days=end)
    row = {"CENTRE": "A", "USUBJID": "P1", "SEQ": 1, "AETERM": e.ongoing[0], "ASTDTC": "2020-03-06", "AETOXGR": 3}
    row |= {"AENDT": ended, "AEOUT": outcome}
    assert so(e, days=(0, None), events=[row]) is met
    later = row | {"ASTDTC": "2020-06-10"}  # day 101: another event
    assert so(e, days=(0, None), events=[later]) is None
