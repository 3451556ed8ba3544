"""The workbook for centres that have not begun: one sheet a form, instructions, code book, drop-down lists.

In: a `Capture`. Out: an xlsx file without any example, formula or macro: what comes from a protocol is written as text
whatever it begins with. Headings are locked (without a password, as a guard against slips, not against people); the
cells below them are free.

Dates are text cells: a spreadsheet that is given 2021-03 or 03/04/2021 in a date cell makes a day of it by its own
lights, and what was written is lost. A text cell keeps it, and is checked for the form yyyy-mm-dd.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from chartline.capture.cell_rules import item_rule, range_words, stop
from chartline.capture.model import Capture, Form, Item
from chartline.capture.reading import FIRST_ROW, HEADER_ROW, SUBJECT

INSTRUCTIONS, CODEBOOK, LISTS = "Instructions", "Code book", "Lists"
LEFT = {
    INSTRUCTIONS: "what the centre was told",
    CODEBOOK: "what each column is",
    LISTS: "the answers of the drop-down lists",
}
PATIENTS = 2000  # rows of a form with one row a patient that are checked
ROWS = 20000  # rows of other forms
_BLANK_ROWS = 25  # rows with borders, so that an empty sheet prints as a form
_FIXED_DAY = dt.datetime(2000, 1, 1)  # a creation date that does not differ between two runs
_LINE = 150  # characters of a rule that go into one line, whatever the program's letters
_PAGE = 150.0  # characters on a page of A4 across, at the size that is still read with ease
_DARK, _LIGHT, _NEED = "#1F3A4D", "#D5E6DC", "#FFE8C2"


def sheet_names(capture: Capture) -> dict[str, str]:
    """Return form -> name of its sheet: at most 31 characters, none that a spreadsheet refuses, each once."""
    out: dict[str, str] = {}
    taken = {name.lower() for name in LEFT} | {"history"}  # Excel keeps "History" for itself
    for form in capture.forms:
        name = own = re.sub(r"[\[\]:*?/\\']+", " ", form.label).strip()[:31].strip() or "Form"
        n = 2
        while own.lower() in taken:
            own, n = f"{name[:28].strip()} {n}", n + 1
        taken.add(own.lower())
        out[form.name] = own
    return out


def write_workbook(capture: Capture, to: Path | BinaryIO, centre: str) -> None:
    """Write the workbook of one centre. Same capture and centre, same bytes."""
    import xlsxwriter

    literal = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(to) if isinstance(to, Path) else to, {**literal, "in_memory": True}) as book:
        book.set_properties({"title": f"Data capture, {capture.study}, centre {centre}", "created": _FIXED_DAY})
        _Writer(book, capture, centre).write()


class _Writer:
    def __init__(self, book: Any, capture: Capture, centre: str) -> None:
        self.book, self.capture, self.centre = book, capture, centre
        self.sheets = sheet_names(capture)
        thin = {"border": 1, "border_color": "#C9D3DA"}
        edge = {"border": 1, "border_color": "#B9C4CC"}  # other than a column's, or LibreOffice prints no blank row
        wrapped = {"text_wrap": True, "valign": "top", "font_size": 10}
        heading = {"bold": True, "text_wrap": True, "valign": "vcenter", "font_size": 10, **thin}
        self.formats = {
            "title": book.add_format({"bold": True, "font_size": 16, "font_color": _DARK}),
            "heading": book.add_format({"bold": True, "font_size": 12, "font_color": _DARK}),
            "text": book.add_format({"text_wrap": True, "valign": "top", "font_size": 11}),
            "hint": book.add_format({"italic": True, "font_size": 10, "font_color": "#444444", "valign": "vcenter"}),
            "cell": book.add_format({**wrapped, **thin}),
            "column": book.add_format({**heading, "bg_color": _LIGHT, "font_color": _DARK}),
            "needed": book.add_format({**heading, "bg_color": _NEED, "font_color": _DARK}),
            "table": book.add_format({**heading, "bg_color": _DARK, "font_color": "#FFFFFF"}),
            "free": book.add_format({"locked": False, "font_size": 10, **thin}),
            "row": book.add_format({"locked": False, "font_size": 10, **edge}),
            "row_text": book.add_format({"locked": False, "font_size": 10, "num_format": "@", **edge}),
            "free_text": book.add_format({"locked": False, "font_size": 10, "num_format": "@", **thin}),
        }
        self.lists: dict[tuple[str, ...], str] = {}  # labels -> the cells that hold them

    def write(self) -> None:
        instructions = self.book.add_worksheet(INSTRUCTIONS)
        forms = {form.name: self.book.add_worksheet(self.sheets[form.name]) for form in self.capture.forms}
        codebook, lists = self.book.add_worksheet(CODEBOOK), self.book.add_worksheet(LISTS)
        self._lists(lists)
        self._instructions(instructions)
        for form in self.capture.forms:
            self._form(forms[form.name], form)
        self._codebook(codebook)
        instructions.activate()

    # the forms ---------------------------------------------------------------------------------------------------

    def _form(self, sheet: Any, form: Form) -> None:
        rows = ROWS if form.repeats else PATIENTS
        sheet.write_string(
            0, 0, f"One row for {form.each}. {form.when}. Headings with * must be filled.", self.formats["hint"]
        )
        columns: list[Item | None] = [*([] if form.of_centre else [None]), *form.items]
        widths = [_width(item) for item in columns]
        for column, item in enumerate(columns):
            text = SUBJECT if item is None else item.heading
            needed = item is None or item.required
            sheet.write_string(
                HEADER_ROW - 1, column, text.replace(" *", "\u00a0*"), self.formats["needed" if needed else "column"]
            )
            body = self.formats["free_text" if _as_text(item) else "free"]
            sheet.set_column(column, column, widths[column], body)
            if column:
                sheet.write_blank(0, column, None, self.formats["hint"])
            blank = self.formats["row_text" if _as_text(item) else "row"]
            for row in range(FIRST_ROW - 1, FIRST_ROW - 1 + _BLANK_ROWS):
                sheet.write_blank(row, column, None, blank)
            rule = self._subject_rule(form, column) if item is None else self._item_rule(item, column)
            sheet.data_validation(FIRST_ROW - 1, column, FIRST_ROW - 2 + rows, column, rule)
        headings = [SUBJECT if i is None else i.heading for i in columns]
        sheet.set_row(HEADER_ROW - 1, _height(headings, widths))
        sheet.freeze_panes(FIRST_ROW - 1, 0 if form.of_centre else 1)
        sheet.protect("", {"format_columns": True, "format_rows": True, "sort": True, "autofilter": True})
        self._print(sheet, sum(widths))

    def _subject_rule(self, form: Form, column: int) -> dict[str, Any]:
        first = _cell(FIRST_ROW, column)
        said = {
            "input_title": SUBJECT,
            "input_message": "The number of the patient in this study: 1, 2, 3 ... No name and no hospital number.",
        }
        if self.capture.forms[0] is form:
            column_cells = f"{_cell(FIRST_ROW, column, True)}:{_cell(FIRST_ROW + PATIENTS - 1, column, True)}"
            once = f'=AND(COUNTIF({column_cells},{first})=1,ISERROR(FIND(" ",{first})))'
            message = "Each patient has one row on this sheet, and a number without blanks."
            return {"validate": "custom", "value": once, **said, **stop("Patient number", message)}
        home = self.sheets[self.capture.forms[0].name]
        source = f"='{home}'!$A${FIRST_ROW}:$A${FIRST_ROW + PATIENTS - 1}"
        return {
            "validate": "list",
            "source": source,
            **said,
            **stop("Patient number", f"Enter the patient on the sheet {home} first."),
        }

    def _item_rule(self, item: Item, column: int) -> dict[str, Any]:
        answers = self.lists.get(tuple(c.label for c in item.choices), "")
        return item_rule(item, _cell(FIRST_ROW, column), answers, self.capture.last_day)

    def _print(self, sheet: Any, width: float) -> None:
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(math.ceil(width / _PAGE), 0)
        sheet.repeat_rows(0, HEADER_ROW - 1)
        sheet.repeat_columns(0)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        study, centre = (t.replace("&", "&&")[:60] for t in (self.capture.study, self.centre))
        sheet.set_footer(f"&L{study}, centre {centre}&C&A&RPage &P of &N")

    # the other sheets --------------------------------------------------------------------------------------------

    def _lists(self, sheet: Any) -> None:
        wanted = dict.fromkeys(
            tuple(c.label for c in i.choices) for f in self.capture.forms for i in f.items if i.choices
        )
        for column, labels in enumerate(wanted):
            for row, label in enumerate(labels):
                sheet.write_string(row, column, label)
            first, last = _cell(1, column, True), _cell(len(labels), column, True)
            self.lists[labels] = f"='{LISTS}'!{first}:{last}"
        sheet.protect()
        sheet.hide()

    def _instructions(self, sheet: Any) -> None:
        sheet.hide_gridlines(2)
        sheet.set_column(0, 0, 2)
        for column, width in enumerate((24, 52, 60), 1):
            sheet.set_column(column, column, width)
        sheet.write_string(1, 1, "Data capture", self.formats["title"])
        sheet.write_string(2, 1, f"Study {self.capture.study}: {self.capture.title}", self.formats["heading"])
        sheet.write_string(3, 1, f"Centre {self.centre}", self.formats["heading"])
        row = 5
        for sentence in _rules(self.capture):
            sheet.merge_range(row, 1, row, 3, "", self.formats["text"])
            sheet.write_string(row, 1, sentence, self.formats["text"])
            sheet.set_row(row, 15.0 * math.ceil(len(sentence) / _LINE) + 3)
            row += 1
        row += 1
        for column, text in enumerate(("Sheet", "One row for", "When"), 1):
            sheet.write_string(row, column, text, self.formats["table"])
        for form in self.capture.forms:
            row += 1
            texts = (self.sheets[form.name], form.each, form.when)
            for column, text in enumerate(texts, 1):
                sheet.write_string(row, column, text, self.formats["cell"])
            sheet.set_row(row, 14.0 * max(math.ceil(len(t) / w) for t, w in zip(texts, (24, 52, 60), strict=True)) + 3)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.protect()

    def _codebook(self, sheet: Any) -> None:
        columns = (
            ("Sheet", 17),
            ("Column", 32),
            ("Needed", 8),
            ("What is entered", 26),
            ("Allowed", 38),
            ("Explanation", 40),
            ("Why it is asked", 46),
            ("Read as", 20),
        )
        for column, (title, width) in enumerate(columns):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, title, self.formats["table"])
        row = 0
        for form in self.capture.forms:
            read = {name: f"{r.domain}.{v}" for r in form.records for v, name in r.items.items()}
            for item in form.items:
                row += 1
                texts = (
                    self.sheets[form.name],
                    item.heading,
                    "yes" if item.required else "",
                    _kind(item),
                    _allowed(item),
                    item.help,
                    "\n".join(_few(item.why)),
                    read.get(item.name, "unit"),
                )
                for column, text in enumerate(texts):
                    sheet.write_string(row, column, text, self.formats["cell"])
                sheet.set_row(row, _height(texts, [w for _, w in columns], 1.0))
        sheet.freeze_panes(1, 2)
        self._print(sheet, _PAGE)
        sheet.repeat_rows(0)
        sheet.protect("", {"format_columns": True, "format_rows": True, "autofilter": True})
        sheet.autofilter(0, 0, row, len(columns) - 1)


def _rules(capture: Capture) -> list[str]:
    """What the centre is told, in the order in which it meets it."""
    first = sheet_names(capture)[capture.forms[0].name]
    last = f" No date may lie after {capture.last_day}, the last day of the study." if capture.last_day else ""
    return [
        f"1. Give each patient a number of this study (1, 2, 3 ...) and enter it on the sheet {first} first. On every "
        "other sheet choose it from the list. Keep the list of numbers and names at your hospital: never enter a name, "
        "an initial, a hospital number, an address or a telephone number anywhere.",
        "2. Enter what the chart says. What it does not say stays blank: a blank is honest, a guess is not. Do not "
        "write 'NA', 'unknown' or '-'.",
        "3. Dates are written year-month-day: 2021-03-05. Where the hint of the cell allows it, a month (2021-03) or a "
        f"year (2021) is enough; never make up a day.{last}",
        "4. Where a cell has a list, choose from it. Some lists take other words too; the workbook then asks whether "
        "you mean it.",
        "5. A number stands without its unit, which is in the heading or beside it. Copy value and unit as the "
        "laboratory printed them; do not convert.",
        "6. Headings with * must be filled. Click on a cell to read what is meant; the sheet 'Code book' explains "
        "every column and says why it is asked.",
        "7. You may add rows, sort them, and leave sheets empty. Do not rename sheets or headings, nor add columns, "
        "colours or comments: nobody reads them.",
        "8. Save the workbook as .xlsx and send it back. You will get questions about single cells, never about the "
        "whole sheet.",
    ]


def _kind(item: Item) -> str:
    words = {"date": "date", "number": "number", "integer": "whole number", "text": "text", "choice": "list"}
    return words[item.type] + (", or other words" if item.other else "") + (f", {item.unit}" if item.unit else "")


def _allowed(item: Item) -> str:
    if item.choices:
        return "\n".join(f"{c.label}" for c in item.choices)
    if item.type == "date":
        return "yyyy-mm-dd, yyyy-mm or yyyy" if item.partial else "yyyy-mm-dd"
    words = range_words(item).strip()
    return words + ("; <5, 5 to 10" if item.bounds else "")


def _few(why: tuple[str, ...], most: int = 4) -> list[str]:
    return [*why[:most], f"and {len(why) - most} more"] if len(why) > most + 1 else list(why)


def _as_text(item: Item | None) -> bool:
    return item is None or item.type in ("date", "text", "choice")


def _width(item: Item | None) -> float:
    if item is None:
        return 9
    widest = max((len(c.label) for c in item.choices), default=0)
    base = {"date": 11, "number": 9, "integer": 8, "text": 24, "choice": min(max(8, widest + 2), 28)}[item.type]
    word = max(len(w) for w in item.heading.split())
    return float(max(base, min(word + 1, 22), math.ceil(len(item.heading) / 4)))


def _height(texts: Sequence[str], widths: Sequence[float], room: float = 1.25) -> float:
    """Points that show every wrapped line: not every program measures it by itself."""
    lines = (
        sum(max(1, math.ceil(room * len(line) / width)) for line in text.split("\n"))
        for text, width in zip(texts, widths, strict=True)
    )
    return min(409.0, 6 + 13.5 * max(lines))


def _cell(row: int, column: int, fixed: bool = False) -> str:
    letters, index = "", column + 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return f"${letters}${row}" if fixed else f"{letters}{row}"
