"""What a report prints of response rule sets: named with version, side by side, patients only where allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chartline.protocol.model import Protocol
from chartline.report.blocks.response_sets import build
from chartline.report.document import Paragraph, Table
from chartline.report.source import DiscordantLine, ReportSource, ResponseLine, ResponseSet
from chartline.results.model import Result, Results
from report_cases import TINY, proportion

ONE = ResponseSet(
    "BOR", "Set one", "3", "Paper one", ("CR", "CRi"), (("CR", "Complete", "Paper"), ("NE", "Nobody", ""))
)
TWO = ResponseSet("BOR_B", "Set two", "1", "Paper two", ("CR",), (("CR", "Complete", "ours"), ("LOW", "Low", "Paper")))


def source(patient_level: bool = True) -> ReportSource:
    more: list[dict[str, Any]] = [
        {"id": "best", "kind": "categories", "label": "Best", "population": "treated", "variable": "BOR"},
        {"id": "best_b", "kind": "categories", "label": "Best", "population": "treated", "variable": "BOR_B"},
        {"id": "rate", "kind": "proportion", "label": "R", "population": "treated", "numerator": "RESPFL == 'Y'"},
        {"id": "rate_b", "kind": "proportion", "label": "R", "population": "treated", "numerator": "RESPFL_B == 'Y'"},
        {
            "id": "team",
            "kind": "agreement",
            "label": "Team",
            "population": "treated",
            "first": "BOR",
            "second": "INVBOR",
        },
    ]
    protocol = Protocol.model_validate(TINY | {"analyses": more, "report": {"patient_level": patient_level}})
    counts = {("best", "BOR=CR"): 3, ("best", "BOR=NE"): 1, ("best_b", "BOR_B=CR"): 2, ("best_b", "BOR_B=LOW"): 2}
    counts |= {("team", "BOR=CR;INVBOR=CR"): 2, ("team", "BOR=CR;INVBOR=NE"): 1, ("team", "BOR=NE;INVBOR=NE"): 1}
    rows = [Result(a, "n", n, group=g, n=n, N=4, unit="patients", is_count=True) for (a, g), n in counts.items()]
    rows += [proportion("rate", 3, 4, 0.2, 0.99), proportion("rate_b", 2, 4, 0.07, 0.93)]
    rows.append(replace(proportion("team", 3, 4, 0.2, 0.99), statistic="agreement"))
    return ReportSource(
        protocol=protocol,
        results=Results(rows, "p" * 64, "d" * 64),
        response_sets=(ONE, TWO),
        responses=(ResponseLine("A-1", {"BOR": "NE", "BOR_B": "LOW"}),),
        discordant={"INVBOR": (DiscordantLine("A-2", "CR", "NE", "because of this", "they wrote that"),)},
        levels={"BOR": {"CR": "Complete", "NE": "Nobody"}, "INVBOR": {"CR": "Complete", "NE": "Nobody"}},
    )


def tables(patient_level: bool = True) -> dict[str, Table]:
    return {b.caption: b for b in build(source(patient_level)) if isinstance(b, Table)}


def text(t: Table) -> list[list[str]]:
    return [[c.text for c in row] for row in t.rows]


def test_each_rule_set_is_named_with_its_version_and_what_counts_as_a_response() -> None:
    (named,) = (b.text for b in build(source()) if isinstance(b, Paragraph))
    assert named == (
        "Response is by Set one (rule set version 3). A response is CR or CRi. It was derived again by Set two "
        "(rule set version 1)."
    )


def test_best_responses_stand_side_by_side_with_a_dash_where_a_set_has_no_such_category() -> None:
    t = tables()["Response under each rule set: patients by best response."]
    assert t.header == ("", "Set one\n(version 3)", "Set two\n(version 1)")
    assert text(t) == [
        ["Complete (CR)", "3/4", "2/4"],
        ["Low (LOW)", "–", "2/4"],
        ["Nobody (NE)", "1/4", "–"],
        ["Response (95% CI)", "75.0% (20.0–99.0)", "50.0% (7.0–93.0)"],
    ]
    assert t.rows[0][1].result_id == "best/BOR=CR/n"


def test_every_category_says_what_it_means_and_where_it_comes_from() -> None:
    t = tables()["Response categories of each rule set, best first."]
    assert text(t)[:3] == [["Set one, version 3", "", ""], ["CR", "Complete", "Paper"], ["NE", "Nobody", ""]]
    assert t.notes == ("Set one: Paper one", "Set two: Paper two")


def test_the_concordance_is_a_table_with_agreement_in_its_note() -> None:
    t = tables()["Team."]
    assert text(t) == [["CR", "2", "1"], ["NE", "0", "1"]]
    assert t.notes == ("Agreement 75.0% (20.0–99.0) (3/4). 95% confidence intervals.",)


def test_patients_are_listed_only_in_a_patient_level_report() -> None:
    named = {c: t for c, t in tables().items() if c.startswith("Patients")}
    assert text(named["Patients whose best response changes between rule sets."]) == [["A-1", "NE", "LOW"]]
    differ = named["Patients whose response differs between the rules and the treating team."]
    assert text(differ) == [["A-2", "CR", "because of this", "NE", "they wrote that"]]
    assert not [c for c in tables(patient_level=False) if c.startswith("Patients")]


def test_one_rule_set_needs_no_comparison() -> None:
    alone = replace(source(), response_sets=(ONE,), responses=())
    captions = [b.caption for b in build(alone) if isinstance(b, Table)]
    assert "Response under each rule set: patients by best response." not in captions
    assert not any("derived again" in b.text for b in build(alone) if isinstance(b, Paragraph))
