"""The certificate: what is agreement, what is done about each thing that can go wrong, and what it says."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from chartline.cli import main
from chartline.errors import OutputError, VerificationError
from chartline.outputs import write_whole
from chartline.report.document import Heading, Paragraph, Table
from chartline.stats.statistic import Statistic
from chartline.verify import cases as recorded
from chartline.verify import suite_only, verify, write
from chartline.verify.cases import Case
from chartline.verify.certificate import Certificate, Failed, whole_digits
from chartline.verify.document import build_certificate
from chartline.verify.verify import agreement, certify, verify_all

DECLARED = {
    name: Statistic(name, label, "Episodes", "a number", f"survival::{name}()", "paper")
    for name, label in (("survival", "Survival at a time"), ("median", "Median survival"))
}
TWO = ("multiplicity", "summary")  # topics that the tests of spoiled files keep
CLI = Callable[..., tuple[int, str, str]]


def _case(expected: Mapping[str, Any], *, id: str = "one", statistic: str = "survival", **more: Any) -> Case:
    more = {"program": "R 4.2.2", "packages": {"survival": "3.5.3", "coin": "1.4.2"}} | more
    return Case("topic", id, statistic, {}, {}, expected, "R 4.2.2 (survival 3.5.3)", "record.R", "cohort", **more)


def _certify(cases: list[Case], found: Mapping[str, Any] | Exception, faults: tuple[Failed, ...] = ()) -> Certificate:
    """The certificate of cases whose every replay gives `found`, or raises it; the median has one that agrees."""

    def compute(case: Case) -> Mapping[str, Any]:
        if case.statistic == "median":
            return case.expected
        if isinstance(found, Exception):
            raise found
        return found

    median = _case({"time": 5.0}, id="of the median", statistic="median")
    return certify([*cases, median], {"survival": compute, "median": compute}, DECLARED, list(faults))


def _texts(done: Certificate) -> str:
    out = []
    for block in build_certificate(done).blocks:
        if isinstance(block, Table):
            out += [block.caption, *(c.text for row in block.rows for c in row)]
        elif isinstance(block, Heading | Paragraph):
            out.append(block.text)
    return "\n".join(out)


# --- agreement ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "found", "digits"),
    [
        (1e-300, 1.001e-300, 3),  # a tiny p value has as many digits as any other
        (0.0, 1e-12, 0),  # nothing has digits against 0: only rounding is let pass
        (0.0, -1e-14, 17),
        (math.inf, math.inf, 17),
        (math.inf, 1e300, 0),
        (-1.0, 1.0, 0),
        (8.0, 8.0 + 7.99e-8, 8),
    ],
)
def test_digits_are_those_of_the_relative_difference(expected: float, found: float, digits: float) -> None:
    assert math.floor(agreement(expected, found) + 1e-9) == digits


def test_digits_are_never_rounded_up() -> None:
    assert [whole_digits(d) for d in (7.999, 8.0, 15.9, 17)] == ["7", "8", "15", "all"]


# --- what can go wrong --------------------------------------------------------------------------------------------


def test_where_all_agrees_the_certificate_says_so() -> None:
    done = _certify([_case({"at": [0.5, None, 0.25]})], {"at": [0.5, math.nan, 0.25 * (1 + 1e-12)]})
    assert done.agrees
    assert (done.statistics, done.values, done.agreeing) == (2, 4, 4)
    assert done.summary() == "2 statistics, 4 values, 4 agree; fewest digits: 11 (8 asked; survival, one)"
    text = _texts(done)
    assert "Every value agrees" in text
    assert "For 1 of them neither has a value" in text
    assert "A number. Compared with R 4.2.2, survival 3.5.3: survival::survival(). Data: cohort." in text
    write.stop_if_it_differs(done, Path("validation"))


def test_a_value_that_differs_is_named_with_both_numbers() -> None:
    done = _certify([_case({"at": [0.5, 0.25]}, id="two times")], {"at": [0.5, 0.2500001]})
    assert not done.agrees
    assert [(r.name, r.verdict, r.agreeing) for r in done.rows] == [("survival", "differs", 1), ("median", "agrees", 1)]
    with pytest.raises(VerificationError) as e:
        write.stop_if_it_differs(done, Path("validation"))
    assert e.value.exit_code == 14
    assert e.value.what == "1 of 3 values differ from their reference"
    assert "'two times'" in e.value.where and "at[1]: reference 0.25, here 0.2500001 (6" in e.value.where
    assert "not certified. 1 of 3 values differs" in _texts(done)


def test_a_value_within_fewer_digits_agrees_and_its_reason_is_printed() -> None:
    case = _case({"at": 0.25}, id="rough", digits=6, why="the reference stops early")
    done = _certify([case], {"at": 0.25 * (1 + 1e-7)})
    assert done.agrees
    assert "The reference stops early" in _texts(done)
    assert not _certify([replace(case, digits=8)], {"at": 0.25 * (1 + 1e-7)}).agrees


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (ValueError("no patient at risk"), "no patient at risk"),
        (RuntimeError(), "RuntimeError"),
        (KeyError("weeks"), "has no 'weeks'"),
        ({"other": 1.0}, "at is expected and not computed"),
        ({"at": [0.5]}, "at has 1 values, the reference 2"),
        ({"at": 3.0}, "TypeError: 'float' object is not iterable"),
        ({"at": ["much", 0.5]}, "TypeError: must be real number, not str"),
    ],
)
def test_a_replay_that_fails_is_a_row_with_its_reason(found: Any, reason: str) -> None:
    done = _certify([_case({"at": [0.5, 0.25]})], found)
    assert [f"{f.where}: {f.reason}" for f in done.failed] == [f"topic: one: {reason}"]
    assert [r.verdict for r in done.rows] == ["failed", "agrees"]
    assert not done.agrees
    assert any(line.strip() == f"failed: topic: one: {reason}" for line in done.lines())
    assert reason in _texts(done)
    with pytest.raises(VerificationError, match="1 comparison could not be made"):
        write.stop_if_it_differs(done, Path("validation"))


def test_a_statistic_with_cases_and_no_replay_or_no_declaration_fails() -> None:
    done = certify([_case({"at": 1.0}), _case({"p": 1.0}, statistic="new")], {}, {"survival": DECLARED["survival"]}, [])
    assert [str(f) for f in done.failed] == [
        "survival, topic: one: nothing says how to compute it again (no replay)",
        "new, topic: one: no statistic of this name is declared",
    ]
    assert [title for title, _ in done.sections()] == ["Survival", "Not declared"]


def test_a_declared_statistic_without_a_case_fails() -> None:
    done = certify([_case({"at": 1.0})], {"survival": lambda c: {"at": 1.0}}, DECLARED, [])
    assert [str(f) for f in done.failed] == ["median: no recorded case was found"]


def test_a_statistic_listed_as_tested_in_the_suite_is_printed_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(suite_only.SUITE_ONLY, "median", "it is read off the curve: tests/spec/test_x.py")
    done = certify([_case({"at": 1.0})], {"survival": lambda c: {"at": 1.0}}, DECLARED, [])
    assert done.agrees
    assert "tested only in the test suite" in _texts(done)
    assert "it is read off the curve" in _texts(done)


def test_nothing_compared_is_not_agreement() -> None:
    assert not certify([], {}, {}, []).agrees
    with pytest.raises(VerificationError, match="Nothing was compared"):
        write.stop_if_it_differs(certify([], {}, {}, []), Path("validation"))
    assert "Nothing was compared" in _texts(certify([], {}, {}, []))


# --- the files that ship ------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped files of two small topics, which a test may spoil."""
    folder = tmp_path / "verify"
    (folder / "reference").mkdir(parents=True)
    shutil.copytree(Path(str(files("chartline.verify") / "data")), folder / "data")
    for topic in TWO:
        shutil.copy(Path(str(files("chartline.verify") / "reference" / f"{topic}.json")), folder / "reference")
    monkeypatch.setattr(recorded, "files", lambda package: folder)
    monkeypatch.setattr(recorded, "shipped_data", recorded.shipped_data.__wrapped__)
    return folder


def _reasons() -> dict[str, str]:
    """What failed in the two topics; all other statistics lack their file in this test."""
    done = verify_all()
    assert not done.agrees
    return {f.statistic or f.where: f.reason for f in done.failed if f.statistic not in OTHERS}


OTHERS = {c.statistic for topic in recorded.topics() if topic not in TWO for c in recorded.load_cases(topic)}


def test_files_that_are_whole_agree(home: Path) -> None:
    assert _reasons() == {}


def test_a_missing_file_is_noticed_by_the_statistics_that_lack_their_cases(home: Path) -> None:
    (home / "reference" / "summary.json").unlink()
    assert _reasons() == dict.fromkeys(("mean", "quartiles"), "no recorded case was found")


def test_without_any_file_everything_fails_and_is_said(home: Path) -> None:
    shutil.rmtree(home / "reference")
    shutil.rmtree(home / "data")
    done = verify_all()
    assert done.values == 0
    assert {f.reason for f in done.failed} == {"no recorded case was found"}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda text: text[: len(text) // 2], "not valid JSON: line "),
        (lambda text: "", "not valid JSON: line 1, Expecting value"),
        (lambda text: '{"program": "R"}', "has no 'cases'"),
        (lambda text: "[]", "AttributeError: "),
        (lambda text: text.replace('"id"', '"name"', 1), "has no 'id'"),
        (lambda text: text.replace('"data": "cohort"', '"data": "lost"'), "has no 'lost'"),
        (lambda text: text.replace('"statistic"', '"digits": 4, "statistic"', 1), "4 digits and no reason"),
    ],
)
def test_a_corrupt_file_is_a_fault_and_the_others_are_compared(
    home: Path, spoil: Callable[[str], str], reason: str
) -> None:
    file = home / "reference" / "summary.json"
    file.write_text(spoil(file.read_text(encoding="utf-8")), encoding="utf-8")
    found = _reasons()
    assert reason in found.pop("reference/summary.json")
    assert found == dict.fromkeys(("mean", "quartiles"), "no recorded case was found")
    assert {r.name for r in verify_all().rows if r.agrees} >= {"holm", "e_value"}


def test_bytes_that_are_no_text_are_a_fault(home: Path) -> None:
    (home / "reference" / "summary.json").write_bytes(b"\xff\xfe\x00")
    assert _reasons()["reference/summary.json"].startswith("UnicodeDecodeError")


def test_a_missing_data_set_is_a_fault(home: Path) -> None:
    (home / "data" / "tied.csv").unlink()
    assert _reasons()["reference/summary.json"] == "has no 'tied'"


def test_one_changed_digit_of_a_reference_is_found(home: Path) -> None:
    file = home / "reference" / "summary.json"
    text = file.read_text(encoding="utf-8")
    assert text.count('"47.85125"') == 1
    before = verify_all().environment.references
    file.write_text(text.replace('"47.85125"', '"47.851251"'), encoding="utf-8")
    done = verify_all()
    assert [(c.case.id, c.name) for c in done.differing] == [("cohort age", "mean")]
    assert done.environment.references != before


def test_a_replay_that_cannot_be_imported_is_a_fault(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ImportError("libopenblas is missing")

    monkeypatch.setattr(verify, "replays", broken)
    assert _reasons()["replays"] == "ImportError: libopenblas is missing"


# --- what it says -------------------------------------------------------------------------------------------------


def test_lines_fit_the_terminal() -> None:
    done = _certify([_case({"at": 0.5})], {"at": 0.5})
    assert done.lines()[0].split() == ["reference", "cases", "values", "agree", "digits"]
    assert done.lines()[2].split("  ")[1:2] == ["Survival at a time"]
    assert "R 4.2.2, survival 3.5.3" in done.lines()[2]
    assert max(map(len, done.lines(60))) <= 60


def test_the_json_says_what_machines_ask_for() -> None:
    done = _certify([_case({"at": [0.5, math.inf, None]})], {"at": [0.5, math.inf, None]})
    plain = json.loads(write.certificate_json(done))
    assert (plain["agrees"], plain["statistics"], plain["values"], plain["agreeing"]) == (True, 2, 4, 4)
    assert plain["worst"].keys() >= {"statistic", "case", "value", "digits"}
    assert plain["environment"].keys() >= {"chartline", "python", "numpy", "scipy", "platform", "made", "references"}
    first = plain["by_statistic"][0]
    assert (first["statistic"], first["values"], first["missing"], first["verdict"]) == ("survival", 3, 1, "agrees")
    assert first["sources"] == ["R 4.2.2, survival 3.5.3"]


def test_a_failed_certificate_is_json_too() -> None:
    done = _certify([_case({"at": [1.0, math.inf]})], {"at": [2.0, 3.0]}, (Failed("", "reference/x.json", "lost"),))
    plain = json.loads(write.certificate_json(done))
    assert [d["expected"] for d in plain["differing"]] == [1.0, "inf"]
    assert plain["by_statistic"][0]["largest_difference"] == "inf"
    assert plain["failed"] == [{"statistic": "", "where": "reference/x.json", "reason": "lost"}]


def test_the_files_are_written_and_name_nothing_outside(tmp_path: Path) -> None:
    done = _certify([_case({"at": 0.5}, id="<b>&")], ValueError("<script>alert(1)</script>"))
    write.write_certificate(done, tmp_path)
    html = (tmp_path / "validation.html").read_text(encoding="utf-8")
    assert "<script" not in html and "&lt;script&gt;" in html
    assert (tmp_path / "validation.pdf").read_bytes().startswith(b"%PDF-")
    assert json.loads((tmp_path / "validation.json").read_text(encoding="utf-8"))["agrees"] is False


def test_many_disagreements_are_cut_and_said_to_be(tmp_path: Path) -> None:
    done = _certify([_case({"at": [1.0] * 100})], {"at": [2.0] * 100})
    assert "The first 40 of 100." in [
        n for b in build_certificate(done).blocks if isinstance(b, Table) for n in b.notes
    ]
    with pytest.raises(VerificationError, match=r"; \.\.\."):
        write.stop_if_it_differs(done, tmp_path)


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CLI:
    """Run `chartline verify ARGS` in an empty folder; return exit code, what it printed, what it said on stderr."""

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["chartline", "verify", *map(str, args)])
        try:
            main()
            code = 0
        except SystemExit as e:
            code = int(e.code or 0)
        done = capsys.readouterr()
        return code, done.out, done.err

    return call


@pytest.fixture
def agreeing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "verify_all", lambda tell: _certify([_case({"at": 0.5})], {"at": 0.5}))


def test_the_command_prints_the_table_and_writes_the_certificate(cli: CLI, agreeing: None, tmp_path: Path) -> None:
    code, out, err = cli("--json", "result.json")
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == [
        "2 statistics, 2 values, 2 agree; fewest digits: all (8 asked; survival, one)",
        "Certificate: validation/validation.html, validation/validation.pdf",
    ]
    assert {p.name for p in (tmp_path / "validation").iterdir()} == {f"validation.{e}" for e in ("html", "pdf", "json")}
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["agrees"] is True
    (tmp_path / "validation" / "left-over").touch()
    assert cli()[0] == 0  # replaced as a whole
    assert not (tmp_path / "validation" / "left-over").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"validation", "result.json"}


def test_a_disagreement_gives_code_14_and_a_certificate_that_says_so(
    cli: CLI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "verify_all", lambda tell: _certify([_case({"at": 0.5})], {"at": 0.6}))
    code, out, err = cli("--out", "here")
    assert code == 14
    assert err.startswith("VerificationError: 1 of 2 values differ from their reference")
    assert "reference 0.5, here 0.6 (0 digits, 8 asked)" in err
    assert "Traceback" not in err
    assert "2 values, 1 agree" in out
    assert "not certified" in (tmp_path / "here" / "validation.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kept", ["study.lock", "thesis.docx"])
def test_a_study_or_another_folder_is_never_replaced(cli: CLI, agreeing: None, tmp_path: Path, kept: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / kept).touch()
    code, _, err = cli("--out", "out")
    assert code == 13
    assert "did not make" in err
    assert [p.name for p in (tmp_path / "out").iterdir()] == [kept]


def test_a_read_only_folder_is_said_so_before_anything_is_computed(
    cli: CLI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "verify_all", lambda tell: pytest.fail("computed"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o555)
    code, _, err = cli("--out", "out")
    (tmp_path / "out").chmod(0o755)
    assert code == 13
    assert "read-only" in err


def test_json_may_lie_in_the_out_folder(cli: CLI, agreeing: None, tmp_path: Path) -> None:
    for _ in range(2):
        assert cli("--out", "here", "--json", "here/result.json")[0] == 0
        assert (tmp_path / "here" / "result.json").is_file()


def test_json_in_no_folder_is_refused_before_anything_is_computed(
    cli: CLI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "verify_all", lambda tell: pytest.fail("computed"))
    code, _, err = cli("--json", "nowhere/result.json")
    assert code == 13
    assert "nowhere/result.json" in err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_the_last_certificate(
    cli: CLI, agreeing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli()[0] == 0
    before = (tmp_path / "validation" / "validation.json").read_bytes()

    def compute(case: Case) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "verify_all", lambda tell: certify([_case({})], {"survival": compute}, DECLARED, []))
    code, _, err = cli()
    assert code == 130
    assert "Interrupted" in err
    assert (tmp_path / "validation" / "validation.json").read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"validation"}


def test_a_full_disk_is_said_so(cli: CLI, agreeing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(done: Certificate, folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(write, "write_certificate", full)
    code, _, err = cli()
    assert code == 13
    assert "disk is full" in err
    assert list(tmp_path.iterdir()) == []


def test_a_text_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "result.json"
    write_whole(file, "first")

    def full(self: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_whole(file, "second")
    monkeypatch.undo()
    assert file.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    write_whole(Path(os.devnull), "a device is written as it is")


def test_it_is_a_public_name() -> None:
    import chartline

    assert chartline.verify_all is verify_all
    assert "verify_all" in chartline.__all__
