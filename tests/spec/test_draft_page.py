"""What a data manager reads: the draft, its workbook, and the lines on the terminal."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from chartline.draft.verb import Drafted, draft_files

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
DOSES = """
InO doses of the department, as of March | | | |
Pat ID | C1 D1 date | C1 D1 mg | C2 D1 date | C2 D1 mg
K01 | 13/04/2020 | 1.4 | 12/05/2020 | 0.9
K02 | 27/11/2020 | 1.5 | 28/12/2020 | 0.8
K03 | 03/04/2020 | 1.3 | 31/02/2020 | 0.9
Total | | 4.2 | | 2.6
Note: mg as given | | | |
"""
MARROWS = """
Pat ID | BM date | Response | MRD by flow | Ward | Bed type | Mobile
K01 | 30/04/2020 | CR with incomplete | 0.005% | 7 | a | 9876543210
K02 | 14/12/2020 | iCR | 2 | 8 | b | 9876543211
K03 | 05/05/2020 | CRi | 0.5 | 7 | a | 9876543212
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Drafted, Path]:
    folder = tmp_path_factory.mktemp("north")
    for name, text in (("doses", DOSES), ("marrows", MARROWS)):
        rows = [";".join(c.strip() for c in line.split("|")) for line in text.strip().splitlines()]
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    target = folder / "north.yaml"
    return draft_files([folder], EXAMPLE, centre="N", out=target), target


@pytest.fixture(scope="module")
def page(made: tuple[Drafted, Path]) -> str:
    """The draft's text, its comments joined to one line each."""
    text = str(made[0].files[made[1]])
    return re.sub(r"\n  #   ", " ", text)


@pytest.fixture(scope="module")
def book(made: tuple[Drafted, Path]) -> Any:
    (data,) = (v for v in made[0].files.values() if isinstance(v, bytes))
    return openpyxl.load_workbook(BytesIO(data))


def row_of(book: Any, sheet: str, *first: str) -> dict[str, Any]:
    heads, *rows = book[sheet].iter_rows(values_only=True)
    return next(dict(zip(heads, row, strict=True)) for row in rows if row[: len(first)] == first)


def test_a_column_has_samples_share_filled_kind_proposal_reason_confidence_and_verdict(page: str) -> None:
    assert (
        "# C1 D1 date: 3 of 3 filled, date (13/04/2020, 27/11/2020, 03/04/2020); Date given [EX EXSTDTC] (0.93): "
        "as in Centre B, column `C1 D1 date`; 2 of 3 unambiguous day/month; 1 ambiguous; 0 impossible" in page
    )
    assert "1 of 2 unambiguous day/month; 1 ambiguous; 1 impossible" in page.split("# C2 D1 date:")[1].split("\n")[0]


def test_the_workbook_says_the_same_of_a_column(book: Any) -> None:
    row = row_of(book, "Columns", "doses", "C1 D1 date")
    assert (row["Filled"], row["Kind"], row["Samples"]) == ("3 of 3", "date", "13/04/2020 | 27/11/2020 | 03/04/2020")
    assert (row["Proposed"], row["Confidence"], row["Why"]) == (
        "Date given [EX EXSTDTC]",
        0.93,
        "as in Centre B, column `C1 D1 date`",
    )
    assert row["Dates"] == "2 of 3 unambiguous day/month; 1 ambiguous; 0 impossible"


def test_every_word_of_a_coded_column_has_its_term(book: Any, page: str) -> None:
    for word in ("CR with incomplete", "iCR", "CRi"):
        row = row_of(book, "Words", "marrows", "Response", row_variable(book), word)
        assert (row["Stands for"], row["Cells"]) == ("CRi", 1)
    assert "CRi: [CR with incomplete, iCR, CRi]" in page


def row_variable(book: Any) -> str:
    return next(r[2] for r in book["Words"].iter_rows(values_only=True) if r[1] == "Response")


@pytest.mark.parametrize(
    "said",
    [
        "headings in row 2; above it 'InO doses of the department, as of March'",
        "repeated columns, cycle 1 to 2 and day 1: 4, as `C1 D1 date`",
        "row of totals, left out: 1, first at doses.csv!row 6",
        "note under the table, left out: 1, first at doses.csv!row 7",
    ],
)
def test_headings_groups_totals_and_notes_are_told(made: tuple[Drafted, Path], book: Any, page: str, said: str) -> None:
    seen = [row[1] for row in book["Layout"].iter_rows(values_only=True)]
    short = said.partition("; above it")[0]
    assert [said in " ".join(page.split()), said in seen] == [True, True]
    assert any(short in line for line in made[0].lines)


def test_the_terminal_asks_one_question_of_columns_that_are_alike(made: tuple[Drafted, Path]) -> None:
    asked = "  marrows, Ward, Bed type: what is it, or why is it not needed? no word of the heading is known"
    assert asked in made[0].lines
    assert "Direct identifiers, left unread: Mobile." in made[0].lines


def test_nobody_who_reads_it_sees_a_telephone_number(book: Any, page: str) -> None:
    cells = [str(c) for sheet in book for row in sheet.iter_rows(values_only=True) for c in row]
    assert not any("98765432" in text for text in [page, *cells])


def test_a_hospital_number_is_no_patient_id_and_a_way_out_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("mrn;Sex\n1203;F\n1204;M\n", encoding="utf-8")
    lines = draft_files([tmp_path], EXAMPLE, centre="N", out=tmp_path / "n.yaml").lines
    assert any("`mrn` is a hospital number: `chartline deidentify` puts a pseudonym there" in line for line in lines)
