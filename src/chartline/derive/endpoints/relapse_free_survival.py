"""Relapse-free survival: from the first response to relapse or death from any cause.

Population: responders. The origin is the first response, as ELN defines it; a protocol may count from the first dose
instead (`origin: first_dose`), which makes the time longer by the time to remission: never set the two side by side.
Patients in continuous remission are censored when last known alive. Transplantation and new therapy do not end the
observation unless `censor_at` names them.
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Relapse-free survival",
    origin=Milestone.FIRST_RESPONSE,
    events=(Milestone.RELAPSE, Milestone.DEATH),
)
