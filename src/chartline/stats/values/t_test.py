"""Means compared: Welch's and Student's t with interval, paired differences, and one-way analysis of variance.

In: numbers as value -> count or plain arrays. Out: what R prints. The mean and the sum of squares of a group are all
that is used of it. Values that do not vary have no standard error: that is said, not computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.values.table import Counted, Numbers, check_level, counted, need

STATISTICS = (
    Statistic(
        name="t_test",
        label="t test of two groups",
        takes="ValueTable of two groups",
        gives="the difference of means with its interval, t, df and p; Welch, or pooled where declared",
        reference="t.test(var.equal = FALSE | TRUE)",
        paper="Welch BL. Biometrika 1947;34:28-35",
    ),
    Statistic(
        name="paired_t_test",
        label="t test of paired differences",
        takes="ValueTable of paired differences",
        gives="the mean difference with its interval, t, df and p",
        reference="t.test(paired = TRUE)",
        paper="Student. Biometrika 1908;6:1-25",
    ),
    Statistic(
        name="one_way_anova",
        label="One-way analysis of variance",
        takes="ValueTable of two or more groups",
        gives="F, both degrees of freedom and p; Welch, or equal variances where declared",
        reference="oneway.test(var.equal = FALSE | TRUE)",
        paper="Welch BL. Biometrika 1951;38:330-336",
    ),
)
Alternative = Literal["two-sided", "greater", "less"]
_CONSTANT = 10 * float(np.finfo(float).eps)  # R t.test: "data are essentially constant"


@dataclass(frozen=True)
class TTest:
    """`estimate` is the difference of means (first less second), or the mean difference; an end may be infinite."""

    estimate: float
    lower: float
    upper: float
    level: float
    t: float
    df: float
    p: float
    std_error: float
    means: tuple[float, ...]
    n: tuple[int, ...]
    method: Literal["Welch", "pooled", "paired"]


@dataclass(frozen=True)
class Anova:
    """Fisher's F with the degrees of freedom between and within; the latter are broken numbers for Welch."""

    f: float
    df: tuple[float, float]
    p: float
    means: tuple[float, ...]
    n: tuple[int, ...]
    method: Literal["Welch", "equal variances"]
    warnings: tuple[str, ...] = ()


def t_test(
    x: Numbers,
    y: Numbers,
    *,
    equal_variances: bool = False,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> TTest:
    """Compare the means of two groups (R `t.test`): Welch, or with the pooled variance if `equal_variances`.

    Raises `NotEstimable` where a group has fewer than two values (pooled: both together fewer than three), or where
    no value varies within its group.
    """
    a, b = counted(x), counted(y)
    least = 1 if equal_variances else 2
    need(a, least, "1")
    need(b, least, "2")
    if equal_variances:
        df = float(a.n + b.n - 2)
        if not df:
            raise NotEstimable("one value in each group only")
        error = math.sqrt((a.squares + b.squares) / df * (1 / a.n + 1 / b.n))
    else:
        va, vb = a.variance / a.n, b.variance / b.n
        error = math.sqrt(va + vb)
        df = (va + vb) ** 2 / (va**2 / (a.n - 1) + vb**2 / (b.n - 1)) if error else math.nan
    if error <= _CONSTANT * max(abs(a.mean), abs(b.mean)):
        raise NotEstimable("the values do not vary within the groups")
    name: Literal["Welch", "pooled"] = "pooled" if equal_variances else "Welch"
    return _result(a.mean - b.mean, error, df, level, alternative, (a, b), name)


def paired_t_test(differences: Numbers, *, level: float = 0.95, alternative: Alternative = "two-sided") -> TTest:
    """Test whether paired differences have mean 0 (R `t.test(paired = TRUE)`).

    Raises `NotEstimable` with fewer than two differences, or where all are equal.
    """
    d = counted(differences)
    need(d, 2)
    error = math.sqrt(d.variance / d.n)
    if error <= _CONSTANT * abs(d.mean):
        raise NotEstimable("all differences are equal")
    return _result(d.mean, error, float(d.n - 1), level, alternative, (d,), "paired")


def one_way_anova(groups: Mapping[str, Numbers], *, equal_variances: bool = False) -> Anova:
    """Compare the means of two or more groups (R `oneway.test`); groups without values are left out and named.

    Raises `NotEstimable` with fewer than two groups, where a group has one value (with `equal_variances`: where all
    have one), or where values do not vary within a group (within all of them).
    """
    samples = {name: counted(numbers) for name, numbers in groups.items()}
    warnings = tuple(f"group {name} has no values and is left out" for name, s in samples.items() if not s.n)
    kept = {name: s for name, s in samples.items() if s.n}
    if len(kept) < 2:
        raise NotEstimable("fewer than two groups have values")
    f, df = (_classic if equal_variances else _welch)(kept)
    from scipy.special import fdtrc

    means, n = tuple(s.mean for s in kept.values()), tuple(s.n for s in kept.values())
    return Anova(f, df, float(fdtrc(*df, f)), means, n, "equal variances" if equal_variances else "Welch", warnings)


def _classic(samples: Mapping[str, Counted]) -> tuple[float, tuple[float, float]]:
    n, k = sum(s.n for s in samples.values()), len(samples)
    within = sum(s.squares for s in samples.values())
    centre = sum(s.mean * s.n for s in samples.values()) / n
    if n == k:
        raise NotEstimable("one value in each group only")
    if within <= (_CONSTANT * max(abs(s.mean) for s in samples.values())) ** 2:
        raise NotEstimable("the values do not vary within the groups")
    between = sum(s.n * (s.mean - centre) ** 2 for s in samples.values())
    return between / (k - 1) / (within / (n - k)), (float(k - 1), float(n - k))


def _welch(samples: Mapping[str, Counted]) -> tuple[float, tuple[float, float]]:
    for name, s in samples.items():
        need(s, 2, name)
        if math.sqrt(s.variance) <= _CONSTANT * abs(s.mean):
            raise NotEstimable(f"the values do not vary in group {name}")
    n = np.array([s.n for s in samples.values()], np.float64)
    means = np.array([s.mean for s in samples.values()])
    w = n / np.array([s.variance for s in samples.values()])
    k, share = n.size, w / w.sum()
    penalty = float(np.sum((1 - share) ** 2 / (n - 1))) / (k**2 - 1)
    f = float(w @ (means - share @ means) ** 2) / ((k - 1) * (1 + 2 * (k - 2) * penalty))
    return f, (float(k - 1), 1 / (3 * penalty))


def _result(
    estimate: float,
    error: float,
    df: float,
    level: float,
    alternative: Alternative,
    samples: Sequence[Counted],
    method: Literal["Welch", "pooled", "paired"],
) -> TTest:
    check_level(level)
    from scipy.special import stdtrit

    one_sided = alternative != "two-sided"
    half = error * -float(stdtrit(df, (1 - level) / (1 if one_sided else 2)))
    t = estimate / error
    lower = -math.inf if alternative == "less" else estimate - half
    upper = math.inf if alternative == "greater" else estimate + half
    means, n = tuple(s.mean for s in samples), tuple(s.n for s in samples)
    return TTest(estimate, lower, upper, level, t, df, _p(t, df, alternative), error, means, n, method)


def _p(t: float, df: float, alternative: Alternative) -> float:
    """Both tails are I(df / (df + t^2); df / 2, 1 / 2), which keeps its digits however small."""
    from scipy.special import betainc

    both = float(betainc(df / 2, 0.5, df / (df + t * t)))
    if alternative == "two-sided":
        return both
    return both / 2 if (t > 0) == (alternative == "greater") else 1 - both / 2
