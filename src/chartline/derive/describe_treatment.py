"""How the methods section says what was planned, what came before, and what a transplantation was."""

from __future__ import annotations

from chartline.derive.schedule_rules import Limit, Plan, ScheduleRules, load_schedule
from chartline.protocol.model import Protocol
from chartline.protocol.treatment import PriorTherapy, Transplant
from chartline.protocol.treatment_names import interval_groups

_WORDS = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least", "==": "exactly"}


def describe_treatment(protocol: Protocol) -> list[str]:
    """Return the sentences about schedule, earlier therapy and transplantation; none where none is declared."""
    schedule = load_schedule(protocol.treatment)
    out = _schedule(schedule) if schedule else []
    if protocol.prior_therapy:
        out += _prior(protocol.prior_therapy)
    if protocol.transplant:
        out += _transplant(protocol.transplant, protocol)
    return out


def _schedule(s: ScheduleRules) -> list[str]:
    plans = "; ".join(_plan(p) for p in s.plans)
    return [
        f"Each cycle was compared with a dosing schedule: {s.reference}. Planned are, in {plans}; {_limit(s.cycles)}. "
        "A cycle is in response where a response was reached before its day 1.",
        "Relative dose intensity is the dose given in % of the dose planned, both in mg/m2, over the cycles begun.",
        f"A cycle is reduced where {_limit(s.reduced)} was given, for whatever reason; it began late where its day 1 "
        f"came {_limit(s.delayed)} of the cycle before, and later than that may run; a dose is outside the window "
        f"unless it was given {_limit(s.window)} and {_limit(s.apart)}. Flat is a cycle of the same mg at each dose, "
        f"in vials of {s.flat.vial_mg:g} mg, that fits no plan.",
    ]


def _plan(p: Plan) -> str:
    doses = ", ".join(f"{d.dose_m2:g}" for d in p.doses)
    days = ", ".join(str(d.day) for d in p.doses)
    which = "the first cycle" if p.cycles == "first" else f"later cycles, {p.label}"
    run = f", which may run to {p.may_run_to_days}" if p.may_run_to_days else ""
    return f"{which}: {doses} mg/m2 on days {days}, {p.length_days} days{run}"


def _limit(limit: Limit) -> str:
    between = "" if limit.unit.startswith("%") else " "
    return f"{_WORDS[limit.operator]} {limit.threshold:g}{between}{limit.unit}"


def _prior(prior: PriorTherapy) -> list[str]:
    agents = "; ".join(f"{a.label}: named by {', '.join(a.words)}" for a in prior.agents.values())
    return [
        "The salvage number is the number of lines of therapy before day 0. The disease is primary refractory where "
        f"none of them brought a remission ({', '.join(prior.remission)}), else relapsed; a first remission of less "
        f"than {prior.short_remission_months:g} months is short." + (f" {agents}." if agents else "") + _rebuilt(prior)
    ]


def _transplant(t: Transplant, protocol: Protocol) -> list[str]:
    groups = interval_groups(protocol) if protocol.treatment else ()
    interval = f" The interval from the last dose was grouped: {', '.join(groups).lower()}." if groups else ""
    out = [
        "Bridged to transplantation means transplanted in response, without a new therapy since day 0. The response at "
        "transplantation is that of the last assessment before it, or relapse where one lies between; so is the MRD "
        f"status.{interval} Bilirubin is the last value in the {t.bilirubin_days} days before, against the "
        "laboratory's upper limit."
    ]
    if t.source == "PR":
        out.append(
            "The disease status recorded with the procedure was set beside it, as far as its words say whether it is a "
            f"remission ({', '.join(t.recorded_remission)}) or not ({', '.join(t.recorded_active)})."
        )
    if t.alkylators:
        out.append(
            f"Alkylating agents of conditioning were told by their names ({', '.join(t.alkylators)}); where the text "
            "has a word that the protocol does not know, their number is not known."
        )
    return out


def _rebuilt(prior: PriorTherapy) -> str:
    """Say by which rule lines were rebuilt, where nobody recorded them."""
    if prior.rebuild is None:
        return ""
    rule = prior.rebuild
    return (
        f" Lines of therapy were not recorded; they were rebuilt from single exposures: drugs begun within "
        f"{rule.combine_days} days of the first are one regimen, and a line ends with a further drug begun later than "
        f"that or with a pause of more than {rule.gap_days} days."
    )
