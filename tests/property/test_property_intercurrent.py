"""Events on the way: arrays, counts and slow second implementations agree; what must change nothing does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    Episodes,
    RiskTable,
    apply_strategy,
    apply_strategy_to_counts,
    estimate_simon_makuch,
    landmark_counts,
    landmark_data,
    logrank_test,
    mantel_byar_test,
    split_at,
    split_counts,
)
from chartline.stats.statistic import NotEstimable

KEY = CountKey(analysis="os", protocol_digest="0", unit="day")
PERSON = st.tuples(st.integers(1, 12), st.integers(0, 1), st.none() | st.integers(0, 13), st.sampled_from("AB"))
PEOPLE = st.lists(PERSON, min_size=1, max_size=20)
COUNTED = ("treatment_policy", "hypothetical", "composite", "while_on_treatment", "time_dependent")


def columns(people: list[tuple[Any, ...]]) -> tuple[list[int], list[int], list[float], list[str]]:
    time, event, at, arm = (list(x) for x in zip(*people, strict=True))
    return time, event, [np.nan if u is None else float(u) for u in at], arm


def counts(people: list[tuple[Any, ...]]) -> EventTable:
    """As the counting room does it: the first part ends with the cause "moved" on the day of the event on the way."""
    rows: dict[Any, list[int]] = {}

    def add(arm: str, state: str, entry: int, exit_: int, column: int) -> None:
        pattern = (("ARM", arm), ("STATE", state))
        rows.setdefault((pattern, entry), [0, 0, 0, 0])[0] += 1
        rows.setdefault((pattern, exit_), [0, 0, 0, 0])[column] += 1

    for time, event, at, arm in people:
        if at is None or at >= time:
            add(arm, "before", 0, time, 2 if event else 1)
            continue
        if at > 0:
            add(arm, "before", 0, at, 3)
        add(arm, "after", at, time, 2 if event else 1)
    return EventTable(key=KEY, causes=("death", "moved"), rows={k: tuple(v) for k, v in rows.items()})


def risk(e: Episodes) -> list[tuple[Any, ...]]:
    """Numbers at risk, events and censorings at each time, as they are however the rows are cut."""
    table = RiskTable.of(e)
    flat = zip(table.times, table.at_risk.tolist(), table.events.tolist(), table.censored.tolist(), strict=True)
    return [(t, n, d) if any(map(any, d)) else (t, n) for t, n, d, _ in flat]


def chisq(e: Episodes) -> Any:
    try:
        return logrank_test(e).chisq
    except NotEstimable as why:
        return str(why)


@given(PEOPLE)
@settings(max_examples=50)
def test_counts_and_arrays_are_the_same_data_under_every_strategy(people: list[Any]) -> None:
    time, event, at, arm = columns(people)
    cut = len(people) // 2
    table = counts(people[:cut]) + counts(people[cut:])
    for name in COUNTED:
        by = {} if name == "time_dependent" else {"group": arm}
        one = apply_strategy(name, time, event, at, **by).episodes  # type: ignore[arg-type]
        two = apply_strategy_to_counts(name, table, moved="moved", by="ARM" if by else None).episodes
        assert (one.groups, len(one.causes)) == (two.groups, len(two.causes))
        assert risk(one) == risk(two)
        if by:
            assert one.n == two.n == len(people)


@given(PEOPLE)
@settings(max_examples=30)
def test_counts_and_arrays_go_through_the_same_states(people: list[Any]) -> None:
    one = apply_strategy("multistate", *columns(people)[:3]).states
    two = apply_strategy_to_counts("multistate", counts(people), moved="moved").states
    assert one is not None and two is not None

    def moves(s: Any) -> dict[tuple[int, int, float], int]:
        out: dict[tuple[int, int, float], int] = {}
        for key, n in zip(zip(s.start.tolist(), s.to.tolist(), s.exit.tolist(), strict=True), s.count, strict=True):
            out[key] = out.get(key, 0) + int(n)
        return out

    assert moves(one) == moves(two) and one.states == two.states


@given(PEOPLE)
@settings(max_examples=40)
def test_split_rows_of_one_group_are_the_data_unsplit(people: list[Any]) -> None:
    time, event, at, arm = columns(people)
    split = split_at(time, event, at, strata=arm)
    assert split.exit[split.status > 0].size == sum(event)
    table, plain = (RiskTable.of(e, e.stratum, len(e.strata)) for e in (split, Episodes.of(time, event, strata=arm)))
    place = np.searchsorted(table.times, plain.times)
    assert table.at_risk[place].tolist() == plain.at_risk.tolist()
    assert table.events[place].tolist() == plain.events.tolist()


@given(PEOPLE)
@settings(max_examples=40)
def test_mantel_byar_by_counting_people(people: list[Any]) -> None:
    time, event, at, _ = columns(people)
    u = v = 0.0
    for t in sorted({t for t, e in zip(time, event, strict=True) if e}):
        at_risk = [(x, e, bool(a < t or a == 0) and a < x) for x, e, a in zip(time, event, at, strict=True) if x >= t]
        n, m = len(at_risk), sum(a for _, _, a in at_risk)
        d = sum(x == t and e for x, e, _ in at_risk)
        u += sum(x == t and e and a for x, e, a in at_risk) - d * m / n
        v += d * (n - d) / (n - 1) * m / n * (1 - m / n) if n > 1 else 0
    try:
        test = mantel_byar_test(split_at(time, event, at))
    except NotEstimable:
        assert v < 1e-12
        return
    assert test.variance[1, 1] == pytest.approx(v, rel=1e-9)
    assert test.observed[1] - test.expected[1] == pytest.approx(u, abs=1e-9)
    swapped = mantel_byar_test(split_counts(counts(people), moved="moved"))
    assert swapped.chisq == pytest.approx(test.chisq, rel=1e-9, abs=1e-12)


@given(PEOPLE, st.integers(0, 9))
@settings(max_examples=40)
def test_a_landmark_sees_nothing_that_came_later(people: list[Any], landmark: int) -> None:
    time, event, at, arm = columns(people)
    later = [a if not a > landmark else landmark + 1.5 for a in at]
    try:
        one = landmark_data(time, event, at, landmark, strata=arm)
    except NotEstimable:
        assert max(time) <= landmark
        return
    two = landmark_data(time, event, later, landmark, strata=arm)
    assert one.n + one.n_excluded == len(people) and one.n == sum(t > landmark for t in time)
    assert one.n_by == sum(a <= landmark < t for a, t in zip(at, time, strict=True))
    assert risk(one.episodes) == risk(two.episodes) and chisq(one.episodes) == chisq(two.episodes)
    rows: dict[Any, list[int]] = {}
    for t, e, a, _ in zip(time, event, at, arm, strict=True):
        if t > landmark:
            pattern = (("STATE", "after" if a <= landmark else "before"),)
            rows.setdefault((pattern, landmark), [0, 0, 0])[0] += 1
            rows.setdefault((pattern, t), [0, 0, 0])[2 if e else 1] += 1
    table = EventTable(key=KEY, rows={k: tuple(v) for k, v in rows.items()})
    three = landmark_counts(table, landmark, n_before=len(people))
    assert (three.n, three.n_by, three.n_excluded) == (one.n, one.n_by, one.n_excluded)
    assert risk(three.episodes) == risk(one.episodes)


@given(PEOPLE, st.integers(1, 3), st.integers(0, 6))
@settings(max_examples=30)
def test_curves_of_counts_are_those_of_repeated_people(people: list[Any], times: int, landmark: int) -> None:
    time, event, at, _ = columns(people)
    try:
        one = estimate_simon_makuch(split_at(time, event, at, count=[times] * len(time)), landmark=landmark).curves
    except NotEstimable:
        assert max(time) <= landmark
        return
    two = estimate_simon_makuch(split_at(time * times, event * times, at * times), landmark=landmark).curves
    for name in ("not yet", "after"):
        assert one[name].survival == two[name].survival and one[name].at_risk == two[name].at_risk
        assert all(0 <= s <= 1 for s in one[name].survival)
        assert list(one[name].survival) == sorted(one[name].survival, reverse=True)
