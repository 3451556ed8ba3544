"""Overall survival: from the first dose of the index drug to death from any cause.

Population: everyone treated. Patients not known to be dead are censored on the day they were last known alive (not
on the day of the data cut). Transplantation, new therapy and relapse change nothing: a treatment policy estimand.
A death on the day of the first dose is a time of 0 days.
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

ENDPOINT = Endpoint(
    label="Overall survival",
    origin=Milestone.FIRST_DOSE,
    events=(Milestone.DEATH,),
)
