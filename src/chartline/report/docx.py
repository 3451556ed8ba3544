"""The report as a Word file: real headings, captions that Word can list, three-line tables, page numbers.

Tables and paragraphs are written as raw WordprocessingML, because `python-docx` looks a cell up in time proportional
to the table (quadratic in all). The zip is repacked with fixed dates, so equal documents give equal bytes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from chartline.report.document import Block, Cell, Document, Figure, Heading, KeyNumbers, Paragraph, Table
from chartline.report.figures import draw

TEXT_WIDTH = 9072  # twips: 160 mm, A4 with 25 mm margins
WIDE_WIDTH = 14004  # twips: 247 mm, the same page in landscape
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # not allowed in XML 1.0
_FACE = "Arial"  # every machine has it or a twin of the same widths; Calibri has none on many
_INK, _SOFT, _ACCENT, _WARN = "1C2126", "56616B", "0B5D8F", "8A4B00"
_JC = {"l": "left", "r": "right", "c": "center"}
_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEADER = 115  # letters that fit side by side in the header
_KEEP_TOGETHER = 16  # tables of up to this many rows are kept on one page


def _text(value: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", value))


def _run(text: str, bold: bool = False, size: float = 0, colour: str = "") -> str:
    """Return a run; size in points."""
    props = ("<w:b/>" if bold else "") + (f'<w:color w:val="{colour}"/>' if colour else "")
    props += f'<w:sz w:val="{round(size * 2)}"/><w:szCs w:val="{round(size * 2)}"/>' if size else ""
    return f'<w:r><w:rPr>{props}</w:rPr><w:t xml:space="preserve">{_text(text)}</w:t></w:r>'


def _paragraph(style: str, runs: str, extra: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{extra}</w:pPr>{runs}</w:p>'


def _field(instruction: str, shown: str, props: str = "") -> str:
    """Return a field with its last result, so that no reader has to be asked to update it."""
    run = f"<w:r>{props}<w:t>{_text(shown)}</w:t></w:r>"
    return f'<w:fldSimple w:instr=" {_text(instruction)} ">{run}</w:fldSimple>'


def _caption(number: str, caption: str, keep: bool) -> str:
    word, _, n = number.rpartition(" ")
    label = f'<w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">{_text(word)} </w:t></w:r>'
    label += _field(f"SEQ {word} \\* ARABIC", n, "<w:rPr><w:b/></w:rPr>")
    lead = label + _run(". ", bold=True) if word else ""
    return _paragraph("Caption", lead + _run(caption), "<w:keepNext/>" if keep else "")


def _cell(
    cell: Cell, width: int, align: str, style: str, keep: bool, borders: str = "", span: int = 1, left: int = 0
) -> str:
    grid = f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    edge = f"<w:tcBorders>{borders}</w:tcBorders>" if borders else ""
    room = 200 * cell.indent + left
    indent = f'<w:ind w:left="{room}"/>' if room else ""
    props = ("<w:keepNext/>" if keep else "") + indent + f'<w:jc w:val="{_JC[align]}"/>'
    body = _paragraph(style, _run(cell.text, cell.bold), props)
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
    return f'<w:{edge} w:val="single" w:sz="{eighths}" w:space="0" w:color="{_INK}"/>'


def _column_widths(table: Table, total: int) -> list[int]:
    shares = table.widths or (1.0,) * len(table.header)
    return [round(total * s / sum(shares)) for s in shares]


def _cells(table: Table, row: Iterable[Cell], widths: list[int], keep: bool, borders: str = "") -> str:
    """Return the cells of a row; text right of a number starts a little further in."""
    before = f"l{table.align}"
    return "".join(
        _cell(c, w, a, "TableText", keep, borders, left=140 if a == "l" and b == "r" else 0)
        for c, w, a, b in zip(row, widths, table.align, before, strict=False)
    )


def _table_rows(table: Table, widths: list[int]) -> str:
    head = (Cell(h, bold=True) for h in table.header)
    rows = [_row(_cells(table, head, widths, True, _rule("bottom", 6)), header=True)]
    short = len(table.rows) <= _KEEP_TOGETHER
    for i, row in enumerate(table.rows):
        following = table.rows[i + 1][0].indent if i + 1 < len(table.rows) else 0
        keep = (short and i < len(table.rows) - 1) or i in table.span_rows or (row[0].indent == 0 and following > 0)
        if i in table.span_rows:
            one = Cell(row[0].text, bold=True)
            rows.append(_row(_cell(one, sum(widths), "l", "TableText", keep, span=len(widths))))
        else:
            rows.append(_row(_cells(table, row, widths, keep)))
    if not table.rows:
        rows.append(_row(_cell(Cell("None."), sum(widths), "l", "TableText", False, span=len(widths))))
    return "".join(rows)


def _section(landscape: bool) -> str:
    """Return a paragraph that ends a section of this orientation."""
    size = 'w:w="16838" w:h="11906" w:orient="landscape"' if landscape else 'w:w="11906" w:h="16838"'
    margins = 'w:top="1360" w:right="1417" w:bottom="1300" w:left="1417" w:header="620" w:footer="560" w:gutter="0"'
    return f"<w:p><w:pPr><w:sectPr><w:pgSz {size}/><w:pgMar {margins}/></w:sectPr></w:pPr></w:p>"


def _table(table: Table) -> str:
    widths = _column_widths(table, WIDE_WIDTH if table.wide else TEXT_WIDTH)
    borders = _rule("top", 10) + _rule("bottom", 10)
    notes = "".join(_paragraph("Notes", _run(n)) for n in table.notes)
    body = _caption(table.number, table.caption, keep=True) + _frame(widths, _table_rows(table, widths), borders)
    body += notes or _paragraph("Notes", "")
    return _section(False) + body + _section(True) if table.wide else body


def _key_numbers(block: KeyNumbers) -> str:
    columns = min(3, max(1, len(block.items)))
    width = TEXT_WIDTH // columns
    rows = []
    for start in range(0, len(block.items), columns):
        cells = ""
        for number, label, note, _ in block.items[start : start + columns]:
            value, _, unit = number.partition(" ")
            large = _run(value) + (_run(f" {unit}", size=11, colour=_ACCENT) if unit else "")
            body = _paragraph("KeyNumber", large, "<w:keepNext/>")
            body += _paragraph("TableText", _run(label, bold=True), "<w:keepNext/>") + _paragraph("Notes", _run(note))
            rule = f'<w:tcBorders><w:top w:val="single" w:sz="12" w:space="0" w:color="{_ACCENT}"/></w:tcBorders>'
            cells += f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{rule}</w:tcPr>{body}</w:tc>'
        missing = columns - len(block.items[start : start + columns])
        cells += f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr><w:p/></w:tc>' * missing
        rows.append(_row(cells))
    return _frame([width] * columns, "".join(rows), "") + _paragraph("Normal", "")


def _prose(block: Paragraph) -> str:
    style = {"body": "Normal", "lead": "Lead", "small": "Notes", "notice": "NoticeBox"}[block.style]
    runs = "".join(_run(r.text, r.bold) for r in block.runs) if block.runs else _run(block.text)
    return _paragraph(style, runs)


def _picture(docx: Any, figure: Figure, png: bytes) -> Any:
    """Return the paragraph that holds the picture, with its alternative text."""
    from docx.oxml import OxmlElement, parse_xml
    from docx.shared import Emu

    inline = docx.part.new_pic_inline(BytesIO(png), Emu(round(TEXT_WIDTH * 635)), None)
    inline.docPr.set("descr", _FORBIDDEN.sub("\ufffd", figure.alt))
    inline.docPr.set("name", figure.name)
    paragraph = parse_xml(_wrap(_paragraph("FigurePicture", "", "<w:keepNext/>")))[0]
    run, drawing = OxmlElement("w:r"), OxmlElement("w:drawing")
    drawing.append(inline)
    run.append(drawing)
    paragraph.append(run)
    return paragraph


def _wrap(xml: str) -> str:
    return f'<w:body xmlns:w="{_W}">{xml}</w:body>'


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


def _style(docx: Any, name: str, size: float, colour: str = _INK, **space: float) -> Any:
    """Make or change a paragraph style; `before`, `after` in points, `bold` as 0 or 1."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    styles = docx.styles
    style = styles[name] if name in styles else styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    style.font.name, style.font.size, style.font.color.rgb = _FACE, Pt(size), RGBColor.from_string(colour)
    fonts = style.element.rPr.rFonts
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    for script in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(qn(f"w:{script}"), _FACE)
    style.font.bold, style.font.italic = bool(space.get("bold", 0)), False
    style.paragraph_format.space_before = Pt(space.get("before", 0))
    style.paragraph_format.space_after = Pt(space.get("after", 0))
    style.paragraph_format.line_spacing = space.get("line", 1.0)
    return style


def _styles(docx: Any) -> None:
    from docx.oxml import parse_xml

    _style(docx, "Normal", 10, after=6, line=1.15)
    _style(docx, "Title", 18, before=0, after=6, bold=1)
    _style(docx, "Subtitle", 11, _SOFT, after=14)
    for name in ("Title", "Subtitle"):
        _unadorned(docx.styles[name])
    for level, (size, before, after) in enumerate(((15, 20, 6), (12, 14, 4), (10.5, 10, 3)), start=1):
        heading = _style(docx, f"Heading {level}", size, before=before, after=after, bold=1)
        heading.paragraph_format.keep_with_next = True
    _style(docx, "Caption", 9, before=10, after=5)
    _style(docx, "TableText", 8, before=1.5, after=1.5)
    _style(docx, "Notes", 7.5, _SOFT, before=2, after=2)
    _style(docx, "Lead", 11.5, after=8, line=1.15)
    _style(docx, "KeyNumber", 20, _ACCENT, before=4, after=1, bold=1)
    _style(docx, "FigurePicture", 10, before=10, after=2)
    box = _style(docx, "NoticeBox", 9.5, "5C3500", before=8, after=8)
    edge = f'<w:pBdr xmlns:w="{_W}"><w:left w:val="single" w:sz="24" w:space="8" w:color="D98F1F"/></w:pBdr>'
    shade = f'<w:shd xmlns:w="{_W}" w:val="clear" w:color="auto" w:fill="FFF6E6"/>'
    spacing = box.element.pPr.find(f"{{{_W}}}spacing")
    spacing.addprevious(parse_xml(edge))
    spacing.addprevious(parse_xml(shade))


def _unadorned(style: Any) -> None:
    """Take away the rules and the letter spacing that the default template gives its titles."""
    for name in ("pPr/{0}pBdr", "rPr/{0}spacing", "rPr/{0}kern"):
        for element in style.element.findall(f"{{{_W}}}" + name.format(f"{{{_W}}}")):
            element.getparent().remove(element)


def _page(docx: Any, document: Document) -> None:
    """Set A4, the notice in the header, the footer's text and page numbers."""
    from docx.oxml import parse_xml
    from docx.shared import Mm

    section = docx.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(25)
    section.top_margin, section.bottom_margin = Mm(24), Mm(23)
    section.header_distance, section.footer_distance = Mm(11), Mm(10)
    cleared = "".join(f'<w:tab w:val="clear" w:pos="{at}"/>' for at in (4320, 4680, 8640, 9360))
    tab = f'<w:tabs>{cleared}<w:tab w:val="right" w:pos="{TEXT_WIDTH}"/></w:tabs>'
    right = "<w:r><w:tab/></w:r>"
    head = _run(document.notice, True, 8, _WARN)
    if len(document.notice) + len(document.short_title) < _HEADER:
        head += right + _run(document.short_title, False, 8, _SOFT)
    pages = (
        _run("Page ", False, 8, _SOFT) + _field("PAGE", "1") + _run(" of ", False, 8, _SOFT) + _field("NUMPAGES", "1")
    )
    foot = _run(document.footer, False, 8, _SOFT) + right + pages
    for part, style, runs in ((section.header, "Header", head), (section.footer, "Footer", foot)):
        _style(docx, style, 8, _SOFT)
        element = part.paragraphs[0]._p
        element.getparent().replace(element, parse_xml(_wrap(_paragraph(style, runs, tab)))[0])


def _share_headers(docx: Any) -> None:
    """Give every section the header and footer of the last, which alone was made with them."""
    last = docx.element.body[-1]
    references = [e for e in last if e.tag.endswith("Reference")]
    for section in docx.element.body.iterfind(f".//{{{_W}}}pPr/{{{_W}}}sectPr"):
        for position, reference in enumerate(references):
            section.insert(position, deepcopy(reference))


def _properties(docx: Any, document: Document) -> None:
    """Set the file's properties; dates are fixed, because the same study must give the same file."""
    core = docx.core_properties
    core.title, core.author, core.comments = _FORBIDDEN.sub("\ufffd", document.title)[:255], "chartline", ""
    core.language, core.revision = "en-GB", 1
    core.created = core.modified = dt.datetime(1980, 1, 1)


def _repacked(data: bytes) -> bytes:
    """Return the same zip with fixed dates."""
    out = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(out, "w", ZIP_DEFLATED, compresslevel=4) as new:
        for name in old.namelist():
            info = ZipInfo(name, _EPOCH)
            info.compress_type = ZIP_DEFLATED
            new.writestr(info, old.read(name))
    return out.getvalue()


def write_docx(document: Document, drawings: Mapping[str, bytes] | None = None) -> bytes:
    """Return `document` as DOCX bytes. `drawings` are PNGs already made, by figure name; others are drawn here."""
    import docx as python_docx
    from docx.oxml import parse_xml

    docx = python_docx.Document()
    _styles(docx)
    _page(docx, document)
    _properties(docx, document)
    body = docx.element.body
    end = body[-1]  # the section's properties stay last

    def add(xml: str) -> None:
        for element in list(parse_xml(_wrap(xml))):
            end.addprevious(element)

    add(_paragraph("Title", _run(document.title)))
    if document.subtitle:
        add(_paragraph("Subtitle", _run(document.subtitle)))
    for block in document.blocks:
        if isinstance(block, Figure):
            end.addprevious(_picture(docx, block, (drawings or {}).get(block.name) or draw(block, "png")))
        add(_xml(block))
    _share_headers(docx)
    out = BytesIO()
    docx.save(out)
    return _repacked(out.getvalue())
