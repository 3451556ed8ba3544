"""The report as one self-contained HTML file: no script, no reference to anything outside the file.

Every printed number that belongs to a result carries `data-result-id` and, as its title, the definition and method.
A content security policy inside the file forbids loading anything. Figures are inline SVG with their data table below.
Each function returns markup; every text of the study goes through `escape`, once, where it is put in.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from chartline.report.document import Block, Cell, Document, Figure, Heading, KeyNumbers, Paragraph, Table
from chartline.report.figures import FOLDER, draw

_SHORT, _LETTERS = 14, 900  # a table of so few rows and letters is not cut by the end of a printed page
Titles = Mapping[str, str]  # result id -> its definition and method

_PAGE = """<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light">
<meta name="generator" content="chartline">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the report</a>
{banner}<div class="layout">
<nav class="contents" aria-label="Contents">
<p>Contents</p>
<ol>
{contents}
</ol>
</nav>
<main id="content" tabindex="-1">
<header class="title">
<h1>{title}</h1>
{subtitle}</header>
{blocks}
{footer}</main>
</div>
</body>
</html>
"""


def write_html(document: Document, drawings: Mapping[str, bytes] | None = None) -> bytes:
    """Return `document` as UTF-8 HTML. `drawings` are SVGs already made, by figure name; others are drawn here."""
    made = drawings or {}
    anchored = [(_anchor(block, i), block) for i, block in enumerate(document.blocks, start=1)]

    def markup(anchor: str, block: Block) -> str:
        match block:
            case Heading():
                return f'<h{block.level + 1} id="{anchor}">{escape(block.text)}</h{block.level + 1}>'
            case Paragraph():
                return _paragraph(block, document.result_titles)
            case KeyNumbers():
                return _key_numbers(block, document.result_titles)
            case Table():
                return _table(block, anchor, document.result_titles)
            case Figure():
                return _figure(block, anchor, made.get(block.name) or draw(block, "svg"))

    page = _PAGE.format(
        title=escape(document.title),
        css=(FOLDER / "report.css").read_text(encoding="utf-8"),
        banner=_element('<div class="banner" role="note">{}</div>\n', document.notice),
        contents=_contents(anchored),
        subtitle=_element('<p class="subtitle">{}</p>\n', document.subtitle),
        blocks="\n".join(markup(anchor, block) for anchor, block in anchored),
        footer=_element("<footer>{}</footer>\n", document.footer),
    )
    return page.encode("utf-8", "replace")


def _element(form: str, text: str) -> str:
    """Return `form` around a text, or nothing where there is none."""
    return form.format(escape(text)) if text else ""


def _anchor(block: Block, i: int) -> str:
    """Return what links lead to: sec-1, table-1, figure-os."""
    match block:
        case Heading():
            return f"sec-{i}"
        case Table(number=number) if number:
            return escape(number.lower().replace(" ", "-"))
        case Figure(name=name):
            return escape(f"figure-{name}")
        case _:
            return f"b-{i}"


def _contents(anchored: list[tuple[str, Block]]) -> str:
    return "\n".join(
        f'<li class="level-{b.level}"><a href="#{anchor}">{escape(b.text)}</a></li>'
        for anchor, b in anchored
        if isinstance(b, Heading) and 1 <= b.level <= 2
    )


def _bound(result_id: str, titles: Titles) -> str:
    """Return the attributes that bind a number to its result."""
    if not result_id:
        return ""
    title = titles.get(result_id)
    return f' data-result-id="{escape(result_id)}"' + (f' title="{escape(title)}"' if title else "")


def _number(cell: Cell, titles: Titles) -> str:
    text = escape(cell.text)
    return f'<span class="number"{_bound(cell.result_id, titles)}>{text}</span>' if cell.result_id else text


def _paragraph(block: Paragraph, titles: Titles) -> str:
    if block.runs:
        pieces = ((_number(run, titles), run.bold) for run in block.runs)
        words = "".join(f"<strong>{piece}</strong>" if bold else piece for piece, bold in pieces)
    else:
        words = escape(block.text)
    ids = _element(' data-result-ids="{}"', "" if block.runs else " ".join(block.result_ids))
    return f'<p class="{block.style}"{ids}>{words}</p>'


def _key_numbers(block: KeyNumbers, titles: Titles) -> str:
    rows = []
    for number, label, note, result_id in block.items:
        value, _, unit = number.partition(" ")
        large = escape(value) + _element("<small> {}</small>", unit)
        rows.append(
            f'<div><dt>{escape(label)}</dt><dd><span class="value"{_bound(result_id, titles)}>{large}</span>'
            f'<span class="note">{escape(note)}</span></dd></div>'
        )
    return "\n".join(('<dl class="key-numbers">', *rows, "</dl>"))


def _caption(block: Table | Figure) -> str:
    return _element("<b>{}.</b> ", block.number) + escape(block.caption)


def _notes(block: Table | Figure) -> str:
    lines = "".join(f"<p>{escape(n)}</p>" for n in block.notes)
    return f'<div class="notes">{lines}</div>\n' if lines else ""


def _table(table: Table, anchor: str, titles: Titles) -> str:
    shares = table.widths or (1.0,) * len(table.header)
    columns = "".join(f'<col style="width:{100 * w / sum(shares):.1f}%">' for w in shares)
    classes = _column_classes(table.align)
    named = zip(classes, table.header, strict=False)
    head = "".join(f'<th scope="col" class="{c}">{escape(h)}</th>' for c, h in named)
    rows = [_row(table, i, classes, titles) for i in range(len(table.rows))]
    none = f'<tr><td colspan="{len(table.header)}" class="none">None.</td></tr>'
    return "\n".join(
        (
            f'<div class="{_table_class(table)}" id="{anchor}">',
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.number)}">',
            f"<table>\n<caption>{_caption(table)}</caption>\n<colgroup>{columns}</colgroup>",
            f"<thead><tr>{head}</tr></thead>\n<tbody>",
            *(rows or [none]),
            f"</tbody>\n</table>\n</div>\n{_notes(table)}</div>",
        )
    )


def _table_class(table: Table) -> str:
    short = len(table.rows) <= _SHORT and sum(max(len(c.text) for c in row) for row in table.rows) < _LETTERS
    marks = {"wide": table.wide, "dense": table.dense, "short": short}
    return " ".join(("table", *(name for name, is_so in marks.items() if is_so)))


def _column_classes(align: str) -> list[str]:
    """Return the class of each column; text right of a number starts a little further in."""
    pairs = zip(f"l{align}", align, strict=False)
    return [a + (" after-number" if (before, a) == ("r", "l") else "") for before, a in pairs]


def _row(table: Table, i: int, classes: list[str], titles: Titles) -> str:
    first, *others = table.rows[i]
    if i in table.span_rows:
        words = _number(first, titles)
        return f'<tr class="span"><th scope="rowgroup" colspan="{len(table.header)}">{words}</th></tr>'
    followed = i + 1 < len(table.rows) and table.rows[i + 1][0].indent > first.indent
    open_tag = '<tr class="name">' if followed else "<tr>"
    name = (f" indent-{first.indent}" if first.indent else "") + (" bold" if first.bold else "")
    if table.is_name(i):
        across = f'scope="rowgroup" colspan="{len(table.header)}"'
        return f'{open_tag}<th {across} class="{classes[0]}{name}">{_number(first, titles)}</th></tr>'
    cells = [f'<th scope="row" class="{classes[0]}{name}">{_number(first, titles)}</th>']
    for c, cell in zip(classes[1:], others, strict=False):
        cells.append(f'<td class="{c}{" bold" if cell.bold else ""}">{_number(cell, titles)}</td>')
    return f"{open_tag}{''.join(cells)}</tr>"


def _figure(figure: Figure, anchor: str, svg: bytes) -> str:
    """Return the drawing (outlines only, no text of the study), its caption, its notes and its data."""
    return "\n".join(
        (
            f'<figure id="{anchor}">',
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(figure.number)}">',
            f'<div class="drawing" role="img" aria-label="{escape(figure.alt)}">{svg.decode()}</div></div>',
            f"<figcaption>{_caption(figure)}</figcaption>",
            f"{_notes(figure)}{_data(figure) if figure.rows else ''}</figure>",
        )
    )


def _data(figure: Figure) -> str:
    def row(cells: tuple[str, ...], form: str) -> str:
        return f"<tr>{''.join(form.format(escape(c)) for c in cells)}</tr>"

    head = row(figure.columns, '<th scope="col">{}</th>')
    body = "\n".join(row(r, "<td>{}</td>") for r in figure.rows)
    return (
        '<details class="data"><summary>Data of this figure</summary>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(f"Data of {figure.number}")}">\n'
        f"<table><thead>{head}</thead>\n<tbody>{body}\n</tbody></table></div></details>\n"
    )
