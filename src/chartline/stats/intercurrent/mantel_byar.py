"""Mantel-Byar test: does the hazard differ before and after an event on the way, such as transplantation?

In: Episodes whose groups change on the way (`split_at`). Out: the log-rank test in which each patient counts as "not
yet" until the event on the way and as "after" from then on, so that no time is immortal.

It is the score test of a Cox model with the state as time-dependent covariate and exact handling of ties
(R `coxph(Surv(start, stop, event) ~ after, ties = "exact")`). With Breslow's or Efron's ties the score has the same
numerator but another variance: without the factor (n - d) / (n - 1) for Breslow. Without ties all are equal.
"""

from __future__ import annotations

from dataclasses import replace

from chartline.stats.comparison.logrank import LogrankTest, Weights, logrank_test
from chartline.stats.episodes import Episodes
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="mantel_byar",
        label="Mantel-Byar test",
        takes="Episodes whose groups change on the way",
        gives="chi-square, degrees of freedom, p, observed and expected number of each state",
        reference="score test of survival::coxph(Surv(start, stop, event) ~ after, ties = 'exact')",
        paper="Mantel N, Byar DP. J Am Stat Assoc 1974;69:81-86",
    ),
)


def mantel_byar_test(
    episodes: Episodes, weights: Weights = "logrank", *, stratified: bool = True, cause: str | int | None = None
) -> LogrankTest:
    """Return the test; z is positive where the hazard is higher after the event on the way.

    `n` of the result counts a patient in each state that it was in. Raises as `logrank_test`; `NotEstimable` where one
    of the states was never entered.
    """
    for g, name in enumerate(episodes.groups):
        if not episodes.count[episodes.group == g].any():
            raise NotEstimable(f"nobody was ever in the group {name!r}")
    test = logrank_test(episodes, weights, stratified=stratified, cause=cause)
    return replace(test, method=f"Mantel-Byar test ({test.method} with groups that change on the way)")
