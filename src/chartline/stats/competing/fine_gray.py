"""Fine-Gray regression: what covariates do to the cumulative incidence of one cause while others compete.

In: Episodes with covariates; its strata are those of the censoring distribution (R crr `cengroup`). Out: coefficients
with robust errors, tests, the baseline, and the incidence predicted for any covariates. A subject with a competing
event stays in the risk set with the weight of not yet being censored (`censoring_weights`); ties are Breslow's.

Conventions. `weights` "crr" (default) is that of R `cmprsk::crr`, "finegray" that of `survival::finegray` followed by
`coxph(ties = "breslow")`; they differ only where an event and a censoring share a day. With strata finegray renews the
weights of a stratum at the event times of its own members only, and coxph on all strata together then uses stale ones:
here they are renewed at all event times, as crr has them. `variance` "fine_gray"
(default) is the sandwich of the 1999 paper, as crr has it, with the term for the estimated weights; "robust" takes
the weights as known, as coxph with `cluster(id)` does; "model" is the inverse information. With several strata crr
keeps in that term, of each stratum, the event times of its own members only; the formula of the paper, computed here,
has all event times, so that standard errors differ from crr's in the third or fourth digit. With late entry (weights of
Geskus) the term covers censoring only; R finegray heeds late entry only where somebody enters after the first exit,
here it counts from the first exit on. `crr` stops early (gtol = 1e-6); here Newton's method runs to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.competing.censoring_weights import CensoringWeights, WeightKind, censoring_weights
from chartline.stats.competing.newton import Maximum, maximise
from chartline.stats.competing.subdistribution import Counted, Engine, Patterns, Rows, Separable, weighed_gram
from chartline.stats.competing.totals import totals
from chartline.stats.distributions import chi2_sf, interval_z
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.patterns import find_patterns
from chartline.stats.risk import distinct
from chartline.stats.statistic import NotEstimable, Statistic

FineGrayVariance = Literal["fine_gray", "robust", "model"]

STATISTICS = (
    Statistic(
        name="fine_gray",
        label="Subdistribution hazard ratio (Fine-Gray)",
        takes="Episodes or EventTable with the causes that compete, with covariates",
        gives="hazard ratio of the subdistribution with robust interval; Wald, score and likelihood-ratio tests",
        reference="cmprsk::crr(time, status, x, gtol = 1e-12); coxph(Surv(fgstart, fgstop, fgstatus) ~ x, finegray())",
        paper="Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496-509; Geskus RB. Biometrics 2011;67:39-49 (late entry)",
    ),
    Statistic(
        name="fine_gray_prediction",
        label="Predicted cumulative incidence (Fine-Gray)",
        takes="a Fine-Gray model and covariates",
        gives="cumulative incidence by day",
        reference="cmprsk::predict.crr",
        paper="Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496-509",
    ),
)
LARGEST = 40_000_000  # numbers that the patterns x event times x covariates of effects that change may fill


@dataclass(frozen=True)
class TimeEffect:
    """The covariate times a function of time in days, as a further term called `covariate*label`."""

    covariate: str
    function: Callable[[Floats], npt.ArrayLike]
    label: str = "f(t)"


@dataclass(frozen=True)
class Test:
    """A chi-square test of all coefficients."""

    chisq: float
    df: int
    p: float


@dataclass(frozen=True, eq=False)
class FineGray:
    """The model; arrays have one entry a term, `times_days` and `baseline_jumps` one an event time.

    `baseline_jumps` are those of the cumulative subdistribution hazard at covariates 0. A coefficient that the
    likelihood drives to infinity is +-inf, with NaN errors and a sentence in `warnings`.
    """

    cause: str
    terms: tuple[str, ...]
    coefficients: Floats
    std_errors: Floats
    z: Floats
    p: Floats
    hazard_ratios: Floats
    lower: Floats
    upper: Floats
    covariance: Floats
    information: Floats
    loglik: float
    loglik_null: float
    wald: Test
    score: Test
    likelihood_ratio: Test
    times_days: Floats
    baseline_jumps: Floats
    n: int
    events: int
    competing: int
    level: float
    weights: WeightKind
    variance: FineGrayVariance
    iterations: int
    time_effects: tuple[TimeEffect, ...] = ()
    covariates: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def predict(self, covariates: npt.ArrayLike, days: npt.ArrayLike | None = None) -> Floats:
        """Return the cumulative incidence for rows of covariates (in the order of `covariates`): rows x days.

        `days` are `times_days` if not given; after the last the curve stays (`cmprsk::predict.crr`). Raises
        `NotEstimable` where a coefficient is infinite, `ValueError` for rows of another length.
        """
        x = np.atleast_2d(np.asarray(covariates, np.float64))
        if x.shape[1] != len(self.covariates):
            raise ValueError(f"a row has {x.shape[1]} covariates, the model {len(self.covariates)}")
        if not np.all(np.isfinite(self.coefficients)):
            raise NotEstimable("a coefficient is infinite")
        z = _at_times(x, self.covariates, self.time_effects, self.times_days)
        risen = 1 - np.exp(-np.cumsum(np.exp(z @ self.coefficients) * self.baseline_jumps, axis=1))
        if days is None:
            return risen
        at = np.searchsorted(self.times_days, np.atleast_1d(np.asarray(days, np.float64)), side="right")
        return np.hstack([np.zeros((x.shape[0], 1)), risen])[:, at]


def estimate_fine_gray(
    episodes: Episodes, cause: str | int = 1, *, time_effects: Sequence[TimeEffect] = (), weights: WeightKind = "crr",
    variance: FineGrayVariance = "fine_gray", level: float = 0.95, subject: npt.ArrayLike | None = None,
) -> FineGray:  # fmt: skip
    """Fit the subdistribution hazard of `cause` (a name, or 1, 2, ...).

    A row is a subject, and a late entry is left truncation; where subjects are cut into rows (covariates that change),
    `subject` holds an index a row. With `episodes.cluster` the variance is by cluster. Raises `NotEstimable` for no
    event, no covariate, collinear covariates, or late entry that cannot be weighed; `ValueError` for a wrong call.
    """
    keep = episodes.count > 0
    rows = episodes if keep.all() else episodes.select(keep)
    who = None if subject is None else np.unique(np.asarray(subject)[keep], return_inverse=True)[1].reshape(-1)
    of_cause = rows.events_of(cause)
    name = cause if isinstance(cause, str) else rows.causes[cause - 1]
    if not rows.n:
        raise NotEstimable("no patients in the set")
    if not of_cause.any():
        raise NotEstimable(f"no event of the cause {name}")
    if not rows.covariates:
        raise NotEstimable("no covariate")
    begins, ends = _ends(rows, who)
    stratum, strata = rows.stratum, len(rows.strata)
    censoring = censoring_weights(rows, stratum, strata, weights, ends, begins)
    table = _rows(rows, of_cause, stratum, strata, censoring)
    engine, centre, scale = _engine(rows, table, tuple(time_effects))
    terms = (*rows.covariates, *(f"{e.covariate}*{e.label}" for e in time_effects))
    best = maximise(engine.evaluate, scale, terms)
    lost = (rows.status == 0) if ends is None else (rows.status == 0) & ends
    with np.errstate(over="ignore", invalid="ignore"):  # far from the data: no variance, which `_result` says
        covariance = _covariance(engine, best, variance, table, censoring, lost, weights, who, rows)
    away = _at_times(centre, rows.covariates, tuple(time_effects), table.times) @ best.finite
    with np.errstate(over="ignore"):  # the baseline of covariates 0 may be infinitely far from the data
        jumps = best.fit.jumps * np.exp(-away)[0]
    return _result(
        best, covariance, terms, name, rows, table, jumps, level, weights, variance, tuple(time_effects)
    )  # fmt: skip


def _ends(rows: Episodes, who: Ints | None) -> tuple[npt.NDArray[np.bool_] | None, npt.NDArray[np.bool_] | None]:
    """Which rows are the first and the last of their subject; None where every row is both."""
    if who is None:
        return None, None
    size = int(who.max()) + 1
    last, first = np.full(size, -np.inf), np.full(size, np.inf)
    np.maximum.at(last, who, rows.exit)
    np.minimum.at(first, who, rows.entry)
    return rows.entry == first[who], rows.exit == last[who]


def _rows(rows: Episodes, of_cause: npt.NDArray[np.bool_], stratum: Ints, strata: int, w: CensoringWeights) -> Rows:
    times, _ = distinct(rows.exit[of_cause])
    count = rows.count.astype(np.float64)
    until = np.searchsorted(times, w.times, side="right")[w.step]  # looked up by distinct time, not by row
    late = bool(np.isfinite(rows.entry).any())
    start = np.searchsorted(times, rows.entry, side="right") if late else np.zeros(until.size, np.int64)
    competing = np.flatnonzero((rows.status > 0) & ~of_cause & (until < times.size))
    own = w.on_step(stratum[competing], w.step[competing], rows.exit[competing])
    if np.any(own <= 0):
        raise NotEstimable("nobody is at risk just before some enter late, so that late entry cannot be weighed")
    grid = np.stack([w.before(g, times) for g in range(strata)])
    deaths = totals(until[of_cause] - 1, count[of_cause], times.size)
    return Rows(
        count, start, until, of_cause, rows.status > 0, competing, own, stratum, strata, times, grid, deaths,
        rows.entry, late,
    )  # fmt: skip


def _engine(rows: Episodes, table: Rows, effects: tuple[TimeEffect, ...]) -> tuple[Engine, Floats, Floats]:
    """The engine on centred covariates, the centre (one row of covariates) and the spread of each term."""
    for e in effects:
        if e.covariate not in rows.covariates:
            raise ValueError(f"there is no covariate {e.covariate}; there are {', '.join(rows.covariates)}")
    x = rows.x
    centre = table.count @ x / table.count.sum()
    if not effects:
        lines = np.ascontiguousarray(x.T) - centre[:, None]
        scale = np.sqrt(np.diag(weighed_gram(lines, table.count)) / table.count.sum())
        found = find_patterns(rows, table.times.size)
        if found is None:
            return Separable(table, lines), centre[None, :], scale
        values = np.ascontiguousarray((found[1] - centre).T)
        return Counted(table, lines, values, found[0]), centre[None, :], scale
    distinct, pattern = np.unique(x - centre, axis=0, return_inverse=True)
    size = distinct.shape[0] * table.times.size * (x.shape[1] + len(effects))
    if size > LARGEST:
        raise ValueError(
            f"{distinct.shape[0]} distinct covariate rows at {table.times.size} event times are too many for effects"
            " that change with time; round the covariates, or the days"
        )
    z = _at_times(distinct, rows.covariates, effects, table.times)
    n = totals(pattern.reshape(-1), table.count, distinct.shape[0])
    scale = np.sqrt(np.einsum("p,pjk->k", n, z**2) / (n.sum() * table.times.size))
    return Patterns(table, z, pattern.reshape(-1)), centre[None, :], scale


def _at_times(x: Floats, covariates: tuple[str, ...], effects: tuple[TimeEffect, ...], times: Floats) -> Floats:
    """Rows x times x terms: the covariates, then each changing one times its function."""
    fixed = np.broadcast_to(x[:, None, :], (x.shape[0], times.size, x.shape[1]))
    if not effects:
        return fixed
    moving = []
    for e in effects:
        f = np.asarray(e.function(times), np.float64)
        if f.shape != times.shape or not np.all(np.isfinite(f)):
            raise ValueError(f"the function of {e.covariate}*{e.label} has no finite value at every event time")
        moving.append(x[:, covariates.index(e.covariate), None] * f)
    return np.concatenate([fixed, np.stack(moving, axis=2)], axis=2)


def _covariance(
    engine: Engine, best: Maximum, kind: FineGrayVariance, table: Rows, censoring: CensoringWeights,
    lost: npt.NDArray[np.bool_], weights: WeightKind, who: Ints | None, rows: Episodes,
) -> Floats:  # fmt: skip
    if kind == "model":
        return best.inverse
    if kind not in ("fine_gray", "robust"):
        raise ValueError(f"not a variance: {kind}")
    if not rows.paired:
        raise NotEstimable("which entry belongs to which exit is not known, so that there is no robust variance")
    share = engine.eta(best.finite)
    if kind == "fine_gray":
        share += engine.psi(best.finite, censoring, lost, weights == "crr")
    if rows.cluster is not None:  # members of a cluster add up before the square
        middle = _squares(share, rows.cluster, table.count)
    elif who is not None:  # `count` copies of a subject add count times its square
        middle = _squares(share, who, np.sqrt(table.count))
    else:
        middle = weighed_gram(share, table.count)
    return np.asarray(best.inverse @ middle @ best.inverse)


def _squares(share: Floats, group: Ints, weight: Floats) -> Floats:
    sums = np.stack([totals(group, line * weight, int(group.max()) + 1) for line in share])
    return np.asarray(sums @ sums.T)


def _result(
    best: Maximum, covariance: Floats, terms: tuple[str, ...], name: str, rows: Episodes, table: Rows, jumps: Floats,
    level: float, weights: WeightKind, variance: FineGrayVariance, effects: tuple[TimeEffect, ...],
) -> FineGray:  # fmt: skip
    from scipy.special import ndtr

    beta, ok = best.beta, np.isfinite(best.beta)
    covariance = np.where(np.outer(ok, ok), covariance, np.nan)
    spread = np.diag(covariance)
    se = np.sqrt(np.where(ok & (spread >= 0), spread, np.nan))
    z = np.divide(beta, se, out=np.full_like(beta, np.nan), where=ok & (se > 0))
    half = interval_z(level) * se
    df = int(ok.sum())
    wald = _wald(beta[ok], covariance[np.ix_(ok, ok)])
    score = float(best.null.score @ np.linalg.solve(best.null.information, best.null.score))
    warnings = list(best.warnings)
    if table.late and variance == "fine_gray":
        warnings.append("the weights for late entry are taken as known in the variance")
    if df and np.isnan(wald):
        warnings.append(f"the robust variance is singular: too few events for {len(terms)} coefficients")
    with np.errstate(over="ignore"):
        ratios, lower, upper = np.exp(beta), np.exp(beta - half), np.exp(beta + half)
    return FineGray(
        name, terms, beta, se, z, 2 * ndtr(-np.abs(z)), ratios, lower, upper, covariance, best.fit.information,
        best.fit.loglik, best.null.loglik, _test(wald, df), _test(score, len(terms)),
        _test(2 * (best.fit.loglik - best.null.loglik), len(terms)), table.times, jumps, rows.n,
        int(table.deaths.sum()), int(table.count[(rows.status > 0) & ~table.event].sum()), level, weights, variance,
        best.iterations, effects, rows.covariates, tuple(warnings),
    )  # fmt: skip


def _wald(beta: Floats, covariance: Floats) -> float:
    """The quadratic form; NaN where the covariance is singular."""
    square = np.diag(covariance)
    if not square.size or not np.all(square > 0):
        return float("nan")
    size = np.sqrt(square)
    if np.linalg.eigvalsh(covariance / np.outer(size, size))[0] < 1e-12:
        return float("nan")
    return float(beta @ np.linalg.solve(covariance, beta))


def _test(chisq: float, df: int) -> Test:
    known = bool(df) and not np.isnan(chisq)
    return Test(chisq, df, chi2_sf(max(chisq, 0.0), df) if known else float("nan"))
