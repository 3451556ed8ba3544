"""The report as a PDF, set by Typst: tagged (PDF/UA-1), with native figures, the same bytes for the same document."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from chartline.report.document import Block, Cell, Document, Table
from chartline.report.figures import FOLDER, compiler, to_json

_LONG_WORD = re.compile(r"\S{16,}")
_SIGNS = re.compile(r"(?:\W|_)+")
_LETTERS = re.compile(r"[^\W_]{24}")
_CUT = "\\g<0>\u200b"  # the same and a space without width


def breakable(text: str) -> str:
    """Return a cell's text with the places where a line may end: a long path after its signs, a word after 24 letters.

    Done here and not in the template, where a pattern costs as much time as a page.
    """
    return _LONG_WORD.sub(lambda word: _LETTERS.sub(_CUT, _SIGNS.sub(_CUT, word[0])), text)


def _with_breaks(block: Block) -> Block:
    if not isinstance(block, Table):
        return block
    rows = tuple(tuple(_cell_with_breaks(c) for c in row) for row in block.rows)
    return replace(block, header=tuple(breakable(h) for h in block.header), rows=rows)


def _cell_with_breaks(cell: Cell) -> Cell:
    return cell if len(cell.text) < 16 else replace(cell, text=breakable(cell.text))


def _plain(value: Any) -> Any:
    """Return what JSON does not know: dataclasses with their type's name, sets as sorted lists."""
    if isinstance(value, Cell):
        return {"text": value.text, "bold": value.bold, "indent": value.indent}
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
        "blocks": [_with_breaks(b) for b in document.blocks],
    }
    text = to_json(inputs, _plain)
    try:
        return _compiled(text, ["ua-1"])
    except RuntimeError as e:  # typst.TypstError
        if "PDF/UA" not in str(e):
            raise
        return _compiled(text, [])


def _compiled(text: str, standards: list[str]) -> bytes:
    out = compiler("report").compile(
        input=str(FOLDER / "report.typ"),
        format="pdf",
        sys_inputs={"document": text},
        pdf_standards=standards,
        timestamp=0,
    )
    assert isinstance(out, bytes)
    return out
