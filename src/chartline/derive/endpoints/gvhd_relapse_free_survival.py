"""GVHD-free, relapse-free survival (GRFS): from transplantation to acute GVHD of grade 3-4, chronic GVHD that needs
systemic treatment, relapse or death from any cause.

Population: the transplanted, from the day of transplantation. All four are events after transplantation: a relapse
before it is what the patient was transplanted for and no event, leukaemia that is found after it is one, whether it
came back or never went away (ours; dated when found). The protocol declares the milestones `agvhd` and `cgvhd`, since
every study records GVHD in its own words, and `active` (an assessment after transplantation that shows leukaemia),
from which and from the relapse recorded after transplantation it declares `relsct`: a patient may relapse before and
after, and the milestone `relapse` is the first. On one day GVHD goes before relapse, relapse before death. Censored
when last known alive. Source: Holtan et al., Blood 2015;125:1333: the four events were read in the abstract [S],
which counts them in the first year (ask for the curve at 12 months); EBMT uses a refined form with extensive or
severe chronic GVHD [K].
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

MILESTONES = {
    "agvhd": "{label: acute GVHD of grade 3-4, from: AE, "
    "where: \"AETERM == 'acute GVHD' and AETOXGR >= 3\", after: transplant}",
    "cgvhd": "{label: chronic GVHD with systemic treatment, from: CM, "
    "where: \"CMINDC == 'chronic GVHD'\", after: transplant}",
    "active": "{label: leukaemia after transplantation, from: RS, "
    "where: \"BMBLAST >= 5 or PBBLAST > 0 or EMD == 'PRESENT'\", after: transplant}",
    "relsct": "{label: relapse after transplantation, first_of: [relapse, active], after: transplant}",
}
ENDPOINT = Endpoint(
    label="GVHD-free, relapse-free survival",
    origin=Milestone.TRANSPLANT,
    events=("agvhd", "cgvhd", "relsct", Milestone.DEATH),
)
