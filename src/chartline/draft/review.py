"""The workbook beside a draft: what was found and proposed, to be read and marked by a person who knows the centre.

In: a Draft (and its differences from an earlier mapping). Out: the bytes of an xlsx file with the same content for
the same draft. Sheets: what to do, open questions, columns, words, layout, what the readers saw. White cells are for
the reviewer. Every text is written as text, never as a formula.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import xlsxwriter

from chartline.draft.model import SURE, Draft
from chartline.draft.replay import Difference

_DAY = dt.datetime(2000, 1, 1)  # a creation date that does not differ between two drafts
_LINE = 13.0  # points of a line of text
_LIMIT = 32_000  # a cell holds 32,767 characters
_SURE, _FAIR, _OPEN, _GREY = "#E3F1E5", "#FDF5DC", "#FBE7E3", "#F1F1F1"
_DECISIONS = ["right", "wrong", "ask the centre"]
_COLUMNS = (
    ("Table", 16),
    ("Column", 22),
    ("Place", 9),
    ("What the form asks", 24),
    ("Filled", 11),
    ("Kind", 9),
    ("Samples", 30),
    ("Proposed", 26),
    ("Confidence", 11),
    ("Why", 42),
    ("Unit", 11),
    ("Dates", 34),
    ("Your decision", 14),
    ("Remark", 28),
)
_WORDS = (
    ("Table", 16),
    ("Column", 24),
    ("Variable", 20),
    ("Word in the file", 28),
    ("Cells", 8),
    ("Stands for", 24),
    ("Confidence", 11),
    ("Why", 46),
    ("Your decision", 14),
    ("Remark", 28),
)
_QUESTIONS = (
    ("Nr", 5),
    ("Table", 18),
    ("Column", 26),
    ("Question", 70),
    ("Proposed", 26),
    ("Your answer", 32),
    ("By", 14),
    ("On", 12),
)
_NOTES = (("Place", 40), ("What was seen", 90))
_LAYOUT = (("Table", 24), ("What was recognised", 106))
_DIFFERENCES = (("What", 16), ("Table", 18), ("Column", 26), ("Difference", 50), ("Proposed", 50))
_README = (
    "Nobody has confirmed this draft, and no run uses it before a person has signed it.",
    "1. Open questions: answer each with the centre. What is open is not read.",
    "2. Columns: is each what is proposed? Green is sure (0.9 and more), yellow fair, red open, grey is not read.",
    "3. Words: does each word of the file stand for the term beside it?",
    "4. Layout: are the headings, the repeated columns and the rows left out (totals, notes) as said?",
    "5. Correct the YAML file, remove what is no longer open, and enter signed_by and signed_on.",
)


def review_workbook(draft: Draft, found: Sequence[Difference] = ()) -> bytes:
    """Return the review workbook of a draft."""
    buffer = BytesIO()
    with xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        book.set_properties({"title": f"Draft of the mapping of centre {draft.centre}", "created": _DAY})
        sheets = _Sheets(book)
        sheets.read_me(draft)
        if found:
            rows = [([d.kind, d.table, d.column, d.text, d.proposal], "") for d in found]
            sheets.table("Differences", _DIFFERENCES, rows, free=0)
        sheets.table("Open questions", _QUESTIONS, _questions(draft), free=3)
        sheets.table("Columns", _COLUMNS, _columns(draft, found), free=2, decide=len(_COLUMNS) - 2)
        sheets.table("Words", _WORDS, _words(draft, found), free=2, decide=len(_WORDS) - 2)
        if draft.layout:
            sheets.table("Layout", _LAYOUT, [([table, text], "") for table, text in draft.layout], free=0)
        if draft.notes:
            sheets.table("Seen by the readers", _NOTES, [([place, text], "") for place, text in draft.notes], free=0)
    return buffer.getvalue()


Row = tuple[list[Any], str]  # cells, colour


def _questions(draft: Draft) -> list[Row]:
    return [([str(i), q.table, q.column, q.text, q.proposal], "") for i, q in enumerate(draft.questions, 1)]


def _columns(draft: Draft, found: Sequence[Difference]) -> list[Row]:
    only = {(d.table, d.column) for d in found}
    tables = {d.table for d in found if d.kind == "new table"}
    out: list[Row] = []
    for c in draft.columns:
        if found and (c.table, c.name) not in only and c.table not in tables:
            continue
        p = c.profile
        what = {"subject": "the patient's id", "ignored": "not read", "open": "OPEN", "selector": "says what a row is"}
        proposed = what.get(c.role) or ", ".join(dict.fromkeys(q.target.said for q in c.proposals))
        if c.role == "open" and c.proposals:
            proposed = f"OPEN, perhaps {c.proposals[0].target.said}"
        samples = " | ".join(s[:40] for s in c.samples)
        filled = f"{p.filled} of {p.rows}"
        label = c.heading if c.heading != c.name else ""
        unit = c.unit.unit or "OPEN" if c.unit else ""
        place = c.place if c.place != c.name else ""
        cells = [c.table, c.name, place, label, filled, p.kind, samples, proposed, round(c.confidence, 2), c.reason]
        out.append(([*cells, unit, c.verdict], _colour(c.role, c.confidence)))
    return out


def _colour(role: str, confidence: float) -> str:
    if role in ("ignored", "selector", "subject"):
        return _GREY
    if role == "open" or confidence < SURE:
        return _OPEN
    return _SURE if confidence >= 0.9 else _FAIR


def _words(draft: Draft, found: Sequence[Difference]) -> list[Row]:
    only = {(d.table, d.column) for d in found}
    seen: set[tuple[str, ...]] = set()
    out: list[Row] = []
    for coded in draft.coded:
        if found and (coded.table, coded.column) not in only:
            continue
        for w in coded.words:
            key = (coded.table, coded.column, coded.target.label, w.word)
            if key in seen or not (w.count or w.label):
                continue
            seen.add(key)
            term = w.term if w.sure else f"OPEN, perhaps {w.term}" if w.term else "OPEN"
            cells = [
                coded.table,
                coded.column,
                coded.target.said,
                w.word,
                w.count,
                term,
                round(w.confidence, 2),
                w.reason,
            ]
            out.append((cells, _colour("value" if w.sure else "open", w.confidence)))
    return out


def _height(cells: Sequence[Any], widths: Sequence[int]) -> float:
    """Return how high a row must be for its longest cell, in points."""
    lines = max(
        sum(-(-len(part) // max(w - 1, 1)) or 1 for part in str(c).split("\n"))
        for c, w in zip(cells, widths, strict=False)
    )
    return min(_LINE * lines + 2, 400)


class _Sheets:
    def __init__(self, book: Any) -> None:
        self.book = book
        base = {"font_name": "Calibri", "font_size": 10, "valign": "top", "text_wrap": True}
        self.base = base
        self.head = book.add_format({**base, "bold": True, "bg_color": "#2F4858", "font_color": "#FFFFFF", "border": 1})
        self.title = book.add_format({**base, "bold": True, "font_size": 14, "text_wrap": False})
        self.text = book.add_format(base)
        self.formats: dict[tuple[str, bool], Any] = {}

    def _format(self, colour: str, number: bool = False) -> Any:
        if (colour, number) not in self.formats:
            look = {**self.base, "border": 1, "border_color": "#BFC8CE", **({"align": "center"} if number else {})}
            self.formats[colour, number] = self.book.add_format(look | ({"bg_color": colour} if colour else {}))
        return self.formats[colour, number]

    def read_me(self, draft: Draft) -> None:
        sheet = self.book.add_worksheet("Read me")
        sheet.hide_gridlines(2)
        sheet.set_column(0, 0, 110)
        sheet.write_string(0, 0, f"Draft of the mapping of {draft.mapping.get('label') or draft.centre}", self.title)
        lines = [*_README, *([f"Dates of the centre: {draft.dates}."] if draft.dates else [])]
        for i, line in enumerate(lines, 2):
            sheet.write_string(i, 0, line, self.text)

    def table(
        self,
        name: str,
        columns: Sequence[tuple[str, int]],
        rows: Sequence[Row],
        *,
        free: int,
        decide: int | None = None,
    ) -> None:
        """Write one sheet: headings, rows, and `free` white columns for the reviewer at the end."""
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, 2 if len(columns) > 5 else 0)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        for i, (heading, width) in enumerate(columns):
            sheet.set_column(i, i, width)
            sheet.write_string(0, i, heading, self.head)
        for r, (cells, colour) in enumerate(rows, 1):
            sheet.set_row(r, _height(cells, [w for _, w in columns]))
            for i, value in enumerate(cells):
                if isinstance(value, int | float):
                    sheet.write_number(r, i, value, self._format(colour, True))
                else:
                    sheet.write_string(r, i, str(value)[:_LIMIT], self._format(colour))
            for i in range(len(columns) - free, len(columns)):
                sheet.write_blank(r, i, None, self._format(""))
        for i, _ in enumerate(columns[: len(columns) - free]):
            if rows and all(i < len(cells) and cells[i] == "" for cells, _ in rows):
                sheet.set_column(i, i, None, None, {"hidden": True})  # no place but its name, no form, no unit, no date
        if decide is not None and rows:
            sheet.data_validation(1, decide, len(rows), decide, {"validate": "list", "source": _DECISIONS})
        if rows:
            sheet.autofilter(0, 0, len(rows), len(columns) - 1)
