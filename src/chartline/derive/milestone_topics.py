"""What an open query must be about to put a milestone in doubt."""

from __future__ import annotations

from chartline.core.query import Topic
from chartline.protocol.base import Milestone
from chartline.protocol.events import DatedEvent
from chartline.protocol.model import Protocol

_SHIPPED: dict[str, frozenset[Topic]] = {
    str(m): frozenset({topic})
    for m, topic in {
        Milestone.BIRTH: Topic.ELIGIBILITY,
        Milestone.FIRST_DOSE: Topic.FIRST_DOSE,
        Milestone.LAST_DOSE: Topic.EXPOSURE,
        Milestone.FIRST_RESPONSE: Topic.RESPONSE,
        Milestone.RELAPSE: Topic.RELAPSE,
        Milestone.TRANSPLANT: Topic.TRANSPLANT,
        Milestone.NEW_THERAPY: Topic.NEW_THERAPY,
        Milestone.DEATH: Topic.DEATH,
        Milestone.LAST_ALIVE: Topic.FOLLOW_UP,
        Milestone.LAST_ASSESSED: Topic.RESPONSE,
        Milestone.OBSERVED_FROM: Topic.FOLLOW_UP,
        Milestone.OBSERVED_UNTIL: Topic.FOLLOW_UP,
    }.items()
}
_OF_DOMAIN: dict[str, frozenset[Topic]] = {
    "AE": frozenset({Topic.ADVERSE_EVENTS}),
    "CM": frozenset({Topic.NEW_THERAPY}),
    "EX": frozenset({Topic.EXPOSURE}),
    "FA": frozenset({Topic.ADVERSE_EVENTS}),
    "LB": frozenset({Topic.BLOOD_COUNTS, Topic.COUNTS}),
    "MH": frozenset({Topic.BASELINE}),
    "PR": frozenset({Topic.TRANSPLANT}),
    "RS": frozenset({Topic.RESPONSE}),
}
# A failure is no response, by a day counted from doses, in who was known to be alive that day.
_FAILURE = frozenset({Topic.RESPONSE, Topic.EXPOSURE, Topic.DEATH, Topic.FOLLOW_UP})


def milestone_topics(milestone: str, protocol: Protocol) -> frozenset[Topic]:
    """Return the topics that a milestone rests on; of a study's own, with those of the milestones it names."""
    if milestone in _SHIPPED:
        return _SHIPPED[milestone]
    event: DatedEvent = protocol.milestones[milestone]
    first_dose = frozenset({Topic.FIRST_DOSE})
    if event.no_response_by is not None:
        return _FAILURE | first_dose
    named = (*event.first_of, *([event.unless_after] if event.unless_after else ()))
    if event.source is not None or "after" in event.model_fields_set:
        named = (*named, event.after)
    own = _OF_DOMAIN.get(event.source or "", frozenset())
    return own.union(first_dose, *(milestone_topics(m, protocol) for m in named))
