"""What the report prints of toxicity over time, and of safety endpoints under several versions of a scale."""

from __future__ import annotations

from typing import Any

from chartline.counts.model import CountKey, CrossTab
from chartline.protocol.model import Protocol
from chartline.report.blocks import grading_versions, toxicity
from chartline.report.document import Table
from chartline.report.source import RegradedLine, ReportSource
from chartline.results.model import Results
from chartline.stats.estimate import estimate_all
from counts_cases import PROTOCOL

FLAG = {"LIVFL": {"label": "Liver", "any_of": [{"kind": "lab", "tests": ["ALT"], "min_grade": 3}]}}
SHARED = {"label": "Liver", "population": "all", "flag": "LIVFL"}
ANALYSES = [
    {"id": "cycle", "kind": "toxicity_by_cycle", **SHARED},
    {"id": "rate", "kind": "exposure_adjusted_rate", **SHARED},
    {"id": "onset", "kind": "time_to_onset", "at_months": [1], **SHARED},
    {"id": "mean", "kind": "mean_cumulative_count", "at_months": [1], **SHARED},
]


def protocol(**over: Any) -> Protocol:
    own = {
        "safety_flags": FLAG,
        "analyses": ANALYSES,
        "headline": {},
        "laboratory_variants": {"V4": {"grading": "ctcae_v4"}},
    }
    return Protocol.model_validate(PROTOCOL | own | {"report": {"lab_tests": ["ALT", "K"]}} | over)


def tab(name: str, dims: tuple[str, ...], cells: dict[tuple[str, ...], int], unit: str = "") -> CrossTab:
    return CrossTab(key=CountKey(analysis=name, protocol_digest="d", unit=unit), dims=dims, cells=cells)


COURSE = ("EVENTS", "END", "HOW")
COUNTS = {
    "lab_grades": tab("lab_grades", ("TEST", "BASE", "GRADE"), {("ALT", "0", "3"): 2, ("K_LOW", "", "1"): 1}),
    "cycle": tab("cycle", ("outcome", "CYCLE"), {("counted", "1"): 1, ("not_counted", "1"): 3, ("missing", "2"): 1}),
    # four patients for 100 days each, one of whom has events on days 20 and 60; one more without days
    **{n: tab(n, COURSE, {("20 60", "100", "alive"): 1, ("", "100", "alive"): 3, ("", "", "missing"): 1})
       for n in ("rate", "onset", "mean")},
    "onset.recovery": tab("onset.recovery", ("DAYS", "HOW"), {("14", "recovered"): 1}),
    "versions.livfl": tab("versions.livfl", ("LIVFL", "LIVFL_V4"), {("Y", "Y"): 3, ("N", "Y"): 1, ("N", "N"): 6}),
}  # fmt: skip


def source(**over: Any) -> ReportSource:
    p = protocol(**over)
    counts = COUNTS | {f"set.{n}": tab(f"set.{n}", ("outcome",), {("counted",): 5}) for n in p.sets}
    line = RegradedLine("A-01", "LIVFL", ("N", "Y"), "ALT 256 U/L, grade 3")
    results = Results(estimate_all(counts, p), "d", "data")
    return ReportSource(protocol=p, results=results, counts=counts, regraded=(line,))


def printed(blocks: list[Any]) -> dict[str, list[list[str]]]:
    return {b.caption: [[c.text for c in row] for row in b.rows] for b in blocks if isinstance(b, Table)}


def test_every_table_of_toxicity_over_time() -> None:
    tables = printed(toxicity.build(source()))
    shift, cycle, rate, onset, mean = tables.values()
    assert shift == [
        ["Alanine aminotransferase", "0", "", "", "", "2", "", "", "2"],
        ["Potassium, low", "not graded", "", "1", "", "", "", "", "1"],
    ]
    assert cycle == [["Liver", "1/4 (25; 1–81)", "0/1 (0; 0–98)"]]
    # 2 events in 400 days; the first in 20 + 300 days. poisson.test(2, 400 / 365.25): 0.2212 to 6.5972
    assert rate == [["Liver", "1", "2", "1.1", "1.14 (0.03–6.36)", "1.83 (0.22–6.60)"]]
    assert onset == [["Liver", "1/4", "20 (20–20)", "25.0 (0.9–66.5)", "1/1", "14 (NR–NR)"]]
    assert mean[0][:3] == ["Liver", "1/4", "2"]
    assert mean[0][3].startswith("0.25 (")


def test_a_patient_without_the_day_of_an_event_is_named_as_left_out() -> None:
    notes = [" ".join(b.notes) for b in toxicity.build(source()) if isinstance(b, Table)]
    assert sum("Patients left out because the day of an event is not known: 1 (Liver)." in n for n in notes) == 3


def test_versions_side_by_side_and_the_patients_who_change() -> None:
    side, patients = printed(grading_versions.build(source())).values()
    assert side == [["Liver", "10", "3 (30)", "4 (40)", "1"]]
    assert patients == [["A-01", "Liver", "no", "yes", "ALT 256 U/L, grade 3"]]
    alone = printed(grading_versions.build(source(report={"lab_tests": ["ALT"], "patient_level": False})))
    assert list(alone) == ["Safety endpoints under other laboratory gradings."]
