"""The one address of figure drawing: a `Figure` in, SVG or PNG bytes out.

Figures are Typst templates in `report/templates/figures/<kind>.typ` (why: docs/adr/0004). They get their data as
JSON, never as markup, so whatever a study or a spreadsheet writes is printed literally. System fonts are ignored: the
same figure gives the same bytes on every machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from chartline.report.document import Figure

FOLDER = Path(__file__).parent / "templates"
_CONTROL = re.compile(r"(\\\\)|\\u00[01][0-9a-f]|\\[bf]|\x7f")  # as JSON escapes them; tab and line ends stay
PNG_PPI = 200  # 1,276 pixels across the text width: sharp in print, small in a DOCX


@cache
def fonts() -> Any:
    """Return the typefaces of every drawing and of the PDF: Source Sans Pro and those inside Typst."""
    from importlib.util import find_spec

    import typst

    spec = find_spec("font_source_sans_pro")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "files"
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(folder)])


@cache
def compiler(of: Literal["figures", "report"]) -> Any:
    """Return a Typst compiler; its root is the folder of the templates, so nothing else can be read.

    A compiler does one thing at a time; that of the PDF is another than that of the figures, so that both can work.
    """
    import typst

    return typst.Compiler(root=str(FOLDER), font_paths=fonts(), ignore_system_fonts=True)


def to_json(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """Return `value` as JSON that Typst can read and show.

    Half a surrogate pair, which no text may hold, becomes "?"; a control character U+FFFD.
    """
    text = json.dumps(value, ensure_ascii=False, default=default).encode("utf-8", "replace").decode()
    return _CONTROL.sub(lambda m: m[1] or "\ufffd", text)


def draw(figure: Figure, format: Literal["svg", "png"]) -> bytes:
    """Return the drawing of `figure`; raise `ValueError` where there is no template of its kind."""
    if not (FOLDER / "figures" / f"{figure.kind}.typ").is_file() or not figure.kind.isidentifier():
        raise ValueError(f"there is no figure template {figure.kind!r}")
    inputs = {"kind": figure.kind, "data": to_json(figure.data), "fill": "white" if format == "png" else ""}
    out = compiler("figures").compile(
        input=str(FOLDER / "figures" / "figure.typ"),
        format=format,
        ppi=PNG_PPI if format == "png" else None,
        sys_inputs=inputs,
    )
    return out if isinstance(out, bytes) else out[0]
