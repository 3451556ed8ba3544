"""The reference pages say what the code says, and nothing that is registered goes without its words."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import generate  # noqa: E402


@pytest.mark.parametrize("name", generate.PAGES)
def test_the_page_is_what_make_docs_writes(name: str) -> None:
    committed = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert committed == generate.page(name), "run `make docs` and commit the pages"


def test_the_pages_of_the_rule_sets_are_what_make_docs_writes() -> None:
    home = ROOT / "docs" / "rules"
    committed = {str(f.relative_to(home)): f.read_text(encoding="utf-8") for f in home.rglob("*.md")}
    assert committed == generate.rule_pages(), "run `make docs` and commit the pages"


def test_every_rule_file_has_a_page_with_every_number_in_it() -> None:
    """Every threshold and number of days of a rule file stands in the columns of numbers of its page."""
    from ruamel.yaml import YAML

    pages, derive = generate.rule_pages(), ROOT / "src" / "chartline" / "derive"
    rule_files = list(derive.glob("*/*.yaml"))
    assert len(rule_files) >= 7
    for file in rule_files:
        table = pages[f"{file.parent.name}/{file.stem}.md"].split("## Rules")[1]
        rows = [line.split(" | ") for line in table.splitlines()[4:] if line.startswith("|")]
        cells = [cell for row in rows for cell in (row[3], row[5])] if file.parent.name != "grading" else []
        cells += re.findall(r"[:|] (-?\d[\d.]*)(?=;| \|)", table)  # said in words: "after cycles: 2"
        shown = {float(n) for cell in cells for n in re.findall(r"-?\d+(?:\.\d+)?", cell)}
        assert set(_numbers(YAML(typ="safe").load(file.read_text(encoding="utf-8")))) <= shown, file.name
    assert {f"grading/{f.stem}.md" for f in derive.glob("grading/*.csv")} <= set(pages)


def _numbers(node: object) -> list[float]:
    if isinstance(node, dict | list):
        inner = node.values() if isinstance(node, dict) else node
        return [n for value in inner for n in _numbers(value)]
    return [node] if isinstance(node, int | float) and not isinstance(node, bool) else []


@pytest.mark.parametrize("declaration", ["protocol", "mapping"])
def test_every_key_has_a_description_and_an_example(declaration: str) -> None:
    assert generate.reference(declaration).bare() == []


def test_every_check_says_what_holds_and_what_is_asked() -> None:
    from chartline.checks.engine import rules

    assert rules()
    assert [r.id for r, _ in rules().values() if not (r.sentence.endswith(".") and r.asks)] == []


def test_every_endpoint_has_a_manual_page() -> None:
    page = "\n".join(generate.endpoints())
    folder = ROOT / "src" / "chartline" / "derive" / "endpoints"
    names = [f.stem for f in folder.glob("*.py") if f.stem != "__init__"]
    assert names
    for name in names:
        assert f"`{name}`" in page
        assert len((folder / f"{name}.py").read_text(encoding="utf-8").split('"""')[1]) > 80, name


def test_every_statistic_names_its_reference_and_its_source() -> None:
    from chartline.stats.statistic import declared_statistics

    assert declared_statistics()
    assert [s.name for s in declared_statistics().values() if not (s.gives and s.reference and s.paper)] == []


def test_every_milestone_has_a_line() -> None:
    from chartline.protocol.base import Milestone

    text = (ROOT / "docs" / "parts" / "protocol.md").read_text(encoding="utf-8")
    table = text.split("## Milestones")[1].split("##")[0]
    assert [m for m in Milestone if f"`{m}`" not in table] == []


def test_every_query_of_the_mapping_room_has_a_line() -> None:
    """Rules are the first text given to `Query(...)` or to a note in the mapping room."""
    page = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    rules = set()
    for path in (ROOT / "src" / "chartline" / "mapping").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Query":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    rules.add(first.value)
    assert rules
    assert sorted(r for r in rules if f"`{r}`" not in page) == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    pages = sorted(f.name for f in folder.glob("0*.md"))
    assert [p for p in pages if f"]({p})" not in index] == []
    for page in pages:
        text = (folder / page).read_text(encoding="utf-8")
        assert text.startswith(f"# {page[:4]}: ")
        for part in ("Status: ", "## Context", "## Decision", "## Consequences"):
            assert part in text, f"{page} has no {part}"
