"""The rule sets a protocol uses: what the methods section names and warns about."""

from __future__ import annotations

from chartline.derive.mrd_rules import load_mrd_rules
from chartline.derive.response_rules import load_rules
from chartline.derive.rule_set import RuleSet
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_compared


def rule_sets_of(protocol: Protocol) -> tuple[RuleSet, ...]:
    """Return every rule set that the protocol's derivations read, each once, in the order of the report."""
    choices = (protocol.response, *protocol.response_variants.values())
    used: list[RuleSet] = [load_rules(choice.criteria) for choice in choices]
    used += [load_mrd_rules(name) for name in (protocol.mrd.definition, *mrd_compared(protocol))]
    return tuple({(type(r), r.name): r for r in used}.values())
