"""The questions of one data check, graded values among them, over the sound study of `checks_cases`."""

from __future__ import annotations

from typing import Any

from chartline.checks.engine import Asks, rules
from chartline.core.query import Query
from chartline.derive.graded_values import grade_by
from checks_cases import SOUND, alone, asked_both_ways
from derive_cases import protocol
from truth_data import tiny


def asked(rule: str, /, *, parameters: dict[str, Any] | None = None, **tables: str) -> list[Query]:
    """Return the queries of one check over text tables laid over the sound study (see `truth_data.tiny`).

    `parameters` are those that the protocol sets for the check.
    """
    assert rule in rules()
    declared = protocol(checks={rule: parameters} if parameters else {})
    data = tiny(**{**SOUND, **tables})
    queries = asked_both_ways(data, Asks(alone(declared, rule), (0, 14), grade_by(declared)))
    return [q for q in queries if q.rule == rule]
