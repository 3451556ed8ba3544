"""Sums of weights by key: `np.bincount` with weights, as the array of decimals that it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chartline.stats.episodes import Floats, Ints


def totals(key: Ints, weights: npt.NDArray[np.number], size: int) -> Floats:
    """Return the sum of `weights` for each key 0 to `size` - 1."""
    return np.asarray(np.bincount(key, weights, size), dtype=np.float64)
