"""The board: how many queries of each centre are open, answered and closed, and for how long they have waited.

In: the standing of the log. Out: one line a centre and one for all; ages are of queries that wait for somebody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from statistics import median_low

from chartline.core.query import Severity
from chartline.report.source import BoardLine
from chartline.state.standing import QueryStanding, QueryState, Standing

NOTHING_ASKED = "No query was ever asked: `chartline queries export` asks."


def board(standing: Standing, centres: Sequence[str]) -> tuple[BoardLine, ...]:
    """Return a line for each centre in the order of the study, then one for all."""
    every = list(standing.queries.values())
    others = sorted({s.query.centre for s in every} - set(centres))
    lines = [_line(c, [s for s in every if s.query.centre == c]) for c in (*centres, *others)]
    return (*lines, _line("", every)) if every else ()


def _line(centre: str, queries: Sequence[QueryStanding]) -> BoardLine:
    asked = [s for s in queries if s.state.asks]
    since = sorted(s.opened for s in queries if s.state.waits)
    return BoardLine(
        centre,
        sum(s.query.severity is Severity.BLOCK for s in asked),
        sum(s.query.severity is not Severity.BLOCK for s in asked),
        _of(queries, QueryState.REOPENED),
        _of(queries, QueryState.ANSWERED),
        _of(queries, QueryState.ACCEPTED),
        _of(queries, QueryState.TRUE),
        _of(queries, QueryState.DATA),
        median_low(since) if since else "",
        since[0] if since else "",
    )


def _of(queries: Iterable[QueryStanding], state: QueryState) -> int:
    return sum(s.state is state for s in queries)


_HEAD = (
    *("centre", "holds back", "to check", "(again)", "answered", "accepted", "as true", "by data", "median wait"),
    "longest",
)


def board_text(lines: Sequence[BoardLine], today: str) -> list[str]:
    """Return the board for a terminal, with ages in days."""
    if not lines:
        return [NOTHING_ASKED]
    rows: list[tuple[str, ...]] = [_HEAD]
    for line in lines:
        numbers = [line.blocking, line.checking, line.reopened, line.answered, line.accepted]
        numbers += [line.closed_true, line.closed_data]
        ages = (age(day, today) if day else "." for day in (line.middle, line.oldest))
        rows.append((line.centre or "all", *(str(n) if n else "." for n in numbers), *ages))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]


def age(day: str, today: str) -> str:
    """Return how long ago a day was, in words."""
    n = (dt.date.fromisoformat(today) - dt.date.fromisoformat(day)).days
    return "today" if n <= 0 else "1 day" if n == 1 else f"{n} days"
