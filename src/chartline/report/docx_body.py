"""The blocks of a report as WordprocessingML: captions that Word can list, three-line tables, runs of text.

In: a block. Out: the XML of its paragraphs and tables, which `docx.py` puts into the file with python-docx. Tables are
written as XML because the library looks each cell up in time proportional to the table (quadratic in all).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from xml.sax.saxutils import escape, quoteattr

from chartline.report.document import Block, Cell, Document, Figure, Heading, KeyNumbers, Paragraph, Table

NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
INK, SOFT, ACCENT, WARN = "1C2126", "56616B", "0B5D8F", "8A4B00"
TEXT_WIDTH = 9072  # twips: 160 mm, A4 with 25 mm margins
WIDE_WIDTH = 14004  # twips: 247 mm, the same page in landscape
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # not allowed in XML 1.0
_TAB = "<w:r><w:tab/></w:r>"
_TABS = f'<w:tabs><w:tab w:val="right" w:pos="{TEXT_WIDTH}"/></w:tabs>'
_JC = {"l": "left", "r": "right", "c": "center"}
_HEADER = 115  # letters that fit side by side in the header
_KEEP_TOGETHER = 16  # tables of up to this many rows are kept on one page


def legible(value: str) -> str:
    """Return `value` with U+FFFD for what XML cannot hold."""
    return _FORBIDDEN.sub("\ufffd", value)


def _text(value: str) -> str:
    return escape(legible(value))


def _run(words: str, bold: bool = False, size: float = 0, colour: str = "") -> str:
    """Return a run; size in points."""
    props = ("<w:b/>" if bold else "") + (f'<w:color w:val="{colour}"/>' if colour else "")
    props += f'<w:sz w:val="{round(size * 2)}"/><w:szCs w:val="{round(size * 2)}"/>' if size else ""
    lines = (f'<w:t xml:space="preserve">{_text(line)}</w:t>' for line in words.split("\n"))
    return f"<w:r><w:rPr>{props}</w:rPr>{'<w:br/>'.join(lines)}</w:r>"


def _paragraph(style: str, runs: str, extra: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{extra}</w:pPr>{runs}</w:p>'


def _field(instruction: str, shown: str, props: str = "") -> str:
    """Return a field with its last result, so that no reader has to be asked to update it."""
    run = f"<w:r>{props}<w:t>{_text(shown)}</w:t></w:r>"
    return f"<w:fldSimple w:instr={quoteattr(f' {legible(instruction)} ')}>{run}</w:fldSimple>"


def _caption(number: str, caption: str, keep: bool) -> str:
    word, _, n = number.rpartition(" ")
    label = f'<w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">{_text(word)} </w:t></w:r>'
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


def _table(table: Table) -> str:
    widths = _column_widths(table, WIDE_WIDTH if table.wide else TEXT_WIDTH)
    borders = _rule("top", 10) + _rule("bottom", 10)
    notes = "".join(_paragraph("Notes", _run(n)) for n in table.notes)
    body = _caption(table.number, table.caption, keep=True) + _frame(widths, _table_rows(table, widths), borders)
    return body + (notes or _paragraph("Notes", ""))


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


def block_xml(block: Block) -> str:
    """Return the paragraphs and tables of a block; of a figure what stands under its picture."""
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


def title_xml(document: Document) -> str:
    """Return the title and what stands under it."""
    subtitle = _paragraph("Subtitle", _run(document.subtitle)) if document.subtitle else ""
    return _paragraph("Title", _run(document.title)) + subtitle


def header_xml(document: Document) -> str:
    """Return the header of every page: the notice, and the running title where both fit."""
    runs = _run(document.notice, True, 8, WARN)
    if len(document.notice) + len(document.short_title) < _HEADER:
        runs += _TAB + _run(document.short_title, False, 8, SOFT)
    return _paragraph("Header", runs, _TABS)


def footer_xml(document: Document) -> str:
    """Return the footer of every page, with the page's number."""
    pages = _run("Page ", False, 8, SOFT) + _field("PAGE", "1") + _run(" of ", False, 8, SOFT) + _field("NUMPAGES", "1")
    return _paragraph("Footer", _run(document.footer, False, 8, SOFT) + _TAB + pages, _TABS)
