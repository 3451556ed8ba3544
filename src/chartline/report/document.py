"""One document model for three writers. Blocks build it, `html.py`, `docx.py` and `pdf.py` write it.

All text here is final: numbers are formatted, subjects appear only in patient-level blocks. A `Figure` names a Typst
drawing with its data; the writers ask `figures.py` for SVG or PNG.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 1  # 0 title, 1 section, 2 subsection


@dataclass(frozen=True)
class Cell:
    """A table cell or a run of text. `result_id` binds a printed number to its result."""

    text: str
    result_id: str = ""
    bold: bool = False
    indent: int = 0


@dataclass(frozen=True)
class Paragraph:
    """Plain text; `result_ids` are the results whose numbers it prints.

    `runs` is the same text in pieces, so that a number inside a sentence can be bound to its result; () for plain
    text. `Paragraph.of` builds both.
    """

    text: str
    style: Literal["body", "lead", "small", "notice"] = "body"
    result_ids: tuple[str, ...] = ()
    runs: tuple[Cell, ...] = ()

    @classmethod
    def of(cls, *pieces: str | Cell, style: Literal["body", "lead", "small", "notice"] = "body") -> Paragraph:
        """Return a paragraph from plain pieces and pieces bound to results."""
        runs = tuple(Cell(p) if isinstance(p, str) else p for p in pieces)
        ids = tuple(r.result_id for r in runs if r.result_id)
        return cls("".join(r.text for r in runs), style, ids, runs)


@dataclass(frozen=True)
class Table:
    """A three-line table. `align` has one letter a column (l, r, c); `span_rows` are full-width sub-headings.

    A line end in a header is kept: "Centre A\\n(n = 8)".
    """

    number: str  # "Table 1"
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    align: str
    widths: tuple[float, ...] = ()  # relative column widths; () = equal
    notes: tuple[str, ...] = ()
    span_rows: frozenset[int] = frozenset()  # indices of rows that are sub-headings (first cell only)
    wide: bool = False  # may use a landscape page

    @property
    def dense(self) -> bool:
        """Whether it has so many columns that it is set smaller."""
        return len(self.header) >= 7

    def is_name(self, i: int) -> bool:
        """Whether row i has text in its first cell only, so that it may be set across the table."""
        return len(self.header) > 1 and not any(c.text for c in self.rows[i][1:])


@dataclass(frozen=True)
class Figure:
    """A drawing: `kind` is the name of a template in `report/templates/figures/`, `data` its JSON data."""

    number: str  # "Figure 1"
    name: str  # file stem: "os", "flow", "swimmer"
    kind: str
    caption: str
    alt: str
    data: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()  # its data table: what is drawn, as text
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class KeyNumbers:
    """The row of large numbers under the title."""

    items: tuple[tuple[str, str, str, str], ...]  # (number, label, interval or note, result_id)


Block = Heading | Paragraph | Table | Figure | KeyNumbers


@dataclass(frozen=True)
class Document:
    title: str
    subtitle: str
    notice: str  # printed on every page, e.g. "Synthetic data: no patient is real"; "" for none
    blocks: tuple[Block, ...]
    footer: str = ""  # digests and version
    short_title: str = ""  # running title of later pages
    patient_level: bool = True
    result_titles: Mapping[str, str] = field(default_factory=dict)  # result id -> its definition and method

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(b for b in self.blocks if isinstance(b, Figure))
