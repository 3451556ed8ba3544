"""The benchmark's own sides agree at a tiny size, and its table says what was measured. Nothing is timed here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ROOT / "benchmarks" / "survival_bench"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The modules of the benchmark, and patients in a folder."""
    sys.path.insert(0, str(PARTS))
    try:
        import patients
        import table
        import tools
    finally:
        sys.path.remove(str(PARTS))
    folder = tmp_path_factory.mktemp("patients")
    patients.write_patients(400, folder)
    yield tools, table, folder
    for name in ("patients", "table", "tools"):
        del sys.modules[name]


def test_both_sides_of_ours_give_the_same_numbers(parts: Any) -> None:
    tools, _, folder = parts
    for task in tools.TASKS:
        found = []
        for tool in ("chartline_parquet", "chartline_memory"):
            run, values = tools.prepare(tool, task, folder)
            found.append(values(run()))
        assert found[0] == pytest.approx(found[1], rel=1e-8), task
        assert len(found[0]) == {"cox_mixed": 12, "aalen_johansen": 12, "kaplan_meier": 1, "gray": 1}.get(task, 18)


def test_the_table_replaces_what_is_between_the_markers(parts: Any, tmp_path: Path) -> None:
    _, table, _ = parts

    def cell(tool: str, task: str, n: int, seconds: float | None, stopped: str = "") -> dict[str, Any]:
        return {
            "tool": tool, "task": task, "n": n, "seconds": seconds, "memory_mb": 50.0, "stopped": stopped,
            "difference": 2e-12,
        }  # fmt: skip

    cells = [
        cell("chartline_parquet", "kaplan_meier", 10**6, 0.01),
        cell("statsmodels", "kaplan_meier", 10**6, 0.15),
        cell("r", "kaplan_meier", 10**6, 1.5),
        cell("chartline_parquet", "fine_gray", 10**6, 0.4),
        cell("r", "fine_gray", 10**6, None, "over 60 s"),
        cell("chartline_memory", "gray", 10**3, 0.002),
        cell("chartline_parquet", "gray", 10**3, 0.004),
        cell("r", "gray", 10**3, 0.001),
    ]
    facts = {"date": "2026-01-01", "processor": "p", "cores": 2, "memory_gb": 1, "system": "s", "python": "3"}
    facts |= {"libraries": {"numpy": "2"}, "r": {}, "load_before": 0.1, "load_after": 0.2}
    said = {"limit_s": 60, "memory_gb": 10, "rounds": 3, "rounds_small": 7}
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- survival: begin -->\nold\n<!-- survival: end -->\nafter\n", encoding="utf-8")
    table.write_table({"machine": facts, **said, "cells": cells}, page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| statsmodels | 150 ms, 50 MB (15x) |" in text
    assert "10 times faster than statsmodels | 15 times | met |" in text
    assert "190 times faster than R | 150 times | **not met** |" in text
    assert "10^6: under 1 s | 400 ms | met |" in text
    assert "not slower than the fastest peer (R), in memory | 0.50 times | **not met** |" in text
    assert "> 60 s" in text
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for the table"):
        table.write_table({"machine": facts, **said, "cells": cells}, page)


def test_the_page_has_a_place_for_each_table() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for name in ("survival", "scale"):
        assert text.count(f"<!-- {name}: begin -->") == text.count(f"<!-- {name}: end -->") == 1
