"""An answer "it is right as it stands" closes the query it answers, and only that one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chartline.checks.confirmed import close_confirmed
from chartline.core.query import Query, Severity, Topic
from chartline.mapping.amendments import Action, Amendment, Applied

DEATH, DOSE = "follow.csv!row 2!died", "doses.csv!row 7!given"
QUERY = Query(
    rule="death_before_dose",
    severity=Severity.BLOCK,
    centre="S",
    subject="S-1",
    addresses=(DEATH, DOSE),
    saw="died 2020-01-01; dose 2020-02-01",
    message="Death precedes the last dose.",
    ask="Which date is right?",
    topics=frozenset({Topic.DEATH}),
)


def answer(address: str, amendment_id: str = "1", action: Action = Action.CONFIRM, centre: str = "S") -> Applied:
    amendment = Amendment(
        amendment_id, centre, "S-1", address, "x", action, "", "", "checked", "data manager", "2026-11-23"
    )
    return Applied(amendment, "x", "x")


@pytest.mark.parametrize(
    ("answers", "closed"),
    [
        ([], False),
        ([answer(DEATH)], False),  # the other cell may be the wrong one
        ([answer(DEATH), answer(DOSE)], True),
        ([answer(DEATH, QUERY.id)], True),  # the answer names the query
        ([answer(DEATH, centre="T"), answer(DOSE, centre="T")], False),
        ([answer(DEATH, action=Action.SET), answer(DOSE, action=Action.SET)], False),
    ],
)
def test_a_query_is_closed_by_its_id_or_by_all_its_cells(answers: list[Applied], closed: bool) -> None:
    (after,) = close_confirmed([QUERY], answers)
    assert after.id == QUERY.id
    assert (after.severity is Severity.NOTE) == closed
    assert after.blocks == (not closed)
    if closed:
        assert "data manager on 2026-11-23" in after.message


def test_a_value_that_cannot_be_read_cannot_be_confirmed() -> None:
    unread = replace(QUERY, rule="impossible_date", addresses=(DEATH,))
    (after,) = close_confirmed([unread], [answer(DEATH), answer(DEATH, unread.id)])
    assert after == unread
