"""The exact binomial test of a share, one-sided: may so many of n be chance?"""

from __future__ import annotations

from math import exp, lgamma, log


def chance_of_at_least(k: int, n: int, share: float) -> float:
    """Return P(X >= k) of a binomial X of `n` trials with probability `share` (0 < share < 1); R: pbinom(k - 1, ...).

    Summed from the smallest terms, in logarithms, so that a million trials neither overflow nor take long.
    """
    if k <= 0:
        return 1.0
    total, i = 0.0, k
    while i <= n:
        term = exp(_log_term(i, n, share))
        total += term
        if i > n * share and term < total * 1e-16:
            break
        i += 1
    return min(total, 1.0)


def chance_of_at_most(k: int, n: int, share: float) -> float:
    """Return P(X <= k); R: pbinom(k, n, share)."""
    return chance_of_at_least(n - k, n, 1 - share)


def _log_term(i: int, n: int, share: float) -> float:
    return lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(share) + (n - i) * log(1 - share)
