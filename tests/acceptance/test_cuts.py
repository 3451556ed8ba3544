"""Two cuts of the reference study: a death date and an answer are corrected in the second one.

    A-03   marrow blasts after cycle 2: 2 % -> 7 % (no remission)          an answer
    E-03   date of death: 2021-12-03 -> 2021-12-30 (day 67 -> day 94)      a csv file

What the numbers must be follows from expected/full.json (19 of 32 in remission, of whom A-03 is one) and arithmetic;
what a number would be without one change from a run without that change.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chartline.cuts.lines import same_words, terminal_lines
from chartline.cuts.model import CutError, Difference, NumberChange
from chartline.cuts.numbers import _shown
from chartline.pipeline import diff_cuts, estimated, read_study
from chartline.publish import write_charted, write_cut, write_listings, write_lock, write_numbers

if TYPE_CHECKING:
    from chartline.study import StudyRun

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
BLASTS = ("answers.csv", "Marrow!E15,20,set,2.0,", "Marrow!E15,20,set,7.0,")
DEATH = ("centres/centre_E/death.csv", "3,2021-12-03", "3,2021-12-30")


def changed(folder: Path, *edits: tuple[str, str, str]) -> Path:
    """The out folder of a run of the example after these edits."""
    study = Path(shutil.copytree(EXAMPLE, folder / "study"))
    for name, before, after in edits:
        text = (study / name).read_text(encoding="utf-8")
        assert text.count(before) == 1
        (study / name).write_text(text.replace(before, after), encoding="utf-8")
    data = read_study(study)
    (folder / "out").mkdir()
    write_charted(data.data, folder / "out")
    done = estimated(data, folder / "out")
    write_numbers(done, folder / "out")  # as a run, without its report
    write_listings(done.study.data, done.cohort, done.adam, data.protocol, data.applied, folder / "out")
    write_cut(data.protocol, folder / "out")
    write_lock(data, folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changed(tmp_path_factory.mktemp("second"), BLASTS, DEATH)


@pytest.fixture(scope="module")
def difference(answered: StudyRun, second: Path, tmp_path_factory: pytest.TempPathFactory) -> Difference:
    return diff_cuts(answered.out, second, tmp_path_factory.mktemp("diff") / "diff")


def number(difference: Difference, key: str) -> NumberChange:
    return next(n for n in difference.numbers if n.key == key)


def test_the_two_corrected_cells_are_found_and_no_other(difference: Difference) -> None:
    assert [(v.subject, v.variable, v.old, v.new, v.new_place) for v in difference.values] == [
        ("A-03", "BMBLAST", "2", "7", "CentreA_InO_review.xlsx!Marrow!E15"),
        ("E-03", "DTHDTC", "2021-12-03", "2021-12-30", "death.csv!person_id=3!death_date"),
    ]
    assert difference.patients == ()


def test_only_the_data_changed_and_the_files_are_named(difference: Difference) -> None:
    assert [(d.kind, d.name) for d in difference.declared] == [
        ("file", "answers"), ("file", "centres/centre_E/death.csv"),
    ]  # fmt: skip
    assert same_words(difference).endswith("so only the data changed.")


def test_a_rate_moves_by_the_patient_who_is_counted_otherwise(difference: Difference) -> None:
    found = number(difference, "cr_cri_rate")
    assert found.old is not None and found.new is not None
    assert (found.old[:12], found.new[:12]) == ("59.4% (19/32", "56.3% (18/32")  # 18/32 = 0.5625
    assert [(m.subject, m.old, m.new) for m in found.movers] == [("A-03", "counted", "not counted")]


def test_a_number_that_stays_is_not_said_to_have_moved(difference: Difference) -> None:
    assert not number(difference, "liver_g34_rate").moved
    assert number(difference, "liver_g34_rate").movers == ()
    six = number(difference, "os_6m")  # both days of death of E-03 lie before 182.625 days
    assert (six.moved, [(m.subject, m.moved) for m in six.movers]) == (False, [("E-03", False)])


def test_what_a_number_would_be_without_one_change_is_what_a_run_without_it_gives(
    difference: Difference, tmp_path: Path
) -> None:
    alone = {"A-03": changed(tmp_path / "without-a", DEATH), "E-03": changed(tmp_path / "without-e", BLASTS)}
    asked = 0
    for n in difference.numbers:
        for m in n.movers:
            headline = json.loads((alone[m.subject] / "headline.json").read_text(encoding="utf-8"))["headline"]
            assert m.without == _shown(headline[n.key])
            asked += 1
    assert asked >= 6


def test_derived_values_have_the_reason_that_holds_now(difference: Difference) -> None:
    found = {(d.subject, d.item): d for d in difference.derived}
    response = found["A-03", "ADSL.RESPFL"]
    assert (response.label, response.old, response.new) == ("Response", "Yes", "No")
    time = found["E-03", "ADTTE.OS"]
    assert (time.old, time.new) == ("event on day 67", "event on day 94")  # 2021-09-27 + 94 days = 2021-12-30
    assert "2021-12-30" in time.because


def test_the_three_files_say_what_the_terminal_says(difference: Difference, tmp_path: Path) -> None:
    diff_cuts(difference.old.folder, difference.new.folder, tmp_path / "diff")
    assert {p.name for p in (tmp_path / "diff").iterdir()} == {"diff.html", "diff.csv", "diff.json"}
    page = (tmp_path / "diff" / "diff.html").read_text(encoding="utf-8")
    said = json.loads((tmp_path / "diff" / "diff.json").read_text(encoding="utf-8"))
    with (tmp_path / "diff" / "diff.csv").open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    lines = "\n".join(terminal_lines(difference))
    for text in ("2021-12-30", "death.csv!person_id=3!death_date", "A-03"):
        assert text in page and text in lines and text in json.dumps(said)
        assert any(text in row.values() for row in rows)
    assert sum(row["part"] == "number" for row in rows) == len(said["numbers"]) == len(difference.numbers)


def test_a_cut_against_itself_says_that_nothing_differs(answered: StudyRun) -> None:
    same = diff_cuts(answered.out, answered.out)
    assert same.nothing
    assert list(terminal_lines(same))[-1] == "Nothing differs."


def test_a_protocol_and_a_mapping_that_differ_are_said(answered: StudyRun, tmp_path: Path) -> None:
    cut_off = ("protocol.yaml", "cut_off: 2023-12-31", "cut_off: 2024-12-31")
    signed = ("mappings/centre_E.yaml", "centre: E", "centre: E # read again")
    found = diff_cuts(answered.out, changed(tmp_path, cut_off, signed))
    assert ("protocol", "data.cut_off", "2023-12-31", "2024-12-31") in {
        (d.kind, d.name, d.old, d.new) for d in found.declared
    }
    assert same_words(found) == (
        "Not only the data changed: the protocol and a mapping differ; the version of chartline is the same."
    )
    assert found.values == ()


def test_a_patient_who_is_new_or_gone_moves_the_numbers(answered: StudyRun, tmp_path: Path) -> None:
    redcap = "centres/centre_C/SynInO_DATA.csv"
    lines = (EXAMPLE / redcap).read_text(encoding="utf-8").splitlines(keepends=True)
    twin = [line.replace("C-01,", "C-09,", 1) for line in lines if line.startswith("C-01,")]  # C-01 is in remission
    more = changed(tmp_path, (redcap, "".join(lines), "".join([*lines, *twin])))
    came = diff_cuts(answered.out, more)
    assert [(p.subject, p.what, p.new) for p in came.patients] == [("C-09", "new", "eligible")]
    (mover,) = number(came, "cr_cri_rate").movers
    assert (mover.subject, mover.old, mover.new) == ("C-09", "not in it", "counted")
    assert mover.without == number(came, "cr_cri_rate").old  # 19/32
    went = diff_cuts(more, answered.out)
    assert [(p.subject, p.what) for p in went.patients] == [("C-09", "gone")]
    (mover,) = number(went, "cr_cri_rate").movers
    assert mover.without is not None and mover.without.startswith("60.6% (20/33")  # 20/33 = 0.606
    assert mover.because.startswith("Before: ")


def test_what_is_not_a_cut_is_refused_with_what_to_do(answered: StudyRun, tmp_path: Path) -> None:
    with pytest.raises(CutError, match="not the out folder of a finished run"):
        diff_cuts(tmp_path, answered.out)
    with pytest.raises(CutError, match="chartline run"):
        diff_cuts(EXAMPLE, answered.out)
    older = Path(shutil.copytree(answered.out, tmp_path / "older"))
    shutil.rmtree(older / "cut")
    with pytest.raises(CutError, match="did not keep its charted values"):
        diff_cuts(older, answered.out)
