"""The queries of every centre by where they stand: open, answered, accepted, closed; numbers only."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.cells import centre_labels
from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import BoardLine, ReportSource


def build(source: ReportSource) -> list[Block]:
    if not source.board:
        return []
    every = source.board[-1]
    asked = every.blocking + every.checking
    done = every.accepted + every.closed_true + every.closed_data
    text = f"{fmt.plural(asked + every.answered + done, 'query was', 'queries were')} asked of the centres so far: "
    text += f"{fmt.whole(asked)} wait for an answer, {fmt.whole(every.answered)} for a decision, "
    text += f"{fmt.whole(done)} are settled."
    labels = centre_labels(source)
    return [
        Heading("Queries to the centres"),
        Paragraph(text),
        Table(
            number="Table",
            caption="Queries by centre and where they stand.",
            header=(
                *("Centre", "Open: withholds", "Open: asks", "Asked again", "Answered", "Accepted", "Closed as true"),
                *("Closed by the data", "Middle one open since", "Oldest open since"),
            ),
            rows=tuple(_row(line, labels.get(line.centre, line.centre)) for line in source.board),
            align="l" + "r" * 9,
            widths=(1.2, *(0.8,) * 7, 1.1, 1.1),
            notes=(
                "Asked again: of the open ones, those that an answer did not settle or that a person reopened. "
                "Answered: the centre does not know, and the study team decides. Closed as true: the value is right as "
                "it stands. Closed by the data: the files have changed and no longer ask it.",
            ),
        ),
    ]


def _row(line: BoardLine, label: str) -> tuple[Cell, ...]:
    bold = not line.centre
    numbers = (line.blocking, line.checking, line.reopened, line.answered, line.accepted, line.closed_true)
    texts = (
        label or "All",
        *(fmt.whole(n) if n else "" for n in (*numbers, line.closed_data)),
        line.middle,
        line.oldest,
    )
    return tuple(Cell(t, bold=bold) for t in texts)
