"""Answers that the study keeps and that are about cells that hold something else by now: asked again, not used.

A confirmation that is outdated needs no question of its own: what it confirmed is asked again by its rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chartline.core.query import Query, Severity
from chartline.mapping.amendments import Action, Applied, Outdated


def outdated_queries(outdated: Iterable[Outdated], applied: Sequence[Applied]) -> list[Query]:
    """Return one query a cell of which an answer is no longer used and about which nothing was answered since."""
    since = {x.amendment.address for x in applied}
    out: dict[str, Query] = {}
    for a, why, _ in outdated:
        if a.action is Action.CONFIRM or a.address in since:
            continue
        said = {Action.SET: f"`{a.value}`{f' {a.unit}' if a.unit else ''}", Action.CLEAR: "no value"}
        who = " ".join(t for t in (a.answered_by, f"on {a.answered_on}" if a.answered_on else "") if t) or "The centre"
        query = Query(
            rule="answer_outdated",
            severity=Severity.WARN,
            centre=a.centre,
            subject=a.subject,
            addresses=(a.address,),
            saw=f"Answered: {said.get(a.action, 'leave this row out')}, in place of {a.was or '(blank)'}",
            message=f"{who} answered about this place when the file was another. {why} The answer is not used.",
            ask="Please say what is right in the file as it is now.",
        )
        out[query.id] = query
    return list(out.values())
