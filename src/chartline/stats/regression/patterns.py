"""From Episodes to the likelihood of their covariates, standardised, by rows or by patterns, whichever is less work.

In: Episodes, risk sets, the rule for ties. Out: the likelihood with the means and standard deviations that were taken
off, so that no digits are lost to covariates far from 0 or of different sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chartline.stats.design import MixedColumns
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.patterns import find_patterns
from chartline.stats.pieces import each, slices
from chartline.stats.regression.exact_ties import ExactLikelihood
from chartline.stats.regression.few_rows import FewRowsLikelihood, are_few, make_room
from chartline.stats.regression.likelihood import Likelihood, PatternLikelihood
from chartline.stats.regression.mixed_rows import MixedLikelihood, mixed_columns_of
from chartline.stats.regression.risk_sets import RiskSets

_PIECE = 32_768  # rows whose means are taken at once


@dataclass(frozen=True, eq=False)
class Standardised:
    """A likelihood of (x - centre) / scale."""

    likelihood: Likelihood
    centre: Floats
    scale: Floats


def standardise(episodes: Episodes, sets: RiskSets, ties: str, cause: str | int | None = None) -> Standardised:
    """Return the likelihood of the covariates at risk. Raises `NotEstimable` where exact ties would take too long."""
    exact = ties == "exact" and bool(np.any(sets.deaths > 1))
    found = None if exact else find_patterns(episodes, sets.times.size)
    if found is None:
        k, n = episodes.values.shape[1], sets.row.size
        few = not exact and are_few(episodes, sets)
        mixed = None if exact or few else mixed_columns_of(episodes, sets)
        if mixed is not None:
            return _mixed(mixed, sets, ties)
        rows = make_room(k, n) if few else np.empty((1 + k, n))
        xt = rows[1:, :n]
        centre, scale = _standards(_filled(xt, episodes, sets.row), sets.count, xt)
        if few:
            return Standardised(FewRowsLikelihood(sets, xt, ties, rows=rows), centre, scale)
        likelihood = ExactLikelihood(sets, xt, "breslow") if exact else Likelihood(sets, xt, ties)
        return Standardised(likelihood, centre, scale)
    xt = np.array(found[1].T, np.float64, order="C")
    weight, at_risk, events = _counted(episodes, sets, found[0], xt.shape[1], cause)
    centre, scale = _standards(xt, weight, xt)
    return Standardised(PatternLikelihood(sets, xt, ties, at_risk=at_risk, events=events), centre, scale)


def _mixed(values: MixedColumns, sets: RiskSets, ties: str) -> Standardised:
    """Categories by pattern, continuous covariates by row."""
    few, cells = values.few.T.copy(), sets.cells
    subjects = cells.lengths(sets.row.size) if sets.singly else np.add.reduceat(sets.count, cells.starts)
    xt, *standards = _gathered(values.own, sets)
    at = np.concatenate(values.places)
    of_kind = np.bincount(cells.labels % sets.kinds, subjects, sets.kinds).astype(np.float64)
    parts = _standards(few, of_kind, few), standards
    centre, scale = (np.concatenate(pair)[np.argsort(at)] for pair in zip(*parts, strict=True))
    likelihood = MixedLikelihood(sets, xt, ties, few=few, places=values.places)
    return Standardised(likelihood, centre, scale)


def _gathered(columns: tuple[Floats, ...], sets: RiskSets) -> tuple[Floats, Floats, Floats]:
    """The covariates of the rows (covariates x rows), standardised, and what was taken off as `_standards` has it.

    Both sums are taken about the mean of the first rows while a piece is in the cache: a pass over memory costs more.
    """
    n, total = sets.row.size, sets.row.size if sets.singly else sets.count.sum()
    xt, mean, square, about = np.empty((len(columns), n)), *np.zeros((3, len(columns)))
    for j, (x, column) in enumerate(zip(xt, columns, strict=True)):  # one at a time: the cache holds one, not all
        for at in slices(n):
            piece = np.take(column, sets.row[at], out=x[at], mode="clip")
            about[j] = about[j] if at.start else piece.mean()
            piece -= about[j]
            weighted = piece if sets.singly else piece * sets.count[at]
            mean[j] += weighted.sum() / total
            square[j] += np.vecdot(weighted, piece) / total
    centre, scale = about + mean, _scale(np.sqrt(np.maximum(square - mean * mean, 0.0)), about + mean)

    def change(at: slice) -> None:
        x = xt[:, at]
        x -= mean[:, None]
        x *= (1 / scale)[:, None]

    each(change, slices(n, _PIECE))
    return xt, centre, scale


def _filled(room: Floats, episodes: Episodes, row: Ints) -> Floats:
    """Return the covariates of each row, covariates x rows; in `room` where that saves an array."""
    if episodes.design.flags.f_contiguous:
        return episodes.design.T.take(episodes.pattern.take(row), axis=1)
    place = row if episodes.by_row else episodes.pattern[row]

    def fill(at: slice) -> None:
        room[:, at] = np.take(episodes.design, place[at], axis=0, mode="clip").T

    each(fill, slices(row.size))
    return room


def _standards(values: Floats, weight: Floats, out: Floats) -> tuple[Floats, Floats]:
    """Write to `out` what is left when mean and standard deviation are taken off (1 for what does not vary); return
    these.
    """
    pieces, alike = slices(out.shape[1], _PIECE), weight.strides == (0,) and weight[0] == 1
    total = weight.size if alike else weight.sum()

    def add(at: slice) -> Floats:
        return values[:, at].sum(axis=1) if alike else values[:, at] @ weight[at]

    centre = np.asarray(sum(each(add, pieces)) / total)

    def square(at: slice) -> Floats:
        x = np.subtract(values[:, at], centre[:, None], out=out[:, at])
        return np.asarray(np.vecdot(x if alike else x * weight[at], x))

    size = np.sqrt(sum(each(square, pieces)) / total)
    scale = _scale(size, centre)

    def change(at: slice) -> None:
        x = out[:, at]
        x *= (1 / scale)[:, None]

    each(change, pieces)
    return centre, scale


def _scale(size: Floats, centre: Floats) -> Floats:
    """The standard deviation of what varies, else 1."""
    return np.where(size > 1e-12 * np.abs(centre), size, 1.0)


def _counted(
    episodes: Episodes, sets: RiskSets, pattern: Ints, width: int, cause: str | int | None
) -> tuple[Floats, Floats, Floats]:
    """Subjects ever at risk by pattern; and at risk and with the event, patterns x event times."""
    if episodes.days is not None and not episodes.late and len(episodes.strata) == 1:
        days = int(episodes.days.max()) + 1
        key = pattern * days + episodes.days
        key += episodes.events_of(cause) * np.int64(width * days)
        left = np.bincount(key, None if episodes.singly else episodes.count, 2 * width * days).reshape(2, width, days)
        at, gone = sets.times.astype(np.int64), left.sum(axis=0, dtype=np.float64)
        at_risk = np.cumsum(gone[:, ::-1], axis=1)[:, ::-1][:, at]
        return at_risk[:, 0], at_risk, np.asarray(left[1][:, at], np.float64)
    t, of = sets.times.size, pattern[sets.row]
    leave = np.bincount(of * (t + 1) + sets.last, sets.count, width * (t + 1))
    enter = np.bincount(of * (t + 1) + sets.first, sets.count, width * (t + 1))
    at_risk = np.cumsum((enter - leave).reshape(width, t + 1), axis=1)[:, :t].copy()
    died = np.bincount(of * t + sets.last - 1, sets.count * sets.event, width * t)
    events = np.asarray(died.reshape(width, t), np.float64)
    return np.bincount(of, sets.count, width).astype(np.float64), at_risk, events
