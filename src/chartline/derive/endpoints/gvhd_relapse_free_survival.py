"""GVHD-free, relapse-free survival (GRFS): from transplantation to acute GVHD of grade 3-4, chronic GVHD that needs
systemic treatment, relapse or death from any cause.

Population: the transplanted. The protocol declares the milestones `agvhd` and `cgvhd`, since every study records GVHD
in its own words. On one day GVHD goes before relapse, relapse before death. Censored when last known alive. Source:
Holtan et al., Blood 2015;125:1333 [K]: the four events are from memory of that paper, whose text was not read; EBMT
uses a refined form with extensive or severe chronic GVHD.
"""

from chartline.derive.endpoint import Endpoint
from chartline.protocol.base import Milestone

MILESTONES = {
    "agvhd": "{label: acute GVHD of grade 3-4, from: AE, "
    "where: \"AETERM == 'acute GVHD' and AETOXGR >= 3\", after: transplant}",
    "cgvhd": "{label: chronic GVHD with systemic treatment, from: CM, "
    "where: \"CMINDC == 'chronic GVHD'\", after: transplant}",
}
ENDPOINT = Endpoint(
    label="GVHD-free, relapse-free survival",
    origin=Milestone.TRANSPLANT,
    events=("agvhd", "cgvhd", Milestone.RELAPSE, Milestone.DEATH),
)
