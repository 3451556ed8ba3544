"""Event-free survival as ELN 2022, the failure on day 1: from the first dose to treatment failure, relapse or death
from any cause.

Population: everyone treated. Who was assessed and reached no response by the landmark has the event on day 1 (a time
of 0), and so has who died before the landmark without a response. Who is alive and was never assessed is censored on
day 1, everyone else without an event on the day last assessed. The curve drops at time 0 by the share of failures, so
its median says little where fewer than half respond. Source: ELN 2022 for AML, table 9 (Blood 2022;140:1345) [S],
whose responses are CR, CRh and CRi by 2 cycles of intensive or 180 days of other treatment; here the protocol's
responders and landmark, declared as the milestone `faild1`. ELN counts from registration, a chart study from the first
dose.
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

MILESTONES = {"faild1": "{label: treatment failure, no_response_by: {cycle: 2}, dated: first_dose}"}
ENDPOINT = Endpoint(
    label="Event-free survival, failure on day 1",
    origin=Milestone.FIRST_DOSE,
    events=("faild1", Milestone.RELAPSE, Milestone.DEATH),
    last=Milestone.LAST_ASSESSED,
)
