"""Tails and quantiles of the normal, beta, chi-square, t, F and gamma distributions, one number at a time.

In: numbers. Out: a probability or a quantile, accurate where it is small (a p-value down to 1e-300 keeps its digits).
Normal and beta, and what is made from them (t and F tails, chi-square of 1 or 2 degrees of freedom), are plain Python:
they are on the path of every run and cost no import. The incomplete beta function is ours because it is the more
accurate one (ADR 0008): its leading factor x^a (1-x)^b / B(a, b) is taken in Loader's saddle-point form, so that no
digits cancel at n = 10^7, and the rest is a continued fraction. The others are SciPy's, imported where they are called.

Loader C. Fast and accurate computation of binomial probabilities (2000); DiDonato and Morris, ACM TOMS 1992;18:360
(fraction); DLMF 5.11.1 (Stirling's series).
"""

from __future__ import annotations

import math

_LOG_SQRT_2PI = 0.918938533204672741780329736406
_EPSILON = 2.220446049250313e-16
_TINY = 1e-300
_MAX_STEPS = 400  # bisection alone needs fewer than 70
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)


def normal_quantile(p: float) -> float:
    """Return z with P(Z <= z) = p for a standard normal Z (R `qnorm`). Raises for p outside (0, 1)."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def interval_z(level: float) -> float:
    """Return the normal quantile of a two-sided interval: 1.9599... for level 0.95."""
    return normal_quantile(1 - (1 - level) / 2)


def normal_cdf(z: float) -> float:
    """Return P(Z <= z) for a standard normal Z (R `pnorm`), accurate in the lower tail."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def normal_sf(z: float) -> float:
    """Return P(Z > z) (R `pnorm(lower.tail = FALSE)`), accurate in the upper tail."""
    return normal_cdf(-z)


def chi2_sf(x: float, df: float) -> float:
    """Return P(X > x) for a chi-square of `df` degrees of freedom (R `pchisq(lower.tail = FALSE)`): a test's p-value.

    Raises `ValueError` for a negative or missing `x`, or `df` <= 0.
    """
    _refuse(not (x >= 0 and df > 0), f"no chi-square distribution has df={df}, x={x}")
    if df == 1:
        return math.erfc(math.sqrt(x / 2))
    if df == 2:
        return math.exp(-x / 2)
    from scipy.special import gammaincc

    return float(gammaincc(df / 2, x / 2))


def t_sf(t: float, df: float) -> float:
    """Return P(T > t) for Student's t (R `pt(lower.tail = FALSE)`). Raises `ValueError` for `df` <= 0 or no t."""
    _refuse(math.isnan(t) or not df > 0, f"no t distribution has df={df}, t={t}")
    ratio = t / math.sqrt(df)
    outside = 0.5 * _ratio_tail(ratio * ratio, df / 2, 0.5)
    return outside if t >= 0 else 1 - outside


def t_quantile(p: float, df: float) -> float:
    """Return t with P(T <= t) = p (R `qt`). Raises `ValueError` for p outside (0, 1) or `df` <= 0."""
    _refuse(not (0 < p < 1 and df > 0), f"no t quantile for p={p}, df={df}")
    from scipy.special import stdtrit

    return float(stdtrit(df, p))


def f_sf(f: float, df1: float, df2: float) -> float:
    """Return P(F > f) (R `pf(lower.tail = FALSE)`). Raises `ValueError` for negative or missing arguments."""
    _refuse(not (f >= 0 and df1 > 0 and df2 > 0), f"no F distribution has df={df1}, {df2}, F={f}")
    return _ratio_tail(f * (df1 / df2), df2 / 2, df1 / 2)


def gamma_quantile(p: float, shape: float, *, upper: bool = False) -> float:
    """Return x with P(G <= x) = p, or P(G > x) = p if `upper`, for a gamma of rate 1 (R `qgamma`).

    Raises `ValueError` for p outside [0, 1], `shape` <= 0, or p within 1e-5 of an end where `shape` > 10^4: there
    SciPy 1.17 is wrong without saying so (ADR 0008).
    """
    _refuse(not (0 <= p <= 1 and shape > 0), f"no gamma quantile for p={p}, shape={shape}")
    _refuse(shape > 1e4 and 0 < min(p, 1 - p) < 1e-5, f"no gamma quantile of known accuracy for p={p}, shape={shape}")
    from scipy.special import gammainccinv, gammaincinv

    return float((gammainccinv if upper else gammaincinv)(shape, p))


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return I_x(a, b), the probability that a beta(a, b) variable is at most x (R `pbeta`)."""
    return beta_tails(x, a, b)[0]


def beta_tails(x: float, a: float, b: float) -> tuple[float, float]:
    """Return (I_x(a, b), 1 - I_x(a, b)), each accurate where it is small.

    Raises `ValueError` outside a, b > 0, 0 <= x <= 1.
    """
    if not (a > 0 and b > 0 and 0 <= x <= 1):
        raise ValueError(f"no beta distribution has a={a}, b={b}, x={x}")
    if x in (0, 1):
        return float(x), 1.0 - x
    return _tails(x, 1 - x, a, b)


def beta_quantile(p: float, a: float, b: float, *, upper: bool = False) -> float:
    """Return x with I_x(a, b) = p, or with 1 - I_x(a, b) = p if `upper` (R `qbeta`, `lower.tail = !upper`).

    `upper` exists so that a small upper tail is not lost as 1 - p. Raises `ValueError` for p outside [0, 1].
    """
    if not (0 <= p <= 1 and a > 0 and b > 0):
        raise ValueError(f"no beta quantile for p={p}, a={a}, b={b}")
    if p in (0, 1):
        return float(p) if not upper else 1.0 - p
    if a / (a + b) > 0.5:  # solve for the small side, whose digits are not lost against 1
        return 1 - _solve(p, b, a, not upper)
    return _solve(p, a, b, upper)


def _refuse(wrong: bool, why: str) -> None:
    if wrong:
        raise ValueError(why)


def _ratio_tail(r: float, a: float, b: float) -> float:
    """I_x(a, b) at x = 1 / (1 + r), without losing the digits of a small or a large r."""
    if r == 0 or math.isinf(r):
        return 1.0 if r == 0 else 0.0
    x, y = 1 / (1 + r), r / (1 + r)
    return _tails(x, y, a, b)[0] if x > 0 and y > 0 else float(x > 0)


def _solve(p: float, a: float, b: float, upper: bool) -> float:
    """Newton steps in u = log x for log(tail) = log(p), kept inside a bracket that only ever shrinks."""
    if p > 0.5:  # the other tail, so that the logarithm below is never of a number near 1
        p, upper = 1 - p, not upper
    lo, hi = -745.0, 0.0  # exp(-745) is the smallest double
    u = math.log(a / (a + b))
    for _ in range(_MAX_STEPS):
        gap, slope = _log_tail(u, a, b, upper)
        gap -= math.log(p)
        if (gap > 0) is upper:
            lo = u
        else:
            hi = u
        new = u - gap / slope if slope and math.isfinite(gap) else math.nan
        if not lo < new < hi:
            new = (lo + hi) / 2
        if abs(new - u) <= _EPSILON * max(1.0, abs(u)):
            return math.exp(new)
        u = new
    return math.exp(u)


def _log_tail(u: float, a: float, b: float, upper: bool) -> tuple[float, float]:
    """Logarithm of a tail at x = exp(u), and its derivative by u; (-inf, 0) where the tail underflows."""
    x, y = math.exp(u), -math.expm1(u)
    if not (x > 0 and y > 0):
        return (0.0, 0.0) if (x > 0) is not upper else (-math.inf, 0.0)
    tail = _tails(x, y, a, b)[1 if upper else 0]
    if tail <= 0:
        return -math.inf, 0.0
    slope = _leading_factor(x, y, a, b, (a + b) * x - a) / y / tail
    return math.log(tail), -slope if upper else slope


def _tails(x: float, y: float, a: float, b: float) -> tuple[float, float]:
    """Both tails at x, with y = 1 - x given apart because it may be known more exactly."""
    n = a + b
    above = n * x - a if x <= y else b - n * y  # distance from the mean, from the side that keeps its digits
    small = _leading_factor(x, y, a, b, above)
    if above <= 0:
        small /= _fraction(x, a, b, -above)
        return small, 1 - small
    small /= _fraction(y, b, a, above)
    return 1 - small, small


def _leading_factor(x: float, y: float, a: float, b: float, above: float) -> float:
    """x^a y^b / B(a, b) without cancellation (Loader)."""
    n = a + b
    exponent = _stirling_error(n) - _stirling_error(a) - _stirling_error(b)
    exponent -= _deviance(a, n * x, -above) + _deviance(b, n * y, above)
    return math.sqrt(a / n * b / (2 * math.pi)) * math.exp(exponent)


def _stirling_error(n: float) -> float:
    """log Gamma(n + 1) minus Stirling's formula, log(sqrt(2 pi n) (n / e)^n)."""
    if n < 10:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - _LOG_SQRT_2PI
    return sum(c / n ** (2 * k + 1) for k, c in enumerate(_STIRLING))


def _deviance(k: float, mean: float, difference: float) -> float:
    """k log(k / mean) + mean - k, by a series where `difference` = k - mean is small."""
    if abs(difference) >= 0.1 * (k + mean):
        return k * math.log(k / mean) - difference
    v = difference / (k + mean)
    total, term, j = difference * v, 2 * k * v, 1
    while True:
        term *= v * v
        new = total + term / (2 * j + 1)
        if new == total:
            return total
        total, j = new, j + 1


def _fraction(x: float, a: float, b: float, below: float) -> float:
    """The even part of the continued fraction of I_x(a, b), modified Lentz; `below` = a - (a + b) x >= 0.

    In this form (DiDonato and Morris, ACM TOMS 1992;18:360) no difference is taken near x = 1.
    """
    h = c = a * (below + 1) / (a + 1)
    d, m = 0.0, 0
    while True:
        m += 1
        k = a + 2 * m - 1
        top = (a + m - 1) / k * (a + b + m - 1) / k * m * (b - m) * x * x
        bottom = m + m * (b - m) * x / k + (a + m) * (below + 1 + m * (2 - x)) / (k + 2)
        d = bottom + top * d
        c = bottom + top / c
        d = 1 / (d if abs(d) > _TINY else _TINY)
        c = c if abs(c) > _TINY else _TINY
        h *= d * c
        if abs(d * c - 1) <= _EPSILON:
            return h
        if m > 1_000_000:
            raise ArithmeticError(f"the incomplete beta function did not converge at x={x}, a={a}, b={b}")
