"""Competing risks, states, and an event on the way: small studies worked on paper.

A month is 30.4375 days, so that 1 month ends on day 30 and 3 months end on day 91.
"""

from __future__ import annotations

from typing import Any

import pytest

from chartline.results.model import Results
from chartline.stats.comparison.logrank import logrank_test
from chartline.stats.competing.gray import gray_test
from chartline.stats.episodes import Episodes
from chartline.stats.intercurrent.mantel_byar import mantel_byar_test
from chartline.stats.intercurrent.split import split_at
from chartline.stats.regression.cox import estimate_cox
from chartline.stats.regression.firth_cox import estimate_firth_cox
from counts_cases import adam, time
from kinds_cases import course, people, results_of

NOBODY = "no patients in the set"


def values(of: Results, *ids: str) -> list[float | None]:
    return [of[i].value for i in ids]


# --- cumulative incidence ---

CIR = {"id": "cir", "kind": "cumulative_incidence", "endpoint": "RFS", "at_months": [1, 3]}
FOUR = [(10, "relapse", {"SEX": "F"}), (20, "death", {"SEX": "F"}), (40, None, {"SEX": "M"}), (95, "relapse", {})]


def test_each_event_competes_and_the_shares_add_to_one() -> None:
    of = results_of(people(*FOUR), CIR)
    # day 10: 1/4 relapse; day 20: 3/4 x 1/3 die; day 40 one leaves; nothing more by day 91
    shares = values(of, "cir/CAUSE=relapse/incidence@1", "cir/CAUSE=death/incidence@1", "cir/event_free@1")
    assert shares == pytest.approx([1 / 4, 1 / 4, 1 / 2])
    assert values(of, "cir/n", "cir/CAUSE=relapse/events", "cir/CAUSE=death/events") == [4, 2, 1]
    r = of["cir/CAUSE=relapse/incidence@3"]
    assert (r.n, r.N, r.unit, r.at_unit, r.level) == (1, 4, "proportion", "months", 0.95)  # n: still at risk
    assert r.method == "Aalen-Johansen, log-log interval" and r.warnings == ("1 at risk at 3 months",)
    assert r.lower is not None and r.upper is not None and 0 < r.lower < 1 / 4 < r.upper < 1


def test_a_landmark_after_the_last_contact_has_no_value() -> None:
    of = results_of(people((10, "relapse", {}), (40, None, {})), CIR)
    assert of["cir/CAUSE=death/incidence@3"].reason == "nobody was followed to 3 months"
    assert of["cir/event_free@1"].value == 1 / 2


def test_groups_are_compared_by_grays_test() -> None:
    of = results_of(people(*FOUR, (50, "death", {"SEX": "M"})), CIR | {"by": "SEX"})
    assert values(of, "cir/SEX=F/n", "cir/SEX=M/n", "cir/SEX=/n") == [2, 2, 1]  # the last has no SEX
    known = Episodes.of([10, 20, 40, 50], [1, 2, 0, 2], group=["F", "F", "M", "M"], causes=["relapse", "death"])
    p = of["cir/CAUSE=death/p_gray"]
    assert p.value == gray_test(known, "death").p and p.method == "Gray's test, 1 df"
    assert (p.N, p.missing, p.warnings) == (4, 1, ("1 patient without a time or group left out",))


def test_one_group_alone_cannot_be_compared() -> None:
    of = results_of(people((10, "relapse", {"SEX": "F"}), (20, None, {"SEX": "F"})), CIR | {"by": "SEX"})
    assert of["cir/CAUSE=relapse/p_gray"].reason == "fewer than two groups have patients"


def test_nobody_and_the_withheld() -> None:
    assert results_of(people(), CIR)["cir/CAUSE=death/incidence@1"].reason == NOBODY
    query = [{"USUBJID": "0", "ITEM": "ADTTE.RFS", "QUERY": "Q1"}]
    tables = adam([course("0", seen=9), course("1", death=50)], [time("1", 50, "death")], withheld=query)
    r = results_of(tables, CIR)["cir/n"]
    assert (r.value, r.withheld) == (1, 1)
    assert r.warnings == ("1 patient withheld because of open blocking queries",)


# --- multistate ---

COURSE = {
    "id": "course", "kind": "multistate", "population": "all", "initial": "On treatment",
    "states": ["transplant", "relapse"], "at_months": [1, 3],
}  # fmt: skip


def test_shares_transitions_and_time_in_each_state() -> None:
    tables = adam(
        [course("1", transplant=10, seen=100), course("2", transplant=20, death=60), course("3", death=25),
         course("4", relapse=40, seen=100)],
        [],
    )  # fmt: skip
    of = results_of(tables, COURSE)
    states = ("On treatment", "transplant", "relapse", "death")
    assert values(of, *(f"course/STATE={s}/state@1" for s in states)) == pytest.approx([1 / 4, 1 / 2, 0, 1 / 4])
    assert values(of, *(f"course/STATE={s}/state@3" for s in states)) == pytest.approx([0, 1 / 4, 1 / 4, 1 / 2])
    entered = values(of, *(f"course/FROM={s}/entered" for s in states))
    assert entered == [4, 2, 1, 2]
    assert of["course/FROM=On treatment;TO=transplant/transitions"].value == 2
    assert of["course/FROM=transplant;TO=death/transitions"].value == 1
    # of the first month (30.4375 days): 10 + 20 + 25 + 30.4375 days on treatment, of four patients
    stay = of["course/STATE=On treatment/time_in_state@1"]
    assert stay.value == pytest.approx((10 + 20 + 25 + 30.4375) / 4 / 30.4375) and stay.unit == "months"
    total = sum(of[f"course/STATE={s}/time_in_state@3"].value or 0 for s in states)
    assert total == pytest.approx(3)


def test_a_state_entered_on_the_last_day_counts_as_entered() -> None:
    of = results_of(adam([course("1", transplant=30, seen=30), course("2", seen=90)]), COURSE)
    assert of["course/FROM=transplant/entered"].value == 1


def test_a_multistate_model_of_nobody() -> None:
    of = results_of(adam([]), COURSE)
    assert of["course/n"].value == 0 and of["course/state"].reason == NOBODY


# --- an event on the way ---

ON_THE_WAY = {
    "id": "x", "kind": "intercurrent", "endpoint": "RFS", "event": "transplant", "landmark_months": [1],
    "at_months": [1, 3],
    "strategies": ["treatment_policy", "hypothetical", "composite", "landmark", "time_dependent", "simon_makuch",
                   "multistate", "naive"],
}  # fmt: skip
# (day of transplantation, end, event): one was transplanted on day 0, one on the last day, which changes nothing
COHORT: list[tuple[int | None, int, bool]] = [
    (0, 70, True), (None, 15, True), (20, 50, True), (25, 120, False), (None, 60, True), (None, 100, False),
    (40, 90, True), (80, 80, True), (None, 33, True), (35, 110, False), (None, 28, False), (12, 41, True),
]  # fmt: skip
AT = [float("nan") if t is None else t for t, _, _ in COHORT]
END = [end for _, end, _ in COHORT]
EVENT = [event for _, _, event in COHORT]


def cohort(**over: Any) -> Results:
    tables = adam(
        [course(str(i), transplant=t, seen=end) for i, (t, end, _) in enumerate(COHORT)],
        [time(str(i), end, "death" if event else None) for i, (_, end, event) in enumerate(COHORT)],
    )
    return results_of(tables, ON_THE_WAY | over)


def test_one_declaration_gives_every_strategy() -> None:
    of = cohort()
    assert of["x/n"].value == 12
    assert of["x/STATE=after/n"].value == 6  # not who was transplanted on the day of the end
    groups = dict.fromkeys(r.group.split(";")[0] for r in of.of("x") if r.group.startswith("STRATEGY"))
    assert [g.removeprefix("STRATEGY=") for g in groups] == ON_THE_WAY["strategies"]


def test_treatment_policy_is_the_plain_curve() -> None:
    of = cohort()
    # by day 30: one of 12 dies on day 15, one leaves on day 28
    assert of["x/STRATEGY=treatment_policy/survival@1"].value == pytest.approx(11 / 12)
    assert of["x/STRATEGY=treatment_policy/median"].N == 12


def test_hypothetical_censors_and_composite_counts_it_and_who_had_it_on_day_0_stays_in() -> None:
    of = cohort()
    # day 0: one leaves or has it; day 12, 20, 25: three more; day 15: one dies of 10 still at risk
    hypothetical, composite = of["x/STRATEGY=hypothetical/survival@1"], of["x/STRATEGY=composite/survival@1"]
    assert (hypothetical.N, composite.N) == (12, 12)
    assert hypothetical.value == pytest.approx(9 / 10)
    assert composite.value == pytest.approx(11 / 12 * 10 / 11 * 9 / 10 * 8 / 9 * 7 / 8)
    assert "transplantation is part of the endpoint" in composite.method


def test_the_landmark_is_of_those_still_at_risk_by_what_had_happened() -> None:
    of = cohort()
    kept = [(t <= 30, end, event) for t, end, event in zip(AT, END, EVENT, strict=True) if end > 30.4375]
    assert values(of, *(f"x/STRATEGY=landmark;LANDMARK=1/{s}" for s in ("n", "n_excluded"))) == [10, 2]
    assert of["x/STRATEGY=landmark;LANDMARK=1;STATE=after/n"].value == sum(after for after, _, _ in kept) == 4
    group, end, event = ([row[i] for row in kept] for i in range(3))
    p = of["x/STRATEGY=landmark;LANDMARK=1/p_logrank"]
    assert p.value == pytest.approx(logrank_test(Episodes.of(end, event, group=[str(int(g)) for g in group])).p)
    ratio = of["x/STRATEGY=landmark;LANDMARK=1/hazard_ratio"]
    by_hand = estimate_firth_cox(Episodes.of(end, event, covariates={"after": [int(g) for g in group]})).terms[0]
    assert (ratio.value, ratio.lower, ratio.upper) == pytest.approx(by_hand.ratio)
    assert "2 of 12 had left by 1 months" in ratio.method and "because of few events" in ratio.method
    # survival is read from the landmark on only
    assert "x/STRATEGY=landmark;LANDMARK=1;STATE=before/survival@1" in {r.id for r in of}


def test_time_dependent_and_mantel_byar_are_those_of_the_split_times() -> None:
    of, split = cohort(), split_at(END, EVENT, AT)
    ratio = of["x/STRATEGY=time_dependent/hazard_ratio"]
    fit = estimate_firth_cox(split).terms[0]
    assert (ratio.value, ratio.lower, ratio.upper) == pytest.approx(fit.ratio)
    assert of["x/STRATEGY=time_dependent/p"].value == pytest.approx(fit.p)
    assert of["x/STRATEGY=simon_makuch/p_mantel_byar"].value == pytest.approx(mantel_byar_test(split).p)


def test_enough_events_are_fitted_by_the_ordinary_likelihood() -> None:
    many = [*COHORT, *((None, 10 * i, True) for i in range(1, 9))]
    tables = adam(
        [course(str(i), transplant=t, seen=end) for i, (t, end, _) in enumerate(many)],
        [time(str(i), end, "death" if event else None) for i, (_, end, event) in enumerate(many)],
    )
    ratio = results_of(tables, ON_THE_WAY)["x/STRATEGY=time_dependent/hazard_ratio"]
    at = [float("nan") if t is None else t for t, _, _ in many]
    fit = estimate_cox(split_at([end for _, end, _ in many], [event for *_, event in many], at))
    assert (ratio.value, ratio.lower) == pytest.approx((fit.hazard_ratios[0], fit.lower[0]))
    assert "ordinary likelihood (16 events for 1 coefficient: at least 10 each)" in ratio.method


def test_the_states_of_a_time_add_to_one() -> None:
    of = cohort()
    for month in (1, 3):
        shares = [
            of[f"x/STRATEGY=multistate;STATE={s}/state@{month}"].value for s in ("before", "after", "relapse", "death")
        ]
        assert sum(s or 0 for s in shares) == pytest.approx(1)


def test_the_naive_comparison_says_that_it_is_biased() -> None:
    r = cohort()["x/STRATEGY=naive/hazard_ratio"]
    assert any("biased (immortal time)" in w for w in r.warnings)
    assert r.method.startswith("Cox regression, transplantation ever against never from time zero")


def test_nobody_had_it() -> None:
    tables = adam([course("1", seen=50), course("2", seen=60)], [time("1", 50, "death"), time("2", 60)])
    of = results_of(tables, ON_THE_WAY)
    assert of["x/STATE=after/n"].value == 0
    for result_id in ("time_dependent/hazard_ratio", "naive/hazard_ratio", "landmark;LANDMARK=1/hazard_ratio",
                      "landmark;LANDMARK=1/p_logrank", "simon_makuch/p_mantel_byar"):  # fmt: skip
        assert of[f"x/STRATEGY={result_id}"].reason == "no patients after the event", result_id
    assert of["x/STRATEGY=composite/survival@1"].value == 1


def test_an_unknown_day_of_transplantation_is_missing_and_said_on_every_row() -> None:
    tables = adam([course("1", seen=50), course("2", seen=60) | {"HSCTFL": "Y"}],
                  [time("1", 50, "death"), time("2", 60)])  # fmt: skip
    rows = results_of(tables, ON_THE_WAY).of("x")
    assert rows and all(r.missing == 1 for r in rows)
    said = "1 patient without a time, or without the day of the event left out"
    assert all(said in r.warnings for r in rows)


def test_an_event_on_the_way_of_nobody() -> None:
    of = results_of(adam([]), ON_THE_WAY)
    for result_id in ("treatment_policy/median", "composite/median", "multistate/state"):
        assert of[f"x/STRATEGY={result_id}"].reason == NOBODY
