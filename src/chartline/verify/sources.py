"""The tables of what was compared with: the recorded files, with the programs that wrote them, and the data sets."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from chartline.report import format as fmt
from chartline.report.document import Cell, Table
from chartline.verify.cases import IN_THE_CASE, shipped
from chartline.verify.certificate import Certificate, Compared
from chartline.verify.wording import HELD_IN_CASES

SHOWN = 12  # leading hex digits of a digest


def text_table(
    caption: str,
    header: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    align: str,
    widths: tuple[float, ...],
    notes: tuple[str, ...] = (),
) -> Table:
    """Return a table of plain texts; its number comes later."""
    return Table("", caption, header, tuple(tuple(Cell(t) for t in row) for row in rows), align, widths, notes)


def reference_table(done: Certificate) -> Table:
    """Return the recorded files, with what wrote them."""
    by: dict[str, list[Compared]] = {}
    for c in done.compared:
        by.setdefault(c.case.topic, []).append(c)
    files, rows = shipped("reference"), []
    for topic in sorted({*files, *by}):
        of = by.get(topic, [])
        scripts = ", ".join(dict.fromkeys(c.case.script.rpartition("/")[2] for c in of))
        cases = len({(c.case.statistic, c.case.id) for c in of})
        digest = hashlib.sha256(files[topic].read_bytes()).hexdigest()[:SHOWN] if topic in files else fmt.DASH
        texts = (f"{topic}.json", _programs(of), scripts, fmt.whole(cases), fmt.whole(len(of)), digest)
        rows.append(tuple(t or fmt.DASH for t in texts))
    header = ("File", "Computed with", "Script", "Cases", "Values", "sha256, first 12")
    caption = "Recorded references: program and packages, the script (in tests/reference) that recorded them, digest."
    return text_table(caption, header, rows, "lllrrl", (2.6, 5, 3.6, 1, 1.2, 2))


def _programs(of: list[Compared]) -> str:
    """Return "R 4.2.2, survival 3.5.3; ..." of all cases of a file."""
    packages: dict[str, dict[str, str]] = {}
    for c in of:
        packages.setdefault(c.case.program, {}).update(c.case.packages)
    return "; ".join(", ".join([p, *(f"{name} {v}" for name, v in named.items())]) for p, named in packages.items())


def data_table(done: Certificate) -> Table:
    """Return the data sets that ship, with their first line."""
    used = Counter(c.case.data_name for c in {id(c.case): c for c in done.compared}.values())
    rows = []
    for name, file in shipped("data").items():
        lines = file.read_bytes().decode("utf-8", "replace").splitlines()
        says = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
        n = sum(not line.startswith("#") for line in lines) - 1
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:SHOWN]
        rows.append((name, says, fmt.whole(n), fmt.whole(used[name]), digest))
    rows.append((IN_THE_CASE, HELD_IN_CASES, fmt.DASH, fmt.whole(used[IN_THE_CASE]), fmt.DASH))
    header = ("Name", "What it is", "Rows", "Cases", "sha256, first 12")
    return text_table("Data sets; they ship with the program.", header, rows, "llrrl", (1.6, 6, 1, 1, 2.2))
