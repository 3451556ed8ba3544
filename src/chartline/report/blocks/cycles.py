"""Each cycle of the index drug against its plan, where a dosing schedule is declared."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.cells import cell, extremes, middle
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource
from chartline.results.model import Result

_DEPARTURES = {
    "reduced": "Reduced",
    "late": "Begun late",
    "lacking": "Doses not given",
    "outside": "Dose outside window",
    "flat": "Flat dose",
}


def build(source: ReportSource) -> list[Block]:
    """Return the table of cycles, one row a cycle and one for all; nothing where none was compared with a plan."""
    groups = [r.group for r in source.results.of("cycles.given") if r.statistic == "n"]
    if not groups or not any(source.result("cycles.given", "n", group=g) for g in groups if g):
        return []
    treatment = source.protocol.treatment
    assert treatment is not None  # only doses make cycles
    shown = {k: label for k, label in _DEPARTURES.items() if k != "flat" or _any(source, k)}
    header = ("Cycle", "Begun", "Planned, mg/m2", "Given, mg/m2", "Dose intensity, %", *shown.values())
    return [
        Heading("Cycles against their plan", 2),
        Table(
            number="Table",
            caption=f"Cycles of {treatment.label} against their plan.",
            header=header,
            rows=tuple(_row(source, g, tuple(shown)) for g in sorted(groups, key=_order)),
            align="l" + "r" * (len(header) - 1),
            widths=(0.9, 0.7, 1.3, 1.5, 1.6, *(1.1 for _ in shown)),
            notes=(
                "Median (range) of the planned and the given dose, median (IQR) of the dose intensity; departures are "
                "n (%) of the cycles for which they are known, and a cycle may have several. IQR, interquartile range.",
            ),
        ),
    ]


def _any(source: ReportSource, what: str) -> bool:
    return bool((r := source.result(f"cycles.{what}", "n")) is not None and r.n)


def _order(group: str) -> tuple[bool, int]:
    """By number; all together last."""
    return group == "", int(group.partition("=")[2] or 0)


def _row(source: ReportSource, group: str, departures: tuple[str, ...]) -> tuple[Cell, ...]:
    begun = source.result("cycles.given", "n", group=group)
    number = group.partition("=")[2]
    cells = [
        Cell(f"Cycle {number}" if number else "All cycles", bold=not number),
        Cell(fmt.whole(begun.N or 0) if begun else fmt.DASH, begun.id if begun else ""),
    ]
    for what in ("planned", "given"):
        median = source.result(f"cycles.{what}", "median", group=group)
        text = f"{_plain(median)} ({extremes(source, f'cycles.{what}', group)})"
        cells.append(cell(median, text))
    intensity = source.result("cycles.rdi", "median", group=group)
    cells.append(cell(intensity, middle(source, "cycles.rdi", group)))
    for what in departures:
        r = source.result(f"cycles.{what}", "n", group=group)
        cells.append(cell(r, fmt.n_percent(r.n or 0, r.N or 0) if r else ""))
    return tuple(cells)


def _plain(result: Result | None) -> str:
    return fmt.DASH if result is None or result.value is None else fmt.number(result.value, 1)
