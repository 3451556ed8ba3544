"""The list of a centre's queries on paper: the same questions as the workbook, with room to write the answers.

In: what a centre is asked. Out: a document for the report's Word writer.
"""

from __future__ import annotations

from collections.abc import Sequence

from chartline.queries.lines import Line, place_words
from chartline.queries.workbook import question, tally, weight
from chartline.report.document import Block, Cell, Document, Heading, Paragraph, Table

_HOW = (
    "For each place, please tick one: the cell is right as it stands; the correct value (dates as 2021-07-28); or the "
    "chart does not tell (unknown). If the whole is no problem, or a row was entered twice, say so below. Please sign "
    "at the end. Do not write names or hospital numbers of patients."
)
_BOXES = "☐ right    ☐ unknown\n☐ correct to:\n"


def query_paper(asked: Sequence[Sequence[Line]], study: str, centre: str, notice: str) -> Document:
    """Return the printable list; `asked` are the lines of each query, in the order in which they are printed."""
    blocks: list[Block] = [Paragraph(_HOW)]
    patient = None
    for lines in asked:
        if lines[0].query.subject != patient:
            patient = lines[0].query.subject
            blocks.append(Heading(f"Patient {patient}" if patient else "The files as a whole"))
        blocks.append(_question(lines))
    blocks += [
        Heading("Answered by"),
        Paragraph("Name and role: ______________________   Date: ____________   Signature: ______________"),
    ]
    queries = [lines[0].query for lines in asked]
    return Document(
        title=f"Queries to centre {centre}",
        subtitle=f"Study {study}. {tally(queries)}",
        notice=notice,
        blocks=tuple(blocks),
        footer=f"{study}, centre {centre}",
        short_title=f"Queries to centre {centre}",
    )


def _question(lines: Sequence[Line]) -> Table:
    """Return one query as a table under its question, so that no page parts the two."""
    q = lines[0].query
    rows = [(Cell(place_words(line.address) or "–"), Cell(line.shown), Cell(_BOXES)) for line in lines]
    rows.append((Cell(""), Cell("☐ not a problem because:\n"), Cell("☐ leave out this row:")))
    asked = question(lines[0]).replace("\n", " ")
    return Table(
        number="",
        caption=f"{q.id} ({weight(q)[:1].lower()}{weight(q)[1:]}). {asked}",
        header=("Where", "What stands there", "Answer"),
        rows=tuple(rows),
        align="lll",
        widths=(2.2, 2.6, 2.2),
    )
