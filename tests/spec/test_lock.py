"""The lock: a locked study is read as it was locked, or not at all, and the message names what has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chartline.errors import LockError
from chartline.pipeline import (
    check_lock,
    check_study,
    decide_query,
    export_queries,
    import_answers,
    lock_study,
    read_study,
    run_study,
    unlock_study,
)
from chartline.state import lock as lock_room
from chartline.state.lock import check_inputs
from chartline.state.store import read_log
from query_cases import correct, fill, query_of, small_study


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = small_study(tmp_path)
    lock_study(home, by="Prof. Lead", reason="primary analysis")
    return home


def replace_in(home: Path, file: str, old: str, new: str) -> None:
    path = home / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_locked_study_runs_as_before_and_says_who_locked_it(home: Path, tmp_path: Path) -> None:
    entries = read_log(home)
    run_study(home, tmp_path / "out")
    said = json.loads((tmp_path / "out/study.lock").read_text("utf-8"))["locked"]
    assert (said["by"], said["reason"], said["digest"]) == ("Prof. Lead", "primary analysis", entries[-1].digest)
    assert "primary analysis" in (tmp_path / "out/report.html").read_text("utf-8")
    assert read_log(home) == entries  # a run adds nothing to the log of a locked study
    held = check_lock(home)
    assert held is not None
    assert held.digest == entries[-1].digest


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("centres/north/patients.csv", "N3;M", "N3;F", "patients.csv has changed (the same 164 bytes in size"),
        ("centres/south/doses.csv", ";28", ";280", "centres/south/doses.csv has changed (29 bytes then, 30 now"),
        ("mappings/north.yaml", "DMY", "MDY", "mappings/north.yaml has changed"),
        ("protocol.yaml", "A small study", "A smaller study", "protocol.yaml has changed"),
    ],
)  # fmt: skip
def test_a_changed_input_is_refused_and_named(home: Path, file: str, old: str, new: str, told: str) -> None:
    replace_in(home, file, old, new)
    for attempt in (read_study, check_study, check_lock):
        with pytest.raises(LockError) as e:
            attempt(home)
        assert told in str(e.value)
        assert str(e.value).startswith("The study was locked by Prof. Lead on ")
    replace_in(home, file, new, old)
    read_study(home)


def test_a_missing_file_is_named(home: Path) -> None:
    (home / "centres/south/doses.csv").unlink()
    with pytest.raises(LockError, match=r"centres/south/doses\.csv is missing"):
        read_study(home)


def test_an_input_that_was_not_there_or_is_no_longer_read_is_named(home: Path) -> None:
    lock = read_log(home)[-1]
    inputs = read_study(home).inputs
    check_inputs(lock, inputs, home)
    with pytest.raises(LockError, match=r"centres/north/more\.csv was not there"):
        check_inputs(lock, inputs | {"centres/north/more.csv": "0"}, home)
    del inputs["centres/north/doses.csv"]
    with pytest.raises(LockError, match=r"centres/north/doses\.csv is no longer read"):
        check_inputs(lock, inputs, home)


def test_every_changed_file_is_named(home: Path) -> None:
    replace_in(home, "centres/north/patients.csv", "N3;M", "N3;F")
    replace_in(home, "mappings/south.yaml", "DMY", "MDY")
    with pytest.raises(LockError) as e:
        read_study(home)
    assert "centres/north/patients.csv" in e.value.where
    assert "mappings/south.yaml" in e.value.where


def test_another_chartline_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = lock_room.program()
    monkeypatch.setattr(lock_room, "program", lambda: now | {"version": "9.9.9"})
    with pytest.raises(LockError, match=r"chartline itself has changed \(version 9.9.9, locked with"):
        read_study(home)
    monkeypatch.setattr(lock_room, "program", lambda: now | {"sha256": "0"})
    with pytest.raises(LockError, match="its files are not the same"):
        read_study(home)


def test_nothing_that_changes_the_data_is_taken_up(home: Path, tmp_path: Path) -> None:
    export_queries(home, tmp_path / "sent", by="Ana")  # asking changes nothing
    sex = query_of(home, "value_not_in_code_list", "N2")
    back = fill(tmp_path / "sent/N.xlsx", tmp_path / "back.xlsx", {(sex, 1): correct("F")})
    with pytest.raises(LockError, match="an answer would change its data"):
        import_answers(home, [back], by="Ana")
    with pytest.raises(LockError, match="the decision would change its data"):
        decide_query(home, sex, by="Ana", reason="x", accept=True)
    with pytest.raises(LockError, match="locked already"):
        lock_study(home, by="Ana", reason="again")
    with pytest.raises(LockError, match="locked with its answers"):
        read_study(home, use_answers=False)
    unlock_study(home, by="Prof. Lead", reason="centre North answered late")
    import_answers(home, [back], by="Ana")
    lock_study(home, by="Prof. Lead", reason="again")
    assert "amendments" in read_study(home).inputs


def test_unlocking_is_kept_with_who_and_why(home: Path) -> None:
    assert (home / "state/lock.json").exists()
    unlock_study(home, by="Prof. Lead", reason="new data")
    assert not (home / "state/lock.json").exists()
    assert [(e.event, e.by, e.body["reason"]) for e in read_log(home)[-1:]] == [("unlocked", "Prof. Lead", "new data")]
    assert check_lock(home) is None
    with pytest.raises(LockError, match="not locked"):
        unlock_study(home, by="Ana", reason="x")


def test_a_study_may_be_moved_with_its_lock(home: Path, tmp_path: Path) -> None:
    moved = home.rename(tmp_path / "elsewhere")
    read_study(moved)
    replace_in(moved, "protocol.yaml", "A small study", "Another study")
    with pytest.raises(LockError, match=r"protocol.yaml has changed"):
        read_study(moved)
