"""Syndromes by criteria: every set beside the others, the patients who met one, and what was not known of the rest.

Also the components of composite safety endpoints, and the peaks of ALT against those of bilirubin (eDISH).
"""

from __future__ import annotations

import math
from itertools import groupby

from chartline.counts.model import CrossTab
from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Figure, Heading, Table
from chartline.report.source import LiverPoint, ReportSource, SyndromeLine

ALT_LINE, BILIRUBIN_LINE = 3, 2  # x ULN: the lines of eDISH
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def build(source: ReportSource) -> list[Block]:
    blocks: list[Block | None] = [*_components(source), _criteria(source), _severities(source)]
    if source.protocol.report.patient_level:
        blocks += [_met(source), _unknown(source), _peaks(source)]
    shown = [b for b in blocks if b is not None]
    return [Heading("Liver toxicity and syndromes"), *shown] if shown else []


def _components(source: ReportSource) -> list[Table]:
    """For each composite, how many patients have each of its components."""
    table = source.counts.get("safety_components")
    if not isinstance(table, CrossTab):
        return []
    out = []
    for flag in source.protocol.report.safety_components:
        parts = sorted({(int(k[1]), k[2]) for k in table.cells if k[0] == flag})
        rows = [_component(table, flag, place, label) for place, label in parts]
        if rows:
            out.append(
                Table(
                    number="Table",
                    caption=f"Components of: {source.protocol.safety_flags[flag].label}.",
                    header=("Component", "n/N", "%", "Not known"),
                    rows=tuple(rows),
                    align="lrrr",
                    widths=(4.5, 1, 1, 1),
                    notes=("A patient may have several components. N: those in whom the component could be judged.",),
                )
            )
    return out


def _component(table: CrossTab, flag: str, place: int, label: str) -> tuple[Cell, ...]:
    yes, no, unknown = (table.where(FLAG=flag, PLACE=str(place), VALUE=v) for v in ("Y", "N", ""))
    percent = fmt.percent_bare(yes / (yes + no)) if yes + no else fmt.DASH
    return Cell(label), Cell(fmt.ratio(yes, yes + no)), Cell(percent), Cell(fmt.whole(unknown))


def _criteria(source: ReportSource) -> Table | None:
    table = source.counts.get("syndromes")
    if not isinstance(table, CrossTab):
        return None
    verdicts = {"MET": "Met", "NOT MET": "Not met", "NOT ASSESSABLE": "Not assessable", "WITHHELD": "Withheld"}
    if not table.where(VERDICT="WITHHELD"):
        verdicts.pop("WITHHELD")
    rows = []
    for name in source.protocol.report.syndromes:
        n = table.where(SET=name)
        counts = [fmt.n_percent(table.where(SET=name, VERDICT=v), n) if n else fmt.DASH for v in verdicts]
        rows.append((Cell(_label(source, name)), *map(Cell, counts)))
    notes = (
        f"Patients, n (%) of {fmt.whole(table.where(SET=source.protocol.report.syndromes[0]))}. Not assessable: it "
        "turns on what the charts do not hold; a finding that nobody recorded is not taken as absent. The methods say "
        "how far each set was checked against its source.",
    )
    return Table(
        number="Table",
        caption="Syndromes and dosing limits, every set of criteria.",
        header=("Criteria", *verdicts.values()),
        rows=tuple(rows),
        align="l" + "r" * len(verdicts),
        widths=(4.2, *(1.2,) * len(verdicts)),
        notes=notes,
    )


def _severities(source: ReportSource) -> Table | None:
    """Of each set with grades, how many met it with each severity, the most frequent first."""
    table = source.counts.get("syndrome_severities")
    if not isinstance(table, CrossTab):
        return None
    rows = []
    for name in source.protocol.report.syndromes:
        n = table.where(SET=name)
        found = sorted((-count, severity) for (of, severity), count in table.cells.items() if of == name)
        for i, (count, severity) in enumerate(found):
            label = _label(source, name) if i == 0 else ""
            rows.append((Cell(label), Cell(severity or "withheld"), Cell(fmt.n_percent(-count, n))))
    if not rows:
        return None
    return Table(
        number="Table",
        caption="Severity of the syndromes that were met.",
        header=("Criteria", "Severity", "n (%)"),
        rows=tuple(rows),
        align="llr",
        widths=(4.2, 3, 1.2),
        notes=(_INTERVAL,),
    )


_INTERVAL = (
    'A severity is told as far as the charts hold it: "mild to moderate" and "at least moderate" mean that what is '
    "not known could make it worse, and how far."
)


def _label(source: ReportSource, name: str) -> str:
    return source.syndrome_labels.get(name, name)


def _shown(source: ReportSource, verdict: str) -> list[tuple[str, list[SyndromeLine]]]:
    """The lines of a verdict by set, in the order of the report."""
    order = {name: i for i, name in enumerate(source.protocol.report.syndromes)}
    lines = [s for s in source.syndromes if s.verdict == verdict and s.syndrome in order]
    lines.sort(key=lambda s: order[s.syndrome])
    return [(name, list(of)) for name, of in groupby(lines, key=lambda s: s.syndrome)]


def _met(source: ReportSource) -> Table | None:
    rows: list[tuple[Cell, ...]] = []
    heads = []
    for name, lines in _shown(source, "MET"):
        heads.append(len(rows))
        rows.append((Cell(_label(source, name), bold=True), Cell(""), Cell(""), Cell("")))
        for s in lines:
            how = "; ".join(t for t in (s.how, s.severity) if t)
            rows.append((Cell(s.subject), Cell(s.day or fmt.DASH), Cell(how), Cell(s.because)))
    if not rows:
        return None
    return Table(
        number="Table",
        caption="Patients who met a set of criteria.",
        header=("Patient", "Date", "How; severity", "What the charts say"),
        rows=tuple(rows),
        align="llll",
        widths=(0.8, 1.1, 1.5, 6),
        notes=("ULN, upper limit of normal.", _INTERVAL),
        span_rows=frozenset(heads),
    )


def _unknown(source: ReportSource) -> Table | None:
    """Who is not assessable, gathered by what is not known."""
    rows: list[tuple[Cell, ...]] = []
    heads = []
    for name, lines in _shown(source, "NOT ASSESSABLE"):
        heads.append(len(rows))
        rows.append((Cell(_label(source, name), bold=True), Cell("")))
        by_missing: dict[tuple[str, ...], list[str]] = {}
        for s in lines:
            by_missing.setdefault(s.missing or (s.because,), []).append(s.subject)
        for missing, subjects in sorted(by_missing.items(), key=lambda m: (-len(m[1]), m[0])):
            rows.append((Cell("; ".join(missing)), Cell(", ".join(subjects))))
    if not rows:
        return None
    return Table(
        number="Table",
        caption="Patients who could not be assessed, and what is not known of them.",
        header=("Not known", "Patients"),
        rows=tuple(rows),
        align="ll",
        widths=(5, 4),
        span_rows=frozenset(heads),
    )


def _peaks(source: ReportSource) -> Figure | None:
    if not source.protocol.report.liver_figure or not source.liver:
        return None
    points = source.liver
    both = [p for p in points if p.alt >= ALT_LINE and p.bilirubin >= BILIRUBIN_LINE]
    x, y = _axis([p.alt for p in points], ALT_LINE), _axis([p.bilirubin for p in points], BILIRUBIN_LINE)
    return Figure(
        number="Figure",
        name="liver",
        kind="liver",
        caption="Peak of ALT against peak of bilirubin on treatment (eDISH).",
        alt=(
            f"Scatter of {fmt.plural(len(points), 'patient')}: {len(both)} with ALT of at least {ALT_LINE} and "
            f"bilirubin of at least {BILIRUBIN_LINE} times the upper limit of normal; the data table lists them all."
        ),
        data={
            "x_label": "Peak ALT, multiple of the upper limit of normal",
            "y_label": "Peak bilirubin, multiple of ULN",
            "x": x | {"line": math.log10(ALT_LINE), "line_label": str(ALT_LINE)},
            "y": y | {"line": math.log10(BILIRUBIN_LINE), "line_label": str(BILIRUBIN_LINE)},
            "points": [_point(p, x, y) | {"both": p in both} for p in points],
            "corners": _corners(points),
        },
        notes=(
            f"Logarithmic axes; lines at {ALT_LINE} and {BILIRUBIN_LINE} times the upper limit of normal (ULN). Each "
            "point is a patient with both tests; the peaks need not be of one day. A patient beyond both lines is a "
            "biochemical candidate at most: whether by Hy's law, the table of criteria says.",
        ),
        columns=("Patient", "Peak ALT, x ULN", "Peak bilirubin, x ULN"),
        rows=tuple((p.subject, fmt.number(p.alt, 2), fmt.number(p.bilirubin, 2)) for p in points),
    )


def _axis(values: list[float], line: float) -> dict[str, object]:
    """Ticks from the last below all values and the line to the first above them, as logarithms."""
    known = [v for v in values if v > 0]
    low, high = min([*known, line / 4]), max([*known, line * 4])
    first = max([t for t in _TICKS if t <= low], default=_TICKS[0])
    last = min([t for t in _TICKS if t >= high], default=_TICKS[-1])
    ticks = [t for t in _TICKS if first <= t <= last]
    return {"low": math.log10(first), "high": math.log10(last), "ticks": [[math.log10(t), f"{t:g}"] for t in ticks]}


def _point(p: LiverPoint, x: dict[str, object], y: dict[str, object]) -> dict[str, object]:
    """A value of 0, which has no logarithm, and one beyond the axis are drawn at its end."""

    def at(value: float, axis: dict[str, object]) -> float:
        low, high = float(str(axis["low"])), float(str(axis["high"]))
        return min(high, max(low, math.log10(value))) if value > 0 else low

    return {"id": p.subject, "x": at(p.alt, x), "y": at(p.bilirubin, y)}


def _corners(points: tuple[LiverPoint, ...]) -> list[list[object]]:
    """How many lie in each corner: (right, top, number)."""
    out: list[list[object]] = []
    for right in (False, True):
        for top in (False, True):
            n = sum((p.alt >= ALT_LINE) == right and (p.bilirubin >= BILIRUBIN_LINE) == top for p in points)
            out.append([right, top, f"n = {fmt.whole(n)}"])
    return out
