"""Queries that a centre has answered with "the value is right as it stands"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from chartline.checks.context import Grade, Reads
from chartline.checks.engine import check_data
from chartline.core.clinical import ClinicalData
from chartline.core.query import Query, Severity
from chartline.mapping.amendments import Action, Applied, query_answered
from chartline.mapping.problems import UNREADABLE
from chartline.protocol.model import Protocol
from chartline.protocol.own_checks import OwnCheck


def check_and_close(
    found: Iterable[Query],
    data: ClinicalData,
    protocol: Protocol,
    counts_window: tuple[int, int] | None,
    applied: Sequence[Applied],
    grade: Grade | None = None,
    centre_checks: Mapping[str, Sequence[OwnCheck]] | None = None,
    reads: Reads | None = None,
) -> list[Query]:
    """Return the queries that reading `found` and those of every check, with the confirmed ones closed."""
    asked = check_data(data, protocol, counts_window, grade, centre_checks, reads=reads)
    return close_confirmed([*found, *asked], applied)


def close_confirmed(queries: Iterable[Query], applied: Sequence[Applied]) -> list[Query]:
    """Return the queries with every confirmed one made a note that no longer withholds anybody.

    A query is confirmed where an answer `confirm` carries its id, or where every cell it names is confirmed: of two
    cells that contradict each other one confirmation settles nothing. An answer that carries the id of a query is about
    that query and no other, though it names one of its cells. A value that could not be read stays asked.
    """
    confirmed = [x.amendment for x in applied if x.amendment.action is Action.CONFIRM]
    by_id = {query_answered(a): a for a in confirmed}
    by_cell = {(a.centre, a.address): a for a in confirmed if not query_answered(a)}
    out = []
    for q in queries:
        cells = [by_cell.get((q.centre, address)) for address in q.addresses]
        answer = by_id.get(q.id) or (cells[0] if cells and all(cells) else None)
        if answer is None or not q.asks or q.rule in UNREADABLE:
            out.append(q)
            continue
        who = f"{answer.answered_by or 'the centre'}{f' on {answer.answered_on}' if answer.answered_on else ''}"
        out.append(
            replace(
                q,
                severity=Severity.NOTE,
                topics=frozenset(),
                message=f"{q.message} Confirmed as it stands by {who}.",
                ask="Nothing: the value is used as it stands.",
                confirmed=who,
            )
        )
    return out
