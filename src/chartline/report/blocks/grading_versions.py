"""Safety endpoints under several versions of the grading scale, side by side, and the patients who change."""

from __future__ import annotations

from chartline.counts.model import CrossTab
from chartline.protocol.model import graded_flags
from chartline.protocol.names import laboratory_label, scale_words
from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Table
from chartline.report.source import ReportSource

_SHOWN = {"Y": "yes", "N": "no", "": "not known"}


def build(source: ReportSource) -> list[Block]:
    tables = {
        flag: table
        for flag in graded_flags(source.protocol)
        if isinstance(table := source.counts.get(f"versions.{flag.lower()}"), CrossTab) and table.cells
    }
    if not tables:
        return []
    return [_side_by_side(source, tables), *_patients(source, tables)]


def _versions(source: ReportSource) -> list[str]:
    p = source.protocol
    return [scale_words(p.laboratory.grading), *(laboratory_label(p, v) for v in p.laboratory_variants)]


def _side_by_side(source: ReportSource, tables: dict[str, CrossTab]) -> Table:
    versions = _versions(source)
    rows = []
    for flag, table in tables.items():
        yes = [fmt.n_percent(table.where(**{d: "Y"}), table.n) for d in table.dims]
        changed = sum(n for levels, n in table.cells.items() if len(set(levels)) > 1)
        cells = [fmt.whole(table.n), *yes, fmt.whole(changed)]
        rows.append((Cell(source.protocol.safety_flags[flag].label), *map(Cell, cells)))
    return Table(
        number="Table",
        caption="Safety endpoints under other laboratory gradings.",
        header=("", "N", *versions, "Patients who change"),
        rows=tuple(rows),
        align="l" + "r" * (len(versions) + 2),
        widths=(3.2, 0.6, *(1.2,) * len(versions), 1.3),
        notes=(
            f"Patients, n (%). The analyses of this report use {versions[0]}. A patient changes whose endpoint is not "
            "the same under all of them. Recorded adverse events keep their recorded grade.",
        ),
    )


def _patients(source: ReportSource, tables: dict[str, CrossTab]) -> list[Table]:
    """The patients whose endpoint changes, with the value that decides."""
    if not source.protocol.report.patient_level:
        return []
    rows = [
        (
            Cell(line.subject),
            Cell(source.protocol.safety_flags[line.flag].label),
            *(Cell(_SHOWN.get(v, v)) for v in line.values),
            Cell(line.because),
        )
        for line in source.regraded
        if line.flag in tables
    ]
    if not rows:
        return []
    versions = _versions(source)
    return [
        Table(
            number="Table",
            caption="Patients whose safety endpoint depends on the laboratory grading.",
            header=("Patient", "Endpoint", *versions, "Because"),
            rows=tuple(rows),
            align="ll" + "l" * len(versions) + "l",
            widths=(0.8, 2.2, *(0.8,) * len(versions), 4.2),
            notes=("Because: the finding under the first grading that differs from that of the report.",),
        )
    ]
