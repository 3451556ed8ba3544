"""All files of a report from one document: report.html, report.docx, report.pdf and figures/*.svg, *.png, *.csv.

Each figure is drawn once a format and shared by the writers.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

from chartline.core.inert import inert
from chartline.report.document import Document, Figure
from chartline.report.docx import write_docx
from chartline.report.figures import draw
from chartline.report.html import write_html
from chartline.report.pdf import write_pdf

Drawings = Mapping[str, bytes]  # by figure name


def write_report(document: Document, folder: Path, name: str = "report") -> None:
    """Write every file of the report into `folder`, which exists; the three documents have this name.

    The PDF is set beside the rest, in a thread of its own: Typst does not hold Python's lock.
    """
    with ThreadPoolExecutor(1) as beside:
        pdf = beside.submit(write_pdf, document)
        svgs = {f.name: draw(f, "svg") for f in document.figures}
        pngs = {f.name: draw(f, "png") for f in document.figures}
        _write_figures(document, svgs, pngs, folder / "figures")
        (folder / f"{name}.html").write_bytes(write_html(document, svgs))
        (folder / f"{name}.docx").write_bytes(write_docx(document, pngs))
        (folder / f"{name}.pdf").write_bytes(pdf.result())


def _write_figures(document: Document, svgs: Drawings, pngs: Drawings, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for figure in document.figures:
        (folder / f"{figure.name}.svg").write_bytes(svgs[figure.name])
        (folder / f"{figure.name}.png").write_bytes(pngs[figure.name])
        if figure.rows:
            (folder / f"{figure.name}.csv").write_text(_data_table(figure), encoding="utf-8", newline="")


def warm_up() -> None:
    """Load what the writers need (libraries, typefaces, templates) before there is a document."""
    empty = Document(title="", subtitle="", notice="", blocks=())
    write_html(empty, {})
    write_docx(empty, {})
    write_pdf(empty)


def _data_table(figure: Figure) -> str:
    out = StringIO()
    rows = ([inert(cell) if isinstance(cell, str) else cell for cell in row] for row in [figure.columns, *figure.rows])
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
