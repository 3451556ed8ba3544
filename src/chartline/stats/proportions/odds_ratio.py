"""The odds ratio of two groups: conditional estimate with exact or mid-P interval, score interval, Woolf's.

In: n1 of N1 and n2 of N2 (whole numbers). Out: a `Comparison`. The conditional maximum likelihood estimate (what R's
`fisher.test` prints) differs from the sample odds ratio n1 (N2 - n2) / ((N1 - n1) n2) of the other two.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from chartline.stats.distributions import interval_z
from chartline.stats.proportions.hypergeometric import Margins, conditional_estimate, exact_limits
from chartline.stats.proportions.table import group_counts
from chartline.stats.proportions.two_proportions import Comparison, quotient, ratio_by_score
from chartline.stats.statistic import NotEstimable, Statistic

_TAKES = "CrossTab over `outcome` and a grouping of two levels"
STATISTICS = (
    Statistic(
        "odds_ratio_exact",
        "Odds ratio with exact interval",
        _TAKES,
        "conditional maximum likelihood estimate with the exact interval (Clopper-Pearson tails)",
        "fisher.test",
        "Cornfield J. Proc 3rd Berkeley Symp 1956;4:135-148; Gart JJ. J R Stat Soc B 1970;32:131-139",
    ),
    Statistic(
        "odds_ratio_mid_p",
        "Odds ratio with mid-P interval",
        _TAKES,
        "conditional maximum likelihood estimate with the mid-P interval",
        "exact2x2::exact2x2(midp = TRUE, tsmethod = 'central')",
        "Mehta CR, Walsh SJ. Am Stat 1992;46:146-150",
    ),
    Statistic(
        "odds_ratio_miettinen_nurminen",
        "Odds ratio with score interval",
        _TAKES,
        "sample odds ratio with the score interval of Miettinen and Nurminen",
        "PropCIs::orscoreci",
        "Miettinen O, Nurminen M. Stat Med 1985;4:213-226",
    ),
    Statistic(
        "odds_ratio_woolf",
        "Odds ratio with log interval",
        _TAKES,
        "sample odds ratio with the normal interval on the log scale",
        "epitools::oddsratio.wald",
        "Woolf B. Ann Hum Genet 1955;19:251-253",
    ),
)


def exact_odds_ratio(n1: int, total1: int, n2: int, total2: int, level: float = 0.95) -> Comparison:
    """Return the conditional estimate with its exact interval (R `fisher.test`); ends are 0 or inf at an empty cell.

    Raises `NotEstimable` for an empty group, or where no or all patients have the event; `ValueError` unless
    0 <= n <= total.
    """
    return _conditional(n1, total1, n2, total2, level, 1.0, "exact conditional interval")


def mid_p_odds_ratio(n1: int, total1: int, n2: int, total2: int, level: float = 0.95) -> Comparison:
    """Return the conditional estimate with its mid-P interval. Raises as `exact_odds_ratio`."""
    return _conditional(n1, total1, n2, total2, level, 0.5, "mid-P exact interval")


def miettinen_nurminen_odds_ratio(
    n1: int, total1: int, n2: int, total2: int, level: float = 0.95, *, correction: bool = True
) -> Comparison:
    """Return the sample odds ratio with the score interval; `correction=False` leaves out N / (N - 1).

    Raises as `exact_odds_ratio`.
    """
    n1, total1, n2, total2 = _with_both_outcomes(n1, total1, n2, total2)
    total, z = total1 + total2, interval_z(level)
    z *= math.sqrt(total / (total - 1)) if correction else 1.0

    def score(log_odds_ratio: float) -> float:
        expected = expected_cell(n1 + n2, total1, total2, math.exp(log_odds_ratio))
        cells = (expected, total1 - expected, n1 + n2 - expected, total2 - n1 - n2 + expected)
        return (n1 - expected) * math.sqrt(sum(1 / c for c in cells)) if min(cells) > 0 else _limit(n1 - expected)

    name = "Miettinen-Nurminen score interval" if correction else "score interval"
    return ratio_by_score(score, z, n1 * (total2 - n2), n2 * (total1 - n1), level, name)


def woolf(n1: int, total1: int, n2: int, total2: int, level: float = 0.95) -> Comparison:
    """Return the sample odds ratio with the normal interval of its logarithm; (0, inf) where a cell is empty.

    Nothing is added to empty cells. Raises as `exact_odds_ratio`.
    """
    n1, total1, n2, total2 = _with_both_outcomes(n1, total1, n2, total2)
    cells = (n1, total1 - n1, n2, total2 - n2)
    ratio, warnings = quotient(cells[0] * cells[3], cells[1] * cells[2])
    if not all(cells):
        warnings += ("the log interval has no bounds where a cell is empty",)
        return Comparison(ratio, 0.0, math.inf, level, "Woolf log interval", warnings)
    half = interval_z(level) * math.sqrt(sum(1 / c for c in cells))
    return Comparison(ratio, ratio * math.exp(-half), ratio * math.exp(half), level, "Woolf log interval", warnings)


ODDS_RATIOS: dict[str, Callable[..., Comparison]] = {
    "exact": exact_odds_ratio,
    "mid_p": mid_p_odds_ratio,
    "miettinen_nurminen": miettinen_nurminen_odds_ratio,
    "woolf": woolf,
}


def expected_cell(events: int, total1: int, total2: int, odds_ratio: float) -> float:
    """Return the upper left cell that has these margins and this odds ratio: the root of a quadratic in its range."""
    a = odds_ratio - 1
    b = odds_ratio * (total1 + events) + total2 - events
    c = odds_ratio * total1 * events
    return 2 * c / (b + math.sqrt(max(0.0, b * b - 4 * a * c)))


def _conditional(n1: int, total1: int, n2: int, total2: int, level: float, share: float, method: str) -> Comparison:
    n1, total1, n2, total2 = _with_both_outcomes(n1, total1, n2, total2)
    if not 0 < level < 1:
        raise ValueError(f"not a confidence level: {level}")
    family = Margins(total1, total2, n1 + n2)
    estimate = conditional_estimate(family, n1)
    lower, upper = exact_limits(family, n1, level, share)
    warnings = () if 0 < estimate < math.inf else ("a cell is empty: the estimate is at an end of its range",)
    return Comparison(estimate, lower, upper, level, method, warnings)


def _with_both_outcomes(n1: int, total1: int, n2: int, total2: int) -> tuple[int, int, int, int]:
    n1, total1, n2, total2 = group_counts(n1, total1, n2, total2)
    if n1 + n2 in (0, total1 + total2):
        raise NotEstimable(
            "no events in either group" if n1 + n2 == 0 else "every patient of both groups has the event"
        )
    return n1, total1, n2, total2


def _limit(difference: float) -> float:
    return math.copysign(math.inf, difference) if difference else 0.0
