"""The report as a Word file: real headings, captions that Word can list, three-line tables, page numbers.

Blocks become WordprocessingML here; `docx_package.py` puts styles, header, footer and pictures around it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace

from chartline.report.document import Block, Cell, Document, Figure, Heading, KeyNumbers, Paragraph, Table
from chartline.report.docx_package import (
    ACCENT,
    INK,
    REFERENCES,
    SOFT,
    WARN,
    Picture,
    attribute,
    picture_run,
    text,
    write_package,
)
from chartline.report.figures import draw

TEXT_WIDTH = 9072  # twips: 160 mm, A4 with 25 mm margins
WIDE_WIDTH = 14004  # twips: 247 mm, the same page in landscape
_TAB = "<w:r><w:tab/></w:r>"
_TABS = f'<w:tabs><w:tab w:val="right" w:pos="{TEXT_WIDTH}"/></w:tabs>'
_JC = {"l": "left", "r": "right", "c": "center"}
_HEADER = 115  # letters that fit side by side in the header
_KEEP_TOGETHER = 16  # tables of up to this many rows are kept on one page


def _run(words: str, bold: bool = False, size: float = 0, colour: str = "") -> str:
    """Return a run; size in points."""
    props = ("<w:b/>" if bold else "") + (f'<w:color w:val="{colour}"/>' if colour else "")
    props += f'<w:sz w:val="{round(size * 2)}"/><w:szCs w:val="{round(size * 2)}"/>' if size else ""
    lines = (f'<w:t xml:space="preserve">{text(line)}</w:t>' for line in words.split("\n"))
    return f"<w:r><w:rPr>{props}</w:rPr>{'<w:br/>'.join(lines)}</w:r>"


def _paragraph(style: str, runs: str, extra: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{extra}</w:pPr>{runs}</w:p>'


def _field(instruction: str, shown: str, props: str = "") -> str:
    """Return a field with its last result, so that no reader has to be asked to update it."""
    run = f"<w:r>{props}<w:t>{text(shown)}</w:t></w:r>"
    return f'<w:fldSimple w:instr=" {attribute(instruction)} ">{run}</w:fldSimple>'


def _caption(number: str, caption: str, keep: bool) -> str:
    word, _, n = number.rpartition(" ")
    label = f'<w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">{text(word)} </w:t></w:r>'
    label += _field(f"SEQ {word} \\* ARABIC", n, "<w:rPr><w:b/></w:rPr>")
    lead = label + _run(". ", bold=True) if word else ""
    return _paragraph("Caption", lead + _run(caption), "<w:keepNext/>" if keep else "")


def _cell(
    cell: Cell, width: int, align: str, keep: bool, size: float, borders: str = "", span: int = 1, left: int = 0
) -> str:
    grid = f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    edge = f"<w:tcBorders>{borders}</w:tcBorders>" if borders else ""
    room = 200 * cell.indent + left
    indent = f'<w:ind w:left="{room}"/>' if room else ""
    props = ("<w:keepNext/>" if keep else "") + indent + f'<w:jc w:val="{_JC[align]}"/>'
    body = _paragraph("TableText", _run(cell.text, cell.bold, size), props)
    return f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{grid}{edge}</w:tcPr>{body}</w:tc>'


def _row(cells: str, header: bool = False) -> str:
    return f"<w:tr><w:trPr><w:cantSplit/>{'<w:tblHeader/>' if header else ''}</w:trPr>{cells}</w:tr>"


def _frame(widths: list[int], rows: str, borders: str) -> str:
    grid = "".join(f'<w:gridCol w:w="{w}"/>' for w in widths)
    margin = '<w:left w:w="0" w:type="dxa"/><w:right w:w="100" w:type="dxa"/>'
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:tblBorders>{borders}</w:tblBorders>'
        f'<w:tblLayout w:type="fixed"/><w:tblCellMar>{margin}</w:tblCellMar></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid>{rows}</w:tbl>"
    )


def _rule(edge: str, eighths: int) -> str:
    return f'<w:{edge} w:val="single" w:sz="{eighths}" w:space="0" w:color="{INK}"/>'


def _column_widths(table: Table, total: int) -> list[int]:
    shares = table.widths or (1.0,) * len(table.header)
    return [round(total * s / sum(shares)) for s in shares]


def _cells(table: Table, row: Iterable[Cell], widths: list[int], keep: bool, borders: str = "") -> str:
    """Return the cells of a row; text right of a number starts a little further in."""
    before = f"l{table.align}"
    return "".join(
        _cell(c, w, a, keep, _size(table), borders, left=140 if a == "l" and b == "r" else 0)
        for c, w, a, b in zip(row, widths, table.align, before, strict=False)
    )


def _size(table: Table) -> float:
    """Return the size of its text in points, 0 for that of the style."""
    return 7.5 if table.dense else 0


def _table_rows(table: Table, widths: list[int]) -> str:
    head = (Cell(h, bold=True) for h in table.header)
    rows = [_row(_cells(table, head, widths, True, _rule("bottom", 6)), header=True)]
    short = len(table.rows) <= _KEEP_TOGETHER
    for i, row in enumerate(table.rows):
        following = table.rows[i + 1][0].indent if i + 1 < len(table.rows) else 0
        last = i == len(table.rows) - 1
        keep = (short and not last) or i in table.span_rows or (row[0].indent == 0 and following > 0)
        keep = keep or (last and bool(table.notes))
        if i in table.span_rows or table.is_name(i):
            one = replace(row[0], bold=row[0].bold or i in table.span_rows)
            rows.append(_row(_cell(one, sum(widths), "l", keep, _size(table), span=len(widths))))
        else:
            rows.append(_row(_cells(table, row, widths, keep)))
    if not table.rows:
        rows.append(_row(_cell(Cell("None."), sum(widths), "l", False, 0, span=len(widths))))
    return "".join(rows)


def _section(landscape: bool) -> str:
    """Return the properties of a section of this orientation, A4."""
    size = 'w:w="16838" w:h="11906" w:orient="landscape"' if landscape else 'w:w="11906" w:h="16838"'
    margins = 'w:top="1360" w:right="1417" w:bottom="1300" w:left="1417" w:header="620" w:footer="560" w:gutter="0"'
    return f"<w:sectPr>{REFERENCES}<w:pgSz {size}/><w:pgMar {margins}/></w:sectPr>"


def _section_end(landscape: bool) -> str:
    return f"<w:p><w:pPr>{_section(landscape)}</w:pPr></w:p>"


def _table(table: Table) -> str:
    widths = _column_widths(table, WIDE_WIDTH if table.wide else TEXT_WIDTH)
    borders = _rule("top", 10) + _rule("bottom", 10)
    notes = "".join(_paragraph("Notes", _run(n)) for n in table.notes)
    body = _caption(table.number, table.caption, keep=True) + _frame(widths, _table_rows(table, widths), borders)
    body += notes or _paragraph("Notes", "")
    return body + _section_end(True) if table.wide else body


def _starts_landscape(blocks: tuple[Block, ...], i: int) -> bool:
    """Whether a landscape page starts before block i: a wide table, or the heading right above one."""

    def wide(block: Block) -> bool:
        return isinstance(block, Table) and block.wide

    under_heading = i > 0 and isinstance(blocks[i - 1], Heading)
    above_wide = isinstance(blocks[i], Heading) and wide(blocks[min(i + 1, len(blocks) - 1)])
    return above_wide or (wide(blocks[i]) and not under_heading)


def _key_numbers(block: KeyNumbers) -> str:
    columns = min(3, max(1, len(block.items)))
    width = TEXT_WIDTH // columns
    rows = []
    for start in range(0, len(block.items), columns):
        cells = ""
        for number, label, note, _ in block.items[start : start + columns]:
            value, _, unit = number.partition(" ")
            large = _run(value) + (_run(f" {unit}", size=11, colour=ACCENT) if unit else "")
            body = _paragraph("KeyNumber", large, "<w:keepNext/>")
            body += _paragraph("TableText", _run(label, bold=True), "<w:keepNext/>") + _paragraph("Notes", _run(note))
            rule = f'<w:tcBorders><w:top w:val="single" w:sz="12" w:space="0" w:color="{ACCENT}"/></w:tcBorders>'
            cells += f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{rule}</w:tcPr>{body}</w:tc>'
        missing = columns - len(block.items[start : start + columns])
        cells += f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr><w:p/></w:tc>' * missing
        rows.append(_row(cells))
    return _frame([width] * columns, "".join(rows), "") + _paragraph("Normal", "")


def _prose(block: Paragraph) -> str:
    style = {"body": "Normal", "lead": "Lead", "small": "Notes", "notice": "NoticeBox"}[block.style]
    runs = "".join(_run(r.text, r.bold) for r in block.runs) if block.runs else _run(block.text)
    return _paragraph(style, runs)


def _xml(block: Block) -> str:
    match block:
        case Heading():
            return _paragraph(f"Heading{max(1, block.level)}", _run(block.text))
        case Paragraph():
            return _prose(block)
        case KeyNumbers():
            return _key_numbers(block)
        case Table():
            return _table(block)
        case Figure():
            return _caption(block.number, block.caption, keep=bool(block.notes)) + "".join(
                _paragraph("Notes", _run(n)) for n in block.notes
            )


def _picture(figure: Figure, png: bytes) -> Picture:
    """Return the drawing, as wide as the text."""
    width, height = struct.unpack(">II", png[16:24])  # from the PNG's header
    across = TEXT_WIDTH * 635  # a twip is 635 EMU
    return Picture(figure.name, figure.alt, png, across, round(across * height / width))


def _header(document: Document) -> str:
    runs = _run(document.notice, True, 8, WARN)
    if len(document.notice) + len(document.short_title) < _HEADER:
        runs += _TAB + _run(document.short_title, False, 8, SOFT)
    return _paragraph("Header", runs, _TABS)


def _footer(document: Document) -> str:
    pages = _run("Page ", False, 8, SOFT) + _field("PAGE", "1") + _run(" of ", False, 8, SOFT) + _field("NUMPAGES", "1")
    return _paragraph("Footer", _run(document.footer, False, 8, SOFT) + _TAB + pages, _TABS)


def write_docx(document: Document, drawings: Mapping[str, bytes] | None = None) -> bytes:
    """Return `document` as DOCX bytes. `drawings` are PNGs already made, by figure name; others are drawn here."""
    made = drawings or {}
    pictures: list[Picture] = []
    body = [_paragraph("Title", _run(document.title))]
    if document.subtitle:
        body.append(_paragraph("Subtitle", _run(document.subtitle)))
    for i, block in enumerate(document.blocks):
        if isinstance(block, Figure):
            pictures.append(_picture(block, made.get(block.name) or draw(block, "png")))
            body.append(_paragraph("FigurePicture", picture_run(pictures[-1], len(pictures)), "<w:keepNext/>"))
        if _starts_landscape(document.blocks, i):
            body.append(_section_end(False))
        body.append(_xml(block))
    body.append(_section(False))
    return write_package("".join(body), _header(document), _footer(document), pictures, document.title)
