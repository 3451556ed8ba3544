"""Recovery of platelets to 50 x 10^9/L: from the first dose to the first count of at least 50 without platelet
transfusion in the 7 days before, death competing.

Population: name a set of those whose count had been below; who was never below has not recovered. To count only values
after such a one, declare a milestone for it and let `plt50` come `after` it. Only dated values of LB count. To be
analysed with `kind: cumulative_incidence`. The protocol declares the milestone `plt50`: threshold and support are
written there. Censored when last known alive. The threshold is that of CRh, where the count must be above it, as
trials of blinatumomab use the term [K]; that one unsupported value is enough, and the 7 days, are ours [R].
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

MILESTONES = {
    "plt50": "{label: recovery of platelets to 50, from: LB, "
    "where: \"LBTESTCD == 'PLT' and LBSTRESN >= 50\", "
    "without: {medication: PLATELET TRANSFUSION, flag: LBPLTTX, days: 7, without_end: one day}}",
}
ENDPOINT = Endpoint(
    label="Recovery of platelets to 50",
    origin=Milestone.FIRST_DOSE,
    events=("plt50", Milestone.DEATH),
)
