"""What must hold for any data: order does not matter, parts give the whole, and every reason has a cell."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from chartline.assertions.engine import assert_study
from chartline.cohort.model import Cohort
from chartline.cohort.select import select_cohort
from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day, last_day
from chartline.counts.count import count_analyses
from chartline.derive.derive import derive_all
from chartline.derive.endpoint import shipped_endpoints
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol
from derive_cases import derive, eligible, lean, protocol, variants
from truth_data import tiny

TABLES = ("ADSL", "ADEX", "ADRS", "ADLB", "ADAE", "ADTOX", "ADCYC", "ADTTE", "ADSYN", "ADCOMP")


def _same(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    return a.sort(a.columns).equals(b.sort(b.columns))


def _shuffled(data: ClinicalData, seed: int) -> ClinicalData:
    frames = {d: f.sample(fraction=1, shuffle=True, seed=seed) for d, f in data.domains.items()}
    return replace(data, domains=frames)


def _part(data: ClinicalData, cohort: Cohort, subjects: list[str]) -> tuple[ClinicalData, Cohort]:
    mine = pl.col("USUBJID").is_in(subjects)
    part = replace(data, domains={d: f.filter(mine) for d, f in data.domains.items()})
    return part, replace(cohort, subjects=cohort.subjects.filter(mine))


@pytest.mark.shared
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_does_not_matter(truth_data: ClinicalData, reference_protocol: Protocol, seed: int) -> None:
    def run(data: ClinicalData) -> tuple[Cohort, Adam]:
        cohort = select_cohort(data, reference_protocol, [], "digest")
        return cohort, derive_all(data, cohort, reference_protocol, [])

    cohort, adam = run(truth_data)
    cohort2, adam2 = run(_shuffled(truth_data, seed))
    assert cohort.attrition == cohort2.attrition and cohort.subjects.equals(cohort2.subjects)
    assert [t for t in TABLES if not _same(adam[t], adam2[t])] == []
    assert _same(adam.trace, adam2.trace)


@pytest.mark.shared
def test_the_parts_give_the_whole(truth_data: ClinicalData, reference_protocol: Protocol) -> None:
    cohort = select_cohort(truth_data, reference_protocol, [], "digest")
    whole = derive_all(truth_data, cohort, reference_protocol, [])
    subjects = cohort.subjects["USUBJID"].to_list()
    parts = [derive_all(*_part(truth_data, cohort, subjects[i::3]), reference_protocol, []) for i in range(3)]
    for name in TABLES:
        assert _same(pl.concat([p[name] for p in parts]), whole[name]), name
    assert _same(pl.concat([p.trace for p in parts]), whole.trace)


@pytest.mark.shared
def test_every_reason_names_a_row_that_exists(truth_data: ClinicalData, reference_protocol: Protocol) -> None:
    cohort = select_cohort(truth_data, reference_protocol, [], "digest")
    trace = pl.concat([cohort.trace, derive_all(truth_data, cohort, reference_protocol, []).trace])
    assert trace["BECAUSE"].null_count() == 0
    for (domain,), rows in trace.filter(pl.col("SRCDOM").is_not_null()).group_by("SRCDOM"):
        known = truth_data[str(domain)].select("CENTRE", "USUBJID", pl.col("SEQ").alias("SRCSEQ"))
        assert rows.join(known, on=["CENTRE", "USUBJID", "SRCSEQ"], how="anti").is_empty(), domain
        assert set(rows["SRCVAR"]) <= set(truth_data[str(domain)].columns), domain


@pytest.mark.shared
def test_every_value_of_a_treated_subject_has_a_reason(truth_data: ClinicalData, reference_protocol: Protocol) -> None:
    cohort = select_cohort(truth_data, reference_protocol, [], "digest")
    adam = derive_all(truth_data, cohort, reference_protocol, [])
    explained = pl.concat([cohort.trace, adam.trace])
    told = set(explained.select("ITEM", "USUBJID").unique().iter_rows())
    plain = {"CENTRE", "USUBJID", "SITEID", "SUBJID", "ELIGREAS", "DUPOF"}
    names = [c for c in adam["ADSL"].columns if c not in plain and not c.endswith("DTF")]
    assert [(n, s) for n in names for s in adam["ADSL"]["USUBJID"] if (f"ADSL.{n}", s) not in told] == []
    times = adam["ADTTE"].select("PARAMCD", "USUBJID").iter_rows()
    assert [t for t in times if (f"ADTTE.{t[0]}", t[1]) not in told] == []


days = st.integers(0, 400)


@st.composite
def histories(draw: st.DrawFn) -> dict[str, str]:
    """One patient with any follow-up at all, the dates in any order, some of them partial."""

    def date(flag: str = "Y") -> str:
        if not draw(st.booleans()):
            return ""
        day = f"{pl.Series([draw(days) + 18262]).cast(pl.Date)[0]}"  # from 2020-01-01
        return day[: draw(st.sampled_from([10, 10, 7, 4]))]

    relapse, death, alive = date(), date(), date()
    ss = f"USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL|DTHDTC\nP1|{'Y' if relapse else 'N'}|{relapse}|{alive}|"
    ss += f"{'Y' if death else 'N'}|{death}"
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\n"
    for cycle in range(1, draw(st.integers(1, 3)) + 1):
        rs += f"P1|{date()}|{cycle}|{draw(st.sampled_from(['1', '5', '30', '']))}|0|ABSENT\n"
    pr = f"USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|{draw(st.sampled_from(['AFTER', '']))}|{date()}"
    return {"EX": "USUBJID|EXSTDTC\nP1|2020-03-01", "SS": ss, "RS": rs, "PR": pr}


@settings(max_examples=8, deadline=None)
@given(histories())
def test_any_history_gives_a_time_or_a_reason(tables: dict[str, Any]) -> None:
    adam = derive(tables)
    member = {"OS": True, "DOR": adam["ADSL"]["RESPFL"][0] == "Y"}
    for code, inside in member.items():
        rows = adam["ADTTE"].filter(pl.col("PARAMCD") == code)
        out = adam.withheld.filter(pl.col("ITEM") == f"ADTTE.{code}")
        assert rows.height + out.height == int(inside)
        assert (rows["AVAL"] >= 0).all()
    _dates_are_recorded(adam, eligible(tiny(**tables)))


@st.composite
def sound_charts(draw: st.DrawFn) -> dict[str, str]:
    """Several patients whose charts do not contradict themselves: every event by the last contact, death last."""
    tables = {
        "EX": "USUBJID|EXSTDTC|EXCYCLE\n",
        "RS": "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|INVRESP\n",
        "SS": "USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL|DTHDTC\n",
        "PR": "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\n",
        "CM": "USUBJID|CMCAT|CMTRT|CMSTDTC\n",
        "LB": "USUBJID|LBTESTCD|LBDTC|LBSTRESN\n",
    }
    for i in range(1, draw(st.integers(2, 8)) + 1):
        end = draw(st.integers(20, 400))

        def day(n: int) -> str:
            return str(pl.Series([18322 + n]).cast(pl.Date)[0])  # from the first dose on 1 March 2020

        def some(low: int, high: int) -> int:
            return draw(st.integers(min(low, high), high))

        response = some(1, end)
        relapse = some(response, end) if draw(st.booleans()) else None
        dead = draw(st.booleans())
        tables["EX"] += "".join(f"P{i}|{day(d)}|{c}\n" for c, d in enumerate((0, min(28, end)), 1))
        blasts = draw(st.sampled_from(["1", "30"]))
        tables["RS"] += f"P{i}|{day(response)}|1|{blasts}|0|ABSENT|{'PD' if blasts == '30' else 'CR'}\n"
        told = "" if relapse is None else day(relapse)[: draw(st.sampled_from([10, 10, 7]))]
        tables["SS"] += f"P{i}|{'N' if relapse is None else 'Y'}|{told}|{day(end)}|{'Y' if dead else 'N'}|"
        tables["SS"] += f"{day(end) if dead else ''}\n"
        if draw(st.booleans()):
            tables["PR"] += f"P{i}|ALLOGENEIC HSCT|Y|AFTER|{day(some(1, end))}\n"
        if draw(st.booleans()):
            tables["CM"] += f"P{i}|SUBSEQUENT THERAPY|CAR-T|{day(some(1, end))}\n"
        tables["LB"] += f"P{i}|ANC|{day(some(1, end))}|{draw(st.sampled_from(['0.4', '0.5', '2']))}\n"
    return tables


@cache
def _every_endpoint() -> Protocol:
    """A protocol with every shipped endpoint, and the milestones that their pages ask for."""
    milestones: dict[str, Any] = {}
    endpoints, analyses = [], []
    for n, use in enumerate(shipped_endpoints()):
        of = getattr(import_module(f"chartline.derive.endpoints.{use}"), "MILESTONES", {})
        milestones |= {name: YAML(typ="safe").load(text) for name, text in of.items()}
        endpoints.append({"id": f"E{n}", "use": use, "population": "treated"})
        analyses.append({"id": f"e{n}", "kind": "cumulative_incidence", "label": use, "endpoint": f"E{n}"})
        analyses.append({"id": f"s{n}", "kind": "survival", "label": use, "endpoint": f"E{n}"})
    only_relapse = {"id": "REL", "use": "relapse_free_survival", "population": "treated", "events": ["relapse"]}
    late = {"id": "MID", "use": "relapse_free_survival", "assessed_every_days": 30, "missed_assessments": "midpoint"}
    bare = {"headline": {}, "published": (), "report": {}, "multiverse": None}
    analyses.append({"id": "rel", "kind": "survival", "label": "x", "endpoint": "REL"})
    own = {"milestones": milestones, "endpoints": [*endpoints, only_relapse, late], "analyses": analyses}
    return protocol(**lean() | {key: {} for key in variants()} | own | bare)


@settings(max_examples=10, deadline=None)
@given(sound_charts(), st.integers(1, 3))
def test_sound_charts_hold_every_assertion_and_their_parts_give_the_whole(tables: dict[str, str], parts: int) -> None:
    p = _every_endpoint()
    data = eligible(tiny(**tables))
    cohort = select_cohort(data, p, [], "digest")
    whole = derive_all(data, cohort, p, [])
    counts = count_analyses(whole, cohort.attrition, p, "digest")
    of = assert_study(whole, counts, p)
    assert [(v.assertion.id, v.on, v.breaches) for v in of if v.verdict == "breached"] == []
    subjects = cohort.subjects["USUBJID"].to_list()
    split = [derive_all(*_part(data, cohort, subjects[i::parts]), p, []) for i in range(parts)]
    for name in TABLES:
        assert _same(pl.concat([s[name] for s in split]), whole[name]), name


def _dates_are_recorded(adam: Adam, data: ClinicalData) -> None:
    """Every derived date lies within what a recorded date can mean."""
    for r in adam["ADTTE"].iter_rows(named=True):
        if r["CAUSE"] == "failed" and r["SRCDOM"] == "EX":  # on a landmark, so many days after that dose
            continue
        source = data[r["SRCDOM"]].filter(pl.col("SEQ") == r["SRCSEQ"])
        low, high = source.select(first_day(r["SRCVAR"]), last_day(r["SRCVAR"]).alias("high")).row(0)
        assert low <= r["ADT"] <= high, r
        assert (r["ADTF"] is None) == (low == high)


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"DM": "USUBJID|SEX\nP1|M"},
        {"EX": "USUBJID|EXSTDTC\nP1|"},
        {"EX": "USUBJID|EXSTDTC\nP1|2020-01-01"},
        {"SS": "USUBJID|DTHFL\nP1|Y", "AE": "USUBJID|AETERM\nP9|Nausea", "LB": "USUBJID|LBTESTCD|LBSTRESN\nP9|ALT|3"},
    ],
)
def test_almost_nothing_still_gives_every_table(tables: dict[str, str]) -> None:
    data = tiny(**tables)
    p = protocol()
    cohort = select_cohort(data, p, [], "digest")
    adam = derive_all(data, cohort, p, [])
    assert set(adam.tables) == {*TABLES, "ADTTEB"}
    assert adam["ADSL"].height == cohort.attrition.screened
    assert adam["ADSL"]["NDOSE"].null_count() == 0
