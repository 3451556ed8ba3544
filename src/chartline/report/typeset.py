"""Units and ranges as print sets them: mg/m², 10⁹/L, ×, 5%, grade 3–4.

For the study's own words; what a source file says is quoted as it is.
"""

from __future__ import annotations

import re
from dataclasses import replace

from chartline.report.document import Block, Cell, Figure, Heading, KeyNumbers, Paragraph, Table

_POWERS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_POWER = re.compile(r"10\^(-?\d+)")
_TIMES = re.compile(r"(?<=\d) x (?=(?:10[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]|ULN\b))")
_GRADES = re.compile(r"(?<=[Gg]rade )(\d)-(\d)\b")
_PERCENT = re.compile(r"(?<=\d) %")
_SQUARE = re.compile(r"\b(k?g|mg|g|IU)/m2\b|\bm2\b")


def typeset(text: str) -> str:
    """Return `text` with its units and ranges set: "100 x 10^9/L" gives "100 × 10⁹/L", "grade 3-4" "grade 3–4"."""
    text = _POWER.sub(lambda m: "10" + m[1].translate(_POWERS), text)
    text = _TIMES.sub(" × ", text)
    text = _PERCENT.sub("%", _GRADES.sub("\\1–\\2", text))
    return _SQUARE.sub(lambda m: m[0][:-1] + "²", text)


def typeset_block(block: Block) -> Block:
    """Return the block with every text typeset; drawings and bindings stay as they are."""
    match block:
        case Heading():
            return replace(block, text=typeset(block.text))
        case Paragraph():
            runs = tuple(_cell(r) for r in block.runs)
            return replace(block, text=typeset(block.text) if not runs else "".join(r.text for r in runs), runs=runs)
        case KeyNumbers():
            return replace(
                block, items=tuple((n, typeset(label), typeset(note), i) for n, label, note, i in block.items)
            )
        case Table():
            return replace(
                block,
                caption=typeset(block.caption),
                header=tuple(_unbroken(typeset(h)) for h in block.header),
                rows=tuple(tuple(_cell(c) for c in row) for row in block.rows),
                notes=tuple(typeset(n) for n in block.notes),
            )
        case Figure():
            return replace(block, caption=typeset(block.caption), notes=tuple(typeset(n) for n in block.notes))


def _unbroken(header: str) -> str:
    """Keep "(95% CI)" on one line of a narrow column's head."""
    return header.replace("95% CI", "95%\u00a0CI")


def _cell(cell: Cell) -> Cell:
    text = typeset(cell.text)
    return cell if text == cell.text else replace(cell, text=text)
