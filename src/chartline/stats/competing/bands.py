"""Pointwise intervals of a probability from its standard error, as R `survfit` gives them for every state.

In: arrays of probabilities and standard errors. Out: lower and upper arrays, NaN where the formula has no value (0 on
the log scale, 0 and 1 on the log-log scale).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from chartline.stats.distributions import interval_z
from chartline.stats.episodes import Floats

IntervalKind = Literal["log-log", "log", "plain"]


def probability_band(p: Floats, std_error: Floats, interval: IntervalKind, level: float) -> tuple[Floats, Floats]:
    """Return lower and upper limits at `level`; log and plain limits are cut at 0 and 1 (R `survfit_confint`).

    log-log is exp(-exp(log(-log p) +- z se / (p log p))), of p itself for a curve that falls and for one that rises.
    Raises `ValueError` for an interval or level that there is not.
    """
    refuse(interval, level)
    z = interval_z(level)
    if interval == "plain":
        return np.maximum(p - z * std_error, 0.0), np.minimum(p + z * std_error, 1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_p = np.log(np.where(p > 0, p, np.nan))
        half = z * np.where(std_error == 0, 0.0, std_error / p)
        if interval == "log":
            return np.exp(log_p - half), np.minimum(np.exp(log_p + half), 1.0)
        log_p = np.where(p < 1, log_p, np.nan)
        theta = half / log_p  # negative: the lower limit has the larger -log p
        return np.exp(log_p * np.exp(-theta)), np.exp(log_p * np.exp(theta))


def refuse(interval: str, level: float) -> None:
    """Raise `ValueError` for an interval or level that there is not."""
    if not 0 < level < 1:
        raise ValueError(f"not a confidence level: {level}")
    if interval not in ("log-log", "log", "plain"):
        raise ValueError(f"not an interval: {interval}")
