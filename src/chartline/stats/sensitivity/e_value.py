"""E-value: how strong an unmeasured confounder would have to be to explain an association away.

In: a ratio (risk, odds or hazard) with its limits. Out: the smallest risk ratio that a confounder would need with
both the exposure and the outcome, beyond the covariates in the model, to move the estimate to the null value, and the
same for the confidence limit nearest to it (1 where the interval holds the null value).

Odds and hazard ratios of a common outcome (over 15 % by the end of follow-up) are first made risk ratios: the square
root of an odds ratio; (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)). Of a rare outcome they are taken as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from chartline.stats.statistic import Statistic

Measure = Literal["risk ratio", "odds ratio", "hazard ratio"]

STATISTICS = (
    Statistic(
        name="e_value",
        label="E-value",
        takes="a risk, odds or hazard ratio with its limits",
        gives="E-values of the estimate and of the limit nearest to the null value",
        reference="EValue::evalues.RR, evalues.OR, evalues.HR",
        paper="VanderWeele TJ, Ding P. Ann Intern Med 2017;167:268-274",
    ),
)


@dataclass(frozen=True)
class EValue:
    """`limit` is None without limits; `nearest` says which limit it is of. `risk_ratio` is what `value` is of."""

    value: float
    limit: float | None
    nearest: Literal["lower", "upper", ""]
    risk_ratio: float


def e_value(
    estimate: float,
    lower: float | None = None,
    upper: float | None = None,
    *,
    measure: Measure,
    rare: bool = False,
    null: float = 1.0,
) -> EValue:
    """Return the E-values of `estimate` and of its limit nearest to `null`, all on the scale of `measure`.

    `rare`: less than 15 % have the outcome (no matter for risk ratios). Raises `ValueError` for a ratio that is not
    positive and finite, or outside its limits.
    """
    if not all(x > 0 and math.isfinite(x) for x in (estimate, null)):
        raise ValueError("an E-value is of a positive, finite ratio")
    if (lower is not None and not 0 <= lower <= estimate) or (upper is not None and upper < estimate):
        raise ValueError("the estimate is outside its limits")
    ratio, true = _risk_ratio(estimate, measure, rare), _risk_ratio(null, measure, rare)
    nearest: Literal["lower", "upper"] = "lower" if ratio >= true else "upper"
    end = lower if nearest == "lower" else upper
    if lower is None and upper is None:
        return EValue(_e(ratio, true), None, "", ratio)
    if ratio == true or end is None:
        return EValue(_e(ratio, true), 1.0 if ratio == true else None, nearest, ratio)
    holds = end < null if nearest == "lower" else end > null
    return EValue(_e(ratio, true), 1.0 if holds else _e(_risk_ratio(end, measure, rare), true), nearest, ratio)


def _risk_ratio(ratio: float, measure: Measure, rare: bool) -> float:
    if measure == "risk ratio" or rare:
        return ratio
    if measure == "odds ratio":
        return math.sqrt(ratio)
    if measure == "hazard ratio":
        half = math.log(0.5)
        return math.expm1(half * math.sqrt(ratio)) / math.expm1(half * math.sqrt(1 / ratio))
    raise ValueError(f"no ratio is called {measure}")


def _e(ratio: float, null: float) -> float:
    """VanderWeele and Ding's formula for the distance of a risk ratio from `null`, in either direction."""
    apart = max(ratio / null, null / ratio)
    return apart + math.sqrt(apart * (apart - 1))
