"""P values adjusted for how many were looked at: Bonferroni, Holm, Hochberg, Benjamini-Hochberg (R `p.adjust`).

In: p values; a missing one (None or NaN) stays missing and is not counted. Out: adjusted p values in the same order.
Holm and Bonferroni hold under any dependence, Hochberg and Benjamini-Hochberg under positive dependence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from chartline.stats.design import Floats
from chartline.stats.statistic import Statistic

Method = Literal["bonferroni", "holm", "hochberg", "benjamini_hochberg"]

STATISTICS = tuple(
    Statistic(
        name=name,
        label=f"P values adjusted by {label}",
        takes="P values of a family of tests",
        gives="adjusted p values, in the order given",
        reference=f'p.adjust(p, "{r}")',
        paper=paper,
    )
    for name, label, r, paper in (
        ("bonferroni", "Bonferroni", "bonferroni", "Dunn OJ. J Am Stat Assoc 1961;56:52-64"),
        ("holm", "Holm", "holm", "Holm S. Scand J Stat 1979;6:65-70"),
        ("hochberg", "Hochberg", "hochberg", "Hochberg Y. Biometrika 1988;75:800-802"),
        ("benjamini_hochberg", "Benjamini and Hochberg", "BH",
         "Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300"),
    )
)  # fmt: skip


def adjust_p(values: Sequence[float | None], method: Method = "holm") -> Floats:
    """Return the adjusted p values, NaN where one is missing.

    Raises `ValueError` for a p outside 0 to 1 or a method that there is not.
    """
    given = np.array([np.nan if v is None else v for v in values], np.float64)
    known = ~np.isnan(given)
    if np.any((given[known] < 0) | (given[known] > 1)):
        raise ValueError("a p value is not between 0 and 1")
    out = np.full(given.shape, np.nan)
    out[known] = _adjusted(given[known], method)
    return out


def _adjusted(p: Floats, method: Method) -> Floats:
    m = p.size
    order = np.argsort(p, kind="stable")
    ascending, rank = p[order], np.arange(1, m + 1)
    if method == "bonferroni":
        stepped = m * ascending
    elif method == "holm":
        stepped = np.maximum.accumulate((m - rank + 1) * ascending)
    elif method == "hochberg":
        stepped = _from_the_largest((m - rank + 1) * ascending)
    elif method == "benjamini_hochberg":
        stepped = _from_the_largest(m / rank * ascending)
    else:
        raise ValueError(f"no adjustment is called {method}")
    out = np.empty(m)
    out[order] = np.minimum(1.0, stepped)
    return out


def _from_the_largest(p: Floats) -> Floats:
    return np.asarray(np.minimum.accumulate(p[::-1])[::-1], np.float64)
