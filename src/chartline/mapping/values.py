"""Cells -> values. In: a Series of cells that are all read the same way, and how. Out: values and problems.

A `Reading` is everything that decides what a cell means. Cells with equal readings, from whatever table, are
stacked and read at once (`apply.py`), so the cost is a few vector operations per reading and not per column.

A cell that does not fit its reading gives null and a problem code, never a guess. A cell that an answer has laid
over the source (`Kind.AMENDED`) is read in chartline's own words first (ISO date, canonical term, plain number).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl

from chartline.mapping.date_text import is_iso, read_dates
from chartline.mapping.model import DateOrder
from chartline.mapping.views import filled
from chartline.sources.base import Kind

_NUMBER = r"^(<=|>=|=<|=>|<|>|≤|≥|=)?\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(%)?$"
_PLAIN = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_OPERATORS = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">="}


@dataclass(frozen=True)
class Reading:
    """How cells are read. Equal readings are read together."""

    type: str  # text code flag date number integer
    missing: frozenset[str] = frozenset()  # small letters
    codes: tuple[tuple[str, str], ...] | None = None  # (word in small letters, term)
    terms: tuple[str, ...] | None = None  # the closed list of terms, where the variable has one
    extract: str | None = None
    extract_optional: bool = False
    lookup: tuple[str, str, str] | None = None  # table, key column, value column
    order: DateOrder = DateOrder.ISO
    partial: bool = True
    swap: bool = False
    decimal: str = "."
    percent: bool = False  # '5 %' is a number of per cent


@dataclass(frozen=True)
class Read:
    """What came out: same length as what went in. `problems` are (position, code)."""

    value: pl.Series
    op: pl.Series | None
    present: pl.Series
    problems: list[tuple[int, str]] = field(default_factory=list)


def read_cells(reading: Reading, text: pl.Series, kind: pl.Series | None, lookup: dict[str, str] | None = None) -> Read:
    """Read stacked cells. `kind` holds `Kind` letters, or is None where nothing is known of the cells."""
    # A word of the column's own code list is a value, even where the centre uses it elsewhere for "no value".
    missing = reading.missing - {w for w, _ in reading.codes or ()}
    text = text.to_frame("text").select(filled("text", missing))["text"]
    problem = pl.Series("problem", [None], dtype=pl.String).new_from_index(0, len(text))
    present = text.is_not_null()
    kind, amended = _special(kind)
    if kind is not None and (errors := (kind == Kind.ERROR).fill_null(False)).any():
        problem = problem.zip_with(~errors, pl.Series(["error_cell"]))
        text, present = text.set(errors, None), present | errors
    if lookup is not None:
        text, problem = _looked_up(text, problem, lookup)
    cell = text
    if reading.extract is not None:
        text, problem, present = _extracted(reading, text, problem, present)
    value, op, problem = _READERS[reading.type](reading, text, kind, problem)
    if kind is not None and amended:
        value, op, problem = _in_own_words(reading, cell, kind, value, op, problem)
    at = problem.is_not_null().arg_true()
    return Read(value, op, present, list(zip(at.to_list(), problem.gather(at).to_list(), strict=True)))


def _special(kind: pl.Series | None) -> tuple[pl.Series | None, bool]:
    """Return the kinds, or None where no cell is more than text; and whether any cell is amended."""
    if kind is None:
        return None, False
    cell = pl.col(kind.name)
    any_special, any_amended = (
        kind.to_frame()
        .select((cell != Kind.TEXT).any().alias("special"), (cell == Kind.AMENDED).any().alias("amended"))
        .row(0)
    )
    return (kind if any_special else None), any_amended


def _looked_up(text: pl.Series, problem: pl.Series, lookup: dict[str, str]) -> tuple[pl.Series, pl.Series]:
    found = text.replace_strict(list(lookup), list(lookup.values()), default=None, return_dtype=pl.String)
    return found, _mark(problem, text.is_not_null() & found.is_null(), "unknown_lookup")


def _extracted(
    reading: Reading, text: pl.Series, problem: pl.Series, present: pl.Series
) -> tuple[pl.Series, pl.Series, pl.Series]:
    assert reading.extract is not None
    part = text.str.extract(reading.extract, 1)
    part = part.str.strip_chars()
    if reading.extract_optional:
        return part, problem, part.is_not_null()
    return part, _mark(problem, text.is_not_null() & part.is_null(), "not_in_expected_form"), present


def _mark(problem: pl.Series, where: pl.Series, code: str) -> pl.Series:
    return problem.set(where & problem.is_null(), code) if where.any() else problem


def _read_text(
    reading: Reading, text: pl.Series, kind: pl.Series | None, problem: pl.Series
) -> tuple[pl.Series, pl.Series | None, pl.Series]:
    if reading.codes is not None:
        words, terms = zip(*reading.codes, strict=True) if reading.codes else ((), ())
        value = text.str.to_lowercase().replace_strict(list(words), list(terms), default=None, return_dtype=pl.String)
    elif reading.terms is not None:
        value = text.replace_strict(list(reading.terms), list(reading.terms), default=None, return_dtype=pl.String)
    else:
        return text, None, problem
    return value, None, _mark(problem, text.is_not_null() & value.is_null(), "value_not_in_code_list")


def _read_date(
    reading: Reading, text: pl.Series, kind: pl.Series | None, problem: pl.Series
) -> tuple[pl.Series, pl.Series | None, pl.Series]:
    cells = (kind == Kind.DATE).fill_null(False) if kind is not None else None
    if cells is None or not cells.any():
        value, why = read_dates(text, reading.order)
    else:
        day, month = text.str.slice(8, 2), text.str.slice(5, 2)
        true = text.str.slice(0, 4) + "-" + day + "-" + month if reading.swap else text.str.slice(0, 10)
        true, true_why = read_dates(true.set(~cells, None), DateOrder.ISO)
        value, why = read_dates(text.set(cells, None), reading.order)
        value, why = true.zip_with(cells, value), true_why.zip_with(cells, why)
    problem = problem.zip_with(problem.is_not_null(), why)
    if not reading.partial:
        short = (value.str.len_chars() < 10).fill_null(False)
        problem, value = _mark(problem, short, "partial_date"), value.set(short, None)
    return value, None, problem


def _read_number(
    reading: Reading, text: pl.Series, kind: pl.Series | None, problem: pl.Series
) -> tuple[pl.Series, pl.Series | None, pl.Series]:
    plain = _with_point(reading, text, kind)
    value = plain.set(~plain.str.contains(_PLAIN), None).cast(pl.Float64, strict=False)
    left = (text.is_not_null() & value.is_null()).arg_true()
    op = None
    if len(left):
        parts = plain.gather(left).str.extract_groups(_NUMBER).struct.unnest()
        allowed = parts["3"].is_null() | reading.percent
        number = parts["2"].set(~allowed, None).cast(pl.Float64, strict=False)
        sign = parts["1"].replace(_OPERATORS).replace({"=": None}).set(number.is_null(), None)
        value = value.scatter(left, number)
        op = pl.Series("op", [None], dtype=pl.String).new_from_index(0, len(text)).scatter(left, sign)
    value = value.set(value.is_infinite(), None)
    return value, op, _mark(problem, text.is_not_null() & value.is_null(), "not_a_number")


def _with_point(reading: Reading, text: pl.Series, kind: pl.Series | None) -> pl.Series:
    """Text under a decimal comma gets a point; a point in it makes it unreadable. Number cells are as they are."""
    if reading.decimal == ".":
        return text
    comma = text.set(text.str.contains(".", literal=True), "?").str.replace(",", ".", literal=True)
    if kind is None:
        return comma
    return text.zip_with((kind == Kind.NUMBER).fill_null(False), comma)


def _read_integer(
    reading: Reading, text: pl.Series, kind: pl.Series | None, problem: pl.Series
) -> tuple[pl.Series, pl.Series | None, pl.Series]:
    number, op, problem = _read_number(reading, text, kind, problem)
    bad = ((number != number.floor()) | (number.abs() >= 2.0**53)).fill_null(False)
    if op is not None:
        bad = bad | op.is_not_null()
    return number.set(bad, None).cast(pl.Int64), None, _mark(problem, bad, "not_an_integer")


_READERS = {
    "text": _read_text,
    "code": _read_text,
    "flag": _read_text,
    "date": _read_date,
    "number": _read_number,
    "integer": _read_integer,
}


def _in_own_words(
    reading: Reading, cell: pl.Series, kind: pl.Series, value: pl.Series, op: pl.Series | None, problem: pl.Series
) -> tuple[pl.Series, pl.Series | None, pl.Series]:
    """Re-read the amended cells (few) in chartline's own words; where that fails the source's words stand."""
    for i in (kind == Kind.AMENDED).fill_null(False).arg_true().to_list():
        text = cell[i]
        if text is None or (reading.extract and value[i] is not None):
            continue
        own, sign = own_words(reading, text)
        if own is None:
            continue
        value, problem = value.scatter(i, own), problem.scatter(i, None)
        if op is not None or sign is not None:
            op = op if op is not None else pl.Series("op", [None], dtype=pl.String).new_from_index(0, len(value))
            op = op.scatter(i, sign)
    return value, op, problem


def own_words(reading: Reading, text: str) -> tuple[str | float | int | None, str | None]:
    """Read one text in chartline's own words: (value or None, operator or None)."""
    if reading.type == "date":
        return (text if is_iso(text) and (reading.partial or len(text) == 10) else None), None
    if reading.type in ("number", "integer"):
        hit = re.match(_NUMBER, text)
        if not hit or (hit[3] and not reading.percent):
            return None, None
        number, sign = float(hit[2]), _OPERATORS.get(hit[1], hit[1]) if hit[1] != "=" else None
        if reading.type == "number":
            return number, sign
        return (int(number) if number.is_integer() and sign is None else None), None
    if reading.terms is None and reading.codes is None:
        return text, None
    known = [*(reading.terms or ()), *(t for _, t in reading.codes or ())]
    return next((t for t in known if t.lower() == text.lower()), None), None
