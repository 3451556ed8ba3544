"""The report as one self-contained HTML file: no script, no reference to anything outside the file.

Every printed number that belongs to a result carries `data-result-id` and, as its title, the definition and method.
A content security policy inside the file forbids loading anything. Figures are inline SVG with their data table below.
"""

from __future__ import annotations

from collections.abc import Mapping

from chartline.report.document import Block, Document, Figure, Heading, Table
from chartline.report.figures import FOLDER, draw


def _share(table: Table) -> list[str]:
    """Return the column widths in percent."""
    widths = table.widths or (1.0,) * len(table.header)
    return [f"{100 * w / sum(widths):.1f}" for w in widths]


def _anchors(document: Document) -> list[tuple[str, Block]]:
    """Return each block with its anchor: sec-1, table-1, os."""
    out: list[tuple[str, Block]] = []
    for i, block in enumerate(document.blocks, start=1):
        match block:
            case Heading():
                anchor = f"sec-{i}"
            case Table(number=number) if number:
                anchor = number.lower().replace(" ", "-")
            case Figure(name=name):
                anchor = f"figure-{name}"
            case _:
                anchor = f"b-{i}"
        out.append((anchor, block))
    return out


def write_html(document: Document, drawings: Mapping[str, bytes] | None = None) -> bytes:
    """Return `document` as UTF-8 HTML. `drawings` are SVGs already made, by figure name; others are drawn here."""
    from jinja2 import Environment, FileSystemLoader

    def extra(block: Block) -> object:
        if isinstance(block, Table):
            return _share(block)
        if isinstance(block, Figure):
            svg = (drawings or {}).get(block.name) or draw(block, "svg")
            return svg.decode()
        return None

    env = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, auto_reload=False)
    anchored = _anchors(document)
    html = env.get_template("report.html.j2").render(
        document=document,
        titles=document.result_titles,
        css=(FOLDER / "report.css").read_text(encoding="utf-8"),
        contents=[(a, b) for a, b in anchored if isinstance(b, Heading) and 1 <= b.level <= 2],
        blocks=[(type(b).__name__, a, b, extra(b)) for a, b in anchored],
    )
    return html.encode("utf-8", "replace")
