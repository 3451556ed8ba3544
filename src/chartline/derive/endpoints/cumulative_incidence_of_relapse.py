"""Cumulative incidence of relapse: from the first response to relapse, death without relapse competing.

Population: responders. To be analysed with `kind: cumulative_incidence` (Aalen-Johansen), whose other event is
non-relapse mortality; never as 1 - Kaplan-Meier, which counts the dead as if they could still relapse. Censored at the
last disease assessment, as ELN 2017 and 2022 for AML have it (Blood 2017;129:424, table 7; Blood 2022;140:1345, table
9) [S]; `last: last_alive` follows patients for as long as they were seen alive. Transplantation does not end the
observation unless `censor_at` names it.
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Relapse, death without relapse competing",
    origin=Milestone.FIRST_RESPONSE,
    events=(Milestone.RELAPSE, Milestone.DEATH),
    last=Milestone.LAST_ASSESSED,
)
