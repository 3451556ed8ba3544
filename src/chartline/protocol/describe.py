"""The protocol as English: the methods section that a report prints, made from the declarations alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from chartline.core.dates import PartialPolicy
from chartline.core.sentences import joined
from chartline.core.study_days import NO_STUDY_DAYS, StudyDays
from chartline.protocol.analyses import FollowUp, Proportion, Survival
from chartline.protocol.base import Milestone
from chartline.protocol.events import Endpoint
from chartline.protocol.model import Protocol
from chartline.protocol.names import ADJUSTMENTS, event_words, in_sentence, mrd_compared, shipped_labels
from chartline.protocol.selection import AtlasSelection, Requirement, Selection
from chartline.protocol.toxicity import AeComponent, LabComponent

MethodsText = list[tuple[str, list[str]]]

_MILESTONES: dict[str, str] = {
    Milestone.BIRTH: "birth",
    Milestone.FIRST_DOSE: "first dose",
    Milestone.LAST_DOSE: "last dose",
    Milestone.FIRST_RESPONSE: "first response",
    Milestone.RELAPSE: "relapse",
    Milestone.TRANSPLANT: "transplantation",
    Milestone.NEW_THERAPY: "new anticancer therapy",
    Milestone.DEATH: "death from any cause",
    Milestone.LAST_ALIVE: "the date last known alive",
    Milestone.LAST_ASSESSED: "the last disease assessment",
    Milestone.OBSERVED_FROM: "the start of observation",
    Milestone.OBSERVED_UNTIL: "the end of observation",
}
_PARTIAL: dict[PartialPolicy, str] = {
    PartialPolicy.MID: "on day 15 of the month (1 July of a year)",
    PartialPolicy.FIRST: "on the first day they can mean",
    PartialPolicy.LAST: "on day 28 of the month (31 December of a year)",
    PartialPolicy.LATEST: "on the last day they can mean",
}


def describe_protocol(
    p: Protocol,
    endpoints: Iterable[Endpoint],
    criteria: str,
    grading: str,
    mrd: str,
    recorded: bool = False,
    study_days: StudyDays = NO_STUDY_DAYS,
    recovery: str = "",
) -> MethodsText:
    """Return the methods section as (heading, sentences).

    `endpoints` are the study's endpoints with the defaults of shipped ones filled in; `criteria`, `grading` and `mrd`
    name the response rule set, the grading scale and the MRD definition with version and source; `recorded` says that
    the rule set takes the response as the treating team recorded it; `study_days` are the centres that counted days
    and gave no dates; `recovery` says when blood counts prove recovery, where the rule set asks for
    them. What a study does not use is not described.
    """
    endpoints = list(endpoints)
    has_mrd = uses_mrd(p)
    response = _response(p, criteria, recovery, recorded) if uses_response(p) or _from_response(endpoints) else []
    text = [
        ("Design and setting", _design(p, study_days)),
        ("Patients", _patients(p)),
        ("Treatment" if p.treatment else "Day 0", _treatment(p)),
        (
            " and ".join([*(["Response"] if response else []), *(["measurable residual disease"] if has_mrd else [])]),
            response + (_mrd(p, mrd) if has_mrd else []),
        ),
        ("Time-to-event endpoints", _endpoints(p, endpoints) if endpoints else []),
        ("Safety", _safety(p, grading) if uses_grading(p) else []),
        ("Statistics", _statistics(p)),
        ("Data and traceability", _data(p)),
    ]
    return [(heading[:1].upper() + heading[1:], sentences) for heading, sentences in text if sentences]


_RESPONSE = ("BOR", "RESPFL", "BORDT", "FRSPDT", "FRSP", "FRSPCYC", "HSCTRESP")
_MRD = ("MRDTSTFL", "MRDNEGFL", "MRDNEGDT", "MRDNEGCY", "DEEPFL")


def uses_response(p: Protocol) -> bool:
    """Whether anything that is selected, counted or printed is about response."""
    return _asks_for(p, _RESPONSE)


def uses_mrd(p: Protocol) -> bool:
    """Whether anything that is selected, counted or printed is about measurable residual disease."""
    return _asks_for(p, _MRD) or bool(mrd_compared(p))


def uses_grading(p: Protocol) -> bool:
    """Whether anything is counted or printed by grades of toxicity."""
    return bool(p.safety_flags or p.report.safety or p.report.lab_tests)


def _asks_for(p: Protocol, variables: Iterable[str]) -> bool:
    """Whether anything that is selected, counted or printed names one of the variables (or a variant of one)."""
    parts = [p.model_dump_json(include={"eligibility", "sets", "analyses"}), *p.report.table1, p.report.table1_by or ""]
    words = set(re.findall(r"[A-Z][A-Z0-9]*", " ".join(parts)))
    return any(v in words for v in variables)


def _from_response(endpoints: list[Endpoint]) -> bool:
    return any(Milestone.FIRST_RESPONSE in (e.origin, *(e.events or ())) for e in endpoints)


def variable_labels(p: Protocol) -> dict[str, str]:
    """Return ADSL name -> label for everything the protocol declares."""
    return {
        **{name: c.label for name, c in p.characteristics.items()},
        **{name: f.label for name, f in p.safety_flags.items()},
        **{name: s.label for name, s in p.syndromes.items() if s.label},
    }


def _label(p: Protocol, name: str) -> str:
    return variable_labels(p).get(name) or shipped_labels(p).get(name, name)


def _lower(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith(".") else text + "."


def _design(p: Protocol, study_days: StudyDays) -> list[str]:
    centres = len(p.data.centres)
    out = [_sentence(t) for t in (p.study.design, p.study.setting, p.study.objective, p.study.ethics)]
    until = f"; no value later than {p.data.cut_off:%-d %B %Y} was accepted" if p.data.cut_off else ""
    read = "as each centre keeps them" if centres > 1 else "as the centre keeps them"
    out.append(f"Charts of {_count(centres, 'centre')} were read {read}{until}.")
    if study_days.events:
        whose = [c.label or c.id for c in p.data.centres if c.id in study_days.events]
        times = "Times" if len(whose) == centres else f"The times of {_join(whose)}"
        events = list(dict.fromkeys(e for of in study_days.events.values() for e in of))
        out.append(
            f"{times} are days from {_join(events)}, as the data give them; calendar dates are not known. The derived "
            "tables hold dates in their place, counted from a fictitious day that is the same for every patient."
        )
    return [s for s in out if s]


def _patients(p: Protocol) -> list[str]:
    return [*(_selected(p.selection, p) if p.selection else []), *_eligible(p)]


def _selected(s: Selection | AtlasSelection, p: Protocol) -> list[str]:
    """What a database decided by codes, in the order of its steps."""
    if isinstance(s, AtlasSelection):
        return [
            f"Patients were selected in the database by the cohort definition {s.circe}, exported from ATLAS. Whoever "
            "it ruled out was counted there and not read."
        ]
    labels = {name: one.label for name, one in p.concept_sets.items()}
    days = [f"from {s.index.start}" if s.index.start else "", f"to {s.index.end}" if s.index.end else ""]
    index = f"{labels[s.index.concepts]} ({' '.join(['first record', *filter(None, days)])})"
    ages = (("at least", s.age.min), ("at most", s.age.max)) if s.age else ()
    age = [f"{word} {n} years" for word, n in ages if n is not None]
    sides = (s.observed_days.before, s.observed_days.after) if s.observed_days else None
    steps = [index, *([f"aged {_join(age)}"] if age else [])]
    steps += [f"observed from {sides[0]} days before to {sides[1]} days after it"] if sides else []
    steps += [f"{_lower(r.label)} ({_around(r)})" for r in s.require]
    steps += [f"without {_lower(r.label)} ({_around(r)})" for r in s.exclude]
    lines = s.prior_lines
    if lines is not None:
        most = f" and at most {lines.at_most}" if lines.at_most is not None else ""
        steps.append(f"at least {lines.at_least}{most} {lines.counted} before it ({_lower(labels[lines.concepts])})")
    listed = "; ".join(f"({i}) {step}" for i, step in enumerate(steps, 1))
    return [
        f"Patients were selected in the database by codes, in this order: {listed}. Whoever a step ruled out was "
        "counted there and not read; what codes could not decide was left to the eligibility criteria."
    ]


def _around(r: Requirement) -> str:
    """How many records, in which days from the index date."""
    many = f"at least {r.at_least} {'days with a record' if r.distinct_days else 'records'}, " if r.at_least > 1 else ""
    if r.from_day is None and r.to_day is None:
        return f"{many}at any time"
    if r.from_day is None or r.to_day is None:
        word, day = ("until", r.to_day) if r.from_day is None else ("from", r.from_day)
        return f"{many}{word} day {day}"
    return f"{many}days {r.from_day} to {r.to_day}"


def _eligible(p: Protocol) -> list[str]:
    if p.eligibility:
        criteria = "; ".join(f"({i}) {_lower(c.label)}" for i, c in enumerate(p.eligibility, 1))
        out = [
            f"Patients were eligible if all of the following held, applied in this order: {criteria}.",
            "A criterion that the charts could not decide is reported as unknown, apart from those who failed it.",
        ]
    else:
        out = ["Every patient in the data was eligible."]
    if len(p.data.centres) == 1:
        return out
    same = _join(_lower(_label(p, v)) for v in p.duplicates.match)
    fullest = p.duplicates.keep == "most_records"
    kept = "documents the treatment most fully" if fullest else "belongs to the centre listed first"
    out.append(
        f"Two records with the same {same} were taken for one person and counted once, in the record that {kept}."
    )
    return out


def _treatment(p: Protocol) -> list[str]:
    t = p.treatment
    if t is None:
        assert p.index is not None
        return [f"Day 0 is the day of {p.index.label}; no index drug is studied, and no dose is counted."]
    c = t.cycle
    name = t.label + (f" ({t.abbreviation})" if t.abbreviation else "")
    return [
        f"The index treatment was {name}; day 0 is the first dose.",
        "A recorded cycle number was taken as it stands; where there was none, a new cycle began with the dose "
        f"after {_count(c.max_doses, 'dose')}, or with a dose {c.new_cycle_after_days} days or more after the first "
        "dose of the cycle.",
    ]


def _response(p: Protocol, criteria: str, recovery: str, recorded: bool) -> list[str]:
    r = p.response
    stops = _join(_words(p)[x] for x in r.before)
    until = f"if made before {'the first of ' if len(r.before) > 1 else ''}{stops}" if r.before else "whenever made"
    if recorded:
        return [
            "Response is the one that the treating team recorded, on the day it was recorded; nothing was derived from "
            f"raw findings. Assessments counted {until}. Patients without a recorded response stay in the denominator."
        ]
    return [
        f"Response was derived from raw marrow, blood and extramedullary findings by {criteria}, not taken from the "
        f"treating team's wording. {recovery}".rstrip(),
        f"Assessments counted {until}; the response is dated at the marrow. Patients who could not be assessed stay in "
        f"the denominator. {_RELAPSE[r.relapse]}",
    ]


def _mrd(p: Protocol, definition: str) -> list[str]:
    m = p.mrd
    return [
        f"MRD-negative was defined by {definition}; at or after the first response. Deep response means MRD-negative "
        f"by the end of cycle {m.deep_by_cycle}: day 1 of the next cycle or, where none was given, "
        f"{m.deep_after_last_dose_days} days after the last dose. Missing MRD was never taken as negative.",
    ]


_RELAPSE = {
    "recorded": "Relapse is that recorded by the centre, compared with what the assessments show.",
    "derived": "Relapse is the first assessment after the first response that shows it by the same rules.",
}


def _words(p: Protocol) -> dict[str, str]:
    """Every milestone of the study as the methods name it."""
    own = {name: in_sentence(event.label) for name, event in p.milestones.items()}
    return {str(m): words for m, words in _MILESTONES.items()} | {"first_dose": p.index_rows.event} | own


def _endpoints(p: Protocol, endpoints: Iterable[Endpoint]) -> list[str]:
    ignored = [*(["transplantation"] if p.transplant else []), *(["later therapy"] if p.new_therapy else [])]
    main = {a.endpoint for a in p.analyses if isinstance(a, Survival | FollowUp) and not a.sensitivity}
    out = []
    for e in endpoints:
        if e.id not in main or e.origin is None:
            continue
        words = _words(p)
        events = _join((words[x] for x in e.events or ()), "or")
        population = p.sets[e.population].label if e.population in p.sets else ""
        last = e.last or Milestone.LAST_ALIVE
        earlier = [words[x] for x in e.censor_at or () if x != last]
        censored = (
            f"; censored at {_join(earlier, 'or')}"
            if earlier
            else f"; {_join(ignored)} do{'' if len(ignored) > 1 else 'es'} not censor (treatment policy)"
            if ignored and Milestone.RELAPSE in (e.events or ())
            else ""
        )
        out.append(
            f"{e.label} ({e.id}; {_lower(population)}): from {words[e.origin]} to {events}{censored}; otherwise "
            f"censored at {words[last]}{_entered(e, words)}."
        )
    out.append(
        "Times are end minus start in days; a month is 30.4375 days. Dates known only to the month or year stand "
        f"{_PARTIAL[p.partial_dates]}; the {p.index_rows.event} is never imputed. An event before its origin is a "
        "query, never moved."
    )
    return out


def _entered(e: Endpoint, words: dict[str, str]) -> str:
    """Say that patients enter late, where they do."""
    if e.enter_at is None:
        return ""
    return f"; at risk from {words[e.enter_at]} where that is later (left truncation)"


def _safety(p: Protocol, grading: str) -> list[str]:
    lab = p.laboratory
    out = [
        f"Laboratory values were graded by {grading}. Baseline is the last value in the {lab.baseline_days} days up to "
        f"and including the first dose; on treatment is after the first dose until {lab.on_treatment_days} days after "
        f"the last dose and before {_join((_MILESTONES[x] for x in lab.before), 'or')}."
    ]
    used = [
        c.group if isinstance(c, AeComponent) else c.unless_all_unrelated
        for f in p.safety_flags.values()
        for c in f.any_of
    ]
    for group in dict.fromkeys(g for g in used if g):
        out.append(f"Adverse events of the group '{group}' are: {_join(p.ae_groups[group])}.")
    for flag in p.safety_flags.values():
        parts = [_component(part) for part in flag.any_of]
        out.append(f"{flag.label}: {'; or '.join(parts)}.")
    return out


def _component(c: LabComponent | AeComponent) -> str:
    if isinstance(c, AeComponent):
        text = f"a recorded adverse event of the group '{c.group}'" + (
            f" of grade {c.min_grade} or more" if c.min_grade else ""
        )
        text += ", called related" if c.related_only else ""
        return text + (" at any time after the first dose" if c.window == "after_first_dose" else " on treatment")
    grade = f"grade {c.min_grade} or more" if c.min_grade else "any grade"
    text = f"{grade} of {_join(c.tests, 'or')} on treatment" + (", worse than at baseline" if c.worsened else "")
    if c.unless_all_unrelated:
        group = c.unless_all_unrelated
        text += f", unless every {group} adverse event of that grade was called unrelated by the treating team"
    return text


def _statistics(p: Protocol) -> list[str]:
    out = []
    proportions = [a for a in p.analyses if isinstance(a, Proportion)]
    if proportions:
        named = _join(dict.fromkeys(_INTERVALS[a.interval] for a in proportions))
        out.append(
            f"Proportions are given with numerator, denominator and 95% confidence intervals ({named}); the exact "
            "(Clopper-Pearson) and Wilson intervals stand in the result file."
        )
    survival = [a for a in p.analyses if isinstance(a, Survival)]
    if survival:
        variances = _join(f"{v.capitalize()}'s" for v in sorted({a.variance for a in survival}))
        out.append(
            f"Survival was estimated by Kaplan-Meier with {variances} variance and "
            f"{_join(sorted({a.interval for a in survival}))} intervals; medians with Brookmeyer-Crowley intervals "
            "from the same bands (where the curve is flat at 50%, the middle of the flat part, as R's survfit). The "
            "number censored before a landmark is printed beside each rate."
        )
    for kind, say in _METHODS.items():
        of = [a for a in p.analyses if a.kind == kind]
        if of:
            out.append(say if isinstance(say, str) else say(p, of))
    if p.report.table1_differences:
        out.append("The columns of Table 1 were compared by standardised differences.")
    imputed = any(getattr(a, "missing", "") == "impute" for a in p.analyses)
    out.append(
        "Missing covariates were imputed where stated (chained equations, Rubin's rules); other missing values are "
        "counted and shown."
        if imputed
        else "Missing values are counted and shown, never imputed."
    )
    out.append(_tested(p))
    return out


_INTERVALS = {
    "clopper_pearson": "Clopper-Pearson",
    "wilson": "Wilson",
    "agresti_coull": "Agresti-Coull",
    "jeffreys": "Jeffreys",
    "mid_p": "mid-P",
}


def _models(p: Protocol, of: list[Any]) -> str:
    """Which models penalise, and why: only what was declared."""
    cox = of[0].kind == "cox"
    out = ["Hazard ratios are from Cox regression." if cox else "Odds ratios are from logistic regression."]
    if any(a.method == "auto" for a in of):
        unless = " unless a robust variance or frailty was declared" if cox else ""
        out.append(
            "Where events are fewer than ten a coefficient or the likelihood has no maximum, Firth's penalty and "
            f"profile intervals were taken{unless}; the method and its reason stand beside each."
        )
    if any(a.method == "firth" for a in of):
        out.append("Where declared, Firth's penalty was taken whatever the number of events.")
    return " ".join(out)


def _proportions_compared(p: Protocol, of: list[Any]) -> str:
    measures = dict.fromkeys(m for a in of for m in a.measures)
    words = {
        "difference": "difference (Newcombe's and Miettinen and Nurminen's intervals)",
        "ratio": "ratio (Miettinen and Nurminen's interval)",
        "odds_ratio": "odds ratio (conditional, exact interval)",
    }
    text = f"Proportions of two groups were compared by their {_join(words[m] for m in measures)}." if measures else ""
    if any(a.strata for a in of):
        text += " Over strata odds ratios were pooled after Mantel and Haenszel and tested for equality (Breslow-Day)."
    return text.strip() or "Proportions were compared by the tests that the protocol names."


def _competing(p: Protocol, of: list[Any]) -> str:
    tested = ", and groups compared by Gray's test" if any(a.by for a in of) else ""
    return (
        "Events that compete were described by Aalen-Johansen cumulative incidences, never by 1 - Kaplan-Meier"
        f"{tested}."
    )


def _on_the_way(p: Protocol, of: list[Any]) -> str:
    used = dict.fromkeys(s for a in of for s in a.strategies)
    ways = [words for strategy, words in _STRATEGIES.items() if strategy in used]
    events = _join(dict.fromkeys(_lower(event_words(a.event, p)) for a in of))
    out = f"What happens on the way ({events}) was analysed under several estimands (ICH E9(R1)): {_join(ways)}."
    if "naive" in used:
        out += (
            " The comparison of patients who ever had it with those who never had, from time zero, is biased (immortal "
            "time) and shown as such."
        )
    return out


def _adjusted(p: Protocol, of: list[Any]) -> str:
    """One sentence a family: whose P values it holds, and how they were adjusted."""
    said = []
    for a in of:
        family = "; ".join(dict.fromkeys(p.analysis(name.split("/")[0]).label for name in a.of))
        said.append(f"P values of the following were adjusted as one family by {ADJUSTMENTS[a.method]}: {family}.")
    return " ".join(said)


def _without(p: Protocol, of: list[Any]) -> str:
    over = _join(dict.fromkeys(_lower(_label(p, a.over).partition(", ")[0]) for a in of))
    return f"Main results were computed again without each {over} in turn."


_STRATEGIES = {
    "treatment_policy": "ignored",
    "hypothetical": "as censoring",
    "composite": "as an event",
    "landmark": "by whether it had happened by a landmark",
    "time_dependent": "as a time-dependent covariate",
    "simon_makuch": "as a state held at each time (Simon-Makuch curves, Mantel-Byar test)",
    "multistate": "as a state of an illness-death model",
}
_METHODS: dict[str, str | Callable[[Protocol, list[Any]], str]] = {
    "follow_up": lambda p, of: (
        "Follow-up is by reverse Kaplan-Meier"
        + (", with the share of the possible person-time that was observed (Clark)." if p.data.cut_off else ".")
    ),
    "cumulative_incidence": _competing,
    "compare_survival": "Curves were compared by the tests that the protocol names.",
    "cox": _models,
    "predicted_survival": "Predicted curves are those of the Cox model for patients described in the protocol.",
    "fine_gray": "Subdistribution hazards were modelled after Fine and Gray with robust variance.",
    "logistic": _models,
    "intercurrent": _on_the_way,
    "multistate": "Shares of patients in each state were estimated by the Aalen-Johansen estimator of a multistate "
    "model.",
    "compare_proportions": _proportions_compared,
    "compare_values": "Numbers were compared by the measures and tests that the protocol names, rank tests exactly "
    "where groups are small, ties included.",
    "agreement": "Two classifications of the same patients were compared by their agreement and Cohen's kappa.",
    "toxicity_by_cycle": "Toxicity by cycle is the share, of the patients who began a cycle, in whom an event began in "
    "it.",
    "exposure_adjusted_rate": "Exposure-adjusted rates are events over time at risk with exact Poisson intervals.",
    "time_to_onset": "Onset and recovery of toxicity were described with death competing.",
    "mean_cumulative_count": "Recurrent events were described by the mean cumulative count, death ending them (Ghosh "
    "and Lin), with robust intervals.",
    "leave_one_out": _without,
    "lost_to_follow_up": "For patients lost to follow-up the worst and the best case stand beside the estimate.",
    "interval_censored": "Events known only to lie between two assessments were analysed as interval-censored "
    "(Turnbull).",
    "date_bounds": "Where dates were partial, the estimates under the earliest and the latest day they can mean stand "
    "beside the declared ones.",
    "e_value": "How strong an unmeasured confounder would have to be is given as an E-value.",
    "multiplicity": _adjusted,
}


def _tested(p: Protocol) -> str:
    if p.report.table1_tests == "none" and not any(_has_a_test(a) for a in p.analyses):
        return "No hypothesis was tested."
    return "P values are two-sided; all are printed, and none is adjusted for multiple testing unless it says so."


def _has_a_test(a: Any) -> bool:
    """Whether an analysis gives a P value."""
    if a.kind == "cumulative_incidence":
        return a.by is not None
    if a.kind == "intercurrent":
        return bool({"landmark", "time_dependent", "simon_makuch", "naive"} & set(a.strategies))
    if a.kind == "compare_proportions":
        return bool(a.tests or a.strata)
    return a.kind in ("compare_survival", "compare_values", "cox", "fine_gray", "logistic", "agreement")


def _data(p: Protocol) -> list[str]:
    return [
        "Every source column was mapped or listed as ignored; values that did not fit their declaration, and findings "
        "that contradict each other, were returned to the centre as queries. Answers are laid over the data and listed "
        "in this report; no file of a centre was changed. A patient with an open blocking query is withheld from the "
        "analyses it touches only, and named. Every number in this report leads back to the cells it was counted from."
    ]


def _join(items: Iterable[str], last: str = "and") -> str:
    return joined(list(items), last) or "none"


def _count(n: int, noun: str) -> str:
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    return f"{words[n] if n < len(words) else n} {noun}{'' if n == 1 else 's'}"
