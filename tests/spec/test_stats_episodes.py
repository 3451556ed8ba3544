"""Episodes: plain arrays and counts become the same rows; what cannot be a row is refused."""

from __future__ import annotations

import numpy as np
import pytest

from chartline.counts.model import CountKey, EventTable
from chartline.stats import Episodes, RiskTable

KEY = CountKey(analysis="os", protocol_digest="0", unit="day")


def test_arrays_and_counts_give_the_same_numbers_at_risk() -> None:
    arrays = Episodes.of([5, 5, 8, 9], [1, 0, 1, 0], entry=[0, 0, 0, 5], group=["a", "a", "b", "b"])
    table = EventTable(
        key=KEY,
        rows={
            ((("ARM", "a"),), 0): (2, 0, 0),
            ((("ARM", "a"),), 5): (0, 1, 1),
            ((("ARM", "b"),), 0): (1, 0, 0),
            ((("ARM", "b"),), 5): (1, 0, 0),
            ((("ARM", "b"),), 8): (0, 0, 1),
            ((("ARM", "b"),), 9): (0, 1, 0),
        },
    )
    for episodes in (arrays, Episodes.from_counts(table, by="ARM")):
        risk = RiskTable.of(episodes)
        assert episodes.groups == ("a", "b")
        assert risk.times.tolist() == [5, 8, 9]
        assert risk.at_risk.tolist() == [[2, 1], [0, 2], [0, 1]]  # who enters on day 5 is at risk after day 5
        assert risk.events[:, :, 0].tolist() == [[1, 0], [0, 1], [0, 0]]
        assert risk.censored.tolist() == [[1, 0], [0, 0], [0, 1]]


def test_a_death_on_day_0_is_at_risk_on_day_0() -> None:
    risk = RiskTable.of(Episodes.of([0, 3], [1, 1]))
    assert risk.at_risk[:, 0].tolist() == [2, 1]


def test_texts_become_indicators_against_a_reference_and_numbers_stay() -> None:
    e = Episodes.of([1, 2, 3], [1, 1, 0], covariates={"sex": ["F", "M", "F"], "age": [30, 41, 55]})
    assert e.covariates == ("sex=M", "age")
    assert e.x.tolist() == [[0, 30], [1, 41], [0, 55]]
    other = Episodes.of([1, 2], [1, 0], covariates={"sex": ["F", "M"]}, reference={"sex": "M"})
    assert other.covariates == ("sex=F",)


def test_times_that_differ_by_rounding_only_are_one_time() -> None:
    # Therneau's example: 23805 + 368 days, in years
    e = Episodes.of([24173 / 365.25, 23805 / 365.25 + 368 / 365.25, 70], [1, 1, 1])
    assert np.unique(e.exit).size == 2


def test_late_entries_as_totals_are_paired_in_order_and_say_so() -> None:
    rows = {((), 0): (1, 0, 0), ((), 2): (1, 0, 0), ((), 5): (0, 1, 0), ((), 7): (0, 0, 1)}
    e = Episodes.from_counts(EventTable(key=KEY, rows=rows))
    assert not e.paired
    assert RiskTable.of(e).at_risk[:, 0].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"time": [1, np.nan], "event": [1, 0]}, "missing, infinite or negative"),
        ({"time": [1, -2], "event": [1, 0]}, "missing, infinite or negative"),
        ({"time": [1, 2], "event": [1, np.nan]}, "event is missing"),
        ({"time": [1, 2], "event": [1, 0.5]}, "not a whole number"),
        ({"time": [1, 2], "event": [1, 0], "entry": [0, 2]}, "not before its exit"),
        ({"time": [1, 2], "event": [1, 0], "covariates": {"age": [50, np.nan]}}, "covariate is missing"),
        ({"time": [1, 2], "event": [1, 0], "covariates": {"age": [50]}}, "has 1 rows"),
        ({"time": [1, 2], "event": [1]}, "status has 1 rows"),
        ({"time": [1, 2], "event": [1, 0], "group": [1.0, np.nan]}, "is missing"),
    ],
)
def test_what_cannot_be_a_row_is_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Episodes.of(**arguments)  # type: ignore[arg-type]


def test_a_missing_covariate_of_a_pattern_is_refused() -> None:
    table = EventTable(key=KEY, rows={((("AGE", ""),), 0): (1, 0, 0), ((("AGE", ""),), 3): (0, 0, 1)})
    with pytest.raises(ValueError, match="missing in a pattern"):
        Episodes.from_counts(table, covariates=["AGE"])
