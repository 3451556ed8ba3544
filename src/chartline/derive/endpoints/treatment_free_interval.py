"""Treatment-free interval: from the last dose to the first new anticancer therapy or death from any cause.

Population: everyone treated; name a set of patients whose treatment has ended. The end of treatment is the last dose
of the index drug. A transplantation does not end the interval unless the protocol adds it to `events`. A new therapy
between two doses of the index drug is before the origin: such a patient is left out and named, never clamped. Censored
when last known alive. Ours [R].
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Treatment-free interval",
    origin=Milestone.LAST_DOSE,
    events=(Milestone.NEW_THERAPY, Milestone.DEATH),
)
