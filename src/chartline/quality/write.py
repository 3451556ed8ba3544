"""The files of the quality report: quality.html, .pdf and .csv, the figures, and a page a centre in centres/."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from chartline.core.inert import inert
from chartline.quality.disclosure import Cells
from chartline.quality.document import build_report
from chartline.quality.drawn import may_show
from chartline.quality.measures import measures_of
from chartline.quality.model import Quality
from chartline.quality.page import build_page
from chartline.report.document import Document

MARK = "quality.csv"  # by which a folder of ours is known
COLUMNS = ("part", "group", "name", "of", "centre", "n", "total")
_REST = re.compile(r"[^\w.-]")


def write_quality(quality: Quality, folder: Path) -> None:
    """Write every file into `folder`, which exists."""
    _write(build_report(quality), folder, "quality")
    (folder / "centres").mkdir()
    names: set[str] = set()
    for centre in quality.centres:
        name = _REST.sub("_", centre)
        while name in names:
            name += "_"
        names.add(name)
        _write(build_page(quality, centre), folder / "centres", name)
    with (folder / MARK).open("w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([inert(cell) if isinstance(cell, str) else cell for cell in row] for row in _rows(quality))


def _write(document: Document, folder: Path, name: str) -> None:
    from chartline.report.html import write_html
    from chartline.report.pdf import write_pdf

    (folder / f"{name}.html").write_bytes(write_html(document))
    (folder / f"{name}.pdf").write_bytes(write_pdf(document))


def _rows(quality: Quality) -> Iterator[tuple[object, ...]]:
    """One row a number and centre; n and total are empty where the rule of small cells hides them."""
    cells = Cells(quality.protocol.report.smallest_cell)
    for part, needs in (("completeness", quality.needs), ("exact dates", quality.dates_by_variable)):
        for need in needs:
            for c, s in need.shares.items():
                shown = (s.n, s.of) if may_show(need, s, cells) else ("", "")
                yield (part, need.group, need.label, need.of, c, *shown)
    for q in quality.queries:
        for c in quality.centres:
            yield ("queries raised", q.kind, q.rule, "queries", c, q.raised[c], "")
            yield ("queries open", q.kind, q.rule, "queries", c, q.open[c], "")
    for c, s in quality.follow_up.items():
        if s.of and cells.count(quality.eligible[c]):
            yield ("follow-up", "", quality.followed, "person-days", c, s.n, s.of)
    for m in measures_of(quality):
        for c, bar in m.bars.items():
            yield ("measure", "", m.id, m.note, c, "" if bar.value is None else bar.value, "")
