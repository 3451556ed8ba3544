"""Cycles against the schedule of the label of inotuzumab ozogamicin, doses and dates worked out by hand.

The label: cycle 1 0.8, 0.5 and 0.5 mg/m2 on days 1, 8 and 15 (1.8), 21 days, which may run to 28; later cycles 28 days,
0.5, 0.5 and 0.5 (1.5) in CR or CRi, else as cycle 1. Days below are counted from the first dose, which is day 0.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from chartline.core.query import Topic
from chartline.derive.model import Adam
from chartline.derive.rule_set import available_rule_sets, load_rule_set
from chartline.derive.schedule_rules import Limit, ScheduleRules
from chartline.errors import ProtocolError
from derive_cases import because, block, derive, protocol, row

START = dt.date(2020, 1, 1)
FIRST = ((0, 0.8), (7, 0.5), (14, 0.5))


def cycles(*doses: tuple[Any, ...], response: int | None = None, **more: Any) -> Adam:
    """P1 with doses (day, mg/m2, mg) and, where asked, a marrow in CRi on that day."""
    ex = "USUBJID|EXSTDTC|EXDOSM2|EXDOSE|EXCYCLE\n"
    for day, m2, *rest in doses:
        mg, cycle = (*rest, "", "")[:2]
        ex += f"P1|{START + dt.timedelta(day)}|{m2}|{mg}|{cycle}\n"
    tables = {"EX": ex}
    if response is not None:
        day = START + dt.timedelta(response)
        tables["RS"] = f"USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|{day}|1|2|0|ABSENT"
    return derive(tables, **more)


def table(adam: Adam, *names: str) -> list[tuple[Any, ...]]:
    return adam["ADCYC"].select(names).rows()


def test_cycles_as_on_the_label() -> None:
    later = ((28, 0.5), (35, 0.5), (42, 0.5))
    adam = cycles(*FIRST, *later, response=26)
    assert table(adam, "CYCLE", "NPLAN", "PLANM2", "GIVENM2", "RDI", "NOMIT", "PREVINT", "NEXTINT", "CYCAT") == [
        (1, 3, 1.8, 1.8, 100.0, 0, None, 28, "As planned"),
        (2, 3, 1.5, 1.5, 100.0, 0, 28, None, "As planned"),
    ]
    # 3.3 of 3.3 mg/m2, which is the cut-point itself
    assert row(adam["ADSL"], "RDI", "NCYRED", "NCYDLY", "NCYFLAT", "NOMIT", "CUMCUTFL") == (100.0, 0, 0, 0, 0, "Y")


def test_the_plan_of_a_later_cycle_goes_by_the_response_before_its_first_day() -> None:
    later = ((28, 0.5), (35, 0.5), (42, 0.5))
    for response, planned, given in ((27, 1.5, 100.0), (28, 1.8, 83.333333), (None, 1.8, 83.333333)):
        adam = cycles(*FIRST, *later, response=response)
        assert table(adam, "PLANM2", "RDI")[1] == (planned, given), response
    # 1.8 + 1.5 of 1.8 + 1.8: 3.3 / 3.6 = 91.666667 %
    assert row(adam["ADSL"], "RDI", "NCYRED") == (91.666667, 1)


def test_the_sentence_says_what_was_planned_and_given_and_names_every_dose() -> None:
    adam = cycles(*FIRST, (30, 0.5), (37, 0.5), response=26)
    told = because(adam, "ADSL.RDI")
    assert told == [
        "cycle 1: planned 1.8 mg/m2, whatever the response; given 1.8 mg/m2 in 3 of 3 doses; "
        "cycle 2: planned 1.5 mg/m2, in CR or CRi (CRi since 2020-01-27); given 1 mg/m2 in 2 of 3 doses; "
        "begun 30 days after the cycle before, whose length is 21"
    ]
    cells = adam.trace.filter(pl.col("ITEM") == "ADSL.RDI").select("SRCDOM", "SRCSEQ", "SRCVAR").rows()
    assert cells == [*[("EX", n, "EXDOSM2") for n in range(1, 6)], ("RS", 1, "BMBLAST")]


@pytest.mark.parametrize(
    ("doses", "category", "not_given"),
    [
        ((*FIRST, (28, 0.8), (35, 0.5)), "Ended early", 1),  # the last cycle, its third dose not given
        ((*FIRST[:2], (28, 0.8), (35, 0.5), (42, 0.5)), "Doses omitted", 1),  # cycle 1, and a second was given
        (((0, 0.6), (7, 0.5), (14, 0.5)), "Reduced dose", 0),  # 1.6 of 1.8 = 88.9 %
        ((*FIRST, (29, 0.8), (36, 0.5), (43, 0.5)), "Begun late", 0),
    ],
)
def test_the_category_names_the_departure(doses: tuple[tuple[int, float], ...], category: str, not_given: int) -> None:
    adam = cycles(*doses)
    assert [c for (c,) in table(adam, "CYCAT") if c != "As planned"] == [category]
    assert row(adam["ADSL"], "NOMIT") == (not_given,)


@pytest.mark.parametrize(
    ("doses", "flat"),
    [
        (((0, 0.6, 1.0), (7, 0.6, 1.0), (14, 0.6, 1.0)), "Y"),  # 1 mg each over 1.67 m2
        (((0, 0.8, 1.0), (7, 0.8, 1.0), (14, 0.8, 1.0)), "Y"),  # 1 mg fits day 1 of 1.25 m2, not day 8
        (((0, 0.8, 1.6), (7, 0.5, 1.0), (14, 0.5, 1.0)), "N"),  # as planned, of 2 m2
        (((0, 0.5, 1.0), (7, 0.5, 1.0), (14, 0.5, 1.0)), "N"),  # the plan in response, of 2 m2: a coincidence
        (((0, 0.6, 0.9), (7, 0.6, 0.9), (14, 0.6, 0.9)), "N"),  # no whole vial of 1 mg
        (((0, "", 1.0), (7, "", 1.0), (14, "", 1.0)), None),  # no mg/m2: the plan in response cannot be excluded
        (((0, 0.6), (7, 0.6), (14, 0.6)), None),  # no mg
    ],
)
def test_a_flat_dose_is_whole_vials_that_fit_no_plan(doses: tuple[tuple[Any, ...], ...], flat: str | None) -> None:
    assert table(cycles(*doses), "FLATFL") == [(flat,)]


def test_a_missing_dose_leaves_unknown_what_needs_it() -> None:
    adam = cycles((0, 0.8), (7, ""), (14, 0.5))
    assert table(adam, "PLANM2", "GIVENM2", "RDI", "REDFL", "NOMIT", "CYCAT") == [(1.8, None, None, None, 0, None)]
    assert row(adam["ADSL"], "RDI", "NCYRED", "NOMIT", "CUMCUTFL") == (None, None, 0, None)
    assert because(adam, "ADSL.CUMCUTFL") == ["not known: mg/m2 of a dose is not recorded"]


def test_a_dose_without_date_or_cycle_leaves_the_totals_unknown() -> None:
    ex = "USUBJID|EXSTDTC|EXDOSM2\nP1|2020-01-01|0.8\nP1|2020-01|0.5"
    adam = derive({"EX": ex})
    assert row(adam["ADSL"], "RDI", "NOMIT", "CUMCUTFL") == (None, None, "N")


def test_the_schedule_has_no_seventh_cycle() -> None:
    every = [(28 * k + day, dose, "", k + 1) for k in range(7) for day, dose in FIRST]
    adam = cycles(*every)
    assert [p for (p,) in table(adam, "PLANM2")] == [1.8] * 6 + [None]
    assert adam["ADCYC"]["BECAUSE"].to_list()[-1] == (
        "cycle 7: no dose is planned by the label of inotuzumab ozogamicin"
    )
    assert row(adam["ADSL"], "RDI") == (None,)


def test_a_study_without_a_schedule_has_nothing_of_it() -> None:
    adam = cycles(*FIRST, treatment={**protocol().treatment.model_dump(), "schedule": None})
    assert "ADCYC" not in adam.tables
    assert not {"RDI", "NCYRED", "CUMCUTFL"} & set(adam["ADSL"].columns)


def test_an_open_query_about_the_doses_withholds_the_comparison() -> None:
    adam = cycles(*FIRST, queries=[block("P1", Topic.EXPOSURE)])
    assert row(adam["ADSL"], "RDI", "NCYDLY", "CUMCUTFL") == (None, None, None)
    assert {"ADSL.RDI", "ADSL.NOMIT"} <= set(adam.withheld["ITEM"])


def test_a_schedule_of_another_drug_is_refused() -> None:
    plain = {**protocol().treatment.model_dump(), "drug": "BLINATUMOMAB"}
    with pytest.raises(ProtocolError, match="is that of INOTUZUMAB OZOGAMICIN"):
        cycles(*FIRST, treatment=plain)


# --- every limit of every schedule, at its threshold and beside it -------------------------------------------------

# Which side of the threshold meets the limit, as the source has it: (below, at, above).
SIDES = {
    "cycles": (True, True, False),  # label: at most 6 cycles
    "window": (True, True, False),  # label: +/- 2 days
    "apart": (False, True, True),  # label: a minimum of 6 days between doses
    "reduced": (True, False, False),  # ours: total below 90 % of planned
    "delayed": (False, False, True),  # ours: more than 7 days beyond the length
    "cumulative": (False, True, True),  # CIBMTR: >= 3.3 mg/m2
    "off_plan": (False, False, True),  # ours: more than 10 %
}
THRESHOLDS = {"cycles": 6, "window": 2, "apart": 6, "reduced": 90, "delayed": 7, "cumulative": 3.3, "off_plan": 10}
SCHEDULES = [load_rule_set("schedules", n, ScheduleRules, "") for n in available_rule_sets("schedules")]


def limits(rules: ScheduleRules) -> dict[str, Limit]:
    own = {n: getattr(rules, n) for n in ScheduleRules.model_fields if isinstance(getattr(rules, n), Limit)}
    return own | {"off_plan": rules.flat.off_plan}


@pytest.mark.parametrize("rules", SCHEDULES, ids=lambda r: r.name)
def test_every_limit_has_its_sides_written_down(rules: ScheduleRules) -> None:
    assert {n: v.threshold for n, v in limits(rules).items()} == THRESHOLDS
    assert set(limits(rules)) == set(SIDES)


CASES = [(r.name, n, v, step) for r in SCHEDULES for n, v in limits(r).items() for step in (-1, 0, 1)]


@pytest.mark.parametrize(
    ("name", "which", "limit", "step"), CASES, ids=lambda x: str(x) if isinstance(x, str | int) else ""
)
def test_each_limit_at_its_threshold_and_beside_it(name: str, which: str, limit: Limit, step: int) -> None:
    unit = 0.1 if which == "cumulative" else 1
    number = pl.DataFrame({"N": [limit.threshold + step * unit]})
    assert number.select(limit.met(pl.col("N"))).item() is SIDES[which][step + 1]
    assert pl.DataFrame({"N": [None]}, schema={"N": pl.Float64}).select(limit.met(pl.col("N"))).item() is None


@pytest.mark.parametrize(
    ("given", "reduced"),
    # planned 1.8: 90 % is 1.62
    [((0.61, 0.5, 0.5), "Y"), ((0.62, 0.5, 0.5), "N"), ((0.63, 0.5, 0.5), "N")],
)
def test_exactly_ninety_per_cent_is_not_reduced(given: tuple[float, ...], reduced: str) -> None:
    assert table(cycles(*zip((0, 7, 14), given, strict=True)), "REDFL") == [(reduced,)]


@pytest.mark.parametrize(("day", "late"), [(27, "N"), (28, "N"), (29, "Y")])
def test_exactly_seven_days_beyond_the_length_of_cycle_1_is_not_late(day: int, late: str) -> None:
    """21 days and 7: day 28, to which cycle 1 may run as well."""
    assert table(cycles(*FIRST, (day, 0.8), (day + 7, 0.5), (day + 14, 0.5)), "DLYFL") == [("N",), (late,)]


@pytest.mark.parametrize(("day", "late"), [(62, "N"), (63, "N"), (64, "Y")])
def test_later_cycles_have_28_days(day: int, late: str) -> None:
    """Cycle 2 begins on day 28, its length ends on day 56, and 7 days more on day 63."""
    second = ((28, 0.8), (35, 0.5), (42, 0.5))
    assert table(cycles(*FIRST, *second, (day, 0.8)), "DLYFL")[2] == (late,)


@pytest.mark.parametrize(
    ("days", "outside"),
    [
        ((0, 5, 14), 1),  # day 6 of the cycle is 2 days before day 8, but 5 days after the first dose
        ((0, 6, 14), 0),
        ((0, 9, 16), 0),  # day 10 and day 17: 2 days after both
        ((0, 10, 16), 1),  # day 11
        ((0, 7, 12), 1),  # day 13 is 2 days before day 15, but 5 days after the second dose
        ((0, 7, 17), 1),  # day 18
    ],
)
def test_doses_outside_the_window_of_days(days: tuple[int, ...], outside: int) -> None:
    assert table(cycles(*zip(days, (0.8, 0.5, 0.5), strict=True)), "NOFFWIN") == [(outside,)]


@pytest.mark.parametrize(("last", "flag"), [(0.4, "N"), (0.5, "Y"), (0.6, "Y")])
def test_exactly_the_cut_point_is_at_it(last: float, flag: str) -> None:
    """1.8 + 0.5 + 0.5 + 0.5 = 3.3."""
    assert row(cycles(*FIRST, (28, 0.5), (35, 0.5), (42, last))["ADSL"], "CUMCUTFL") == (flag,)


def test_the_phase_2_schedule_plans_more_in_response_and_28_days_for_the_first_cycle() -> None:
    """DeAngelo 2017: 1.6 mg/m2 after CR or CRi; every cycle 28 days, so day 35 is not late."""
    other = {**protocol().treatment.model_dump(), "schedule": "inotuzumab_phase2"}
    adam = cycles(*FIRST, (35, 0.5), (42, 0.5), (49, 0.5), response=26, treatment=other)
    assert table(adam, "PLANM2", "DLYFL")[1] == (1.6, "N")
