"""The loop with the centres, from the question to the settled answer.

`export` asks, the centre fills the workbook, `import` makes amendments of its corrections and says where each query
stands. Every test plays one turn of it on a study of two centres (`tests/query_cases.py`).
"""

from __future__ import annotations

import csv
import errno
import re
import shutil
import subprocess
import sys
import zipfile
from html import escape
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from chartline.errors import OutputError, ProtocolError, StudyError
from chartline.pipeline import (
    check_study,
    decide_query,
    export_queries,
    import_answers,
    lock_study,
    read_study,
    run_study,
    unlock_study,
)
from chartline.queries.board import board, board_text
from chartline.queries.loop import Imported
from chartline.queries.tell import list_lines, log_lines
from chartline.state.standing import QueryState, Standing
from chartline.state.store import read_log, read_standing
from query_cases import RIGHT, UNKNOWN, correct, fill, no_problem, query_of, small_study


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study after its queries were exported to `sent`; never changed."""
    folder = tmp_path_factory.mktemp("asked")
    export_queries(small_study(folder), folder / "sent", by="Ana")
    return folder


@pytest.fixture
def turn(asked: Path, tmp_path: Path) -> Turn:
    shutil.copytree(asked, tmp_path, dirs_exist_ok=True)
    return Turn(tmp_path)


class Turn:
    """A study whose queries have been sent."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.sent = folder, folder / "study", folder / "sent"
        self.death = query_of(self.home, "after_death", "N1")
        self.no_date = query_of(self.home, "date_missing", "N4")
        self.sex = query_of(self.home, "value_not_in_code_list", "N2")
        self.seen = query_of(self.home, "impossible_date", "S1")

    def answer(self, answers: dict, centre: str = "N", name: str = "back.xlsx", change=lambda sheet: None) -> Imported:
        back = fill(self.sent / f"{centre}.xlsx", self.folder / name, answers, change)
        return import_answers(self.home, [back], by="Ana")

    def export(self) -> Path:
        shutil.rmtree(self.sent)
        export_queries(self.home, self.sent, by="Ana")
        return self.sent

    @property
    def now(self) -> Standing:
        return read_standing(self.home)

    def state(self, query: str) -> QueryState:
        return self.now.queries[query].state

    def asks(self, query: str) -> bool:
        return any(q.id == query and q.asks for q in read_study(self.home).queries)


# asking -------------------------------------------------------------------------------------------------------------


def test_export_writes_a_workbook_and_a_printable_list_for_each_centre_that_is_asked(turn: Turn) -> None:
    assert sorted(p.name for p in turn.sent.iterdir()) == ["N.docx", "N.xlsx", "S.docx", "S.xlsx"]
    assert turn.state(turn.death) is QueryState.OPEN
    assert turn.now.queries[turn.death].exported == turn.now.queries[turn.death].opened


def test_a_query_has_a_row_and_each_further_cell_one_more_under_it(turn: Turn) -> None:
    sheet = load_workbook(turn.sent / "N.xlsx")["Queries"]
    rows = [r for r in sheet.iter_rows(values_only=True) if r[0] == turn.death]
    assert [r[4] for r in rows] == [
        "patients.csv, row 2, column died",
        "patients.csv, row 2, column seen",
        "doses.csv, row 2, column given",
    ]
    assert [r[5].split(" (")[0] for r in rows] == [
        "Date of death: 01/02/2020",
        "Last known alive: 01/02/2020",
        "Dose: 04/01/2021",
    ]
    assert [bool(r[3]) for r in rows] == [True, False, False]  # the question stands once


def test_the_same_data_give_the_same_ids_and_the_same_workbook(turn: Turn) -> None:
    before = {p.name: p.read_bytes() for p in turn.sent.glob("*.xlsx")}
    entries = read_log(turn.home)
    again = export_queries(turn.home, turn.sent, by="Ana")
    assert all(e.again for e in again)
    assert {p.name: p.read_bytes() for p in turn.sent.glob("*.xlsx")} == before
    assert read_log(turn.home) == entries


def test_the_printable_list_has_every_question_with_its_cells_and_room_for_the_answer(turn: Turn) -> None:
    with zipfile.ZipFile(turn.sent / "N.docx") as archive:
        text = re.sub(r"<[^>]+>", "", archive.read("word/document.xml").decode("utf-8"))
    for q in [s.query for s in turn.now.queries.values() if s.query.centre == "N" and s.query.asks]:
        assert q.id in text
        assert escape(q.ask, quote=False) in text
    assert "patients.csv, row 2, column died" in text
    for box in ("☐ right", "☐ unknown", "☐ correct to:", "☐ not a problem because:", "☐ leave out this row:"):
        assert box in text


def test_one_centre_alone(turn: Turn, tmp_path: Path) -> None:
    (only,) = export_queries(turn.home, tmp_path / "one", centre="S", by="Ana")
    assert only.centre == "S"
    with pytest.raises(StudyError, match="no centre X"):
        export_queries(turn.home, tmp_path / "one", centre="X", by="Ana")


def test_a_workbook_that_was_filled_in_is_never_overwritten(turn: Turn) -> None:
    fill(turn.sent / "N.xlsx", turn.sent / "N.xlsx", {(turn.sex, 1): correct("F")})
    with pytest.raises(OutputError, match="may hold answers"):
        export_queries(turn.home, turn.sent, by="Ana")


# answering ----------------------------------------------------------------------------------------------------------


def test_a_correction_becomes_an_amendment_and_the_query_is_accepted(turn: Turn) -> None:
    done = turn.answer({(turn.sex, 1): correct("F", **{"Reason or remark": "typing error", "Date": "2026-11-20"})})
    assert [t.query.id for t in done.taken] == [turn.sex]
    assert turn.state(turn.sex) is QueryState.ACCEPTED
    assert not turn.asks(turn.sex)
    (line,) = csv.DictReader((turn.home / "state/amendments.csv").read_text("utf-8").splitlines())
    assert line == {
        "amendment_id": f"{turn.sex}.1",
        "centre": "N",
        "subject": "N2",
        "address": "patients.csv!row 3!sex",
        "was": "W",
        "action": "set",
        "value": "F",
        "unit": "",
        "reason": "typing error",
        "answered_by": "Dr N",
        "answered_on": "2026-11-20",
    }
    assert (turn.home / "centres/north/patients.csv").read_text("utf-8").count("N2;W;") == 1  # the file is untouched


def test_what_another_answer_has_settled_is_closed_by_the_data(turn: Turn) -> None:
    unknown = query_of(turn.home, "subject_unknown", "N2")  # the sex could not be read, so it was unknown as well
    turn.answer({(turn.sex, 1): correct("F")})
    assert turn.state(unknown) is QueryState.DATA


def test_a_query_about_several_cells_says_which_one_is_corrected(turn: Turn) -> None:
    turn.answer(
        {(turn.death, 1): correct("2022-02-01"), (turn.death, 2): correct("2022-02-01"), (turn.death, 3): RIGHT}
    )
    assert turn.state(turn.death) is QueryState.ACCEPTED
    assert {a.address: a.value for a in turn.now.amendments.values() if a.value} == {
        "patients.csv!row 2!died": "2022-02-01",
        "patients.csv!row 2!seen": "2022-02-01",
    }


def test_a_correction_that_does_not_settle_it_is_kept_and_the_query_asked_again_with_the_reason(turn: Turn) -> None:
    turn.answer({(turn.death, n): correct("2020-03-01") for n in (1, 2)})  # the dose is in January 2021
    known = turn.now.queries[turn.death]
    assert known.state is QueryState.REOPENED
    assert known.reason.startswith("The answer does not settle it: Death on 2020-03-01 is before other records")
    assert [a.value for a in turn.now.amendments.values()] == ["2020-03-01", "2020-03-01"]
    sheet = load_workbook(turn.export() / "N.xlsx")["Queries"]
    (question,) = [r[3] for r in sheet.iter_rows(values_only=True) if r[0] == turn.death and r[3]]
    assert "Asked again: The answer does not settle it" in question


def test_a_rule_that_asks_again_about_fewer_cells_has_another_id_and_says_what_it_follows(turn: Turn) -> None:
    turn.answer({(turn.death, 1): correct("2020-12-01")})  # after the last contact now, before the dose still
    queries = turn.now.queries
    old = queries[turn.death]
    (new,) = [s for s in queries.values() if s.query.rule == "after_death" and s is not old]
    assert (old.state, new.state) == (QueryState.DATA, QueryState.REOPENED)
    assert old.reason == f"The answer does not settle it: asked again as {new.query.id}."
    assert new.reason == f"An answer to {turn.death} does not settle it."


def test_right_as_it_stands_closes_as_true_where_every_cell_is_confirmed(turn: Turn) -> None:
    turn.answer({(turn.death, 1): RIGHT})
    assert turn.state(turn.death) is QueryState.REOPENED  # of three cells that contradict each other, one is confirmed
    turn.export()
    turn.answer({(turn.death, n): RIGHT for n in (1, 2, 3)}, name="second.xlsx")
    assert turn.state(turn.death) is QueryState.TRUE
    assert not turn.asks(turn.death)


def test_not_a_problem_settles_the_whole_query_and_no_other(turn: Turn) -> None:
    turn.answer({(turn.death, 1): no_problem("the dose was given to another patient's order")})
    assert turn.state(turn.death) is QueryState.TRUE
    (query,) = [q for q in read_study(turn.home).queries if q.id == turn.death]
    assert not query.blocks
    assert "Confirmed as it stands by Dr N" in query.message


def test_a_value_that_cannot_be_read_cannot_be_right(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): RIGHT})
    assert turn.state(turn.sex) is QueryState.REOPENED


def test_unknown_makes_the_value_missing_and_waits_for_the_study_team_where_that_settles_nothing(turn: Turn) -> None:
    turn.answer({(turn.no_date, 1): UNKNOWN})
    assert turn.state(turn.no_date) is QueryState.ANSWERED
    assert turn.asks(turn.no_date)  # the patient stays withheld: nobody has decided
    assert turn.no_date not in _sent(turn.export() / "N.xlsx")  # and the centre is not asked twice
    decide_query(turn.home, turn.no_date, by="Prof. Lead", reason="counted as alive until last contact", accept=True)
    assert turn.state(turn.no_date) is QueryState.ACCEPTED
    assert not turn.asks(turn.no_date)
    assert turn.now.amendments[turn.no_date].answered_by == "Prof. Lead"


def test_unknown_of_a_value_that_was_the_problem_settles_it(turn: Turn) -> None:
    turn.answer({(turn.seen, 1): UNKNOWN}, "S")
    assert turn.state(turn.seen) is QueryState.ACCEPTED
    (a,) = turn.now.amendments.values()
    assert (a.action, a.was, a.value) == ("clear", "31/02/2023", "")


def test_leave_this_row_out(tmp_path: Path) -> None:
    home = small_study(tmp_path)
    with (home / "centres/south/patients.csv").open("a") as f:
        f.write("S1;M;17/06/1982;no;;28/02/2023\n")
    export_queries(home, tmp_path / "sent", by="Ana")
    twice = query_of(home, "duplicate_subject_row", "S1")
    known = read_standing(home).queries[twice].query
    row = next(i for i, a in enumerate(known.addresses, 1) if a.startswith("patients.csv!row 2"))
    answer = {"Answer": "Leave this row out", "Reason or remark": "entered twice"}
    back = fill(tmp_path / "sent/S.xlsx", tmp_path / "back.xlsx", {(twice, row): answer})
    import_answers(home, [back], by="Ana")
    assert read_standing(home).queries[twice].state is QueryState.ACCEPTED
    (a,) = read_standing(home).amendments.values()
    assert (a.address, a.action, a.was) == ("patients.csv!row 2", "delete_row", "id=S1; sex=M; born=17/06/1982")


# what is not taken up -----------------------------------------------------------------------------------------------


def test_the_same_workbook_twice_does_nothing_the_second_time_and_says_so(turn: Turn) -> None:
    answers = {(turn.sex, 1): correct("F"), (turn.death, 1): no_problem("checked")}
    turn.answer(answers)
    entries = read_log(turn.home)
    again = import_answers(turn.home, [turn.folder / "back.xlsx"], by="Bea")
    assert again.lines()[:2] == [
        "back.xlsx was imported before; nothing in it is new.",
        f"0 answers taken up, 2 known from before; {again.waiting} queries wait.",
    ]
    assert read_log(turn.home) == entries


def test_two_people_who_import_at_the_same_moment_lose_and_double_nothing(turn: Turn) -> None:
    back = fill(turn.sent / "N.xlsx", turn.folder / "back.xlsx", {(turn.sex, 1): correct("F")})
    command = [sys.executable, "-m", "chartline", "queries", "import", str(turn.home), str(back), "--by"]
    both = [subprocess.Popen([*command, who], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for who in ("Ana", "Bea")]
    said = [p.communicate(timeout=300) for p in both]
    assert sum(out.startswith(b"1 answer taken up") for out, _ in said) == 1
    for (out, err), p in zip(said, both, strict=True):
        assert b"Somebody else is writing" in err if p.returncode else out  # and is to try again
    events = [e.event for e in read_log(turn.home) if turn.sex in (e.about, e.body.get("of"))]
    assert events == ["opened", "answered", "amended", "accepted"]


def test_an_answer_about_a_cell_that_has_changed_meanwhile_is_refused_and_the_others_go_through(turn: Turn) -> None:
    file = turn.home / "centres/north/patients.csv"
    file.write_text(file.read_text("utf-8").replace("N2;W;", "N2;X;"), "utf-8")
    done = turn.answer({(turn.sex, 1): correct("F"), (turn.death, 1): no_problem("checked")})
    assert [t.query.id for t in done.taken] == [turn.death]
    (refused,) = done.refused
    assert refused.query == turn.sex
    assert "has changed since the workbook was written: it holds `X` now" in refused.why
    assert turn.state(turn.sex) is QueryState.OPEN


def test_rows_of_one_query_go_through_together_or_not_at_all(turn: Turn) -> None:
    done = turn.answer({(turn.death, 1): correct("30/02/2022"), (turn.death, 2): correct("2022-02-01")})
    assert done.taken == []
    first, second = sorted(done.refused, key=lambda r: r.place)
    assert "`30/02/2022` is a day that does not exist" in first.why
    assert first.place.startswith("Queries!H")  # the cell of the value
    assert second.why.startswith("Another row of this query")
    assert turn.now.amendments == {}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (correct("woman"), "`woman` is not in the code list"),
        (correct("W"), "The corrected value is what stands there: `W`"),
        (correct(None), "The corrected value is missing"),
        (correct("F", "mg"), "A unit belongs to a number"),
        ({"Answer": "perhaps"}, "`perhaps` is not one of the answers"),
        ({"Answer": "Not a problem because ..."}, "needs the reason"),
        ({"Reason or remark": "will look"}, "A remark without an answer"),
        ({**RIGHT, "Corrected value": "F"}, "contradict each other"),
        (correct("F", **{"Answered by": None}), "does not say who answers"),
        (correct("F", Date="03/04/2026"), "not a date that can be read in one way only"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_cell_and_what_to_do(turn: Turn, answer: dict, why: str) -> None:
    done = turn.answer({(turn.sex, 1): answer})
    (refused,) = done.refused
    assert why in refused.why
    assert refused.do
    assert refused.place.startswith("Queries!")
    assert done.taken == []
    assert turn.state(turn.sex) is QueryState.OPEN


def test_a_date_that_cannot_be_read_is_told_how_to_write_it_and_the_other_row_why_it_waits(turn: Turn) -> None:
    done = turn.answer({(turn.death, 1): correct("in spring"), (turn.death, 2): correct("2022-02-01")})
    assert {r.do for r in done.refused} == {"Write the date as 2021-07-28 and import again.", "Correct that row."}


def test_one_cell_answered_for_in_two_ways_by_two_queries_is_refused(turn: Turn) -> None:
    other = query_of(turn.home, "subject_unknown", "N2")
    done = turn.answer({(turn.sex, 1): correct("F"), (other, 1): correct("M")})
    assert done.taken == []
    assert {r.why for r in done.refused} == {
        "patients.csv!row 3!sex is answered for in two ways, in the rows of two queries."
    }
    same = turn.answer({(turn.sex, 1): correct("F"), (other, 1): correct("F")}, name="same.xlsx")
    assert {t.query.id for t in same.taken} == {turn.sex, other}


def test_a_settled_query_is_not_answered_again_by_an_old_workbook(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): correct("F")})
    done = turn.answer({(turn.sex, 1): correct("M")}, name="later.xlsx")
    (refused,) = done.refused
    assert refused.why.startswith("The query is accepted since")
    assert "queries reopen" in refused.do


def test_after_a_query_was_asked_again_only_the_newest_workbook_answers_it(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): correct("F")})
    decide_query(turn.home, turn.sex, by="Prof. Lead", reason="the registry says M", accept=False)
    old = turn.answer({(turn.sex, 1): correct("M")}, name="old.xlsx")
    assert [r.why for r in old.refused] == ["The query was asked again after this workbook was written."]
    turn.export()
    turn.answer({(turn.sex, 1): correct("M")}, name="new.xlsx")
    assert turn.state(turn.sex) is QueryState.ACCEPTED
    assert [a.value for a in turn.now.amendments.values()] == ["F", "M"]  # append-only; the later one wins
    (sex,) = [r["SEX"] for r in read_study(turn.home).data["DM"].iter_rows(named=True) if r["USUBJID"] == "N2"]
    assert sex == "M"


def test_a_workbook_of_another_study_is_refused_row_by_row(turn: Turn, tmp_path: Path) -> None:
    def renamed(sheet) -> None:
        for row in sheet.iter_rows(min_row=2):
            row[-1].value = str(row[-1].value).replace("Q-N-", "Q-Z-")

    done = turn.answer({(turn.sex, 1): correct("F")}, change=renamed)
    assert "is no query of this study" in done.refused[0].why


def test_a_file_that_is_no_query_workbook_says_so(turn: Turn) -> None:
    book = Workbook()
    book.active.append(["Patient", "Remark"])
    book.save(turn.folder / "other.xlsx")
    with pytest.raises(StudyError, match="no sheet has the headings"):
        import_answers(turn.home, [turn.folder / "other.xlsx"], by="Ana")


def _sent(workbook: Path) -> set[str]:
    return {str(r[0]) for r in load_workbook(workbook)["Queries"].iter_rows(min_row=2, values_only=True)}


# new data -----------------------------------------------------------------------------------------------------------


def test_a_centre_that_corrects_its_own_file_closes_the_query_by_the_data(turn: Turn) -> None:
    file = turn.home / "centres/north/patients.csv"
    file.write_text(file.read_text("utf-8").replace("N2;W;", "N2;F;"), "utf-8")
    file.touch()
    done = check_study(turn.home)
    assert "closed" in done.entered
    assert turn.state(turn.sex) is QueryState.DATA
    file.write_text(file.read_text("utf-8").replace("N2;F;", "N2;Q;"), "utf-8")
    check_study(turn.home)
    assert turn.state(turn.sex) is QueryState.REOPENED  # the same cell, the same query


def test_an_amendment_that_the_new_file_holds_itself_goes_on_holding(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): correct("F")})
    file = turn.home / "centres/north/patients.csv"
    file.write_text(file.read_text("utf-8").replace("N2;W;", "N2;F;"), "utf-8")
    after = read_study(turn.home)
    assert after.outdated == ()
    assert turn.state(turn.sex) is QueryState.ACCEPTED


def test_an_amendment_about_what_the_file_no_longer_holds_is_not_used_and_asked_about(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): correct("F")})
    file = turn.home / "centres/north/patients.csv"
    file.write_text(file.read_text("utf-8").replace("N2;W;", "N2;M;"), "utf-8")
    after = read_study(turn.home)
    (asked_again,) = [q for q in after.queries if q.rule == "answer_outdated"]
    assert asked_again.subject == "N2"
    assert "holds `M`, but the answer was given about `W`" in asked_again.message
    (sex,) = [r["SEX"] for r in after.data["DM"].iter_rows(named=True) if r["USUBJID"] == "N2"]
    assert sex == "M"
    turn.export()
    turn.answer({(asked_again.id, 1): RIGHT}, name="again.xlsx")
    assert turn.state(asked_again.id) is QueryState.TRUE


def test_an_amendment_of_a_row_that_is_another_patients_by_now_is_not_used(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): correct("F")})
    file = turn.home / "centres/north/patients.csv"
    file.write_text(file.read_text("utf-8").replace("N2;W;", "N9;W;"), "utf-8")
    doses = turn.home / "centres/north/doses.csv"
    doses.write_text(doses.read_text("utf-8").replace("N2;", "N9;"), "utf-8")
    (outdated,) = read_study(turn.home).outdated
    assert outdated.why == "patients.csv!row 3!sex is a cell of N9, but the answer names N2."


# reading with and without answers -----------------------------------------------------------------------------------


def test_the_studys_amendments_are_laid_over_after_the_answers_that_the_protocol_names(turn: Turn) -> None:
    protocol = turn.home / "protocol.yaml"
    protocol.write_text(protocol.read_text("utf-8").replace("data:\n", "data:\n  answers: answers.csv\n"), "utf-8")
    head = "amendment_id,centre,subject,address,was,action,value,unit,reason,answered_by,answered_on"
    (turn.home / "answers.csv").write_text(
        f"{head}\nA1,N,N2,patients.csv!row 3!born,03/08/1988,set,1989-08-03,,x,Dr N,\n"
    )
    turn.answer({(turn.sex, 1): correct("F")})
    both = read_study(turn.home)
    assert [x.amendment.amendment_id for x in both.applied] == ["A1", f"{turn.sex}.1"]
    assert {"answers", "amendments"} <= set(both.inputs)


def test_without_answers_means_without_any_and_the_log_is_left_alone(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): correct("F")})
    entries = read_log(turn.home)
    bare = check_study(turn.home, use_answers=False)
    assert turn.sex in {q.id for q in bare.queries if q.asks}
    assert "amendments" not in bare.inputs
    assert read_log(turn.home) == entries


def test_the_exported_amendments_are_an_answers_file_that_gives_the_same_data(turn: Turn) -> None:
    turn.answer(
        {(turn.sex, 1): correct("F"), (turn.death, 1): no_problem("checked"), (turn.no_date, 1): correct("2022-05-01")}
    )
    own = read_study(turn.home)
    given = read_study(turn.home, answers=turn.home / "state/amendments.csv")
    assert [q.id for q in own.queries if q.asks] == [q.id for q in given.queries if q.asks]
    assert own.data["SS"].equals(given.data["SS"])
    assert own.inputs["amendments"] == given.inputs["answers"]


def test_a_study_without_a_log_is_left_as_it_is(tmp_path: Path) -> None:
    home = small_study(tmp_path)
    check_study(home, tmp_path / "out")
    assert not (home / "study.sqlite").exists()
    assert not (home / "state").exists()


# where it stands ----------------------------------------------------------------------------------------------------


def test_a_study_that_asked_nothing_yet_says_how_to_ask(tmp_path: Path) -> None:
    nothing = Standing()
    assert list_lines(nothing, None, None, "2026-11-26") == board_text(board(nothing, ["N", "S"]), "2026-11-26")
    assert "chartline queries export" in list_lines(nothing, "N", "open", "2026-11-26")[0]
    assert log_lines([]) == ["The study has no log yet: the first export, import or lock begins it."]


def test_the_board_counts_by_centre(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): correct("F"), (turn.death, 1): no_problem("checked"), (turn.no_date, 1): UNKNOWN})
    turn.answer({(turn.seen, 1): correct("2023-02-28")}, "S", "south.xlsx")
    north, south, every = board(turn.now, ["N", "S"])
    assert (north.centre, south.centre, every.centre) == ("N", "S", "")
    assert (north.accepted, north.answered, north.closed_true) == (1, 1, 1)
    assert (south.blocking, south.accepted) == (0, 1)
    assert every.accepted == 2
    assert every.closed_data >= 2  # the unknown sex, and the date last known alive
    assert north.oldest == turn.now.queries[turn.no_date].opened
    waits = [s for s in turn.now.queries.values() if s.query.centre == "S" and s.state.waits]
    assert (south.blocking + south.checking, bool(south.oldest)) == (len(waits), bool(waits))


def test_a_run_prints_the_board_without_naming_a_patient(turn: Turn) -> None:
    turn.answer({(turn.sex, 1): correct("F")})
    run_study(turn.home, turn.folder / "out")
    text = (turn.folder / "out/report.html").read_text("utf-8")
    assert "Queries by centre and where they stand" in text
    row = text[text.index("Queries by centre and where they stand") :].split("</table>")[0]
    assert not any(subject in row for subject in ("N1", "N2", "N4", "S1"))


def test_a_query_is_found_in_letters_of_any_case(turn: Turn) -> None:
    decide_query(turn.home, turn.death.lower(), by="Prof. Lead", reason="seen", accept=True)
    assert turn.state(turn.death) is QueryState.ACCEPTED
    with pytest.raises(StudyError, match="There is no query Q-N-0"):
        decide_query(turn.home, "Q-N-0", by="Prof. Lead", reason="seen", accept=True)


def test_the_list_and_the_log_speak_in_words(turn: Turn) -> None:

    (line,) = [x for x in list_lines(turn.now, "N", None, "2026-11-26") if turn.death in x]
    assert "holds back" in line
    turn.answer({(turn.death, 1): RIGHT, (turn.death, 2): UNKNOWN, (turn.sex, 1): correct("F")})
    said = "\n".join(log_lines(read_log(turn.home)))
    assert "patients.csv!row 2!died: 01/02/2020 is right as it stands" in said
    assert "patients.csv!row 2!seen: 01/02/2020 -> (blank)" in said
    assert "patients.csv!row 3!sex: W -> F" in said
    with pytest.raises(StudyError, match="The log says nothing of Q-N-0"):
        log_lines(read_log(turn.home), "Q-N-0")


def test_where_there_is_no_study_nothing_is_begun(tmp_path: Path) -> None:
    for attempt in (
        lambda: export_queries(tmp_path, tmp_path / "sent", by="Ana"),
        lambda: lock_study(tmp_path, by="Ana", reason="done"),
        lambda: unlock_study(tmp_path, by="Ana", reason="done"),
    ):
        with pytest.raises(ProtocolError, match="There is no study"):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_write_one_file_writes_none(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        if "S.xlsx" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", full)
    new = turn.folder / "new"
    with pytest.raises(OutputError, match="The disk is full"):
        export_queries(turn.home, new, by="Ana")
    assert list(new.iterdir()) == []


def test_a_query_tells_its_history(turn: Turn) -> None:
    from chartline.queries.tell import show_lines

    turn.answer({(turn.sex, 1): correct("F", **{"Reason or remark": "typing error"})})
    text = "\n".join(show_lines(turn.now.queries[turn.sex], "2026-11-26"))
    history = text.split("History:")[1].split("\n")[1:]
    assert "opened" in history[0]
    assert "answered by Dr N" in history[1]
    assert "amended: patients.csv!row 3!sex: W -> F" in history[2]
    assert "accepted: Correct to F: typing error" in history[3]
