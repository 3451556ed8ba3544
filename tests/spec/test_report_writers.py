"""One document, three files: everything is in each of them, hostile text is text, and the bytes are the same twice."""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import zipfile
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import docx as python_docx
import pytest

from chartline.report.build import build_document
from chartline.report.document import Cell, Document, Figure, Heading, KeyNumbers, Paragraph, Table
from chartline.report.docx import write_docx
from chartline.report.html import write_html
from chartline.report.pdf import breakable, write_pdf
from chartline.report.write import write_report
from report_cases import empty_source, tiny_source

HOSTILE = (
    'x" onload="alert(1) <script>alert(2)</script> </style> {{ 7*7 }} #panic("x") $y$ *z* & \x00\x0b\x1f \ud800 \u202e'
)


class _Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def document() -> Document:
    return build_document(tiny_source())


@pytest.fixture(scope="module")
def html(document: Document) -> str:
    return write_html(document).decode()


@pytest.fixture(scope="module")
def word(document: Document) -> Any:
    return python_docx.Document(BytesIO(write_docx(document)))


def hostile_document() -> Document:
    axes = {"x_label": HOSTILE, "x_max": 1, "ticks": [0, 1], "rows": [], "segments": [], "markers": []}
    number = Cell(HOSTILE, HOSTILE)
    blocks = (
        Heading(HOSTILE),
        Heading(HOSTILE, 2),
        KeyNumbers(((HOSTILE, HOSTILE, HOSTILE, HOSTILE),)),
        Paragraph(HOSTILE),
        Paragraph.of(number, HOSTILE, style="notice"),
        Table("Table 1", HOSTILE, (HOSTILE, HOSTILE), ((number, Cell(HOSTILE)),), "lr", notes=(HOSTILE,)),
        Figure("Figure 1", "os", "swimmer", HOSTILE, HOSTILE, axes, (HOSTILE,), (HOSTILE,), ((HOSTILE,),)),
    )
    titles = {HOSTILE: HOSTILE}
    return Document(HOSTILE, HOSTILE, HOSTILE, blocks, footer=HOSTILE, short_title=HOSTILE, result_titles=titles)


# --- HTML


def test_html_refers_to_nothing_outside_itself(html: str) -> None:
    for _, attributes in _Reader(html).tags:
        for name, value in attributes.items():
            if name in ("src", "href", "srcset", "data", "action", "xlink:href"):
                assert value is not None and value.startswith("#"), (name, value)
    assert "@import" not in html and not re.search(r"url\(\s*['\"]?(?!#)", html)


def test_html_has_no_script_and_forbids_loading(html: str) -> None:
    tags = [t for t, _ in _Reader(html).tags]
    assert "script" not in tags and "iframe" not in tags
    assert "default-src 'none'" in html


def test_html_has_every_table_and_figure(document: Document, html: str) -> None:
    tags = _Reader(html).tags
    captions = sum(t == "caption" for t, _ in tags)
    assert captions == sum(isinstance(b, Table) for b in document.blocks)
    assert sum(t == "figure" for t, _ in tags) == len(document.figures)
    drawings = [a for _, a in tags if a.get("role") == "img"]
    assert [a["aria-label"] for a in drawings] == [f.alt for f in document.figures]
    assert sum(t == "details" for t, _ in tags) == len(document.figures)  # each with its data table


def test_html_binds_numbers_to_results(document: Document, html: str) -> None:
    bound = [a for _, a in _Reader(html).tags if "data-result-id" in a]
    assert {a["data-result-id"] for a in bound} == set(document.result_titles)
    assert all(a["title"] == document.result_titles[str(a["data-result-id"])] for a in bound)


def test_html_links_of_the_contents_lead_somewhere(html: str) -> None:
    tags = _Reader(html).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    links = [str(a["href"])[1:] for t, a in tags if t == "a"]
    assert links and set(links) <= set(ids)
    anchors = [i for i in ids if i and not re.match(r"^[gc][0-9A-F]{8,}", i)]  # glyphs of the drawings apart
    assert len(anchors) == len(set(anchors))


def test_html_shows_the_notice(html: str) -> None:
    assert '<div class="banner" role="note">Not real.</div>' in html


# --- DOCX


def test_docx_has_real_headings_captions_and_tables(document: Document, word: Any) -> None:
    styles = [p.style.name for p in word.paragraphs]
    assert styles.count("Heading 1") == sum(isinstance(b, Heading) and b.level == 1 for b in document.blocks)
    captions = [p for p in word.paragraphs if p.style.name == "Caption"]
    tables = [b for b in document.blocks if isinstance(b, Table)]
    assert len(captions) == len(tables) + len(document.figures)
    assert all(" SEQ " in p._p.xml for p in captions)
    assert len(word.tables) == len(tables) + 1  # and the key numbers
    assert len(word.inline_shapes) == len(document.figures)


def test_docx_cells_hold_the_text_of_the_document(document: Document, word: Any) -> None:
    expected = [b for b in document.blocks if isinstance(b, Table)]
    for made, table in zip(word.tables[1:], expected, strict=True):
        assert [c.text for c in made.rows[0].cells] == list(table.header)
        assert [c.text for c in made.rows[-1].cells] == [c.text for c in table.rows[-1]]
        assert "tblHeader" in made.rows[0]._tr.xml  # repeated on each page


def test_docx_figures_have_alternative_text(document: Document, word: Any) -> None:
    assert [s._inline.docPr.get("descr") for s in word.inline_shapes] == [f.alt for f in document.figures]


def test_docx_figures_begin_and_end_with_the_text(word: Any) -> None:
    section = word.sections[0]
    text = section.page_width - section.left_margin - section.right_margin
    for shape in word.inline_shapes:
        assert abs(shape.width - text) < 12700  # a point
        assert [shape._inline.get(f"dist{side}") for side in "TBLR"] == ["0"] * 4


def test_docx_has_the_notice_in_its_header_and_page_numbers(word: Any) -> None:
    section = word.sections[0]
    assert "Not real." in section.header.paragraphs[0].text
    assert " PAGE " in section.footer.paragraphs[0]._p.xml and " NUMPAGES " in section.footer.paragraphs[0]._p.xml
    assert round(section.page_width.mm), round(section.page_height.mm) == (210, 297)


def test_docx_gives_a_wide_table_a_landscape_page_with_the_same_header() -> None:
    table = Table("Table 1", "Wide", ("a", "b"), ((Cell("1"), Cell("2")),), "lr", wide=True)
    made = python_docx.Document(BytesIO(write_docx(Document("T", "", "Notice", (table, Paragraph("after"))))))
    widths = [round(s.page_width.mm) for s in made.sections]
    assert widths == [210, 297, 210]
    assert {s.header.paragraphs[0].text.strip() for s in made.sections} == {"Notice"}


def wide_under_heading() -> Document:
    table = Table("Table 1", "Wide", ("a", "b"), ((Cell("1"), Cell("2")),), "lr", wide=True)
    return Document("T", "", "", (Paragraph("before"), Heading("Baseline"), table, Paragraph("after")))


def test_docx_takes_the_heading_of_a_wide_table_to_the_landscape_page() -> None:
    body = python_docx.Document(BytesIO(write_docx(wide_under_heading()))).element.body
    texts = ["".join(t.text or "" for t in e.iter() if t.tag.endswith("}t")) or e.tag.rpartition("}")[2] for e in body]
    assert texts[1:4] == ["before", "p", "Baseline"]  # the empty paragraph ends the portrait section


def test_docx_keeps_a_note_with_the_last_row_of_its_table() -> None:
    table = Table("Table 1", "c", ("a",), ((Cell("1"),), (Cell("2"),)), "l", notes=("A note.",))
    made = python_docx.Document(BytesIO(write_docx(Document("T", "", "", (table,)))))
    assert made.tables[0].rows[-1].cells[0].paragraphs[0].paragraph_format.keep_with_next


def test_docx_is_a_package_in_which_each_relation_leads_somewhere_and_no_clock_shows(document: Document) -> None:
    package = zipfile.ZipFile(BytesIO(write_docx(document)))
    for name in (n for n in package.namelist() if n.endswith(".rels")):
        home = PurePosixPath("/", name).parent.parent
        targets = [str(home / e.get("Target", "")) for e in ElementTree.fromstring(package.read(name))]
        assert {posixpath.normpath(t).lstrip("/") for t in targets} <= set(package.namelist()), name
    assert {info.date_time for info in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert set(re.findall(r"20\d\d-\d\d-\d\dT", package.read("docProps/core.xml").decode())) == set()


def test_docx_uses_only_styles_it_has(word: Any) -> None:
    used = set(re.findall(r'<w:pStyle w:val="(\w+)"', word.element.xml))
    assert used <= {s.style_id for s in word.styles}


# --- PDF


def _pdf_text(data: bytes, folder: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (poppler)")
    (folder / "r.pdf").write_bytes(data)
    done = subprocess.run(["pdftotext", "-layout", str(folder / "r.pdf"), "-"], capture_output=True, check=True)
    return done.stdout.decode()


def test_pdf_is_tagged_for_accessibility(document: Document) -> None:
    data = write_pdf(document)
    assert data.startswith(b"%PDF-")
    assert b"/MarkInfo" in data and b"pdfuaid" in data
    assert b"CreationDate" not in data


def test_pdf_has_every_caption_and_the_notice_on_each_page(document: Document, tmp_path: Path) -> None:
    text = _pdf_text(write_pdf(document), tmp_path)
    for block in document.blocks:
        if isinstance(block, Table | Figure):
            assert f"{block.number}. {block.caption.split()[0]}" in text
    pages = text.rstrip("\f").split("\f")
    assert all("Not real." in page and f"of {len(pages)}" in page for page in pages)


def test_pdf_prints_hostile_text_literally(tmp_path: Path) -> None:
    text = _pdf_text(write_pdf(hostile_document()), tmp_path)
    assert '#panic("x") $y$ *z*' in " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("centre_A/chart_review.xlsx", "centre_|A/|chart_|review.|xlsx"),
        ("Bone marrow, cytogenetics", "Bone marrow, cytogenetics"),  # no word is long
        ("records.csv!row", "records.csv!row"),  # 15 letters
        ("x" * 50, "x" * 24 + "|" + "x" * 24 + "|xx"),
    ],
)
def test_pdf_cells_may_be_cut_inside_a_path_or_a_very_long_word(text: str, cut: str) -> None:
    assert breakable(text).replace("\u200b", "|") == cut


def test_pdf_is_written_even_in_a_script_that_no_font_at_hand_shows() -> None:
    data = write_pdf(Document("रोगी 患者 مريض 🧬", "", "", (Paragraph("รายงาน"),)))
    assert data.startswith(b"%PDF-") and b"pdfuaid" not in data  # and does not claim what it cannot keep


def test_pdf_takes_the_heading_of_a_wide_table_to_the_landscape_page(tmp_path: Path) -> None:
    pages = _pdf_text(write_pdf(wide_under_heading()), tmp_path).split("\f")
    assert ["Baseline" in page for page in pages[:3]] == [False, True, False]


# --- all three


def named_rows() -> Document:
    rows = ((Cell("Age, years"), Cell("")), (Cell("Median", indent=1), Cell("45")))
    return Document("T", "", "", (Table("Table 1", "c", ("x", "Centre A\n(n = 8)"), rows, "lr"),))


def test_a_row_that_only_names_the_next_ones_is_set_across_the_table() -> None:
    row = python_docx.Document(BytesIO(write_docx(named_rows()))).tables[0].rows[1]
    assert row.cells[0]._tc is row.cells[1]._tc  # one cell over both columns
    spans = [a.get("colspan") for t, a in _Reader(write_html(named_rows()).decode()).tags if t == "th"]
    assert spans == [None, None, "2", None]


def test_a_line_end_in_a_header_is_kept() -> None:
    made = python_docx.Document(BytesIO(write_docx(named_rows())))
    assert made.tables[0].rows[0].cells[1].text == "Centre A\n(n = 8)"
    html = write_html(named_rows()).decode()
    assert "Centre A\n(n = 8)</th>" in html and re.search(r"thead th \{ white-space: pre-line", html)


@pytest.mark.parametrize("write", [write_html, write_docx, write_pdf], ids=["html", "docx", "pdf"])
def test_two_writes_give_the_same_bytes(write: Any, document: Document) -> None:
    assert write(document) == write(document)


def long_table() -> Table:
    """Return a table of indented rows, one of them of 2,000 words and one a word of 3,000 letters."""
    texts = ("a", "word " * 2000, "x" * 3000)
    return Table(
        "Table 1", "c", ("a", "b"), tuple((Cell("n", indent=i % 2), Cell(t)) for i, t in enumerate(texts)), "lr"
    )


ODD = {
    "empty study": lambda: build_document(empty_source()),
    "nothing": lambda: Document("T", "", "", ()),
    "hostile": hostile_document,
    "a wide table": lambda: Document("T", "", "", (Table("Table 1", "c", ("a",), ((Cell("1"),),), "l", wide=True),)),
    "a table without rows": lambda: Document("T", "", "", (Table("Table 1", "c", ("a", "b"), (), "lr"),)),
    "a row longer than a page": lambda: Document("T", "", "", (long_table(),)),
}


@pytest.mark.parametrize("write", [write_html, write_docx, write_pdf], ids=["html", "docx", "pdf"])
@pytest.mark.parametrize("name", ODD)
def test_odd_documents_are_written(write: Any, name: str) -> None:
    assert len(write(ODD[name]())) > 1000


def test_hostile_text_opens_no_tag_in_html() -> None:
    reader = _Reader(write_html(hostile_document()).decode())
    assert "script" not in [t for t, _ in reader.tags]
    assert not any("onload" in a for _, a in reader.tags)
    assert any("{{ 7*7 }}" in t for t in reader.text) and any("<script>alert(2)</script>" in t for t in reader.text)


def test_hostile_text_is_text_in_docx() -> None:
    made = python_docx.Document(BytesIO(write_docx(hostile_document())))
    assert any("<script>alert(2)</script>" in p.text for p in made.paragraphs)


def test_a_report_is_a_complete_folder(document: Document, tmp_path: Path) -> None:
    write_report(document, tmp_path)
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    figures = {f"figures/{f.name}.{kind}" for f in document.figures for kind in ("svg", "png", "csv")}
    assert names == {"report.html", "report.docx", "report.pdf"} | figures
    assert (tmp_path / "figures" / "os.csv").read_text().splitlines()[
        0
    ] == 'Group,Days,Months,At risk,"Survival, %",Lower,Upper'
    assert zipfile.ZipFile(tmp_path / "report.docx").testzip() is None


def test_pdf_cuts_no_row_off_at_the_end_of_a_page(tmp_path: Path) -> None:
    text = _pdf_text(write_pdf(Document("T", "", "", (long_table(),))), tmp_path)
    assert len(re.findall(r"\bword\b", text)) == 2000
    assert text.count("x") == 3000
