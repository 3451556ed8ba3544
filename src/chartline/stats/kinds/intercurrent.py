"""Rows of an event on the way under every strategy, from the tables of one declaration.

The analysis' own table has the state of each subject (`before` and `after` the event on the way) in its patterns, and
the event on the way as a last cause; `.landmark_<months>` has those at risk at a landmark, `.ever` the whole time of
each subject by whether it ever happened. Every row's group starts with its strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chartline.counts.model import EventTable
from chartline.results.model import Result
from chartline.stats.comparison.logrank import logrank_test
from chartline.stats.competing.multistate import estimate_states
from chartline.stats.episodes import Episodes
from chartline.stats.groups import group_of
from chartline.stats.intercurrent.mantel_byar import mantel_byar_test
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import DAYS_PER_MONTH, FEW, Source, months
from chartline.stats.regression.cox import estimate_cox
from chartline.stats.statistic import NotEstimable
from chartline.stats.survival.kaplan_meier import Curve, estimate_curve

STATE, BEFORE, AFTER = "STATE", "before", "after"
BIASED = "biased (immortal time): who ever had the event had to live until then; shown beside the others only"


@dataclass(frozen=True)
class _Asked:
    """One strategy of an analysis: its tables and the rows it makes."""

    source: Source
    analysis: Any
    table: EventTable
    shared: dict[str, Any]

    def rows(self, *group: tuple[str, str], **more: Any) -> Rows:
        return Rows(self.analysis.id, self.analysis.label, group_of(group), self.shared | more)


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the numbers of patients, then the rows of every strategy in its order."""
    table = source.table(analysis.id, EventTable)
    shared: dict[str, Any] = {"missing": table.missing, "withheld": table.withheld}
    asked = _Asked(source, analysis, table, shared)
    yield asked.rows().count("n", policy_table(table).n)
    on_the_way = sum(row[-1] for row in table.rows.values())
    yield asked.rows(("STATE", AFTER)).count("n", on_the_way + _after_from_the_start(table))
    for strategy in analysis.strategies:
        yield from _STRATEGIES[strategy](asked)


def curves(source: Source, analysis: Any) -> dict[str, Curve]:
    """Return the Simon-Makuch curves, of the time before and after the event on the way."""
    out = {}
    table = source.table(analysis.id, EventTable)
    for state in (BEFORE, AFTER):
        part = _censor_last(table.select(((STATE, state),)))
        if part.rows:
            out[state] = estimate_curve(part, "log-log", analysis.level)
    return out


def policy_table(table: EventTable) -> EventTable:
    """Return everyone's whole time: who moves on neither leaves nor enters."""
    out: dict[tuple[Any, int], tuple[int, ...]] = {}
    for (pattern, day), row in table.rows.items():
        entered = row[0] if day == 0 or dict(pattern)[STATE] != AFTER else 0
        stays = (entered, *row[1:-1])
        have = out.get(((), day), (0,) * len(stays))
        out[((), day)] = tuple(a + b for a, b in zip(have, stays, strict=True))
    return replace(table, causes=table.causes[:-1], rows={k: v for k, v in sorted(out.items()) if any(v)})


def _after_from_the_start(table: EventTable) -> int:
    return sum(row[0] for (p, day), row in table.rows.items() if day == 0 and dict(p)[STATE] == AFTER)


def _censor_last(table: EventTable) -> EventTable:
    """The last cause, the move on, as a censoring."""
    rows = {k: (row[0], row[1] + row[-1], *row[2:-1]) for k, row in table.rows.items()}
    return replace(table, causes=table.causes[:-1], rows=rows)


def _kaplan_meier(asked: _Asked, table: EventTable, name: str, words: str) -> Iterator[Result]:
    """Median and survival at the landmarks of a table."""
    group = (("STRATEGY", name),)
    rows = asked.rows(*group, N=table.n, n=sum(sum(r[2:]) for r in table.rows.values()), level=asked.analysis.level)
    yield from rows.tried("median", words, lambda: _read(asked, rows, table, words, group))


def _read(
    asked: _Asked, rows: Rows, table: EventTable, words: str, group: tuple[tuple[str, str], ...]
) -> Iterator[Result]:
    if not table.n:
        raise NotEstimable("no patients")
    curve = estimate_curve(table, "log-log", asked.analysis.level)
    q = curve.quantile(0.5)
    method = f"Kaplan-Meier, {words}, log-log interval"
    ends = (months(q.lower), months(q.upper))
    yield rows.value("median", months(q.value), method, ends, unit="months", reason="median not reached")
    yield from _at_months(asked, curve, method, group, table.n)


def _at_months(
    asked: _Asked, curve: Curve, method: str, group: tuple[tuple[str, str], ...], n: int, after: float = 0
) -> Iterator[Result]:
    for month in asked.analysis.at_months:
        days = month * DAYS_PER_MONTH
        if days < after:
            continue
        s, risk = curve.survival_at(days), curve.n_risk(days)
        reached = curve.reaches(days)
        rows = asked.rows(*group, at=month, at_unit="months", N=n, n=risk, level=asked.analysis.level)
        yield rows.value(
            "survival", s.value if reached else None, method, (s.lower, s.upper) if reached else (None, None),
            unit="proportion", reason=f"nobody was followed to {month:g} months",
            warnings=(f"{risk} at risk at {month:g} months",) if reached and risk < FEW else (),
        )  # fmt: skip


def _policy(asked: _Asked) -> Iterator[Result]:
    yield from _kaplan_meier(asked, policy_table(asked.table), "treatment_policy", "whatever happens on the way")


def _hypothetical(asked: _Asked) -> Iterator[Result]:
    part = _censor_last(asked.table.select(((STATE, BEFORE),)))
    words = "censored at the event on the way, assuming that it says nothing of the prognosis"
    yield from _kaplan_meier(asked, part, "hypothetical", words)


def _composite(asked: _Asked) -> Iterator[Result]:
    part = asked.table.select(((STATE, BEFORE),))
    yield from _kaplan_meier(asked, part, "composite", "the event on the way counts as an event")


def _hazard_ratio(rows: Rows, table: EventTable, level: float, method: str) -> Iterator[Result]:
    """After against before, by Cox with the state as its covariate."""

    def fitted() -> Iterator[Result]:
        if {dict(p)[STATE] for p in table.patterns} != {BEFORE, AFTER}:
            raise NotEstimable("no patients on one side")
        fit = estimate_cox(
            Episodes.from_counts(table, covariates={STATE: "category"}, reference={STATE: BEFORE}), level=level
        )
        ends = (fit.lower[0], fit.upper[0])
        yield rows.value(
            "hazard_ratio", fit.hazard_ratios[0], method, ends, unit="ratio", level=level, warnings=fit.warnings
        )
        yield rows.p("p", fit.p[0], f"{method}, Wald test")

    yield from rows.tried("hazard_ratio", method, fitted)


def _landmark(asked: _Asked) -> Iterator[Result]:
    whole = policy_table(asked.table)
    for month in asked.analysis.landmark_months:
        table = asked.source.table(f"{asked.analysis.id}.landmark_{month:g}", EventTable)
        key = (("STRATEGY", "landmark"), ("LANDMARK", f"{month:g}"))
        yield asked.rows(*key).count("n", table.n)
        yield asked.rows(*key).count("n_excluded", whole.n - table.n)
        left = f"{whole.n - table.n} of {whole.n} had left by {month:g} months"
        for state in (BEFORE, AFTER):
            part = table.select(((STATE, state),))
            group = (*key, (STATE, state))
            yield asked.rows(*group).count("n", part.n)
            if part.n:
                words = f"Kaplan-Meier of those at risk at {month:g} months, by the state they were in then"
                curve = estimate_curve(part, "log-log", asked.analysis.level)
                yield from _at_months(asked, curve, words, group, part.n, month * DAYS_PER_MONTH)
        rows = asked.rows(*key, N=table.n)
        method = f"Cox regression from {month:g} months on, after against before; {left}"
        yield from _hazard_ratio(rows, table, asked.analysis.level, method)
        yield from rows.tried("p_logrank", "Log-rank test", partial(_logrank, rows, table, month))


def _logrank(rows: Rows, table: EventTable, month: float) -> Iterator[Result]:
    if len({dict(p)[STATE] for p in table.patterns}) < 2:
        raise NotEstimable("no patients on one side")
    found = logrank_test(Episodes.from_counts(table, by=STATE))
    method = f"Log-rank test from {month:g} months on"
    yield rows.value("chisq_logrank", found.chisq, method, unit="chi-square")
    yield rows.p("p_logrank", found.p, method)


def _time_dependent(asked: _Asked) -> Iterator[Result]:
    rows = asked.rows(("STRATEGY", "time_dependent"), N=policy_table(asked.table).n)
    method = "Cox regression with the event on the way as time-dependent covariate, Efron ties"
    yield from _hazard_ratio(rows, _censor_last(asked.table), asked.analysis.level, method)


def _simon_makuch(asked: _Asked) -> Iterator[Result]:
    table = _censor_last(asked.table)
    for state, curve in curves(asked.source, asked.analysis).items():
        group = (("STRATEGY", "simon_makuch"), (STATE, state))
        method = "Simon-Makuch, the state held at each time, log-log interval"
        yield from _at_months(asked, curve, method, group, curve.n)
    rows = asked.rows(("STRATEGY", "simon_makuch"))

    def test() -> Iterator[Result]:
        if len({dict(p)[STATE] for p in table.patterns}) < 2:
            raise NotEstimable("no patients on one side")
        found = mantel_byar_test(Episodes.from_counts(table, by=STATE))
        yield rows.value("chisq_mantel_byar", found.chisq, "Mantel-Byar test", unit="chi-square")
        yield rows.p("p_mantel_byar", found.p, "Mantel-Byar test", warnings=found.warnings)

    yield from rows.tried("p_mantel_byar", "Mantel-Byar test", test)


def _multistate(asked: _Asked) -> Iterator[Result]:
    table = replace(asked.table, causes=(*asked.table.causes[:-1], AFTER))
    method = "Illness-death model, Aalen-Johansen, log-log interval"
    states = [BEFORE, AFTER, *table.causes[:-1]]

    def shares() -> Iterator[Result]:
        if not table.rows:
            raise NotEstimable("no patients")
        fit = estimate_states(Episodes.from_counts(table, by=STATE), states=states, level=asked.analysis.level)
        for month in asked.analysis.at_months:
            at = fit.at(month * DAYS_PER_MONTH)
            for i, state in enumerate(states):
                rows = asked.rows(
                    ("STRATEGY", "multistate"), ("STATE", state), at=month, at_unit="months", level=asked.analysis.level
                )
                reached = bool(at.reached[0])
                ends = (at.lower[0, i], at.upper[0, i]) if reached else (None, None)
                value = at.probability[0, i] if reached else None
                why = f"nobody was followed to {month:g} months"
                yield rows.value("state", value, method, ends, unit="proportion", reason=why)

    yield from asked.rows(("STRATEGY", "multistate")).tried("state", method, shares)


def _naive(asked: _Asked) -> Iterator[Result]:
    table = asked.source.table(f"{asked.analysis.id}.ever", EventTable)
    rows = asked.rows(("STRATEGY", "naive"), N=table.n, warnings=(BIASED,))
    yield from _hazard_ratio(rows, table, asked.analysis.level, "Cox regression, ever against never from time zero")


_STRATEGIES: dict[str, Callable[[_Asked], Iterator[Result]]] = {
    "treatment_policy": _policy,
    "hypothetical": _hypothetical,
    "composite": _composite,
    "landmark": _landmark,
    "time_dependent": _time_dependent,
    "simon_makuch": _simon_makuch,
    "multistate": _multistate,
    "naive": _naive,
}
