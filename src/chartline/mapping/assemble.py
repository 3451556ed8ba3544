"""Chunks of values -> one frame a domain. In: the blocks of a domain with their chunks. Out: a frame with keys.

Helper columns have a `#` in their name and are dropped before the frame leaves the room:
`<VAR>#unit`, `<VAR>#answer_unit`, `<VAR>#has_unit` for numbers with a unit, `LBORRES#number` for results.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, field

import polars as pl

from chartline.core.clinical import variables
from chartline.mapping.blocks import NUMBER_OF_RESULT, RANGE_VARIABLES, Block
from chartline.mapping.stack import Request, Stack

_DTYPES: dict[str, type[pl.DataType]] = {"number": pl.Float64, "integer": pl.Int64}


@dataclass
class Emission:
    """One block with its rows and what was asked for it. `number` is its place in Origins."""

    number: int
    block: Block
    rows: pl.Series
    subject: pl.Series  # of these rows
    asked: dict[str, Request] = field(default_factory=dict)  # variable (or helper) -> request


def dtype_of(domain: str, name: str) -> type[pl.DataType]:
    """Return the dtype of a variable or helper column."""
    if name == NUMBER_OF_RESULT:
        return pl.Float64
    if "#" in name:
        return pl.String
    known = RANGE_VARIABLES if domain == "RANGE" else variables()[domain]
    return _DTYPES.get(known[name].type, pl.String)


def assemble(domain: str, emissions: list[Emission], stack: Stack, centre: str) -> pl.DataFrame:
    """Return the rows of a domain that exist (some anchor present), in block order then source order."""
    lengths = [len(e.rows) for e in emissions]
    which = pl.int_range(len(emissions), eager=True).repeat_by(pl.Series(lengths)).explode()
    columns: dict[str, pl.Series] = {
        "USUBJID": pl.concat([e.subject.alias("USUBJID") for e in emissions]),
        "BLOCK": pl.Series("BLOCK", [e.number for e in emissions], dtype=pl.UInt32).gather(which),
        "ROW": pl.concat([e.rows.alias("ROW") for e in emissions]),
    }
    pool = _Nulls(max(lengths))
    for name in _names(emissions):
        columns |= _column(domain, name, emissions, stack, pool, which)
    exists = _exists(emissions, stack)
    frame = pl.DataFrame(columns).filter(exists)
    return frame.select(pl.lit(centre).alias("CENTRE"), pl.all())


def _names(emissions: list[Emission]) -> list[str]:
    seen: dict[str, None] = {}
    for e in emissions:
        seen.update(dict.fromkeys((*e.asked, *e.block.constants)))
        for variable in e.block.units:
            seen[f"{variable}#unit"] = None
    return list(seen)


class _Nulls:
    """Slices of one null Series per dtype."""

    def __init__(self, longest: int) -> None:
        self._longest = max(longest, 1)
        self._made: dict[object, pl.Series] = {}

    def __call__(self, dtype: type[pl.DataType], n: int) -> pl.Series:
        if dtype not in self._made:
            self._made[dtype] = pl.Series([None], dtype=dtype).new_from_index(0, self._longest)
        return self._made[dtype].slice(0, n)


def _column(
    domain: str, name: str, emissions: list[Emission], stack: Stack, nulls: _Nulls, index: pl.Series
) -> dict[str, pl.Series]:
    """Return the column of one variable (and `<name>_OP`, `<name>#has_unit` where they say something)."""
    dtype = dtype_of(domain, name)
    chunks: list[pl.Series] = []
    ops: list[pl.Series] = []
    constants: list[object] = []
    for e in emissions:
        n = len(e.rows)
        request = e.asked.get(name)
        read = None if request is None else stack.read(request)
        constants.append(_constant(e.block, name, dtype) if read is None else None)
        chunks.append(nulls(dtype, n) if read is None else _precise(e, name, read.value, request))
        if dtype is pl.Float64:
            ops.append(nulls(pl.String, n) if read is None or read.op is None else read.op)
    value = pl.concat([c.alias(name) for c in chunks])
    if any(c is not None for c in constants):
        constant = pl.Series(constants, dtype=dtype).gather(index)
        value = constant.zip_with(constant.is_not_null(), value).alias(name)
    out = {name: value}
    if ops:
        op = pl.concat([o.alias(f"{name}_OP") for o in ops])
        if op.null_count() < len(op):
            out[f"{name}_OP"] = op
    if name.endswith("#unit"):
        declared = pl.Series([name.removesuffix("#unit") in e.block.units for e in emissions])
        out[name.replace("#unit", "#has_unit")] = declared.gather(index)
    return out


def _constant(block: Block, name: str, dtype: type[pl.DataType]) -> object:
    if name.endswith("#unit"):
        unit = block.units.get(name.removesuffix("#unit"))
        return None if unit is None else unit.constant
    text = block.constants.get(name)
    if text is None or dtype is pl.String:
        return text
    return float(text) if dtype is pl.Float64 else int(text)


def _precise(e: Emission, name: str, value: pl.Series, request: Request | None) -> pl.Series:
    """Drop the made-up day of dates that another column says are known to the month only."""
    cell = e.block.cells.get(name)
    if request is None or cell is None or cell.precision is None:
        return value
    column, pattern = cell.precision
    month_only = request.view.text(column).gather(e.rows).str.contains(pattern).fill_null(False)
    return value.str.slice(0, 7).zip_with(month_only, value)


def _exists(emissions: list[Emission], stack: Stack) -> pl.Series:
    """A record exists where the cell of at least one of its block's anchors is filled, readable or not."""
    masks = []
    for e in emissions:
        filled = [stack.read(e.asked[name]).present for name in e.block.anchors]
        masks.append(functools.reduce(operator.or_, filled).alias("exists"))
    return pl.concat(masks)
