"""Changed files, protocols and mappings: only queries and StudyErrors come out, and no number changes in silence.

`make fuzz` makes 10,000 runs of each kind of file with new seeds; here it is a few, always the same. Every crash that
it ever found is a file of `tests/mess`. A failure names the steps (mutation, seed) that lead to it again.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_study import Outcome, SmallStudy
from targets import TARGETS, Steps

RUNS = int(os.environ.get("CHARTLINE_FUZZ_RUNS", "0"))
DEEP_EVERY = 10  # of the runs that get so far, one in this many goes on to the statistics

steps = st.lists(st.tuples(st.integers(0, 999), st.integers(0, 2**32 - 1)), min_size=1, max_size=5)
usual = settings(
    max_examples=RUNS or 12,
    derandomize=not RUNS,
    database=None,
    deadline=None,
    phases=[Phase.generate] if not RUNS else [Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("target", TARGETS)
def test_only_queries_and_study_errors_come_out(study: SmallStudy, target: str) -> None:
    @usual
    @given(steps=steps)
    def run(steps: Steps) -> None:
        _, outcome = TARGETS[target](study, steps, steps[-1][1] % DEEP_EVERY == 0)
        _told(outcome)

    run()


def _told(outcome: Outcome) -> None:
    """A refusal says what and where, in some lines."""
    if outcome.refused is not None:
        assert outcome.refused.what
        assert len(str(outcome.refused)) < 20_000
