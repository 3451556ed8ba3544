"""Every recorded case agrees to the digits it asks for; what `chartline verify` does on a user's machine."""

from __future__ import annotations

import pytest

from chartline.verify.cases import load_cases, topics
from chartline.verify.verify import EXACT, agreement, verify_case


@pytest.mark.parametrize("topic", topics())
def test_the_recorded_cases_agree(topic: str) -> None:
    compared = {(case.statistic, case.id): list(verify_case(case)) for case in load_cases(topic)}
    assert compared and all(compared.values())
    assert [
        (case, c.name, c.expected, c.found, c.digits) for case, of in compared.items() for c in of if not c.agrees
    ] == []


@pytest.mark.parametrize(
    ("expected", "found", "digits"),
    [(None, None, EXACT), (1.0, None, 0), (None, 0.0, 0), (2.0, 2.0, EXACT), (100.0, 100.001, 5), (0.0, 1e-20, EXACT)],
)
def test_agreement_counts_significant_digits(expected: float | None, found: float | None, digits: float) -> None:
    assert agreement(expected, found) == pytest.approx(digits, abs=1e-6)
