"""How much a competing event still counts later: the chance of not being censored (nor absent) by then.

In: rows with entry, exit, what ended them, a stratum each. Out: Q(t-) = G(t-) H(t-) by stratum, G the Kaplan-Meier
curve of not yet being censored, H (late entry only) the product-limit share of those who have entered; and, for the
variance, the censorings with their numbers at risk. A subject with a competing event at T counts Q(t-) / Q(T-) at t.

Two conventions for a day on which some have an event and others are censored:
crr       the events of the day are at risk of censoring on it (R `cmprsk::crr`, the plain `survfit` of censorings);
finegray  they have left before it (R `survival::finegray`, events precede censorings as everywhere else).
Where no day has both, the two are equal; on tied days coefficients differ in the third to fifth digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.competing.totals import totals
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.risk import distinct

WeightKind = Literal["crr", "finegray"]


@dataclass(frozen=True, eq=False)
class CensoringWeights:
    """`times` (T) are all distinct exits, `step` the index of each row's exit among them.

    `censored`, `at_risk` and `left` (G(t-)) are strata x T; `present` (H(e-), the last column for after the last entry)
    is strata x (E + 1) for the E days of `entries`; `last` is each stratum's largest exit: none counts after it.
    """

    times: Floats
    step: Ints
    censored: Floats
    at_risk: Floats
    left: Floats
    entries: Floats
    present: Floats
    last: Floats

    def before(self, stratum: int, when: Floats) -> Floats:
        """Return Q(t-) of the stratum at the times `when`."""
        step = np.searchsorted(self.times, when, side="left")
        return np.where(when > self.last[stratum], 0.0, self.on_step(stratum, step, when))

    def on_step(self, stratum: Ints | int, step: Ints, when: Floats) -> Floats:
        """As `before`, where the index `step` of `when` among `times` is known."""
        g = self.left[stratum, step]
        if not self.entries.size:
            return np.asarray(g)
        return np.asarray(g * self.present[stratum, np.searchsorted(self.entries, when, side="left")])


def censoring_weights(
    rows: Episodes, stratum: Ints, strata: int, kind: WeightKind, ends: npt.NDArray[np.bool_] | None,
    begins: npt.NDArray[np.bool_] | None,
) -> CensoringWeights:  # fmt: skip
    """Return the weights of each stratum.

    `ends` and `begins` say which rows are the last and the first of a subject (all, where a row is a subject): only
    there can it be censored and enter.
    """
    times, of_exit = distinct(rows.exit)
    size = times.size

    def total(step: Ints, which: npt.NDArray[np.bool_] | None, width: int) -> Floats:
        weight = rows.count.astype(np.float64) if which is None else rows.count * which
        return totals(stratum * width + step, weight, strata * width).reshape(strata, width)

    gone = total(of_exit, None, size)
    late = np.isfinite(rows.entry)
    risk = np.cumsum(gone[:, ::-1], axis=1)[:, ::-1]
    if late.any():
        # who has entered by each step; the others are not there yet
        step = np.searchsorted(times, rows.entry, side="right")
        risk = risk - np.cumsum(total(step, late, size + 1)[:, ::-1], axis=1)[:, ::-1][:, 1:]
    event = rows.status > 0
    lost = total(of_exit, ~event if ends is None else ~event & ends, size)
    if kind == "finegray":
        risk = risk - total(of_exit, event, size)
    elif kind != "crr":
        raise ValueError(f"not a kind of weights: {kind}")
    hazard = np.divide(lost, risk, out=np.zeros_like(lost), where=lost > 0)
    left = np.hstack([np.ones((strata, 1)), np.cumprod(1 - hazard, axis=1)])
    entries, present = _entered(rows, stratum, strata, late, begins)
    last = np.array([times[np.flatnonzero(line)[-1]] if line.any() else -np.inf for line in gone])
    return CensoringWeights(times, of_exit, lost, risk, left, entries, present, last)


def _entered(
    rows: Episodes, stratum: Ints, strata: int, late: npt.NDArray[np.bool_], begins: npt.NDArray[np.bool_] | None
) -> tuple[Floats, Floats]:
    """Days of first entry and H(e-), a Kaplan-Meier curve backwards in time (Geskus 2011)."""
    new = late if begins is None else late & begins
    if not new.any():
        return np.zeros(0), np.ones((strata, 1))
    days = np.unique(rows.entry[new])
    width = days.size

    def total(step: Ints, which: npt.NDArray[np.bool_]) -> Floats:
        key = stratum[which] * (width + 1) + step[which]
        return totals(key, rows.count[which], strata * (width + 1)).reshape(strata, width + 1)

    everyone = np.ones(rows.exit.size, bool)
    come = total(np.searchsorted(days, rows.entry, side="left"), new)[:, :width]
    # at e are present those with entry <= e < exit
    inside = np.cumsum(
        total(np.searchsorted(days, rows.entry, side="left"), everyone)
        - total(np.searchsorted(days, rows.exit, side="left"), everyone), axis=1,
    )[:, :width]  # fmt: skip
    hazard = np.divide(come, inside, out=np.zeros_like(come), where=come > 0)
    back = np.cumprod(1 - hazard[:, ::-1], axis=1)[:, ::-1]
    return days, np.hstack([back, np.ones((strata, 1))])
