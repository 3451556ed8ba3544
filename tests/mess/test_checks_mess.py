"""Data that no check was written for: nothing raises, nothing is asked twice."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.checks.engine import check_data
from chartline.cohort.select import select_cohort
from chartline.core.clinical import ClinicalData, clinical_data, schema, variables
from chartline.protocol.model import Protocol
from checks_cases import of_small_tables
from truth_data import tiny


@pytest.fixture
def reference_protocol(reference_protocol: Protocol) -> Protocol:
    """The example's protocol; what these small tables lack is asked in `test_checks_completeness.py`."""
    return of_small_tables(reference_protocol)


def test_no_data_at_all(reference_protocol: Protocol) -> None:
    assert check_data(clinical_data({}), reference_protocol) == []


@pytest.mark.parametrize("domain", list(variables()))
def test_a_record_that_says_nothing(reference_protocol: Protocol, domain: str) -> None:
    data = tiny(**{domain: "USUBJID\nP1", "DM": "USUBJID | SEX\nP1 | F"})
    rules = [
        q.rule for q in check_data(data, reference_protocol) if q.rule not in ("subject_untreated", "date_missing")
    ]
    assert rules == (["dose_undated"] if domain == "EX" else [])


def test_data_without_origins_are_still_placed(reference_protocol: Protocol) -> None:
    row = {"CENTRE": "A", "USUBJID": "P1", "SEQ": 1, "BLOCK": 0, "ROW": 0, "AETERM": "Nausea", "AETOXGR": 9}
    data = clinical_data({"AE": pl.DataFrame([row])})
    assert ("AE!row 0!AETOXGR",) in [q.addresses for q in check_data(data, reference_protocol)]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "-5"])
def test_numbers_that_are_none(reference_protocol: Protocol, value: str) -> None:
    lb = f"USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN\nP1 | PLT | 2020-01-02 | x | {value}"
    ex = "USUBJID | EXSTDTC | EXDOSM2\nP1 | 2020-01-01 | 0.8"
    data = tiny(DM="USUBJID | SEX | BSA\nP1 | F | 0", EX=ex, LB=lb, SS="USUBJID | LKADTC\nP1 | 2021-01-01")
    assert [q.rule for q in check_data(data, reference_protocol)] == ["bsa_implausible", "lab_implausible"]


@pytest.mark.parametrize("age", ["1e30", "inf"])
def test_an_age_that_no_whole_number_holds(reference_protocol: Protocol, age: str) -> None:
    data = tiny(
        DM=f"USUBJID | BRTHDTC | AGE\nP1 | 1980-05-01 | {age}\nP2 |  | {age}",
        EX="USUBJID | EXSTDTC | EXDOSM2\nP1 | 2020-01-01 | 0.8\nP2 | 2020-01-01 | 0.8",
    )
    [asked] = [q for q in check_data(data, reference_protocol) if q.rule == "age_mismatch"]
    assert asked.subject == "P1" and "gives an age of 39 at first dose" in asked.message
    of = dict(select_cohort(data, reference_protocol, (), "").subjects.select("USUBJID", "AGE").iter_rows())
    assert of == {"P1": 39, "P2": None}


def test_a_test_that_the_vocabulary_does_not_know(reference_protocol: Protocol) -> None:
    rows = "\n".join(f"P1 | LDH | 2020-01-{d:02} | {v} | {v}" for d, v in enumerate((200, 210, 2000, 190), 1))
    data = tiny(
        DM="USUBJID | SEX\nP1 | F",
        EX="USUBJID | EXSTDTC | EXDOSM2\nP1 | 2020-01-01 | 0.8",
        SS="USUBJID | LKADTC\nP1 | 2021-01-01",
        LB="USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN\n" + rows,
    )
    assert [q.rule for q in check_data(data, reference_protocol)] == ["isolated_jump"]


def test_the_same_number_at_two_centres_is_two_patients(reference_protocol: Protocol) -> None:
    data = tiny(
        DM="CENTRE | USUBJID | SEX\nA | P1 | F\nB | P1 | M",
        EX="CENTRE | USUBJID | EXSTDTC | EXDOSM2\nA | P1 | 2020-01-01 | 0.8\nB | P1 | 2020-01-01 | 0.8",
        SS="CENTRE | USUBJID | LKADTC | RELDTC\nA | P1 | 2021-01-01 | \nB | P1 | 2021-01-01 | 2019-01-01",
    )
    assert [(q.centre, q.rule) for q in check_data(data, reference_protocol)] == [("B", "relapse_order")]


_DATES = [
    "2019-12-31",
    "2020-01-01",
    "2020-01",
    "2020",
    "2019-11-01/2020-02-01",
    "2031-01-01",
    "1890",
    "2020-02-30",
    None,
]
_CODES = ["Y", "N", "CR", "CRi", "PR", "BEFORE", "AFTER", "PLT", "BILI", "ALLOGENEIC HSCT", "NEGATIVE", "U", "", None]
_CODES += ["INOTUZUMAB OZOGAMICIN"]


def _value(draw: st.DrawFn, name: str, dtype: pl.DataType, kind: str) -> object:
    if name.endswith("_OP"):
        return draw(st.sampled_from(["<", ">=", None]))
    if kind == "date":
        return draw(st.sampled_from(_DATES))
    if dtype == pl.Float64():
        return draw(st.sampled_from([0.0, -1.0, 5.0, 7e4, float("inf"), None]))
    if dtype == pl.Int64():
        return draw(st.sampled_from([0, 1, 2, 9, None]))
    return draw(st.sampled_from(_CODES))


@st.composite
def anything(draw: st.DrawFn) -> ClinicalData:
    frames = {}
    for domain, named in variables().items():
        types = schema(domain)
        rows = []
        for seq in range(draw(st.integers(0, 3))):
            keys = {"CENTRE": "A", "USUBJID": draw(st.sampled_from(["P1", "P2"])), "SEQ": seq, "BLOCK": 0, "ROW": seq}
            values = {
                n: _value(draw, n, t, named[n].type if n in named else "") for n, t in types.items() if n not in keys
            }
            rows.append(keys | values)
        if rows:
            frames[domain] = pl.DataFrame(rows, schema=types)
    return clinical_data(frames)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # which hides what failed
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=anything())
def test_whatever_is_in_the_data(reference_protocol: Protocol, data: ClinicalData) -> None:
    every = reference_protocol.model_copy(update={"checks": {}})
    queries = check_data(data, every)
    assert queries == check_data(data, every)
    assert len({q.id for q in queries}) == len(queries)
    assert all(q.addresses and q.saw and q.message and q.ask and q.topics for q in queries)
