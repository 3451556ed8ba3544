"""A sound study of two patients, and the questions that one data check asks of it: for spec tests of `checks/rules/`.

The drug, the cut-off (2023-12-31), the maximum dose (0.8 mg/m2) and the expected gap (5 to 16 days) are those of the
example protocol.
"""

from __future__ import annotations

from typing import Any

from chartline.checks.engine import check_data, rules
from chartline.core.query import Query
from chartline.derive.graded_values import grade_by
from derive_cases import protocol
from truth_data import tiny

DOSES = """
    USUBJID | EXSTDTC    | EXCYCLE | EXCYDAY | EXDOSM2 | EXDOSE
    P1      | 2020-01-01 | 1       | 1       | 0.8     | 1.6
    P2      | 2020-01-01 | 1       | 1       | 0.8     | 1.6
"""
PEOPLE = """
    USUBJID | BRTHDTC    | SEX | AGE | BSA
    P1      | 1980-06-01 | F   | 39  | 2.0
    P2      | 1980-06-01 | M   | 39  | 2.0
"""
ALIVE = """
    USUBJID | LKADTC     | DTHFL
    P1      | 2021-01-01 | N
    P2      | 2021-01-01 | N
"""


def asked(rule: str, /, *, parameters: dict[str, Any] | None = None, **tables: str) -> list[Query]:
    """Return the queries of one check over text tables laid over the sound study (see `truth_data.tiny`).

    `parameters` are those that the protocol sets for the check.
    """
    assert rule in rules()
    declared = protocol(checks={rule: parameters} if parameters else {})
    data = tiny(**{"DM": PEOPLE, "EX": DOSES, "SS": ALIVE, **tables})
    queries = check_data(data, declared, (0, 14), grade_by(declared))
    return [q for q in queries if q.rule == rule]
