"""The report as a Word file: real headings, captions that Word can list, three-line tables, page numbers.

python-docx makes the file, its styles, sections and pictures; `docx_body.py` writes the text. The zip is packed again
with fixed dates, so equal documents give equal bytes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from chartline.report.document import Block, Document, Figure, Heading, Table
from chartline.report.docx_body import (
    ACCENT,
    INK,
    NAMESPACE,
    SOFT,
    TEXT_WIDTH,
    block_xml,
    footer_xml,
    header_xml,
    legible,
    title_xml,
)
from chartline.report.figures import draw

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from docx.styles.style import ParagraphStyle

_FACE = "Arial"  # every machine has it or a twin of the same widths; Calibri has none on many
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold


def write_docx(document: Document, drawings: Mapping[str, bytes] | None = None) -> bytes:
    """Return `document` as DOCX bytes. `drawings` are PNGs already made, by figure name; others are drawn here."""
    import docx as python_docx

    made = drawings or {}
    docx = python_docx.Document()
    _language(docx)
    _styles(docx)
    _page(docx, document)
    _properties(docx, document)
    _add(docx, title_xml(document))
    for i, block in enumerate(document.blocks):
        if isinstance(block, Figure):
            _add_picture(docx, block, made.get(block.name) or draw(block, "png"))
        if _starts_landscape(document.blocks, i):
            _turn_page(docx)
        _add(docx, block_xml(block))
        if isinstance(block, Table) and block.wide:
            _turn_page(docx)
    out = BytesIO()
    docx.save(out)
    return _repacked(out.getvalue())


def _parsed(xml: str) -> list[Any]:
    """Return the elements of `xml`, which may be several."""
    from docx.oxml import parse_xml

    return list(parse_xml(f'<w:body xmlns:w="{NAMESPACE}">{xml}</w:body>'))


def _add(docx: WordDocument, xml: str) -> None:
    end = docx.element.body[-1]  # the section's properties stay last
    for element in _parsed(xml):
        end.addprevious(element)


def _add_picture(docx: WordDocument, figure: Figure, png: bytes) -> None:
    """Add the drawing, as wide as the text, with its alternative text."""
    from docx.shared import Twips

    paragraph = docx.add_paragraph(style="FigurePicture")
    paragraph.paragraph_format.keep_with_next = True
    inline = paragraph.add_run().add_picture(BytesIO(png), width=Twips(TEXT_WIDTH))._inline
    inline.docPr.set("descr", legible(figure.alt))
    inline.docPr.set("name", legible(figure.name))
    for side in "TBLR":  # LibreOffice takes a distance left out for 3 mm
        inline.set(f"dist{side}", "0")


def _starts_landscape(blocks: tuple[Block, ...], i: int) -> bool:
    """Whether a landscape page starts before block i: a wide table, or the heading right above one."""

    def wide(block: Block) -> bool:
        return isinstance(block, Table) and block.wide

    under_heading = i > 0 and isinstance(blocks[i - 1], Heading)
    above_wide = isinstance(blocks[i], Heading) and wide(blocks[min(i + 1, len(blocks) - 1)])
    return above_wide or (wide(blocks[i]) and not under_heading)


def _turn_page(docx: WordDocument) -> None:
    """Start a section of the other orientation; its header and footer are those of the section before."""
    from docx.enum.section import WD_ORIENT

    section = docx.add_section()
    section.page_width, section.page_height = section.page_height, section.page_width
    upright = section.orientation == WD_ORIENT.PORTRAIT
    section.orientation = WD_ORIENT.LANDSCAPE if upright else WD_ORIENT.PORTRAIT


def _style(
    docx: WordDocument,
    name: str,
    size: float,
    colour: str = INK,
    *,
    before: float = 0,
    after: float = 0,
    line: float = 1,
    bold: bool = False,
) -> ParagraphStyle:
    """Make or change a paragraph style and return it; sizes in points, `line` in lines."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    styles: Any = docx.styles
    style = styles[name] if name in styles else styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    style.font.name, style.font.size, style.font.color.rgb = _FACE, Pt(size), RGBColor.from_string(colour)
    style.font.bold, style.font.italic = bold, False
    fonts = style.element.rPr.rFonts
    fonts.attrib.clear()  # the template's faces, by theme
    for script in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(qn(f"w:{script}"), _FACE)
    paragraph = style.paragraph_format
    paragraph.space_before, paragraph.space_after, paragraph.line_spacing = Pt(before), Pt(after), float(line)
    return cast("ParagraphStyle", style)


def _styles(docx: WordDocument) -> None:
    _style(docx, "Normal", 10, after=6, line=1.15)
    _unadorned(_style(docx, "Title", 18, after=6, bold=True))
    _unadorned(_style(docx, "Subtitle", 11, SOFT, after=14))
    for level, (size, before, after) in enumerate(((15, 20, 6), (12, 14, 4), (10.5, 10, 3)), start=1):
        heading = _style(docx, f"Heading {level}", size, before=before, after=after, bold=True)
        heading.paragraph_format.keep_with_next = True
    _style(docx, "Caption", 9, before=10, after=5)
    for name in ("Header", "Footer"):
        _untabbed(_style(docx, name, 8, SOFT))
    _style(docx, "TableText", 8, before=1.5, after=1.5)
    _style(docx, "Notes", 7.5, SOFT, before=2, after=2)
    _style(docx, "Lead", 11.5, after=8, line=1.15)
    _style(docx, "KeyNumber", 20, ACCENT, before=4, after=1, bold=True)
    _style(docx, "FigurePicture", 10, before=10, after=2)
    _boxed(_style(docx, "NoticeBox", 9.5, "5C3500", before=8, after=8))


def _unadorned(style: ParagraphStyle) -> None:
    """Take away the rules and the letter spacing that the library's template gives its titles."""
    element: Any = style.element
    for found in element.xpath("w:pPr/w:pBdr | w:rPr/w:spacing | w:rPr/w:kern"):
        found.getparent().remove(found)


def _untabbed(style: ParagraphStyle) -> None:
    """Take away the template's tab stops, which are those of another paper."""
    style.paragraph_format.tab_stops.clear_all()


def _boxed(style: ParagraphStyle) -> None:
    """Set text on a shade, with a bar at its left: nothing in the library does."""
    element: Any = style.element
    frame = '<w:pBdr><w:left w:val="single" w:sz="24" w:space="8" w:color="D98F1F"/></w:pBdr>'
    for part in _parsed(frame + '<w:shd w:val="clear" w:color="auto" w:fill="FFF6E6"/>'):
        element.pPr.spacing.addprevious(part)  # before the spacing, as the schema has it


def _language(docx: WordDocument) -> None:
    """Set British English, and the layout of Word 2013 and later, not the template's compatibility with Word 2010."""
    from docx.oxml.ns import qn

    styles, settings = docx.styles.element, docx.settings.element
    for lang in styles.xpath("w:docDefaults//w:lang"):
        lang.set(qn("w:val"), "en-GB")
    for mode in settings.xpath("w:compat/w:compatSetting[@w:name='compatibilityMode']"):
        mode.set(qn("w:val"), "15")


def _page(docx: WordDocument, document: Document) -> None:
    """Set A4, the notice in the header, the footer's text and page numbers."""
    from docx.shared import Mm

    section = docx.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(25)
    section.top_margin, section.bottom_margin = Mm(24), Mm(23)
    section.header_distance, section.footer_distance = Mm(11), Mm(10)
    for part, xml in ((section.header, header_xml(document)), (section.footer, footer_xml(document))):
        old = part.paragraphs[0]._p
        old.getparent().replace(old, _parsed(xml)[0])


def _properties(docx: WordDocument, document: Document) -> None:
    """Set the file's properties; dates are fixed, because the same study must give the same file."""
    core = docx.core_properties
    core.title, core.author, core.comments = legible(document.title)[:255], "chartline", ""
    core.language, core.revision = "en-GB", 1
    core.created = core.modified = dt.datetime(1980, 1, 1)


def _repacked(data: bytes) -> bytes:
    """Return the same zip with fixed dates: python-docx writes the clock's."""
    out = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(out, "w") as new:
        for name in old.namelist():
            info = ZipInfo(name, _EPOCH)
            info.compress_type = ZIP_DEFLATED
            new.writestr(info, old.read(name), compresslevel=4)
    return out.getvalue()
