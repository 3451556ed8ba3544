"""The example study's queries, answered through LibreOffice: exported, filled in, saved by another program, imported.

The expected end is that of the example's own answers.csv, which is checked against the independent reference elsewhere:
the centres answer the same things here, by workbook.
"""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from chartline.pipeline import export_queries, import_answers, read_study
from chartline.queries.lines import place_words
from chartline.state.store import read_standing
from office import CALC, needs_calc
from query_cases import fill

SAYS = {
    "set": "Correct to ...",
    "clear": "Unknown",
    "confirm": "Right as it stands",
    "delete_row": "Leave this row out",
}


def resaved(folder: Path, workbooks: list[Path]) -> list[Path]:
    """Save workbooks again by LibreOffice, as OpenDocument spreadsheets and back: whatever it changes is changed."""
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    for kind, names in (("ods", workbooks), ("xlsx", [folder / "ods" / f"{w.stem}.ods" for w in workbooks])):
        target = folder / kind
        command = [
            str(CALC),
            profile,
            "--headless",
            "--convert-to",
            kind,
            "--outdir",
            str(target),
            *map(str, names),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert all((target / f"{w.stem}.{kind}").exists() for w in workbooks), done.stderr
    return [folder / "xlsx" / w.name for w in workbooks]


def answers_of(study: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Return the example's own answers by centre and place in words."""
    lines = csv.DictReader((study / "answers.csv").read_text("utf-8").splitlines())
    return {(a["centre"], place_words(a["address"])): a for a in lines}


def filled(workbook: Path, to: Path, answers: dict[tuple[str, str], dict[str, str]]) -> Path:
    """Answer a centre's workbook as answers.csv does, and turn its rows around."""
    sheet = load_workbook(workbook)["Queries"]
    heads = {str(c.value): c.column for c in sheet[1]}
    said: dict[tuple[str, int], dict[str, Any]] = {}
    for row in range(2, sheet.max_row + 1):
        a = answers.get((workbook.stem, str(sheet.cell(row, heads["Where"]).value)))
        if a is not None:
            name, number, _ = str(sheet.cell(row, heads["Reference"]).value).split("/")
            said[name, int(number)] = {
                "Answer": SAYS[a["action"]],
                "Corrected value": _typed(a["value"]),
                "Unit": a["unit"] or None,
                "Reason or remark": a["reason"],
                "Answered by": a["answered_by"],
                "Date": a["answered_on"],
            }
    return fill(workbook, to, said, _turned)


def _typed(value: str) -> Any:
    """Type numbers as numbers, as a person does in a cell that was formatted anew."""
    return float(value) if value.replace(".", "", 1).isdigit() else value or None


def _turned(sheet: Any) -> None:
    """Turn the rows around, rename the sheet and put a column and a row of one's own before the rest."""
    rows = [[c.value for c in row] for row in sheet.iter_rows(min_row=2)]
    for i, row in enumerate(reversed(rows), start=2):
        for j, value in enumerate(row, start=1):
            sheet.cell(i, j).value = value
    sheet.data_validations.dataValidation = []
    sheet.conditional_formatting = type(sheet.conditional_formatting)()
    sheet.auto_filter.ref = None
    sheet.insert_cols(1)
    sheet.insert_rows(1)
    sheet["A1"] = "Discussed with the ward on Monday"
    sheet.title = "our answers"


@needs_calc
def test_answered_through_libreoffice_the_study_is_that_of_its_own_answers(study: Path, tmp_path: Path) -> None:
    answers = answers_of(study)
    before = read_study(study)
    protocol = study / "protocol.yaml"
    protocol.write_text(protocol.read_text("utf-8").replace("answers: answers.csv", ""), "utf-8")
    export_queries(study, tmp_path / "sent", by="Ana")
    sent = sorted((tmp_path / "sent").glob("*.xlsx"))
    assert len(sent) == 5
    (tmp_path / "filled").mkdir()
    back = resaved(tmp_path, [filled(w, tmp_path / "filled" / w.name, answers) for w in sent])
    done = import_answers(study, back, by="Ana")
    assert done.refused == []
    assert {t.query.centre for t in done.taken} == set("ABCDE")

    laid = {(a.centre, a.address): a for a in read_standing(study).amendments.values()}
    for a in answers.values():  # whatever could be answered by workbook says what answers.csv says
        made = laid.get((a["centre"], a["address"]))
        if made is not None:
            assert (made.action, made.unit, made.was) == (a["action"], a["unit"], a["was"])
            assert made.value == a["value"] or float(made.value) == float(a["value"])
    assert len(laid) >= 25

    blocked = {q.id for q in read_study(study).queries if q.blocks}
    asked_by_row = {q.id for q in before.queries if q.rule == "duplicate_subject_row"}
    assert {i for i in blocked if "duplicate" not in _rule(study, i)} == {
        q.id for q in before.queries if q.blocks
    } - asked_by_row
    again = import_answers(study, back, by="Ana")
    assert (again.taken, len(again.again)) == ([], 5)


def _rule(study: Path, query: str) -> str:
    return read_standing(study).queries[query].query.rule


def test_the_example_is_never_written_to(answered: Any) -> None:
    home = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
    assert not (home / "study.sqlite").exists()
    assert not (home / "state").exists()
    assert answered.study.standing.entries == 0
