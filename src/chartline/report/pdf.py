"""The report as a PDF, set by Typst: tagged (PDF/UA-1), with native figures, the same bytes for the same document."""

from __future__ import annotations

import json
from typing import Any

from chartline.report.document import Document
from chartline.report.figures import FOLDER, compiler


def _plain(value: Any) -> Any:
    """Return what JSON does not know: dataclasses with their type's name, sets as sorted lists."""
    if isinstance(value, frozenset):
        return sorted(value)
    return {"type": type(value).__name__, **vars(value)}


def write_pdf(document: Document) -> bytes:
    """Return `document` as PDF bytes."""
    inputs = {
        "title": document.title,
        "subtitle": document.subtitle,
        "notice": document.notice,
        "footer": document.footer,
        "short_title": document.short_title,
        "blocks": document.blocks,
    }
    out = compiler().compile(
        input=str(FOLDER / "report.typ"),
        format="pdf",
        sys_inputs={"document": json.dumps(inputs, default=_plain)},
        pdf_standards=["ua-1"],
        timestamp=0,
    )
    assert isinstance(out, bytes)
    return out
