"""The reference study captured anew: its truth typed into the forms that the protocol asks for, and read back.

A centre that had used our workbook, or our REDCap project, would have given the numbers of the reference, from the form
alone: no answer, no hand-written mapping. The workbooks pass through LibreOffice, as they do at a hospital.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from chartline.capture.ask import capture_of
from chartline.core.clinical import ClinicalData, variables
from chartline.pipeline import read_study, redcap_study, template_study
from chartline.protocol.load import load_protocol
from filled_forms import fill_workbook, filled, records_csv
from parted import run_unreported
from published import PUBLISHED, check_published, expected

if TYPE_CHECKING:
    from chartline.study import StudyData, StudyRun

pytestmark = pytest.mark.shared
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
CENTRES = "ABCDE"


def _study(home: Path, truth: ClinicalData, how: str) -> Path:
    """A study whose centres filled our forms: `how` is template or redcap."""
    home.mkdir()
    text = (EXAMPLE / "protocol.yaml").read_text(encoding="utf-8").replace("  answers: answers.csv\n", "")
    (home / "protocol.yaml").write_text(text, encoding="utf-8")
    (home / "mappings").mkdir()
    capture = capture_of(load_protocol(home))
    for centre in CENTRES:
        folder = home / "centres" / f"centre_{centre}"
        folder.mkdir(parents=True)
        entered = filled(capture, truth, centre)
        if how == "template":
            book = folder / f"centre_{centre}.xlsx"
            template_study(home, book, centre)
            fill_workbook(capture, entered, book)
            made = book.with_suffix(".yaml")
        else:
            redcap_study(home, folder / "dictionary.csv", centre)
            (folder / "dictionary.repeating.json").unlink()
            records_csv(capture, entered, folder / "records.csv")
            made = folder / "dictionary.yaml"
        made.rename(home / "mappings" / f"centre_{centre}.yaml")
    return home


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory, truth_data: ClinicalData) -> Path:
    return _study(tmp_path_factory.mktemp("typed") / "study", truth_data, "template")


@pytest.fixture(scope="module")
def run(typed: Path) -> StudyRun:
    return run_unreported(typed, typed.parent / "out")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, truth_data: ClinicalData) -> StudyData:
    return read_study(_study(tmp_path_factory.mktemp("exported") / "study", truth_data, "redcap"))


@pytest.mark.parametrize("item", list(PUBLISHED))
def test_the_workbooks_alone_give_every_printed_number(run: StudyRun, item: str) -> None:
    check_published(run, item)


def test_the_workbooks_alone_give_the_flow_of_patients(run: StudyRun) -> None:
    want = expected("full")
    assert run.headline["headline"]["screened"]["n"] == want["n_screened"]
    assert run.headline["headline"]["eligible"]["n"] == want["n_eligible"]


def _values(data: ClinicalData) -> dict[str, Counter[tuple[Any, ...]]]:
    """Every record of a centre as its values, whatever the order and the cells."""
    out = {}
    for domain, known in variables().items():
        ops = [c for c in data[domain].columns if c.endswith("_OP")]
        frame = data[domain].select("CENTRE", "USUBJID", *known, *ops)
        out[domain] = Counter(frame.with_columns(pl.col(pl.Float64).round_sig_figs(10)).rows())
    return out


def test_workbook_and_redcap_project_give_the_same_records(run: StudyRun, exported: StudyData) -> None:
    assert _values(run.study.data) == _values(exported.data)


def test_the_forms_raise_no_question_about_themselves(run: StudyRun, exported: StudyData) -> None:
    """What is asked is what the truth deserves, the same in both shapes, and nothing about a word or a column."""
    asked = Counter(q.rule for q in run.study.queries)
    assert asked == Counter(q.rule for q in exported.queries)
    of_the_form = {"unknown_word", "not_a_number", "not_a_date", "row_not_mapped", "unknown_unit", "mapping_unsigned"}
    assert not of_the_form & set(asked), asked
