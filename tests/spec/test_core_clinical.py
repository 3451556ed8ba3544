"""ClinicalData in pieces: what is about one subject may be asked of a few at a time."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from chartline.core.clinical import ClinicalData, clinical_data

DOSES = {"ann": 3, "ben": 1, "cy": 4}


@pytest.fixture
def data() -> ClinicalData:
    """Three subjects with 3, 1 and 4 doses in turns, two with a sex: ten rows."""
    order = ["cy", "ann", "cy", "ben", "ann", "cy", "ann", "cy"]
    assert {who: order.count(who) for who in DOSES} == DOSES
    return clinical_data({"EX": _rows(order), "DM": _rows(["ben", "ann"])})


def _rows(subjects: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"CENTRE": "A", "USUBJID": subjects, "SEQ": range(1, len(subjects) + 1)})


@pytest.mark.parametrize(("rows", "pieces"), [(1, 11), (4, 3), (10, 2), (11, 1)])
def test_each_subject_is_whole_in_one_piece(data: ClinicalData, rows: int, pieces: int) -> None:
    cut = list(data.in_pieces(rows))
    assert len(cut) == pieces
    whose = [{s for frame in piece.domains.values() for s in frame["USUBJID"]} for piece in cut]
    assert sorted(s for subjects in whose for s in subjects) == sorted(DOSES)
    for domain, frame in data.domains.items():
        together = pl.concat([piece[domain] for piece in cut])
        assert_frame_equal(together.sort("SEQ"), frame)
        assert all(piece[domain]["SEQ"].is_sorted() for piece in cut)


def test_a_study_without_anybody_is_one_empty_piece() -> None:
    (piece,) = clinical_data({}).in_pieces(5)
    assert all(frame.is_empty() for frame in piece.domains.values())
