"""Every planted error of the reference study is found, in its place; nothing else is held back.

`planted_errors.csv` says what was broken, where, and whether it holds back a result. Its places are turned into
canonical addresses here, by text alone: remarks such as '(second copy)' or 'id=obs-00525' are dropped.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import pytest

from chartline.core.query import Query, Severity
from chartline.pipeline import read_study
from chartline.study import StudyData

pytestmark = pytest.mark.shared
SHARED = Path(__file__).resolve().parents[3] / "shared"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
# Whether a count that cannot be believed changes CR against CRi is known only once it is answered, so it blocks
# that although the true answer of Q17 happens to change nothing.
BLOCKS_THOUGH_HARMLESS = {"Q17"}
# Real disagreements of the treating team with the rule (edge_cases.csv: pbblast, blast5): asked, used as they stand.
EXPLAINED = {("B-03", "response_discordant"), ("D-01", "response_discordant")}


def planted() -> list[dict[str, str]]:
    path = SHARED / "ino-cohort" / "planted_errors.csv"
    return list(csv.DictReader(path.read_text("utf-8").splitlines())) if path.exists() else []


def places(error: dict[str, str]) -> set[str]:
    """The canonical addresses of a planted error's own place; any of them will do."""
    text = error["location"].replace(" (second copy)", "").replace("!(row repeated)", "")
    text = re.sub(r"(row \d+) \([^)]*\)", r"\1", text)
    text = re.sub(r"(line \d+) id=[^!]*", r"\1", text)
    if "column AR" in text:
        return {f"CentreB_master.xlsx!Master!{c}" for c in re.findall(r"(AR\d+)=", text)}
    file, _, last = text.rpartition("!")
    return {f"{file}!{part}" for part in last.split("/")} if "/" in last else {text}


def at(query: Query, error: dict[str, str]) -> bool:
    return any(a == p or a.startswith(f"{p}!") for a in query.addresses for p in places(error))


@cache
def study(answered: bool) -> StudyData:
    return read_study(EXAMPLE, use_answers=answered)


def test_there_are_27_planted_errors() -> None:
    assert [e["error_id"] for e in planted()] == [f"Q{i:02}" for i in range(1, 28)]


@pytest.mark.parametrize("error", planted(), ids=lambda e: e["error_id"])
def test_every_planted_error_is_found_in_its_place(error: dict[str, str]) -> None:
    found = [q for q in study(False).queries if q.centre == error["centre"] and at(q, error)]
    own = [q for q in found if q.subject == error["subject"]]
    assert own
    if error["blocking"] == "Y":
        assert any(q.blocks for q in own)
    elif error["error_id"] not in BLOCKS_THOUGH_HARMLESS:
        assert not any(q.blocks for q in own)


def twins() -> list[dict[str, str]]:
    return [e for e in planted() if re.match(r"also \S+\.(xlsx|csv|ndjson)!", e["also_affected"])]


@pytest.mark.parametrize("error", twins(), ids=lambda e: e["error_id"])
def test_the_same_slip_in_two_cells_is_one_query(error: dict[str, str]) -> None:
    other = error["also_affected"].removeprefix("also ").partition(" = ")[0]
    found = [q for q in study(False).queries if at(q, error)]
    assert len(found) == 1
    assert places({"location": other}) & set(found[0].addresses)


def test_no_one_else_is_held_back_or_asked() -> None:
    for query in study(False).queries:
        if query.severity is Severity.NOTE or (query.subject, query.rule) in EXPLAINED:
            continue
        assert any(at(query, e) and query.subject == e["subject"] for e in planted()), query


def test_no_query_is_asked_twice() -> None:
    queries = study(False).queries
    assert len({q.id for q in queries}) == len(queries)
    asked = [(q.rule, q.subject, q.addresses[0]) for q in queries]
    assert len(set(asked)) == len(asked)


def test_the_same_data_give_the_same_queries() -> None:
    assert read_study(EXAMPLE, use_answers=False).queries == study(False).queries


def test_with_the_answers_nothing_is_held_back_and_nothing_new_is_asked() -> None:
    still = [q for q in study(True).queries if q.severity is not Severity.NOTE]
    assert [(q.subject, q.rule) for q in still] == sorted(EXPLAINED)
    assert not any(q.blocks for q in still)
