"""The examples that the reference pages print are read by the program that they describe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chartline.mapping.amendments import apply_amendments, read_amendments
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.protocol.load import load_protocol
from chartline.sources.read import read_centre

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _blocks(page: str, language: str) -> list[str]:
    text = (DOCS / "parts" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    """The one-file centre of mapping.md: the two indented lines, and the YAML below them."""
    text = (DOCS / "parts" / "mapping.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    (pid;.*|17;.*)$", text, flags=re.MULTILINE)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "register.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "mapping.yaml").write_text(_blocks("mapping", "yaml")[0], encoding="utf-8")
    return tmp_path


def test_the_whole_mapping_maps_the_file_it_shows(centre: Path) -> None:
    mapping = load_mapping(centre / "mapping.yaml")
    data, queries = map_centre(read_centre(centre / "files", mapping.sources, mapping.ignore_files), mapping)
    assert queries == []
    assert data["DM"].select("USUBJID", "SEX", "BRTHDTC").rows() == [("S-17", "F", "1961-04-03")]
    assert data["MH"].select("MHCAT", "MHTERM", "MHSTDTC").rows() == [("DIAGNOSIS", "B-ALL", "2019-11")]
    doses = data["EX"].select("EXSTDTC", "EXDOSE").rows()
    assert doses == [("2020-03-02", 1.4), ("2020-03-09", 0.9), ("2020-03-16", 0.9)]
    assert data["RS"].select("RSDTC", "RSCYCLE", "BMBLAST").rows() == [("2020-03-30", 1, 2.5)]
    assert data["LB"].select("LBTESTCD", "LBSTRESN", "LBSTNRLO").rows() == [("PLT", 112.0, 150.0)]
    assert data["SS"].select("DTHFL", "LKADTC").rows() == [("Y", "2020-12-01")]


def test_the_answers_fit_the_file_they_speak_of(centre: Path) -> None:
    (centre / "answers.csv").write_text(_blocks("mapping", "text")[-1], encoding="utf-8")
    mapping = load_mapping(centre / "mapping.yaml")
    source = read_centre(centre / "files", mapping.sources, mapping.ignore_files)
    source, applied, _ = apply_amendments(source, read_amendments(centre / "answers.csv"))
    data, queries = map_centre(source, mapping)
    assert [(a.was, a.now) for a in applied] == [("1,4", "1.5 mg"), ("01.12.2020", "01.12.2020")]
    assert queries == []
    assert data["EX"]["EXDOSE"].to_list() == [1.5, 0.9, 0.9]


def test_the_small_protocol_is_read(tmp_path: Path) -> None:
    (tmp_path / "protocol.yaml").write_text(_blocks("protocol", "yaml")[0], encoding="utf-8")
    protocol = load_protocol(tmp_path)
    assert protocol.study.id == "DEMO-1"
    assert [a.kind for a in protocol.analyses] == ["tally", "proportion", "survival", "survival"]


@pytest.mark.parametrize("extra", _blocks("protocol", "yaml")[1:], ids=lambda b: b.split(":")[0])
def test_the_other_pieces_of_protocol_fit_into_it(extra: str, tmp_path: Path) -> None:
    """Each further block replaces one top key of the small protocol."""
    small, key = _blocks("protocol", "yaml")[0], extra.split(":")[0]
    replaced = {"index": "treatment"}.get(key, key)  # a protocol has one of the two
    kept = re.sub(rf"^{replaced}:.*\n(?:[ ].*\n)*", "", small, flags=re.MULTILINE)
    kept = re.sub(r"^  - \{id: (?:os|dor), kind.*\n|^  os_12m.*\n", "", kept, flags=re.MULTILINE)
    kept = kept.replace("curves: [os, dor], ", "").replace(", os_12m]", "]")
    (tmp_path / "protocol.yaml").write_text(kept + extra, encoding="utf-8")
    assert load_protocol(tmp_path).study.id == "DEMO-1"
