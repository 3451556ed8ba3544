"""A rule set that is not shipped is refused with the line that names it, before any patient is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartline.derive.rule_sets import check_rule_sets, rule_sets_of
from chartline.errors import ProtocolError
from chartline.protocol.load import load_protocol
from chartline.protocol.specify import Specifications

EXAMPLE = Path(__file__).parents[2] / "examples" / "inotuzumab-india" / "protocol.yaml"


@pytest.mark.parametrize(
    ("written", "wrong", "at", "near"),
    [
        ("criteria: ino_vate", "criteria: ino_vat", "response.criteria", "ino_vate"),
        ("{criteria: cibmtr}", "{criteria: cibmt}", "response_variants.CIBMTR.criteria", "cibmtr"),
        ("grading: ctcae_v5", "grading: ctcae_5", "laboratory.grading", "ctcae_v5"),
        ("grading: ctcae_v6", "grading: ctcae_6", "laboratory_variants.V6.grading", "ctcae_v6"),
        ("criteria: vod_seattle", "criteria: seattle", "syndromes.VODSEAT.criteria", "vod_seattle"),
        ("schedule: inotuzumab_label", "schedule: inotuzumab", "treatment.schedule", "inotuzumab_label"),
        ("European: euromrd", "European: euro_mrd", "definitions (mrd)", "euromrd"),
    ],
)
def test_a_rule_set_that_is_not_shipped(tmp_path: Path, written: str, wrong: str, at: str, near: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count(written) == 1
    (tmp_path / "protocol.yaml").write_text(text.replace(written, wrong), encoding="utf-8")
    line = 1 + text[: text.index(written)].count("\n")
    with pytest.raises(ProtocolError) as refused:
        check_rule_sets(load_protocol(tmp_path), str(tmp_path / "protocol.yaml"))
    assert f"protocol.yaml line {line}, at " in refused.value.where and refused.value.where.endswith(at)
    assert f"did you mean `{near}`?" in refused.value.expected


def test_a_schedule_of_another_drug(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("drug: INOTUZUMAB OZOGAMICIN", "drug: BLINATUMOMAB")
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    line = 1 + text[: text.index("schedule: inotuzumab_label")].count("\n")
    with pytest.raises(ProtocolError, match="the index drug is BLINATUMOMAB") as refused:
        check_rule_sets(load_protocol(tmp_path), str(tmp_path / "protocol.yaml"))
    assert f"protocol.yaml line {line}, at treatment.schedule" in refused.value.where


def test_an_option_of_a_multiverse_that_names_none(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("{response.criteria: cibmtr}", "{response.criteria: cibmt}")
    (tmp_path / "protocol.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"not valid under `CIBMTR`.*no response rule set `cibmt`") as refused:
        Specifications(load_protocol(tmp_path), str(tmp_path / "protocol.yaml"), check_rule_sets)
    assert refused.value.where.endswith("multiverse.switches.response_rule_set.options.CIBMTR")


def test_what_a_study_does_not_use_is_not_named() -> None:
    whole = load_protocol(EXAMPLE.parent)
    alone = whole.model_copy(
        update={"analyses": (), "safety_flags": {}, "endpoints": (), "sets": {}, "syndromes": {}, "eligibility": ()}
    )
    alone = alone.model_copy(update={"report": alone.report.model_copy(update={"safety": (), "lab_tests": ()})})
    assert [r.name for r in rule_sets_of(alone)] == ["inotuzumab_label"]
