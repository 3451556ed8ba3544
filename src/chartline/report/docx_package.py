"""The parts of a Word file around its text: styles, header, footer, pictures, properties, and the zip that holds them.

In: the body as WordprocessingML, what stands in header and footer, the pictures. Out: the bytes of a .docx, the same
for the same input. A package has a dozen small parts; written here they cost 5 ms, a library for them 80 ms. The order
of elements inside each part is the schema's (ECMA-376, part 1), as Word insists on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

INK, SOFT, ACCENT, WARN = "1C2126", "56616B", "0B5D8F", "8A4B00"
_FACE = "Arial"  # every machine has it or a twin of the same widths; Calibri has none on many
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # not allowed in XML 1.0
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold
_SCHEMAS = "http://schemas.openxmlformats.org"
_MAIN = f"{_SCHEMAS}/wordprocessingml/2006/main"
_OFFICE = f"{_SCHEMAS}/officeDocument/2006/relationships"
_PACKAGE = f"{_SCHEMAS}/package/2006"
_DRAWING = f"{_SCHEMAS}/drawingml/2006"
_BUILT_IN = {"Title", "Subtitle", "heading 1", "heading 2", "heading 3", "caption", "header", "footer"}  # Word's own
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_NAMESPACES = (
    f'xmlns:w="{_MAIN}" xmlns:r="{_OFFICE}" xmlns:wp="{_DRAWING}/wordprocessingDrawing" '
    f'xmlns:a="{_DRAWING}/main" xmlns:pic="{_DRAWING}/picture"'
)
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_PARTS = ("styles", "settings", "header", "footer")  # beside the document, in the order of their relations rId1, ...
# What the properties of each section begin with:
REFERENCES = '<w:headerReference w:type="default" r:id="rId3"/><w:footerReference w:type="default" r:id="rId4"/>'


@dataclass(frozen=True)
class Picture:
    """A PNG and its frame on the page: sizes in EMU (1/914,400 inch)."""

    name: str
    alt: str
    png: bytes
    width: int
    height: int


def text(value: str) -> str:
    """Return `value` as XML text; what XML cannot hold becomes U+FFFD."""
    return escape(_FORBIDDEN.sub("\ufffd", value))


def attribute(value: str) -> str:
    """Return `value` as it may stand between double quotes."""
    return text(value).replace('"', "&quot;")


def picture_run(picture: Picture, i: int) -> str:
    """Return the run that shows the i-th picture of the package (from 1)."""
    size, name = f'cx="{picture.width}" cy="{picture.height}"', attribute(picture.name)
    return (
        f'<w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent {size}/>'
        f'<wp:docPr id="{i}" name="{name}" descr="{attribute(picture.alt)}"/>'
        f'<wp:cNvGraphicFramePr><a:graphicFrameLocks noChangeAspect="1"/></wp:cNvGraphicFramePr>'
        f'<a:graphic><a:graphicData uri="{_DRAWING}/picture"><pic:pic>'
        f'<pic:nvPicPr><pic:cNvPr id="0" name="{name}.png"/><pic:cNvPicPr/></pic:nvPicPr>'
        f'<pic:blipFill><a:blip r:embed="{_picture_id(i)}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>'
        f'<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext {size}/></a:xfrm><a:prstGeom prst="rect"><a:avLst/>'
        f"</a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"
    )


def write_package(body: str, header: str, footer: str, pictures: Sequence[Picture], title: str) -> bytes:
    """Return the file. `body` ends with the last section's properties; header and footer are paragraphs."""
    parts = {
        "[Content_Types].xml": _content_types(),
        "_rels/.rels": _package_relations(),
        "docProps/core.xml": _properties(title),
        "word/document.xml": f"<w:document {_NAMESPACES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": _document_relations(len(pictures)),
        "word/styles.xml": _styles(),
        "word/settings.xml": _settings(),
        "word/header.xml": f"<w:hdr {_NAMESPACES}>{header}</w:hdr>",
        "word/footer.xml": f"<w:ftr {_NAMESPACES}>{footer}</w:ftr>",
    }
    out = BytesIO()
    with ZipFile(out, "w") as package:
        for name, xml in parts.items():
            _add(package, name, (_XML + xml).encode(), ZIP_DEFLATED)
        for i, picture in enumerate(pictures, start=1):
            _add(package, f"word/{_picture_file(i)}", picture.png, ZIP_STORED)  # a PNG is compressed already
    return out.getvalue()


def _add(package: ZipFile, name: str, data: bytes, compression: int) -> None:
    info = ZipInfo(name, _EPOCH)
    info.compress_type = compression
    package.writestr(info, data, compresslevel=4)


def _picture_id(i: int) -> str:
    return f"rId{len(_PARTS) + i}"


def _picture_file(i: int) -> str:
    return f"media/image{i}.png"


def _content_types() -> str:
    kinds = {f"word/{p}.xml": f"{_WORD_TYPE}.{p}+xml" for p in _PARTS}
    kinds["word/document.xml"] = f"{_WORD_TYPE}.document.main+xml"
    kinds["docProps/core.xml"] = "application/vnd.openxmlformats-package.core-properties+xml"
    overrides = "".join(f'<Override PartName="/{part}" ContentType="{kind}"/>' for part, kind in kinds.items())
    endings = {
        "rels": "application/vnd.openxmlformats-package.relationships+xml",
        "xml": "application/xml",
        "png": "image/png",
    }
    defaults = "".join(f'<Default Extension="{ending}" ContentType="{kind}"/>' for ending, kind in endings.items())
    return f'<Types xmlns="{_PACKAGE}/content-types">{defaults}{overrides}</Types>'


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    """Return a relations part: rId1, rId2, ... for the (type, target) pairs."""
    items = "".join(
        f'<Relationship Id="rId{i}" Type="{kind}" Target="{target}"/>' for i, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{items}</Relationships>'


def _package_relations() -> str:
    core = f"{_PACKAGE}/relationships/metadata/core-properties"
    return _relations([(f"{_OFFICE}/officeDocument", "word/document.xml"), (core, "docProps/core.xml")])


def _document_relations(pictures: int) -> str:
    parts = [(f"{_OFFICE}/{p}", f"{p}.xml") for p in _PARTS]
    return _relations(parts + [(f"{_OFFICE}/image", _picture_file(i)) for i in range(1, pictures + 1)])


def _properties(title: str) -> str:
    """Return the file's properties; dates are fixed, because the same study must give the same file."""
    day = 'xsi:type="dcterms:W3CDTF">1980-01-01T00:00:00Z'
    return (
        f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{text(title[:255])}</dc:title><dc:creator>chartline</dc:creator><dc:language>en-GB</dc:language>"
        f"<cp:revision>1</cp:revision><dcterms:created {day}</dcterms:created>"
        f"<dcterms:modified {day}</dcterms:modified></cp:coreProperties>"
    )


def _settings() -> str:
    """Return the settings: the layout rules of Word 2013 and later, not of its older selves."""
    mode = 'w:name="compatibilityMode" w:uri="http://schemas.microsoft.com/office/word" w:val="15"'
    return f"<w:settings {_NAMESPACES}><w:compat><w:compatSetting {mode}/></w:compat></w:settings>"


def _styles() -> str:
    box = (
        '<w:pBdr><w:left w:val="single" w:sz="24" w:space="8" w:color="D98F1F"/></w:pBdr>'
        '<w:shd w:val="clear" w:color="auto" w:fill="FFF6E6"/>'
    )
    fonts = f'<w:rFonts w:ascii="{_FACE}" w:hAnsi="{_FACE}" w:eastAsia="{_FACE}" w:cs="{_FACE}"/>'
    defaults = f'<w:rPrDefault><w:rPr>{fonts}<w:lang w:val="en-GB"/></w:rPr></w:rPrDefault><w:pPrDefault/>'
    sections = ((15, 20, 6), (12, 14, 4), (10.5, 10, 3))
    styles = (
        _style("Normal", 10, after=6, line=1.15),
        _style("Title", 18, after=6, bold=True),
        _style("Subtitle", 11, SOFT, after=14),
        *(
            _style(f"heading {i}", size, before=before, after=after, bold=True, outline=i)
            for i, (size, before, after) in enumerate(sections, start=1)
        ),
        _style("caption", 9, before=10, after=5),
        _style("header", 8, SOFT),
        _style("footer", 8, SOFT),
        _style("TableText", 8, before=1.5, after=1.5),
        _style("Notes", 7.5, SOFT, before=2, after=2),
        _style("Lead", 11.5, after=8, line=1.15),
        _style("KeyNumber", 20, ACCENT, before=4, after=1, bold=True),
        _style("FigurePicture", 10, before=10, after=2),
        _style("NoticeBox", 9.5, "5C3500", before=8, after=8, frame=box),
    )
    return f"<w:styles {_NAMESPACES}><w:docDefaults>{defaults}</w:docDefaults>{''.join(styles)}</w:styles>"


def style_id(name: str) -> str:
    """Return the id of a style: "Heading1" for "heading 1"."""
    return name[0].upper() + name[1:].replace(" ", "")


def _style(
    name: str,
    size: float,
    colour: str = INK,
    *,
    before: float = 0,
    after: float = 0,
    line: float = 1,
    bold: bool = False,
    outline: int = 0,
    frame: str = "",
) -> str:
    """Return a paragraph style; sizes in points, `line` in lines, `outline` the level of a heading."""
    normal = name == "Normal"
    kind = ' w:default="1"' if normal else "" if name in _BUILT_IN else ' w:customStyle="1"'
    base = "" if normal else '<w:basedOn w:val="Normal"/>'
    following = '<w:next w:val="Normal"/>' if outline else ""
    spacing = f'<w:spacing w:before="{before * 20:.0f}" w:after="{after * 20:.0f}" w:line="{line * 240:.0f}"'
    paragraph = ("<w:keepNext/>" if outline else "") + frame + f'{spacing} w:lineRule="auto"/>'
    paragraph += f'<w:outlineLvl w:val="{outline - 1}"/>' if outline else ""
    run = ("<w:b/><w:bCs/>" if bold else "") + f'<w:color w:val="{colour}"/>'
    run += f'<w:sz w:val="{size * 2:.0f}"/><w:szCs w:val="{size * 2:.0f}"/>'
    return (
        f'<w:style w:type="paragraph"{kind} w:styleId="{style_id(name)}"><w:name w:val="{name}"/>{base}{following}'
        f"<w:qFormat/><w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>"
    )
