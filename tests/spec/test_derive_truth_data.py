"""The truth fixture: what the mapping room delivers for the reference study."""

from __future__ import annotations

import pytest

from chartline.core.clinical import ClinicalData
from chartline.protocol.model import Protocol
from truth_data import tiny


@pytest.mark.shared
def test_truth_keeps_rows_and_partial_dates(truth_data: ClinicalData, reference_protocol: Protocol) -> None:
    heights = {domain: frame.height for domain, frame in truth_data.domains.items()}
    assert heights["DM"] == 37 and heights["RS"] == 143 and heights["EX"] == 219 and heights["SS"] == 37
    assert "2022-04" in truth_data["SS"]["RELDTC"].to_list()
    assert reference_protocol.treatment.drug in truth_data["EX"]["EXTRT"].to_list()


def test_a_tiny_table_reads_blanks_and_censored_numbers() -> None:
    data = tiny(RS="USUBJID|RSDTC|MRDVAL|BMBLAST\nP1|2020-01-01|<0.01|\nP1|2020-02-01|0.5|3")
    assert data["RS"]["MRDVAL_OP"].to_list() == ["<", None]
    assert data["RS"]["BMBLAST"].to_list() == [None, 3.0]
    assert data["RS"]["SEQ"].to_list() == [1, 2]
    assert data.locate("RS", 2, "BMBLAST", "A") == ("rs.csv!row 3!BMBLAST", "3")
