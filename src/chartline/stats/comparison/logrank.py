"""Weighted log-rank tests: log-rank, Gehan-Breslow, Tarone-Ware, Peto-Peto and Fleming-Harrington.

In: Episodes with groups. Out: the statistic with its degrees of freedom and p, observed and expected numbers a group,
and their variance. Any number of groups, strata, late entry, counts, time-dependent groups; or a test for trend.

At each time with events the observed number of a group is compared with its share of those at risk, times a weight: U
= sum w (d_g - d n_g / n), with the hypergeometric variance sum w^2 d (n - d) / (n - 1) (n_g / n) (1{g = h} - n_h / n).
The weights are 1 (`logrank`), n (`gehan`), the root of n (`tarone_ware`), S(t-) (`peto`, as R `survdiff(rho = 1)`),
S~(t) (`peto_prentice`) and S~(t) n / (n + 1) (`peto_modified`; these two as SAS `PETO` and `MODPETO`, Klein and
Moeschberger's table 7.3, with S~ the product of 1 - d / (n + 1)), and S(t-)^rho (1 - S(t-))^gamma. S is the
Kaplan-Meier estimate of all groups together; in a stratified test n and S are those of the stratum.

For two groups without late entry the log-rank statistic is the score test of a Cox model with exact ties.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chartline.stats.comparison.event_times import EventTimes
from chartline.stats.distributions import chi2_sf
from chartline.stats.episodes import Episodes, Floats
from chartline.stats.risk import totals
from chartline.stats.statistic import NotEstimable, Statistic

Weights = str | tuple[str, float, float]
Trend = bool | Sequence[float] | Mapping[str, float]

NAMES = {
    "logrank": "log-rank test",
    "gehan": "Gehan-Breslow test",
    "tarone_ware": "Tarone-Ware test",
    "peto": "Peto-Peto test",
    "peto_prentice": "Peto-Peto test with Prentice's survival",
    "peto_modified": "modified Peto-Peto test",
    "fleming_harrington": "Fleming-Harrington test",
}
_KLEIN = "Klein JP, Moeschberger ML. Survival Analysis, 2nd ed. 2003, chapter 7"


def _statistic(name: str, label: str, reference: str, paper: str) -> Statistic:
    gives = "chi-square, degrees of freedom, p, observed and expected number of each group"
    return Statistic(
        name=name, label=label, takes="Episodes with groups", gives=gives, reference=reference, paper=paper
    )


STATISTICS = (
    _statistic(
        "logrank", "Log-rank test",
        "survival::survdiff(rho = 0); with late entry the score test of coxph(ties = 'exact')",
        "Mantel N. Cancer Chemother Rep 1966;50:163-170; Peto R, Peto J. J R Stat Soc A 1972;135:185-207",
    ),
    _statistic(
        "gehan_breslow", "Gehan-Breslow test", "Klein and Moeschberger (7.3.3) written out in R; survMisc::comp",
        "Gehan EA. Biometrika 1965;52:203-223; Breslow N. Biometrika 1970;57:579-594",
    ),
    _statistic(
        "tarone_ware", "Tarone-Ware test", "Klein and Moeschberger (7.3.3) written out in R; survMisc::comp",
        "Tarone RE, Ware J. Biometrika 1977;64:156-160",
    ),
    _statistic(
        "peto_peto", "Peto-Peto test", "survival::survdiff(rho = 1); survMisc::comp",
        "Peto R, Peto J. J R Stat Soc A 1972;135:185-207; Harrington DP, Fleming TR. Biometrika 1982;69:553-566",
    ),
    _statistic(
        "peto_prentice", "Peto-Peto test with Prentice's survival",
        "Klein and Moeschberger (7.3.3) written out in R; survMisc::comp", "Prentice RL. Biometrika 1978;65:167-179",
    ),
    _statistic(
        "peto_modified", "Modified Peto-Peto test", "Klein and Moeschberger (7.3.3) written out in R; survMisc::comp",
        f"Andersen PK et al. Int Stat Rev 1982;50:219-258; {_KLEIN}",
    ),
    _statistic(
        "fleming_harrington", "Fleming-Harrington test (rho, gamma)", "nph::logrank.test(rho, gamma)",
        "Fleming TR, Harrington DP. Counting Processes and Survival Analysis. 1991",
    ),
    _statistic(
        "logrank_trend", "Log-rank test for trend", "Klein and Moeschberger (7.4.1) written out in R; survMisc::comp",
        f"Tarone RE. Biometrika 1975;62:679-682; {_KLEIN}",
    ),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LogrankTest:
    """G groups, S strata. `observed` and `expected` are weighted, as R `survdiff` prints them; `events` are numbers."""

    chisq: float
    df: int
    p: float
    z: float | None  # two groups: positive where the second has more events than expected; trend: where they rise
    groups: tuple[str, ...]
    n: tuple[int, ...]  # that entered; who changes the group on the way counts in each
    events: tuple[int, ...]
    observed: Floats
    expected: Floats
    variance: Floats  # G x G, of observed - expected
    strata: tuple[str, ...]
    observed_by_stratum: Floats  # S x G
    expected_by_stratum: Floats
    scores: tuple[float, ...] | None  # of a test for trend
    method: str
    warnings: tuple[str, ...]


def logrank_test(
    episodes: Episodes,
    weights: Weights = "logrank",
    *,
    stratified: bool = True,
    trend: Trend = False,
    cause: str | int | None = None,
) -> LogrankTest:
    """Return the test of equal hazards in the groups of `episodes`.

    `weights` is a name of `NAMES`, or ("fleming_harrington", rho, gamma) with rho, gamma >= 0. `trend` asks for the
    test on one degree of freedom whose scores are 0, 1, 2, ... in the order of the groups, or as given (in that order,
    or by the group's name). With `cause`, ends by other causes are censored. Raises `ValueError` for a wrong call,
    `NotEstimable` where no event happened while two groups were at risk.
    """
    if len(episodes.groups) < 2:
        raise NotEstimable("there is one group only")
    table = EventTimes.of(episodes, cause=cause, stratified=stratified)
    w = weights_of(table, weights)
    strata = episodes.strata if stratified else ("",)
    observed, expected = table.events.T @ w, table.expected.T @ w
    excess = (table.events.T - table.expected.T) @ w  # exactly 0 at a time at which a group is alone
    variance, joins = _variance(table, w)
    scores = _scores(trend, episodes.groups)
    if scores is None:
        chisq, df = _quadratic_form(excess, joins)
        z = float(excess[1] / math.sqrt(variance[1, 1])) if df and len(episodes.groups) == 2 else None
    else:
        z = _trend_z(excess, joins, scores)
        chisq, df = (z * z, 1) if z is not None else (0.0, 0)
    if not df:
        what = "two groups" if scores is None else "two groups with different scores"
        raise NotEstimable(f"no event happened while patients of {what} were at risk" if table.d.any() else "no events")
    return LogrankTest(
        chisq=chisq, df=df, p=chi2_sf(chisq, df), z=z, groups=episodes.groups,
        n=tuple(totals(episodes.group, episodes, len(episodes.groups)).tolist()),
        events=tuple(map(int, (observed if weights == "logrank" else table.events.T.sum(axis=1)).tolist())),
        observed=observed, expected=expected, variance=variance, strata=strata,
        observed_by_stratum=_by_stratum(table, w, table.events, observed, len(strata)),
        expected_by_stratum=_by_stratum(table, w, table.expected, expected, len(strata)),
        scores=scores, method=_method(weights, len(strata), scores, cause),
        warnings=_warnings(episodes, table, joins, weights),
    )  # fmt: skip


def weights_of(table: EventTimes, weights: Weights) -> Floats:
    """Return the weight of each row. Raises `ValueError` for a name that is none, or a negative exponent."""
    if not isinstance(weights, str):
        name, rho, gamma = weights
        if name != "fleming_harrington" or not (0 <= rho < math.inf and 0 <= gamma < math.inf):
            raise ValueError(f"not weights: {weights}; rho and gamma of fleming_harrington are 0 or more")
        return np.asarray(table.survival_before**rho * (1 - table.survival_before) ** gamma)
    if weights == "logrank":
        return np.ones(table.n.size)
    if weights == "gehan":
        return table.n
    if weights == "tarone_ware":
        return np.sqrt(table.n)
    if weights == "peto":
        return table.survival_before
    if weights == "peto_prentice":
        return table.survival_peto
    if weights == "peto_modified":
        return table.survival_peto * table.n / (table.n + 1)
    raise ValueError(f"not weights: {weights}; there are {', '.join(NAMES)} (the last with rho and gamma)")


def _variance(table: EventTimes, w: Floats) -> tuple[Floats, list[list[float]]]:
    """The variance of observed - expected, and what joins each two groups: minus their covariance, 0 with themselves.

    What joins two groups is never negative, and the variance of a group is the sum of what joins it to the others (a
    weighted graph whose edges join groups that were at risk together), so that it is had without taking a difference.
    """
    of_two = (table.expected.T * (w * w * table.spread)) @ table.shares
    variance, joins = 0.0 - of_two, of_two.tolist()
    for g, row in enumerate(joins):
        row[g] = 0.0
        variance[g, g] = sum(row)
    return variance, joins


def _by_stratum(table: EventTimes, w: Floats, numbers: Floats, total: Floats, strata: int) -> Floats:
    """Weighted numbers of events, strata x groups, of which `total` is known."""
    if strata == 1:
        return total[None]
    out = np.zeros((strata, total.size))
    np.add.at(out, table.stratum, w[:, None] * numbers)
    return out


def _quadratic_form(excess: Floats, joins: list[list[float]]) -> tuple[float, int]:
    """U' V^- U and the rank of V, by leaving out one group after the other as Gaussian elimination does.

    What joins two groups is never negative and no difference need be taken: of groups that are joined the last is found
    to have nothing left, exactly.
    """
    u, joins = excess.tolist(), [row[:] for row in joins]
    chisq, df = 0.0, 0
    for i, row in enumerate(joins):
        spread = sum(row[i + 1 :])
        if not spread:
            continue
        chisq, df = chisq + u[i] * u[i] / spread, df + 1
        for j in range(i + 1, len(u)):
            share = row[j] / spread
            u[j] += share * u[i]
            for k in range(i + 1, len(u)):
                joins[j][k] += share * row[k]
    return chisq, df


def _scores(trend: Trend, groups: tuple[str, ...]) -> tuple[float, ...] | None:
    if trend is False:
        return None
    if isinstance(trend, Mapping):
        if set(trend) != set(groups):
            raise ValueError(f"scores for {', '.join(trend)}; the groups are {', '.join(groups)}")
        trend = [trend[name] for name in groups]
    scores = tuple(float(s) for s in (range(len(groups)) if trend is True else trend))
    if len(scores) != len(groups):
        raise ValueError(f"{len(scores)} scores for {len(groups)} groups")
    if len(set(scores)) < 2 or not all(math.isfinite(s) for s in scores):
        raise ValueError("the scores of a trend must be finite and not all equal")
    return scores


def _trend_z(excess: Floats, joins: list[list[float]], scores: tuple[float, ...]) -> float | None:
    """sum a (O - E) over its standard error; the scores may be moved and stretched, nothing changes. None without
    anything that joins groups with different scores.
    """
    a = np.asarray(scores)
    spread = float((np.triu(joins, 1) * (a[:, None] - a) ** 2).sum())
    return float((a - a.mean()) @ excess / math.sqrt(spread)) if spread > 0 else None


def _method(weights: Weights, strata: int, scores: tuple[float, ...] | None, cause: str | int | None) -> str:
    if isinstance(weights, str):
        out = NAMES[weights]
    else:
        out = f"{NAMES[weights[0]]} (rho {weights[1]:g}, gamma {weights[2]:g})"
    if scores is not None:
        out += f" for trend with scores {', '.join(f'{s:g}' for s in scores)}"
    if strata > 1:
        out += f", stratified ({strata} strata)"
    return out if cause is None else f"{out}, other causes than {cause} censored"


def _warnings(episodes: Episodes, table: EventTimes, joins: list[list[float]], weights: Weights) -> tuple[str, ...]:
    out = [
        f"group {name} is not compared: at no event was it at risk together with another group"
        for name, row in zip(episodes.groups, joins, strict=True)
        if not any(row)
    ]
    of_survival = not isinstance(weights, str) or weights == "peto"
    too_late = (table.survival_before == 0) & (table.d > 0) if of_survival else None
    if too_late is not None and too_late.any():
        day = float(table.time[int(np.argmax(too_late))])
        out.append(f"everyone at risk had the event before time {day:g}, so that later events have weight 0")
    return tuple(out)
