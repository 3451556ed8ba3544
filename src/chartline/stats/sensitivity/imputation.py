"""Multiple imputation of missing covariates by chained equations.

In: covariates with gaps (None or NaN), one row a subject or a pattern with its count, and what is fully known of each
row (the outcome above all). Out: `m` completed sets, to be analysed one by one and pooled by Rubin's rules. Outcomes
are never imputed. Missing values must be explainable by what is known (missing at random): the reader is to judge that.

Each incomplete covariate is drawn in turn given all else, several rounds over:
- a number by predictive mean matching: Bayesian linear regression, then the value of one of the five subjects whose
  prediction is nearest (type 1 matching of R `mice.impute.pmm`), so that no value is drawn that nobody has;
- a category by multinomial logistic regression on a bootstrap sample, with a weak normal prior (error 2.5 per standard
  deviation of a predictor) that keeps it finite where a level predicts perfectly.

For Cox's model the predictors are the event and the Nelson-Aalen cumulative hazard at the subject's time, as White and
Royston found best; for a logistic model the outcome itself. Leaving the outcome out would bias effects towards none.

Same seed, same sets, in whatever order the rows come: rows are put in an order of their own first.

White IR, Royston P. Stat Med 2009;28:1982-1998; van Buuren S, Groothuis-Oudshoorn K. J Stat Softw 2011;45(3);
White IR, Royston P, Wood AM. Stat Med 2011;30:377-399 (how many: about one a percent of incomplete subjects).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chartline.counts.model import EventTable
from chartline.stats.design import Floats, Ints, factor
from chartline.stats.episodes import Episodes
from chartline.stats.risk import RiskTable
from chartline.stats.statistic import NotEstimable

DONORS = 5
_RIDGE = 1e-5
_PRIOR = 1 / 2.5**2
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Imputed:
    """`sets` are the completed covariates, one entry a subject; `row` is the given row that each subject came from.

    `missing` counts the subjects without a value, by covariate; `incomplete` those without any one of them.
    """

    sets: tuple[Mapping[str, npt.NDArray[Any]], ...]
    row: Ints
    missing: Mapping[str, int]
    incomplete: int


@dataclass(eq=False)
class _Column:
    """One covariate: numbers, or codes of `levels`; the gaps hold what was last drawn."""

    name: str
    values: Floats
    gap: Bools
    levels: tuple[str, ...] = ()

    def coded(self) -> Floats:
        """Its columns as a predictor: the number, or indicators but of the first level."""
        if not self.levels:
            return self.values[:, None]
        return np.equal(self.values[:, None], np.arange(1, len(self.levels))).astype(np.float64)

    def given_back(self) -> npt.NDArray[Any]:
        return np.array(self.levels)[self.values.astype(np.int64)] if self.levels else self.values.copy()


def impute(
    covariates: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
    predictors: Mapping[str, npt.ArrayLike],
    *,
    seed: int,
    count: npt.ArrayLike | None = None,
    m: int = 20,
    rounds: int = 10,
) -> Imputed:
    """Return `m` completed sets of `covariates`; a row of count 3 is three subjects, each with draws of its own.

    `predictors` are complete columns of numbers that help to guess and are not given back. Raises `NotEstimable` for
    a covariate that nobody has, `ValueError` for a predictor with a gap, unequal lengths or fewer than 2 sets.
    """
    if m < 2 or rounds < 1:
        raise ValueError("multiple imputation takes at least two sets and one round")
    first = next(iter(covariates.values()), None)
    if first is None:
        raise ValueError("there is no covariate to impute")
    n = len(first)
    row = np.repeat(np.arange(n), np.ones(n, np.int64) if count is None else np.asarray(count, np.int64))
    known = _known(predictors, n)
    columns = [_column(name, values, n) for name, values in covariates.items()]
    order = np.lexsort([*(c.gap for c in columns), *(np.where(c.gap, 0, c.values) for c in columns), *known.T])
    row = row[np.argsort(np.argsort(order)[row], kind="stable")]
    columns = [_Column(c.name, c.values[row], c.gap[row], c.levels) for c in columns]
    seeds = np.random.SeedSequence(seed).spawn(m)
    sets = tuple(_completed(columns, known[row], rounds, np.random.default_rng(s)) for s in seeds)
    incomplete = np.logical_or.reduce([c.gap for c in columns])
    return Imputed(sets, row, {c.name: int(c.gap.sum()) for c in columns}, int(incomplete.sum()))


def hazard_predictors(episodes: Episodes, cause: str | int | None = None) -> dict[str, Floats]:
    """Return the event indicator and the Nelson-Aalen cumulative hazard from entry to exit, one entry a row.

    What a missing covariate of Cox's model is drawn by, beside the other covariates.
    """
    event = episodes.events_of(cause)
    risk = RiskTable.of(episodes, np.zeros(event.size, np.int64), 1)
    at = np.searchsorted(risk.times, episodes.exit[event])
    deaths = np.bincount(at, weights=episodes.count[event], minlength=risk.times.size)
    hazard = np.append(0.0, np.cumsum(deaths / np.maximum(risk.at_risk[:, 0], 1)))
    to = hazard[np.searchsorted(risk.times, episodes.exit, side="right")]
    since = hazard[np.searchsorted(risk.times, episodes.entry, side="right")]
    return {"event": event.astype(np.float64), "hazard": to - since}


def columns_of_counts(table: EventTable, covariates: Sequence[str]) -> tuple[Episodes, dict[str, list[Any]]]:
    """Return the episodes of a table without covariates, and the covariates of each row with None where missing.

    Texts that are all numbers are numbers. Raises `KeyError` for a name that the patterns do not have.
    """
    out: dict[str, list[Any]] = {}
    for name in covariates:
        e = Episodes.from_counts(table, by=name)
        texts = [e.groups[k] for k in e.group.tolist()]
        out[name] = _numbers(texts)
    return Episodes.from_counts(table), out


def _numbers(texts: list[str]) -> list[Any]:
    try:
        return [float(t) if t else None for t in texts]
    except ValueError:
        return [t or None for t in texts]


def _known(predictors: Mapping[str, npt.ArrayLike], n: int) -> Floats:
    out = [np.asarray(v, np.float64) for v in predictors.values()]
    if any(v.shape != (n,) or not np.all(np.isfinite(v)) for v in out):
        raise ValueError("a predictor has a gap, or not one entry a row")
    return np.column_stack(out) if out else np.zeros((n, 0))


def _column(name: str, values: Sequence[Any] | npt.NDArray[Any], n: int) -> _Column:
    given = list(values)
    if len(given) != n:
        raise ValueError(f"the covariate {name} has {len(given)} rows, the first one {n}")
    gap = np.array([v is None or v == "" or v != v for v in given])
    if gap.all():
        raise NotEstimable(f"{name} is missing for everyone")
    if any(isinstance(v, str) for v in given if v is not None):
        present = [str(v) for v, missing in zip(given, gap, strict=True) if not missing]
        at, levels = factor(np.array(present), len(present))
        codes = np.zeros(n)
        codes[~gap] = at
        return _Column(name, codes, gap, levels)
    return _Column(name, np.array([0.0 if g else float(v) for v, g in zip(given, gap, strict=True)]), gap)


def _completed(
    columns: Sequence[_Column], known: Floats, rounds: int, r: np.random.Generator
) -> dict[str, npt.NDArray[Any]]:
    """One set: gaps start as random draws of the values there are, then are drawn in turn."""
    own = [_Column(c.name, c.values.copy(), c.gap, c.levels) for c in columns]
    for c in own:
        if c.gap.any():
            c.values[c.gap] = r.choice(c.values[~c.gap], int(c.gap.sum()))
    gaps = sorted((c for c in own if c.gap.any()), key=lambda c: int(c.gap.sum()))
    for _ in range(rounds if len(gaps) > 1 else 1):
        for c in gaps:
            x = _predictors([known, *(o.coded() for o in own if o is not c)], ~c.gap)
            draw = _draw_category if c.levels else _draw_number
            c.values[c.gap] = draw(c, x, r)
    return {c.name: c.given_back() for c in own}


def _predictors(parts: Sequence[Floats], seen: Bools) -> Floats:
    """An intercept and standardised columns, without those that do not vary among the seen."""
    x = np.column_stack(parts)
    spread = x[seen].std(axis=0)
    varies = spread > 1e-10 * np.maximum(1.0, np.abs(x[seen]).max(axis=0, initial=0.0))
    return np.column_stack([np.ones(x.shape[0]), (x[:, varies] - x[seen][:, varies].mean(axis=0)) / spread[varies]])


def _draw_number(c: _Column, x: Floats, r: np.random.Generator) -> Floats:
    """Predictive mean matching (R `mice.impute.pmm`)."""
    seen, y = x[~c.gap], c.values[~c.gap]
    square = seen.T @ seen
    square += _RIDGE * np.diag(np.diag(square))
    beta = np.linalg.solve(square, seen.T @ y)
    df = max(seen.shape[0] - seen.shape[1], 1)
    sigma = np.sqrt(np.sum((y - seen @ beta) ** 2) / r.chisquare(df))
    drawn = beta + sigma * np.linalg.solve(np.linalg.cholesky(square).T, r.standard_normal(beta.size))
    return _nearest(seen @ beta, x[c.gap] @ drawn, y, r)


def _nearest(predicted: Floats, wanted: Floats, y: Floats, r: np.random.Generator) -> Floats:
    """For each wanted prediction the value of one of the `DONORS` whose predictions are nearest."""
    order = np.argsort(predicted, kind="stable")
    ascending, k = predicted[order], min(DONORS, predicted.size)
    around = np.searchsorted(ascending, wanted)[:, None] + np.arange(-k, k)
    inside = (around >= 0) & (around < predicted.size)
    around = around.clip(0, predicted.size - 1)
    apart = np.where(inside, np.abs(ascending[around] - wanted[:, None]), np.inf)
    chosen = np.argsort(apart, axis=1, kind="stable")[np.arange(wanted.size), r.integers(0, k, wanted.size)]
    return np.asarray(y[order[around[np.arange(wanted.size), chosen]]], np.float64)


def _draw_category(c: _Column, x: Floats, r: np.random.Generator) -> Floats:
    """Multinomial logistic regression on a bootstrap sample of those with a value."""
    seen = np.flatnonzero(~c.gap)
    sample = seen[r.integers(0, seen.size, seen.size)]
    beta = _multinomial(x[sample], c.values[sample].astype(np.int64), len(c.levels))
    chance = _chances(x[c.gap], beta)
    drawn = (np.cumsum(chance, axis=1)[:, :-1] < r.random((chance.shape[0], 1))).sum(axis=1)
    return np.asarray(drawn, np.float64)


def _multinomial(x: Floats, y: Ints, levels: int) -> Floats:
    """Coefficients (predictors x levels - 1) with the weak prior, by Newton's method."""
    k, q = x.shape[1], levels - 1
    beta = np.zeros((k, q))
    prior = np.full(k, _PRIOR)
    prior[0] = _PRIOR / 16
    hit = (y[:, None] == np.arange(1, levels)).astype(np.float64)
    for _ in range(100):
        p = _chances(x, beta)[:, 1:]
        slope = x.T @ (hit - p) - prior[:, None] * beta
        curve = np.zeros((q, k, q, k))
        for a in range(q):
            for b in range(q):
                weight = p[:, a] * ((a == b) - p[:, b])
                curve[a, :, b, :] = (x * weight[:, None]).T @ x
            curve[a, np.arange(k), a, np.arange(k)] += prior
        step = np.linalg.solve(curve.reshape(q * k, q * k), slope.T.reshape(-1)).reshape(q, k).T if q else slope
        longest = float(np.abs(step).max(initial=0.0))
        beta = beta + step * min(1.0, 2.0 / max(longest, 1e-300))
        if longest < 1e-8:
            break
    return beta


def _chances(x: Floats, beta: Floats) -> Floats:
    eta = np.column_stack([np.zeros(x.shape[0]), x @ beta])
    e = np.exp(eta - eta.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True), np.float64)
