"""Random sound studies are asked nothing by any check; one planted fault is asked by the check it was planted for.

Days, responses and values are random; heaping is judged by chance, so a column may be told once in a thousand.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.checks.engine import check_data
from chartline.core.query import Query
from chartline.protocol.model import Protocol
from checks_studies import FAULTS, Tables, study, text
from truth_data import tiny

BY_CHANCE = {"first_of_month_heaping", "weekend_heaping", "days_never_above_12", "last_contact_shared"}


def check(tables: Tables, protocol: Protocol) -> list[Query]:
    return check_data(tiny(**{d: text(rows) for d, rows in tables.items() if rows}), protocol, (0, 14))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_a_sound_study_is_asked_nothing(reference_protocol: Protocol, seed: int) -> None:
    assert [q for q in check(study(seed), reference_protocol) if q.rule not in BY_CHANCE] == []


@pytest.mark.parametrize("rule", list(FAULTS))
def test_a_planted_fault_is_asked_by_its_check(reference_protocol: Protocol, rule: str) -> None:
    tables = study(len(rule), patients=20)
    who = "A-004"
    FAULTS[rule](tables, who)
    asked = [q for q in check(tables, reference_protocol) if q.rule == rule]
    assert asked
    assert {q.subject for q in asked} <= {who, "TWIN"} | {"A-000", "A-002"}  # a copy is asked of either number
