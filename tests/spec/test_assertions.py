"""What must hold whatever the data: on what each assertion speaks, and what a breach says. Day 0 is 1 January 2020."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from chartline.assertions.engine import assert_study, rules
from chartline.assertions.model import Breach, Verdict
from chartline.cohort.select import select_cohort
from chartline.counts.count import count_analyses
from chartline.counts.model import Counts, EventTable
from chartline.derive.derive import derive_all
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol
from chartline.publish import write_assertions
from chartline.report.blocks.assertions import build
from chartline.report.build import build_document
from chartline.report.document import KeyNumbers, Paragraph
from chartline.report.source import AssertionLine
from derive_cases import eligible, protocol
from report_cases import tiny_source
from truth_data import tiny

OS = {"id": "OS", "use": "overall_survival", "population": "treated"}
DOR = {"id": "DOR", "use": "duration_of_response", "population": "responders"}
DORREL = DOR | {"id": "DORREL", "events": ["relapse"], "label": "Relapse only"}
DORHSCT = DOR | {"id": "DORHSCT", "censor_at": ["transplant"]}
RFS = {"id": "RFS", "use": "relapse_free_survival", "population": "responders", "origin": "first_dose"}
EFS = {"id": "EFS", "use": "event_free_survival", "population": "treated"}
FAILED = {"failed": {"label": "treatment failure", "no_response_by": {"days": 60}, "dated": "landmark"}}
EX = "USUBJID|EXSTDTC|EXCYCLE\n" + "".join(f"P{i}|2020-01-01|1\n" for i in (1, 2, 3))
RS = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\n" + "".join(f"P{i}|2020-01-31|1|1|0|ABSENT\n" for i in (1, 2, 3))
SS = (
    "USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL|DTHDTC\n"
    "P1|Y|2020-06-01|2020-12-31|Y|2020-12-31\n"
    "P2|N||2020-09-01|Y|2020-09-01\n"
    "P3|N||2020-12-31|N|\n"
)
PR = "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP3|ALLOGENEIC HSCT|Y|AFTER|2020-03-31"


def run(endpoints: list[dict[str, Any]], **tables: str) -> tuple[Adam, Counts, Protocol]:
    """Three patients in remission on day 30: one relapses and dies, one dies, one is transplanted and lives."""
    curves = [{"id": e["id"].lower(), "kind": "survival", "label": e["id"], "endpoint": e["id"]} for e in endpoints]
    risks = [
        {
            "id": f"cir_{e['id'].lower()}",
            "kind": "cumulative_incidence",
            "label": f"Risks {e['id']}",
            "endpoint": e["id"],
        }
        for e in endpoints
        if e["id"] in ("DOR", "RFS")
    ]
    p = protocol(
        endpoints=endpoints, analyses=[*curves, *risks], milestones=FAILED, headline={}, published=(), report={},
        multiverse=None,
    )  # fmt: skip
    data = eligible(tiny(**({"EX": EX, "RS": RS, "SS": SS, "PR": PR} | tables)))
    cohort = select_cohort(data, p, [], "digest")
    adam = derive_all(data, cohort, p, [])
    return adam, count_analyses(adam, cohort.attrition, p, "digest"), p


def verdicts(of: tuple[Verdict, ...], assertion: str) -> dict[str, tuple[str, int]]:
    return {v.on: (v.verdict, v.n) for v in of if v.assertion.id == assertion}


def breaches(of: tuple[Verdict, ...], assertion: str) -> list[tuple[str, str]]:
    return [(b.subject, b.numbers) for v in of if v.assertion.id == assertion for b in v.breaches]


def changed(adam: Adam, table: str, subject: str, **values: Any) -> Adam:
    """A derived table with values that no derivation gives; PARAMCD chooses the row of ADTTE."""
    hit = pl.col("USUBJID") == subject
    if "PARAMCD" in values:
        hit = hit & (pl.col("PARAMCD") == values.pop("PARAMCD"))
    columns = [pl.when(hit).then(pl.lit(v)).otherwise(pl.col(c)).alias(c) for c, v in values.items()]
    return replace(adam, tables=adam.tables | {table: adam[table].with_columns(columns)})


def test_each_assertion_has_a_name_and_a_sentence() -> None:
    found = [module.ASSERTION for module in rules()]
    assert [a.id for a in found] == [m.__name__.rsplit(".", 1)[1] for m in rules()]
    assert all(a.sentence.endswith(".") for a in found)


def test_sound_data_hold_everything() -> None:
    of = assert_study(*run([OS, DOR, DORREL, DORHSCT, RFS, EFS]))
    assert [v for v in of if v.verdict == "breached"] == []
    assert {v.assertion.id for v in of if v.verdict == "held"} == {m.ASSERTION.id for m in rules()}


# --- on which endpoints: by their definition, never by their name ---


def test_more_ends_are_compared_with_fewer_where_origin_and_dates_are_alike() -> None:
    of = assert_study(*run([OS, DOR, DORREL, DORHSCT, RFS, EFS]))
    assert verdicts(of, "more_ends_end_earlier") == {
        "Duration of response (DOR) against Relapse only (DORREL)": ("held", 3),
        "Duration of response (DORHSCT) against Duration of response (DOR)": ("held", 3),
        "Duration of response (DORHSCT) against Relapse only (DORREL)": ("held", 3),
        "Relapse-free survival (RFS) against Overall survival (OS)": ("held", 3),
        "Event-free survival (EFS) against Overall survival (OS)": ("held", 3),
        "Event-free survival (EFS) against Relapse-free survival (RFS)": ("held", 3),
    }


@pytest.mark.parametrize(
    "other",
    [
        {"last": "last_assessed"},  # censored elsewhere
        {"partial_dates": "first"},  # dated otherwise
        {"assessed_every_days": 60, "missed_assessments": "midpoint"},  # a relapse moved back
        {"origin": "first_dose"},  # another origin
    ],
)
def test_endpoints_that_differ_otherwise_are_not_compared(other: dict[str, Any]) -> None:
    of = assert_study(*run([DOR, DORREL | other]))
    assert verdicts(of, "more_ends_end_earlier") == {"endpoints": ("not applicable", 0)}


def test_the_end_of_remission_is_compared_with_the_end_of_life() -> None:
    of = assert_study(*run([OS, DOR]))
    assert verdicts(of, "later_origin_same_end") == {
        "Duration of response (DOR) against Overall survival (OS)": ("held", 3)
    }


def test_curves_are_compared_only_where_they_differ_in_death_alone() -> None:
    of = assert_study(*run([OS, DOR, DORREL, EFS]))
    # the days on which anybody leaves: relapse 1 June, death 1 September, last contact 31 December
    assert verdicts(of, "death_lowers_the_curve") == {
        "Duration of response (DOR) against Relapse only (DORREL)": ("held", 3)
    }
    assert verdicts(assert_study(*run([OS, EFS])), "death_lowers_the_curve") == {"curves": ("not applicable", 0)}


def test_an_imputed_death_is_not_compared_as_a_curve() -> None:
    partial = SS.replace("P2|N||2020-09-01|Y|2020-09-01", "P2|N||2020-08-01|Y|2020-09")
    of = assert_study(*run([DOR, DORREL], SS=partial))
    assert [v for v, _ in verdicts(of, "death_lowers_the_curve").values()] == ["not applicable"]


def test_without_competing_risks_there_is_nothing_to_sum() -> None:
    of = assert_study(*run([OS]))
    assert verdicts(of, "incidences_sum_to_one") == {"competing risks": ("not applicable", 0)}


# --- what a breach says ---


def test_an_event_after_the_last_contact_is_a_breach_of_the_charts_themselves() -> None:
    late = PR.replace("2020-03-31", "2021-01-10")
    of = assert_study(*run([DOR, DORHSCT], PR=late))
    assert breaches(of, "nothing_after_last_contact") == [
        ("P3", "transplantation on 2021-01-10, last known alive on 2020-12-31")
    ]
    # and the time that ends with it is longer than the one that ends with the last contact
    assert breaches(of, "more_ends_end_earlier") == [("P3", "DORHSCT 345 days, DOR 335 days")]


@pytest.mark.parametrize(
    ("table", "values", "assertion", "says"),
    [
        ("ADTTE", {"PARAMCD": "OS", "AVAL": -1}, "time_not_negative", "-1 days from 2020-01-01 to 2020-12-31"),
        ("ADTTE", {"PARAMCD": "DOR", "AVAL": 400}, "more_ends_end_earlier", "DOR 400 days, DORREL 122 days"),
        (
            "ADTTE", {"PARAMCD": "DOR", "ADT": dt.date(2021, 1, 1)}, "later_origin_same_end",
            "DOR ends on 2021-01-01, OS on 2020-12-31",
        ),
        (
            "ADSL", {"FRSPDT": dt.date(2019, 12, 31)}, "response_after_first_dose",
            "first response on 2019-12-31, first dose on 2020-01-01",
        ),
        (
            "ADSL", {"FRSPDT": dt.date(2021, 1, 1)}, "response_before_death",
            "first response on 2021-01-01, death on 2020-12-31",
        ),
        (
            "ADSL", {"RELDT": dt.date(2020, 1, 30)}, "relapse_after_response",
            "relapse on 2020-01-30, first response on 2020-01-31",
        ),
        (
            "ADSL", {"HSCTDT": dt.date(2019, 12, 31)}, "transplant_after_first_dose",
            "transplantation on 2019-12-31, first dose on 2020-01-01",
        ),
    ],
)  # fmt: skip
def test_a_breach_names_the_patient_and_both_sides(
    table: str, values: dict[str, Any], assertion: str, says: str
) -> None:
    adam, counts, p = run([OS, DOR, DORREL])
    of = assert_study(changed(adam, table, "P1", **values), counts, p)
    assert ("P1", says) in breaches(of, assertion)


@pytest.mark.parametrize("flag", ["RELDTF", "LKADTF"])
def test_an_imputed_day_contradicts_nothing(flag: str) -> None:
    adam, counts, p = run([OS])
    wrong = {"RELDT": dt.date(2021, 1, 15)}
    of = assert_study(changed(adam, "ADSL", "P1", **wrong), counts, p)
    assert breaches(of, "nothing_after_last_contact")
    of = assert_study(changed(adam, "ADSL", "P1", **wrong, **{flag: "D"}), counts, p)
    assert breaches(of, "nothing_after_last_contact") == []


def test_who_is_not_eligible_makes_no_number_and_no_breach() -> None:
    adam, counts, p = run([OS])
    wrong = changed(adam, "ADSL", "P1", RELDT=dt.date(2021, 1, 15))
    assert breaches(assert_study(wrong, counts, p), "nothing_after_last_contact")
    assert not breaches(assert_study(changed(wrong, "ADSL", "P1", ELIGFL="N"), counts, p), "nothing_after_last_contact")


def test_a_breach_is_the_first_thing_a_reader_is_told() -> None:
    said = AssertionLine("No time is negative.", "Overall survival (OS)", 3, (("P1", "-1 days"),))
    source = replace(tiny_source(), assertions=(said,))
    blocks = build_document(source).blocks
    first = next(b for b in blocks if not isinstance(b, KeyNumbers))
    assert isinstance(first, Paragraph) and first.style == "notice"
    assert first.text == (
        "An assertion does not hold: no time is negative. Overall survival (OS): 1 of 3 breaches it: P1 (-1 days). "
        "What rests on these dates and counts is in doubt; assertions.csv has every verdict."
    )
    many = replace(said, breaches=tuple((f"P{i}", "x") for i in range(7)))
    assert "P4 (x); and 2 more." in build(replace(source, assertions=(many,)))[0].text
    hidden = source.protocol.model_copy(
        update={"report": source.protocol.report.model_copy(update={"patient_level": False})}
    )
    assert "P1" not in build(replace(source, protocol=hidden))[0].text


@pytest.mark.parametrize(("patient_level", "who"), [(True, "P1: -1 days"), (False, "")])
def test_the_file_names_patients_only_where_the_report_may(tmp_path: Path, patient_level: bool, who: str) -> None:
    p = protocol(report={"patient_level": patient_level})
    verdict = Verdict(rules()[0].ASSERTION, "Overall survival", "breached", 3, (Breach("P1", "-1 days"),))
    done: Any = SimpleNamespace(study=SimpleNamespace(protocol=p), assertions=(verdict,))
    write_assertions(done, tmp_path)
    (row,) = pl.read_csv(tmp_path / "assertions.csv").iter_rows(named=True)
    assert (row["verdict"], row["n"], row["breached"], row["for"] or "") == ("breached", 3, 1, who)


def test_counts_that_lose_a_patient_are_a_breach() -> None:
    adam, counts, p = run([OS])
    table = counts["os"]
    assert isinstance(table, EventTable)
    lost = replace(table, missing=table.missing + 1)
    of = assert_study(adam, counts | {"os": lost}, p)
    assert breaches(of, "everyone_is_counted") == [("", "3 with a time, 1 missing, 0 withheld; 3 in the set")]


def test_a_curve_above_the_other_is_a_breach_without_a_name() -> None:
    adam, counts, p = run([DOR, DORREL])
    # the two tables exchanged: from 1 September (day 214) on 1/3 against 2/3, still so on the last day
    of = assert_study(adam, counts | {"dor": counts["dorrel"], "dorrel": counts["dor"]}, p)
    assert breaches(of, "death_lowers_the_curve") == [
        ("", f"day {day}: DOR 0.6667, DORREL 0.3333") for day in (214, 335)
    ]
