"""Recovery of neutrophils to 1.0 x 10^9/L: from the first dose to the first count of at least 1.0 without G-CSF in the
7 days before, death competing.

Population: name a set of those whose count had been below; who was never below has not recovered. To count only values
after such a one, declare a milestone for it and let `anc10` come `after` it. Only dated values of LB count. To be
analysed with `kind: cumulative_incidence`. The protocol declares the milestone `anc10`: threshold and support are
written there. Censored when last known alive. The threshold is that of CR by the label of inotuzumab ozogamicin
(INO-VATE) [S]; that one unsupported value is enough, and the 7 days, are ours [R].
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

MILESTONES = {
    "anc10": "{label: recovery of neutrophils to 1.0, from: LB, "
    "where: \"LBTESTCD == 'ANC' and LBSTRESN >= 1.0\", "
    "without: {medication: G-CSF, flag: LBGCSF, days: 7, without_end: ongoing}}",
}
ENDPOINT = Endpoint(
    label="Recovery of neutrophils to 1.0",
    origin=Milestone.FIRST_DOSE,
    events=("anc10", Milestone.DEATH),
)
