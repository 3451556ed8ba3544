"""A report says where each definition comes from, and how far it was checked there."""

from __future__ import annotations

from dataclasses import replace

from chartline.derive.rule_set import RuleSet
from chartline.report.blocks import rule_sets
from chartline.report.document import Heading, Table
from chartline.trace.listings import rule_set_lines, rule_sets_sentence
from report_cases import empty_source


def rules(label: str, status: str) -> RuleSet:
    head = {"name": label.lower(), "label": label, "version": "2", "source": f"Paper of {label}.\n"}
    return RuleSet.model_validate({**head, "status": status, "verified": f"What was read of {label}.\n"})


USED = (rules("ONE", "verified"), rules("TWO", "partly verified"), rules("THREE", "unverified"))


def test_the_methods_name_what_was_not_read() -> None:
    assert rule_sets_sentence(USED) == (
        "The definitions are from 3 rule sets; read rule by rule in their source: 1; in part: 1; not at all: 1 (THREE)."
        " The section Rule sets names each with its version and what was checked."
    )


def test_every_rule_set_is_a_row() -> None:
    source = replace(empty_source(), rule_sets=rule_set_lines(USED))
    heading, table = rule_sets.build(source)
    assert isinstance(heading, Heading) and isinstance(table, Table)
    assert [tuple(c.text for c in row) for row in table.rows] == [
        ("ONE, version 2", "Verified", "Paper of ONE.", "What was read of ONE."),
        ("TWO, version 2", "Partly verified", "Paper of TWO.", "What was read of TWO."),
        ("THREE, version 2", "Unverified", "Paper of THREE.", "What was read of THREE."),
    ]


def test_a_study_without_rule_sets_has_no_such_section() -> None:
    assert rule_sets.build(empty_source()) == []
