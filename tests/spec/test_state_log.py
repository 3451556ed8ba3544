"""The log of a study: append-only, sealed entry by entry, one writer at a time, and readable without chartline.

`study.sqlite` holds it; `state/` holds the same as text. Whoever edits one of the two is found out, and a lost database
is made again from the text.
"""

from __future__ import annotations

import errno
import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chartline.core.query import Query, Severity, Topic
from chartline.errors import StateError
from chartline.mapping.amendments import Action, Amendment, format_amendments, read_amendments
from chartline.state.log import START, Entry, Event, check_chain
from chartline.state.standing import QueryState, amendment_record, query_of, query_record, standing_of
from chartline.state.store import has_state, read_log, read_standing, rebuild, writing
from query_cases import AT

QUERY = Query(
    "after_death", Severity.BLOCK, "A", "A-01", ("a.csv!row 1!died",), "Death: 2020", "Wrong.", "Check.",
    frozenset({Topic.DEATH}),
)  # fmt: skip
AMENDMENT = Amendment(
    f"{QUERY.id}.1", "A", "A-01", "a.csv!row 1!died", "2020", Action.SET, "2021", "", 'typed "wrong", twice', "Dr A",
    "2026-11-20", kept=True,
)  # fmt: skip


def write(home: Path) -> None:
    """Write a log of three entries."""
    with writing(home, "Ana", clock=lambda: AT) as log:
        log.add(Event.OPENED, QUERY.id, {"query": query_record(QUERY)})
        log.add(Event.AMENDED, AMENDMENT.amendment_id, {"amendment": amendment_record(AMENDMENT), "of": QUERY.id})
    with writing(home, "Bea", clock=lambda: AT) as log:
        log.add(Event.ACCEPTED, QUERY.id, {"reason": "corrected"})


def spoil(home: Path, sql: str) -> None:
    """Edit the database behind chartline's back."""
    db = sqlite3.connect(home / "study.sqlite")
    for trigger in ("log_is_never_changed", "log_is_never_cut"):
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute(sql)
    db.commit()
    db.close()


# what an entry is ---------------------------------------------------------------------------------------------------


def test_each_entry_is_sealed_together_with_the_one_before(tmp_path: Path) -> None:
    write(tmp_path)
    first, second, third = read_log(tmp_path)
    assert (first.previous, second.previous, third.previous) == (START, first.digest, second.digest)
    assert [e.number for e in (first, second, third)] == [1, 2, 3]
    assert [e.by for e in (first, second, third)] == ["Ana", "Ana", "Bea"]
    assert first.at == "2026-11-26T09:00:00+00:00"


def test_the_seal_is_the_sha256_of_the_entry_in_canonical_json() -> None:
    import hashlib

    entry = Entry(1, "2026-11-26T09:00:00+00:00", "Ana", Event.UNLOCKED, "MINI", {"reason": "é"}).sealed()
    text = (
        '{"about":"MINI","at":"2026-11-26T09:00:00+00:00","body":{"reason":"é"},"by":"Ana","event":"unlocked",'
        '"number":1,"previous":"' + "0" * 64 + '"}'
    )
    assert entry.digest == hashlib.sha256(text.encode()).hexdigest()


def test_an_entry_cannot_be_changed_or_deleted_by_sql(tmp_path: Path) -> None:
    write(tmp_path)
    db = sqlite3.connect(tmp_path / "study.sqlite")
    for sql in ("UPDATE log SET by = 'x' WHERE number = 2", "DELETE FROM log WHERE number = 3"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE log SET by = 'Eve' WHERE number = 2", "Entry 2 (amended Q-A-"),
        ("UPDATE log SET at = '2026-11-25T09:00:00+00:00' WHERE number = 3", "Entry 3 (accepted Q-A-"),
        ("UPDATE log SET body = replace(body, '2021', '2022') WHERE number = 2", "Entry 2 (amended"),
        ("DELETE FROM log WHERE number = 2", "Entry 2 of the log is missing; entry 3 follows"),
        ("UPDATE log SET number = 4 WHERE number = 3", "Entry 3 of the log is missing; entry 4 follows"),
        ("UPDATE log SET body = 'x' WHERE number = 1", "Entry 1 of the log cannot be read"),
    ],
)
def test_a_broken_chain_is_refused_and_names_the_entry(tmp_path: Path, sql: str, told: str) -> None:
    write(tmp_path)
    spoil(tmp_path, sql)
    for attempt in (lambda: read_log(tmp_path), lambda: write(tmp_path)):
        with pytest.raises(StateError) as e:
            attempt()
        assert told in str(e.value)
        assert "backup" in e.value.do


def test_the_last_entries_cannot_be_cut_off_while_the_text_remembers_them(tmp_path: Path) -> None:
    write(tmp_path)
    spoil(tmp_path, "DELETE FROM log WHERE number = 3")
    with pytest.raises(StateError, match=r"Entry 3 of state/log.ndjson is not in study.sqlite"):
        read_log(tmp_path)


def test_a_log_rewritten_with_a_chain_of_its_own_is_not_that_of_the_text(tmp_path: Path) -> None:
    write(tmp_path)
    first, *_ = read_log(tmp_path)
    forged = Entry(1, first.at, "Eve", first.event, first.about, first.body).sealed()
    check_chain([forged], "forged")  # a chain, but another one
    spoil(tmp_path, f"UPDATE log SET by = 'Eve', digest = '{forged.digest}' WHERE number = 1")
    spoilt = sqlite3.connect(tmp_path / "study.sqlite")
    spoilt.execute("DELETE FROM log WHERE number > 1")
    spoilt.commit()
    spoilt.close()
    with pytest.raises(StateError, match=r"Entry 1 of state/log.ndjson is not the same"):
        read_log(tmp_path)


def test_an_edited_text_is_found_out_too(tmp_path: Path) -> None:
    write(tmp_path)
    text = tmp_path / "state/log.ndjson"
    text.write_text(text.read_text("utf-8").replace('"by": "Bea"', '"by": "Eve"'), "utf-8")
    with pytest.raises(StateError, match="Entry 3"):
        read_log(tmp_path)


def test_a_text_log_that_is_no_text_any_more_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "state/log.ndjson").write_bytes(b"\xff\xfe")
    with pytest.raises(StateError, match=r"state/log.ndjson cannot be read: it is no UTF-8 text any more"):
        read_log(tmp_path)


# the same as text ---------------------------------------------------------------------------------------------------


def test_the_text_says_what_the_database_says(tmp_path: Path) -> None:
    write(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "state/log.ndjson").read_text("utf-8").splitlines()]
    assert [line["digest"] for line in lines] == [e.digest for e in read_log(tmp_path)]
    (queries,) = (tmp_path / "state/queries.csv").read_text("utf-8").splitlines()[1:]
    assert queries.startswith(f"{QUERY.id},accepted,A,A-01,block,after_death,2026-11-26,2026-11-26,,corrected,")


@pytest.mark.parametrize("reason", ["two\nlines", "a\u2028b\u0085c", 'a "quoted", word', "हाँ 🩸", "tab\tbell\x07"])
def test_whatever_people_write_survives_database_and_text(tmp_path: Path, reason: str) -> None:
    with writing(tmp_path, "Ana, MD", clock=lambda: AT) as log:
        log.add(Event.UNLOCKED, "MINI", {"reason": reason})
    before = read_log(tmp_path)
    assert before[0].body == {"reason": reason}
    (tmp_path / "study.sqlite").unlink()
    rebuild(tmp_path)
    assert read_log(tmp_path) == before


def test_the_amendments_are_an_answers_file_to_the_letter(tmp_path: Path) -> None:
    from dataclasses import replace

    write(tmp_path)
    file = tmp_path / "state/amendments.csv"
    (read,) = read_amendments(file)
    assert read == replace(AMENDMENT, kept=False, line=2, file=str(file))


@pytest.mark.parametrize("text", ["a,b", 'a "b"', "two\nlines", "a\u2028b", "a\x0bb", "a\x85b", ";", "'x", "हाँ"])
def test_a_cell_of_any_content_survives_the_answers_file(tmp_path: Path, text: str) -> None:
    from dataclasses import replace

    file = tmp_path / "answers.csv"
    file.write_text(format_amendments([replace(AMENDMENT, was=text, reason=text)]), "utf-8")
    (read,) = read_amendments(file)
    assert (read.was, read.reason) == (text, text)


def test_a_lost_database_is_made_again_from_the_text(tmp_path: Path) -> None:
    write(tmp_path)
    before, standing = read_log(tmp_path), read_standing(tmp_path)
    (tmp_path / "study.sqlite").unlink()
    with pytest.raises(StateError, match=r"has a log \(state/log.ndjson\) but no study.sqlite") as e:
        read_log(tmp_path)
    assert "--rebuild" in e.value.do
    with pytest.raises(StateError, match="but no study"):
        write(tmp_path)  # nor is a new log begun beside the old text
    assert rebuild(tmp_path) == 3
    assert (read_log(tmp_path), read_standing(tmp_path)) == (before, standing)
    with pytest.raises(StateError, match="is not replaced"):
        rebuild(tmp_path)


def test_a_text_left_behind_by_a_crash_is_brought_up_to_date_by_the_next_writer(tmp_path: Path) -> None:
    write(tmp_path)
    text = tmp_path / "state/log.ndjson"
    whole = text.read_text("utf-8")
    text.write_text("".join(whole.splitlines(keepends=True)[:1]), "utf-8")
    assert len(read_log(tmp_path)) == 3  # behind is not wrong
    with writing(tmp_path, "Ana"):
        pass
    assert text.read_text("utf-8") == whole


def test_where_there_is_nothing_new_the_folder_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run reads a study on a disk that cannot be written."""
    write(tmp_path)

    def refuse(self: Path, *args: object, **more: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("unlink", "write_bytes", "replace"):
        monkeypatch.setattr(Path, name, refuse)
    with writing(tmp_path, "Ana"):
        pass
    assert len(read_log(tmp_path)) == 3


# one writer at a time -----------------------------------------------------------------------------------------------


def test_a_study_without_a_log(tmp_path: Path) -> None:
    assert (has_state(tmp_path), read_log(tmp_path), read_standing(tmp_path).queries) == (False, (), {})


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), writing(tmp_path, "Ana") as log:
        log.add(Event.UNLOCKED, "MINI", {"reason": "x"})
        raise ValueError("broken")
    assert (has_state(tmp_path), read_log(tmp_path)) == (False, ())
    assert list(tmp_path.iterdir()) == []
    write(tmp_path)
    with pytest.raises(ValueError, match="broken"), writing(tmp_path, "Ana") as log:
        log.add(Event.UNLOCKED, "MINI", {"reason": "x"})
        raise ValueError("broken")
    assert len(read_log(tmp_path)) == 3


def test_two_at_once_the_second_is_told_and_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    with writing(tmp_path, "Ana") as log:
        log.add(Event.UNLOCKED, "MINI", {"reason": "first"})
        assert len(read_log(tmp_path)) == 3  # who reads is not kept waiting
        with (
            pytest.raises(StateError, match="Somebody else is writing to the state") as e,
            writing(tmp_path, "Bea", patience=0.05),
        ):
            pass
        assert "wait until the other command has finished" in e.value.do
    with writing(tmp_path, "Bea") as log:
        log.add(Event.UNLOCKED, "MINI", {"reason": "second"})
    assert [e.body["reason"] for e in read_log(tmp_path)[3:]] == ["first", "second"]


def test_two_processes_that_begin_together_both_get_their_turn(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from chartline.state.store import writing; from chartline.state.log import Event\n"
        "for i in range(5):\n"
        "    with writing(Path(sys.argv[1]), sys.argv[2], patience=20) as log:\n"
        "        log.add(Event.UNLOCKED, 'MINI', {'reason': str(i)}); time.sleep(0.01)\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), who]) for who in ("Ana", "Bea")]
    assert [p.wait(timeout=60) for p in both] == [0, 0]
    entries = read_log(tmp_path)
    for who in ("Ana", "Bea"):
        assert [e.body["reason"] for e in entries if e.by == who] == list("01234")


def test_who_waited_for_a_first_writer_that_fails_loses_nothing(tmp_path: Path) -> None:
    """The empty database of the first is removed while the second has it open."""
    code = (
        "import sys; from pathlib import Path\n"
        "from chartline.state.store import writing; from chartline.state.log import Event\n"
        "with writing(Path(sys.argv[1]), 'Bea', patience=20) as log:\n"
        "    log.add(Event.UNLOCKED, 'MINI', {'reason': 'second'})\n"
    )
    with pytest.raises(KeyboardInterrupt), writing(tmp_path, "Ana"):
        waiting = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
        time.sleep(1)  # it waits by now, or comes later: the same is asked of both
        raise KeyboardInterrupt
    assert waiting.wait(timeout=60) == 0
    assert [(e.by, e.body["reason"]) for e in read_log(tmp_path)] == [("Bea", "second")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not a database, just some text of a length", "damaged or is no SQLite database"),
        (None, "is not a chartline state"),
    ],
)
def test_another_file_of_that_name_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    file = tmp_path / "study.sqlite"
    if content is None:
        db = sqlite3.connect(file)
        db.execute("CREATE TABLE patients (name TEXT)")
        db.commit()
        db.close()
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    for attempt in (lambda: read_log(tmp_path), lambda: write(tmp_path)):
        with pytest.raises(StateError, match=told):
            attempt()
    assert file.read_bytes() == before


# what the log comes to ----------------------------------------------------------------------------------------------


def test_a_query_survives_its_plain_values() -> None:
    assert query_of(json.loads(json.dumps(query_record(QUERY)))) == QUERY


def entries(*events: tuple[Event, dict]) -> list[Entry]:
    return [
        Entry(i, f"2026-11-{i:02}T09:00:00+00:00", "Ana", event, QUERY.id, body)
        for i, (event, body) in enumerate([(Event.OPENED, {"query": query_record(QUERY)}), *events], 1)
    ]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], QueryState.OPEN),
        ([(Event.ANSWERED, {"answers": [{"digest": "d"}]})], QueryState.ANSWERED),
        ([(Event.ACCEPTED, {"reason": ""})], QueryState.ACCEPTED),
        ([(Event.CLOSED, {"as": "true", "reason": ""})], QueryState.TRUE),
        ([(Event.CLOSED, {"as": "data", "reason": ""})], QueryState.DATA),
        ([(Event.ACCEPTED, {}), (Event.REOPENED, {"reason": "x"})], QueryState.REOPENED),
        ([(Event.CLOSED, {"as": "data"}), (Event.REOPENED, {}), (Event.ACCEPTED, {})], QueryState.ACCEPTED),
    ],
)
def test_the_state_of_a_query_is_what_happened_last(events: list, state: QueryState) -> None:
    known = standing_of(entries(*events)).queries[QUERY.id]
    assert known.state is state
    assert known.opened == "2026-11-01"
    assert known.since == f"2026-11-{len(events) + 1:02}"
    assert len(known.history) == len(events) + 1


def test_other_words_of_an_open_query_do_not_make_it_younger() -> None:
    from dataclasses import replace

    restated = query_record(replace(QUERY, message="Other words.", severity=Severity.WARN))
    known = standing_of(entries((Event.RESTATED, {"query": restated}))).queries[QUERY.id]
    assert (known.state, known.since) == (QueryState.OPEN, "2026-11-01")
    assert (known.query.message, known.query.severity) == ("Other words.", Severity.WARN)


def test_reopening_withdraws_a_confirmation_and_nothing_else() -> None:
    made = [
        (Event.AMENDED, {"amendment": amendment_record(AMENDMENT) | {"amendment_id": i}, "of": QUERY.id}) for i in "ab"
    ]
    after = standing_of(entries(*made, (Event.REOPENED, {"reason": "", "withdraws": ["a"]})))
    assert list(after.amendments) == ["b"]
    assert after.made == {"a", "b"}  # an id is never used again
