"""Event-free survival, the failure on the day it was established: from the first dose to treatment failure, relapse or
death from any cause.

Population: everyone treated. Failure is no CR or CRi by a landmark fixed before the data are seen, dated at the
assessment that established it (or at the landmark); the protocol declares it as the milestone `failed`. Which
landmark, and on which day the failure counts, moves the median so much that single-arm results can be reversed (Blood
Adv 2019;3:1714 [S]); `event_free_survival_eln2022` is the other form, and a report should print both. Patients without
an event are censored when last known alive. Transplantation and new therapy do not end the observation unless
`censor_at` names them. Who died before the landmark has the event on the day of death; who was lost before it is
censored.
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

MILESTONES = {"failed": "{label: treatment failure, no_response_by: {cycle: 2}, dated: assessment}"}
ENDPOINT = Endpoint(
    label="Event-free survival",
    origin=Milestone.FIRST_DOSE,
    events=("failed", Milestone.RELAPSE, Milestone.DEATH),
)
