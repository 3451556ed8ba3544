"""The command line as a newcomer meets it: what it prints, what it leaves, and how it fails."""

from __future__ import annotations

import csv
import json
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from chartline.cli import main

if TYPE_CHECKING:
    from chartline.study import StudyRun

CLI = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CLI:
    """Run `chartline ARGS` and return exit code, what it printed, and what it said on stderr."""

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["chartline", *map(str, args)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as e:
            code = int(e.code or 0)
        done = capsys.readouterr()
        return code, done.out, done.err

    return call


def test_help_names_every_verb_with_an_example(cli: CLI) -> None:
    code, out, _ = cli("--help")
    assert code == 0
    verbs = "run multiverse check draft explain timeline diff quality deidentify template redcap-dictionary verify"
    for verb in (*verbs.split(), "simulate", "schema"):
        assert verb in out
        code, text, _ = cli(verb, "--help")
        assert code == 0
        assert re.search(r"Examples?:\n +.*chartline ", text)  # on a line of its own, to be copied


def test_verbs_stand_in_the_order_of_the_work(cli: CLI) -> None:
    import typer

    from chartline.cli import app
    from chartline.cli.help import SECTIONS

    _, out, _ = cli("--help")
    verbs = ("template", "draft", "check", "queries", "lock", "run", "explain", "diff", "verify")
    places = [out.index(f"\n  {verb} ") for verb in verbs]
    assert places == sorted(places)
    sections = {v for verbs in SECTIONS.values() for v in verbs}
    assert sections == {*typer.main.get_command(app).commands}, "each verb has its place in cli/help.py: SECTIONS"
    assert out.count("...") == 1  # the usage line; no sentence is cut short


def test_chartline_is_also_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "chartline", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:10]) == (0, "chartline ")


@pytest.mark.parametrize(
    ("args", "code", "out", "err"),
    [
        (["--version"], 0, "chartline 0.", ""),
        (["check", "nowhere"], 10, "", "nowhere"),
        (["check"], 2, "", "STUDY"),
    ],
)
def test_the_console_script_gives_its_code_and_says_all(args: list[str], code: int, out: str, err: str) -> None:
    done = subprocess.run([sys.executable, "-m", "chartline.cli", *args], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert out in done.stdout
    assert err in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_failure_on_a_terminal_leaves_the_cursor_visible(tmp_path: Path) -> None:
    import os
    import pty

    seen, terminal = pty.openpty()
    command = [sys.executable, "-m", "chartline.cli", "check", str(tmp_path / "nowhere")]
    run = subprocess.Popen(command, stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm"})
    os.close(terminal)
    said = b""
    while True:
        try:
            piece = os.read(seen, 65536)
        except OSError:  # Linux says so when the other end has closed
            break
        if not piece:
            break
        said += piece
    os.close(seen)
    assert run.wait() == 10
    hidden, shown = said.rfind(b"\x1b[?25l"), said.rfind(b"\x1b[?25h")
    assert 0 <= hidden < shown < said.index(b"ProtocolError")


def test_version(cli: CLI) -> None:
    code, out, _ = cli("--version")
    assert code == 0
    assert out.startswith("chartline 0.")


LEFT = {
    "report.html", "report.docx", "report.pdf", "results.parquet", "results.csv", "counts.json", "definitions.json",
    "queries.csv", "trace.parquet", "study.lock", "headline.json", "figures", "adam", "queries", "assertions.csv",
    "cut",
}  # fmt: skip


def test_a_run_leaves_every_output(answered: StudyRun) -> None:
    assert {p.name for p in answered.out.iterdir()} == LEFT
    assert {p.stem for p in (answered.out / "adam").iterdir()} >= {"adsl", "adex", "adrs", "adlb", "adae", "adtte"}
    figures = {p.name for p in (answered.out / "figures").iterdir()}
    assert {"os.svg", "os.png", "rfs.svg", "dor.svg", "flow.svg", "swimmer.svg"} <= figures
    # a centre whose every query is answered needs no workbook; the others have one each
    with (answered.out / "queries.csv").open(encoding="utf-8", newline="") as f:
        centres = {row["centre"] for row in csv.DictReader(f)}
    assert {p.stem for p in (answered.out / "queries").iterdir()} >= centres


@pytest.mark.parametrize("name", ["adsl", "adex", "adrs", "adlb", "adae", "adtte", "adtteb"])
def test_every_adam_row_has_its_source_and_every_column_its_label(answered: StudyRun, name: str) -> None:
    file = answered.out / "adam" / f"{name}.parquet"
    table, labels = pl.read_parquet(file), json.loads(pl.read_parquet_metadata(file)["labels"])
    assert set(labels) == set(table.columns)
    for column in ("SRCDOM", "SRCVAR", "SRCADDR"):
        bare = table.filter(pl.col(column).is_null())
        # only a value that rests on the absence of any row has no cell: nobody examined, nothing recorded
        assert bare.is_empty() or (name == "adrs" and set(bare["AVALC"]) == {"NE"}), column


def test_the_lock_names_every_input(answered: StudyRun) -> None:
    lock = json.loads((answered.out / "study.lock").read_text(encoding="utf-8"))
    names = set(lock["inputs"])
    assert {"protocol", "answers", "mappings/centre_A.yaml"} <= names
    # read, though no table is called so
    assert "centres/centre_C/SynInO_DataDictionary.csv" in names
    # ignored with a reason, so not an input
    assert not any(n.endswith(("mapping_facts.md", "SynInO_ODM.xml", "Bundle_D-01.json")) for n in names)
    assert all(len(sha) == 64 for sha in lock["inputs"].values())


def test_headline_has_the_promised_shape(answered: StudyRun) -> None:
    head = json.loads((answered.out / "headline.json").read_text(encoding="utf-8"))
    assert set(head) == {"study", "protocol_digest", "data_digest", "headline"}
    keys = {
        "screened", "eligible", "cr_cri_rate", "mrd_negative_rate", "deep_response_rate", "median_cycles", "dor_median",
        "rfs_median", "hsct_rate", "os_6m", "os_12m", "os_median", "followup_median", "liver_g34_rate",
        "myelosuppression_rate",
    }  # fmt: skip
    assert keys <= set(head["headline"])
    for key, entry in head["headline"].items():
        if key in ("screened", "eligible"):
            assert isinstance(entry["n"], int)
            assert "estimate" not in entry
        else:
            want = {
                "label",
                "n",
                "N",
                "estimate",
                "lower",
                "upper",
                "unit",
                "missing",
                "method",
                "definition",
                "result_id",
            }
            assert want <= set(entry), key
            assert entry["result_id"] in answered.results._rows


def test_two_runs_are_identical(answered: StudyRun, tmp_path: Path, cli: CLI) -> None:
    from chartline.pipeline import run_study

    example = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
    again = run_study(example, tmp_path / "again")
    for name in (
        "headline.json",
        "counts.json",
        "results.csv",
        "queries.csv",
        "study.lock",
        "report.html",
        "report.pdf",
    ):
        assert (again.out / name).read_bytes() == (answered.out / name).read_bytes(), name
    for figure in (answered.out / "figures").iterdir():
        assert (again.out / "figures" / figure.name).read_bytes() == figure.read_bytes(), figure.name
    for name in ("results.parquet", "trace.parquet"):
        assert pl.read_parquet(again.out / name).equals(pl.read_parquet(answered.out / name))


@pytest.mark.usefixtures("unreported")
def test_no_input_is_changed_and_nothing_is_said_on_a_pipe(study: Path, tmp_path: Path, cli: CLI) -> None:
    before = {p: p.read_bytes() for p in study.rglob("*") if p.is_file()}
    code, out, err = cli("run", study, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "CR or CRi" in out
    assert {p: p.read_bytes() for p in study.rglob("*") if p.is_file()} == before


@pytest.mark.usefixtures("unreported")
def test_strict_stops_on_blocking_queries_and_writes_nothing(study: Path, tmp_path: Path, cli: CLI) -> None:
    code, _, err = cli("run", study, "--no-answers", "--strict", "--out", tmp_path / "out")
    assert code == 12
    assert "blocking queries are open" in err
    assert not (tmp_path / "out").exists()
    assert cli("run", study, "--strict", "--out", tmp_path / "out")[0] == 0


def test_check_writes_the_queries_only(study: Path, tmp_path: Path, cli: CLI) -> None:
    code, out, _ = cli("check", study, "--no-answers", "--out", tmp_path / "queries")
    assert code == 0
    assert "block" in out
    assert {p.name for p in (tmp_path / "queries").iterdir()} == {"queries.csv", "queries", "study.lock"}
    assert {p.stem for p in (tmp_path / "queries" / "queries").iterdir()} == set("ABCDE")


def test_without_answers_the_report_names_who_is_withheld_from_what(unanswered: StudyRun) -> None:
    withheld = set(unanswered.adam.withheld["USUBJID"])
    assert {"A-08", "B-01", "D-01", "E-01"} <= withheld
    html = (unanswered.out / "report.html").read_text(encoding="utf-8")
    for subject in ("A-08", "B-01", "D-01", "E-01"):
        assert subject in html


@pytest.mark.parametrize("what", ["protocol", "mapping"])
def test_schema_is_a_json_schema(cli: CLI, what: str) -> None:
    import jsonschema
    from ruamel.yaml import YAML

    code, out, _ = cli("schema", what)
    assert code == 0
    schema = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    example = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
    file = example / ("protocol.yaml" if what == "protocol" else "mappings/centre_A.yaml")
    reader = YAML(typ="safe")
    reader.constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: node.value)
    jsonschema.validate(reader.load(file.read_text(encoding="utf-8")), schema)


def test_an_unknown_schema_is_refused(cli: CLI) -> None:
    assert cli("schema", "banana")[0] == 10


# --- bad input: a clear error or a query, the right exit code, and nothing written -------------------------------


def truncate(study: Path) -> None:
    file = study / "centres/centre_A/CentreA_InO_review.xlsx"
    file.write_bytes(file.read_bytes()[:5000])


def not_what_its_name_says(study: Path) -> None:
    (study / "centres/centre_A/CentreA_InO_review.xlsx").write_text("<html><table></table></html>")


def empty_file(study: Path) -> None:
    (study / "centres/centre_C/SynInO_DATA.csv").write_bytes(b"")


def wrong_encoding(study: Path) -> None:
    file = study / "centres/centre_C/SynInO_DATA.csv"
    file.write_bytes(file.read_bytes().replace(b"Hyper-CVAD", "Hyp\xe9r".encode("latin-1")))


def missing_file(study: Path) -> None:
    (study / "centres/centre_E/person.csv").unlink()


def renamed_column(study: Path) -> None:
    file = study / "centres/centre_E/death.csv"
    file.write_text(file.read_text().replace("death_date", "date_of_death"))


def unmapped_column(study: Path) -> None:
    file = study / "centres/centre_E/death.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0] + ",autopsy", *(line + ",N" for line in lines[1:])]) + "\n")


def unmapped_file(study: Path) -> None:
    (study / "centres/centre_E/note.csv").write_text("person_id,note\n1,x\n")


def broken_json(study: Path) -> None:
    file = study / "centres/centre_D/Observation.ndjson"
    file.write_text(file.read_text().replace('{"resourceType"', '{"resourceType', 1))


def mapping_key(study: Path) -> None:
    file = study / "mappings/centre_A.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("centre: A", "centre: A\nsignd_by: me", 1), encoding="utf-8"
    )


def protocol_key(study: Path) -> None:
    file = study / "protocol.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("treatment:\n  drug:", "treatment:\n  drugg:"), encoding="utf-8"
    )


def stale_answer(study: Path) -> None:
    file = study / "answers.csv"
    text = file.read_text(encoding="utf-8")
    assert "2020-06-10" in text
    file.write_text(text.replace("2020-06-10", "2020-06-11"), encoding="utf-8")


def answer_to_nowhere(study: Path) -> None:
    file = study / "answers.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("Follow up!C13", "Follow up!C99"), encoding="utf-8")


BAD = [
    (truncate, 11, ["CentreA_InO_review.xlsx"]),
    (not_what_its_name_says, 11, ["CentreA_InO_review.xlsx"]),
    (empty_file, 11, ["SynInO_DATA.csv", "empty"]),
    (wrong_encoding, 11, ["SynInO_DATA.csv", "utf-8"]),
    (missing_file, 11, ["person"]),
    (renamed_column, 11, ["date_of_death", "death_date"]),
    (unmapped_column, 11, ["autopsy"]),
    (unmapped_file, 11, ["note.csv"]),
    (broken_json, 11, ["Observation.ndjson", "line 1"]),
    (mapping_key, 11, ["signd_by", "signed_by", "line"]),
    (protocol_key, 10, ["drugg", "line"]),
    (stale_answer, 11, ["2020-06-11", "2020-06-10"]),
    (answer_to_nowhere, 11, ["C99"]),
]


@pytest.mark.usefixtures("unreported")
@pytest.mark.parametrize(("spoil", "code", "says"), BAD, ids=[b[0].__name__ for b in BAD])
def test_bad_input_is_refused_with_place_and_way_out(
    study: Path, tmp_path: Path, cli: CLI, spoil: Callable[[Path], None], code: int, says: list[str]
) -> None:
    spoil(study)
    got, _, err = cli("run", study, "--out", tmp_path / "out")
    assert got == code, err
    assert "Traceback" not in err
    for word in says:
        assert word.lower() in err.lower(), err
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.usefixtures("unreported")
def test_a_study_that_is_not_there(tmp_path: Path, cli: CLI) -> None:
    code, _, err = cli("run", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert code == 10
    assert "nowhere" in err


@pytest.mark.usefixtures("unreported")
def test_a_read_only_out_folder(study: Path, tmp_path: Path, cli: CLI) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "study.lock").write_text("{}")
    out.chmod(0o555)
    code, _, err = cli("run", study, "--out", out)
    out.chmod(stat.S_IRWXU)
    assert code == 13
    assert "read-only" in err
    assert [p.name for p in out.iterdir()] == ["study.lock"]


@pytest.mark.usefixtures("unreported")
def test_bad_values_become_queries_and_the_run_completes(study: Path, tmp_path: Path, cli: CLI) -> None:
    """A duplicate subject, a date before birth, an impossible date and a wordy number are data problems."""
    file = study / "centres/centre_E/person.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[-1]]) + "\n")  # the last person twice
    file = study / "centres/centre_E/condition_occurrence.csv"
    file.write_text(file.read_text().replace("2018-06-18", "1980-06-18"))  # diagnosis before birth (1991)
    file = study / "centres/centre_E/measurement.csv"
    text = file.read_text()
    assert "1,1,3006923,2019-08-04,32817,38," in text
    file.write_text(text.replace("1,1,3006923,2019-08-04,32817,38,", "1,1,3006923,2019-02-30,32817,about 38,"))
    code, _, err = cli("run", study, "--out", tmp_path / "out")
    assert code == 0, err
    with (tmp_path / "out" / "queries.csv").open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    text = "\n".join(f"{r['rule']} {r['subject']} {r['addresses']}" for r in rows)
    assert any("person.csv" in r["addresses"] and r["subject"] == "E-06" for r in rows), text
    assert any("condition_occurrence.csv" in r["addresses"] and r["subject"] == "E-01" for r in rows), text
    assert any("measurement_id=1!measurement_date" in r["addresses"] for r in rows), text
    assert any("measurement_id=1!value_as_number" in r["addresses"] for r in rows), text


@pytest.mark.usefixtures("unreported")
def test_a_zip_that_is_no_workbook(study: Path, tmp_path: Path, cli: CLI) -> None:
    file = study / "centres/centre_B/CentreB_master.xlsx"
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("hello.txt", "not a workbook")
    code, _, err = cli("run", study, "--out", tmp_path / "out")
    assert code == 11
    assert "CentreB_master.xlsx" in err


# --- explain ------------------------------------------------------------------------------------------------------


def test_explain_walks_from_a_number_to_the_cells(answered: StudyRun, cli: CLI) -> None:
    code, out, _ = cli("explain", "os_12m", "--out", answered.out)
    assert code == 0
    assert "28.1%" in out
    assert "23 with the event by then" in out
    assert "9 still at risk" in out
    code, out, _ = cli("explain", "cr_cri_rate", "--members", "--out", answered.out)
    assert code == 0
    assert "19 counted" in out
    assert "CentreA_InO_review.xlsx!Marrow!" in out
    code, out, _ = cli("explain", "--subject", "A-03", "RFS", "--out", answered.out)
    assert code == 0
    assert "2019-10-05" in out  # the relapse that ends it
    assert "CentreA_InO_review.xlsx!Follow up!C8" in out


def test_explain_says_what_it_knows_when_a_name_is_wrong(answered: StudyRun, tmp_path: Path, cli: CLI) -> None:
    code, _, err = cli("explain", "os_12", "--out", answered.out)
    assert code == 10
    assert "os_12m" in err
    code, _, err = cli("explain", "--subject", "A-003", "RFS", "--out", answered.out)
    assert code == 10
    assert "A-03" in err
    code, _, err = cli("explain", "os_12m", "--out", tmp_path)
    assert code == 10
    assert "chartline run" in err


def test_every_headline_leads_to_cells_that_exist(answered: StudyRun) -> None:
    trace = pl.read_parquet(answered.out / "trace.parquet")
    cells = trace.filter(pl.col("SRCDOM").is_not_null())
    assert cells.height > 1000
    assert cells.filter(pl.col("ADDRESS").is_null()).is_empty()
    members = trace.filter(pl.col("ITEM").str.starts_with("RESULT."))
    assert members.filter(pl.col("BECAUSE").is_null() & (pl.col("ROLE") != "withheld")).is_empty()
