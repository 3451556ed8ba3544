"""The reference study from its true tables through derive, counts, stats and results, against R (`../shared`)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.cohort.select import select_cohort
from chartline.core.clinical import ClinicalData
from chartline.counts.count import count_analyses, members
from chartline.counts.model import Counts, CrossTab, EventTable
from chartline.derive.derive import derive_all
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol
from chartline.results.headline import build_headline
from chartline.results.model import Results
from chartline.stats.estimate import estimate_all

pytestmark = pytest.mark.shared

SURVIVAL = {
    "os": "os",
    "followup": "followup_reverseKM",
    "dor": "dor",
    "rfs": "rfs_first_dose",
    "rfs_from_cr": "rfs_from_CR",
    "dor_relapse_only": "dor_relapse_only",
    "dor_cens_hsct": "dor_cens_hsct",
    "dor_cens_hsct_or_newtx": "dor_cens_hsct_or_newtx",
    "rfs_cens_hsct": "rfs_first_dose_cens_hsct",
}
PROPORTIONS = {
    "cr_cri_rate": "response/CRCRi",
    "cr_rate": "response/CR",
    "cri_rate": "response/CRi",
    "mrd_negative_rate": "mrd/B_responders",
    "mrd_negative_tested": "mrd/best_ever_A_tested",
    "mrd_negative_all": "mrd/C_all",
    "deep_response_rate": "mrd/deep_C2_B",
    "deep_response_all": "mrd/deep_C2_C_all",
    "hsct_rate": "hsct/all",
    "liver_g34_rate": "liver/v5",
    "vod_rate": "liver/vod",
    "myelosuppression_rate": "myelosuppression/any",
    "myelosuppression_g34": "myelosuppression/emergent_g34_lab",
}
MEDIANS = {
    "cycles": "exposure/cycles_median",
    "doses": "exposure/doses_median",
    "cum_m2": "exposure/cum_m2_median",
    "cum_mg": "exposure/cum_mg_median",
    "cycles_to_deep": "mrd/cycles_to_deep_median",
    "hsct_interval": "hsct/interval_last_dose_median_d",
    "table1.age": "baseline/age_median",
}
LEVELS = {
    "best_response": ("BOR", "response/best_table"),
    "response_by_cycle": ("FRSPCYC", "response/by_cycle"),
    "cycles_by": ("NCYC", "exposure/cycles"),
    "cycles_to_deep_by": ("MRDNEGCY", "mrd/cycles_to_deep"),
    "table1.salvage": ("SALVAGE", "baseline/lines"),
}


@pytest.fixture(scope="module")
def full(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "ino-cohort/expected/full.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def study(truth_data: ClinicalData, reference_protocol: Protocol) -> tuple[Adam, Counts]:
    cohort = select_cohort(truth_data, reference_protocol, [], "digest")
    adam = derive_all(truth_data, cohort, reference_protocol, [])
    return adam, count_analyses(adam, cohort.attrition, reference_protocol, "digest")


@pytest.fixture(scope="module")
def results(study: tuple[Adam, Counts], reference_protocol: Protocol) -> Results:
    return Results(estimate_all(study[1], reference_protocol), "digest", "data")


def at(full: dict[str, Any], path: str) -> Any:
    value: Any = full
    for part in path.split("/"):
        value = value[part]
    return value


def close(value: float | None, expected: float | None) -> bool:
    """Equal to the 8 decimals that the expected values were printed with; None only for None."""
    if value is None or expected is None:
        return value is expected
    return value == pytest.approx(expected, rel=1e-8, abs=6e-9)


@pytest.mark.parametrize(("analysis", "path"), SURVIVAL.items())
def test_times_to_event(results: Results, full: dict[str, Any], analysis: str, path: str) -> None:
    e, n = full[path], results[f"{analysis}/n"]
    median = results[f"{analysis}/median"]
    assert (n.value, results[f"{analysis}/events"].value) == (e["n"], e["events"])
    assert close(median.value, e["median_mo"])
    assert close(median.lower, e["median_ci_mo"][0]) and close(median.upper, e["median_ci_mo"][1])
    assert results[f"{analysis}/first_time@0.5"].value == e["first_time_S_le_0.5_d"]
    for i, months in enumerate(e["at_mo"]):
        s = results[f"{analysis}/survival@{months}"]
        assert close(s.value, e["surv"][i]) and close(s.lower, e["lower"][i]) and close(s.upper, e["upper"][i])
        assert results[f"{analysis}/n_risk@{months}"].value == e["n_risk"][i]
        assert results[f"{analysis}/n_censored_before@{months}"].value == e["censored_before"][i]


@pytest.mark.parametrize(("analysis", "path"), PROPORTIONS.items())
def test_proportions(results: Results, full: dict[str, Any], analysis: str, path: str) -> None:
    e, r = at(full, path), results[f"{analysis}/proportion"]
    assert (r.n, r.N, r.missing, r.withheld) == (e["x"], e["n"], 0, 0)
    assert r.value is not None and r.lower is not None and r.upper is not None
    assert close(100 * r.value, e["pct"])
    assert [close(100 * v, c) for v, c in zip((r.lower, r.upper), e["ci"], strict=True)] == [True, True]


@pytest.mark.parametrize(("analysis", "path"), MEDIANS.items())
def test_medians(results: Results, full: dict[str, Any], analysis: str, path: str) -> None:
    assert close(results[f"{analysis}/median"].value, at(full, path))


@pytest.mark.parametrize(("analysis", "variable", "path"), [(a, *v) for a, v in LEVELS.items()])
def test_levels(
    study: tuple[Adam, Counts], results: Results, full: dict[str, Any], analysis: str, variable: str, path: str
) -> None:
    table = study[1][analysis]
    if isinstance(table, CrossTab):
        got = {level: int(results[f"{analysis}/{variable}={level}/n"].value or 0) for level in at(full, path)}
        assert table.n == sum(got.values())
    else:
        got = {f"{v:g}": n for v, n in table.select(()).items()}  # type: ignore[union-attr]
    assert got == at(full, path)


def test_small_counts(results: Results, full: dict[str, Any]) -> None:
    assert (results["screened/n"].value, results["eligible/n"].value) == (full["n_screened"], full["n_eligible"])
    assert results["table1.sex/SEX=M/n"].value == full["baseline"]["male"]
    assert results["table1.status/STATUS=REFRACTORY/n"].value == full["baseline"]["refractory"]
    assert [results[f"table1.age/{s}"].value for s in ("min", "max")] == full["baseline"]["age_range"]
    assert results["hsct_in_response/n"].value == full["hsct"]["in_CRCRi"]
    assert results["liver_any_cause/n"].value == full["liver"]["v5_any_cause"]
    assert [results[f"hsct_interval/{s}"].value for s in ("min", "max")] == full["hsct"]["interval_range"]
    assert results["cr_rate_w28/n"].value == full["response"]["window_0_28"]["CR"]
    assert results["cr_rate_pm7/n"].value == full["response"]["window_pm7"]["CR"]


def test_laboratory_grades(study: tuple[Adam, Counts], full: dict[str, Any]) -> None:
    table = study[1]["lab_grades"]
    assert isinstance(table, CrossTab)
    got = {
        t: table.where(TEST=t, GRADE="3") + table.where(TEST=t, GRADE="4") for t in full["liver"]["lab_g34_v5_by_test"]
    }
    assert got == full["liver"]["lab_g34_v5_by_test"]


def test_centres(study: tuple[Adam, Counts], results: Results, full: dict[str, Any]) -> None:
    for centre, e in full["per_centre"].items():
        assert e["n"] == results[f"table1.age/SITEID={centre}/median"].N


def test_the_published_numbers_as_the_headline_has_them(
    results: Results, reference_protocol: Protocol, shared: Path
) -> None:
    published = json.loads((shared / "ino-cohort/expected/published.json").read_text(encoding="utf-8"))
    headline = build_headline(results, reference_protocol)["headline"]
    printed = {i["printed"]: i for i in published["items"]}
    compared = [p for p in reference_protocol.published if p.headline]
    assert len(compared) >= 11
    for p in compared:
        item, ours = printed[p.printed], headline[p.headline]
        expected = item["value"] if item["value"] is not None else item["numerator"] / item["denominator"]
        assert close(ours["estimate"], expected), p.item


def test_the_members_are_what_was_counted(study: tuple[Adam, Counts], reference_protocol: Protocol) -> None:
    adam, counts = study
    for analysis in reference_protocol.analyses:
        if analysis.id not in counts:
            continue  # computed from other counts, or from none
        n = dict(members(adam, reference_protocol, analysis).group_by("ROLE").agg(pl.len()).rows())
        table = counts[analysis.id]
        if isinstance(table, EventTable):
            left = sum(n.get(role, 0) for role in ("event", "moved", "lost"))
            assert left == sum(sum(row[2:]) for row in table.rows.values())
            assert n.get("censored", 0) == sum(row[1] for row in table.rows.values())
        elif isinstance(table, CrossTab) and table.dims[0] == "outcome":
            by_outcome: Counter[str] = Counter()
            for (outcome, *_), cell in table.cells.items():
                by_outcome[outcome] += cell
            assert {k: v for k, v in n.items() if k != "withheld"} == by_outcome
