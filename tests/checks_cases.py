"""A sound study of two patients over which the tests of data checks lay one wrong table, and its queries by rule.

P1 of every table is sound; P2 breaks the rule. The protocol is the example's unless a test gives its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import polars as pl

from chartline.checks.engine import Asks, check_data, check_part, check_whole, rules
from chartline.checks.model import Seen
from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.core.study_days import StudyDays
from chartline.protocol.model import Protocol
from truth_data import tiny

DOSES = """
    USUBJID | EXSTDTC    | EXCYCLE | EXCYDAY | EXDOSM2 | EXDOSE
    P1      | 2020-01-01 | 1       | 1       | 0.8     | 1.6
    P2      | 2020-01-01 | 1       | 1       | 0.8     | 1.6
"""
PEOPLE = """
    USUBJID | BRTHDTC    | SEX | AGE | BSA
    P1      | 1980-06-01 | F   | 39  | 2.0
    P2      | 1979-08-11 | M   | 40  | 2.0
"""
ALIVE = """
    USUBJID | LKADTC     | DTHFL
    P1      | 2021-01-01 | N
    P2      | 2021-03-01 | N
"""
# What is not in these small tables is not asked where a test is about something else.
COMPLETENESS = (
    *("eligibility_unknown", "baseline_missing", "assessment_incomplete", "assessment_absent", "counts_absent"),
    *("baseline_laboratory_absent", "laboratory_gap", "lines_absent", "follow_up_short", "dose_unquantified"),
    "status_unstated",
)
SOUND = {"DM": PEOPLE, "EX": DOSES, "SS": ALIVE}


def of_small_tables(protocol: Protocol) -> Protocol:
    """Return a protocol without the checks of completeness, for tables that hold only what a test is about."""
    return protocol.model_copy(update={"checks": dict.fromkeys(COMPLETENESS, False)})


def alone(protocol: Protocol, rule: str) -> Protocol:
    """Return a protocol in which one check is on, as it is set there. Rules are independent, and all take long."""
    of_others = {other: False for other in rules() if other != rule}
    return protocol.model_copy(update={"checks": {**protocol.checks, **of_others}})


def asked(protocol: Protocol, rule: str, /, counting_days: bool = False, **tables: str) -> list[Query]:
    """Return the queries of one rule over the sound study with `tables` laid over it; P1 must have none."""
    data = tiny(**{**SOUND, **tables})
    if counting_days:  # centre A gave days, and 2020-01-01 stands for its day 0
        data = replace(data, study_days=StudyDays({"A": {"first dose": dt.date(2020, 1, 1)}}))
    queries = [q for q in asked_both_ways(data, Asks(alone(protocol, rule), (0, 14))) if q.rule == rule]
    assert not [q for q in queries if q.subject == "P1"]
    assert all(q.ask and q.topics and q.message.endswith((".", "?")) for q in queries)
    return queries


def asked_both_ways(data: ClinicalData, asks: Asks) -> list[Query]:
    """Return what is asked of the data, which is the same whether all are looked at at once or each subject alone."""
    queries = check_data(data, asks.protocol, asks.counts_window, asks.grade, asks.centre_checks, asks.reads)
    assert asked_in_parts(data, asks, lambda subject: subject) == queries
    return queries


def asked_in_parts(data: ClinicalData, asks: Asks, part_of: Callable[[str], object]) -> list[Query]:
    """Return what is asked where the subjects of each part are looked at alone, and then what these gathered."""
    parts: dict[object, list[str]] = {}
    for subject in sorted({s for f in data.domains.values() for s in f["USUBJID"].unique()}):
        parts.setdefault(part_of(subject), []).append(subject)
    looked = [check_part(data.of(some), asks) for some in parts.values()] or [check_part(data, asks)]

    def seen(rule: str) -> Seen:
        return {name: pl.concat([part[rule][name] for _, part in looked]).lazy() for name in looked[0][1][rule]}

    whole = check_whole(seen, data, asks, data.of)
    queries = [*(q for found, _ in looked for q in found), *whole]
    return sorted(queries, key=lambda q: (q.centre, q.subject, q.rule, q.addresses))


def rows(head: str, *lines: str) -> str:
    """Return a table for `tiny` from its heading and its lines."""
    return "\n".join([head, *lines])
