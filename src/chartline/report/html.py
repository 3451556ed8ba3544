"""The report as one self-contained HTML file: no script, no reference to anything outside the file.

Every printed number that belongs to a result carries `data-result-id` and, as its title, the definition and method.
A content security policy inside the file forbids loading anything. Figures are inline SVG with their data table below.
The markup is in `templates/report.html.j2`; Jinja2 escapes every text of the study.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from chartline.report.document import Block, Document, Figure, Heading, Table
from chartline.report.figures import FOLDER, draw

if TYPE_CHECKING:
    from jinja2 import Template

_SHORT, _LETTERS = 14, 900  # a table of so few rows and letters is not cut by the end of a printed page


def write_html(document: Document, drawings: Mapping[str, bytes] | None = None) -> bytes:
    """Return `document` as UTF-8 HTML. `drawings` are SVGs already made, by figure name; others are drawn here."""
    made = drawings or {}
    anchored = [(_anchor(block, i), block) for i, block in enumerate(document.blocks, start=1)]

    def look(block: Block) -> object:
        if isinstance(block, Table):
            return {"marks": _marks(block), "shares": _shares(block), "classes": _column_classes(block.align)}
        if isinstance(block, Figure):
            return (made.get(block.name) or draw(block, "svg")).decode()
        return None

    html = _template().render(
        document=document,
        css=(FOLDER / "report.css").read_text(encoding="utf-8"),
        titles=document.result_titles,
        contents=[(a, b) for a, b in anchored if isinstance(b, Heading) and 1 <= b.level <= 2],
        blocks=[(type(b).__name__, a, b, look(b)) for a, b in anchored],
    )
    return html.encode("utf-8", "replace")


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    return env.get_template("report.html.j2")


def _anchor(block: Block, i: int) -> str:
    """Return what links lead to: sec-1, table-1, figure-os."""
    match block:
        case Heading():
            return f"sec-{i}"
        case Table(number=number) if number:
            return number.lower().replace(" ", "-")
        case Figure(name=name):
            return f"figure-{name}"
        case _:
            return f"b-{i}"


def _shares(table: Table) -> list[str]:
    """Return the column widths in percent."""
    widths = table.widths or (1.0,) * len(table.header)
    return [f"{100 * w / sum(widths):.1f}" for w in widths]


def _marks(table: Table) -> str:
    short = len(table.rows) <= _SHORT and sum(max(len(c.text) for c in row) for row in table.rows) < _LETTERS
    marks = {"wide": table.wide, "dense": table.dense, "short": short}
    return " ".join(("table", *(name for name, is_so in marks.items() if is_so)))


def _column_classes(align: str) -> list[str]:
    """Return the class of each column; text right of a number starts a little further in."""
    pairs = zip(f"l{align}", align, strict=False)
    return [a + (" after-number" if (before, a) == ("r", "l") else "") for before, a in pairs]
