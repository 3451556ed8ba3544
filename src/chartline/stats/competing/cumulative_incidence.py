"""Aalen-Johansen: of everyone at the start, which share has had each cause by a day, and which share none.

In: Episodes whose causes compete. Out: for every cause the cumulative incidence with standard error and pointwise
interval, and the event-free curve; causes and event-free add up to one at every time. The work is one sort of the
rows and a few cumulative sums over distinct times.

Conventions (R `survival::survfit(Surv(time, factor(status)) ~ 1)`): at risk at t are those with entry < t <= exit;
events precede censorings of the same day; intervals are of the probability itself on the log-log, log or plain scale.
The standard error is `greenwood` unless asked otherwise (see `incidence_variance`): it equals what survfit prints
where everyone enters at time 0, needs counts only, and stays the same where a subject's time is cut in pieces. R's
`cmprsk::cuminc` gives `gray`; it differs in the third digit at small numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.competing.bands import IntervalKind, probability_band, refuse
from chartline.stats.competing.incidence_variance import VarianceKind, event_free, gray, greenwood, jackknife
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.risk import Leaving, RiskTable
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="cumulative_incidence",
        label="Cumulative incidence of a cause at a time",
        takes="Episodes or EventTable with the causes that compete",
        gives="P(event of the cause by t), standard error and log-log, log or plain interval; the event-free share",
        reference="summary(survival::survfit(Surv(time, factor(status)) ~ group), times)",
        paper="Aalen OO, Johansen S. Scand J Stat 1978;5:141-150",
    ),
    Statistic(
        name="cumulative_incidence_gray",
        label="Cumulative incidence with Gray's variance",
        takes="Episodes or EventTable with the causes that compete",
        gives="P(event of the cause by t) with the variance of cmprsk",
        reference="cmprsk::timepoints(cmprsk::cuminc(time, status, group), times)",
        paper="Gray RJ. Ann Stat 1988;16:1141-1154; Aalen OO. Ann Stat 1978;6:534-545",
    ),
    Statistic(
        name="relapse_nrm_rfs",
        label="Relapse, non-relapse mortality and relapse-free survival",
        takes="Episodes or EventTable with relapse as one of its causes",
        gives="three shares that add up to one at every time, each with its interval",
        reference="summary(survival::survfit(Surv(time, factor(status)) ~ 1), times)$pstate",
        paper="Iacobelli S. Bone Marrow Transplant 2013;48 Suppl 1:S1-S37",
    ),
)
_START = np.array([-np.inf])  # the one day of entry where everyone is there from the start
SAME = float(np.sqrt(np.finfo(float).eps))  # two probabilities closer than this are equal (R quantile.survfit)


@dataclass(frozen=True, eq=False)
class Shares:
    """A probability at given times (arrays of one length); NaN limits where the interval has no value."""

    estimate: Floats
    std_error: Floats
    level: float
    interval: IntervalKind

    @property
    def lower(self) -> Floats:
        return self._limits[0]

    @property
    def upper(self) -> Floats:
        return self._limits[1]

    @lazy
    def _limits(self) -> tuple[Floats, Floats]:
        return probability_band(self.estimate, self.std_error, self.interval, self.level)


@dataclass(frozen=True, eq=False)
class IncidenceAt:
    """The curves read at `times_days`; `reached` is False where nobody was followed that long and some were left."""

    times_days: Floats
    causes: Mapping[str, Shares]
    event_free: Shares
    at_risk: Ints
    reached: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TimeToShare:
    """The first day at which a cumulative incidence is at least a share, and the days at which its upper and its
    lower limit are; None is "not reached"."""

    value: float | None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """Right-continuous step functions at the distinct days of leaving; arrays have one entry a day.

    `causes` maps the name of each cause to its curve. `at_risk` is just before each day, `events` (by cause) and
    `censored` on it. `entries` are the days of entry (-inf for who was there from the start), with their numbers.
    """

    times_days: Floats
    causes: Mapping[str, Shares]
    event_free: Shares
    at_risk: Ints
    events: Mapping[str, Ints]
    censored: Ints
    entries: tuple[Floats, Ints]
    level: float
    interval: IntervalKind
    variance: VarianceKind
    warnings: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        return int(self.entries[1].sum())

    def reaches(self, days: float) -> bool:
        """True where the curves are estimated at `days`: somebody was followed that long, or nobody was left."""
        return bool(days <= self.times_days[-1] or self.event_free.estimate[-1] <= 0)

    def n_risk(self, days: npt.ArrayLike) -> Ints:
        """Return the numbers with entry < `days` <= exit; who enters at day 0 is at risk from day 0 on."""
        when = np.asarray(days, np.float64)
        come = np.searchsorted(self.entries[0], when, side="left")
        gone = np.searchsorted(self.times_days, when, side="left")
        left = self.censored + sum(self.events.values())
        return np.asarray(_from_zero(self.entries[1])[come] - _from_zero(left)[gone])

    def at(self, days: npt.ArrayLike) -> IncidenceAt:
        """Return every curve at `days`, carried forward after the last day (`summary.survfit(extend = TRUE)`)."""
        when = np.atleast_1d(np.asarray(days, np.float64))
        step = np.searchsorted(self.times_days, when, side="right") - 1
        reached = np.array([self.reaches(t) for t in when.tolist()], bool)
        causes = {name: _read(curve, step, 0.0) for name, curve in self.causes.items()}
        free = _read(self.event_free, step, 1.0)
        return IncidenceAt(when, causes, free, self.n_risk(when), reached)

    def time_to(self, cause: str, share: float = 0.5) -> TimeToShare:
        """Return the first day at which the incidence of `cause` is at least `share` (0.5: its median, of everyone).

        Its limits are the days at which the upper and the lower limit of the incidence reach `share`. Raises
        `KeyError` for a cause that there is not.
        """
        curve = self.causes[cause]
        bands = (curve.estimate, curve.upper, curve.lower)
        return TimeToShare(*(self._first(band, share) for band in bands))

    def _first(self, band: Floats, share: float) -> float | None:
        with np.errstate(invalid="ignore"):
            hits = np.flatnonzero(band >= share - SAME)
        return float(self.times_days[hits[0]]) if hits.size else None


@dataclass(frozen=True, eq=False)
class RelapseNrmRfs:
    """Relapse, death without relapse (all other causes together) and neither, at `times_days`; they sum to one."""

    times_days: Floats
    relapse: Shares
    non_relapse_mortality: Shares
    relapse_free_survival: Shares
    at_risk: Ints
    reached: npt.NDArray[np.bool_]


def estimate_cumulative_incidence(
    episodes: Episodes, *, interval: IntervalKind = "log-log", level: float = 0.95, variance: VarianceKind = "greenwood"
) -> CumulativeIncidence:
    """Return the curves of everyone in `episodes` (all groups and strata together).

    Raises `NotEstimable` where there is nobody, `ValueError` for an interval, level or variance that there is not.
    """
    rows = episodes.present()
    if not rows.n:
        raise NotEstimable("no patients in the set")
    return _of_all(rows, interval, level, variance)


def estimate_cumulative_incidences(
    episodes: Episodes, *, interval: IntervalKind = "log-log", level: float = 0.95, variance: VarianceKind = "greenwood"
) -> dict[str, CumulativeIncidence]:
    """Return the curves of each group that has somebody, by its name (R `~ group`).

    Raises as `estimate_cumulative_incidence`.
    """
    rows = episodes.present()
    if rows.late or variance == "jackknife":  # of each group by itself: the numbers at risk do not say all
        parts = [rows.select(rows.group == g) for g in range(len(rows.groups))]
        curves = [_of_all(part, interval, level, variance) for part in parts]
    else:
        leaving = rows.risk.leaving
        entries = [(_START, leaving.at_risk[at][:1]) for at in leaving.runs.of]
        curves = _curves(rows, rows.risk, entries, interval, level, variance)
    out = {name: curve for name, curve in zip(rows.groups, curves, strict=True) if curve.times_days.size}
    if not out:
        raise NotEstimable("no patients in the set")
    return out


def _of_all(rows: Episodes, interval: IntervalKind, level: float, variance: VarianceKind) -> CumulativeIncidence:
    return _curves(rows, RiskTable.of_all(rows), [_entries(rows)], interval, level, variance)[0]


def _curves(
    rows: Episodes, table: RiskTable, entries: Sequence[tuple[Floats, Ints]], interval: IntervalKind, level: float,
    variance: VarianceKind,
) -> list[CumulativeIncidence]:  # fmt: skip
    """One a column of `table`; `rows` are looked at for what the table does not say."""
    refuse(interval, level)
    leaving = table.leaving
    runs, at_risk, every = leaving.runs, leaving.at_risk, leaving.all_events
    p = np.empty((len(leaving.events) + 1, at_risk.size))  # the causes, and in the last line nothing
    after = runs.products((at_risk - every) / at_risk)
    before = runs.before(after, 1.0)
    p[:-1], p[-1] = runs.sums(before * leaving.events / at_risk), after
    spread = _variance(variance, leaving, before, p, rows)
    se = np.sqrt(np.where(p > 0, spread, 0.0))  # where p is 0, nothing but rounding is left of the sums
    out = []
    for at, entered in zip(runs.of, entries, strict=True):
        curves = [Shares(*of, level, interval) for of in zip(p[:, at], se[:, at], strict=True)]
        out.append(CumulativeIncidence(
            times_days=leaving.times[at],
            causes=dict(zip(rows.causes, curves, strict=False)),
            event_free=curves[-1],
            at_risk=at_risk[at],
            events=dict(zip(rows.causes, leaving.events[:, at], strict=True)),
            censored=leaving.censored[at],
            entries=entered,
            level=level,
            interval=interval,
            variance=variance,
            warnings=_warnings(leaving.times[at], after[at]) if rows.late else (),
        ))  # fmt: skip
    return out


def estimate_relapse_nrm_rfs(
    episodes: Episodes, days: npt.ArrayLike, *, relapse: str, interval: IntervalKind = "log-log", level: float = 0.95
) -> RelapseNrmRfs:
    """Return relapse, non-relapse mortality and relapse-free survival at `days`; every cause but `relapse` is NRM.

    Raises `NotEstimable` where there is nobody, `ValueError` for a cause that there is not.
    """
    relapsed = episodes.events_of(relapse)
    status = np.where(relapsed, 1, np.where(episodes.status > 0, 2, 0))
    two = Episodes(
        **{name: getattr(episodes, name) for name in ("entry", "exit", "count", "group", "stratum", "pattern")},
        status=status, values=episodes.values, groups=episodes.groups, strata=episodes.strata,
        covariates=episodes.covariates, causes=("relapse", "death without relapse"),
    )  # fmt: skip
    at = estimate_cumulative_incidence(two, interval=interval, level=level).at(days)
    first, second = at.causes.values()
    return RelapseNrmRfs(at.times_days, first, second, at.event_free, at.at_risk, at.reached)


def _variance(kind: VarianceKind, leaving: Leaving, before: Floats, p: Floats, rows: Episodes) -> Floats:
    """Of each cause, and in the last line of the event-free curve."""
    if kind == "jackknife":
        if not rows.paired:
            raise NotEstimable("which entry belongs to which exit is not known, so influences cannot be summed")
        at_risk, every, after, kinds = leaving.at_risk, leaving.all_events, p[-1], np.arange(len(p))
        lines = [*zip(leaving.events, p[:-1], (kinds == k for k in range(1, len(p))), strict=True)]
        lines.append((every, np.cumsum(before * every / at_risk), kinds > 0))
        return np.array([
            jackknife(before, after, at_risk, d, every, f, rows, leaving.times, which) for d, f, which in lines
        ])  # fmt: skip
    if kind not in ("greenwood", "gray"):
        raise ValueError(f"not a variance: {kind}")
    out = np.empty_like(p)
    out[:-1] = (greenwood if kind == "greenwood" else gray)(leaving, before, p[-1], p[:-1])
    out[-1] = event_free(leaving, p[-1])  # cuminc has no event-free curve
    return out


def _entries(rows: Episodes) -> tuple[Floats, Ints]:
    if not rows.late:
        return _START, np.array([rows.n])
    days, at = np.unique(rows.entry, return_inverse=True)
    return days, np.bincount(at.reshape(-1), rows.count, days.size).astype(np.int64)


def _warnings(times: Floats, after: Floats) -> tuple[str, ...]:
    """Late entry can leave nobody at risk before the last entrant: the curves then stay where they are for ever."""
    ended = int(after.size - np.count_nonzero(after <= 0))
    if ended + 1 < times.size:
        return (f"all at risk on day {times[ended]:g} had an event; who entered later adds nothing",)
    return ()


def _from_zero(numbers: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(numbers)])


def _read(curve: Shares, step: Ints, start: float) -> Shares:
    """The curve at each step; before the first it is 0 or 1, known without error."""
    ends = ((start, curve.estimate), (0.0, curve.std_error))
    p, error = (np.where(step < 0, first, values[np.maximum(step, 0)]) for first, values in ends)
    return Shares(p, error, curve.level, curve.interval)
