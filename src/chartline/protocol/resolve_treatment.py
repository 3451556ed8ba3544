"""What a protocol says of earlier therapy and transplantation leads somewhere, and can be meant."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chartline.errors import ProtocolError
from chartline.protocol.model import Protocol
from chartline.protocol.names import COHORT_VARIABLES, DERIVED_VARIABLES
from chartline.protocol.place import Place, check_known
from chartline.protocol.treatment import PriorTherapy, Transplant
from chartline.protocol.treatment_names import CYCLE_VARIABLES, PRIOR_VARIABLES, TRANSPLANT_VARIABLES

# What a chart may state besides its list of lines; the other variables are groups of ours.
_STATED = ("SALVAGE", "RRSTAT", "PRHSCTFL")


def resolve_treatment(p: Protocol, top: Place) -> None:
    """Raise `ProtocolError` for the first reference that leads nowhere or cannot be meant."""
    if p.prior_therapy is not None:
        _prior(p.prior_therapy, p, top.at("prior_therapy"))
    if p.transplant is not None:
        _transplant(p.transplant, top.at("transplant"))


def _prior(prior: PriorTherapy, p: Protocol, place: Place) -> None:
    check_known(prior.lines.source, ("MH", "CM"), "domain of lines of therapy", place.at("lines", "from"))
    taken = {*COHORT_VARIABLES, *DERIVED_VARIABLES, *CYCLE_VARIABLES, *PRIOR_VARIABLES, *TRANSPLANT_VARIABLES}
    taken |= {*p.characteristics, *p.safety_flags}
    for name in prior.agents:
        if name in taken or not re.fullmatch(r"[A-Z][A-Z0-9_]{0,7}", name):
            raise ProtocolError(
                f"`{name}` cannot be the ADSL name of an agent",
                where=str(place.at("agents", name)),
                expected="a name that nothing else has: a capital letter, then at most 7 capitals, digits or _",
                do="give it another name",
            )
    if prior.first_remission:
        at = place.at("first_remission")
        numbers = [name for name, c in p.characteristics.items() if c.type in ("number", "integer")]
        check_known(prior.first_remission, numbers, "number among the characteristics", at)
    stated = [n for n in _STATED if n != "PRHSCTFL" or p.transplant is not None]
    for derived, characteristic in prior.recorded.items():
        at = place.at("recorded", derived)
        check_known(derived, [*stated, *prior.agents], "variable of earlier therapy that a chart states", at)
        check_known(characteristic, p.characteristics, "characteristic", at)


def _transplant(transplant: Transplant, place: Place) -> None:
    ends = list(transplant.interval_days)
    if ends != sorted(set(ends)) or any(end < 0 for end in ends):
        raise ProtocolError(
            f"The groups of days end at {', '.join(map(str, ends))}",
            where=str(place.at("interval_days")),
            expected="whole days, each more than the one before",
            do="put them in order",
        )
    if both := {w.lower() for w in transplant.recorded_remission} & {w.lower() for w in transplant.recorded_active}:
        raise ProtocolError(
            f"`{min(both)}` means a remission and no remission",
            where=str(place.at("recorded_active")),
            expected="each word of the recorded status in one of recorded_remission, recorded_active",
            do="take it out of one of them",
        )
    owners: dict[str, str] = dict.fromkeys(transplant.other_conditioning, "other_conditioning")
    for name, words in _named(transplant.alkylators).items():
        if owners.setdefault(name, words) != words:
            raise ProtocolError(
                f"The word `{name}` of conditioning names two things: {owners[name]} and {words}",
                where=str(place.at("alkylators", words)),
                expected="each word once",
                do="take it out of one of them",
            )


def _named(alkylators: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {word: agent for agent, words in alkylators.items() for word in words}
