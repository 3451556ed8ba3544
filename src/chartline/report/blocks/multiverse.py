"""The multiverse: the open choices, which of them moves each number most, and a specification curve of each number."""

from __future__ import annotations

from itertools import groupby
from math import floor, log10
from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import estimate, result_label, sentence_case
from chartline.report.document import Block, Cell, Figure, Heading, Paragraph, Table
from chartline.report.source import ReportSource
from chartline.results.model import Result
from chartline.results.multiverse import Multiverse, Outcome, Sway, share, within

_INTERVALS = 5  # at most so many between the ticks of a curve
_LISTED = 500  # more specifications than this are in multiverse.csv only, not beside the figure too


def build(source: ReportSource) -> list[Block]:
    m = source.multiverse
    if m is None:
        return []
    out: list[Block] = [Heading("Multiverse of analytical choices"), _lead(m), _choices(source, m), _moved(source, m)]
    for outcome in m.outcomes:
        if len(m.distinct(outcome)) > 1:
            out += [Heading(_label(source, outcome), 2), _figure(source, m, outcome), _means(m, outcome)]
    return out


def _lead(m: Multiverse) -> Paragraph:
    return Paragraph(
        f"The protocol declares {fmt.plural(len(m.switches), 'choice')} that could have been made otherwise. Every "
        f"combination of their options is one specification of the study: {fmt.whole(len(m))} in all, each computed "
        "from the charts as a run of its own would. The reference is the protocol as it stands."
    )


def _label(source: ReportSource, outcome: Outcome) -> str:
    return result_label(source, outcome.reference)


def _choices(source: ReportSource, m: Multiverse) -> Table:
    rows = []
    for at, switch in enumerate(m.switches):
        first, *others = switch.shown
        moved = [sentence_case(_label(source, o)) for o in m.outcomes if o.sways[at].moves]
        row = (switch.label, first, "; ".join(others), "; ".join(moved) or "none of the numbers")
        rows.append(tuple(Cell(text) for text in row))
    return Table(
        number="Table",
        caption="The choices, their options, and the numbers that each of them moves.",
        header=("Choice", "Reference", "Other options", "Moves"),
        rows=tuple(rows),
        align="llll",
        widths=(1.5, 1.1, 1.9, 2.6),
    )


def _moved(source: ReportSource, m: Multiverse) -> Table:
    rows = []
    for outcome in m.outcomes:
        ranked = [_share_of(s, m) for s in outcome.ranked[:2]]
        most, following = (*ranked, fmt.DASH, fmt.DASH)[:2]
        inside = share(outcome, lambda r, of=outcome: within(r, of.reference))
        rows.append(
            (
                Cell(_label(source, outcome)), estimate(outcome.reference), Cell(_range(outcome)),
                Cell(fmt.percent_bare(inside, 0) if outcome.reference.level else fmt.DASH),
                Cell(most, bold=True), Cell(following),
            )
        )  # fmt: skip
    return Table(
        number="Table",
        caption="Which choice moves each number most.",
        header=(
            "", "Reference, % or months (95% CI)", "Lowest to highest", "Within the reference's interval, %",
            "Moved most by", "Then by",
        ),
        rows=tuple(rows),
        align="lrrrll",
        widths=(2, 1.5, 1.1, 1.1, 1.7, 1.7),
        notes=(
            "In brackets the share of the variance between specifications that the choice makes by itself. "
            f"CI, confidence interval of the reference; {fmt.NOT_REACHED}, not reached.",
        ),
    )  # fmt: skip


def _share_of(sway: Sway, m: Multiverse) -> str:
    label = next(s.label for s in m.switches if s.id == sway.switch)
    return f"{label} ({_percent(sway.share)})" if sway.share is not None else label


def _percent(share_of: float | None) -> str:
    if share_of is None:
        return fmt.DASH
    return "<1%" if 0 < share_of < 0.01 else fmt.percent(share_of, 0)


def _shown(value: float, unit: str) -> str:
    return fmt.percent_bare(value) if unit == "proportion" else fmt.plain(value)


def _range(outcome: Outcome) -> str:
    """Return "21.4–54.5"; NR at its end where a median was not reached under some specification."""
    unit, values = outcome.reference.unit, outcome.values
    if not values:
        return fmt.DASH
    high = _shown(max(values), unit)
    missing = next((r for r in outcome.results if r.value is None), None)
    if missing is not None and fmt.value(missing) == fmt.NOT_REACHED:
        high = fmt.NOT_REACHED
    low = _shown(min(values), unit)
    return low if low == high else fmt.between(low, high)


def _means(m: Multiverse, outcome: Outcome) -> Paragraph:
    """Return the line under a curve: what each choice makes of the number, and what moves it not at all."""
    unit = outcome.reference.unit
    parts = []
    for sway in outcome.ranked:
        switch = next(s for s in m.switches if s.id == sway.switch)
        means = (
            f"{sentence_case(o)} {_shown(v, unit) if v is not None else fmt.DASH}"
            for o, v in zip(switch.shown, sway.means, strict=True)
        )
        parts.append(f"{switch.label}: {', '.join(means)}")
    still = [s.label for s, sway in zip(m.switches, outcome.sways, strict=True) if not sway.moves]
    text = f"Mean over all specifications ({_unit(unit)}). {'; '.join(parts)}."
    if outcome.interaction:
        text += f" Interactions of choices make {_percent(outcome.interaction)} of the variance."
    if still:
        text += f" Without effect, and left out of the figure: {fmt.joined([sentence_case(s) for s in still])}."
    return Paragraph(text, style="small")


def _unit(unit: str) -> str:
    return "%" if unit == "proportion" else unit or "number"


def _figure(source: ReportSource, m: Multiverse, outcome: Outcome) -> Figure:
    order = _sorted(m, outcome)
    reference, label = outcome.reference, _label(source, outcome)
    scale = 100.0 if reference.unit == "proportion" else 1.0
    rows = [_scaled(outcome.results[i], scale) for i in order]
    low, high, ticks = _axis([v for row in rows for v in row if v is not None])
    has_interval = reference.value is not None and reference.level is not None
    data = {
        "y_label": f"{label}, {_unit(reference.unit)}",
        "y_min": low,
        "y_max": high,
        "ticks": ticks,
        "specifications": rows,
        "reference": order.index(0),
        "reference_value": _scaled(reference, scale)[0],
        "reference_interval": _scaled(reference, scale)[1:] if has_interval else None,
        "choices": [_matrix(m, sway, order) for sway in outcome.ranked],
    }
    open_ends = any(r[0] is None for r in rows)
    return Figure(
        number="Figure",
        name=f"multiverse_{_stem(outcome.key)}",
        kind="specifications",
        caption=f"{label} under {fmt.plural(len(order), 'specification')} that differ, from lowest to highest.",
        alt=_alt(m, outcome, label, len(order)),
        data=data,
        notes=(
            "Point and bar: value and confidence interval under one specification; below it the option of each choice. "
            "Orange: the reference, its interval and its options."
            + (" Triangles at the top: no value, or not reached." if open_ends else ""),
        ),
        columns=("Specification", *(s.label for s in m.switches), label, "Lower", "Upper"),
        rows=tuple(_data_row(m, outcome, i) for i in order) if len(order) <= _LISTED else (),
    )


def _stem(key: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in key)


def _alt(m: Multiverse, outcome: Outcome, label: str, n: int) -> str:
    text = f"Specification curve of {sentence_case(label)}: {fmt.plural(n, 'specification')}, values {_range(outcome)}"
    text += f" {_unit(outcome.reference.unit)}, reference {fmt.with_interval(outcome.reference)}"
    return f"{text}, moved most by {sentence_case(_share_of(outcome.ranked[0], m))}."


def _sorted(m: Multiverse, outcome: Outcome) -> list[int]:
    """Return the specifications that differ, by value (none last), then by the options of what moves it most."""
    by = [[s.id for s in m.switches].index(sway.switch) for sway in outcome.ranked]

    def place(i: int) -> tuple[Any, ...]:
        value, choice = outcome.results[i].value, m.choice(i)
        return (value is None, value or 0.0, *(choice[at] for at in by))

    return sorted(m.distinct(outcome), key=place)


def _scaled(result: Result, scale: float) -> tuple[float | None, float | None, float | None]:
    value, low, high = (None if v is None else v * scale for v in (result.value, result.lower, result.upper))
    return value, low, high


def _axis(values: list[float]) -> tuple[float, float, list[tuple[float, str]]]:
    """Return the ends of an axis that holds the values, and its ticks with their labels: steps of 1, 2 or 5."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    rough = max(high - low, abs(high) * 0.1, 1e-9) / _INTERVALS
    power = 10.0 ** floor(log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), -floor(-high / step + 1e-9)
    last = max(last, first + 1)
    decimals = max(0, -floor(log10(step) + 1e-9))
    ticks = [(k * step, fmt.number(k * step, decimals)) for k in range(first, last + 1)]
    return first * step, last * step, ticks


def _matrix(m: Multiverse, sway: Sway, order: list[int]) -> dict[str, Any]:
    """Return one choice with, for each option, the runs of places at which it was taken."""
    at = [s.id for s in m.switches].index(sway.switch)
    switch, taken = m.switches[at], [m.choice(i)[at] for i in order]
    runs: list[list[tuple[int, int]]] = [[] for _ in switch.options]
    start = 0
    for option, same in groupby(taken):
        end = start + len(list(same))
        runs[option].append((start, end))
        start = end
    options = [{"label": shown, "reference": o == 0, "runs": runs[o]} for o, shown in enumerate(switch.shown)]
    note = f"{_percent(sway.share)} of the variance" if sway.share is not None else ""
    return {"label": switch.label, "note": note, "options": options}


def _data_row(m: Multiverse, outcome: Outcome, i: int) -> tuple[str, ...]:
    r = outcome.results[i]
    options = (s.shown[o] for s, o in zip(m.switches, m.choice(i), strict=True))
    ends = (fmt.DASH if v is None else _shown(v, r.unit) for v in (r.lower, r.upper))
    return (str(i), *options, _shown(r.value, r.unit) if r.value is not None else fmt.value(r), *ends)
