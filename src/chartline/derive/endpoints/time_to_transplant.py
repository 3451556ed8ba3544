"""Time to transplantation: from the first dose to the first transplantation after it, death competing.

Population: everyone treated. Which rows are a transplantation the protocol's `transplant` says. To be analysed with
`kind: cumulative_incidence`. Censored when last known alive; relapse and new therapy do not end the wait. A
transplantation and a death on one day count as the transplantation. Ours [R].
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Time to transplantation",
    origin=Milestone.FIRST_DOSE,
    events=(Milestone.TRANSPLANT, Milestone.DEATH),
)
