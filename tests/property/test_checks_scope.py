"""Checks ask the same whether subjects are looked at together or in any parts.

The parts are the same ClinicalData with fewer rows, as a partition of a large study reads them; centres are cut across.
What rules of scope `study` gathered of the parts is judged once.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.checks.engine import Asks, Scope, check_data, rules
from chartline.core.clinical import ClinicalData, clinical_data
from chartline.core.query import Query
from chartline.derive.graded_values import grade_by
from chartline.protocol.model import Protocol
from checks_cases import asked_both_ways, asked_in_parts
from checks_studies import FAULTS, study, text
from truth_data import tiny


def asked_in_random_parts(data: ClinicalData, protocol: Protocol, parts: int, seed: int) -> list[Query]:
    """Compare whole queries, not their ids alone: severity, words and quotations too."""
    asks, r = Asks(protocol, (0, 14), grade_by(protocol)), random.Random(seed)
    everyone = sorted({s for f in data.domains.values() for s in f["USUBJID"].unique()})
    home = {s: r.randrange(parts) for s in everyone}
    every = check_data(data, protocol, asks.counts_window, asks.grade)
    assert asked_in_parts(data, asks, home.__getitem__) == every
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
    asked_in_random_parts(broken(seed), reference_protocol, parts, seed)


@cache
def example() -> ClinicalData:
    from chartline.pipeline import read_study

    return read_study(Path(__file__).parents[2] / "examples" / "inotuzumab-india", use_answers=False).data


def test_the_example_with_every_planted_error(reference_protocol: Protocol) -> None:
    queries = asked_in_random_parts(example(), reference_protocol, 5, seed=5)
    assert len({q.rule for q in queries}) > 15
    assert {rules()[q.rule][0].scope for q in queries} == set(Scope)


def test_one_subject_at_a_time(reference_protocol: Protocol) -> None:
    asked_both_ways(example(), Asks(reference_protocol, (0, 14), grade_by(reference_protocol)))


def test_nobody(reference_protocol: Protocol) -> None:
    assert asked_both_ways(clinical_data({}), Asks(reference_protocol, (0, 14))) == []
