"""What a report prints of every kind of analysis: labels and never codes, each number bound to its result."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chartline.counts.count import count_analyses
from chartline.derive.model import Adam
from chartline.protocol.describe import describe_protocol
from chartline.report.build import build_document
from chartline.report.document import Cell, Document, Figure, Heading, Paragraph, Table
from chartline.report.source import ReportSource
from chartline.results.model import Results
from chartline.stats.estimate import estimate_all, estimate_curves
from counts_cases import DIGEST, adam, attrition, subject, time
from kinds_cases import course, every_kind

R = np.random.default_rng(7)
CENTRES = {
    "cut_off": "2020-12-31",
    "centres": [{"id": c, "label": f"Hospital {c}", "folder": c.lower(), "mapping": f"{c.lower()}.yaml"} for c in "AB"],
}
STAGES = {"label": "Disease stage", "from": "DM", "value": "SEX", "categories": ["RELAPSED", "REFRACTORY"]}
EXTRA: list[dict[str, Any]] = [
    {"id": "cox_stage", "kind": "cox", "label": "Survival", "endpoint": "RFS", "method": "ordinary", "level": 0.9,
     "covariates": [{"variable": "AGE", "per": 10}, "STAGE", "SITEID"]},
    {"id": "few", "kind": "cox", "label": "Few", "endpoint": "RFS", "cause": "relapse",
     "covariates": ["SEX", "STAGE", "AGE", "WT", "SITEID"]},
    {"id": "whole", "kind": "cumulative_incidence", "label": "Relapse", "endpoint": "RFS", "at_months": [3, 6]},
    {"id": "stages", "kind": "compare_values", "label": "Weight", "population": "all", "variable": "WT", "by": "STAGE"},
]  # fmt: skip


def source(of: Adam, **report: Any) -> ReportSource:
    analyses = [{"label": a.label, **a.model_dump(exclude_none=True)} for a in every_kind().analyses] + EXTRA
    weight = {"label": "Weight", "from": "DM", "value": "BSA", "type": "number", "unit": "kg"}
    protocol = every_kind(
        analyses=analyses, data=CENTRES, characteristics={"STAGE": STAGES, "WT": weight},
        report={"table1": ["AGE", "SEX"], "table1_by": "STAGE", "table1_tests": "ranks"} | report,
    )  # fmt: skip
    counts = count_analyses(of, attrition(of), protocol, DIGEST)
    results = Results(estimate_all(counts, protocol), DIGEST, "data")
    return ReportSource(
        protocol=protocol, results=results, curves=estimate_curves(counts, protocol), attrition=attrition(of)
    )


def cohort(n: int = 60) -> Adam:
    subjects, times = [], []
    for i in range(n):
        relapse, death = (int(R.integers(10, 350)) if R.random() < p else None for p in (0.5, 0.6))
        transplant = int(R.integers(0, 200)) if R.random() < 0.4 else None
        subjects.append(
            course(
                str(i), transplant=transplant, relapse=relapse, death=death, seen=int(R.integers(200, 360)),
                SITEID="AB"[i % 2], SEX="FM"[i // 2 % 2], AGE=int(R.integers(20, 70)), WT=float(R.integers(50, 90)),
                STAGE=str(R.choice(["RELAPSED", "REFRACTORY"])), RESPFL=str(R.choice(["Y", "N"])),
                MRDFL=str(R.choice(["Y", "N"])),
            )
        )  # fmt: skip
        ends = [(d, c) for d, c in ((relapse, "relapse"), (death, "death")) if d is not None]
        end, cause = min(ends) if ends else (int(R.integers(200, 360)), None)
        times.append(time(str(i), end, cause))
    return adam(subjects, times)


@pytest.fixture(scope="module")
def of() -> ReportSource:
    return source(cohort())


@pytest.fixture(scope="module")
def document(of: ReportSource) -> Document:
    return build_document(of)


def tables(document: Document) -> list[Table]:
    return [b for b in document.blocks if isinstance(b, Table)]


def texts(document: Document) -> list[str]:
    out = []
    for block in document.blocks:
        if isinstance(block, Table):
            out += [block.caption, *block.header, *block.notes, *(c.text for row in block.rows for c in row)]
        elif isinstance(block, Figure):
            out += [block.caption, block.alt, *block.notes, *(g["label"] for g in block.data.get("groups", ()))]
        elif isinstance(block, Heading):
            out.append(block.text)
    return out


def section(document: Document, heading: str) -> list[Table]:
    """The tables between a heading of the first level and the next."""
    out, inside = [], False
    for block in document.blocks:
        if isinstance(block, Heading) and block.level == 1:
            inside = block.text == heading
        elif inside and isinstance(block, Table):
            out.append(block)
    return out


def rows(document: Document, heading: str) -> dict[str, list[str]]:
    return {row[0].text: [c.text for c in row[1:]] for t in section(document, heading) for row in t.rows}


def test_readers_see_labels_and_never_codes(document: Document) -> None:
    code = re.compile(r"\b(SITEID|STAGE|RESPFL|MRDFL|USUBJID|TERM|STATE|CAUSE|WT|RELAPSED|REFRACTORY)\b|[A-Z]{2,}=")
    assert [t for t in texts(document) if code.search(t)] == []


def test_each_number_leads_to_its_result(of: ReportSource, document: Document) -> None:
    known = {r.id for r in of.results}
    for table in tables(document):
        for row in table.rows:
            for cell in row[1:]:
                if isinstance(cell, Cell) and re.match(r"[−\d]", cell.text) and "df" not in cell.text:
                    assert cell.result_id in known, (table.caption, cell)


def test_no_column_is_empty(document: Document) -> None:
    for table in tables(document):
        for i, header in enumerate(table.header):
            cells = [row[i].text for k, row in enumerate(table.rows) if k not in table.span_rows]
            assert not cells or any(cells), (table.caption, header)


def test_a_method_is_said_once_and_below_it_what_differs(document: Document) -> None:
    shown = rows(document, "Comparisons and models")
    first, then = (
        shown["Hazard ratio: Age at first dose, per 10 years"],
        shown["Hazard ratio: Disease stage, refractory"],
    )
    assert first[2].startswith("Cox regression, Efron ties; ordinary likelihood, as declared")
    assert then[2] == "against relapsed"
    assert shown["Hazard ratio: Hospital B"][2] == "against hospital A"


def test_an_interval_of_another_level_says_so(document: Document) -> None:
    shown = rows(document, "Comparisons and models")
    assert "(90% CI " in shown["Hazard ratio: Age at first dose, per 10 years"][0]
    assert "CI" not in shown["Odds ratio, pooled"][0]


def test_tests_have_their_name_once_and_estimates_their_p_value(document: Document) -> None:
    shown = rows(document, "Comparisons and models")
    assert "Log-rank test, stratified by centre" not in shown
    assert shown["Log-rank test"][0] == "" and re.fullmatch(r"[<>]?0\.\d+", shown["Log-rank test"][1])
    assert "Fleming-Harrington test (rho 0, gamma 1)" in shown
    assert shown["Odds ratio, pooled"][1]
    assert shown["Median (IQR): Relapsed"][2] == ""


def test_where_fishers_p_stands_beside_an_odds_ratio_a_note_says_that_they_can_disagree(document: Document) -> None:
    notes = " ".join(section(document, "Comparisons and models")[0].notes)
    assert notes.count("P below 0.05 beside an interval that includes 1") == 1


def test_the_family_of_adjusted_p_values_is_named_once(document: Document) -> None:
    found = [c.text for t in section(document, "Comparisons and models") for r in t.rows for c in r if "Holm" in c.text]
    assert len(found) == 1 and "; family of 3 P values: curves: Log-rank test; " in found[0]


def test_the_events_of_follow_up_are_called_its_ends() -> None:
    of = source(cohort(), curves=["rfs", "followup"])
    document = build_document(of)
    (table,) = section(document, "Survival")
    assert [row[0].text for row in table.rows if not row[0].indent] == ["rfs", "followup"]
    assert "The events of follow-up are its ends (patients censored in the endpoint)" in table.notes[0]
    ends = of.result("followup", "events")
    assert ends is not None
    figure = next(b for b in document.blocks if isinstance(b, Figure) and b.name == "followup")
    assert figure.caption == "followup: reverse Kaplan-Meier estimate in 60 patients."
    whole = tuple(a.model_copy(update={"by": None}) if a.id == "followup" else a for a in of.protocol.analyses)
    apart = replace(of, protocol=of.protocol.model_copy(update={"analyses": whole}))
    said = f"{ends.n} ends of follow-up in 60 patients; median "
    told = [b.text for b in build_document(apart).blocks if isinstance(b, Paragraph)]
    assert [text.startswith(said) for text in told].count(True) == 1
    alone = section(build_document(source(cohort(), curves=["rfs"])), "Survival")[0]
    assert [row[0].text for row in alone.rows if not row[0].indent] == ["rfs", "followup"]


def test_events_stand_before_ratios(document: Document) -> None:
    for table in section(document, "Comparisons and models"):
        labels = [row[0].text for row in table.rows]
        assert labels.index("Events/N") < labels.index("Hazard ratio: Sex, male")


def test_incidences_of_groups_are_drawn_one_event_at_a_time(document: Document) -> None:
    figures = {b.name: b for b in document.blocks if isinstance(b, Figure)}
    assert [g["label"] for g in figures["incidence_relapse"].data["groups"]] == ["Female", "Male"]
    assert [g["label"] for g in figures["whole"].data["groups"]] == ["Relapse", "Death"]
    assert figures["whole"].data["one_risk"] and not figures["incidence_relapse"].data["one_risk"]


def test_every_strategy_has_its_heading_and_the_biased_one_says_so(document: Document) -> None:
    shown = rows(document, "Events on the way")
    assert "Ever against never, from time zero: biased (immortal time)" in shown
    assert shown["Mantel-Byar test"][-1]
    assert any(name.startswith("From 2 months, after transplantation (n\u00a0=\u00a0") for name in shown)


def test_the_numbers_in_the_states_add_up_at_every_tick(document: Document) -> None:
    figure = next(b for b in document.blocks if isinstance(b, Figure) and b.name == "course")
    assert figure.data["numbers"] == "Number seen in each state"
    assert [g["label"] for g in figure.data["groups"]] == ["Event-free", "Transplantation", "Relapse", "Death"]
    assert sum(g["risk"][0] for g in figure.data["groups"]) == 60
    dead = figure.data["groups"][-1]["risk"]
    assert dead == sorted(dead) and dead[-1] > 0


def test_the_tests_of_table_1_are_named_with_their_variables(document: Document) -> None:
    note = section(document, "Baseline characteristics")[0].notes[-1]
    assert "Wilcoxon rank sum test, exact: Age at first dose (" in note and ". Chi-square test: Sex (" in note


def test_table_1_has_a_column_of_standardised_differences_where_the_protocol_asks() -> None:
    subjects = [
        subject(f"{s}{i}", SEX=s, AGE=young + 5 * (i % 2), RESPFL="Y" if i < responders else "N")
        for s, young, responders in (("F", 30, 2), ("M", 35, 8))
        for i in range(10)
    ]
    of = source(adam(subjects), table1=["AGE", "RESPFL"], table1_by="SEX", table1_differences=True, table1_tests="none")
    (table,) = section(build_document(of), "Baseline characteristics")
    assert [h.partition("\n")[0] for h in table.header] == ["Characteristic", "All", "Female", "Male", "SMD"]
    # five are 30 and five 35, against 35 and 40: means 5 apart, both variances 10 * 2.5^2 / 9 = 62.5 / 9
    # responses 80 % against 20 %: 0.6 / sqrt((0.16 + 0.16) / 2) = 1.5
    shown = {row[0].text: row[-1] for row in table.rows}
    assert shown["Age at first dose, years"].text == f"{5 / (62.5 / 9) ** 0.5:.2f}"
    assert (shown["Response"].text, shown["Response"].result_id) == ("1.50", "table1.respfl/smd")
    assert shown["Median (IQR)"].text == ""
    assert any(n.startswith("SMD, standardised mean difference (Male against Female), ") for n in table.notes)
    without = section(build_document(source(cohort(), table1_tests="none")), "Baseline characteristics")[0]
    assert [h.partition("\n")[0] for h in without.header[2:]] == ["Relapsed", "Refractory"]  # as declared


def test_why_table_1_has_no_standardised_differences() -> None:
    of = source(
        adam([subject("1", AGE=40), subject("2", AGE=50)]), table1=["AGE"], table1_by="SITEID", table1_differences=True
    )
    (table,) = section(build_document(of), "Baseline characteristics")
    assert "SMD" not in table.header
    assert "No standardised differences: 1 column, where two are compared." in table.notes


def test_a_report_of_nobody_says_why_there_is_no_number() -> None:
    document = build_document(source(adam([])))
    shown = rows(document, "Comparisons and models")
    assert shown["Cox regression"][1:] == ["not estimable", "No patients with a time and all covariates"]
    assert any("no patients in the set" in t for t in texts(document))
    assert "NR" not in {c.text for t in section(document, "Events on the way") for row in t.rows for c in row}


def test_the_methods_text_says_what_the_protocol_asks_for() -> None:
    def says(**analysis: Any) -> str:
        one = {"id": "x", "label": "x", **analysis}
        before = [{"id": "response", "label": "x", "kind": "proportion", "population": "all",
                   "numerator": "RESPFL == 'Y'"}]  # fmt: skip
        protocol = every_kind(analyses=[*before, one])
        return " ".join(dict(describe_protocol(protocol, [], "c", "g", "m"))["Statistics"])

    way = {"kind": "intercurrent", "endpoint": "RFS", "event": "transplant"}
    assert "(transplantation) was analysed under several estimands (ICH E9(R1)): as censoring and as an event." in says(
        **way, strategies=["hypothetical", "composite"]
    )
    assert "biased (immortal time)" in says(**way, strategies=["naive", "composite"])
    incidence = {"kind": "cumulative_incidence", "endpoint": "RFS"}
    assert "Gray's test" not in says(**incidence) and "No hypothesis was tested." in says(**incidence)
    assert "groups compared by Gray's test" in says(**incidence, by="SEX")
    assert "P values are two-sided" in says(**incidence, by="SEX")
    assert "adjusted as one family by the Bonferroni method (family-wise error rate): x." in says(
        kind="multiplicity", of=["response", "response/p"], method="bonferroni"
    )
    assert "without each centre in turn" in says(kind="leave_one_out", of="response")
    assert "without each sex in turn" in says(kind="leave_one_out", of="response", over="SEX")
