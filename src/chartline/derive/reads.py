"""What of a protocol reads what: variables with where they are read, milestones, and what the checks need not ask for.

In: a protocol. Out: for each ADSL variable the sentences that say where it is read; the milestones that are read; and
whether anything reads the assessments and the amounts of doses, which `check_data` is handed (ADR 0022).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chartline.checks.context import Reads
from chartline.core.query import Topic
from chartline.derive.endpoint import resolve_endpoint
from chartline.derive.subject import adsl_topics
from chartline.derive.syndrome_rules import SyndromeRules, load_syndrome
from chartline.protocol.analyses import Analysis
from chartline.protocol.base import Milestone, dated
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_compared

_NAME = re.compile(r"\b[A-Z][A-Z0-9_]*\b")


def reasons(p: Protocol) -> dict[str, tuple[str, ...]]:
    """Return ADSL variable -> where it is read, in the order of the protocol, each once."""
    out: dict[str, dict[str, None]] = {}
    for sentence, text in _readers(p):
        for name in _NAME.findall(text):
            out.setdefault(name, {})[sentence] = None
    return {name: tuple(said) for name, said in out.items()}


def _readers(p: Protocol) -> Iterator[tuple[str, str]]:
    """Every (who reads, the text in which the names of variables stand)."""
    for c in p.eligibility:
        yield f"Eligibility: {c.label}", c.require
    for s in p.sets.values():
        yield f"Analysis set: {s.label}", s.where
    for a in p.analyses:
        yield f"Analysis: {a.label or a.id}", _words_of(a)
    yield "Table of baseline characteristics", " ".join((*p.report.table1, p.report.table1_by or ""))
    yield "To find a patient who was reported twice", " ".join(p.duplicates.match)
    if p.prior_therapy:
        yield "Earlier therapy", " ".join((p.prior_therapy.first_remission or "", *p.prior_therapy.recorded.values()))
    for event in p.milestones.values():
        yield f"Event: {event.label}", event.where or ""
    for characteristic in p.characteristics.values():
        yield f"Characteristic: {characteristic.label}", " ".join(characteristic.groups.values())


def _words_of(analysis: Analysis) -> str:
    """The values that an analysis declares, without its texts."""
    return analysis.model_dump_json(exclude={"label", "definition", "id"})


def milestones_read(p: Protocol) -> frozenset[str]:
    """Return every milestone that an endpoint, a stop or another milestone reads."""
    found: set[str] = set()
    for e in p.endpoints:
        found |= set(resolve_endpoint(e, p).milestones)
    for response in (p.response, *p.response_variants.values()):
        found |= {str(m) for m in response.before}
    for laboratory in (p.laboratory, *p.laboratory_variants.values()):
        found |= {str(m) for m in laboratory.before}
    for event in p.milestones.values():
        found |= {str(m) for m in (*event.first_of, event.after, event.unless_after) if m}
    for name in p.syndromes:
        found |= {str(m) for m in syndrome(p, name).counted_from}
    return frozenset(found)


def syndrome(p: Protocol, name: str) -> SyndromeRules:
    """Return the criteria of a syndrome that the protocol declares."""
    return load_syndrome(p.syndromes[name].criteria, f"syndromes.{name}.criteria")


def reads_of(p: Protocol) -> Reads:
    """Return what of a patient's chart anything in the protocol reads, of that which a centre may lack."""
    names = {*reasons(p), *(dated(milestone)[0] for milestone in _milestones(p))}
    topics = adsl_topics(p, tuple(mrd_compared(p)))
    about = frozenset[Topic]().union(*(topics.get(name, ()) for name in names))
    rows = list(_rows(p))
    plan = p.treatment is not None and (p.treatment.schedule is not None or p.treatment.max_dose_m2 is not None)
    return Reads(
        assessments=bool(about & {Topic.RESPONSE, Topic.MRD})
        or bool(mrd_compared(p))
        or Milestone.LAST_ASSESSED in _milestones(p)
        or any(domain == "RS" for domain, _ in rows),
        amounts=plan or bool(names & {"CUMDM2", "CUMMG"}) or any("EXDOS" in said for _, said in rows),
    )


def _milestones(p: Protocol) -> frozenset[str]:
    """The milestones that are read, those that only an analysis names (states, intercurrent events) too."""
    known = {*map(str, Milestone), *p.milestones}
    named = {word for a in p.analyses for word in re.findall(r"[a-z][a-z0-9_]*", _words_of(a))}
    return milestones_read(p) | (named & known)


def _rows(p: Protocol) -> Iterator[tuple[str, str]]:
    """(domain, what is read of its rows) of all that the protocol picks from a domain itself."""
    for c in p.characteristics.values():
        yield c.source, f"{c.where or ''} {c.value}"
    for event in (*p.milestones.values(), p.index, p.transplant, p.new_therapy):
        if event is not None and event.source is not None:
            yield event.source, event.where or ""
