"""The multiverse of the reference study: its reference is the plain run, its other specifications are runs as well."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from chartline.multiverse.estimate import estimate_multiverse
from chartline.pipeline import derive_study, estimate_study, multiverse_study, read_study
from chartline.protocol.load import protocol_digest
from chartline.protocol.specify import Specifications, outcome_of
from chartline.results.multiverse import Multiverse
from parted import without_reports

if TYPE_CHECKING:
    from chartline.study import StudyData, StudyRun

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Multiverse]:
    folder = tmp_path_factory.mktemp("multiverse") / "out"
    return folder, multiverse_study(EXAMPLE, folder)


@pytest.fixture(scope="module")
def out(command: tuple[Path, Multiverse]) -> Path:
    return command[0]


@pytest.fixture(scope="module")
def multiverse(command: tuple[Path, Multiverse]) -> Multiverse:
    return command[1]


@pytest.fixture
def estimated(multiverse: Multiverse, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what becomes of a multiverse: it is not estimated once more."""
    monkeypatch.setattr("chartline.pipeline.run._multiverse", lambda *_: multiverse)


def found(m: Multiverse, outcome: str, **options: str) -> Any:
    """The result under the reference with these options instead."""
    of = next(o for o in m.outcomes if o.key == outcome)
    choice = tuple(s.options.index(options.get(s.id, s.options[0])) for s in m.switches)
    return of.results[next(i for i in range(len(m)) if m.choice(i) == choice)]


def test_it_has_every_combination(multiverse: Multiverse) -> None:
    assert len(multiverse) == 3 * 3 * 2 * 2 * 2 * 2 * 3 * 2 * 2 * 6
    assert {len(o.results) for o in multiverse.outcomes} == {len(multiverse)}


def test_the_reference_is_the_plain_run(multiverse: Multiverse, answered: StudyRun) -> None:
    for outcome in multiverse.outcomes:
        assert outcome.reference == answered.results[outcome.reference.id]
        entry = answered.headline["headline"].get(outcome.key)
        assert entry is None or entry["estimate"] == outcome.reference.value


@pytest.mark.parametrize(
    ("outcome", "option", "analysis"),
    [
        ("cr_cri_rate", {"response_rule_set": "ELN 2024"}, "cr_cri_rate_eln"),
        ("cr_cri_rate", {"response_rule_set": "CIBMTR"}, "cr_cri_rate_cibmtr"),
        ("cr_rate/proportion", {"counts_window": "0 to 28 days"}, "cr_rate_w28"),
        ("cr_rate/proportion", {"counts_window": "7 days either side"}, "cr_rate_pm7"),
        ("dor_median", {"transplant": "censors"}, "dor_cens_hsct"),
        ("dor_median", {"transplant": "censors, as does new therapy"}, "dor_cens_hsct_or_newtx"),
        ("dor_median", {"events": "relapse only"}, "dor_relapse_only"),
        ("rfs_median", {"transplant": "censors"}, "rfs_cens_hsct"),
        ("rfs_median", {"origin": "first response"}, "rfs_from_cr"),
        ("liver_g34_rate", {"attribution": "of any cause"}, "liver_any_cause"),
        ("mrd_negative_rate", {"mrd_missing": "left out"}, "mrd_negative_tested"),
    ],
)
def test_one_option_alone_is_the_declared_sensitivity_analysis(
    multiverse: Multiverse, answered: StudyRun, outcome: str, option: dict[str, str], analysis: str
) -> None:
    ours = found(multiverse, outcome, **option)
    theirs = answered.results.get(analysis, ours.statistic)
    assert theirs is not None
    assert (ours.value, ours.lower, ours.upper, ours.n, ours.N) == (
        theirs.value,
        theirs.lower,
        theirs.upper,
        theirs.n,
        theirs.N,
    )


@pytest.mark.shared
def test_options_alone_agree_with_the_independent_values(multiverse: Multiverse, shared: Path) -> None:
    full = json.loads((shared / "ino-cohort/expected/full.json").read_text(encoding="utf-8"))
    for key, option in (("dor_cens_hsct", "censors"), ("dor_cens_hsct_or_newtx", "censors, as does new therapy")):
        r = found(multiverse, "dor_median", transplant=option)
        assert [r.value, r.lower, r.upper] == pytest.approx([full[key]["median_mo"], *full[key]["median_ci_mo"]])
    relapse = found(multiverse, "dor_median", events="relapse only")
    assert (relapse.value, relapse.upper) == (pytest.approx(full["dor_relapse_only"]["median_mo"]), None)
    assert found(multiverse, "rfs_median", origin="first response").value == pytest.approx(
        full["rfs_from_CR"]["median_mo"]
    )
    for window, table in (("0 to 28 days", "window_0_28"), ("7 days either side", "window_pm7")):
        assert found(multiverse, "cr_rate/proportion", counts_window=window).n == full["response"][table]["CR"]
    for option, table in (("ELN 2024", "ELN2024"), ("CIBMTR", "CIBMTR")):
        assert found(multiverse, "cr_rate/proportion", response_rule_set=option).n == full["response"][table]["CR"]
    assert found(multiverse, "liver_g34_rate", ctcae="4.03").n == full["liver"]["v4.03"]["x"]
    assert found(multiverse, "liver_g34_rate", attribution="of any cause").n == full["liver"]["v5_any_cause"]


@pytest.mark.parametrize("centre", ["A", "B", "C", "D", "E"])
def test_a_centre_left_out_is_a_run_without_it(multiverse: Multiverse, study: Path, centre: str) -> None:
    """Of C too, whose patient C-05 is D-06 as well."""
    file = study / "protocol.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(x for x in lines if f"- {{id: {centre}, label: Centre" not in x), encoding="utf-8")
    results = run_of(read_study(study))
    for outcome in multiverse.outcomes:
        assert found(multiverse, outcome.key, centre=centre) == results[outcome.reference.id], outcome.key


def run_of(data: StudyData) -> Any:
    return estimate_study(derive_study(data)[2], data.protocol, "")


@pytest.mark.parametrize("answers", [True, False])
def test_any_specification_is_a_run_of_its_protocol(
    answers: bool, answered: StudyRun, unanswered: StudyRun, multiverse: Multiverse
) -> None:
    """With open queries too, which withhold others under other choices; of these, six switches are combined."""
    from chartline.checks.confirmed import check_and_close
    from chartline.derive.response_rules import counts_window_of

    study = answered.study if answers else with_fewer_switches(unanswered.study)
    m = multiverse if answers else estimate_multiverse(study)
    s = Specifications(study.protocol)
    everybody = m.shape[-1] if answers else 1  # the last switch leaves centres out
    for i in random.Random(7).sample(range(0, len(m), everybody), 3):
        p = s.under(m.choice(i))
        queries = tuple(check_and_close(study.found, study.data, p, counts_window_of(p.response), study.applied))
        results = run_of(replace(study, protocol=p, protocol_digest=protocol_digest(p), queries=queries))
        for outcome in m.outcomes:
            h = outcome_of(p, outcome.key)
            assert outcome.results[i] == results.get(h.analysis, h.statistic, h.at), (i, outcome.key)


def with_fewer_switches(study: StudyData) -> StudyData:
    declared = study.protocol.multiverse
    assert declared is not None
    left_out = ("support", "mrd_missing", "origin", "centre")
    few = {name: switch for name, switch in declared.switches.items() if name not in left_out}
    assert len(few) == len(declared.switches) - 4 == 6
    multiverse = declared.model_copy(update={"switches": few})
    return replace(study, protocol=study.protocol.model_copy(update={"multiverse": multiverse}))


def test_the_command_leaves_tables_summary_and_report(out: Path, multiverse: Multiverse) -> None:
    names = {"multiverse.csv", "multiverse.parquet", "multiverse.json", "study.lock", "figures"}
    assert {p.name for p in out.iterdir()} == names | {f"multiverse.{x}" for x in ("html", "pdf", "docx")}
    rows = pl.read_parquet(out / "multiverse.parquet")
    assert rows.height == len(multiverse) * len(multiverse.outcomes)
    assert rows.columns[:4] == ["specification", "response_rule_set", "counts_window", "support"]
    assert pl.read_csv(out / "multiverse.csv", infer_schema_length=None).shape == rows.shape
    first = rows.filter(pl.col("specification") == 0, pl.col("outcome") == "cr_cri_rate").row(0, named=True)
    assert (first["n"], first["N"], first["centre"]) == (19, 32, "none")
    summary = json.loads((out / "multiverse.json").read_text(encoding="utf-8"))
    assert summary["specifications"] == len(multiverse)
    dor = summary["outcomes"]["dor_median"]
    assert dor["switches"][0]["switch"] == "transplant"
    assert (
        dor["reference"]["value"]
        == dor["switches"][0]["largest_change_alone"] * -1 + found(multiverse, "dor_median", transplant="censors").value
    )
    html = (out / "multiverse.html").read_text(encoding="utf-8")
    assert "Multiverse of analytical choices" in html
    assert 'data-result-id="dor/median"' in html


@pytest.mark.usefixtures("estimated")
def test_what_is_interrupted_leaves_the_last_output(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chartline.publish.write_multiverse", stop)
    with without_reports(), pytest.raises(KeyboardInterrupt):
        multiverse_study(EXAMPLE, out)
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()} == before
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.usefixtures("estimated")
def test_a_run_can_have_its_multiverse_in_its_report(tmp_path: Path, study: Path) -> None:
    from chartline.pipeline import run_study

    run_study(study, tmp_path / "out", multiverse=True)
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert html.index("Sensitivity analyses") < html.index("Multiverse of analytical choices")
    assert (tmp_path / "out" / "multiverse.json").is_file()


def test_a_protocol_without_one_says_so(study: Path, tmp_path: Path) -> None:
    from chartline.errors import ProtocolError

    file = study / "protocol.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("multiverse:\n")], encoding="utf-8")
    with without_reports(), pytest.raises(ProtocolError, match="declares no multiverse"):
        multiverse_study(study, tmp_path / "out")
    assert not (tmp_path / "out").exists()
