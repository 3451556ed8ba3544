"""The rule sets a protocol names: whether they are shipped, and which of them the report names."""

from __future__ import annotations

from chartline.derive.endpoint import resolve_endpoint
from chartline.derive.grading_scale import available_scales, load_scale
from chartline.derive.mrd_rules import available_mrd_rules, load_mrd_rules
from chartline.derive.response_rules import available_rules, load_rules
from chartline.derive.rule_set import RuleSet, available_rule_sets
from chartline.derive.schedule_rules import load_schedule
from chartline.derive.syndrome_rules import available_syndromes, load_syndrome
from chartline.protocol.analyses import MrdRates
from chartline.protocol.base import Milestone
from chartline.protocol.describe import uses_grading, uses_mrd, uses_response
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_compared
from chartline.protocol.place import Place, check_known
from chartline.protocol.response import Response
from chartline.protocol.toxicity import Laboratory


def rule_sets_of(protocol: Protocol) -> tuple[RuleSet, ...]:
    """Return every rule set that what is selected, counted or printed rests on, each once, in the report's order."""
    used: list[RuleSet] = []
    if rests_on_response(protocol):
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


def check_rule_sets(protocol: Protocol, file: str) -> None:
    """Raise `ProtocolError`, with its line, for a rule set that is not shipped or a responder that it does not have."""
    place = Place(file)
    responses: dict[tuple[str, ...], Response] = {("response",): protocol.response}
    responses |= {("response_variants", name): choice for name, choice in protocol.response_variants.items()}
    for at, choice in responses.items():
        check_known(choice.criteria, available_rules(), "response rule set", place.at(*at, "criteria"))
        for code in choice.responders:
            rules = load_rules(choice.criteria)
            check_known(code, rules.best, f"category of {rules.label}", place.at(*at, "responders"))
    check_known(protocol.mrd.definition, available_mrd_rules(), "MRD definition", place.at("mrd", "definition"))
    scales: dict[tuple[str, ...], Laboratory] = {("laboratory",): protocol.laboratory}
    scales |= {("laboratory_variants", name): choice for name, choice in protocol.laboratory_variants.items()}
    for at, laboratory in scales.items():
        check_known(laboratory.grading, available_scales(), "grading scale", place.at(*at, "grading"))
    for name, syndrome in protocol.syndromes.items():
        at_name = place.at("syndromes", name, "criteria")
        check_known(syndrome.criteria, available_syndromes(), "set of criteria", at_name)
    for i, analysis in enumerate(protocol.analyses):
        if isinstance(analysis, MrdRates):
            for name in analysis.definitions.values():
                at_analysis = place.at("analyses", i, "definitions", name=analysis.id)
                check_known(name, available_mrd_rules(), "MRD definition", at_analysis)
    if protocol.treatment and protocol.treatment.schedule:
        known = available_rule_sets("schedules")
        at_schedule = place.at("treatment", "schedule")
        check_known(protocol.treatment.schedule, known, "dosing schedule", at_schedule)
        load_schedule(protocol.treatment, at_schedule)


def rests_on_response(protocol: Protocol) -> bool:
    """Whether anything that is selected, counted or printed is about response, or any time begins or ends with one."""
    return uses_response(protocol) or _times_from_response(protocol)


def _times_from_response(protocol: Protocol) -> bool:
    endpoints = [resolve_endpoint(e, protocol) for e in protocol.endpoints]
    return any(Milestone.FIRST_RESPONSE in e.milestones for e in endpoints)
