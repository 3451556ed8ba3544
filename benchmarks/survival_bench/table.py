"""The table of `benchmarks/README.md`, between its two markers, from what was measured.

In: the document that `survival.py` writes. Out: the page, changed between the markers only.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

TASKS = {
    "kaplan_meier": "Kaplan-Meier of three arms, log-rank test",
    "cox_categorical": "Cox, 5 categorical covariates",
    "cox_mixed": "Cox, 2 categorical and 3 continuous covariates",
    "aalen_johansen": "Aalen-Johansen of three arms, with variance",
    "gray": "Gray's test of three arms",
    "fine_gray": "Fine-Gray, 5 categorical covariates, robust variance",
}
TOOLS = {
    "chartline_parquet": "chartline, from Parquet",
    "chartline_memory": "chartline, in memory",
    "statsmodels": "statsmodels",
    "lifelines": "lifelines",
    "rust": "`survival` (Rust)",
    "r": "R",
}
# (task, patients, peer, how many times faster we want to be, from Parquet or in memory)
AIMS = (
    ("kaplan_meier", 10**6, "statsmodels", 10, "chartline_parquet"),
    ("kaplan_meier", 10**6, "r", 190, "chartline_parquet"),
    ("cox_categorical", 10**6, "rust", 20, "chartline_parquet"),
    ("cox_categorical", 10**6, "r", 40, "chartline_parquet"),
    ("cox_mixed", 10**6, "rust", 15, "chartline_parquet"),
    ("cox_mixed", 10**6, "r", 27, "chartline_parquet"),
    ("fine_gray", 10**4, "r", 200, "chartline_parquet"),
    *((task, 10**3, "", 1, "chartline_memory") for task in TASKS),
)
UNDER_A_SECOND = ("fine_gray", 10**6, "chartline_parquet")


def write_table(document: dict[str, Any], page: Path, name: str = "survival") -> None:
    """Replace what stands between the markers `name` of `page`. Raises `ValueError` where they are missing."""
    between_markers(page, name, lines_of(document))


def between_markers(page: Path, name: str, lines: list[str]) -> None:
    """Write lines between the markers `name` of `page`. Raises `ValueError` where they are missing."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = page.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{page.name} has no place for the table: {begin} ... {end}")
    head, tail = text.split(begin)[0], text.split(end)[1]
    page.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + tail, encoding="utf-8")


def lines_of(document: dict[str, Any]) -> list[str]:
    """Return the facts, the times, the aims and the agreement as Markdown."""
    cells = {(c["task"], c["n"], c["tool"]): c for c in document["cells"]}
    aims = _aims(cells)
    said = [*aims, ""] if len(aims) > 2 else []  # a run at other sizes than those of the aims has none to report
    return ["", *_facts(document), "", *_times(cells), "", *said, *_agreement(cells), ""]


def _facts(document: dict[str, Any]) -> list[str]:
    m = document["machine"]
    python = [f"{k} {v}" for k, v in m["libraries"].items() if k != "chartline"]
    named = ", ".join([*python, *(f"{k} {v}" if k == "R" else f"{k} {v} of R" for k, v in m["r"].items())])
    each = "one process" if document["rounds"] == 1 else f"{document['rounds']} processes"
    each += f" a cell ({document['rounds_small']} at 10^3)"
    return [
        f"On {m['date']}, {m['processor']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}, Python"
        f" {m['python']}; {named}. Load of the machine (1 minute): {m['load_before']} before, {m['load_after']} after."
        f" Median time of a run, {each}, highest memory of the process; `>` is stopped at"
        f" {document['limit_s']:g} s or {document['memory_gb']:g} GB."
        " Numbers in brackets: how many times longer than chartline from Parquet."
    ]


def _times(cells: dict[tuple[str, int, str], Any]) -> list[str]:
    out: list[str] = []
    for task, title in TASKS.items():
        sizes = sorted({n for t, n, _ in cells if t == task})
        if not sizes:
            continue
        head = " | ".join(_power(n) for n in sizes)
        out += [f"**{title}**", "", f"| | {head} |", "|---" * (len(sizes) + 1) + "|"]
        for tool, name in TOOLS.items():
            row = [cells.get((task, n, tool)) for n in sizes]
            if any(row):
                ours = [cells.get((task, n, "chartline_parquet")) for n in sizes]
                out.append(f"| {name} | " + " | ".join(map(_cell, row, ours)) + " |")
        out.append("")
    return out[:-1]


def _cell(cell: Any, ours: Any) -> str:
    if cell is None:
        return ""
    if cell["stopped"]:
        return cell["stopped"].replace("over ", "> ")
    text = f"{_seconds(cell['seconds'])}, {cell['memory_mb']:.0f} MB"
    if cell["tool"].startswith("chartline") or not ours or not ours["seconds"]:
        return text
    return f"{text} ({_digits(cell['seconds'] / ours['seconds'])}x)"


def _aims(cells: dict[tuple[str, int, str], Any]) -> list[str]:
    out = ["| aim | measured | |", "|---|---|---|"]
    for task, n, peer, wanted, side in AIMS:
        ours = cells.get((task, n, side))
        peers = [cells.get((task, n, p)) for p in ([peer] if peer else TOOLS) if not p.startswith("chartline")]
        there = [c for c in peers if c and c["seconds"]]
        if not ours or not ours["seconds"] or not there:
            continue
        fastest = min(there, key=lambda c: c["seconds"])
        ratio, name = fastest["seconds"] / ours["seconds"], TOOLS[fastest["tool"]]
        what = f"{wanted} times faster than {name}" if peer else f"not slower than the fastest peer ({name}), in memory"
        out.append(f"| {TASKS[task]}, {_power(n)}: {what} | {_digits(ratio)} times | {_verdict(ratio >= wanted)} |")
    task, n, side = UNDER_A_SECOND
    if cells.get((task, n, side)) and cells[task, n, side]["seconds"]:
        seconds = cells[task, n, side]["seconds"]
        out.append(f"| {TASKS[task]}, {_power(n)}: under 1 s | {_seconds(seconds)} | {_verdict(seconds < 1)} |")
    return out


def _verdict(met: bool) -> str:
    return "met" if met else "**not met**"


def _agreement(cells: dict[tuple[str, int, str], Any]) -> list[str]:
    """The largest relative difference from chartline of each tool, over all sizes at which it ended."""
    tools = [tool for tool in TOOLS if tool != "chartline_parquet"]
    out = ["| largest relative difference from chartline | " + " | ".join(TOOLS[t] for t in tools) + " |"]
    out.append("|---" * (len(tools) + 1) + "|")
    for task, title in TASKS.items():
        found = [[c["difference"] for (t, _, at), c in cells.items() if (t, at) == (task, tool)] for tool in tools]
        worst = [max((d for d in ds if d is not None), default=None) for ds in found]
        out.append(f"| {title} | " + " | ".join("" if d is None else f"{d:.0e}" for d in worst) + " |")
    return out


def _power(n: int) -> str:
    return f"10^{round(math.log10(n))}"


def _seconds(seconds: float) -> str:
    if seconds < 0.01:
        return f"{seconds * 1000:.2f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _digits(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
