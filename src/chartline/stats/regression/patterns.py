"""From Episodes to the likelihood of their covariates, standardised, by rows or by patterns, whichever is less work.

In: Episodes, risk sets, the rule for ties. Out: the likelihood with the means and standard deviations that were taken
off, so that no digits are lost to covariates far from 0 or of different sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.regression.exact_ties import ExactLikelihood
from chartline.stats.regression.likelihood import Likelihood, PatternLikelihood
from chartline.stats.regression.risk_sets import RiskSets

_MANY = 4096  # rows from which it is worth looking for equal covariates
_PIECE = 16_384  # rows that are worked on at once, so that they stay in the processor's cache
_CODES = 1 << 20  # codes that whole-number covariates may need together


@dataclass(frozen=True, eq=False)
class Standardised:
    """A likelihood of (x - centre) / scale; `span` is the range of each covariate on that scale."""

    likelihood: Likelihood
    centre: Floats
    scale: Floats
    span: Floats


def standardise(episodes: Episodes, sets: RiskSets, ties: str) -> Standardised:
    """Return the likelihood of the covariates at risk. Raises `NotEstimable` where exact ties would take too long."""
    exact = ties == "exact" and bool(np.any(sets.deaths > 1))
    found = None if exact else _patterns(episodes, sets)
    if found is None:
        xt, weight = _rows(episodes.design, episodes.pattern[sets.row]), sets.count
    else:
        xt = np.array(found[1].T, np.float64, order="C")
        weight = np.bincount(found[0], sets.count, len(found[1])).astype(np.float64)
    centre, scale, span = _standards(xt, weight)
    if exact:
        return Standardised(ExactLikelihood(sets, xt, "breslow"), centre, scale, span)
    if found is None:
        return Standardised(Likelihood(sets, xt, ties), centre, scale, span)
    return Standardised(PatternLikelihood(sets, xt, ties, pattern=found[0]), centre, scale, span)


def _rows(design: Floats, pattern: Ints) -> Floats:
    """The covariates of each row, covariates x rows."""
    if design.flags.f_contiguous:
        return design.T[:, pattern]
    return np.ascontiguousarray(design[pattern].T)


def _standards(xt: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Take mean and standard deviation off, in place (1 for what does not vary); return them, and the ranges left."""
    total = weight.sum()
    centre: Floats = xt @ weight / total
    scale, span = np.ones_like(centre), np.zeros_like(centre)
    for i, row in enumerate(xt):
        row -= centre[i]
        size = float(np.sqrt(np.square(row) @ weight / total))
        if size > 1e-12 * abs(centre[i]):
            scale[i] = size
            row /= size
        span[i] = row.max() - row.min()
    return centre, scale, span


def _patterns(episodes: Episodes, sets: RiskSets) -> tuple[Ints, Floats] | None:
    """The pattern of each row and the covariates of each pattern, if counting patterns is less work than rows."""
    n, room = sets.row.size, 3 * sets.row.size // sets.times.size
    if episodes.design.shape[0] <= room:
        return episodes.pattern[sets.row], episodes.design
    code = _coded(episodes.design, room) if n >= _MANY else None
    if code is None:
        return None
    example = np.full(int(code.max()) + 1, -1)
    example[code] = np.arange(code.size)
    used = np.flatnonzero(example >= 0)
    place = np.cumsum(example >= 0) - 1
    return place[code[episodes.pattern[sets.row]]], episodes.design[example[used]]


def _coded(design: Floats, room: int) -> Ints | None:
    """One whole number for each row of covariates, if all covariates are whole numbers of few values."""
    sample = design[: _MANY // 4]
    if np.any(sample != np.floor(sample)) or len(np.unique(sample, axis=0)) > room:
        return None
    pieces = [design[a : a + _PIECE] for a in range(0, design.shape[0], _PIECE)]
    ends = [(p.min(axis=1), p.max(axis=1)) for p in (np.ascontiguousarray(p.T) for p in pieces)]
    low, high = np.min([a for a, _ in ends], axis=0), np.max([b for _, b in ends], axis=0)
    widths = high - low + 1
    if float(np.prod(widths)) > _CODES:
        return None
    steps = np.concatenate([[1.0], np.cumprod(widths)[:-1]])
    code = np.empty(design.shape[0], np.int64)
    for a, piece in zip(range(0, design.shape[0], _PIECE), pieces, strict=True):
        if not np.array_equal(piece, np.floor(piece)):
            return None
        code[a : a + _PIECE] = (piece - low) @ steps
    return code if np.count_nonzero(np.bincount(code)) <= room else None
