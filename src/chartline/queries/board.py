"""The board: how many queries of each centre are open, answered and closed, and for how long they have waited.

In: the standing of the log. Out: one line a centre and one for all; ages are of queries that wait for somebody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low

from chartline.core.query import Severity
from chartline.state.standing import QueryStanding, QueryState, Standing


@dataclass(frozen=True)
class BoardLine:
    """The queries of one centre ("" for all). `middle` and `oldest` are the days (yyyy-mm-dd) since which those wait
    that wait: the middle one and the first; "" where none does."""

    centre: str
    blocking: int
    checking: int
    reopened: int  # of the two before
    answered: int
    accepted: int
    closed_true: int
    closed_data: int
    middle: str
    oldest: str

    @property
    def waiting(self) -> int:
        return self.blocking + self.checking + self.answered


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
    "centre",
    "holds back",
    "to check",
    "(reopened)",
    "answered",
    "accepted",
    "as true",
    "by data",
    "median age",
    "oldest",
)


def board_text(lines: Sequence[BoardLine], today: str) -> list[str]:
    """Return the board for a terminal, with ages in days."""
    if not lines:
        return ["No query was ever asked."]
    rows = [_HEAD] + [
        (
            line.centre or "all",
            *(str(n) if n else "." for n in (line.blocking, line.checking, line.reopened, line.answered)),
            *(str(n) if n else "." for n in (line.accepted, line.closed_true, line.closed_data)),
            *(age(day, today) for day in (line.middle, line.oldest)),
        )
        for line in lines
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    return [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def age(day: str, today: str) -> str:
    """Return how long ago a day was, in words; "" where there is none."""
    if not day:
        return "."
    n = (dt.date.fromisoformat(today) - dt.date.fromisoformat(day)).days
    return "1 day" if n == 1 else f"{n} days"
