"""What of a protocol reads what: the reasons for which an item is asked.

In: a protocol. Out: besides the variables and milestones of `derive/reads.py`, the adverse events and laboratory tests
that are read, with what they are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chartline.core.condition import parse_condition
from chartline.derive.reads import milestones_read as milestones_read
from chartline.derive.reads import reasons as reasons
from chartline.derive.reads import syndrome
from chartline.derive.response_rules import CountRule, load_rules
from chartline.derive.syndrome_rules import (
    Death,
    Event,
    Evidence,
    LabDays,
    LabRatio,
    LabRepeat,
    LabRise,
    LabValue,
    Ongoing,
    SyndromeRules,
)
from chartline.mapping.words import tests
from chartline.protocol.base import Milestone
from chartline.protocol.lab_terms import terms_of
from chartline.protocol.model import Protocol
from chartline.protocol.toxicity import LabComponent

_ABOUT_RELAPSE = ("RELFL", "RELDT", "RECRELFL", "RECRELDT")


def reads_relapse(p: Protocol) -> bool:
    """Whether anything reads the relapse that the centre recorded."""
    return Milestone.RELAPSE in milestones_read(p) or any(name in reasons(p) for name in _ABOUT_RELAPSE)


def evidence(p: Protocol) -> Iterator[tuple[SyndromeRules, Evidence]]:
    """Every kind of evidence that the declared syndromes read."""
    for name in p.syndromes:
        rules = syndrome(p, name)
        for item in rules.items.values():
            for part in item.any_of:
                yield rules, part


def adverse_event_terms(p: Protocol) -> dict[str, tuple[str, ...]]:
    """Return term of an adverse event, small letters -> what reads it."""
    out: dict[str, dict[str, None]] = {}
    for flag in p.safety_flags.values():
        for component in flag.any_of:
            group = component.unless_all_unrelated if isinstance(component, LabComponent) else component.group
            for term in p.ae_groups.get(group, ()) if group else ():
                out.setdefault(term.lower(), {})[flag.label] = None
    for rules, part in evidence(p):
        for term in part.event if isinstance(part, Event) else part.ongoing if isinstance(part, Ongoing) else ():
            out.setdefault(term.lower(), {})[rules.label] = None
    return {term: tuple(said) for term, said in out.items()}


def reads_cause_of_death(p: Protocol) -> tuple[str, ...]:
    """Return the labels of the syndromes that read the cause of death."""
    return tuple(dict.fromkeys(rules.label for rules, part in evidence(p) if isinstance(part, Death)))


def tests_read(p: Protocol, response: bool) -> dict[str, tuple[str, ...]]:
    """Return laboratory test -> what it is for. `response`: whether response is derived."""
    out: dict[str, dict[str, None]] = {}
    for test, why in _test_uses(p, response):
        out.setdefault(test, {})[why] = None
    return {test: tuple(said) for test, said in out.items()}


def _test_uses(p: Protocol, response: bool) -> Iterator[tuple[str, str]]:
    for choice in (p.response, *p.response_variants.values()) if response else ():
        rules = load_rules(choice.criteria)
        for rule in (r for several in rules.counts.values() for r in several if isinstance(r, CountRule)):
            yield rule.test, f"Recovery of blood counts ({rules.label})"
    yield from graded_tests(p)
    for flag_label, where in _conditions_on_tests(p):
        yield where, flag_label
    yield from (("BILI", why) for why in reasons(p).get("HSCTBILI", ()))


def graded_tests(p: Protocol) -> Iterator[tuple[str, str]]:
    """Every (test, what for) that needs the limits of normal."""
    for flag in p.safety_flags.values():
        for component in flag.any_of:
            for test, _ in terms_of(component.tests) if isinstance(component, LabComponent) else ():
                yield test, flag.label
    for test, _ in terms_of(p.report.lab_tests):
        yield test, "Table of laboratory grades"
    for rules, part in evidence(p):
        for test in _tests_of(part):
            yield test, rules.label


def _tests_of(part: Evidence) -> Iterable[str]:
    if isinstance(part, LabValue):
        return part.lab
    if isinstance(part, LabRatio):
        return part.ratio
    if isinstance(part, LabRise):
        return (part.rise,)
    if isinstance(part, LabDays):
        return (part.days_of,)
    return (part.repeated,) if isinstance(part, LabRepeat) else ()


def _conditions_on_tests(p: Protocol) -> Iterator[tuple[str, str]]:
    """Every (what for, test) of conditions on rows of LB."""
    rows = [(c.label, c.where) for c in p.characteristics.values() if c.source == "LB"]
    rows += [(e.label, e.where) for e in p.milestones.values() if e.source == "LB"]
    rows += [(p.index.label, p.index.where)] if p.index is not None and p.index.source == "LB" else []
    for label, where in rows:
        for name, value in parse_condition(where).comparisons if where else ():
            if name == "LBTESTCD" and value in tests():
                yield label, str(value)
