"""definitions.json: what the derived values of a run mean, for whoever looks at single patients once it has finished.

In: the protocol and the derived tables. Out: plain data: the study, its drug, the response rule set with its
categories and the thresholds that a picture draws, and for every derived value its label and the rule set (with
version) that made it. A finished run is explained from its out folder alone, so this lies there.
"""

from __future__ import annotations

from typing import Any

from chartline.core.query import Topic
from chartline.core.study_days import NO_STUDY_DAYS, StudyDays
from chartline.derive.grading_scale import describe_scale
from chartline.derive.model import Adam
from chartline.derive.mrd_rules import load_mrd_rules
from chartline.derive.response_rules import CountRule, Measure, ResponseRules, load_rules, responders_of
from chartline.derive.rule_set import RuleSet
from chartline.derive.syndrome_rules import load_syndrome
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_compared

_TOXIC = frozenset({Topic.LIVER, Topic.BLOOD_COUNTS, Topic.ADVERSE_EVENTS})
_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "="}


def definitions_of(protocol: Protocol, adam: Adam, study_days: StudyDays = NO_STUDY_DAYS) -> dict[str, Any]:
    """Return the definitions of a run as plain data (JSON)."""
    rules, mrd = load_rules(protocol.response.criteria), load_mrd_rules(protocol.mrd.definition)
    return {
        "study": {"id": protocol.study.id, "title": protocol.study.title, "notice": protocol.study.notice},
        "cut_off": protocol.data.cut_off.isoformat() if protocol.data.cut_off else None,
        "centres": {c.id: c.label or c.id for c in protocol.data.centres},
        "days_from": {c: {e: day.isoformat() for e, day in of.items()} for c, of in study_days.events.items()},
        "day_0": protocol.index_rows.event,
        "drug": protocol.treatment.label if protocol.treatment else None,
        "response": {
            "rules": named(rules),
            "categories": rules.labels,
            "order": list(rules.best),
            "responders": list(responders_of(protocol.response)),
            "not_evaluable": rules.not_evaluable,
            "investigator": rules.investigator,
        },
        "thresholds": _thresholds(rules),
        "mrd": {"rules": named(mrd), "sensitivity": mrd.sensitivity.threshold},
        "grading": describe_scale(protocol.laboratory.grading),
        "values": _values(protocol, adam),
    }


def named(rules: RuleSet) -> str:
    """Return `INO-VATE, version 2`: a rule set as it is named beside a value."""
    return f"{rules.label}, version {rules.version}"


def _thresholds(rules: ResponseRules) -> dict[str, list[dict[str, Any]]]:
    """Return variable or test -> the lines to draw: the blasts that its responses ask for, the counts of recovery."""
    out: dict[str, list[dict[str, Any]]] = {}
    asked = [r for c in rules.categories if c.code in rules.responders for r in c.requires if isinstance(r, Measure)]
    counted = [r for r in next(iter(rules.counts.values()), ()) if isinstance(r, CountRule)]
    lines: list[tuple[str, Measure | CountRule]] = [*((r.variable, r) for r in asked), *((r.test, r) for r in counted)]
    for name, rule in lines:
        line = {"operator": _SIGNS[rule.operator], "threshold": rule.threshold, "unit": rule.unit}
        if line not in out.setdefault(name, []):
            out[name].append(line)
    return out


def _values(protocol: Protocol, adam: Adam) -> dict[str, dict[str, str]]:
    """Return item -> label and rule set, of every derived value that is explained."""
    out = {}
    for table, names in (("ADSL", adam["ADSL"].columns), ("ADTTE", [e.id for e in protocol.endpoints])):
        for name in names:
            if name in adam.labels:
                out[f"{table}.{name}"] = {"label": adam.labels[name], "rules": _rules(name, protocol, adam)}
    return out | {
        f"ELIG.{c.id}": {"label": f"Eligibility: {c.label}", "rules": "the protocol"} for c in protocol.eligibility
    }


def _rules(name: str, protocol: Protocol, adam: Adam) -> str:
    """By which rule set a variable is derived: by its topics, as blocking queries know it."""
    topics = adam.topics.get(name, frozenset())
    variant = name.partition("_")[2]
    base = name.partition("_")[0]
    if base in protocol.syndromes:
        return named(load_syndrome(protocol.syndromes[base].criteria, f"syndromes.{base}.criteria"))
    if variant in protocol.laboratory_variants:
        return describe_scale(protocol.laboratory_variants[variant].grading)
    if name in protocol.safety_flags or (topics & _TOXIC and Topic.RESPONSE not in topics):
        return describe_scale(protocol.laboratory.grading)
    if Topic.MRD in topics:
        compared = [d for d in mrd_compared(protocol) if name.startswith(f"MRD_{d.upper()}_")]
        return named(load_mrd_rules(compared[0] if compared else protocol.mrd.definition))
    if Topic.RESPONSE in topics and not name.startswith("HSCT"):
        choice = protocol.response_variants.get(variant, protocol.response)
        return named(load_rules(choice.criteria))
    return "the protocol"
