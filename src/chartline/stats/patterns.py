"""Rows of equal covariates as patterns, where counting patterns by time is less work than going through the rows.

In: Episodes and the number of event times. Out: the pattern of each row and the covariates of each pattern. Covariates
that came row by row are looked through for whole numbers of few values (indicators, codes).
"""

from __future__ import annotations

import numpy as np

from chartline.stats.design import MixedColumns
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.pieces import PIECE

_MANY = 4096  # rows from which it is worth looking for equal covariates
_CODES = 1 << 20  # codes that whole-number covariates may need together


def find_patterns(episodes: Episodes, times: int) -> tuple[Ints, Floats] | None:
    """Return the pattern of each row and the covariates, patterns x covariates; None where rows are less work."""
    room = 3 * episodes.exit.size // times
    if episodes.values.shape[0] <= room:
        return episodes.pattern, episodes.design
    alone = isinstance(episodes.values, MixedColumns) or episodes.exit.size < _MANY
    code = None if alone else _coded(episodes.design, room)
    if code is None:
        return None
    example = np.full(int(code.max()) + 1, -1)
    example[code] = np.arange(code.size)
    used = np.flatnonzero(example >= 0)
    place = (np.cumsum(example >= 0) - 1)[code]
    return place if episodes.by_row else place[episodes.pattern], episodes.design[example[used]]


def _coded(design: Floats, room: int) -> Ints | None:
    """One whole number for each row of covariates, if all covariates are whole numbers of few values."""
    sample = design[: _MANY // 4]
    if np.any(sample != np.floor(sample)) or len(np.unique(sample, axis=0)) > room:
        return None
    pieces = [design[a : a + PIECE] for a in range(0, design.shape[0], PIECE)]
    ends = [(p.min(axis=1), p.max(axis=1)) for p in (np.ascontiguousarray(p.T) for p in pieces)]
    low, high = np.min([a for a, _ in ends], axis=0), np.max([b for _, b in ends], axis=0)
    widths = high - low + 1
    if float(np.prod(widths)) > _CODES:
        return None
    steps = np.concatenate([[1.0], np.cumprod(widths)[:-1]])
    code = np.empty(design.shape[0], np.int64)
    for a, piece in zip(range(0, design.shape[0], PIECE), pieces, strict=True):
        if not np.array_equal(piece, np.floor(piece)):
            return None
        code[a : a + PIECE] = (piece - low) @ steps
    return code if np.count_nonzero(np.bincount(code)) <= room else None
