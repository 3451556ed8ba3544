"""The table of `benchmarks/README.md` on databases of growing size, between its two markers.

In: the document that `scale.py` writes. Out: the page, changed between the markers only.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from survival_bench.table import between_markers

TOOLS = {
    "chartline": "`chartline run`, to report.html",
    "bounded": "`chartline run --memory 2GB --workers 2`",
    "selection": "chartline, selection and the rows of the selected",
    "select": "chartline, the SELECT alone: who is selected (DuckDB)",
    "spark_select": "the same SELECT, Spark local[2]",
    "bare_scan": "bare scan of the question's columns (DuckDB)",
    "study_scan": "bare scan of the study's columns, rows of its patients (DuckDB)",
    "duckdb": "the question by hand, DuckDB",
    "polars": "the question by hand, Polars",
    "spark": "the question by hand, Spark local[2]",
    "lifelines": "lifelines, Kaplan-Meier of the extracted cohort",
}
# (tool, beside which, at most or at least so many times its time, persons)
AIMS = (
    ("selection", "bare_scan", "at most", 1.3, 10**6),
    ("chartline", "bare_scan", "at most", 3.0, 10**6),
    ("spark_select", "select", "at least", 35.0, 10**6),
)
MEMORY_MB = 2000


def write_table(document: dict[str, Any], page: Path) -> None:
    """Replace the table of scale of `page`. Raises `ValueError` where its markers are missing."""
    between_markers(page, "scale", lines_of(document))


def lines_of(document: dict[str, Any]) -> list[str]:
    """Return the facts, the databases, the times and the aims as Markdown."""
    cells = {(c["tool"], c["persons"]): c for c in document["cells"]}
    return ["", _facts(document), "", *_databases(document), "", *_times(cells), "", *_aims(cells), ""]


def _facts(document: dict[str, Any]) -> str:
    facts = document["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    return (
        f"On {facts['date']}, {facts['processor']}, {facts['cores']} cores, {facts['memory_gb']} GB, {facts['system']}"
        f", Python {facts['python']}; {libraries}, Spark {facts['spark']}. {document['rounds']} turn(s) of each tool, "
        f"one at 10,000,000 persons; load before the run {facts['load_before']}."
    )


def _databases(document: dict[str, Any]) -> list[str]:
    out = ["| persons | rows | Parquet, MB | made in, s |", "|---|---|---|---|"]
    for d in document["databases"]:
        made = f"{d['seconds']:.0f}" if d["seconds"] >= 1 else "was there"
        out.append(f"| {d['persons']:,} | {d['rows']:,} | {d['mb']:,.0f} | {made} |")
    return out


def _times(cells: dict[tuple[str, int], Any]) -> list[str]:
    sizes = sorted({persons for _, persons in cells})
    out = ["| | " + " | ".join(f"{n:,}" for n in sizes) + " |", "|---|" + "---|" * len(sizes)]
    for tool, label in TOOLS.items():
        if any((tool, n) in cells for n in sizes):
            out.append(f"| {label} | " + " | ".join(_cell(cells.get((tool, n))) for n in sizes) + " |")
    return out


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "not run"
    if cell["stopped"] or cell["seconds"] is None:
        return str(cell["stopped"] or "not run")
    first = f" (first {median(cell['first']):.3g} s)" if cell["first"] else ""
    starting = f", after {cell['starting']:.1f} s of starting" if (cell["starting"] or 0) >= 3 else ""
    return f"{cell['seconds']:.3g} s{first}{starting}, {cell['memory_mb']:,.0f} MB, reads {cell['read_mb']:,.0f} MB"


def _aims(cells: dict[tuple[str, int], Any]) -> list[str]:
    out = ["| aim | measured | |", "|---|---|---|"]
    for tool, other, sense, factor, persons in AIMS:
        a, b = cells.get((tool, persons)), cells.get((other, persons))
        if not (a and b and a["seconds"] and b["seconds"]):
            continue
        turns = [one / another for one, another in zip(a["turns"], b["turns"], strict=True)]
        ratio = median(turns)
        met = ratio <= factor if sense == "at most" else ratio >= factor
        said = f"{TOOLS[tool]} takes {sense} {factor:g} times as long as: {TOOLS[other]}, at {persons:,} persons"
        of = f"{ratio:.2f} ({min(turns):.2f} to {max(turns):.2f})"
        out.append(f"| {said} | {of} | {'met' if met else '**not met**'} |")
    most = max((c["memory_mb"] for (tool, _), c in cells.items() if tool == "bounded" and c["memory_mb"]), default=None)
    if most is not None:
        said = f"{TOOLS['bounded']} holds at most {MEMORY_MB:,} MB at every size"
        out.append(f"| {said} | {most:,.0f} MB | {'met' if most <= MEMORY_MB else '**not met**'} |")
    return out
