"""Recovery of platelets to 100 x 10^9/L: from the first dose to the first count of at least 100 without platelet
transfusion in the 7 days before, death competing.

Population: name a set of those whose count had been below; who was never below has not recovered. To count only values
after such a one, declare a milestone for it and let `plt100` come `after` it. Only dated values of LB count. To be
analysed with `kind: cumulative_incidence`. The protocol declares the milestone `plt100`: threshold and support are
written there. Censored when last known alive. The threshold is that of CR by the label of inotuzumab ozogamicin
(INO-VATE) [S]; that one unsupported value is enough, and the 7 days, are ours [R].
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

MILESTONES = {
    "plt100": "{label: recovery of platelets to 100, from: LB, "
    "where: \"LBTESTCD == 'PLT' and LBSTRESN >= 100\", "
    "without: {medication: PLATELET TRANSFUSION, flag: LBPLTTX, days: 7, without_end: one day}}",
}
ENDPOINT = Endpoint(
    label="Recovery of platelets to 100",
    origin=Milestone.FIRST_DOSE,
    events=("plt100", Milestone.DEATH),
)
