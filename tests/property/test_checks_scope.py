"""Checks of scope `subject` ask the same whether subjects are checked together or in any parts.

The parts are the same ClinicalData with fewer rows, as a partition of a large study reads them; centres are cut across.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.checks.engine import Scope, check_data, rules
from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.derive.graded_values import grade_by
from chartline.protocol.model import Protocol
from checks_studies import FAULTS, study, text
from truth_data import tiny


def asked(data: ClinicalData, protocol: Protocol, scope: Scope | None) -> list[Query]:
    return check_data(data, protocol, (0, 14), grade_by(protocol), scope=scope)


def part(data: ClinicalData, subjects: set[str]) -> ClinicalData:
    """The same data with the records of some subjects only."""
    frames = {d: f.filter(pl.col("USUBJID").is_in(list(subjects))) for d, f in data.domains.items()}
    return ClinicalData(frames, data.origins, study_days=data.study_days)


def split(data: ClinicalData, parts: int, seed: int) -> list[ClinicalData]:
    """Cut the subjects into so many parts at random; a part may be empty."""
    r = random.Random(seed)
    everyone = sorted({s for f in data.domains.values() for s in f["USUBJID"].unique()})
    home = {s: r.randrange(parts) for s in everyone}
    return [part(data, {s for s in everyone if home[s] == n}) for n in range(parts)]


def in_order(queries: list[Query]) -> list[Query]:
    return sorted(queries, key=lambda q: (q.centre, q.subject, q.rule, q.addresses))


def assert_parts_ask_the_same(data: ClinicalData, protocol: Protocol, parts: int, seed: int) -> list[Query]:
    """Compare whole queries, not their ids alone: severity, words and quotations too."""
    pooled = asked(data, protocol, Scope.SUBJECT)
    assert in_order([q for p in split(data, parts, seed) for q in asked(p, protocol, Scope.SUBJECT)]) == pooled
    every = asked(data, protocol, None)
    assert in_order([*pooled, *asked(data, protocol, Scope.STUDY)]) == every
    return every


def broken(seed: int) -> ClinicalData:
    """A small study with many faults, each at a patient of its own as far as there are patients."""
    tables = study(seed, patients=20)
    people = sorted({str(row["USUBJID"]) for row in tables["DM"] if row["CENTRE"] == "A"})
    r = random.Random(seed)
    for name in r.sample(sorted(FAULTS), 12):
        try:
            FAULTS[name](tables, r.choice(people))
        except (IndexError, ValueError):  # an earlier fault took away what this one changes
            continue
    return tiny(**{d: text(rows) for d, rows in tables.items() if rows})


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), parts=st.integers(2, 5))
def test_broken_studies(reference_protocol: Protocol, seed: int, parts: int) -> None:
    assert_parts_ask_the_same(broken(seed), reference_protocol, parts, seed)


@cache
def example() -> ClinicalData:
    from chartline.pipeline import read_study

    return read_study(Path(__file__).parents[2] / "examples" / "inotuzumab-india", use_answers=False).data


def test_the_example_with_every_planted_error(reference_protocol: Protocol) -> None:
    queries = assert_parts_ask_the_same(example(), reference_protocol, 5, seed=5)
    assert len({q.rule for q in queries}) > 15


def test_one_subject_at_a_time(reference_protocol: Protocol) -> None:
    data = example()
    everyone = sorted({s for f in data.domains.values() for s in f["USUBJID"].unique()})
    alone = [q for s in everyone for q in asked(part(data, {s}), reference_protocol, Scope.SUBJECT)]
    assert in_order(alone) == asked(data, reference_protocol, Scope.SUBJECT)


def test_either_scope_has_its_rules(reference_protocol: Protocol) -> None:
    data = broken(1)
    for scope in Scope:
        found = {q.rule for q in asked(data, reference_protocol, scope)}
        assert found
        assert all(rules()[r][0].scope is scope for r in found)
