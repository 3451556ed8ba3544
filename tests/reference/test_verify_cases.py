"""Every recorded case agrees to the digits it asks for; what `chartline verify` does on a user's machine."""

from __future__ import annotations

import pytest

from chartline.verify.cases import Case, load_cases, topics
from chartline.verify.verify import EXACT, agreement, verify_case

CASES = [case for topic in topics() for case in load_cases(topic)]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.topic}-{c.id}")
def test_the_recorded_case_agrees(case: Case) -> None:
    compared = list(verify_case(case))
    assert compared
    assert [(c.name, c.expected, c.found, c.digits) for c in compared if not c.agrees] == []


@pytest.mark.parametrize(
    ("expected", "found", "digits"),
    [(None, None, EXACT), (1.0, None, 0), (None, 0.0, 0), (2.0, 2.0, EXACT), (100.0, 100.001, 5), (0.0, 1e-20, EXACT)],
)
def test_agreement_counts_significant_digits(expected: float | None, found: float | None, digits: float) -> None:
    assert agreement(expected, found) == pytest.approx(digits, abs=1e-6)
