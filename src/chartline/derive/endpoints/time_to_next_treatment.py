"""Time to next treatment: from the first dose to the first new anticancer therapy, death competing.

Population: everyone treated. Which rows are a new therapy the protocol's `new_therapy` says; whether a transplantation
is one is its choice (add `transplant` to `events`, before `death`). As a survival analysis the event is new therapy or
death; with `kind: cumulative_incidence` death competes. Censored when last known alive. Ours [R].
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Time to next treatment",
    origin=Milestone.FIRST_DOSE,
    events=(Milestone.NEW_THERAPY, Milestone.DEATH),
)
