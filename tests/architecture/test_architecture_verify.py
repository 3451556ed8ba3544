"""What is certified, counted without computing it: every statistic, enough values, references that only R made."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chartline.stats import TOPICS
from chartline.stats.statistic import declared_statistics
from chartline.verify.cases import DIGITS, Case, load_cases, replays, topics
from chartline.verify.certificate import SECTIONS
from chartline.verify.suite_only import SUITE_ONLY

ROOT = Path(__file__).resolve().parents[2]
REPLAYS = ROOT / "src" / "chartline" / "verify" / "replays"
FEW = 5  # statistics without a recorded case: so many at most
FROM = {"__future__", "chartline", "collections", "dataclasses", "functools", "typing"}  # what a replay imports from
CASES = [case for topic in topics() for case in load_cases(topic)]


def _values(expected: Any) -> Iterator[Any]:
    if isinstance(expected, dict | list):
        for e in expected.values() if isinstance(expected, dict) else expected:
            yield from _values(e)
    else:
        yield expected


def _count(cases: list[Case]) -> int:
    return sum(1 for c in cases for _ in _values(c.expected))


def test_every_declared_statistic_is_certified_but_those_listed_with_their_reason() -> None:
    without = set(declared_statistics()) - {c.statistic for c in CASES}
    assert without == set(SUITE_ONLY), "record cases, or name the reason in verify/suite_only.py"
    assert len(SUITE_ONLY) <= FEW
    assert [name for name, reason in SUITE_ONLY.items() if len(reason) < 20] == []


def test_at_least_60_statistics_and_1000_values_are_compared() -> None:
    assert len({c.statistic for c in CASES}) >= 60
    assert _count(CASES) >= 1000


def test_nothing_is_recorded_or_replayed_for_what_is_not_declared() -> None:
    assert {c.statistic for c in CASES} - set(declared_statistics()) == set()
    assert set(replays()) - set(declared_statistics()) == set()
    assert {c.statistic for c in CASES} - set(replays()) == set()


def test_the_loss_of_any_file_leaves_a_statistic_without_a_case_and_so_is_noticed() -> None:
    where = defaultdict(set)
    for c in CASES:
        where[c.statistic].add(c.topic)
    assert set(topics()) - {next(iter(found)) for found in where.values() if len(found) == 1} == set()


def test_the_sections_of_the_certificate_are_the_topics_of_the_statistics() -> None:
    assert set(SECTIONS) == set(TOPICS)
    by_topic = [name for topic in SECTIONS for name in declared_statistics(topic)]
    assert sorted(by_topic) == sorted(declared_statistics())


@pytest.mark.parametrize("topic", topics())
def test_a_recorded_file_names_program_and_script_and_the_script_writes_it(topic: str) -> None:
    for case in load_cases(topic):
        assert case.source and case.program, case.id
        script = ROOT / case.script
        assert script.is_file(), f"{case.id}: no {case.script}"
        assert re.search(rf'["/]{topic}(\.json)?["\s)]', script.read_text(encoding="utf-8")), case.script


def test_no_script_asks_chartline_or_python_for_a_number() -> None:
    """R knows the folders of the project and nothing else of it; it starts no other program."""
    found = []
    for script in {c.script for c in CASES}:
        for i, line in enumerate((ROOT / script).read_text(encoding="utf-8").splitlines(), 1):
            code = line.partition("#")[0]
            if re.search(r"reticulate|\bsystem2?\(|\bpipe\(|python", code):
                found.append(f"{script}:{i}")
            if re.search(r"fromJSON|readRDS|\bload\(", code):  # what is written is not read back
                found.append(f"{script}:{i}")
    assert found == []


def test_no_case_is_there_twice() -> None:
    ids = Counter((c.topic, c.statistic, c.id) for c in CASES)
    assert [k for k, n in ids.items() if n > 1] == []
    whole = Counter(repr((c.statistic, c.data, c.arguments, sorted(c.expected))) for c in CASES if c.digits == DIGITS)
    assert [k[:200] for k, n in whole.items() if n > 1] == []


def test_fewer_digits_are_asked_of_few_values() -> None:
    fewer = [c for c in CASES if c.digits < DIGITS]
    assert _count(fewer) <= 0.03 * _count(CASES)
    assert [c.id for c in fewer if len(c.why) < 20] == []
    assert [c.id for c in CASES if c.digits > DIGITS or c.digits < 1] == []


@pytest.mark.parametrize("path", sorted(REPLAYS.glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_a_replay_computes_nothing_by_itself(path: Path) -> None:
    """It builds the input and calls public functions: no private name, no library but NumPy for arrays."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] in FROM, node.module
            assert [a.name for a in node.names if a.name.startswith("_")] == []
        elif isinstance(node, ast.Import):
            assert {a.name for a in node.names} <= {"math", "numpy"}
        elif isinstance(node, ast.Attribute):
            assert node.attr not in {"linalg", "special", "random"}, f"line {node.lineno}"
