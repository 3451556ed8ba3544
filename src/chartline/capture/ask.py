"""From a protocol to what a centre is asked: forms with their items, and why each is asked.

Only what the protocol reads is asked: its eligibility, sets, characteristics, analyses and endpoints, and the rule sets
it names (response, MRD, grading, schedule, syndromes). What a person must never guess is left to the chart: nothing
here has a default answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from chartline.capture import uses
from chartline.capture.ask_history import ask_history, ask_prior_lines
from chartline.capture.ask_laboratory import ask_laboratory, ask_limits
from chartline.capture.ask_rows import ask_rows
from chartline.capture.draft_form import unique_name
from chartline.capture.model import Capture, Choice, Item
from chartline.capture.study import Asked
from chartline.capture.words import YES_NO, findings
from chartline.derive.mrd_rules import load_mrd_rules
from chartline.derive.response_rules import Recorded, load_rules
from chartline.derive.schedule_rules import load_schedule
from chartline.derive.syndrome_rules import Finding, Measure
from chartline.protocol.base import Milestone
from chartline.protocol.describe import uses_mrd, uses_response
from chartline.protocol.model import Protocol
from chartline.protocol.names import abbreviations, level_words, mrd_compared, sentence_start
from chartline.protocol.toxicity import AeComponent, LabComponent


def capture_of(p: Protocol) -> Capture:
    """Return everything that the study asks a centre to write down."""
    study = Asked(p, uses.reasons(p), _derives_response(p))
    parts: tuple[Callable[[Asked], None], ...] = (
        ask_patient,
        ask_history,
        ask_prior_lines,
        ask_doses,
        ask_assessments,
        ask_laboratory,
        ask_limits,
        ask_adverse_events,
        ask_syndromes,
        ask_transplants,
        ask_other_treatment,
        ask_follow_up,
        ask_rows,
    )
    for part in parts:
        part(study)
    forms = tuple(f.finished() for f in study.in_order() if f.items)
    last_day = p.data.cut_off.isoformat() if p.data.cut_off else ""
    title = p.study.short_title or p.study.title
    return Capture(p.study.id, title, p.index_rows.event, last_day, forms)


def _derives_response(p: Protocol) -> bool:
    return uses_response(p) or Milestone.FIRST_RESPONSE in uses.milestones_read(p)


def ask_patient(study: Asked) -> None:
    """Date of birth (or age) and sex, where anything reads them; the consent where the study has it checked."""
    form = study.form("patient")
    age = (*study.why("BRTHDT"), *study.why("AGE"))
    if age:
        born = study.question("BRTHDTC", age, required=True)
        names = {"BRTHDTC": form.ask(replace(born, identifier=True))}
        names["AGE"] = form.ask(study.question("AGE", age))
        form.record("DM", {}, names)
    limits = ("Limits of normal differ by sex",) if any(uses.graded_tests(study.p)) else ()
    why = (*study.why("SEX"), *limits) or ("To describe the patients",)
    form.record("DM", {}, {"SEX": form.ask(study.question("SEX", why, required=bool(study.why("SEX"))))})
    if study.p.checks.get("drug_before_consent", False) is not False:
        consent = study.question("RFICDTC", ("The treatment is not given before the consent to it",))
        form.record("DM", {}, {"RFICDTC": form.ask(consent)})


def ask_doses(study: Asked) -> None:
    """One row a dose of the index drug."""
    t = study.p.treatment
    if t is None:
        return
    form = study.form("doses")
    schedule = load_schedule(t)
    plan = (f"Dosing schedule: {schedule.label}",) if schedule else ()
    limit = ("Doses above the highest allowed are queried",) if t.max_dose_m2 is not None else ()
    per_area = (*study.why("CUMDM2"), *study.why("RDI"), *plan, *limit)
    wanted = {
        "EXCYCLE": (("Cycles are counted, and rebuilt only where no number is given",), False),
        "EXCYDAY": (plan, False),
        "EXSTDTC": ((f"Day 0 is the {study.p.index_rows.event}",), True),
        "EXDOSM2": (per_area, bool(plan)),
        "EXDOSE": (study.why("CUMMG"), False),
    }
    asked = {v: study.question(v, why, required=needed) for v, (why, needed) in wanted.items() if why}
    form.record("EX", {"EXTRT": t.drug}, {v: form.ask(item) for v, item in asked.items()})


def ask_assessments(study: Asked) -> None:
    """Marrow, blood, extramedullary disease, recorded response and MRD, as far as rule sets and analyses read them."""
    p, form = study.p, study.form("assessments")
    wanted: dict[str, list[str]] = {}
    for choice in (p.response, *p.response_variants.values()) if study.response else ():
        rules = load_rules(choice.criteria)
        recorded = any(isinstance(r, Recorded) for c in rules.categories for r in c.requires)
        for variable in (*rules.variables, *(["BMBLAST"] if recorded else [])):
            wanted.setdefault(variable, []).append(f"Response by {rules.label}")
        for variable in study.names_in(choice.assessments):
            wanted.setdefault(variable, []).append("Which assessments count for the response")
    for name in ("INVBOR", "INVRSPFL"):
        wanted.setdefault("INVRESP", []).extend(study.why(name))
    wanted = {v: why for v, why in wanted.items() if why}
    if p.treatment and wanted:
        wanted.setdefault("RSCYCLE", []).append("Cycle of the response")
    for variable, said in _mrd(study, "MRDVAL" in wanted).items():
        wanted.setdefault(variable, []).extend(said)
    if not wanted:
        return
    day = study.question("RSDTC", ("Date of response, relapse and last assessment",), required=True)
    names = {"RSDTC": form.ask(day)}
    for variable, why in study.vocabulary_order("RS", wanted):
        needed = variable in ("BMBLAST", "RSCYCLE")
        names[variable] = form.ask(study.question(variable, tuple(dict.fromkeys(why)), required=needed))
    form.record("RS", {}, names)


def _mrd(study: Asked, level: bool) -> dict[str, tuple[str, ...]]:
    """Variables of an MRD sample -> why; of a rule set for response that reads the level, only the result."""
    p = study.p
    if not uses_mrd(p):
        return {"MRDCLASS": ("Response, where no level was reported",)} if level else {}
    named = dict.fromkeys((p.mrd.definition, *mrd_compared(p)))
    why = tuple(f"MRD-negative by {load_mrd_rules(name).label}" for name in named)
    return {v: why for v in ("MRDASSAY", "MRDSPEC", "MRDSENS", "MRDCELLS", "MRDVAL", "MRDCLASS")}


def ask_adverse_events(study: Asked) -> None:
    """One row an adverse event, where a safety flag or a syndrome reads any."""
    p = study.p
    terms = uses.adverse_event_terms(p)
    if not terms:
        return
    form = study.form("adverse_events")
    why = tuple(dict.fromkeys(w for said in terms.values() for w in said))
    related = any(
        (isinstance(c, AeComponent) and c.related_only) or (isinstance(c, LabComponent) and c.unless_all_unrelated)
        for f in p.safety_flags.values()
        for c in f.any_of
    )
    labels = sorted({_spelt(term) for term in terms})
    choices = tuple(Choice(label, label) for label in labels)
    term = replace(study.question("AETERM", why, required=True), type="choice", choices=choices, other=True)
    names = {"AETERM": form.ask(term)}
    names["AESTDTC"] = form.ask(study.question("AESTDTC", why, required=True))
    names["AEENDTC"] = form.ask(study.question("AEENDTC", why))
    names["AETOXGR"] = form.ask(study.question("AETOXGR", why, required=True))
    if related:
        names["AEREL"] = form.ask(study.question("AEREL", why))
    form.record("AE", {}, names)


def _spelt(term: str) -> str:
    """A term in small letters as people write it: ALT increased."""
    known = {k: v for k, v in abbreviations().items() if len(k) > 2}
    return sentence_start(re.sub(r"[^\W\d_]+", lambda w: known.get(w[0].upper(), w[0]), term))


def ask_syndromes(study: Asked) -> None:
    """One form a syndrome, with every finding and number that its criteria read besides laboratory and events."""
    asked: dict[str, dict[str, list[tuple[str, Finding | Measure]]]] = {}
    for rules, part in uses.evidence(study.p):
        codes = part.finding if isinstance(part, Finding) else part.measure if isinstance(part, Measure) else ()
        for code in codes[:1]:  # of several that answer the same the first is asked
            assert isinstance(part, Finding | Measure)
            asked.setdefault(rules.syndrome, {}).setdefault(code, []).append((rules.label, part))
    for name, codes_of in asked.items():
        form = study.new_form(
            unique_name(name, study.forms),
            sentence_start(name),
            f"a day on which {name} was suspected or present, with what was found on it",
            "Whenever it was suspected, also where it was then ruled out",
        )
        why = tuple(dict.fromkeys(label for read in codes_of.values() for label, _ in read))
        day = form.ask(Item(f"{form.name[:20].rstrip('_')}_date", "Date", "date", why, required=True))
        for code, read in codes_of.items():
            form.record("FA", {"FAOBJ": name, "FATESTCD": code}, {"FAORRES": form.ask(_finding(code, read))})
        form.records[:] = [replace(r, items={**r.items, "FADTC": day}) for r in form.records]


def _finding(code: str, read: Sequence[tuple[str, Finding | Measure]]) -> Item:
    """The question for a finding, with the answers that these criteria understand."""
    asked = findings()[code]
    understood = {word for _, part in read if isinstance(part, Finding) for word in (*part.yes, *part.no)}
    choices = tuple(c for c in asked.choices if c.term in understood)
    if {c.term for c in choices} <= {c.term for c in YES_NO} and asked.choices:
        choices = YES_NO
    return Item(
        code.lower(),
        asked.label,
        "choice" if choices else "number" if asked.unit else "integer",
        tuple(dict.fromkeys(label for label, _ in read)),
        unit=asked.unit,
        low=asked.low,
        high=asked.high,
        choices=choices,
    )


def ask_transplants(study: Asked) -> None:
    """One row a transplantation, before day 0 and after it."""
    p = study.p
    if p.transplant is None or p.transplant.source != "PR":
        return
    form = study.form("transplants")
    named = [n for n in study.reasons if n.startswith("HSCT") or n == "PRHSCTFL"]
    why = tuple(dict.fromkeys(w for n in named for w in study.why(n))) or ("Transplantation ends other observations",)
    kinds = study.words(p.transplant.where, "PRTRT")
    names = {"PRSTDTC": form.ask(study.question("PRSTDTC", why, required=True))}
    if p.treatment:
        names["PRTIMING"] = form.ask(study.question("PRTIMING", why))
    reading = {
        "PRDONOR": study.why("HSCTDON"),
        "PRCOND": tuple(w for n in ("HSCTCOND", "HSCTALK2", "HSCTTHIO") for w in study.why(n)),
        "PRSTATUS": tuple(w for n in ("HSCTREC", "HSCTDIS") for w in study.why(n)),
    }
    names |= {v: form.ask(study.question(v, said)) for v, said in reading.items() if said}
    constants = {"PRTRT": kinds[0] if kinds else "ALLOGENEIC HSCT", "PROCCUR": "Y"}
    if len(kinds) > 1:
        choices = tuple(Choice(w, level_words(w)) for w in kinds)
        names["PRTRT"] = form.ask(Item("transplant_kind", "Kind", "choice", why, choices=choices, required=True))
        del constants["PRTRT"]
    form.record("PR", constants, names)
    anchor = tuple(v for v in ("PRSTDTC", "PRTIMING") if v in names)
    form.records[-1] = replace(form.records[-1], anchor=anchor)


def ask_other_treatment(study: Asked) -> None:
    """New anticancer therapy, and the support that makes a blood count no proof of recovery."""
    p, kinds = study.p, dict[str, tuple[str, ...]]()
    labels: dict[str, str] = {}
    ends = ("New anticancer therapy ends other observations",)
    asks_for_new = p.new_therapy is not None and p.new_therapy.source == "CM"
    if p.new_therapy is not None and asks_for_new:
        new = study.words(p.new_therapy.where, "CMCAT")
        kinds |= {word: ends for word in new}
        labels |= {word: "New anticancer therapy" for word in new if len(new) == 1}
    for choice in (p.response, *p.response_variants.values()) if study.response else ():
        rules = load_rules(choice.criteria)
        for support in rules.support.values():
            said = f"A count under {support.label} is no proof of recovery ({rules.label})"
            kinds[support.medication] = (*kinds.get(support.medication, ()), said)
            labels.setdefault(support.medication, sentence_start(support.label))
    for event in p.milestones.values():
        if event.without is not None:
            kinds[event.without.medication] = (*kinds.get(event.without.medication, ()), f"Event: {event.label}")
    if not kinds and not asks_for_new:
        return
    form = study.form("other_treatment")
    why = tuple(dict.fromkeys(w for said in kinds.values() for w in said)) or ends
    names = {}
    if kinds:  # a protocol that tells new therapy by something else than its kind needs no kind
        choices = tuple(Choice(term, labels.get(term, level_words(term))) for term in kinds)
        kind = replace(study.question("CMCAT", why, required=True), type="choice", choices=choices)
        names["CMCAT"] = form.ask(kind)
    names["CMTRT"] = form.ask(study.question("CMTRT", why))
    names["CMSTDTC"] = form.ask(study.question("CMSTDTC", why, required=True))
    names["CMENDTC"] = form.ask(study.question("CMENDTC", why))
    form.record("CM", {}, names)


def ask_follow_up(study: Asked) -> None:
    """Relapse, last contact and death."""
    p, form = study.p, study.form("follow_up")
    if uses.reads_relapse(p):
        why = ("Relapse", *(w for n in ("RELFL", "RECRELFL") for w in study.why(n)))
        happened = form.ask(study.question("RELAPSE", why, required=True))
        day = form.ask(replace(study.question("RELDTC", why), asked_if=(happened, ("Y",))))
        form.record("SS", {}, {"RELAPSE": happened, "RELDTC": day})
    why = ("Survival and follow-up", *study.why("DTHFL"))
    form.record("SS", {}, {"LKADTC": form.ask(study.question("LKADTC", why, required=True))})
    observed = uses.milestones_read(p) & {Milestone.OBSERVED_FROM, Milestone.OBSERVED_UNTIL}
    if observed:
        while_seen = ("Observation",)
        days = {n: form.ask(study.question(n, while_seen, required=n == "OBSSTDTC")) for n in ("OBSSTDTC", "OBSENDTC")}
        form.record("SS", {}, days)
    dead = form.ask(study.question("DTHFL", why, required=True))
    day = form.ask(replace(study.question("DTHDTC", why), asked_if=(dead, ("Y",))))
    form.record("SS", {}, {"DTHFL": dead, "DTHDTC": day})
    causes = uses.reads_cause_of_death(p)
    if causes:
        item = replace(study.question("DTHCAUS", causes), asked_if=(dead, ("Y",)))
        form.record("SS", {}, {"DTHCAUS": form.ask(item)})
