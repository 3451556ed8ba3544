"""The log does not depend on how often or in what order one exports, imports and checks.

Any interleaving of exports, checks, and the imports of two centres' workbooks, each as often as one likes, gives the
same standing of every query and the same amendments, once both workbooks were imported.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.pipeline import check_study, export_queries, import_answers
from chartline.state.store import read_standing
from query_cases import UNKNOWN, correct, fill, no_problem, query_of, small_study

STEPS = ("export", "check", "north", "south", "both", "resaved")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with sent queries and the answers of two centres; North's workbook twice, once in another order."""
    folder = tmp_path_factory.mktemp("loop")
    home = small_study(folder)
    export_queries(home, folder / "sent", by="Ana")
    sex, death = query_of(home, "value_not_in_code_list", "N2"), query_of(home, "after_death", "N1")
    no_date, seen = query_of(home, "date_missing", "N4"), query_of(home, "impossible_date", "S1")
    north = {(sex, 1): correct("F"), (death, 1): no_problem("checked"), (no_date, 1): UNKNOWN}
    fill(folder / "sent/N.xlsx", folder / "north.xlsx", north)
    fill(folder / "sent/N.xlsx", folder / "resaved.xlsx", north, lambda sheet: sheet.move_range("A2:M2", rows=40))
    fill(folder / "sent/S.xlsx", folder / "south.xlsx", {(seen, 1): correct("2023-02-28")})
    return folder


def play(start: Path, folder: Path, steps: list[str]) -> tuple[dict, list]:
    """Take the steps, then import both workbooks, and return where everything stands."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(start, folder)
    home = folder / "study"
    books = {"north": ["north"], "south": ["south"], "both": ["north", "south"], "resaved": ["resaved"]}
    for step in (*steps, "both"):
        if step == "export":
            export_queries(home, folder / "again", by="Ana")
        elif step == "check":
            check_study(home)
        else:
            import_answers(home, [folder / f"{name}.xlsx" for name in books[step]], by="Ana")
    s = read_standing(home)
    return {n: (q.state, q.reason, q.asked_again) for n, q in s.queries.items()}, sorted(
        map(str, s.amendments.values())
    )


@pytest.fixture(scope="module")
def straight(start: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, list]:
    """Where everything stands when both workbooks are imported once, and nothing else is done."""
    return play(start, tmp_path_factory.mktemp("straight") / "play", [])


@settings(max_examples=8, deadline=None)
@given(steps=st.lists(st.sampled_from(STEPS), max_size=4))
def test_any_interleaving_gives_the_same_state(
    start: Path, straight: tuple[dict, list], tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    assert play(start, tmp_path_factory.getbasetemp() / "play", steps) == straight


def test_the_straight_way_settles_what_was_answered(straight: tuple[dict, list]) -> None:
    states = [state for state, _, _ in straight[0].values()]
    assert {"accepted", "closed as true", "closed by the data", "answered"} <= set(states)
    assert len(straight[1]) == 4  # two corrections, an unknown value, a confirmation
