"""Which analytical choice moves a number most, over every combination of choices (a full factorial design).

In: the number under each combination, as an array with one axis a choice. Out: for each axis the mean at each of its
levels, the spread of these means (the main effect), and the share of the variance: the sum of squares of the main
effect over the total, as in an analysis of variance. In a full factorial the choices are orthogonal, so these shares
are exact and do not depend on an order; what is left is interaction.

Where the number could not be computed the value is nan and the cell is left out. The shares are then those of each
choice taken by itself: they may overlap, and `complete` says so.

Sums of squares: Simonsohn, Simmons, Nelson (Nat Hum Behav 2020;4:1208) for the design; R `anova(lm(y ~ a + b))`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.statistic import NotEstimable, Statistic

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-9  # a share below this is rounding
_NOTHING = 1e-24  # a sum of squares below this share of the sum of squared values is rounding

STATISTICS = (
    Statistic(
        name="specification_variance",
        label="Share of the variance between specifications that one analytical choice makes",
        takes="a number under every combination of choices",
        gives="share of the variance by choice, means by option, and what is left to interactions",
        reference="anova(lm(y ~ a * b))",
        paper="Simonsohn et al., Nat Hum Behav 2020;4:1208 (specification curve)",
    ),
)


@dataclass(frozen=True)
class Decomposition:
    """Per axis: `means` at its levels (nan where no cell has a value), `spread`, and `share` of the variance."""

    means: tuple[Floats, ...]
    spread: tuple[float, ...]
    share: tuple[float, ...]
    interaction: float  # share that no axis has alone; nan where a cell has no value
    complete: bool  # every cell has a value


def decompose_specifications(values: npt.ArrayLike) -> Decomposition:
    """Return the decomposition of an array with one axis a choice. All shares are 0 where nothing moves the number.

    Raises `NotEstimable` where fewer than two cells have a value.
    """
    y = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(y)
    if known.sum() < 2:
        raise NotEstimable("fewer than two specifications have a value")
    grand = float(y[known].mean())
    total = float(((y[known] - grand) ** 2).sum())
    moved = total > _NOTHING * float((y[known] ** 2).sum())
    means, share = [], []
    for axis in range(y.ndim):
        others = tuple(a for a in range(y.ndim) if a != axis)
        n = known.sum(axis=others)
        level = np.divide(np.where(known, y, 0).sum(axis=others), n, out=np.full(n.shape, np.nan), where=n > 0)
        means.append(level)
        between = float((n * np.where(n > 0, level - grand, 0) ** 2).sum())
        share.append(between / total if moved else 0.0)
    complete = bool(known.all())
    left = 1 - sum(share) if moved and complete else 0.0
    left = left if left > _ROUNDING else 0.0
    spread = tuple(float(np.nanmax(m) - np.nanmin(m)) for m in means)
    return Decomposition(tuple(means), spread, tuple(share), left if complete else float("nan"), complete)
