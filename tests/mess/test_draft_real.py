"""Real exports, drafted: nothing crashes, the draft is valid and reads its files, what cannot be read is said."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from chartline.draft.draft import draft_centre
from chartline.draft.review import review_workbook
from chartline.draft.write import yaml_text
from chartline.errors import SourceError
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.protocol.load import load_protocol
from chartline.protocol.model import Protocol
from chartline.sources.read import read_centre

pytestmark = pytest.mark.shared
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"


def _folders() -> list[str]:
    nested = ("redcap_redcapr", "omop_ehrdata_toy")
    plain = (
        "redcap_pycap", "fhir_cibmtr_reporting", "fhir_mcode4_examples", "fhir_r4_spec_examples_subset",
        "fhir_synthea_r4_oncology", "mcode_extraction_csv_and_bundles", "omop_cdm_spec", "omop_gibleed_partial_5.3",
        "bioc_ALL_ritz128", "target_all_p2_aall0232", "amlsg_0704_n740",
    )  # fmt: skip
    inner = [f"{n}/{d.name}" for n in nested if (DATA / n).is_dir() for d in sorted((DATA / n).iterdir()) if d.is_dir()]
    return [*inner, *plain]


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return load_protocol(EXAMPLE)


def _draft_and_map(folder: Path, protocol: Protocol, tmp_path: Path) -> int:
    draft = draft_centre(folder, None, protocol, "X")
    file = tmp_path / "draft.yaml"
    file.write_text(yaml_text(draft), encoding="utf-8")
    assert review_workbook(draft)[:2] == b"PK"
    mapping = load_mapping(file)
    assert mapping.signed_by == ""
    data, _ = map_centre(read_centre(folder, mapping.sources, mapping.ignore_files), mapping)
    return sum(data[d].height for d in data.domains)


@pytest.mark.parametrize("name", _folders())
def test_a_real_set_is_drafted_and_its_draft_reads_it(name: str, protocol: Protocol, tmp_path: Path) -> None:
    assert _draft_and_map(DATA / name, protocol, tmp_path) >= 0


@pytest.mark.parametrize(
    "name", ["fhir_bulk_ndjson_10_patients/10-patients-bulk.zip", "omop_synthea27nj_5.4/Synthea27Nj_5.4.zip"]
)
def test_an_archive_unpacked(name: str, protocol: Protocol, tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA / name) as archive:
        archive.extractall(tmp_path / "files")
    assert _draft_and_map(tmp_path / "files", protocol, tmp_path) > 0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("redcap_impowr_dictionary", "a REDCap data dictionary without records"),
        ("fhir_mcode4_valuesets", "chartline has no use for"),
        ("omop_synthea27nj_5.4", "Synthea27Nj_5.4.zip"),
        ("fhir_bulk_ndjson_10_patients", "unpack it, if it holds the data"),
    ],
)
def test_what_holds_no_patient_is_said(name: str, says: str, protocol: Protocol) -> None:
    with pytest.raises(SourceError) as e:
        draft_centre(DATA / name, None, protocol, "X")
    assert says in e.value.do


def test_us_text_dates_are_seen_as_month_first(protocol: Protocol) -> None:
    """128 patients with leukaemia: `5/21/1997`, and follow-up in words (`BMT / DEATH IN CR`)."""
    draft = draft_centre(DATA / "bioc_ALL_ritz128", None, protocol, "X")
    assert draft.mapping["dates"]["order"] == "MDY"
    assert "unambiguous month/day" in draft.dates
    assert "0 the other way" not in draft.dates
