"""Counts in, results out: which rows there are, what they say, and what they say when there is nothing to compute."""

from __future__ import annotations

import math
from typing import Any

import pytest

from chartline.core.dates import DAYS_PER_MONTH
from chartline.counts.count import count_analyses
from chartline.derive.model import Adam
from chartline.results.model import Result, Results
from chartline.stats.estimate import estimate_all, estimate_curves
from chartline.stats.kinds import source as estimate_survival
from chartline.stats.statistic import declared_statistics
from counts_cases import DIGEST, PROTOCOL, Row, adam, attrition, subject, time, tiny_protocol


def results(tables: Adam, **over: Any) -> Results:
    protocol = tiny_protocol(**over)
    return Results(estimate_all(count_analyses(tables, attrition(tables), protocol, DIGEST), protocol), DIGEST, "data")


def row(of: Results, result_id: str) -> Result:
    return of[result_id]


def four(**last: Any) -> list[Row]:
    return [subject("1", RESPFL="Y"), subject("2", RESPFL="N"), subject("3", RESPFL="Y"), subject("4", **last)]


def test_months_are_the_same_on_both_sides_of_the_wall() -> None:
    assert estimate_survival.DAYS_PER_MONTH == DAYS_PER_MONTH


def test_a_proportion_keeps_the_missing_in_the_denominator_and_says_so() -> None:
    r = row(results(adam(four(RESPFL=None))), "response/proportion")
    assert (r.n, r.N, r.value, r.missing) == (2, 4, 0.5, 1)
    assert r.method == "Clopper-Pearson exact interval" and r.level == 0.95
    assert r.warnings == ("1 patient cannot be judged: in the denominator, not in the numerator",)


def test_the_other_interval_stands_beside_the_declared_one() -> None:
    of = results(adam(four(RESPFL="Y", MRDFL="Y")))
    assert row(of, "response/proportion_wilson").method == "Wilson score interval"
    assert row(of, "mrd/proportion").method == "Wilson score interval"
    assert row(of, "mrd/proportion_clopper_pearson").method == "Clopper-Pearson exact interval"


def test_the_withheld_leave_the_denominator_and_are_named() -> None:
    withheld = [{"USUBJID": "4", "ITEM": "ADSL.RESPFL", "QUERY": "Q1"}]
    of = results(adam(four(RESPFL="Y"), withheld=withheld))
    r = row(of, "response/proportion")
    assert (r.n, r.N, r.withheld) == (2, 3, 1)
    assert r.warnings == ("1 patient withheld because of open blocking queries",)
    part = row(of, "response/SITEID=A/proportion")
    assert part.withheld == 0 and part.warnings == (
        "patients withheld because of open queries are not counted by group",
    )


def test_an_empty_set_gives_rows_with_a_reason() -> None:
    of = results(adam([]))
    assert row(of, "none/n").value == 0
    for result_id in (
        "none/proportion",
        "doses/median",
        "doses/mean",
        "rfs/median",
        "rfs/survival@6",
        "rfs/first_time@0.5",
    ):
        r = row(of, result_id)
        assert (r.value, r.reason) == (None, "no patients in the set"), result_id
    assert [row(of, f"rfs/{s}").value for s in ("n", "events", "n_risk@6", "n_censored_before@6")] == [0, 0, 0, 0]


def test_groups_come_beside_everyone() -> None:
    subjects = [subject("1", RESPFL="Y"), subject("2", RESPFL="N", SITEID="B"), subject("3", RESPFL="Y", SITEID="B")]
    of = results(adam(subjects, [time("1", 5), time("2", 9, "death"), time("3", 400)]))
    assert row(of, "response/proportion").N == 3
    assert [row(of, f"response/SITEID={s}/proportion").value for s in "AB"] == [1.0, 0.5]
    assert row(of, "rfs/SITEID=B/survival@6").value == 0.5
    assert row(of, "rfs/SITEID=A/survival@6").reason == "nobody was followed to 6 months"


def test_levels_in_the_declared_order_then_by_size_and_missing_last() -> None:
    subjects = [
        subject(str(i), NDOSE=n, STAGE=s) for i, (n, s) in enumerate([(10, "EARLY"), (2, None), (None, "OTHER")])
    ]
    of = results(adam(subjects))
    assert [r.group for r in of.of("stage") if r.statistic == "n" and "SITEID" not in r.group] == [
        "STAGE=LATE", "STAGE=EARLY", "STAGE=OTHER", "STAGE="
    ]  # fmt: skip
    assert [r.group for r in of.of("doses_by") if r.statistic == "n"] == ["NDOSE=2", "NDOSE=10", "NDOSE="]
    late = row(of, "stage/STAGE=LATE/n")  # declared and not seen: a zero, not a gap
    assert (late.value, late.N, late.missing) == (0, 3, 1)
    assert row(of, "stage/STAGE=EARLY/proportion").value == pytest.approx(1 / 3)


def test_a_summary_has_n_missing_and_unit() -> None:
    of = results(adam([subject("1", NDOSE=2), subject("2", NDOSE=4), subject("3", NDOSE=None)]))
    assert [row(of, f"doses/{s}").value for s in ("n", "missing", "mean", "median", "min", "max")] == [2, 1, 3, 3, 2, 4]
    median = row(of, "doses/median")
    assert (median.n, median.N, median.missing, median.unit) == (2, 3, 1, "doses")
    assert row(results(adam([subject("1")])), "doses/sd").reason == "only one patient has a value"


def test_survival_says_who_was_censored_before_and_who_is_at_risk() -> None:
    times = [time("1", 100, "relapse"), time("2", 150), time("3", 200, "death"), time("4", 400)]
    of = results(adam(four(), times))
    s = row(of, "rfs/survival@6")
    assert (s.value, s.n, s.N, s.at, s.at_unit) == (0.75, 2, 4, 6, "months")  # n is who is still at risk
    assert (row(of, "rfs/n_risk@6").value, row(of, "rfs/n_censored_before@6").value) == (2, 1)
    assert s.warnings == ("2 at risk at 6 months",)
    assert [row(of, f"rfs/CAUSE={c}/events").value for c in ("relapse", "death")] == [1, 1]
    assert row(of, "rfs/first_time@0.5").value == 200
    assert row(of, "rfs/median").value == pytest.approx(200 / 30.4375)


def test_a_warning_where_kaplan_meier_is_the_crude_proportion() -> None:
    times = [time(str(i), 100 + i, "death") for i in range(1, 3)] + [time(str(i), 400) for i in range(3, 9)]
    s = row(results(adam([subject(str(i)) for i in range(1, 9)], times)), "rfs/survival@6")
    assert s.value == 6 / 8
    assert s.warnings == ("equals the crude proportion: nobody was censored before 6 months",)


def test_a_median_that_is_not_reached_has_its_reason() -> None:
    of = results(adam(four(), [time("1", 100, "death"), *(time(i, 500) for i in "234")]))
    assert row(of, "rfs/median").reason == "median not reached"
    assert row(of, "rfs/q3").reason == "upper quartile not reached"


def test_follow_up_exchanges_events_and_censorings() -> None:
    of = results(adam(four(), [time("1", 100, "death"), time("2", 300), time("3", 400), time("4", 500)]))
    assert (row(of, "followup/events").value, row(of, "followup/median").value) == (3, 400 / 30.4375)
    assert row(of, "followup/median").method.startswith("Reverse Kaplan-Meier (event: end of follow-up)")
    ends = "Reverse Kaplan-Meier: its events are ends of follow-up; patients with an event of the endpoint are censored"
    assert row(of, "followup/events").method == ends
    assert (row(of, "rfs/events").value, row(of, "rfs/events").method) == (1, "")


def test_curves_for_everyone_and_by_group() -> None:
    protocol = tiny_protocol()
    tables = adam(four(SITEID="B"), [time("1", 100, "death"), time("4", 50)])
    curves = estimate_curves(count_analyses(tables, attrition(tables), protocol, DIGEST), protocol)
    assert set(curves) == {"rfs", "followup"} and set(curves["rfs"]) == {"", "SITEID=A", "SITEID=B"}
    assert curves["rfs"][""].times_days == (50, 100) and curves["rfs"]["SITEID=B"].censor_days == (50,)


def test_table_1_attrition_laboratory_grades_and_adverse_events_are_rows_too() -> None:
    tables = adam(
        [subject("1", WT=50.0, STAGE="LATE"), subject("2", WT=70.0, SITEID="B")],
        labs=[{"USUBJID": "1", "LBTESTCD": "ALT", "ANL01FL": "Y", "ATOXGR": 3, "BTOXGR": 0}],
        events=[{"USUBJID": "2", "AETERM": "Nausea", "AETOXGR": 1, "TRTEMFL": "Y"}],
    )
    of = results(tables)
    assert row(of, "table1.wt/median").value == 60 and row(of, "table1.wt/SITEID=B/median").value == 70
    assert row(of, "table1.wt/SITEID=A;WT=under 60/n").value == 1
    assert row(of, "table1.stage/STAGE=LATE/n").N == 2
    assert row(of, "attrition/STEP=eligible/n_out").value == 2
    assert row(of, "lab_grades/TEST=ALT;BASE=0;GRADE=3/n").is_count
    assert row(of, "ae_grades/TERM=Nausea;GRADE=1/n").value == 1


def test_no_row_holds_a_nan_and_ids_are_unique() -> None:
    rows = [
        *results(adam([])),
        *results(adam(four(), [time("1", 0, "death"), time("2", 0, "relapse"), time("3", 0)])),
    ]
    for r in rows:
        numbers = [v for v in (r.value, r.lower, r.upper, r.at) if v is not None]
        assert all(math.isfinite(v) for v in numbers), r.id


def test_an_analysis_that_was_not_counted_or_counted_otherwise_is_an_error() -> None:
    protocol = tiny_protocol()
    counts = count_analyses(adam([]), attrition(adam([])), protocol, DIGEST)
    with pytest.raises(KeyError):
        estimate_all({k: v for k, v in counts.items() if k != "rfs"}, protocol)
    with pytest.raises(TypeError, match="rfs needs a EventTable"):
        estimate_all(counts | {"rfs": counts["doses"]}, protocol)


def test_every_statistic_declares_what_it_takes_gives_and_rests_on() -> None:
    declared = declared_statistics()
    assert {"proportion", "proportion_wilson", "survival", "median", "follow_up", "quartiles"} <= set(declared)
    assert all(s.takes and s.gives and s.reference and s.paper for s in declared.values())
    assert {a["kind"] for a in PROTOCOL["analyses"]} == {
        "tally", "proportion", "summary", "categories", "survival", "follow_up"
    }  # fmt: skip
