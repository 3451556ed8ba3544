"""SVG by hand: elements as text, escaped; and how wide a text is, so that no two texts lie on each other.

The picture is a few hundred marks; a plotting library would weigh more than all of it, and none of them writes a
sentence and an address into every mark. Colours are classes, so that light, dark and paper are one style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from chartline.trace.timeline.course import Finding

STYLE = (files("chartline") / "trace" / "timeline" / "picture.css").read_text(encoding="utf-8").strip()


def element(name: str, inner: str = "", **attributes: object) -> str:
    """Return `<name a="b">inner</name>`; `class_` is class, `_` in a name is `-`, None is left out."""
    written = "".join(
        f' {k.rstrip("_").replace("_", "-")}="{escape(_text(v))}"' for k, v in attributes.items() if v is not None
    )
    return f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>"


def _text(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def text(x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> str:
    """Return a line of text; `y` is its base line."""
    return element("text", escape(words), x=x, y=y, class_=class_ or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rect(x: float, y: float, width: float, height: float, class_: str, radius: float = 0) -> str:
    return element("rect", x=x, y=y, width=max(width, 0.5), height=height, rx=radius or None, class_=class_)


def circle(x: float, y: float, r: float, class_: str) -> str:
    return element("circle", cx=x, cy=y, r=r, class_=class_)


def path(points: Sequence[tuple[float, float]], class_: str, *, closed: bool = False) -> str:
    written = " L".join(f"{_text(float(x))} {_text(float(y))}" for x, y in points)
    return element("path", d=f"M{written}{' Z' if closed else ''}", class_=class_)


def told(finding: Finding, inner: str) -> str:
    """Return marks as one thing that a pointer, a finger or the tab key can ask: what it is, why, and its cell."""
    said = title_of(finding)
    return element("g", element("title", escape(said)) + inner, tabindex=0, role="img", aria_label=said)


def title_of(finding: Finding) -> str:
    """Return the words about a finding: what, when, why, from which cell."""
    when = f"day {finding.day}" if finding.date is None else f"{finding.date.isoformat()}, day {finding.day}"
    imputed = " (date imputed)" if finding.lane == "event" and not finding.sure else ""
    where = f"\nCell: {finding.address}" if finding.address else ""
    return f"{finding.because}\n{when}{imputed}{where}"


def width_of(words: str, size: float = 12) -> float:
    """Return how wide a text is at most, in the type faces that the style sheet names."""
    narrow = sum(c in "iljtfr.,:;|!'() -1I" for c in words)
    wide = sum(c in "mwMWGOQ%@" for c in words)
    return size * (0.57 * (len(words) - narrow - wide) + 0.33 * narrow + 0.9 * wide)


def shortened(words: str, room: float, size: float = 12) -> str:
    """Return a text that fits into `room`, cut with an ellipsis where it must be."""
    if width_of(words, size) <= room:
        return words
    while words and width_of(words + "…", size) > room:
        words = words[:-1].rstrip()
    return words + "…"


def rows_without_overlap(spans: Sequence[tuple[float, float]], gap: float = 6) -> list[int]:
    """Return for each span (from, to), taken in order, the first row in which it meets no other."""
    ends: list[list[tuple[float, float]]] = []
    out = []
    for low, high in spans:
        free = next((i for i, row in enumerate(ends) if all(high + gap <= a or low - gap >= b for a, b in row)), None)
        if free is None:
            free = len(ends)
            ends.append([])
        ends[free].append((low, high))
        out.append(free)
    return out
