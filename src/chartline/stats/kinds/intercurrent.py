"""Rows of an event on the way under every strategy, from the tables of one declaration.

The analysis' own table has the state of each subject (`before` and `after` the event on the way) in its patterns, and
the event on the way as a last cause; `.landmark_<months>` has those at risk at a landmark, `.ever` the whole time of
each subject by whether it ever happened. What a strategy analyses is said by `stats/intercurrent`; every row's group
starts with its strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from chartline.counts.model import AFTER, BEFORE, STATE, EventTable, Pattern
from chartline.protocol.names import event_words
from chartline.results.curve import StepCurve
from chartline.results.model import Result
from chartline.stats.comparison.logrank import logrank_test
from chartline.stats.episodes import Episodes
from chartline.stats.groups import NOBODY, group_of, left_out
from chartline.stats.intercurrent.strategies import sentence_of
from chartline.stats.intercurrent.strategy_counts import apply_strategy_to_counts
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import DAYS_PER_MONTH, FEW, Source, months
from chartline.stats.kinds.survival import drawn
from chartline.stats.regression.cox import estimate_cox
from chartline.stats.statistic import NotEstimable
from chartline.stats.survival.kaplan_meier import Curve, estimate_curve

BIASED = "biased (immortal time): who ever had the event had to live until then, so it only stands beside the others"
_STATES = (BEFORE, AFTER)


@dataclass(frozen=True)
class _Asked:
    """One analysis: its tables and the rows it makes."""

    source: Source
    analysis: Any
    table: EventTable
    shared: dict[str, Any]

    @property
    def event(self) -> str:
        return event_words(self.analysis.event, self.source.protocol)

    def rows(self, *group: tuple[str, str], **more: Any) -> Rows:
        warnings = (*self.shared["warnings"], *more.pop("warnings", ()))
        return Rows(self.analysis.id, self.analysis.label, group_of(group), self.shared | more | {"warnings": warnings})

    def episodes(self, strategy: str) -> Episodes:
        """What a strategy analyses of the analysis' own table."""
        if not self.table.rows:
            raise NotEstimable(NOBODY)
        return apply_strategy_to_counts(strategy, self.table, moved=str(self.analysis.event)).episodes

    def sentence(self, strategy: str) -> str:
        """What a strategy means, to stand after the name of a method."""
        text = sentence_of(strategy, self.event, None).rstrip(".")
        return text[:1].lower() + text[1:]


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the numbers of patients, then the rows of every strategy in its order."""
    table = source.table(analysis.id, EventTable)
    shared: dict[str, Any] = {
        "missing": table.missing, "withheld": table.withheld,
        "warnings": left_out(table.missing, table.withheld, "without a time, or without the day of the event left out"),
    }  # fmt: skip
    asked = _Asked(source, analysis, table, shared)
    yield asked.rows().count("n", table.n_at_start)
    yield asked.rows((STATE, AFTER)).count("n", table.select(((STATE, AFTER),)).n)
    for strategy in analysis.strategies:
        yield from _STRATEGIES[strategy](asked)


def curves(source: Source, analysis: Any) -> dict[str, StepCurve]:
    """Return the Simon-Makuch curves, of the time before and after the event on the way."""
    if "simon_makuch" not in analysis.strategies:
        return {}
    asked = _Asked(source, analysis, source.table(analysis.id, EventTable), {"warnings": ()})
    return {state: drawn(curve) for state, curve in _simon_makuch_curves(asked).items()}


def _simon_makuch_curves(asked: _Asked) -> dict[str, Curve]:
    if not asked.table.rows:
        return {}
    episodes = asked.episodes("simon_makuch")
    parts = {state: episodes.select(episodes.group == i) for i, state in enumerate(_STATES)}
    return {state: estimate_curve(part, "log-log", asked.analysis.level) for state, part in parts.items() if part.n}


def _kaplan_meier(asked: _Asked, strategy: str) -> Iterator[Result]:
    """Median and survival at the landmarks of everyone's time as the strategy counts it."""
    group, method = (("STRATEGY", strategy),), f"Kaplan-Meier, log-log interval; {asked.sentence(strategy)}"

    def read() -> Iterator[Result]:
        curve = estimate_curve(asked.episodes(strategy), "log-log", asked.analysis.level)
        rows = asked.rows(*group, N=curve.n, n=sum(curve.events), level=asked.analysis.level)
        q = curve.quantile(0.5)
        ends = (months(q.lower), months(q.upper))
        yield rows.value("median", months(q.value), method, ends, unit="months", reason="median not reached")
        yield from _at_months(asked, curve, method, group)

    yield from asked.rows(*group).tried("median", method, read)


def _at_months(asked: _Asked, curve: Curve, method: str, group: Pattern, after: float = 0) -> Iterator[Result]:
    """Survival at the landmarks, of those later than `after` months."""
    for month in (m for m in asked.analysis.at_months if m >= after):
        days = month * DAYS_PER_MONTH
        s, risk, reached = curve.survival_at(days), curve.n_risk(days), curve.reaches(days)
        rows = asked.rows(*group, at=month, at_unit="months", N=curve.n, n=risk, level=asked.analysis.level)
        yield rows.value(
            "survival", s.value if reached else None, method, (s.lower, s.upper) if reached else (None, None),
            unit="proportion", reason=f"nobody was followed to {month:g} months",
            warnings=(f"{risk} at risk at {month:g} months",) if reached and risk < FEW else (),
        )  # fmt: skip


def _hazard_ratio(rows: Rows, table: EventTable, level: float, method: str) -> Iterator[Result]:
    """After against before, by Cox regression with the state as its covariate; Firth's where events are few."""
    from chartline.stats.regression.firth_cox import estimate_firth_cox
    from chartline.stats.regression.guards import choose_cox_method

    def fitted() -> Iterator[Result]:
        _both_states(table)
        episodes = Episodes.from_counts(table, covariates={STATE: "category"}, reference={STATE: BEFORE})
        choice = choose_cox_method(episodes)
        if choice.method == "firth":
            firth = estimate_firth_cox(episodes, level)
            ratio, p, found = firth.terms[0].ratio, firth.terms[0].p, firth.warnings
        else:
            fit = estimate_cox(episodes, level=level)
            ratio, p, found = (fit.hazard_ratios[0], fit.lower[0], fit.upper[0]), fit.p[0], fit.warnings
        text, warnings = f"{method}; {choice.reason}", (*choice.warnings, *found)
        ends = (ratio[1], ratio[2])
        yield rows.value("hazard_ratio", ratio[0], text, ends, unit="ratio", level=level, warnings=warnings)
        yield rows.p("p", p, text, warnings=warnings)

    yield from rows.tried("hazard_ratio", method, fitted)


def _both_states(table: EventTable) -> None:
    for state, name in ((BEFORE, "before"), (AFTER, "after")):
        if not table.select(((STATE, state),)).n:
            raise NotEstimable(f"no patients {name} the event")


def _landmark(asked: _Asked) -> Iterator[Result]:
    n = asked.table.n_at_start
    for month in asked.analysis.landmark_months:
        table = asked.source.table(f"{asked.analysis.id}.landmark_{month:g}", EventTable)
        key = (("STRATEGY", "landmark"), ("LANDMARK", f"{month:g}"))
        yield asked.rows(*key).count("n", table.n)
        yield asked.rows(*key).count("n_excluded", n - table.n)
        for state in _STATES:
            part, group = table.select(((STATE, state),)), (*key, (STATE, state))
            yield asked.rows(*group).count("n", part.n)
            if part.n:
                method = (
                    f"Kaplan-Meier of those at risk at {month:g} months, by whether {asked.event} had happened, "
                    "log-log interval"
                )
                curve = estimate_curve(part, "log-log", asked.analysis.level)
                yield from _at_months(asked, curve, method, group, month)
        rows = asked.rows(*key, N=table.n)
        left = f"{n - table.n} of {n} had left by {month:g} months"
        method = f"Cox regression from {month:g} months on, after {asked.event} against before, Efron ties; {left}"
        yield from _hazard_ratio(rows, table, asked.analysis.level, method)
        test = f"Log-rank test from {month:g} months on"
        yield from rows.tried("p_logrank", test, partial(_logrank, rows, table, test))


def _logrank(rows: Rows, table: EventTable, method: str) -> Iterator[Result]:
    _both_states(table)
    found = logrank_test(Episodes.from_counts(table, by=STATE))
    yield rows.value("chisq_logrank", found.chisq, method, unit="chi-square", warnings=found.warnings)
    yield rows.p("p_logrank", found.p, method, warnings=found.warnings)


def _time_dependent(asked: _Asked) -> Iterator[Result]:
    rows = asked.rows(("STRATEGY", "time_dependent"), N=asked.table.n_at_start)
    method = f"Cox regression with {asked.event} as time-dependent covariate, Efron ties"
    yield from _hazard_ratio(rows, asked.table.without_last_cause(), asked.analysis.level, method)


def _simon_makuch(asked: _Asked) -> Iterator[Result]:
    from chartline.stats.intercurrent.mantel_byar import mantel_byar_test
    from chartline.stats.intercurrent.simon_makuch import estimate_simon_makuch

    key = (("STRATEGY", "simon_makuch"),)
    method, test = "Simon-Makuch, the state held at each time, log-log interval", "Mantel-Byar test"
    for state, curve in _simon_makuch_curves(asked).items():
        yield from _at_months(asked, curve, method, (*key, (STATE, state)))

    def tested() -> Iterator[Result]:
        _both_states(asked.table)
        episodes = asked.episodes("simon_makuch")
        found = mantel_byar_test(episodes)
        warnings = (*found.warnings, *estimate_simon_makuch(episodes).warnings)
        yield rows.value("chisq_mantel_byar", found.chisq, test, unit="chi-square", warnings=warnings)
        yield rows.p("p_mantel_byar", found.p, test, warnings=warnings)

    rows = asked.rows(*key, N=asked.table.n_at_start)
    yield from rows.tried("p_mantel_byar", test, tested)


def _multistate(asked: _Asked) -> Iterator[Result]:
    from dataclasses import replace

    from chartline.stats.competing.multistate import estimate_states

    table = replace(asked.table, causes=(*asked.table.causes[:-1], AFTER))
    method = "Illness-death model, Aalen-Johansen, log-log interval"
    states = [*_STATES, *table.causes[:-1]]

    def shares() -> Iterator[Result]:
        if not table.rows:
            raise NotEstimable(NOBODY)
        fit = estimate_states(Episodes.from_counts(table, by=STATE), states=states, level=asked.analysis.level)
        for month in asked.analysis.at_months:
            at = fit.at(month * DAYS_PER_MONTH)
            reached = bool(at.reached[0])
            for i, state in enumerate(states):
                rows = asked.rows(
                    ("STRATEGY", "multistate"), (STATE, state), at=month, at_unit="months", N=asked.table.n_at_start,
                    level=asked.analysis.level,
                )  # fmt: skip
                ends = (at.lower[0, i], at.upper[0, i]) if reached else (None, None)
                value = at.probability[0, i] if reached else None
                why = f"nobody was followed to {month:g} months"
                yield rows.value("state", value, method, ends, unit="proportion", reason="" if reached else why)

    yield from asked.rows(("STRATEGY", "multistate")).tried("state", method, shares)


def _naive(asked: _Asked) -> Iterator[Result]:
    table = asked.source.table(f"{asked.analysis.id}.ever", EventTable)
    rows = asked.rows(("STRATEGY", "naive"), N=table.n, warnings=(BIASED,))
    method = f"Cox regression, {asked.event} ever against never from time zero, Efron ties"
    yield from _hazard_ratio(rows, table, asked.analysis.level, method)


_STRATEGIES: dict[str, Callable[[_Asked], Iterator[Result]]] = {
    "treatment_policy": partial(_kaplan_meier, strategy="treatment_policy"),
    "hypothetical": partial(_kaplan_meier, strategy="hypothetical"),
    "composite": partial(_kaplan_meier, strategy="composite"),
    "landmark": _landmark,
    "time_dependent": _time_dependent,
    "simon_makuch": _simon_makuch,
    "multistate": _multistate,
    "naive": _naive,
}
