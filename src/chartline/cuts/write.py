"""The files of a difference: diff.html for people, diff.csv for a spreadsheet, diff.json for machines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chartline.core.inert import inert
from chartline.cuts.document import build_document
from chartline.cuts.lines import is_mapping
from chartline.cuts.model import Cut, Difference

MARK = "diff.json"  # by which a folder of ours is known
COLUMNS = (
    *("part", "centre", "subject", "what", "name", "label", "old", "new", "old_place", "new_place"),
    *("without_this_change", "why"),
)


def write_difference(difference: Difference, folder: Path) -> None:
    """Write the three files into `folder`, which exists."""
    from chartline.report.html import write_html

    (folder / "diff.html").write_bytes(write_html(build_document(difference)))
    with (folder / "diff.csv").open("w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: inert("" if v is None else str(v)) for k, v in row.items()} for row in _rows(difference))
    text = json.dumps(_plain(difference), indent=2, ensure_ascii=False)
    (folder / MARK).write_text(text + "\n", encoding="utf-8")


def _rows(difference: Difference) -> Iterator[dict[str, Any]]:
    """One row a change, whatever it is of."""
    for d in difference.declared:
        kind = "mapping" if is_mapping(d, difference) else d.kind
        yield {"part": kind, "what": "changed", "name": d.name, "old": d.old, "new": d.new}
    for p in difference.patients:
        yield {"part": "patient", "centre": p.centre, "subject": p.subject, "what": p.what, "old": p.old, "new": p.new}
    for v in difference.values:
        yield {
            "part": "chart", "centre": v.centre, "subject": v.subject, "what": v.what,
            "name": f"{v.domain}.{v.variable}", "label": f"{v.record}. {v.label}", "old": v.old, "new": v.new,
            "old_place": v.old_place, "new_place": v.new_place,
            "why": "the cell says the same; it is read otherwise" if v.reread else "",
        }  # fmt: skip
    for r in difference.derived:
        of = {"part": "derived", "centre": r.centre, "subject": r.subject, "what": "changed", "name": r.item}
        yield of | {"label": r.label, "old": r.old, "new": r.new, "why": r.because}
    for n in difference.numbers:
        of = {"part": "number", "what": "moved" if n.moved else "same", "name": n.key, "label": n.label}
        yield of | {"old": n.old, "new": n.new, "why": n.note}
        for m in n.movers:
            of = {"part": "member", "centre": m.centre, "subject": m.subject, "name": n.key, "label": n.label}
            what = "moves it" if m.moved else "" if m.moved is None else "does not move it"
            yield of | {"what": what, "old": m.old, "new": m.new, "without_this_change": m.without, "why": m.because}
    for q in difference.queries:
        of = {"part": "query", "centre": q.centre, "subject": q.subject, "what": q.what}
        yield of | {"name": q.id, "why": q.message}


def _plain(difference: Difference) -> dict[str, Any]:
    parts = ("declared", "patients", "values", "derived", "numbers", "queries")
    out: dict[str, Any] = {"study": difference.new.study, "old": _cut(difference.old), "new": _cut(difference.new)}
    return out | {part: [asdict(item) for item in getattr(difference, part)] for part in parts}


def _cut(cut: Cut) -> dict[str, Any]:
    cut_off = cut.protocol.data.cut_off
    return {
        "name": cut.name,
        "cut_off": cut_off.isoformat() if cut_off else None,
        "chartline": cut.version,
        "protocol_digest": cut.protocol_digest,
        "data_digest": cut.data_digest,
    }
