"""ADSL variables of cycles against their plan, of earlier therapy and of the transplantation, where a study has them.

In: a protocol. Out: name -> (label, type) of those that it will have; a study without a schedule, lines of therapy or
transplantation has none of them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol

CYCLE_VARIABLES: dict[str, tuple[str, str]] = {
    "RDI": ("Relative dose intensity, % of planned", "number"),
    "NCYRED": ("Cycles with a reduced dose", "number"),
    "NCYDLY": ("Cycles begun late", "number"),
    "NCYFLAT": ("Cycles with a flat dose", "number"),
    "NOMIT": ("Planned doses not given", "number"),
    "CUMCUTFL": ("Cumulative dose at or above the cut-point", "flag"),
}
PRIOR_VARIABLES: dict[str, tuple[str, str]] = {
    "SALVAGE": ("Salvage number", "number"),
    "RRSTAT": ("Primary refractory or relapsed, from prior lines", "text"),
    "CR1GRP": ("First remission, grouped", "text"),
    "PRHSCTFL": ("Transplanted before first dose", "flag"),
}
TRANSPLANT_VARIABLES: dict[str, tuple[str, str]] = {
    "HSCTBRFL": ("Bridged to transplantation", "flag"),
    "HSCTINTG": ("Last dose to transplantation, grouped", "text"),
    "HSCTSTAT": ("Response at transplantation", "text"),
    "HSCTREC": ("Disease status at transplantation as recorded", "text"),
    "HSCTDIS": ("Status at transplantation: derived and recorded differ", "flag"),
    "HSCTMRD": ("MRD at transplantation", "text"),
    "HSCTDON": ("Donor", "text"),
    "HSCTCOND": ("Conditioning", "text"),
    "HSCTALK2": ("Two or more alkylating agents in conditioning", "flag"),
    "HSCTTHIO": ("Thiotepa in conditioning", "flag"),
    "HSCTBILI": ("Bilirubin at or above the upper limit before transplantation", "flag"),
}
THIOTEPA = "thiotepa"  # the alkylating agent that has a variable of its own
REFRACTORY, RELAPSED = "Primary refractory", "Relapsed"
MRD_NEGATIVE, MRD_NOT_NEGATIVE, MRD_UNSURE = "Negative", "Not negative", "Test not sensitive enough"


def treatment_variables(p: Protocol) -> dict[str, tuple[str, str]]:
    """Return name -> (label, type) of the variables of cycles, earlier therapy and transplantation of this study."""
    out: dict[str, tuple[str, str]] = {}
    if p.treatment and p.treatment.schedule:
        out |= CYCLE_VARIABLES
    if p.prior_therapy:
        out |= PRIOR_VARIABLES
        if p.transplant is None:
            out.pop("PRHSCTFL")
        out |= {name: (agent.label, "flag") for name, agent in p.prior_therapy.agents.items()}
    if p.transplant:
        out |= TRANSPLANT_VARIABLES
        absent = [] if p.treatment else ["HSCTINTG"]
        absent += [] if p.transplant.source == "PR" else ["HSCTREC", "HSCTDIS"]  # only PR records a status
        absent += [] if p.transplant.alkylators else ["HSCTALK2"]
        absent += [] if THIOTEPA in p.transplant.alkylators else ["HSCTTHIO"]
        out = {name: variable for name, variable in out.items() if name not in absent}
    return out


def first_remission_groups(p: Protocol) -> tuple[str, str]:
    """Return the names of a short and of a longer first remission."""
    months = p.prior_therapy.short_remission_months if p.prior_therapy else 0
    return f"Under {months:g} months", f"{months:g} months or longer"


def interval_groups(p: Protocol) -> tuple[str, ...]:
    """Return the names of the groups of days from the last dose to transplantation, shortest first."""
    ends = p.transplant.interval_days if p.transplant else ()
    if not ends:
        return ()
    between = [f"{low + 1} to {high} days" for low, high in pairwise(ends)]
    return (f"{ends[0]} days or less", *between, f"More than {ends[-1]} days")


def treatment_levels(p: Protocol) -> dict[str, tuple[str, ...]]:
    """Return the levels of those variables whose order is known, in that order."""
    return {
        "RRSTAT": (RELAPSED, REFRACTORY),
        "CR1GRP": (REFRACTORY, *first_remission_groups(p)),
        "HSCTINTG": interval_groups(p),
        "HSCTMRD": (MRD_NEGATIVE, MRD_NOT_NEGATIVE, MRD_UNSURE),
    }
