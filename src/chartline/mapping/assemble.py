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
    otherwise: dict[str, list[Request]] = field(default_factory=dict)  # of a unit: where else it may stand


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
    repeated = _Repeated()
    numbers = [repeated(e.number, pl.UInt32, n) for e, n in zip(emissions, lengths, strict=True)]
    columns = [
        repeated(centre, pl.String, sum(lengths)).alias("CENTRE"),
        _joined("USUBJID", [e.subject for e in emissions]),
        _joined("BLOCK", numbers),
        _joined("ROW", [e.rows for e in emissions]),
    ]
    for name in _names(emissions):
        columns += _column(domain, name, emissions, stack, repeated)
    exists = _exists(emissions, stack)
    frame = pl.DataFrame(columns)
    return frame if exists.all() else frame.filter(exists)


def _joined(name: str, chunks: list[pl.Series]) -> pl.Series:
    return pl.concat([c.alias(name) for c in chunks])


def _names(emissions: list[Emission]) -> list[str]:
    seen: dict[str, None] = {}
    for e in emissions:
        seen.update(dict.fromkeys((*e.asked, *e.block.constants)))
        for variable in e.block.units:
            seen[f"{variable}#unit"] = None
    return list(seen)


class _Repeated:
    """Makes Series of one value repeated; those of one value are slices of the longest yet made."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, object], pl.Series] = {}

    def __call__(self, value: object, dtype: type[pl.DataType], n: int) -> pl.Series:
        made = self._made.get((value, dtype))
        if made is None or len(made) < n:
            made = self._made[value, dtype] = pl.Series([value], dtype=dtype).new_from_index(0, n)
        return made if len(made) == n else made.head(n)


def _column(domain: str, name: str, emissions: list[Emission], stack: Stack, repeated: _Repeated) -> list[pl.Series]:
    """Return the column of one variable (and `<name>_OP`, `_HI`, `#has_unit` where they say something)."""
    dtype = dtype_of(domain, name)
    chunks: list[pl.Series] = []
    ops: list[pl.Series | None] = []
    highs: list[pl.Series | None] = []
    for e in emissions:
        n = len(e.rows)
        request = e.asked.get(name)
        read = None if request is None else stack.read(request)
        value = repeated(_constant(e.block, name, dtype), dtype, n) if read is None else read.value
        for other in e.otherwise.get(name, ()):
            value = value.zip_with(value.is_not_null(), stack.read(other).value)
        chunks.append(_precise(e, name, value, request))
        ops.append(None if read is None else read.op)
        highs.append(None if read is None else read.high)
    out = [_joined(name, chunks)]
    if any(op is not None and op.null_count() < len(op) for op in ops):
        blanks = (repeated(None, pl.String, len(e.rows)) for e in emissions)
        filled = [blank if op is None else op for op, blank in zip(ops, blanks, strict=True)]
        out.append(_joined(f"{name}_OP", filled))
    if any(high is not None for high in highs):
        blanks = (repeated(None, pl.Float64, len(e.rows)) for e in emissions)
        filled = [blank if high is None else high for high, blank in zip(highs, blanks, strict=True)]
        out.append(_joined(f"{name}_HI", filled))
    if name.endswith("#unit"):
        variable = name.removesuffix("#unit")
        declared = [repeated(variable in e.block.units, pl.Boolean, len(e.rows)) for e in emissions]
        out.append(_joined(f"{variable}#has_unit", declared))
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
