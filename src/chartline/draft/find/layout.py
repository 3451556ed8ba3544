"""Where the table lies in a grid: heading row, group row above it, row of units below it, first row of data.

In: a sheet or a delimited file as rows of cells (text, kind). Out: a `Layout`, or why there is no table. The heading
row is the first row that is filled about as far as the table is wide, holds words and no values, and is followed by
data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from chartline.draft.flat.headings import find_unit

Cell = tuple[str | None, str | None]  # text, kind
Row = Sequence[Cell]
Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]

_DEEPEST = 40  # rows that are looked at for headings
_LIKE_NUMBER = re.compile(r"[<>]?\s*[-+]?\d[\d.,/:%-]*")
_LONG = 80  # a heading that is longer is a sentence


@dataclass
class Layout:
    """Rows counted from 1, as a spreadsheet shows them. `units` and `titles` are by column, from 0."""

    header_row: int
    first_row: int | None = None
    group_row: int | None = None
    units: dict[int, str] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


def find_layout(rows: Sequence[Row], merged: Merged = ()) -> Layout | str:
    """Return where the table lies, or in words why there is none."""
    filled = [_filled(row) for row in rows]
    if not any(filled):
        return "nothing stands in it"
    width = max(filled)
    if width < 2:
        return "it holds text, and no table"
    head = _heading_row(rows, filled, width)
    if head is None:
        return "no row of headings was found"
    layout = Layout(head + 1)
    _take_units(rows, head, layout)
    _take_groups(rows, head, merged, layout)
    after = (layout.first_row or head + 2) - 1
    if not any(filled[after:]):
        return "it has headings and no rows"
    if head:
        groups = f"; row {layout.group_row} holds titles of groups" if layout.group_row else ""
        layout.said.append(f"headings in row {head + 1}{groups}; {_what_above(rows, head, layout)}")
    return layout


def _filled(row: Row) -> int:
    return sum(text is not None and bool(text.strip()) for text, _ in row)


def _heading_row(rows: Sequence[Row], filled: Sequence[int], width: int) -> int | None:
    best: tuple[float, int] | None = None
    for i, row in enumerate(rows[:_DEEPEST]):
        if filled[i] < 2 or not _wordy(row):
            continue
        below = [n for n in filled[i + 1 : i + 6] if n]
        if not below and i + 1 < len(rows):
            continue
        texts = [t.strip().lower() for t, _ in row if t and t.strip()]
        score = filled[i] / width + 0.3 * len(set(texts)) / len(texts) - 0.02 * i
        if i + 1 < len(rows) and below and not _wordy(rows[i + 1]):
            score += 0.2
        if best is None or score > best[0] + 1e-9:
            best = (score, i)
    return None if best is None else best[1]


def _wordy(row: Row) -> bool:
    """Whether a row holds words only: no numbers, no dates, no sentence."""
    there = [(t.strip(), k) for t, k in row if t and t.strip()]
    values = sum(k in ("n", "d", "b") or bool(_LIKE_NUMBER.fullmatch(t)) for t, k in there)
    return bool(there) and values <= 0.15 * len(there) and max(len(t) for t, _ in there) <= _LONG * 2


def _take_units(rows: Sequence[Row], head: int, layout: Layout) -> None:
    if head + 1 >= len(rows):
        return
    found: dict[int, str] = {}
    there = 0
    for i, (text, kind) in enumerate(rows[head + 1]):
        if text and text.strip():
            if kind in ("n", "d", "b") or _LIKE_NUMBER.fullmatch(text.strip()):
                return  # a row of data: `1` is a unit in name only
            there += 1
            unit, rest = find_unit(f"x ({text.strip().strip('()[]')})")
            if unit and rest == "x":
                found[i] = unit
    if found and len(found) >= 0.5 * there:
        layout.units, layout.first_row = found, head + 3
        layout.said.append(f"row {head + 2} holds units")


def _take_groups(rows: Sequence[Row], head: int, merged: Merged, layout: Layout) -> None:
    """A row straight above the headings whose titles stand over several columns each, or over some of them."""
    if head == 0:
        return
    above = rows[head - 1]
    spans = [(a, b) for a, b in merged if a[0] == b[0] == head - 1 and b[1] > a[1]]
    titles = [i for i, (t, _) in enumerate(above) if t and t.strip()]
    whole = any(b[1] - a[1] + 1 >= _filled(rows[head]) for a, b in spans)
    if whole or len(titles) < 2 or not _wordy(above):
        return
    layout.group_row = head
    for (top, left), (_, right) in merged:
        if top == head - 1:
            for i in range(left, right + 1):
                layout.titles[i] = (above[left][0] or "").strip()
    for i in titles:
        layout.titles[i] = (above[i][0] or "").strip()


def _what_above(rows: Sequence[Row], head: int, layout: Layout) -> str:
    above = [t.strip() for row in rows[: head - bool(layout.group_row)] for t, _ in row if t and t.strip()]
    return f"above it {'; '.join(repr(t[:60]) for t in above[:3])}" if above else "nothing else above it"
