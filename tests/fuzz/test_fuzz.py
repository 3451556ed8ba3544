"""Changed files, protocols and mappings: only queries and StudyErrors come out.

`make fuzz` makes 10,000 runs of each kind of file with new seeds; here it is a few, always the same. Every crash that
it ever found is a test of `tests/mess`. All crashes of all runs are told at the end, each with the fewest steps
(mutation, seed) that lead to it again.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.exceptions import PanicException
from small_study import Outcome, SmallStudy, estimate
from targets import TARGETS, Steps

from chartline.errors import StudyError

RUNS = int(os.environ.get("CHARTLINE_FUZZ_RUNS", "0"))
TOGETHER = min(RUNS or 12, 250)  # so many changed files are derived together, and the first of them alone as well
usual = settings(
    max_examples=max(RUNS // TOGETHER, 1),
    derandomize=not RUNS,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
_CRASH = (Exception, PanicException)


@pytest.mark.parametrize("target", TARGETS)
def test_only_queries_and_study_errors_come_out(study: SmallStudy, target: str) -> None:
    crashes: dict[str, str] = {}  # by the place where it happens

    @usual
    @given(seed=st.integers(0, 2**64 - 1))
    def run(seed: int) -> None:
        chance = Random(seed)
        mapped: list[tuple[Steps, Outcome]] = []
        for _ in range(TOGETHER):
            steps = [
                (chance.randrange(1000), chance.randrange(2**32))
                for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 4, 5]))
            ]
            try:
                _, outcome = TARGETS[target](study, steps)
                _told(outcome)
            except _CRASH as error:
                _note(crashes, error, steps, lambda fewer: _told(TARGETS[target](study, fewer)[1]))
            else:
                if outcome.data is not None:
                    mapped.append((steps, outcome))
        _go_on(study, target, mapped, crashes)

    run()
    assert not crashes, "\n\n".join(crashes.values())


def _told(outcome: Outcome) -> None:
    """A refusal says what and where, in some lines."""
    if outcome.refused is not None:
        assert outcome.refused.what
        assert len(str(outcome.refused)) < 20_000


def _go_on(study: SmallStudy, target: str, mapped: Sequence[tuple[Steps, Outcome]], crashes: dict[str, str]) -> None:
    """Estimate what was mapped: all together, halves of them where that fails, at last one alone."""
    outcomes = study.turned(outcome for _, outcome in mapped)
    if target == "protocol":  # each is a study of its own, and takes as long as all of another kind
        groups = [[n] for n in range(len(mapped)) if n % 2 == 0]
    else:
        groups = [list(range(len(mapped))), [0]] if mapped else []
    while groups:
        group = groups.pop()
        try:
            estimate([outcomes[n] for n in group])
        except StudyError as error:
            _told(Outcome(error))
            groups += _halves(group)
        except _CRASH as error:
            if len(group) > 1:
                groups += _halves(group)
                continue
            steps = mapped[group[0]][0]
            _note(crashes, error, steps, lambda fewer: estimate(study.turned([TARGETS[target](study, fewer)[1]])))


def _halves(group: list[int]) -> list[list[int]]:
    return [group[: len(group) // 2], group[len(group) // 2 :]] if len(group) > 1 else []


def _note(crashes: dict[str, str], error: BaseException, steps: Steps, again: Callable[[Steps], object]) -> None:
    """Keep a crash of a place where there was none yet, with as few steps as lead to it."""
    place = _place(error)
    if place in crashes:
        return
    for one in list(steps):
        fewer = [other for other in steps if other != one]
        try:
            again(fewer or steps)
        except _CRASH as other:
            if fewer and _place(other) == place:
                steps, error = fewer, other
    crashes[place] = f"{place} after {list(steps)}\n{''.join(traceback.format_exception(error))}"


def _place(error: BaseException) -> str:
    """The kind of an error and the line of chartline that it came through last."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/chartline/" in frame.filename]
    return f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}" if frames else repr(error)[:200]
