"""The five centres, drafted without a hint and compared with their signed mappings: the aims of `make bench-draft`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from chartline.protocol.load import load_protocol

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "draft.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_draft", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_draft"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("centre", ["A", "B", "C", "D", "E"])
def test_a_centre_drafted_without_a_hint(bench: ModuleType, centre: str) -> None:
    found = bench.compare_centre(bench.STUDY, load_protocol(bench.STUDY), centre, False)
    assert found["columns"]["share"] >= 0.9
    assert found["columns_with_data"]["share"] >= 0.9
    assert found["codes"]["share"] >= 0.9
    assert found["wrong_above_limit"] == []


@pytest.mark.shared
def test_of_sets_never_seen_before_no_sure_proposal_is_wrong(bench: ModuleType) -> None:
    """Published data of real patients, against mappings that were signed without a draft."""
    found = bench.measure_unseen(bench.HERE.parent.parent / "shared" / "data")
    assert set(found) == {"aml-amlsg-0704", "all-aall0232"}
    assert [w for c in found.values() for w in c["wrong_above_limit"]] == []
    assert sum(c["by_confidence"]["up to 0.8"]["of"] for c in found.values()) > 0  # and proposals there are


def test_no_rule_names_a_centre_or_a_file_of_the_example() -> None:
    source = FILE.parents[1] / "src" / "chartline"
    texts = [*(source / "draft").rglob("*.py"), *(source / "vocabulary").glob("*.csv")]
    example = FILE.parents[1] / "examples" / "inotuzumab-india" / "centres"
    names = (
        {p.stem for p in example.rglob("*.xlsx")} | {p.stem.split("_")[0] for p in example.rglob("Syn*")} | {"syn-ino"}
    )
    assert len(names) >= 3
    assert len(texts) > 50
    assert [(p.name, n) for p in texts for n in names if n.lower() in p.read_text(encoding="utf-8").lower()] == []
