"""Toxicity in time: shifts of laboratory grades, incidence by cycle, rates, onset and recovery, recurrent events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chartline.counts.model import CrossTab
from chartline.protocol.lab_terms import term_name, terms_of
from chartline.report import format as fmt
from chartline.report.cells import cell, estimate, level_in_words, test_labels
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource
from chartline.results.model import Result

_GRADES = ("0", "1", "2", "3", "4")


def build(source: ReportSource) -> list[Block]:
    kinds: dict[str, Callable[[ReportSource, list[Any]], Table]] = {
        "toxicity_by_cycle": _by_cycle,
        "exposure_adjusted_rate": _rates,
        "time_to_onset": _onset,
        "mean_cumulative_count": _counts,
    }
    tables = [_shifts(source)]
    for kind, table in kinds.items():
        of = [a for a in source.protocol.analyses if a.kind == kind and source.results.of(a.id)]
        tables += [table(source, of)] if of else []
    shown = [t for t in tables if t is not None]
    return [Heading("Toxicity over time", 2), *shown] if shown else []


def _shifts(source: ReportSource) -> Table | None:
    """Baseline grade against the worst grade on treatment, test by test; rows without patients are left out."""
    table = source.counts.get("lab_grades")
    if not isinstance(table, CrossTab):
        return None
    labels, rows = test_labels(), []
    for test in map(term_name, terms_of(source.protocol.report.lab_tests)):
        named = False
        for base in (*_GRADES, ""):
            cells = [table.where(TEST=test, BASE=base, GRADE=g) for g in (*_GRADES, "")]
            if sum(cells):
                numbers = [fmt.whole(n) if n else "" for n in (*cells, sum(cells))]
                name = "" if named else labels.get(test, test)
                rows.append((Cell(name), Cell(base or "not graded"), *map(Cell, numbers)))
                named = True
    if not rows:
        return None
    return Table(
        number="Table",
        caption="Shift of laboratory grades: grade at baseline and worst grade on treatment.",
        header=("Test", "At baseline", *(f"Grade {g}" for g in _GRADES), "Not graded", "Patients"),
        rows=tuple(rows),
        align="ll" + "r" * 7,
        widths=(2.4, 1.2, *(0.9,) * 5, 1.1, 1),
        notes=("Patients. Not graded: no value, or one that cannot be graded (no limit of normal, say).",),
    )


def _groups(source: ReportSource, analysis: Any) -> list[tuple[str, str]]:
    """(group as in result ids, how it reads): everyone, then each level of `by`."""
    if not analysis.by:
        return [("", analysis.label)]
    found = [r.group for r in source.results.of(analysis.id) if r.group]
    shown = [(g, level_in_words(source, analysis.by, g.partition("=")[2])) for g in dict.fromkeys(found)]
    return [("", analysis.label), *((g, f"{analysis.label}: {words}") for g, words in shown)]


def _by_cycle(source: ReportSource, of: list[Any]) -> Table:
    groups = [r.group for a in of for r in source.results.of(a.id) if r.group]
    cycles = sorted({int(g.partition("=")[2]) for g in groups})
    rows = []
    for a in of:
        none = source.result(a.id, "proportion")  # why there is no cycle at all
        if none is not None:
            rows.append((Cell(a.label), cell(none, none.reason), *(Cell("") for _ in cycles[1:])))
            continue
        found = [source.result(a.id, "proportion", None, f"CYCLE={c}") for c in cycles]
        rows.append((Cell(a.label), *(cell(r, _share(r)) for r in found)))
    return Table(
        number="Table",
        caption="Toxicity by cycle.",
        header=("", *(f"Cycle {c}" for c in cycles or (1,))),
        rows=tuple(rows),
        align="l" + "r" * max(len(cycles), 1),
        widths=(2.6, *(1.4,) * max(len(cycles), 1)),
        notes=(
            "n/N (%; 95% CI): of the patients who began a cycle, those in whom an event began in it. CI, "
            "Clopper-Pearson confidence interval. Who cannot be judged stays in N.",
        ),
    )


def _share(r: Result | None) -> str:
    if r is None or r.value is None:
        return fmt.DASH
    ends = fmt.between(fmt.percent_bare(r.lower or 0, 0), fmt.percent_bare(r.upper or 0, 0))
    return f"{r.n}/{r.N} ({fmt.percent_bare(r.value, 0)}; {ends})"


def _rates(source: ReportSource, of: list[Any]) -> Table:
    rows = []
    for a in of:
        for group, name in _groups(source, a):
            get = [source.result(a.id, s, None, group) for s in ("n", "events", "patient_years")]
            two = [source.result(a.id, s, None, group) for s in ("incidence_rate", "event_rate")]
            numbers = [cell(r, fmt.DASH if r is None or r.value is None else fmt.plain(r.value)) for r in get]
            rows.append((Cell(name), *numbers, *(cell(r, _rate(r)) for r in two)))
    units = dict.fromkeys(r.unit for a in of for r in source.results.of(a.id) if r.statistic == "event_rate")
    return Table(
        number="Table",
        caption="Exposure-adjusted rates of toxicity.",
        header=("", "Patients with event", "Events", "Patient-years", "First events (95% CI)", "All events (95% CI)"),
        rows=tuple(rows),
        align="lrrrrr",
        widths=(2.6, 1.1, 0.9, 1.1, 1.9, 1.9),
        notes=(
            f"Rates {fmt.joined(list(units))}: first events over the time until the first, all events over all the "
            "time at risk; exact Poisson intervals, which take events as independent. Two events on one day are "
            f"one.{_left_out(source, of)}",
        ),
    )


def _months(m: float) -> str:
    return f"{fmt.plain(m)} {'month' if m == 1 else 'months'}"


def _left_out(source: ReportSource, of: list[Any]) -> str:
    """Whom the days of these analyses leave out, as a sentence; "" where nobody."""
    by_label = {a.label: max((r.missing or 0 for r in source.results.of(a.id)), default=0) for a in of}
    said = [f"{n} ({label})" for label, n in by_label.items() if n]
    return f" Patients left out because the day of an event is not known: {', '.join(said)}." if said else ""


def _rate(r: Result | None) -> str:
    if r is None or r.value is None:
        return fmt.DASH
    return f"{fmt.number(r.value, 2)} ({fmt.between(fmt.number(r.lower or 0, 2), fmt.number(r.upper or 0, 2))})"


def _onset(source: ReportSource, of: list[Any]) -> Table:
    months = sorted({m for a in of for m in a.at_months})
    rows = []
    for a in of:
        for group, name in _groups(source, a):
            get = {s: source.result(a.id, s, None, group) for s in ("n", "onset_median", "onset_min", "onset_max")}
            onset = get["onset_median"]
            shown = fmt.DASH
            if onset is not None and onset.value is not None:
                low, high = (getattr(get[s], "value", 0) for s in ("onset_min", "onset_max"))
                shown = f"{fmt.plain(onset.value)} ({fmt.between(fmt.plain(low), fmt.plain(high))})"
            at = [estimate(source.result(a.id, "incidence", m, group)) for m in months]
            back, half = (source.result(a.id, s, None, group) for s in ("recovered", "recovery_median"))
            n = get["n"]
            rows.append(
                (
                    Cell(name), cell(n, fmt.ratio(n.n, n.N) if n else fmt.DASH), cell(onset, shown), *at,
                    cell(back, fmt.ratio(back.n, back.N) if back else fmt.DASH), cell(half, _days(half)),
                )
            )  # fmt: skip
    return Table(
        number="Table",
        caption="Onset and recovery of toxicity.",
        header=(
            "", "n/N", "Days to onset, median (range)",
            *(f"Onset by {_months(m)}, % (95% CI)" for m in months),
            "Recovered, n/N", "Days to recovery, median (95% CI)",
        ),
        rows=tuple(rows),
        align="l" + "r" * (4 + len(months)),
        widths=(2.4, 0.8, 1.4, *(1.5,) * len(months), 1.2, 1.7),
        notes=(
            "Of the first event. Days to onset: from the first dose, of those with the event. Recovery: the first day "
            "at grade 1 or less or at the grade of baseline, or the recorded end; its median is that of the cumulative "
            "incidence of recovery, death without it competing. NR, not reached." + _left_out(source, of),
        ),
    )  # fmt: skip


def _days(r: Result | None) -> str:
    if r is None or r.value is None:
        return "NR" if r is not None and r.N else fmt.DASH
    low, high = ("NR" if e is None else fmt.plain(e) for e in (r.lower, r.upper))
    return f"{fmt.plain(r.value)} ({fmt.between(low, high)})"


def _counts(source: ReportSource, of: list[Any]) -> Table:
    months = sorted({m for a in of for m in a.at_months})
    rows = []
    for a in of:
        for group, name in _groups(source, a):
            n, events = (source.result(a.id, s, None, group) for s in ("n", "events"))
            at = [source.result(a.id, "mean_count", m, group) for m in months]
            first = cell(events, "" if events is None or events.value is None else fmt.plain(events.value))
            rows.append(
                (Cell(name), cell(n, fmt.ratio(n.n, n.N) if n else ""), first, *(cell(r, _mean(r)) for r in at))
            )
    return Table(
        number="Table",
        caption="Recurrent toxicity: mean cumulative count.",
        header=("", "n/N", "Events", *(f"By {_months(m)} (95% CI)" for m in months)),
        rows=tuple(rows),
        align="lrr" + "r" * len(months),
        widths=(2.6, 0.9, 0.8, *(1.7,) * len(months)),
        notes=(
            "Expected number of events of a patient by that time, death ending them (Ghosh and Lin; without deaths "
            "Nelson's mean cumulative function); robust intervals. n/N: patients with an event."
            + _left_out(source, of),
        ),
    )


def _mean(r: Result | None) -> str:
    if r is None or r.value is None:
        return fmt.DASH
    if r.lower is None or r.upper is None:
        return fmt.number(r.value, 2)
    return f"{fmt.number(r.value, 2)} ({fmt.between(fmt.number(r.lower, 2), fmt.number(r.upper, 2))})"
