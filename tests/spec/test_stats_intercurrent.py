"""Events on the way: the day of the transplant, the day of death, and what each strategy analyses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    STRATEGIES,
    Episodes,
    apply_strategy,
    apply_strategy_to_counts,
    estimate_simon_makuch,
    landmark_data,
    landmark_test,
    mantel_byar_test,
    naive_comparison,
    split_at,
    split_counts,
)
from chartline.stats.statistic import NotEstimable

NEVER = np.nan


def rows(e: Episodes) -> list[tuple[Any, ...]]:
    """(group, entry, exit, status), sorted."""
    start = np.where(np.isfinite(e.entry), e.entry, 0)
    return sorted(zip([e.groups[g] for g in e.group], start, e.exit, e.status, strict=True))


@pytest.mark.parametrize(
    ("time", "event", "at", "expected"),
    [
        (9, 1, NEVER, [("not yet", 0, 9, 1)]),
        (9, 1, 4, [("after", 4, 9, 1), ("not yet", 0, 4, 0)]),
        (9, 1, 0, [("after", 0, 9, 1)]),  # on day 0: after from the start
        (9, 1, 9, [("not yet", 0, 9, 1)]),  # on the day of death: none
        (9, 0, 9, [("not yet", 0, 9, 0)]),  # on the last day seen: none
        (9, 0, 12, [("not yet", 0, 9, 0)]),  # after the last day seen: none
        (0, 1, NEVER, [("not yet", 0, 0, 1)]),
    ],
)
def test_when_a_transplant_counts(time: float, event: int, at: float, expected: list[Any]) -> None:
    assert rows(split_at([time], [event], [at])) == expected


@pytest.mark.parametrize(
    ("entry", "at", "expected"),
    [
        (3, 5, [("after", 5, 9, 1), ("not yet", 3, 5, 0)]),
        (3, 3, [("after", 3, 9, 1)]),  # on the day of entry: after from the entry on
        (3, 1, [("after", 3, 9, 1)]),
    ],
)
def test_when_a_transplant_counts_with_late_entry(entry: float, at: float, expected: list[Any]) -> None:
    assert rows(split_at([9], [1], [at], entry=[entry])) == expected


def test_what_belongs_to_the_patient_goes_with_both_parts() -> None:
    e = split_at(
        [9, 7], [2, 1], [4, NEVER], count=[3, 1], strata=["A", "B"], cluster=["x", "y"],
        covariates={"age": [50, 60], "sex": ["F", "M"]}, name="sct",
    )  # fmt: skip
    assert e.covariates == ("sct", "age", "sex=M") and e.causes == ("cause 1", "cause 2")
    found = sorted(map(tuple, np.column_stack([e.exit, e.status, e.count, e.stratum, e.cluster, e.x]).tolist()))
    assert found == [(4, 0, 3, 0, 0, 0, 50, 0), (7, 1, 1, 1, 1, 0, 60, 1), (9, 2, 3, 0, 0, 1, 50, 0)]


def test_a_change_of_state_is_no_event() -> None:
    key = CountKey(analysis="os", protocol_digest="0", unit="day")
    before, after = ((("STATE", "before"),), (("STATE", "after"),))
    table = EventTable(
        key=key, causes=("death", "transplant"),
        rows={(before, 0): (1, 0, 0, 0), (before, 4): (0, 0, 0, 1), (after, 4): (1, 0, 0, 0), (after, 9): (0, 0, 1, 0)},
    )  # fmt: skip
    e = split_counts(table, moved="transplant")
    assert rows(e) == [("after", 4, 9, 1), ("not yet", 0, 4, 0)] and e.causes == ("death",)
    with pytest.raises(ValueError, match="there is no cause relapse; there are death, transplant"):
        split_counts(table, moved="relapse")


@pytest.mark.parametrize(
    ("time", "event", "at", "says"),
    [
        ([5], [1], [-3], "before time 0: it belongs to the baseline"),
        ([5, 6], [1, 0], [3], "has shape"),
        ([5], [1, 0], [3], "2 rows, the times have 1"),
    ],
)
def test_what_is_no_event_on_the_way_is_refused(time: Any, event: Any, at: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        split_at(time, event, at)


@pytest.mark.parametrize(
    ("at", "state"), [([NEVER, NEVER, NEVER], "after"), ([0, 0, 0], "not yet"), ([9, 12, 5], "after")]
)
def test_mantel_byar_needs_both_states(at: list[float], state: str) -> None:
    with pytest.raises(NotEstimable, match=f"nobody was ever in the group '{state}'"):
        mantel_byar_test(split_at([4, 5, 5], [1, 1, 0], at))


def test_mantel_byar_with_no_event_while_both_states_are_at_risk() -> None:
    with pytest.raises(NotEstimable, match="no event happened while"):
        mantel_byar_test(split_at([3, 9], [1, 0], [NEVER, 4]))
    with pytest.raises(NotEstimable, match="no events"):
        mantel_byar_test(split_at([3, 9], [0, 0], [NEVER, 4]))


def test_mantel_byar_says_its_name() -> None:
    t = mantel_byar_test(split_at([3, 9, 11], [1, 1, 0], [NEVER, 2, NEVER]))
    assert t.method == "Mantel-Byar test (log-rank test with groups that change on the way)"
    assert t.groups == ("not yet", "after")


def test_a_curve_that_dies_out_early_says_so() -> None:
    # the first transplanted dies alone on day 3; others are transplanted later
    found = estimate_simon_makuch(split_at([3, 20, 30, 40], [1, 1, 0, 1], [2, 10, 10, NEVER]))
    assert found.curves["after"].survival[-1] == 0
    assert found.warnings == (
        "the curve of 'after' falls to 0 at time 3, when all 1 at risk had the event, though others came later: "
        "start it at a landmark",
    )
    later = estimate_simon_makuch(split_at([3, 20, 30, 40], [1, 1, 0, 1], [2, 10, 10, NEVER]), landmark=10)
    assert later.warnings == () and later.curves["after"].survival == (0.5, 0.5)


def test_a_state_that_nobody_is_in_has_an_empty_curve() -> None:
    found = estimate_simon_makuch(split_at([3, 4], [1, 0], [NEVER, NEVER]))
    assert found.curves["after"].survival == ()
    assert found.warnings == ("nobody is at risk in the group 'after'",)
    with pytest.raises(NotEstimable, match="nobody is at risk after the landmark 4"):
        estimate_simon_makuch(split_at([3, 4], [1, 0], [NEVER, NEVER]), landmark=4)
    with pytest.raises(NotEstimable, match="no patients in the set"):
        estimate_simon_makuch(split_at([], [], []))


def test_the_landmark_day_itself() -> None:
    #       left on the day  transplanted on it  before    later     never
    data = landmark_data([90, 200, 300, 300, 300], [0, 1, 1, 0, 1], [NEVER, 90, 30, 91, NEVER], 90)
    assert (data.n, data.n_by, data.n_not) == (4, 2, 2)
    assert (data.n_excluded, data.excluded_events, data.excluded_censored) == (1, 0, 1)
    assert sorted(data.episodes.exit) == [110, 210, 210, 210]


def test_a_transplant_on_the_day_of_death_after_the_landmark_is_not_by_it() -> None:
    assert landmark_data([91, 200], [1, 1], [91, NEVER], 90).n_by == 0


def test_who_enters_after_the_landmark_enters_late() -> None:
    data = landmark_data([200, 200], [1, 0], [50, NEVER], 90, entry=[0, 120])
    assert sorted(zip(data.episodes.exit, data.episodes.entry, strict=True)) == [(110, -np.inf), (110, 30)]


def test_a_landmark_with_one_group_or_nobody() -> None:
    with pytest.raises(NotEstimable, match="nobody at risk at the landmark is in the group 'by the landmark'"):
        landmark_test(landmark_data([200, 300], [1, 1], [NEVER, 120], 90))
    with pytest.raises(NotEstimable, match="nobody at risk at the landmark is in the group 'not by the landmark'"):
        landmark_test(landmark_data([200, 300], [1, 1], [20, 30], 90))
    with pytest.raises(NotEstimable, match="nobody is at risk after the landmark 900"):
        landmark_data([200, 300], [1, 1], [20, 30], 900)
    with pytest.raises(ValueError, match="not a landmark: -1"):
        landmark_data([200, 300], [1, 1], [20, 30], -1)


def test_the_naive_comparison_is_labelled() -> None:
    found = naive_comparison([3, 9, 11, 4, 8], [1, 1, 0, 1, 1], [NEVER, 2, 5, 4, 9])
    assert found.label == "biased: immortal time" and found.test.groups == ("never", "ever")
    assert found.test.n == (2, 3)  # a transplant on the day of death counts here, one after the last day does not
    assert (found.immortal_time, found.person_time_ever) == (2 + 5 + 4, 9 + 11 + 4)
    with pytest.raises(NotEstimable, match="no patients in the group 'ever'"):
        naive_comparison([3, 9], [1, 1], [NEVER, NEVER])


# one patient a case: dies untransplanted, transplanted and dies, transplanted and lives, on day 0 and dies, lives
TIME, DEATH, AT = [5, 9, 12, 7, 15], [1, 1, 0, 1, 0], [NEVER, 4, 6, 0, NEVER]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("treatment_policy", [(0, 5, 1), (0, 7, 1), (0, 9, 1), (0, 12, 0), (0, 15, 0)]),
        ("hypothetical", [(0, 0, 0), (0, 4, 0), (0, 5, 1), (0, 6, 0), (0, 15, 0)]),
        ("composite", [(0, 0, 1), (0, 4, 1), (0, 5, 1), (0, 6, 1), (0, 15, 0)]),
        ("while_on_treatment", [(0, 0, 2), (0, 4, 2), (0, 5, 1), (0, 6, 2), (0, 15, 0)]),
        ("landmark", [(0, 1, 1), (0, 3, 1), (0, 6, 0), (0, 9, 0)]),
        ("naive", [(0, 5, 1), (0, 7, 1), (0, 9, 1), (0, 12, 0), (0, 15, 0)]),
    ],
)
def test_what_a_strategy_analyses(strategy: str, expected: list[Any]) -> None:
    found = apply_strategy(strategy, TIME, DEATH, AT, landmark=6 if strategy == "landmark" else None)
    assert sorted(r[1:] for r in rows(found.episodes)) == expected
    assert found.strategy == strategy and found.n_excluded == (1 if strategy == "landmark" else 0)
    assert (found.label == "biased: immortal time") == STRATEGIES[strategy].biased


@pytest.mark.parametrize("strategy", ["time_dependent", "simon_makuch", "multistate"])
def test_strategies_that_follow_the_state(strategy: str) -> None:
    found = apply_strategy(strategy, TIME, DEATH, AT)
    assert rows(found.episodes) == rows(split_at(TIME, DEATH, AT))
    assert (found.states is not None) == (strategy == "multistate")


def test_the_stays_of_the_multistate_strategy() -> None:
    s = apply_strategy("multistate", TIME, DEATH, AT, count=[1, 2, 1, 1, 1]).states
    assert s is not None and s.states == ("not yet", "after", "event") and s.subject is not None
    stays = sorted(zip(s.subject, s.start, s.to, s.entry, s.exit, s.count, strict=True))
    assert stays == [
        (0, 0, 2, 0, 5, 1), (1, 0, 1, 0, 4, 2), (1, 1, 2, 4, 9, 2), (2, 0, 1, 0, 6, 1), (2, 1, -1, 6, 12, 1),
        (3, 1, 2, 0, 7, 1), (4, 0, -1, 0, 15, 1),
    ]  # fmt: skip


def test_who_had_it_before_entering_late_is_not_in_an_analysis_that_ends_there() -> None:
    found = apply_strategy("hypothetical", [9, 8], [1, 1], [2, NEVER], entry=[3, 3])
    assert rows(found.episodes) == [("", 3, 8, 1)]


def test_the_groups_of_the_study_are_kept_where_the_strategy_makes_none() -> None:
    found = apply_strategy("composite", TIME, DEATH, AT, group=list("ABABA"))
    assert found.episodes.groups == ("A", "B")
    with pytest.raises(ValueError, match="time_dependent makes its own groups"):
        apply_strategy("time_dependent", TIME, DEATH, AT, group=list("ABABA"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "censor_everyone"}, "not a strategy: censor_everyone"),
        ({"name": "landmark"}, "needs a landmark"),
        ({"name": "composite", "event": [1, 2, 0, 1, 0]}, "an event is 0 or 1"),
    ],
)
def test_a_wrong_declaration_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        apply_strategy(**{"time": TIME, "event": DEATH, "at": AT, **arguments})


def test_the_same_from_counts_is_refused_for_the_same_reasons() -> None:
    table = EventTable(key=CountKey(analysis="os", protocol_digest="0", unit="day"), causes=("death", "moved"))
    for arguments, says in (
        ({"name": "censor_everyone"}, "not a strategy"),
        ({"name": "landmark"}, "needs a landmark"),
        ({"name": "naive", "by": "ARM"}, "makes its own groups"),
    ):
        with pytest.raises(ValueError, match=says):
            apply_strategy_to_counts(table=table, moved="moved", **arguments)  # type: ignore[arg-type]


def test_the_principal_stratum_cannot_be_known() -> None:
    table = EventTable(key=CountKey(analysis="os", protocol_digest="0", unit="day"), causes=("death", "moved"))
    with pytest.raises(NotEstimable, match="is not known from these data"):
        apply_strategy("principal_stratum", TIME, DEATH, AT)
    with pytest.raises(NotEstimable, match="is not known from these data"):
        apply_strategy_to_counts("principal_stratum", table, moved="moved")


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_has_its_sentence(name: str) -> None:
    sentence = STRATEGIES[name].sentence
    assert "{what}" in sentence and sentence.endswith(".")
    if name != "principal_stratum":
        said = apply_strategy(
            name, TIME, DEATH, AT, what="relapse", landmark=6 if name == "landmark" else None
        ).sentence
        assert "relapse" in said.lower() and "{" not in said and said[0].isupper()
