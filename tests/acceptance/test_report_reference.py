"""The report of the reference study, from the expected numbers: each published number agrees, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartline.protocol.load import load_protocol
from chartline.report.build import build_document
from chartline.report.document import Document, Table
from report_cases import reference_source

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def document(shared: Path) -> Document:
    return build_document(reference_source(shared, load_protocol(EXAMPLE)))


def test_each_number_of_the_abstract_is_printed_the_same(document: Document) -> None:
    table = next(b for b in document.blocks if isinstance(b, Table) and b.caption.startswith("Each published"))
    assert len(table.rows) == 11
    for item, printed, ours, agrees, *_ in table.rows:
        assert (ours.text, agrees.text) == (printed.text, "yes"), item.text


def test_every_figure_and_section_is_there(document: Document) -> None:
    assert [f.name for f in document.figures] == ["flow", "os", "rfs", "dor", "swimmer"]
    assert len(document.figures[-1].data["rows"]) == 32
    assert sum(isinstance(b, Table) for b in document.blocks) == 17


def test_the_curves_show_the_numbers_at_risk_of_r(document: Document) -> None:
    os = next(f for f in document.figures if f.name == "os").data
    assert os["ticks"][:3] == [0, 6, 12]
    assert os["groups"][0]["risk"][:3] == [32, 15, 9]  # expected/full.json: os.n_risk
    assert os["groups"][0]["events"][-1] == 27
