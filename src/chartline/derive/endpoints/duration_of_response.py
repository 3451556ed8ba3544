"""Duration of response: from the first response to relapse or death from any cause.

Population: responders. The response is dated on the marrow that showed it. Patients in continuous remission are
censored when last known alive. Transplantation and new therapy do not end the observation (treatment policy);
`censor_at` gives the sensitivity analyses that censor there. A relapse dated to a month only falls on the day that
the protocol's policy says, and is flagged.
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Duration of response",
    origin=Milestone.FIRST_RESPONSE,
    events=(Milestone.RELAPSE, Milestone.DEATH),
)
