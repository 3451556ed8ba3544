"""An analysis that cannot be meant is refused before any patient is read: what, on which line, and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartline.derive.endpoint import check_endpoints
from chartline.errors import ProtocolError
from chartline.protocol.load import load_protocol

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india" / "protocol.yaml"
LAST = "  - {id: myelosuppression_g34,"


def declared(folder: Path, analysis: str) -> tuple[Path, int]:
    """The example with one more analysis before its last; the file and the line of that analysis."""
    text = EXAMPLE.read_text(encoding="utf-8")
    file = folder / "protocol.yaml"
    file.write_text(text.replace(LAST, f"  - {{id: new, label: New, {analysis}}}\n{LAST}"), encoding="utf-8")
    return file, text[: text.index(LAST)].count("\n") + 1


def refused(folder: Path, analysis: str) -> ProtocolError:
    file, line = declared(folder, analysis)
    with pytest.raises(ProtocolError) as e:
        check_endpoints(load_protocol(file), str(file))
    assert f"line {line}, at analyses[" in e.value.where
    assert e.value.exit_code == 10 and e.value.do
    return e.value


@pytest.mark.parametrize(
    ("analysis", "says", "expected"),
    [
        ("kind: cox, endpoint: OS, covariates: [AGGE]", "There is no variable `AGGE`", "did you mean `AGE`?"),
        ("kind: cox, endpoint: OS, covariates: [DIAGDT]", "DIAGDT is a date, which cannot be", "numbers"),
        ("kind: cox, endpoint: OS, covariates: [{variable: SEX, per: 10}]", "which cannot have `per`", ""),
        ("kind: cox, endpoint: OS, covariates: [{variable: AGE, reference: M}]", "cannot have a reference level", ""),
        ("kind: cox, endpoint: OS, covariates: [{variable: SEX, spline: 3}]", "cannot have a spline", ""),
        ("kind: cox, endpoint: OS, covariates: [AGE, AGE]", "AGE is a covariate twice", "each variable once"),
        ("kind: cox, endpoint: OS, covariates: [SEX], strata: [SEX]", "SEX is a covariate and a stratum at once", ""),
        ("kind: cox, endpoint: OS, covariates: [SEX], cause: relapse", "`relapse` is no event of OS", "one of: death"),
        ("kind: cox, endpoint: OS, time_dependent: death", "`death` ends OS, so it cannot be on the way", "other than"),
        ("kind: cox, endpoint: OS, time_dependent: last_dose", "There is no milestone of this use `last_dose`", ""),
        ("kind: intercurrent, endpoint: RFS, event: relapse", "`relapse` ends RFS", "a milestone other than"),
        ("kind: intercurrent, endpoint: DORHSCT, event: transplant", "`transplant` censors DORHSCT", ""),
        ("kind: fine_gray, endpoint: RFS, cause: transplant, covariates: [SEX]", "`transplant` is no event of RFS", ""),
        ("kind: fine_gray, endpoint: RFS, cause: relapse, covariates: [AGE, SEX], time_effects: [SEX]",
         "There is no number among the covariates `SEX`", "known: AGE"),
        ("kind: compare_survival, endpoint: OS, by: AGE", "AGE is a number, so it makes no groups", "SEX"),
        ("kind: compare_values, population: treated, variable: BOR, by: SEX", "BOR is not a number", ""),
        ("kind: categories, population: treated, variable: SEX, by: SEX", "cannot be counted by its own variable", ""),
        ("kind: leave_one_out, of: followup", "cannot be made of followup, which is of kind follow_up", "proportion"),
        ("kind: leave_one_out, of: myelosuppression_g34", "There is no analysis declared before it", ""),
        ("kind: e_value, of: os", "cannot be made of os, which is of kind survival", "cox, logistic"),
        ("kind: multiplicity, of: [os_by_status, cox]", "There is no analysis declared before it `cox`", "`cox_os`"),
        ("kind: multistate, population: treated, states: [last_dose]", "There is no milestone of this use", ""),
        ("kind: tally", "A tally counts either a population or one of screened, eligible", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(tmp_path: Path, analysis: str, says: str, expected: str) -> None:
    error = refused(tmp_path, analysis)
    assert says in error.what and expected in error.expected and error.expected


@pytest.mark.parametrize(
    ("analysis", "says"),
    [
        ("kind: intercurrent, endpoint: OS, event: transplant, strategies: [naive]", "the naive comparison is biased"),
        ("kind: cox, endpoint: OS", "a Cox regression needs covariates or a time_dependent milestone"),
        ("kind: cox, endpoint: OS, covariates: [SEX], frailty: SITEID, robust: true", "a frailty needs covariates"),
        ("kind: cox, endpoint: OS, covariates: [SEX], method: firth, ties: exact", "Firth's penalty goes with Efron"),
        ("kind: cox, endpoint: OS, time_dependent: transplant, covariates: [SEX], missing: impute", "imputation goes"),
        ("kind: logistic, population: treated, numerator: RESPFL == 'Y'", "a logistic regression needs covariates"),
        ("kind: multistate, population: treated, states: [relapse], absorbing: [relapse]", "relapse is declared twice"),
        ("kind: multistate, population: treated, states: [relapse], origin: relapse", "relapse is the origin"),
        ("kind: power, design: one_arm, n: [20], null_rate: 0.3", "needs alternative_rate"),
    ],
)
def test_combinations_that_cannot_be(tmp_path: Path, analysis: str, says: str) -> None:
    assert says in refused(tmp_path, analysis).what


def test_an_endpoint_that_does_not_exist_is_refused_before_the_charts_are_read(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    file = tmp_path / "protocol.yaml"
    file.write_text(text.replace("id: OS, use: overall_survival", "id: OS, use: overall_survivall"), encoding="utf-8")
    line = text[: text.index("{id: OS, use")].count("\n") + 1
    with pytest.raises(ProtocolError, match="There is no endpoint `overall_survivall`") as e:
        check_endpoints(load_protocol(file), str(file))
    assert f"line {line}, at endpoints[0] (OS)" in e.value.where


def headline(folder: Path, entry: str) -> ProtocolError:
    file, _ = declared(folder, "kind: tally, count: screened")
    text = file.read_text(encoding="utf-8").replace("headline:\n", f"headline:\n  new: {{{entry}}}\n", 1)
    file.write_text(text, encoding="utf-8")
    line = text[: text.index("  new: {")].count("\n") + 1
    with pytest.raises(ProtocolError) as e:
        load_protocol(file)
    assert f"line {line}, at headline.new" in e.value.where
    return e.value


def test_a_headline_at_a_landmark_that_is_not_estimated(tmp_path: Path) -> None:
    error = headline(tmp_path, "analysis: cir, statistic: incidence, at: 9, group: CAUSE=relapse")
    assert error.what == "new asks for incidence at 9 months, which cir does not estimate"
    assert error.expected == "`at`, one of: 6, 12"
    assert "no landmark" in headline(tmp_path, "analysis: os, statistic: survival").what


@pytest.mark.parametrize("name", ["table1.age", "set.treated", "os_hsct.ever", "followup.lost_days", "attrition"])
def test_an_id_that_the_results_have_for_themselves(tmp_path: Path, name: str) -> None:
    file, _ = declared(tmp_path, "kind: tally, count: screened")
    text = file.read_text(encoding="utf-8").replace("{id: new, label", f"{{id: {name}, label")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProtocolError, match=f"`{name}` is a name of the results"):
        load_protocol(file)
