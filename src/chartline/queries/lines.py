"""The lines of a query: one a cell in question, each with its place, what stands there, and a reference.

In: a query, the tables of its centre, and where it stands. Out: lines. The reference `Q-A-12AB34CD/2/7F3A91C0` ties an
answer to the query, to the cell (the second that it names), to what stood in the cell when it was asked, and to how
often it was asked: an answered workbook alone says what it is about, whatever was done to its rows, columns and sheets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chartline.core.digest import digest_value
from chartline.core.query import Query, Severity
from chartline.mapping.amendments import Places
from chartline.sources.base import SourceTable
from chartline.state.standing import QueryStanding, QueryState

MOST = 20  # cells of one query that have a line; a query about a whole column names more
ORDER = (Severity.BLOCK, Severity.WARN, Severity.NOTE)
_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_QUOTED = 3  # cells of a row that name it


@dataclass(frozen=True)
class Line:
    """One place of a query. `number` counts from 1; 0 is the query as a whole, where it names no place."""

    query: Query
    number: int
    address: str  # "" of the query as a whole
    content: str  # what stands in the cell; of a row, some of its cells: `column=content; column=content`
    shown: str  # the same in the words of the query
    is_cell: bool
    row: str = ""  # the address of its row, "" where it has none
    row_content: str = ""  # some of the row's cells, as `delete_row` quotes them
    asked: int = 0  # how often the query was asked again
    again: str = ""  # why it is asked again

    @property
    def seal(self) -> str:
        """Return the fingerprint of what stands there, and of how often it was asked."""
        return digest_value([self.address, self.content, self.asked])[:8].upper()

    @property
    def reference(self) -> str:
        return f"{self.query.id}/{self.number}/{self.seal}"


def lines_of(query: Query, places: Places | None, known: QueryStanding | None = None) -> tuple[Line, ...]:
    """Return the lines of a query, in the order of its cells; one line without a place where it names none.

    `known` is where it stands in the study's log, None where it was never entered.
    """
    addresses = _single(query.addresses, places)
    parts = query.saw.split("; ")
    told = parts if len(parts) == len(addresses) else [""] * len(addresses)
    lines = [_line(query, i, a, part, places) for i, (a, part) in enumerate(zip(addresses, told, strict=True), 1)]
    lines = lines[:MOST] or [Line(query, 0, "", "", query.saw, False)]
    if known is None:
        return tuple(lines)
    again = known.reason if known.state is QueryState.REOPENED else ""
    return tuple(replace(line, asked=known.asked_again, again=again) for line in lines)


def in_order(queries: Sequence[Query]) -> list[Query]:
    """Return queries by patient (A-2 before A-10, the centre's own last), then by urgency."""

    def key(q: Query) -> tuple[object, ...]:
        return not q.subject, _natural(q.subject), ORDER.index(q.severity), q.rule, q.id

    return sorted(queries, key=key)


def place_words(address: str) -> str:
    """Return an address in words: 'Book.xlsx, sheet Follow up, cell C13'."""
    file, _, place = address.partition("!")
    return f"{file}, {_readable(file, place.split('!'))}" if place else file


def _readable(file: str, place: list[str]) -> str:
    if len(place) == 2 and file.lower().endswith(_SPREADSHEETS):
        cell = f"cell {place[1]}" if re.fullmatch(r"[A-Z]{1,3}\d+", place[1]) else place[1]
        return f"sheet {place[0]}, {cell}"
    if len(place) == 2 and re.fullmatch(r"\w+", place[1]):
        return f"{place[0]}, column {place[1]}"
    return ", ".join(place)


def _natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    parts = re.split(r"(\d+)", text)
    return tuple((p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts)


def _single(addresses: Sequence[str], places: Places | None) -> list[str]:
    """Return each address once, with a value that is read from several columns (`a + b`) as several."""
    out: dict[str, None] = {}
    for address in addresses:
        whole = places is not None and places.find(address) is not None
        out.update(dict.fromkeys([address] if whole else address.split(" + ")))
    return list(out)


def _line(query: Query, number: int, address: str, part: str, places: Places | None) -> Line:
    found = places.find(address) if places is not None else None
    if found is None:
        return Line(query, number, address, "", part or query.saw, False)
    table, row, column = found
    quoted = _quoted(table, row)
    if not column:
        return Line(query, number, address, quoted, part or quoted, False, address, quoted)
    content = (table.raw(row, column) or "").strip()
    shown = part if part and (not content or content in part) else _told(query.saw, column, content)
    return Line(query, number, address, content, shown, True, table.address(row), quoted)


def _told(saw: str, column: str, content: str) -> str:
    """Return what a query says of a cell where it does not name one thing a cell: the parts that quote its content."""
    quotes = re.compile(rf"(?<![\w.]){re.escape(content)}(?![\w.])") if content else None
    parts = [p for p in saw.split("; ") if quotes is not None and quotes.search(p)]
    return "; ".join(parts) or f"{column}: {content or '(blank)'}"


def _quoted(table: SourceTable, row: int) -> str:
    """Return some cells of a row that `delete_row` can quote: what holds its signs cannot be."""
    cells = ((c, (table.raw(row, c) or "").strip()) for c in table.columns)
    plain = [f"{c}={text}" for c, text in cells if text and not {";", "="} & {*c, *text} and c == c.strip()]
    return "; ".join(plain[:_QUOTED])
