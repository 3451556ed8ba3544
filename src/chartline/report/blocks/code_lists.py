"""The code lists: every code of the concept sets by which a database decided who was read (RECORD, item 6.1)."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import CodeLine, ReportSource

_MOST = 200  # rows that somebody reads; the file beside the report has every code
_FILE = "The file code_lists.csv, beside this report, has every code and what each database made of it."
_WIDTHS = {"Taken out": 1.2, "Database of": 2.0, "Remark": 3.0}


def build(source: ReportSource) -> list[Block]:
    if not source.codes:
        return []
    sets: dict[str, list[CodeLine]] = {}
    for line in source.codes:
        sets.setdefault(line.concept_set, []).append(line)
    return [Heading("Code lists"), _listed(sets) if len(source.codes) <= _MOST else _counted(sets)]


def _listed(sets: dict[str, list[CodeLine]]) -> Table:
    lines = [line for of in sets.values() for line in of]
    kept = tuple(name for name in _WIDTHS if any(_more(line)[name] for line in lines))
    header = ("Vocabulary", "Code", "OMOP concept", "Name", "With descendants", *kept)
    rows: list[tuple[Cell, ...]] = []
    spans = set()
    for label, of in sets.items():
        spans.add(len(rows))
        rows.append((Cell(label, bold=True), *(Cell("") for _ in header[1:])))
        rows += [_row(line, kept) for line in of]
    return Table(
        number="Table",
        caption="Codes of the concept sets.",
        header=header,
        rows=tuple(rows),
        align="l" * len(header),
        widths=(2, 2, 2, 4, 2, *(_WIDTHS[name] for name in kept)),
        notes=(_FILE,),
        span_rows=frozenset(spans),
    )


def _row(line: CodeLine, kept: tuple[str, ...]) -> tuple[Cell, ...]:
    number = str(line.concept_id) if line.concept_id is not None else ""
    texts = (line.vocabulary, line.code, number, line.name, _descendants(line), *(_more(line)[name] for name in kept))
    return tuple(Cell(text) for text in texts)


def _more(line: CodeLine) -> dict[str, str]:
    """The columns that a table has only where one of its lines has something to say there."""
    return {
        "Taken out": "yes" if line.excluded else "",
        "Database of": ", ".join(line.databases),
        "Remark": line.note,
    }


def _descendants(line: CodeLine) -> str:
    if not line.descendants:
        return "no"
    return "yes" if line.concepts is None else f"yes: {fmt.plural(line.concepts, 'concept')} in all"


def _counted(sets: dict[str, list[CodeLine]]) -> Table:
    return Table(
        number="Table",
        caption="Concept sets, and how many codes each declares.",
        header=("Concept set", "Codes", "Taken out"),
        rows=tuple(
            (Cell(label), Cell(fmt.whole(len(of))), Cell(fmt.whole(sum(line.excluded for line in of))))
            for label, of in sets.items()
        ),
        align="lrr",
        notes=(_FILE,),
    )
