"""What other assumptions would change, and what a study still to come could show: small cases worked on paper."""

from __future__ import annotations

from typing import Any

import pytest

from chartline.results.model import Results
from chartline.stats.planning.one_arm import one_arm_power
from chartline.stats.planning.power import Recruitment, trial_power
from chartline.stats.proportions.proportion import clopper_pearson
from counts_cases import adam, subject, time
from kinds_cases import course, people, results_of

# --- without each centre ---

RESPONSE = {"id": "response", "kind": "proportion", "population": "all", "numerator": "RESPFL == 'Y'"}
WITHOUT = {"id": "without", "kind": "leave_one_out", "of": "response"}


def test_each_level_is_left_out_in_turn() -> None:
    of = [("A", "Y"), ("A", "Y"), ("A", "N"), ("B", "N"), ("B", "N"), ("C", "Y")]
    tables = adam([subject(str(i), SITEID=s, RESPFL=r) for i, (s, r) in enumerate(of)])
    found = results_of(tables, RESPONSE, WITHOUT)
    assert [found[f"without/WITHOUT={s}/proportion"].value for s in "ABC"] == pytest.approx([1 / 3, 3 / 4, 2 / 5])
    r = found["without/WITHOUT=B/proportion"]
    assert (r.n, r.N, r.lower) == (3, 4, pytest.approx(clopper_pearson(3, 4).lower))
    assert (found["without/proportion_lowest"].value, found["without/proportion_highest"].value) == (1 / 3, 3 / 4)
    assert found["without/proportion_highest"].method == (
        "The highest of 3 estimates, each without one level of centre: B"
    )


def test_survival_without_each_centre() -> None:
    own: list[Any] = [(d, "death", {"SITEID": s}) for d, s in [(10, "A"), (20, "A"), (100, "B"), (200, "B")]]
    rfs = {"id": "rfs", "kind": "survival", "endpoint": "RFS", "at_months": [1]}
    of = results_of(people(*own), rfs, WITHOUT | {"of": "rfs"})
    assert [of[f"without/WITHOUT={s}/survival@1"].value for s in "AB"] == [1, 0]
    assert [of[f"without/WITHOUT={s}/n"].value for s in "AB"] == [2, 2]


def test_the_only_centre_left_out_leaves_nobody() -> None:
    of = results_of(adam([subject("1", RESPFL="Y")]), RESPONSE, WITHOUT)
    assert of["without/WITHOUT=A/proportion"].reason == "no patients in the set"
    assert of["without/proportion_lowest"].reason == "not estimable in 1 of 1"
    assert results_of(adam([]), RESPONSE, WITHOUT)["without/lowest"].reason == "no patients in the set"


# --- the lost ---

LOST = {"id": "lost", "kind": "lost_to_follow_up", "endpoint": "RFS", "at_months": [3], "threshold": 0.5}
FOUR = [(20, "death", {}), (50, None, {}), (80, "relapse", {}), (360, None, {})]  # the cut-off is day 365


def test_best_and_worst_case_for_the_lost() -> None:
    of = results_of(people(*FOUR), LOST)
    assert of["lost/lost"].value == 1 and of["lost/lost"].N == 4
    # observed: 3/4 x 1/2; worst: the one lost on day 50 had the event; best: it did not
    shares = {c: of[f"lost/CASE={c}/survival@3"].value for c in ("observed", "worst", "best")}
    assert shares == pytest.approx({"observed": 3 / 8, "worst": 1 / 4, "best": 1 / 2})
    assert of["lost/CASE=worst/survival@3"].n == 1  # lost before it


def test_the_tipping_point() -> None:
    own: list[Any] = [(20, "death", {}), *((d, None, {}) for d in (40, 50, 60)), *((360, None, {}) for _ in range(4))]
    of = results_of(people(*own), LOST | {"threshold": 0.7})
    # 7/8 as observed; an event on day 60, of five at risk, gives 7/8 x 4/5 = 0.7, not below it; one on day 50 more does
    assert of["lost/tipping_point@3"].value == 2 and of["lost/tipping_point@3"].unit == "patients"
    never = results_of(people(*own), LOST | {"threshold": 0.2})["lost/tipping_point@3"]
    assert never.reason == "not even if all 3 censored before it had had the event"


def test_nobody_lost_and_nobody_at_all() -> None:
    of = results_of(people((20, "death", {}), (360, None, {})), LOST)
    assert {of[f"lost/CASE={c}/survival@3"].value for c in ("observed", "worst", "best")} == {1 / 2}
    assert results_of(people(), LOST)["lost/survival@3"].reason == "no patients in the set"


# --- events between two assessments ---

INTERVAL = {"id": "interval", "kind": "interval_censored", "endpoint": "RFS", "at_months": [1, 2, 3]}


def assessed(*of: tuple[int, str | None, int | None]) -> Results:
    """Subjects by the day of the end, by what, and the day of the last assessment before it."""
    tables = adam(
        [course(str(i), seen=end) for i, (end, *_) in enumerate(of)],
        [time(str(i), end, cause) for i, (end, cause, _) in enumerate(of)],
        assessed={str(i): [d] for i, (*_, d) in enumerate(of) if d is not None},
    )
    return results_of(tables, INTERVAL)


def test_a_death_is_known_to_the_day_and_a_relapse_between_two_looks() -> None:
    of = assessed((20, "death", None), (80, "relapse", 40), (200, None, 150))
    assert [of[f"interval/{s}"].value for s in ("n", "events", "events_to_the_day")] == [3, 2, 1]
    month = of["interval/survival@1"]  # after the death, before the look
    assert (month.value, month.lower, month.upper) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    between = of["interval/survival@2"]  # the relapse may or may not have happened
    assert (between.lower, between.upper) == pytest.approx((1 / 3, 2 / 3))
    assert between.value is None and between.level is None
    assert between.reason == "anywhere between the bounds: the data do not fix it"
    assert of["interval/survival@3"].value == pytest.approx(1 / 3)


def test_who_has_no_time_is_counted() -> None:
    left_out = [{"USUBJID": "1", "ITEM": "ADTTE.RFS", "QUERY": None, "REASON": "relapse without a date"}]
    tables = adam([course("0", seen=90), course("1", seen=90)], [time("0", 90, "death")], withheld=left_out)
    r = results_of(tables, INTERVAL)["interval/median"]
    assert (r.N, r.missing) == (1, 1) and r.warnings == ("1 patient without a time left out",)


def test_no_event_and_nobody() -> None:
    assert assessed((100, None, 50))["interval/median"].reason == "median not reached"
    assert assessed()["interval/median"].reason == "no patients in the set"


# --- planning ---


def test_the_precision_that_so_many_patients_give() -> None:
    of = results_of(adam([]), {"id": "p", "kind": "precision", "n": [20], "expected": 0.6})
    ends = clopper_pearson(12, 20)
    r = of["p/N=20/expected_interval"]
    assert (r.value, r.n) == (0.6, 12) and (r.lower, r.upper) == pytest.approx((ends.lower, ends.upper))
    assert of["p/N=20/upper_bound_of_none"].value == pytest.approx(1 - 0.025 ** (1 / 20))
    assert r.method == "At the count expected; Clopper-Pearson interval, 0.6 expected"


def test_the_power_of_one_arm_and_of_a_log_rank_test() -> None:
    arm = {"id": "arm", "kind": "power", "design": "one_arm", "n": [32], "null_rate": 0.3, "alternative_rate": 0.6}
    two = {
        "id": "two", "kind": "power", "design": "logrank", "n": [100], "hazard_ratio": 0.6, "median_months": 6,
        "accrual_months": 24, "follow_up_months": 12,
    }  # fmt: skip
    of = results_of(adam([]), arm, two)
    design = one_arm_power(32, 0.3, 0.6, alpha=0.05)
    assert (of["arm/N=32/power"].value, of["arm/N=32/more_than"].value) == (pytest.approx(design.power), design.r)
    trial = trial_power(100, 6, 0.6, Recruitment(24, 12, 0))
    assert of["two/N=100/power"].value == pytest.approx(trial.power)
    assert of["two/N=100/events_expected"].value == pytest.approx(trial.events)
