"""The report as a PDF, set by Typst: tagged (PDF/UA-1), with native figures, the same bytes for the same document."""

from __future__ import annotations

from typing import Any

from chartline.report.document import Document
from chartline.report.figures import FOLDER, compiler, to_json


def _plain(value: Any) -> Any:
    """Return what JSON does not know: dataclasses with their type's name, sets as sorted lists."""
    if isinstance(value, frozenset):
        return sorted(value)
    return {"type": type(value).__name__, **vars(value)}


def write_pdf(document: Document) -> bytes:
    """Return `document` as PDF bytes.

    PDF/UA forbids text that no font at hand can show (a name in a script we do not ship). Such a report is written all
    the same, tagged but without the claim.
    """
    inputs = {
        "title": document.title,
        "subtitle": document.subtitle,
        "notice": document.notice,
        "footer": document.footer,
        "short_title": document.short_title,
        "blocks": document.blocks,
    }
    text = to_json(inputs, _plain)
    try:
        return _compiled(text, ["ua-1"])
    except RuntimeError as e:  # typst.TypstError
        if "PDF/UA" not in str(e):
            raise
        return _compiled(text, [])


def _compiled(text: str, standards: list[str]) -> bytes:
    out = compiler().compile(
        input=str(FOLDER / "report.typ"),
        format="pdf",
        sys_inputs={"document": text},
        pdf_standards=standards,
        timestamp=0,
    )
    assert isinstance(out, bytes)
    return out
