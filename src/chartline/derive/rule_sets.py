"""The rule sets a protocol uses: what the methods section names and warns about."""

from __future__ import annotations

from chartline.derive.endpoint import resolve_endpoint
from chartline.derive.grading_scale import load_scale
from chartline.derive.mrd_rules import load_mrd_rules
from chartline.derive.response_rules import load_rules
from chartline.derive.rule_set import RuleSet
from chartline.derive.schedule_rules import load_schedule
from chartline.derive.syndrome_rules import load_syndrome
from chartline.protocol.base import Milestone
from chartline.protocol.describe import uses_grading, uses_mrd, uses_response
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_compared


def rule_sets_of(protocol: Protocol) -> tuple[RuleSet, ...]:
    """Return every rule set that what is selected, counted or printed rests on, each once, in the report's order."""
    used: list[RuleSet] = []
    if uses_response(protocol) or _times_from_response(protocol):
        choices = (protocol.response, *protocol.response_variants.values())
        used += [load_rules(choice.criteria) for choice in choices]
    if uses_mrd(protocol):
        used += [load_mrd_rules(name) for name in (protocol.mrd.definition, *mrd_compared(protocol))]
    schedule = load_schedule(protocol.treatment)
    used += [schedule] if schedule else []
    if uses_grading(protocol):
        scales = (protocol.laboratory, *protocol.laboratory_variants.values())
        used += [load_scale(choice.grading) for choice in scales]
    used += [load_syndrome(s.criteria, f"syndromes.{name}.criteria") for name, s in protocol.syndromes.items()]
    return tuple({(type(r), r.name): r for r in used}.values())


def _times_from_response(protocol: Protocol) -> bool:
    endpoints = [resolve_endpoint(e, protocol) for e in protocol.endpoints]
    return any(Milestone.FIRST_RESPONSE in e.milestones for e in endpoints)
