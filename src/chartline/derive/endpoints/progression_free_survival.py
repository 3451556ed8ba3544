"""Progression-free survival as INO-VATE: from the first dose to relapse, progression, new induction therapy or
transplantation without CR or CRi, or death from any cause.

Population: everyone treated. [K] The trial's own text was not available: that a new therapy or a transplantation
without a response is an event is from memory, and so is that global deterioration without numbers counts as
progression (declare it with `pd` where charts record it). Because of that event it is not relapse-free survival: never
set the two side by side. The trial counts from randomisation. Censored at the last disease assessment. The protocol
declares the milestones `pd` (progression) and `switch` (other therapy without response).
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

MILESTONES = {
    "pd": "{label: progression, from: RS, where: \"INVRESP == 'PD'\"}",
    "switch": "{label: other therapy without response, first_of: [transplant, new_therapy], "
    "unless_after: first_response}",
}
ENDPOINT = Endpoint(
    label="Progression-free survival",
    origin=Milestone.FIRST_DOSE,
    events=(Milestone.RELAPSE, "pd", "switch", Milestone.DEATH),
    last=Milestone.LAST_ASSESSED,
)
