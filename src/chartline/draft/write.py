"""The draft as YAML: a mapping that is valid as it stands, unsigned, with what a reviewer needs as comments.

In: a Draft. Out: text. Open questions come first; each table begins with its columns, one line each: what is in it,
what it is proposed to be, how sure, and why. Plain values are quoted wherever YAML could read them as something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from chartline.draft.model import Column, Draft, Question
from chartline.draft.replay import Difference

_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+(][A-Za-z0-9_./+()-]*)*")
_WORDS = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n", "none", "nan", "inf"])


def yaml_text(draft: Draft) -> str:
    """Return the draft as a mapping file."""
    lines = _head(draft)
    for key, value in draft.mapping.items():
        if key == "tables":
            lines += _tables(draft, value)
        else:
            lines += _entry(key, value, 0)
    return "\n".join(lines) + "\n"


def _head(draft: Draft) -> list[str]:
    n = len(draft.questions)
    lines = [
        f"# A draft: nobody has confirmed it, and every run refuses it. {n} open question{'s' if n != 1 else ''}.",
        "# Read each table with the centre, correct it, decide the open questions, then enter signed_by and signed_on.",
    ]
    if draft.dates:
        lines += _comment(f"Dates of the centre: {draft.dates}", "# ")
    if n:
        lines += ["#", "# Open questions:"]
        for i, q in enumerate(draft.questions, 1):
            lines += _comment(f"{i}. {_where(q)}{q.text}{f' Proposed: {q.proposal}' if q.proposal else ''}", "#   ")
    return [*lines, ""]


def _where(q: Question) -> str:
    place = ", ".join(x for x in (q.table, f"`{q.column}`" if q.column else "") if x)
    return f"{place}: " if place else ""


def _comment(text: str, mark: str) -> list[str]:
    words = text.split()
    lines: list[str] = []
    line = mark
    for w in words:
        if len(line) + len(w) > _WIDTH and line.strip("# "):
            lines.append(line.rstrip())
            line = mark + "  "
        line += w + " "
    return [*lines, line.rstrip()]


def _tables(draft: Draft, tables: dict[str, Any]) -> list[str]:
    lines = ["", "tables:"]
    for name, table in tables.items():
        lines.append("")
        for _, text in (seen for seen in draft.layout if seen[0] == name):
            lines += _comment(text, "  # ")
        for c in (c for c in draft.columns if c.table == name):
            lines += _comment(_column(c), "  # ")
        lines += _entry(name, table, 2)
    return lines


def _column(c: Column) -> str:
    """Say a column in one line: `Sex: 9 of 9 filled, code (M, F); DM SEX (0.97): the heading is `sex``."""
    p = c.profile
    shown = ", ".join(s if len(s) <= 24 else s[:22] + ".." for s in c.samples[:4])
    held = f"{p.filled} of {p.rows} filled, {p.kind}{f' ({shown})' if shown else ''}"
    named = f"{c.name}" + (f" [{c.heading}]" if c.heading != c.name else "")
    what = {"subject": "the patient's id", "ignored": "not read", "open": "OPEN", "selector": "says what the row is"}
    said = what.get(c.role) or " and ".join(dict.fromkeys(q.target.said for q in c.proposals))
    why = f": {c.reason}" if c.reason and c.role != "subject" else ""
    return f"{named}: {held}; {said} ({c.confidence:.2f}){why}{f'; {c.verdict}' if c.verdict else ''}"


# YAML ---------------------------------------------------------------------------------------------------------------


def _entry(key: str, value: Any, indent: int) -> list[str]:
    pad = " " * indent
    head = f"{pad}{scalar(key)}:"
    if not isinstance(value, dict | list) or not value:
        return [f"{head} {_flow(value)}"]
    flow = f"{head} {_flow(value)}"
    if len(flow) <= _WIDTH and (indent > 0 or not isinstance(value, list)) and _flat(value):
        return [flow]
    if isinstance(value, dict):
        return [head, *(line for k, v in value.items() for line in _entry(k, v, indent + 2))]
    return [head, *(line for item in value for line in _item(item, indent + 2))]


def _item(item: Any, indent: int) -> list[str]:
    pad = " " * indent
    flow = f"{pad}- {_flow(item)}"
    if not isinstance(item, dict) or (len(flow) <= _WIDTH and _flat(item)):
        return [flow]
    inner = [line for k, v in item.items() for line in _entry(k, v, indent + 2)]
    return [f"{pad}- {inner[0][indent + 2 :]}", *inner[1:]]


def _flat(value: Any) -> bool:
    """Whether a value reads well on one line: not more than two levels."""
    return _depth(value) <= 2


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(v) for v in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(v) for v in value), default=0)
    return 0


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """Return a value as YAML text that is read back as the same text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


# differences --------------------------------------------------------------------------------------------------------


def difference_text(present: str, draft: Draft, found: Sequence[Difference]) -> str:
    """Return the present mapping, unsigned again, with the differences before it and the proposals after it."""
    lines = [f"# {len(found)} differences between these files and the mapping below. Correct it, then sign it again."]
    for d in found:
        lines += _comment(d.line, "#   - ")
    text = re.sub(r"^signed_by:(.*)$", r'signed_by: ""  # was:\1', present, count=1, flags=re.MULTILINE)
    text = re.sub(r"^signed_on:.*\n", "", text, count=1, flags=re.MULTILINE)
    return "\n".join([*lines, "", text.rstrip("\n"), *_fragments(draft, found)]) + "\n"


def _fragments(draft: Draft, found: Sequence[Difference]) -> list[str]:
    """Return, as comments, the records that the draft proposes for new columns and tables."""
    new = {(d.table, d.column) for d in found if d.kind == "new column"}
    tables = {d.table for d in found if d.kind == "new table"}
    out: list[str] = []
    for name, table in draft.mapping["tables"].items():
        if name in tables:
            out += ["", "# Proposed for a new table:", *(f"# {line}" for line in _entry(name, table, 2))]
            continue
        columns = {c for t, c in new if t == name}
        records = [r for r in table.get("records", []) if _reads(r, columns)]
        if records:
            out += ["", f"# Proposed for new columns of {name}:"]
            out += [f"# {line}" for r in records for line in _item(r, 6)]
    return out


def _reads(record: dict[str, Any], columns: set[str]) -> bool:
    text = _leaf_texts(record)
    return any(c in text for c in columns)


def _leaf_texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {t for v in value.values() for t in _leaf_texts(v)}
    if isinstance(value, list):
        return {t for v in value for t in _leaf_texts(v)}
    return {str(value)}
