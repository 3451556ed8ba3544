"""Whatever rows a protocol picks, by whatever condition: both forms can be written, and their mappings can be read."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.capture.ask import capture_of
from chartline.capture.reading import mapping_text, redcap_mapping, workbook_mapping
from chartline.capture.redcap import dictionary_text
from chartline.capture.workbook import LEFT, sheet_names
from chartline.core.declared import parse_declaration
from chartline.errors import MappingError
from chartline.mapping.blocks import plan
from chartline.mapping.model import Mapping
from chartline.protocol.model import Protocol
from redcap_rules import faults

DAY = dt.date(2026, 11, 26)
X = {"label": "X"}
SHAPES: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    # what the protocol declares -> what is asked on which form (of those forms that matter here)
    "lines of therapy among treatments": (
        {"prior_therapy": {"lines": {"from": "CM", "where": "CMCAT == 'PRIOR'"}}},
        {"prior_lines": ["regimen", "line_start", "line_end"]},
    ),
    "lines of two kinds": (
        {"prior_therapy": {"lines": {"from": "MH", "where": "MHCAT in ('L1', 'L2')"}}},
        {"prior_lines": ["line_kind", "mhseqn", "regimen", "mhstdtc", "mhendtc", "mhbestrsp"]},
    ),
    "new therapy in the history": (
        {"new_therapy": {"from": "MH", "where": "MHCAT == 'NEW'"}},
        {"follow_up": ["lkadtc", "dthfl", "dthdtc", "new_therapy_date"]},
    ),
    "new therapy that is a procedure": (
        {"new_therapy": {"from": "PR", "where": "PRTRT == 'CAR-T'"}},
        {"procedures": ["procedure_date", "prtrt"]},
    ),
    "any treatment is new therapy": (
        {"new_therapy": {"from": "CM", "where": "CMTRT is present"}},
        {"other_treatment": ["cmtrt", "cmstdtc", "cmendtc"]},
    ),
    "transplantation among treatments": (
        {"transplant": {"from": "CM", "where": "CMCAT == 'HSCT'"}},
        {"other_treatment": ["cmstdtc", "cmcat"]},
    ),
    "transplantation by two conditions": (
        {"transplant": {"from": "PR", "where": "PRTRT == 'HSCT' and PRTIMING == 'AFTER'"}},
        {"transplants": ["prstdtc", "prtiming"]},
    ),
    "from the first marrow": (
        {"treatment": None, "index": X | {"from": "RS", "where": "RSVISIT == 'SCREEN'"}},
        {"assessments": ["rsdtc", "rsvisit"]},
    ),
    "from a laboratory value": (
        {"treatment": None, "index": X | {"from": "LB", "where": "LBTESTCD == 'ANC' and LBSTRESN < 0.5"}},
        {"laboratory": ["lbdtc", "anc", "anc_unit"]},
    ),
    "from one of two diagnoses": (
        {"treatment": None, "index": X | {"from": "MH", "where": "MHCAT == 'D' or MHCAT == 'E'"}},
        {"more_history": ["mhcat", "mhterm", "mhorres", "mhdate"]},
    ),
    "events of every domain": (
        {
            "milestones": {
                "a": X | {"from": "RS", "where": "BMBLAST >= 5"},
                "b": X
                | {"from": "LB", "where": "LBTESTCD == 'PLT' and LBSTRESN >= 50", "without": {"medication": "TPO"}},
                "c": X | {"from": "FA", "where": "FATESTCD == 'ICE' and FAORRES == '3'"},
                "d": X | {"from": "EX", "where": "EXDOSE > 5"},
            }
        },
        {
            "assessments": ["rsdtc", "bmblast"],
            "laboratory": ["lbdtc", "plt", "plt_unit"],
            "findings": ["finding_date", "ice"],
            "doses": ["excycle", "exstdtc", "exdose"],
            "other_treatment": ["cmcat", "cmtrt", "cmstdtc", "cmendtc"],
        },
    ),
    "characteristics of every domain": (
        {
            "characteristics": {
                "A1": X | {"from": "AE", "value": "AETOXGR", "where": "AETERM == 'x'", "type": "integer"},
                "A2": X | {"from": "CM", "value": "CMTRT", "where": "CMCAT == 'TKI'"},
                "A3": X | {"from": "SS", "value": "RELTYPE"},
                "A4": X | {"from": "MH", "value": "MHORRES"},
                "A5": X | {"from": "PR", "value": "PRDONOR"},
                "A6": X | {"from": "RS", "value": "INVRESP", "where": "RSCYCLE == 1"},
            }
        },
        {
            "adverse_events": ["aestdtc", "aeterm", "aetoxgr"],
            "other_treatment": ["cmstdtc", "cmcat", "cmtrt"],
            "follow_up": ["lkadtc", "dthfl", "dthdtc", "reltype"],
            "more_history": ["mhcat", "mhterm", "mhorres", "mhdate"],
            "procedures": ["procedure_date", "prdonor"],
            "assessments": ["rsdtc", "rscycle", "invresp"],
        },
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_every_shape_are_asked_and_can_be_read(shape: str) -> None:
    declared, forms = SHAPES[shape]
    base: dict[str, Any] = {
        "chartline": "protocol/1",
        "study": {"id": "S", "title": "A study"},
        "data": {"centres": [{"id": "F", "folder": "f", "mapping": "f.yaml"}]},
        "treatment": {"drug": "D", "label": "d"},
        "response": {"before": []},
        "laboratory": {"before": []},
    }
    capture = capture_of(Protocol.model_validate(base | declared))
    asked = {f.name: [i.name for i in f.items] for f in capture.forms}
    assert {name: asked.get(name) for name in forms} == forms
    made = (
        workbook_mapping(capture, "F", "", "F.xlsx", sheet_names(capture), DAY, "0", LEFT),
        redcap_mapping(capture, "F", "", "records.csv", "dictionary.csv", DAY, "0"),
    )
    for mapping in made:
        text = mapping_text(mapping, "A comment.\nAnother line.")
        read = parse_declaration(text, Mapping, MappingError, "F.yaml", as_text=True)
        assert read == Mapping.model_validate(mapping)  # what is written is what was meant
        assert plan(read).blocks
    reader = csv.DictReader(io.StringIO(dictionary_text(capture)))
    assert faults(list(reader.fieldnames or ()), list(reader)) == []


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_any_text_in_a_mapping_comes_back_as_it_was_written(column: str, word: str, reason: str) -> None:
    value = {"column": column, "codes": {word: [word, "1"]}}
    table = {
        "subject": "Patient",
        "records": [{"domain": "MH", "variables": {"MHORRES": value}}],
        "ignore": {column: reason},
    }
    mapping = {"chartline": "mapping/1", "centre": "F", "label": word, "tables": {column: table}}
    read = parse_declaration(mapping_text(mapping, "A comment."), Mapping, MappingError, "F.yaml", as_text=True)
    assert read == Mapping.model_validate(mapping)
