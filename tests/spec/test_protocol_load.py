"""A protocol that cannot be meant is refused before any patient is read, with its line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartline.errors import ProtocolError
from chartline.protocol.load import load_protocol, protocol_digest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india" / "protocol.yaml"


def changed(tmp_path: Path, old: str, new: str) -> tuple[Path, int]:
    """Write the example with one change; return the file and the line of the change."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    line = text[: text.index(old)].count("\n") + 1
    file = tmp_path / "protocol.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file, line


def test_the_example_loads_from_its_folder_and_from_its_file() -> None:
    assert load_protocol(EXAMPLE.parent) == load_protocol(EXAMPLE)


def test_the_digest_is_of_the_meaning_not_of_the_writing(tmp_path: Path) -> None:
    same, _ = changed(tmp_path, "# A whole study", "# Another comment,\n# A whole study")
    assert protocol_digest(load_protocol(same)) == protocol_digest(load_protocol(EXAMPLE))
    other, _ = changed(tmp_path, "baseline_days: 14", "baseline_days: 15")
    assert protocol_digest(load_protocol(other)) != protocol_digest(load_protocol(EXAMPLE))


def test_a_file_is_read_again_as_it_is_now_and_a_fault_is_told_of_the_file_that_has_it(tmp_path: Path) -> None:
    """Though a text that was read before is not parsed again."""
    file, _ = changed(tmp_path, "baseline_days: 14", "baseline_days: 15")
    assert load_protocol(file).laboratory.baseline_days == 15
    file.write_bytes(EXAMPLE.read_bytes())
    assert load_protocol(file).laboratory.baseline_days == 14
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        for old, new in (
            ("baseline_days: 14", "baseline_days: fourteen"),
            ("population: treated", "population: cured"),
        ):
            wrong, line = changed(tmp_path / folder, old, new)
            with pytest.raises(ProtocolError) as e:
                load_protocol(wrong)
            assert e.value.where.startswith(f"{wrong} line {line}")


def test_a_missing_study_is_told_with_the_folder_it_was_looked_for_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for study, missing in ((Path("nowhere"), "nowhere"), (Path(), "protocol.yaml")):
        with pytest.raises(ProtocolError) as e:
            load_protocol(study)
        assert e.value.what == f"There is no file {missing}"
        assert e.value.where == str(tmp_path)  # "." would say nothing


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("drug: INO", "drugg: INO", "did you mean `drug`?"),
        ("baseline_days: 14", "baseline_days: fourteen", "fourteen"),
        ("{id: OS, use", "{id: OS, usse", "did you mean `use`?"),
        ("min_grade: 3, unless", "min_grad: 3, unless", "did you mean `min_grade`?"),
        (
            "failed: {label: treatment failure, no_response_by: {cycle",
            "failed: {label: x, no_response_by: {cycl",
            "`cycle`?",
        ),
        ("cut_off: 2023-12-31", "cut_off: 2023-13-31", "2023-13-31"),
        ("partial_dates: mid", "partial_dates: middle", "'mid', 'first', 'last' or 'latest'"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    file, line = changed(tmp_path, old, new)
    with pytest.raises(ProtocolError) as e:
        load_protocol(file)
    assert says in str(e.value)
    assert f"line {line}" in str(e.value)
    assert e.value.exit_code == 10


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("require: AGE >= 18", "require: AGEE >= 18", "did you mean `AGE`?"),
        ("require: AGE >= 18", "require: AGE => 18", "cannot be read"),
        (
            "use: overall_survival, population: treated",
            "use: overall_survival, population: treatd",
            "`treatd`",
        ),
        ("endpoint: OS, at_months", "endpoint: OSS, at_months", "did you mean `OS`?"),
        ("curves: [os, rfs, dor]", "curves: [os, rfs, dorr]", "did you mean `dor`?"),
        (
            "os_12m: {analysis: os, statistic: survival, at: 12",
            "os_12m: {analysis: os, statistic: survival, at: 13",
            "13",
        ),
        ("- id: cr_rate\n", "- id: cr_cri_rate\n", "`cr_cri_rate` is used twice"),
        ("group: vod, min_grade", "group: vodd, min_grade", "did you mean `vod`?"),
        ("tests: [ANC, PLT, HB, WBC], worsened: true}", "tests: [ANC, PLTS], worsened: true}", "did you mean `PLT`?"),
        ("lab_tests: [ALT,", "lab_tests: [BILIRUBIN,", "no laboratory test `BILIRUBIN`"),
        ("numerator: MYELOFL == 'Y'", "numerator: MYELOFL == 'Yes'", "'Y' or 'N'"),
        ("require: AGE >= 18", "require: AGE >= '18'", "a number"),
        ('TRTSDT between ("2017-02-01"', 'TRTSDT between ("Feb 2017"', "a day as"),
        ("curves: [os, rfs, dor]", "curves: [os, cr_rate]", "of kind proportion"),
        ("exposure: [cycles,", "exposure: [os,", "of kind survival"),
        ("table1_by: SITEID", "table1_by: ECOG", "makes no groups"),
        ("table1_by: SITEID", "table1_by: SEX", "take it out of table1, or"),
        (
            "population: treated, variable: NCYC, definition",
            "population: treated, variable: BOR, definition",
            "has no median",
        ),
        ("first_remission: CR1DUR", "first_remission: CR1DURR", "did you mean `CR1DUR`?"),
        ("recorded: {SALVAGE: LINES", "recorded: {SALVAGE: LINESS", "did you mean `LINES`?"),
        ("lines: {from: MH", "lines: {from: MHH", "did you mean `MH`?"),
        ("INOCOUNT: {", "VODFL: {", "`VODFL` is a variable that the study already has"),
        ("VODSEAT: {", "AGE: {", "`AGE` is a variable that the study already has"),
        ("INOCOUNT: {", "STATUS: {", "`STATUS` is a variable that the study already has"),
        ("  MYELO34:\n", "  BOR:\n", "`BOR` is a variable that the study already has"),
        ("  MYELO34:\n", "  PRCARTFL:\n", "`PRCARTFL` is a variable that the study already has"),
        ("where: \"MHCAT == 'ECOG'\"", "where: \"MHCATT == 'ECOG'\"", "did you mean `MHCAT`?"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    file, line = changed(tmp_path, old, new)
    with pytest.raises(ProtocolError) as e:
        load_protocol(file)
    assert says in str(e.value)
    assert f"line {line}, at " in e.value.where


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no declaration"),
        (b"- a\n- b\n", "holds no declaration"),
        (b"study: [1, 2\n", "not valid YAML"),
        (b"study: \xff\xfe\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_protocol_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "protocol.yaml"
    file.write_bytes(content)
    with pytest.raises(ProtocolError, match=says):
        load_protocol(file)


def test_a_missing_file_names_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").touch()
    with pytest.raises(ProtocolError, match=r"study\.yaml"):
        load_protocol(tmp_path)


def test_a_response_variant_says_only_what_differs() -> None:
    p = load_protocol(EXAMPLE)
    assert p.response_variants["W28"].counts_window_days == (0, 28)
    assert p.response_variants["W28"].before == p.response.before
    assert p.response_variants["W28"].responders == p.response.responders


def test_a_curly_bracket_in_a_text_is_refused_with_its_line(tmp_path: Path) -> None:
    file, line = changed(tmp_path, 'label: "BCR::ABL1"', 'label: "BCR::ABL{1"')
    with pytest.raises(ProtocolError, match="curly bracket") as e:
        load_protocol(file)
    assert f"line {line}, at characteristics.BCRABL1.label" in e.value.where
