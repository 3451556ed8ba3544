"""Non-relapse mortality: from the first response to death without relapse, relapse competing.

Population: responders; after transplantation the same with `origin: transplant`. To be analysed with
`kind: cumulative_incidence`. Patients are censored when last known alive: a death is known without an assessment. With
the same censoring, incidence of relapse + non-relapse mortality + relapse-free survival are one at every time. Source:
ELN 2017 for AML (Blood 2017;129:424) [K].
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Death without relapse, relapse competing",
    origin=Milestone.FIRST_RESPONSE,
    events=(Milestone.RELAPSE, Milestone.DEATH),
)
