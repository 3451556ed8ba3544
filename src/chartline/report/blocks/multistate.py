"""Multistate models: the share in each state over time as a figure, transitions and time in state as tables."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import estimate, event_word, sentence_case
from chartline.report.document import Block, Cell, Figure, Heading, Table
from chartline.report.drawn import Drawn, curve_figure, milestone_words
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    shown: list[Any] = [a for a in source.protocol.analyses if a.kind == "multistate" and source.results.of(a.id)]
    out: list[Block] = [Heading("States over time")] if shown else []
    for analysis in shown:
        figure = _figure(source, analysis)
        out += [Heading(analysis.label, 2), *([figure] if figure else [])]
        out += [_probabilities(source, analysis), _transitions(source, analysis)]
    return out


def _probabilities(source: ReportSource, analysis: Any) -> Table:
    header = ["State", *(f"At {fmt.so_many_months(m)}, % (95% CI)" for m in analysis.at_months)]
    stay = [source.result(analysis.id, "time_in_state", m, f"STATE={analysis.initial}") for m in analysis.at_months]
    last = next((m for m, r in zip(reversed(analysis.at_months), reversed(stay), strict=True) if r is not None), None)
    if last is not None:
        header.append(f"Months spent in it, of {fmt.plain(last)}")
    none = source.result(analysis.id, "state")  # why there is no estimate at all
    rows = []
    for state in analysis.names:
        row = [Cell(event_word(source, state))]
        row += [_cell(source.result(analysis.id, "state", m, f"STATE={state}") or none) for m in analysis.at_months]
        if last is not None:
            row.append(_cell(source.result(analysis.id, "time_in_state", last, f"STATE={state}")))
        rows.append(tuple(row))
    return Table(
        number="Table",
        caption=f"{analysis.label}: share of patients in each state.",
        header=tuple(header),
        rows=tuple(rows),
        align="l" + "r" * (len(header) - 1),
        notes=("Aalen-Johansen estimates; the shares of a time add to 100%. CI, confidence interval.",),
    )


def _cell(r: Any) -> Cell:
    return estimate(r) if r is not None else Cell(fmt.DASH)


def _transitions(source: ReportSource, analysis: Any) -> Table:
    to, rows = analysis.names[1:], []  # nobody comes back to the first state
    for a in analysis.names:
        entered = source.result(analysis.id, "entered", group=f"FROM={a}")
        if entered is None:
            continue
        found = [source.result(analysis.id, "transitions", group=f"FROM={a};TO={b}") for b in to]
        cells = [Cell(fmt.value(r), r.id) if r is not None else Cell(fmt.DASH) for r in found]
        rows.append((Cell(event_word(source, a)), Cell(fmt.value(entered), entered.id), *cells))
    return Table(
        number="Table",
        caption=f"{analysis.label}: transitions seen.",
        header=("From", "Entered", *(f"To {sentence_case(event_word(source, b))}" for b in to)),
        rows=tuple(rows),
        align="l" + "r" * (1 + len(to)),
        notes=("Patients that entered a state, and those of them that went on to another; the others were last seen in "
               "it.",),
    )  # fmt: skip


def _figure(source: ReportSource, analysis: Any) -> Figure | None:
    curves = source.curves.get(analysis.id)
    if not curves:
        return None
    return curve_figure(
        Drawn(
            name=analysis.id,
            curves={event_word(source, state): curve for state, curve in curves.items()},
            caption=f"{analysis.label}: share of patients in each state.",
            alt=f"Share of patients in each state over time: {', '.join(event_word(source, s) for s in curves)}.",
            x_label=f"Months from {milestone_words(source, analysis.origin)}",
            y_label="In state, %",
            value="Share, %",
            bands=False,
            numbers="Number seen in each state",
            events=False,
            few=False,
        )
    )
