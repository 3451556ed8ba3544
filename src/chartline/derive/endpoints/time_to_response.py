"""Time to response: from the first dose to the first response, death competing.

Population: everyone treated (with `population` a set of responders it is the time that responders took, which can
never be compared between treatments that differ in response). The response is dated on the marrow that showed it. To
be analysed with `kind: cumulative_incidence`. Censored when last known alive. Ours [R]; no guideline was read.
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Time to response",
    origin=Milestone.FIRST_DOSE,
    events=(Milestone.FIRST_RESPONSE, Milestone.DEATH),
)
