"""Queries as files: `queries.csv` for machines, one workbook a centre for the data manager who answers.

In: queries. Out: files with the same bytes for the same queries. The workbook quotes the centre's own cells in its
own words, so that it can be answered with the chart open and nothing else; only the answer cells can be typed in.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from chartline.core.inert import inert
from chartline.core.query import Query, Severity, Topic

CSV_COLUMNS = ("query_id", "severity", "centre", "subject", "rule", "addresses", "saw", "message", "ask", "topics")
_WORDS = {Severity.BLOCK: "Holds back results", Severity.WARN: "Please check", Severity.NOTE: "For information"}
_COLOURS = {Severity.BLOCK: "#FBE7E3", Severity.WARN: "#FDF5DC", Severity.NOTE: "#EDF3F7"}
_ORDER = (Severity.BLOCK, Severity.WARN, Severity.NOTE)
_QUESTION: tuple[tuple[str, int], ...] = (
    ("Query", 14),
    ("Weight", 17),
    ("Patient", 10),
    ("Where", 33),
    ("What we saw", 36),
    ("What is wrong", 42),
    ("What we ask", 34),
)
_ANSWER: tuple[tuple[str, int], ...] = (
    ("Corrected value", 18),
    ("Unit", 10),
    ("Right as it stands?", 12),
    ("Reason", 26),
    ("Answered by", 16),
    ("Date", 12),
)
_FIXED_DAY = dt.datetime(2000, 1, 1)  # a creation date that does not differ between two runs
_LINE_POINTS = 13.5  # of 10-point text
_CELL_LIMIT = 32_000  # a cell holds 32,767 characters; a longer text would be dropped by the writer
_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_TOPIC_WORDS = {Topic.COUNTS: "blood counts at response", Topic.LIVER: "liver toxicity", Topic.MRD: "MRD"}
_README = (
    "Each row of the sheet 'Queries' is one question about your own data: where it is, what stands there, what is "
    "wrong with it and what we ask.",
    "Please open the chart and fill the white columns: the corrected value (with its unit if it has one), or 'Yes' "
    "under 'Right as it stands?' with the reason.",
    "Red rows hold back a patient's results until they are answered, yellow rows are to be checked, blue rows are for "
    "your information; do not send us names or hospital numbers.",
)


def write_queries_csv(queries: Iterable[Query], path: Path) -> None:
    """Write one row a query (UTF-8); several addresses are joined by ' | ', several topics by ';'.

    What a spreadsheet program would compute gets an apostrophe in front (`core/inert.py`)."""
    with path.open("w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        writer.writerows(_csv_row(q) for q in queries)


def _csv_row(q: Query) -> tuple[str, ...]:
    topics = ";".join(sorted(q.topics))
    cells = (q.id, q.severity, q.centre, q.subject, q.rule, " | ".join(q.addresses), q.saw, q.message, q.ask, topics)
    return tuple(map(inert, cells))


def write_query_workbooks(queries: Sequence[Query], folder: Path, study: str) -> None:
    """Write `<centre>.xlsx` into `folder` for every centre that has a query; the folder must exist.

    Rows are sorted by weight (what holds back results first), patient and query id.
    """
    centres = dict.fromkeys(q.centre for q in queries)
    names: dict[str, str] = {}
    for centre in centres:
        name = _file_name(centre)
        while name in names.values():
            name += "_"
        names[centre] = name
        rows = sorted(
            (q for q in queries if q.centre == centre),
            key=lambda q: (_ORDER.index(q.severity), q.subject, q.rule, q.id),
        )
        _write_workbook(rows, folder / f"{name}.xlsx", study, centre)


def _file_name(centre: str) -> str:
    return re.sub(r"[^\w.-]", "_", centre) or "study"


def _write_workbook(queries: Sequence[Query], path: Path, study: str, centre: str) -> None:
    import xlsxwriter

    literal = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), {**literal, "in_memory": True}) as book:  # not by way of temporary files
        book.set_properties({"title": f"Queries, {study}, centre {centre}", "created": _FIXED_DAY})
        _write_readme(book, queries, study, centre)
        _write_sheet(book, queries, study, centre)


def _write_readme(book: Any, queries: Sequence[Query], study: str, centre: str) -> None:
    sheet = book.add_worksheet("Read me")
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 3)
    sheet.set_column(1, 1, 100)
    title = book.add_format({"bold": True, "font_size": 16, "font_color": "#1F3A4D"})
    text = book.add_format({"text_wrap": True, "valign": "top", "font_size": 11})
    sheet.write_string(1, 1, f"Queries to centre {centre}", title)
    sheet.write_string(2, 1, f"Study {study}. {_tally(queries)}", text)
    for i, sentence in enumerate(_README):
        sheet.set_row(4 + i, 34)
        sheet.write_string(4 + i, 1, sentence, text)
    sheet.set_paper(9)
    sheet.protect()


def _tally(queries: Sequence[Query]) -> str:
    counts = [(sum(q.severity is s for q in queries), s) for s in _ORDER]
    return ", ".join(f"{_WORDS[s].lower()}: {n}" for n, s in counts if n).capitalize() + "."


def _write_sheet(book: Any, queries: Sequence[Query], study: str, centre: str) -> None:
    sheet = book.add_worksheet("Queries")
    _write_header(book, sheet)
    formats = {s: _row_formats(book, s) for s in _ORDER}
    for row, q in enumerate(queries, start=1):
        question, strong, answer, day = formats[q.severity]
        sheet.set_row(row, _height(_texts(q)))
        for column, text in enumerate(_texts(q)):
            sheet.write_string(row, column, _fitting(text), strong if column in (0, 2) else question)
        for column in range(len(_QUESTION), len(_QUESTION) + len(_ANSWER)):
            sheet.write_blank(row, column, None, day if column == len(_QUESTION) + len(_ANSWER) - 1 else answer)
    _lay_out(sheet, len(queries), study, centre)
    _validate(sheet, len(queries))
    sheet.activate()
    sheet.protect("", {"autofilter": True, "format_columns": True, "format_rows": True})


def _height(texts: Sequence[str]) -> float:
    """Return the height in points that shows every wrapped line: not every program measures it by itself."""
    widths = [width for _, width in _QUESTION]
    lines = (
        sum(max(1, math.ceil(1.1 * len(line) / width)) for line in text.split("\n"))
        for text, width in zip(texts, widths, strict=True)
    )
    return min(409.0, 4 + _LINE_POINTS * max(lines))  # 409 points is the most a row can have


def _write_header(book: Any, sheet: Any) -> None:
    common = {"bold": True, "text_wrap": True, "valign": "vcenter", "border": 1, "border_color": "#C9D3DA"}
    asked = book.add_format({**common, "font_color": "#FFFFFF", "bg_color": "#1F3A4D"})
    answered = book.add_format({**common, "font_color": "#1F3A4D", "bg_color": "#D5E6DC"})
    for column, (title, width) in enumerate((*_QUESTION, *_ANSWER)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, asked if column < len(_QUESTION) else answered)
    sheet.set_row(0, 32)


def _row_formats(book: Any, severity: Severity) -> tuple[Any, Any, Any, Any]:
    """Return the formats of a question cell, of one in bold, of an answer cell and of an answer that is a date."""
    common = {"text_wrap": True, "valign": "top", "font_size": 10, "border": 1, "border_color": "#D9DEE2"}
    question = {**common, "bg_color": _COLOURS[severity]}
    return (
        book.add_format(question),
        book.add_format({**question, "bold": True}),
        book.add_format({**common, "locked": False}),
        book.add_format({**common, "locked": False, "num_format": "yyyy-mm-dd"}),
    )


def _lay_out(sheet: Any, n: int, study: str, centre: str) -> None:
    sheet.freeze_panes(1, 3)
    sheet.autofilter(0, 0, max(n, 1), len(_QUESTION) + len(_ANSWER) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.set_footer(f"&L{_plain(study)}, centre {_plain(centre)}&RPage &P of &N")


def _plain(text: str) -> str:
    return text.replace("&", "&&")[:80]


def _validate(sheet: Any, n: int) -> None:
    right, day = len(_QUESTION) + 2, len(_QUESTION) + len(_ANSWER) - 1
    sheet.data_validation(
        1,
        right,
        max(n, 1),
        right,
        {"validate": "list", "source": ["Yes", "No"], "error_message": "Please choose Yes or No."},
    )
    sheet.data_validation(
        1,
        day,
        max(n, 1),
        day,
        {
            "validate": "date",
            "criteria": ">=",
            "value": dt.date(2000, 1, 1),
            "error_message": "Please give a date.",
        },
    )


def _texts(q: Query) -> tuple[str, ...]:
    return q.id, _weight(q), q.subject or "–", readable_places(q.addresses), q.saw.replace("; ", "\n"), q.message, q.ask


def _weight(q: Query) -> str:
    if not q.blocks or not q.topics:
        return _WORDS[q.severity]
    topics = ", ".join(sorted(_TOPIC_WORDS.get(t, str(t).replace("_", " ")) for t in q.topics))
    return f"{_WORDS[q.severity]}: {topics}"


def _fitting(text: str) -> str:
    return text if len(text) <= _CELL_LIMIT else f"{text[:_CELL_LIMIT]} ... (shortened; see queries.csv)"


def readable_places(addresses: Sequence[str]) -> str:
    """Return a line for each file and under it one for each place, in the order of the addresses.

    `Book.xlsx!Follow up!C13` becomes 'Book.xlsx' and '  sheet Follow up, cell C13'.
    """
    lines: list[str] = []
    file = ""
    for address in addresses:
        here, _, place = address.partition("!")
        if here != file:
            lines.append(here)
        file = here
        if place:
            lines.append(f"  {_readable(here, place.split('!'))}")
    return "\n".join(lines)


def _readable(file: str, place: list[str]) -> str:
    if len(place) == 2 and file.lower().endswith(_SPREADSHEETS):
        cell = f"cell {place[1]}" if re.fullmatch(r"[A-Z]{1,3}\d+", place[1]) else place[1]
        return f"sheet {place[0]}, {cell}"
    if len(place) == 2 and re.fullmatch(r"\w+", place[1]):
        return f"{place[0]}, column {place[1]}"
    return ", ".join(place)
