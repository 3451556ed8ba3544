"""Queries as files: `queries.csv` for machines, one workbook a centre for the data manager who answers.

In: queries and the tables of their centres. Out: files with the same bytes for the same queries. One row a query, and
one more for each further cell that it names; only the answer cells can be typed in. The workbook quotes the centre's
own cells in its own words, so that it can be answered with the chart open and nothing else.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from chartline.core.inert import inert
from chartline.core.query import Query, Severity, Topic
from chartline.mapping.amendments import Places
from chartline.queries.lines import ORDER, Line, in_order, lines_of, place_words
from chartline.queries.words import ANSWER_COLUMNS, NEEDS_REASON, REFERENCE, SHEET, Column, Says
from chartline.state.standing import QueryStanding

CSV_COLUMNS = ("query_id", "severity", "centre", "subject", "rule", "addresses", "saw", "message", "ask", "topics")
URGENCY = {Severity.BLOCK: "Holds back results", Severity.WARN: "Please check", Severity.NOTE: "For information"}
_COLOURS = {Severity.BLOCK: "#FBE7E3", Severity.WARN: "#FDF5DC", Severity.NOTE: "#EDF3F7"}
_QUESTION: tuple[tuple[str, int], ...] = (
    ("Query", 16),
    ("Patient", 10),
    ("Urgency", 15),
    ("Question", 50),
    ("Where", 28),
    ("What stands there", 28),
)
_WIDTHS = {
    Column.ANSWER: 19,
    Column.VALUE: 16,
    Column.UNIT: 9,
    Column.REASON: 26,
    Column.BY: 14,
    Column.ON: 11,
    Column.REFERENCE: 17,
}
_FIRST = len(_QUESTION)  # the first answer column
_FIXED_DAY = dt.datetime(2000, 1, 1)  # a creation date that does not differ between two runs
_LINE_POINTS = 13.5  # of 10-point text
_CELL_LIMIT = 32_000  # a cell holds 32,767 characters; a longer text would be dropped by the writer
_TOPIC_WORDS = {Topic.COUNTS: "blood counts at response", Topic.LIVER: "liver toxicity", Topic.MRD: "MRD"}
_README = (
    "Each question on the sheet 'Queries' is about your own data: where it is, what stands there, and what we ask. A "
    "question about several cells has a row for each of them; what is not wrong may stay empty.",
    "Please open the chart and choose an answer in the green columns:",
)
_SAYS = {
    Says.RIGHT: "The chart confirms the cell.",
    Says.CORRECT: "The chart has another value. Write it in 'Corrected value', with its unit if it has one; dates as "
    "2021-07-28 (year-month-day).",
    Says.UNKNOWN: "The chart does not tell. The value is then treated as missing.",
    Says.NO_PROBLEM: "The values are right and no error, for the reason that you give. Settles the whole question.",
    Says.LEAVE_OUT: "The row was entered twice, or is of nobody. Say why.",
}
_THEN = (
    "Please say who answers, and when; an empty date is the day on which we read your answers. You may sort, filter "
    "and add rows or columns; the column 'Reference' must stay as it is.",
    "Red questions hold back a patient's results until they are answered; yellow ones are to be checked.",
    "Do not send us names or hospital numbers of patients.",
)
_TOLD = "The sheet 'For information' asks nothing."
_PROMPTS = {
    Column.ANSWER: "Choose one. Leave it empty where you have no answer yet.",
    Column.VALUE: "The right value as the chart has it. Dates: 2021-07-28.",
    Column.REASON: "Why. Needed for 'Not a problem because ...' and 'Leave this row out'.",
}


def write_queries_csv(queries: Iterable[Query], path: Path) -> None:
    """Write one row a query (UTF-8); several addresses are joined by ' | ', several topics by ';'.

    What a spreadsheet program would compute gets an apostrophe in front (`core/inert.py`).
    """
    with path.open("w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        writer.writerows(_csv_row(q) for q in queries)


def _csv_row(q: Query) -> tuple[str, ...]:
    topics = ";".join(sorted(q.topics))
    cells = (q.id, q.severity, q.centre, q.subject, q.rule, " | ".join(q.addresses), q.saw, q.message, q.ask, topics)
    return tuple(map(inert, cells))


def write_query_workbooks(
    queries: Sequence[Query],
    folder: Path,
    study: str,
    places: Mapping[str, Places] | None = None,
    known: Mapping[str, QueryStanding] | None = None,
) -> None:
    """Write `<centre>.xlsx` into `folder` for every centre that has a query; the folder must exist.

    `places` are the tables of each centre, `known` where each query stands in the study's log.
    """
    names = file_names(q.centre for q in queries)
    for centre, name in names.items():
        own = [q for q in queries if q.centre == centre]
        data = workbook_bytes(own, study, centre, (places or {}).get(centre), known or {})
        (folder / f"{name}.xlsx").write_bytes(data)


def file_names(centres: Iterable[str]) -> dict[str, str]:
    """Return a file name for each centre, without signs that a file name may not have; no two alike."""
    names: dict[str, str] = {}
    for centre in dict.fromkeys(centres):
        name = re.sub(r"[^\w.-]", "_", centre) or "study"
        while name in names.values():
            name += "_"
        names[centre] = name
    return names


def workbook_bytes(
    queries: Sequence[Query], study: str, centre: str, places: Places | None, known: Mapping[str, QueryStanding]
) -> bytes:
    """Return the workbook of one centre: what is asked, by patient and urgency, and beside it what is only told."""
    import xlsxwriter

    asked = in_order([q for q in queries if q.asks])
    told = in_order([q for q in queries if not q.asks])
    out = BytesIO()
    literal = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, {**literal, "in_memory": True}) as book:  # not by way of temporary files
        book.set_properties({"title": f"Queries, {study}, centre {centre}", "created": _FIXED_DAY})
        _write_readme(book, queries, study, centre)
        if asked:
            _write_questions(book, [lines_of(q, places, known.get(q.id)) for q in asked], study, centre)
        if told:
            _write_told(book, told, study, centre)
    return out.getvalue()


def _write_readme(book: Any, queries: Sequence[Query], study: str, centre: str) -> None:
    sheet = book.add_worksheet("Read me")
    sheet.hide_gridlines(2)
    for column, width in enumerate((3, 26, 74)):
        sheet.set_column(column, column, width)
    title = book.add_format({"bold": True, "font_size": 16, "font_color": "#1F3A4D"})
    text = book.add_format({"text_wrap": True, "valign": "top", "font_size": 11})
    answer = book.add_format({"bold": True, "valign": "top", "font_size": 11, "bg_color": "#F4FAF6"})
    sheet.write_string(1, 1, f"Queries to centre {centre}", title)
    row = 2
    told = (_TOLD,) if any(not q.asks for q in queries) else ()
    for said in (f"Study {study}. {tally(queries)}", *_README, *_SAYS, *_THEN, *told):
        if isinstance(said, Says):
            sheet.write_string(row, 1, said.value, answer)
            sheet.write_string(row, 2, _SAYS[said], text)
        else:
            sheet.merge_range(row, 1, row, 2, said, text)
        shown, wide = (_SAYS[said], 70) if isinstance(said, Says) else (said, 95)
        sheet.set_row(row, 16 * math.ceil(len(shown) / wide) + 6)
        row += 1
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.protect()


def tally(queries: Sequence[Query]) -> str:
    """Return how many queries there are of each urgency, as a sentence."""
    counts = [(sum(q.severity is s for q in queries), s) for s in ORDER]
    return ", ".join(f"{URGENCY[s].lower()}: {n}" for n, s in counts if n).capitalize() + "."


def _write_questions(book: Any, asked: Sequence[Sequence[Line]], study: str, centre: str) -> None:
    sheet = book.add_worksheet(SHEET)
    titles = [*_QUESTION, *((c.value, _WIDTHS[c]) for c in ANSWER_COLUMNS)]
    _write_header(book, sheet, titles)
    formats = {s: _row_formats(book, s) for s in ORDER}
    row = 0
    for lines in asked:
        for i, line in enumerate(lines):
            row += 1
            _write_line(sheet, row, line, i == 0, formats[line.query.severity])
    _lay_out(sheet, row, len(titles), study, centre)
    _validate(book, sheet, row)
    sheet.activate()
    sheet.protect("", {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True})


def _write_line(sheet: Any, row: int, line: Line, first: bool, formats: Mapping[str, Any]) -> None:
    q = line.query
    head = (weight(q), question(line)) if first else ("", "")
    texts = (q.id, q.subject or "–", *head, place_words(line.address), line.shown)
    sheet.set_row(row, _height(texts))
    for column, text in enumerate(texts):
        bold = first and column in (0, 1)
        sheet.write_string(row, column, fitting(text), formats["strong" if bold else "question"])
    for column, what in enumerate(ANSWER_COLUMNS, start=_FIRST):
        if what is Column.REFERENCE:
            sheet.write_string(row, column, line.reference, formats["reference"])
        else:
            kind = {Column.VALUE: "value", Column.ON: "day"}.get(what, "answer")
            sheet.write_blank(row, column, None, formats[kind])


def question(line: Line) -> str:
    """Return what is asked, and why it is asked again."""
    q = line.query
    return "\n".join(t for t in (q.message, q.ask, f"Asked again: {line.again}" if line.again else "") if t)


def _height(texts: Sequence[str]) -> float:
    """Return the height in points that shows every wrapped line: not every program measures it by itself."""
    widths = [width for _, width in _QUESTION]
    lines = (
        sum(max(1, math.ceil(1.1 * len(line) / width)) for line in text.split("\n"))
        for text, width in zip(texts, widths, strict=False)
    )
    return min(409.0, 4 + _LINE_POINTS * max(2, *lines))  # 409 points is the most a row can have


def _write_header(book: Any, sheet: Any, titles: Sequence[tuple[str, int]]) -> None:
    common = {"bold": True, "text_wrap": True, "valign": "vcenter", "border": 1, "border_color": "#C9D3DA"}
    asked = book.add_format({**common, "font_color": "#FFFFFF", "bg_color": "#1F3A4D"})
    answered = book.add_format({**common, "font_color": "#1F3A4D", "bg_color": "#B9DCC7"})
    for column, (title, width) in enumerate(titles):
        sheet.set_column(column, column, width)
        ours = column < _FIRST or title == REFERENCE
        sheet.write_string(0, column, title, asked if ours else answered)
    sheet.set_row(0, 32)


def _row_formats(book: Any, severity: Severity) -> dict[str, Any]:
    """Return the formats of question and answer cells; a typed value stays the text that was typed."""
    common = {"text_wrap": True, "valign": "top", "font_size": 10, "border": 1, "border_color": "#D9DEE2"}
    question = {**common, "bg_color": _COLOURS[severity]}
    answer = {**common, "locked": False, "bg_color": "#F4FAF6"}
    return {
        "question": book.add_format(question),
        "strong": book.add_format({**question, "bold": True}),
        "answer": book.add_format(answer),
        "value": book.add_format({**answer, "num_format": "@"}),  # 10/06 is not made a date by the program
        "day": book.add_format({**answer, "num_format": "yyyy-mm-dd"}),
        "reference": book.add_format({**common, "font_size": 7, "font_color": "#7A8790"}),
    }


def _lay_out(sheet: Any, n: int, columns: int, study: str, centre: str) -> None:
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, max(n, 1), columns - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.set_footer(f"&L{_plain(study)}, centre {_plain(centre)}&RPage &P of &N")


def _plain(text: str) -> str:
    return text.replace("&", "&&")[:80]


def _validate(book: Any, sheet: Any, n: int) -> None:
    """Lists and dates where there is a choice; what an answer still needs is marked while it is missing."""
    at = {what: _FIRST + i for i, what in enumerate(ANSWER_COLUMNS)}
    told = {"error_title": "This cannot be read"}
    choose = {"validate": "list", "source": [a.value for a in Says], "error_message": "Please choose from the list."}
    day = {
        **{"validate": "date", "criteria": ">=", "value": dt.date(2000, 1, 1)},
        "error_message": "Please give a date.",
    }
    free = {"validate": "any"}
    for what, rule in ((Column.ANSWER, choose), (Column.ON, day), (Column.VALUE, free), (Column.REASON, free)):
        prompt = {"input_title": what.value[:32], "input_message": _PROMPTS[what]} if what in _PROMPTS else {}
        sheet.data_validation(1, at[what], n, at[what], {**rule, **told, **prompt})
    missing = book.add_format({"bg_color": "#F6C9A8"})
    answer = f"${_letter(at[Column.ANSWER])}2"
    needs = {Column.VALUE: (Says.CORRECT,), Column.REASON: NEEDS_REASON}
    for what, answers in needs.items():
        chosen = ",".join(f'{answer}="{a.value}"' for a in answers)
        formula = f"=AND(OR({chosen}),LEN(${_letter(at[what])}2)=0)"
        sheet.conditional_format(1, at[what], n, at[what], {"type": "formula", "criteria": formula, "format": missing})


def _letter(column: int) -> str:
    return chr(ord("A") + column)


def _write_told(book: Any, told: Sequence[Query], study: str, centre: str) -> None:
    """What is only told: no answer cells."""
    sheet = book.add_worksheet("For information")
    titles = (("Query", 16), ("Patient", 10), ("What we did", 90), ("Where", 40))
    _write_header(book, sheet, titles)
    text = _row_formats(book, Severity.NOTE)["question"]
    for row, q in enumerate(told, start=1):
        where = "\n".join(place_words(a) for a in q.addresses[:5])
        more = f"\nand {len(q.addresses) - 5} more" if len(q.addresses) > 5 else ""
        lines = max(where.count("\n") + 1 + bool(more), math.ceil(len(q.message) / 85))
        sheet.set_row(row, min(409.0, 4 + _LINE_POINTS * max(lines, math.ceil(len(where) / 38))))
        for column, said in enumerate((q.id, q.subject or "–", q.message, where + more)):
            sheet.write_string(row, column, fitting(said), text)
    _lay_out(sheet, len(told), len(titles), study, centre)
    sheet.protect("", {"autofilter": True, "format_columns": True, "format_rows": True})


def weight(q: Query) -> str:
    """Return how urgent a query is, and what it holds back."""
    if not q.blocks or not q.topics:
        return URGENCY[q.severity]
    topics = ", ".join(sorted(_TOPIC_WORDS.get(t, str(t).replace("_", " ")) for t in q.topics))
    return f"{URGENCY[q.severity]}: {topics}"


def fitting(text: str) -> str:
    """Return a text that a cell can hold."""
    return text if len(text) <= _CELL_LIMIT else f"{text[:_CELL_LIMIT]} ... (shortened; see queries.csv)"
