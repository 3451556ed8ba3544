"""From patients at rest (Parquet files, a lazy Polars query) to EventColumns, in one pass over the columns needed.

In: one row a subject (or a part of its time): whole days of exit and entry, a status, categories and numbers. Out:
columns counted by pattern, day and status, where that is less than the subjects; else a row a subject. Polars decodes
the columns on all its threads, a category becomes the number of its level on the way, and the rest is one `bincount`
of a packed key, so that 10^6 subjects cost milliseconds and 10^7 a byte or four a column each.

Nothing is dropped, rounded or guessed: a missing value, a part of a day, a negative time is refused, with the column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from chartline.counts.columns import EventColumns, Factor, Floats, Ints
from chartline.errors import StudyError

ROOM = 8  # cells of the table of counts that each subject may cost
MOST_CELLS = 1 << 24
_COMPARED = 12  # levels up to which comparing is faster than looking up
_SAMPLE = 4096  # first rows, whose levels are tried for all
_FEW = 256  # distinct numbers up to which a number is a pattern's
_WHOLE = "whole days, or a status 0, 1, .."
_PIECE = 1 << 15  # rows packed in one piece
_BLOCK = 1 << 20  # rows counted in one piece


class ScanError(StudyError):
    """A column of subjects is absent, has missing values, or is not of its kind."""

    code = "scan"


def scan_episodes(
    source: str | Path | Sequence[str | Path] | pl.LazyFrame,
    *,
    time: str,
    event: str,
    entry: str | None = None,
    group: str | None = None,
    strata: Sequence[str] = (),
    covariates: Mapping[str, str] | Sequence[str] = (),
    causes: Sequence[str] | None = None,
) -> EventColumns:
    """Return the subjects of `source` (Parquet files, or a pattern such as "part-*.parquet") as columns.

    `time` and `entry` are whole days from 0; `event` is 0 or false for censored, k for cause k. `group`, `strata`
    (crossed) and texts or truth values among the `covariates` are categories, numbers stay numbers unless a mapping
    says "category". Raises `ScanError` for what cannot be read without a guess.
    """
    lazy = source if isinstance(source, pl.LazyFrame) else _scanned(source)
    kinds = _kinds(lazy.collect_schema(), time, event, entry, group, strata, covariates)
    columns = _read(lazy, kinds)
    days, start = _days(columns[time], time), None if entry is None else _days(columns[entry], entry)
    status = _whole(columns[event], event)
    highest = int(status.max(initial=0))
    names = tuple(causes) if causes else _causes(highest)
    if highest > len(names):
        raise ScanError(f"{event} is {highest} somewhere, and there are {len(names)} causes: {', '.join(names)}")
    by = None if group is None else columns[group]
    stratum = _crossed([columns[name] for name in strata]) if strata else None
    of = {name: _few(columns[name], name) if kinds[name] == "number" else columns[name] for name in covariates}
    return _assembled(days, status, names, start, by, stratum, of)


def _assembled(
    days: Ints, status: Ints, causes: tuple[str, ...], start: Ints | None, by: Factor | None, stratum: Factor | None,
    covariates: Mapping[str, Factor | _Few | Floats],
) -> EventColumns:  # fmt: skip
    """Counted by pattern, or a row a subject where a covariate is continuous."""
    own = {name: value for name, value in covariates.items() if isinstance(value, np.ndarray)}
    pattern, values = _patterns({n: v for n, v in covariates.items() if not isinstance(v, np.ndarray)})
    if own:
        of = {name: own[name] if name in own else values[name] for name in covariates}
        return EventColumns(days, status, _ones(days.size), causes, start, by, stratum, pattern, of, frozenset(own))
    keys = [days, status, start, *(f.codes if f else None for f in (by, stratum)), pattern]
    (exits, ends, entries, group_at, stratum_at, at), count = _counted(keys, days.size)
    assert exits is not None and ends is not None
    groups, strata = _refilled(by, group_at), _refilled(stratum, stratum_at)
    return EventColumns(exits, ends, count, causes, entries, groups, strata, at, values)


def _ones(n: int) -> Ints:
    """A count of one for each row, in the memory of one."""
    return np.broadcast_to(np.int64(1), (n,))


def _scanned(source: str | Path | Sequence[str | Path]) -> pl.LazyFrame:
    pattern = isinstance(source, str | Path) and not Path(source).exists()  # a file may be called like a pattern
    return pl.scan_parquet(source, glob=pattern)  # type: ignore[arg-type]


def _kinds(
    schema: pl.Schema, time: str, event: str, entry: str | None, group: str | None, strata: Sequence[str],
    covariates: Mapping[str, str] | Sequence[str],
) -> dict[str, str]:  # fmt: skip
    """What each column is: "number" (as it stands) or "category"."""
    plain = [n for n in (time, event, entry) if n is not None]
    categories = [*([group] if group is not None else []), *strata]
    absent = sorted({*plain, *categories, *covariates} - set(schema))
    if absent:
        raise ScanError(f"there is no column {', '.join(absent)}", expected=f"one of {', '.join(schema)}")
    kinds = {name: "plain" for name in plain} | {name: "category" for name in categories}
    for name in covariates:
        declared = covariates[name] if isinstance(covariates, Mapping) else None
        found = "number" if schema[name].is_numeric() else "category"
        if declared == "number" and found == "category":
            raise ScanError(f"the covariate {name} is not a number but {schema[name]}", do="declare it a category")
        if kinds.setdefault(name, declared or found) == "plain":
            raise ScanError(f"{name} cannot be a covariate and a time or a status")
        if kinds[name] not in ("number", "category"):
            raise ScanError(f"{name} is declared {kinds[name]}", expected="number or category")
    wrong = [n for n in plain if not (schema[n].is_numeric() or (n == event and schema[n] == pl.Boolean))]
    if wrong:
        raise ScanError(f"{wrong[0]} is not a number but {schema[wrong[0]]}", expected=_WHOLE)
    return kinds


def _read(lazy: pl.LazyFrame, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return each column: an array, or a factor. The levels of the first rows are tried before all are looked for."""
    names = list(kinds)
    categories = [name for name in names if kinds[name] == "category"]
    head = lazy.select(categories).head(_SAMPLE).collect() if categories else pl.DataFrame()
    levels = {name: _levels(head[name]) for name in categories}
    frame = lazy.select(_coded(name, levels.get(name)) for name in names).collect(engine="streaming")
    more = [name for name in levels if frame[name].min() == 0]
    if more:
        levels |= {name: _levels(whole) for name, whole in ((n, lazy.select(n).collect()[n]) for n in more)}
        frame = frame.with_columns(lazy.select(_coded(name, levels[name]) for name in more).collect())
    missing = [name for name in names if frame[name].null_count() or (name in levels and frame[name].min() == 0)]
    if missing:
        raise ScanError(f"{missing[0]} has missing values", do="leave those subjects out, or impute them, beforehand")
    return {name: _column(frame[name], levels.get(name)) for name in names}


def _levels(values: pl.Series) -> list[str]:
    """The texts that occur, in order; an empty one is a missing value."""
    return [text for text in values.cast(pl.String).unique().sort() if text]


def _coded(name: str, levels: Sequence[str] | None) -> pl.Expr:
    """The column as it is, or the place of each text among the levels from 1 on, 0 where it is none of them."""
    if levels is None:
        return pl.col(name)
    text = pl.col(name).cast(pl.String)
    if len(levels) > _COMPARED:
        return (text.cast(pl.Enum(levels), strict=False).to_physical().cast(pl.UInt32) + 1).fill_null(0).alias(name)
    if not levels:
        return (text.is_null().cast(pl.UInt8) * 0).alias(name)
    place = pl.lit(0, pl.UInt8)
    for i, level in enumerate(levels, 1):
        place = pl.when(text == level).then(pl.lit(i, pl.UInt8)).otherwise(place)
    return place.alias(name)


def _column(values: pl.Series, levels: list[str] | None) -> Any:
    return values.to_numpy() if levels is None else Factor(values.to_numpy() - 1, tuple(levels))


def _days(values: npt.NDArray[Any], name: str) -> Ints:
    days = _whole(values, name)
    if days.min(initial=0) < 0:
        raise ScanError(f"{name} is negative somewhere", expected="days from the origin, 0 or more")
    return days


def _whole(values: npt.NDArray[Any], name: str) -> Ints:
    """The values as whole numbers of 0 or more, in as few bytes as they need."""
    if values.dtype.kind == "f":
        if not np.all(np.isfinite(values)) or np.any(values != np.floor(values)):
            raise ScanError(f"{name} has parts of a whole or no number", expected=_WHOLE)
    elif values.dtype == bool:
        return values.view(np.uint8)
    low, high = values.min(initial=0), values.max(initial=0)
    if low < 0 or high > np.iinfo(np.int32).max:
        raise ScanError(f"{name} is {low if low < 0 else high} somewhere", expected="0 or more, below 2^31")
    return values.astype(np.int32, copy=False) if values.dtype.itemsize > 4 or values.dtype.kind == "f" else values


def _causes(kinds: int) -> tuple[str, ...]:
    return ("event",) if kinds <= 1 else tuple(f"cause {k + 1}" for k in range(kinds))


@dataclass(frozen=True, eq=False)
class _Few:
    """A number of few distinct values: `values[codes]`."""

    codes: Ints
    values: Floats


def _few(values: npt.NDArray[Any], name: str) -> _Few | Floats:
    """The number by its distinct values where they are few, else as it is."""
    if values.dtype.kind in "iu" and int(values.max(initial=0)) - int(values.min(initial=0)) < _FEW:
        low = int(values.min(initial=0))
        return _Few(values.astype(np.int64) - low, np.arange(low, int(values.max(initial=low)) + 1, dtype=np.float64))
    numbers = values.astype(np.float64, copy=False)
    if not (math.isfinite(numbers.sum()) or np.all(np.isfinite(numbers))):  # the sum tells, unless it is too large
        raise ScanError(f"the covariate {name} is missing or infinite somewhere")
    if np.unique(numbers[:_SAMPLE]).size > _FEW:
        return numbers
    distinct, codes = np.unique(numbers, return_inverse=True)
    return _Few(codes.reshape(-1), distinct) if distinct.size <= _FEW else numbers


def _crossed(factors: Sequence[Factor]) -> Factor:
    """One factor of all combinations, those that do not occur left out."""
    codes, names = factors[0].codes, list(factors[0].levels)
    for f in factors[1:]:
        codes, names = codes * np.int64(len(f.levels)) + f.codes, [f"{a}, {b}" for a in names for b in f.levels]
    used, codes = _used(codes, len(names))
    return Factor(codes, tuple(names[i] for i in used.tolist()))


def _used(codes: Ints, width: int) -> tuple[Ints, Ints]:
    """The codes that occur, and all codes as their places among these."""
    if width <= _COMPARED:
        there = np.array([(codes == code).any() for code in range(width)], bool)
    else:
        there = np.bincount(codes, minlength=width) > 0
    used = np.flatnonzero(there)
    return used, codes if used.size == width else (np.cumsum(there, dtype=np.int32) - 1)[codes]


def _patterns(covariates: Mapping[str, Factor | _Few]) -> tuple[Ints | None, dict[str, Floats | Factor]]:
    """The pattern of each subject, and the covariates of each pattern that occurs."""
    if not covariates:
        return None, {}
    widths = [len(f.levels) if isinstance(f, Factor) else f.values.size for f in covariates.values()]
    key = _packed([f.codes for f in covariates.values()], widths)
    if math.prod(widths) <= max(_SAMPLE, key.size):
        used, pattern = _used(key, math.prod(widths))
    else:
        used, pattern = np.unique(key, return_inverse=True)
    out: dict[str, Floats | Factor] = {}
    for (name, f), at in zip(covariates.items(), np.unravel_index(used, widths), strict=True):
        out[name] = Factor(at, f.levels) if isinstance(f, Factor) else f.values[at]
    return pattern.reshape(-1), out


def _packed(codes: Sequence[Ints], widths: Sequence[int]) -> Ints:
    """One number for each combination, the last code running fastest; in pieces that stay in the processor's cache."""
    size = math.prod(widths)
    if size >= 1 << 62:
        raise ScanError("the covariates have too many combinations to be numbered", do="declare fewer categories")
    key: npt.NDArray[Any] = np.empty(codes[0].size, np.uint16 if size <= 1 << 16 else np.int64)
    for first in range(0, key.size, _PIECE):
        part = key[first : first + _PIECE]
        part[:] = codes[0][first : first + _PIECE]
        for code, width in zip(codes[1:], widths[1:], strict=True):
            np.multiply(part, width, out=part)
            np.add(part, code[first : first + _PIECE], out=part, casting="unsafe")
    return key


def _counted(keys: Sequence[Ints | None], n: int) -> tuple[list[Ints | None], Ints]:
    """Rows that are alike as one with its count, if the table of all that could be is no larger than `ROOM` allows."""
    given = [k for k in keys if k is not None]
    widths = [int(k.max(initial=0)) + 1 for k in given]
    size = math.prod(widths)
    if size > min(ROOM * n, MOST_CELLS):
        return list(keys), _ones(n)
    step = max(_BLOCK, size)
    blocks = (_packed([k[a : a + step] for k in given], widths) for a in range(0, n, step))
    table = reduce(np.add, (np.bincount(block, minlength=size) for block in blocks))
    cells = np.flatnonzero(table > 0)
    at = iter(_unpacked(table, cells, widths))
    return [None if k is None else next(at) for k in keys], table[cells]


def _unpacked(table: Ints, cells: Ints, widths: Sequence[int]) -> list[Ints]:
    """The codes of the cells that are not empty; all but the last are looked up once for a run of cells."""
    sizes = np.count_nonzero(table.reshape(-1, widths[-1]), axis=1)
    lead = [np.repeat(code.astype(np.int32), sizes) for code in np.unravel_index(np.arange(sizes.size), widths[:-1])]
    return [*lead, cells - np.repeat(np.arange(sizes.size) * widths[-1], sizes)]


def _refilled(factor: Factor | None, codes: Ints | None) -> Factor | None:
    return None if factor is None or codes is None else Factor(codes, factor.levels)
