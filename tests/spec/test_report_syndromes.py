"""Liver toxicity and syndromes in the report: every set beside the others, and who lacks what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chartline.counts.model import CountKey, CrossTab
from chartline.protocol.model import Protocol
from chartline.report.blocks.syndromes import build
from chartline.report.document import Figure, Heading, Table
from chartline.report.figures import draw
from chartline.report.source import LiverPoint, ReportSource, SyndromeLine
from chartline.results.model import Results
from report_cases import TINY

_ALT = {"kind": "lab", "tests": ["ALT"], "min_grade": 3}


def source(patient_level: bool = True, **over: Any) -> ReportSource:
    flags = {"LIVER": {"label": "Liver toxicity", "any_of": [_ALT]}}
    report = {
        "syndromes": ["LIVER", "VOD"], "safety_components": ["LIVER"], "liver_figure": True,
        "patient_level": patient_level,
    }  # fmt: skip
    protocol = Protocol.model_validate(
        TINY
        | {
            "safety_flags": flags,
            "ae_groups": {},
            "syndromes": {"VOD": {"criteria": "vod_baltimore"}},
            "report": report,
        }
    )
    key = CountKey(analysis="syndromes", protocol_digest="d")
    sets = {("LIVER", "MET"): 1, ("LIVER", "NOT MET"): 3, ("VOD", "MET"): 1, ("VOD", "NOT ASSESSABLE"): 3}
    parts = {("LIVER", "0", "ALT", "Y"): 1, ("LIVER", "0", "ALT", "N"): 2, ("LIVER", "0", "ALT", ""): 1}
    made = ReportSource(
        protocol=protocol,
        results=Results((), "p", "d"),
        counts={
            "syndromes": CrossTab(key=key, dims=("SET", "VERDICT"), cells=sets),
            "safety_components": CrossTab(key=key, dims=("FLAG", "PLACE", "COMPONENT", "VALUE"), cells=parts),
        },
        syndromes=(
            SyndromeLine("P1", "VOD", "MET", "2020-03-10", "by day 21", "", (), "day 9 from transplantation: ..."),
            SyndromeLine("P2", "VOD", "NOT ASSESSABLE", "", "", "", ("Ascites", "Hepatomegaly"), "not assessable"),
            SyndromeLine("P3", "VOD", "NOT ASSESSABLE", "", "", "", ("Bilirubin",), "not assessable"),
            SyndromeLine("P4", "VOD", "NOT ASSESSABLE", "", "", "", ("Ascites", "Hepatomegaly"), "not assessable"),
        ),
        syndrome_labels={"LIVER": "Liver toxicity, as recorded", "VOD": "VOD/SOS (Baltimore)"},
        liver=(LiverPoint("P1", 4.0, 2.5), LiverPoint("P2", 1.0, 0.5), LiverPoint("P3", 8.0, 1.0)),
    )
    return replace(made, **over)


def tables(of: ReportSource) -> dict[str, list[tuple[str, ...]]]:
    return {b.caption: [tuple(c.text for c in row) for row in b.rows] for b in build(of) if isinstance(b, Table)}


def test_every_set_stands_beside_the_others() -> None:
    rows = tables(source())["Syndromes and dosing limits, every set of criteria."]
    assert rows == [
        ("Liver toxicity, as recorded", "1 (25)", "3 (75)", "0"),
        ("VOD/SOS (Baltimore)", "1 (25)", "0", "3 (75)"),
    ]


def test_severity_is_told_as_far_as_the_charts_hold_it() -> None:
    key = CountKey(analysis="syndrome_severities", protocol_digest="d")
    cells = {("VOD", "severe"): 1, ("VOD", "at least mild"): 2, ("VOD", ""): 1}
    counted = source().counts | {"syndrome_severities": CrossTab(key=key, dims=("SET", "SEVERITY"), cells=cells)}
    assert tables(source(counts=counted))["Severity of the syndromes that were met."] == [
        ("VOD/SOS (Baltimore)", "at least mild", "2 (50)"),
        ("", "withheld", "1 (25)"),
        ("", "severe", "1 (25)"),
    ]
    assert "Severity of the syndromes that were met." not in tables(source())


def test_withheld_verdicts_have_a_column_of_their_own() -> None:
    key = CountKey(analysis="syndromes", protocol_digest="d")
    cells = {("LIVER", "MET"): 1, ("VOD", "WITHHELD"): 1}
    counted = source().counts | {"syndromes": CrossTab(key=key, dims=("SET", "VERDICT"), cells=cells)}
    table = next(b for b in build(source(counts=counted)) if isinstance(b, Table) and b.header[0] == "Criteria")
    assert table.header[-1] == "Withheld"
    assert [row[-1].text for row in table.rows] == ["0", "1 (100)"]


def test_components_are_of_those_in_whom_they_could_be_judged() -> None:
    assert tables(source())["Components of: Liver toxicity."] == [("ALT", "1/3", "33.3", "1")]


def test_patients_are_gathered_by_what_is_not_known_of_them() -> None:
    rows = tables(source())["Patients who could not be assessed, and what is not known of them."]
    assert rows == [("VOD/SOS (Baltimore)", ""), ("Ascites; Hepatomegaly", "P2, P4"), ("Bilirubin", "P3")]


def test_who_met_a_set_stands_under_it() -> None:
    rows = tables(source())["Patients who met a set of criteria."]
    assert rows[0] == ("VOD/SOS (Baltimore)", "", "", "")
    assert rows[1] == ("P1", "2020-03-10", "by day 21", "day 9 from transplantation: ...")


def test_no_patient_is_named_where_the_protocol_says_so() -> None:
    blocks = build(source(patient_level=False))
    assert [type(b) for b in blocks] == [Heading, Table, Table]
    assert "P1" not in str(blocks)


def test_peaks_are_drawn_on_logarithmic_axes_that_hold_every_patient() -> None:
    figure = next(b for b in build(source()) if isinstance(b, Figure))
    x, y = figure.data["x"], figure.data["y"]
    assert [label for _, label in x["ticks"]] == ["0.5", "1", "2", "5", "10", "20"]
    assert (x["line_label"], y["line_label"]) == ("3", "2")
    assert x["line"] == pytest.approx(0.47712, abs=1e-5)  # log10(3)
    assert [p["id"] for p in figure.data["points"] if p["both"]] == ["P1"]
    assert all(x["low"] <= p["x"] <= x["high"] and y["low"] <= p["y"] <= y["high"] for p in figure.data["points"])
    # Left of both lines and right of ALT 3 one patient each, beyond both one.
    assert figure.data["corners"] == [
        [False, False, "n = 1"], [False, True, "n = 0"], [True, False, "n = 1"], [True, True, "n = 1"],
    ]  # fmt: skip
    assert figure.rows[0] == ("P1", "4.00", "2.50")
    assert b"<svg" in draw(figure, "svg")


def test_a_study_without_syndromes_has_no_such_section() -> None:
    empty = source().protocol.report.model_copy(
        update={"syndromes": (), "safety_components": (), "liver_figure": False}
    )
    bare = source(counts={}, syndromes=(), liver=())
    assert build(replace(bare, protocol=bare.protocol.model_copy(update={"report": empty}))) == []
