"""The forms of a synthetic centre as two kinds of workbook and as a REDCap export, each with its signed mapping."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

from chartline.capture.model import Capture, Form, Item
from chartline.capture.reading import (
    FIRST_ROW,
    HEADER_ROW,
    OTHER_CODE,
    SUBJECT,
    choice_codes,
    other_name,
    redcap_mapping,
    workbook_mapping,
)
from chartline.capture.redcap import dictionary_text
from chartline.capture.workbook import sheet_names
from chartline.simulate.charts.draw import NUMBER, Filled
from chartline.simulate.charts.patients import Row

Declared = dict[str, Any]
_CREATED = dt.datetime(2026, 1, 1)  # the same seed gives the same bytes
RECORDS, DICTIONARY = "records.csv", "dictionary.csv"


def base_mapping(capture: Capture, centre: str, label: str, version: str, day: dt.date) -> Declared:
    """Return the mapping that reads the headings and labels of the forms, for shapes that keep them."""
    return workbook_mapping(capture, centre, label, "book.xlsx", sheet_names(capture), day, version, {})


def shown(item: Item, value: Any) -> Any:
    """Return what a person writes for a value: the label of an answer, an ISO date, a number as it is."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return next((c.label for c in item.choices if c.term == value), value)


def write_book(capture: Capture, filled: Filled, folder: Path, declared: Declared) -> Declared:
    """One workbook, a sheet a form, laid out as the capture template."""
    sheets = sheet_names(capture)
    _workbook(folder / "charts.xlsx", {sheets[f.name]: _grid(f, filled[f.name]) for f in capture.forms}, HEADER_ROW)
    read = {s: {"header_row": HEADER_ROW, "first_row": FIRST_ROW} for s in sheets.values()}
    return declared | {"sources": [{"kind": "xlsx", "path": "charts.xlsx", "sheets": read}]}


def write_books(capture: Capture, filled: Filled, folder: Path, declared: Declared) -> Declared:
    """A workbook a form, with headings in the first row."""
    sources = []
    for form in capture.forms:
        sheet = sheet_names(capture)[form.name]
        _workbook(folder / f"{form.name}.xlsx", {sheet: _grid(form, filled[form.name])}, 1)
        sources.append(
            {"kind": "xlsx", "path": f"{form.name}.xlsx", "sheets": {sheet: {"header_row": 1, "first_row": 2}}}
        )
    return declared | {"sources": sources}


def _grid(form: Form, rows: list[Row]) -> list[list[Any]]:
    head = [*([] if form.of_centre else [SUBJECT]), *(i.heading for i in form.items)]
    out: list[list[Any]] = [head]
    for row in rows:
        cells = [shown(i, row.get(i.name)) for i in form.items]
        out.append(cells if form.of_centre else [row[NUMBER], *cells])
    return out


def _workbook(file: Path, sheets: dict[str, list[list[Any]]], header_row: int) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(file), {"strings_to_formulas": False, "strings_to_numbers": False}) as book:
        book.set_properties({"created": _CREATED})
        for name, grid in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(grid, header_row - 1):
                sheet.write_row(at, 0, row)


def write_redcap(capture: Capture, filled: Filled, folder: Path, label: str, centre: str, version: str,
                 day: dt.date) -> Declared:  # fmt: skip
    """A raw export of the REDCap project that the protocol's dictionary makes, and the dictionary."""
    (folder / DICTIONARY).write_text(dictionary_text(capture), encoding="utf-8")
    (folder / RECORDS).write_text(_records(capture, filled), encoding="utf-8")
    return redcap_mapping(capture, centre, label, RECORDS, DICTIONARY, day, version)


def _records(capture: Capture, filled: Filled) -> str:
    fields = [n for f in capture.forms for i in f.items for n in (i.name, *([other_name(i)] if i.other else []))]
    once: dict[str, Row] = {}
    repeated = []
    times: Counter[tuple[str, str]] = Counter()
    for form in capture.forms:
        for row in filled[form.name]:
            record = str(row.get(NUMBER, "1"))
            codes = {k: v for n, value in row.items() if n != NUMBER for k, v in _coded(form.item(n), value).items()}
            if not form.repeats:
                once.setdefault(record, {"record_id": record}).update(codes)
                continue
            times[record, form.name] += 1
            instance = {"redcap_repeat_instrument": form.name, "redcap_repeat_instance": times[record, form.name]}
            repeated.append({"record_id": record, **instance, **codes})
    out = StringIO()
    keys = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
    complete = [f"{f.name}_complete" for f in capture.forms]
    writer = csv.DictWriter(out, [*keys, *fields, *complete], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows([*once.values(), *repeated])
    return out.getvalue()


def _coded(item: Item, value: Any) -> Row:
    if item.type != "choice":
        return {item.name: value.isoformat() if isinstance(value, dt.date) else value}
    code = choice_codes(item).get(str(value))
    return {item.name: code} if code is not None else {item.name: OTHER_CODE, other_name(item): value}
