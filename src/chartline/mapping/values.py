"""Cells -> values. In: a Series of cells that are all read the same way, and how. Out: values and problems.

A `Reading` is everything that decides what a cell means. Cells with equal readings, from whatever table, are
stacked and read together (`stack.py`), and every distinct cell is read once, in plain Python: columns repeat
themselves, so a million cells are some thousand texts, and on a small column one vector operation costs more than
all its cells.

A cell that does not fit its reading gives null and a problem code, never a guess. A cell that an answer has laid
over the source (`Kind.AMENDED`) is read in chartline's own words first (ISO date, canonical term, plain number).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

import polars as pl

from chartline.mapping.date_text import is_iso, read_date
from chartline.mapping.lookups import Steps
from chartline.mapping.model import DateOrder
from chartline.sources.base import Kind

_NUMBER = re.compile(r"(<=|>=|=<|=>|<|>|≤|≥|=)?\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(%)?")
_END = r"([0-9]+\.?[0-9]*|\.[0-9]+)\s*(%)?"
_RANGE = re.compile(rf"{_END}\s*(?:-|–|\bto\b)\s*{_END}")
_OPERATORS = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">=", "=": None}
MANY = 20_000  # cells; from here on a join brings outcomes back to their cells faster than a dict does


@dataclass(frozen=True)
class Reading:
    """How cells are read. Equal readings are read together."""

    type: str  # text code flag date number integer
    missing: frozenset[str] = frozenset()  # small letters
    codes: tuple[tuple[str, str], ...] | None = None  # (word in small letters, term)
    terms: tuple[str, ...] | None = None  # the closed list of terms, where the variable has one
    extract: str | None = None
    extract_optional: bool = False
    lookup: Steps | None = None
    order: DateOrder = DateOrder.ISO
    partial: bool = True
    swap: bool = False
    decimal: str = "."
    percent: bool = False  # '5 %' is a number of per cent
    day_zero: dt.date | None = None  # the cell is a number of days after this day
    range: bool = False  # '5-10' is a range


@dataclass(frozen=True)
class Read:
    """What came out: same length as what went in. `problems` are (position, code)."""

    value: pl.Series
    op: pl.Series | None
    present: pl.Series
    problems: list[tuple[int, str]] = field(default_factory=list)
    high: pl.Series | None = None  # upper ends, where any cell is a range


class Outcome(NamedTuple):
    """What one cell gave."""

    value: str | float | int | None
    op: str | None = None
    problem: str | None = None
    present: bool = True
    high: float | None = None


_BLANK = Outcome(None, present=False)
_UNFIT = Outcome(None, problem="not_in_expected_form")
_DTYPES: dict[str, type[pl.DataType]] = {"number": pl.Float64, "integer": pl.Int64}
Key = tuple[str | None, str | None]  # text and kind of a cell


def read_cells(
    reading: Reading, text: pl.Series, kind: pl.Series | None, lookup: Mapping[str, str] | None = None
) -> Read:
    """Read stacked cells. `kind` holds `Kind` letters, or is None where nothing is known of the cells."""
    dtype = _DTYPES.get(reading.type, pl.String)
    if len(text) >= MANY:
        return _read_many(reading, text, kind, lookup, dtype)
    texts = text.to_list()
    keys: list[Key] = list(zip(texts, [None] * len(texts) if kind is None else kind.to_list(), strict=True))
    known = read_distinct(reading, set(keys), lookup)
    outcomes = [known[k] for k in keys]
    ops = [o.op for o in outcomes]
    return Read(
        pl.Series("value", [o.value for o in outcomes], dtype=dtype),
        pl.Series("op", ops, dtype=pl.String) if any(ops) else None,
        pl.Series("present", [o.present for o in outcomes], dtype=pl.Boolean),
        [(i, o.problem) for i, o in enumerate(outcomes) if o.problem is not None],
        _any([o.high for o in outcomes]) if reading.range else None,
    )


def _any(high: list[float | None]) -> pl.Series | None:
    return pl.Series("high", high, dtype=pl.Float64) if any(h is not None for h in high) else None


def _read_many(
    reading: Reading,
    text: pl.Series,
    kind: pl.Series | None,
    lookup: Mapping[str, str] | None,
    dtype: type[pl.DataType],
) -> Read:
    """Read the distinct cells and join what they gave to all; or all, where few are alike."""
    unknown = pl.Series([None], dtype=pl.String)
    cells = pl.DataFrame({"text": text, "kind": unknown.new_from_index(0, len(text)) if kind is None else kind})
    distinct: int = cells.select(pl.col("text").approx_n_unique()).item()
    if 2 * distinct < len(text):
        outcomes = _outcomes(reading, cells.unique(), lookup, dtype)
        outcomes = cells.join(outcomes, on=["text", "kind"], how="left", maintain_order="left", nulls_equal=True)
    else:
        outcomes = _outcomes(reading, cells, lookup, dtype)
    at = outcomes["problem"].is_not_null().arg_true()
    problems = list(zip(at.to_list(), outcomes["problem"].gather(at).to_list(), strict=True))
    op, high = outcomes["op"], outcomes["high"] if reading.range else None
    return Read(
        outcomes["value"],
        op if op.null_count() < len(op) else None,
        outcomes["present"],
        problems,
        high if high is not None and high.null_count() < len(high) else None,
    )


def _outcomes(
    reading: Reading, cells: pl.DataFrame, lookup: Mapping[str, str] | None, dtype: type[pl.DataType]
) -> pl.DataFrame:
    """Return the cells with value, op, problem and present; plain ones are read as a column, others one by one."""
    value = cells.select(pl.when(_UNMARKED).then(_plain(reading, lookup)).cast(dtype).alias("value")).to_series()
    at = value.is_null().arg_true()
    others = cells[at]
    if reading.type == "date":
        others = others.with_columns(pl.when(_UNMARKED).then(_DATE_ONLY).otherwise("text").alias("text"))
    known = read_distinct(reading, others.unique().iter_rows(), lookup)
    table = pl.DataFrame(
        [(*key, *outcome) for key, outcome in known.items()],
        schema={
            **{"text": pl.String, "kind": pl.String},
            **{"value": dtype, "op": pl.String, "problem": pl.String, "present": pl.Boolean},
            "high": pl.Float64,
        },
        orient="row",
    )
    read = others.join(table, on=["text", "kind"], how="left", maintain_order="left", nulls_equal=True)
    blank = pl.Series([None], dtype=pl.String).new_from_index(0, cells.height)
    ends = [pl.Series("high", [None], dtype=pl.Float64).new_from_index(0, cells.height).scatter(at, read["high"])]
    return cells.hstack(
        [
            *(ends if reading.range else []),
            value.scatter(at, read["value"]),
            blank.alias("op").scatter(at, read["op"]),
            blank.alias("problem").scatter(at, read["problem"]),
            pl.Series("present", [True]).new_from_index(0, cells.height).scatter(at, read["present"]),
        ]
    )


_UNMARKED = pl.col("kind").is_null() | pl.col("kind").is_in([Kind.TEXT, Kind.NUMBER])
_TIMED = r"^([0-9./-]+)[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?$"
_DATE_ONLY = pl.coalesce(pl.col("text").str.extract(_TIMED, 1), "text")  # days repeat themselves, moments do not


def _plain(reading: Reading, lookup: Mapping[str, str] | None) -> pl.Expr:
    """Text without a list of terms, and numbers of digits and a point; null where `read_distinct` is needed."""
    text = pl.col("text").str.strip_chars()
    text = pl.when((text != "") & ~text.str.to_lowercase().is_in(list(reading.missing))).then(text)
    if lookup is not None:
        text = text.replace_strict(list(lookup), list(lookup.values()), default=None, return_dtype=pl.String)
    if reading.extract is not None:
        text = text.str.extract(reading.extract, 1).str.strip_chars()
    if reading.type == "number" and reading.codes is not None:
        return pl.lit(None, pl.Float64)
    if reading.type == "number" and reading.decimal == ".":
        digits = text.str.contains(r"^-?[0-9]{1,15}(?:\.[0-9]{0,15})?$")
        return pl.when(digits).then(text.cast(pl.Float64, strict=False))
    free = reading.type in ("text", "code", "flag") and reading.codes is None and reading.terms is None
    return text if free else pl.lit(None, pl.String)


def read_distinct(reading: Reading, keys: Iterable[Key], lookup: Mapping[str, str] | None = None) -> dict[Key, Outcome]:
    """Return what each (text, kind) gives; null text gives a blank."""
    # A word of the column's own code list is a value, even where the centre uses it elsewhere for "no value".
    missing = reading.missing - {w for w, _ in reading.codes or ()}
    read = _of_type(reading)
    present = reading.extract is None or not reading.extract_optional
    out: dict[Key, Outcome] = {}
    cells: list[tuple[Key, str]] = []  # with their trimmed text
    for key in keys:
        text = trimmed(key[0], missing)
        if key[1] == Kind.ERROR:
            out[key] = Outcome(None, None, "error_cell", present)
        elif text is None:
            out[key] = _BLANK
        elif lookup is not None and text not in lookup:
            out[key] = Outcome(None, None, "unknown_lookup", present)
        else:
            cells.append((key, text if lookup is None else lookup[text]))
    parts = _parts(reading, [text for _, text in cells])
    for (key, text), part in zip(cells, parts, strict=True):
        nothing = _UNFIT if present else _BLANK
        outcome = nothing if part is None else read(part, key[1])
        if key[1] == Kind.AMENDED and (reading.extract is None or outcome.value is None):
            outcome = _in_own_words(reading, text, outcome)
        out[key] = outcome
    return out


def trimmed(text: str | None, missing: Iterable[str]) -> str | None:
    """Return text without the blanks around it; None where nothing is left or it is a word of `missing`."""
    text = text.strip() if text else ""
    return None if not text or text.lower() in missing else text


def _parts(reading: Reading, texts: list[str]) -> list[str | None]:
    """Return the part of each text that is the value, by the mapping's own pattern where it has one."""
    if reading.extract is None or not texts:
        return list(texts)
    parts = pl.Series(texts, dtype=pl.String).str.extract(reading.extract, 1).to_list()
    return [None if part is None else part.strip() for part in parts]


def _of_type(reading: Reading) -> Callable[[str, str | None], Outcome]:
    """Return the function that reads one trimmed text, of a cell of some kind."""
    if reading.day_zero is not None:
        day_zero = reading.day_zero
        return lambda text, kind: _read_days(reading, day_zero, text, kind)
    if reading.type == "date":
        return lambda text, kind: _read_date(reading, text, kind)
    if reading.type == "number":
        said = {word: number_or_range(term, percent=True, ranges=reading.range) for word, term in reading.codes or ()}
        return lambda text, kind: said.get(text.lower()) or _read_number(reading, text, kind)
    if reading.type == "integer":
        return lambda text, kind: _read_integer(reading, text, kind)
    if reading.codes is not None:
        words = dict(reading.codes)
        return lambda text, kind: _listed(words.get(text.lower()))
    if reading.terms is not None:
        terms = {t: t for t in reading.terms}
        return lambda text, kind: _listed(terms.get(text))
    return lambda text, kind: Outcome(text)


def _listed(term: str | None) -> Outcome:
    return Outcome(term, problem="value_not_in_code_list" if term is None else None)


def _read_date(reading: Reading, text: str, kind: str | None) -> Outcome:
    if kind == Kind.DATE:
        true = f"{text[:4]}-{text[8:10]}-{text[5:7]}" if reading.swap else text[:10]
        value, problem = read_date(true, DateOrder.ISO)
    else:
        value, problem = read_date(text, reading.order)
    if value is not None and len(value) < 10 and not reading.partial:
        return Outcome(None, problem="partial_date")
    return Outcome(value, problem=problem)


def _read_days(reading: Reading, day_zero: dt.date, text: str, kind: str | None) -> Outcome:
    """A whole number of days, added to the day that stands for the event they are counted from."""
    days = _read_integer(reading, text, kind)
    if days.problem is not None:
        return Outcome(None, problem="not_a_number_of_days")
    assert isinstance(days.value, int)
    try:
        return Outcome((day_zero + dt.timedelta(days=days.value)).isoformat())
    except OverflowError:
        return Outcome(None, problem="not_a_number_of_days")


def number_or_range(text: str, *, percent: bool, ranges: bool) -> Outcome:
    """Read a number ("5"), a bound ("<0.01") or, where `ranges`, a range ("5-10", "5 to 10 %") with a decimal point.

    A range that does not ascend is none; `percent` allows the sign of per cent.
    """
    found = _NUMBER.fullmatch(text)
    if found and (percent or not found[3]):
        value, op = float(found[2]), _OPERATORS.get(found[1], found[1])
        return Outcome(value, op) if isfinite(value) else Outcome(None, op, "not_a_number")
    ends = _RANGE.fullmatch(text) if ranges else None
    if ends and (percent or not (ends[2] or ends[4])) and float(ends[1]) < float(ends[3]):
        return Outcome(float(ends[1]), ">=", high=float(ends[3]))
    return Outcome(None, problem="not_a_number")


def _read_number(reading: Reading, text: str, kind: str | None) -> Outcome:
    return number_or_range(
        _with_point(reading, text, kind), percent=reading.percent, ranges=reading.range and kind != Kind.DATE
    )


def _with_point(reading: Reading, text: str, kind: str | None) -> str:
    """Text under a decimal comma gets a point; a point in it makes it unreadable. Number cells are as they are."""
    if reading.decimal == "." or kind == Kind.NUMBER:
        return text
    return "?" if "." in text else text.replace(",", ".", 2 if reading.range else 1)


def _read_integer(reading: Reading, text: str, kind: str | None) -> Outcome:
    number, op, problem, *_ = _read_number(reading, text, kind)
    if number is None:
        return Outcome(None, problem=problem)
    whole = float(number)
    if op is not None or not whole.is_integer() or abs(whole) >= 2.0**53:
        return Outcome(None, problem="not_an_integer")
    return Outcome(int(whole))


def _in_own_words(reading: Reading, text: str, outcome: Outcome) -> Outcome:
    """Re-read an amended cell in chartline's own words; where that fails the source's words stand.

    Where days are counted, a calendar date means nothing: the answer is a number of days like the cell.
    """
    if reading.day_zero is not None:
        return outcome
    own = own_words(reading, text)
    return outcome if own.value is None else own._replace(present=outcome.present)


def own_words(reading: Reading, text: str) -> Outcome:
    """Read one text in chartline's own words; without a value where it is none of them."""
    if reading.type == "date":
        return Outcome(text if is_iso(text) and (reading.partial or len(text) == 10) else None)
    if reading.type == "number":
        return number_or_range(text, percent=reading.percent, ranges=reading.range)
    if reading.type == "integer":
        number, sign, *_ = number_or_range(text, percent=reading.percent, ranges=False)
        return Outcome(int(number) if number is not None and float(number).is_integer() and sign is None else None)
    if reading.terms is None and reading.codes is None:
        return Outcome(text)
    known = [*(reading.terms or ()), *(t for _, t in reading.codes or ())]
    return Outcome(next((t for t in known if t.lower() == text.lower()), None))
