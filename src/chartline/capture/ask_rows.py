"""Rows that characteristics and events of the study's own pick from a domain: what their conditions read is asked too.

The history (MH, DM) has its own module; here are the domains whose rows are forms of their own, and events of MH, which
are asked at follow-up.
"""

from __future__ import annotations

from dataclasses import replace

from chartline.capture.ask_history import _ask_more_history
from chartline.capture.draft_form import DraftForm
from chartline.capture.model import Choice, Item, ItemType
from chartline.capture.study import Asked, question_of
from chartline.capture.words import findings
from chartline.core.index import START_OF
from chartline.protocol.names import level_words, sentence_start

_FORM_OF = {
    **{"RS": "assessments", "LB": "laboratory", "AE": "adverse_events", "CM": "other_treatment"},
    **{"PR": "procedures", "SS": "follow_up", "EX": "doses", "DM": "patient"},
}


def ask_rows(study: Asked) -> None:
    """Ask for the variables that these conditions and values name, and offer the words they compare with."""
    p = study.p
    for c in p.characteristics.values():
        if c.source not in ("DM", "MH", "LB"):
            _ask(study, c.source, c.where, (c.value,), f"Characteristic: {c.label}")
        elif c.source == "MH" and c.take not in ("first", "last") and not _are_lines(study, c.where):
            _ask_more_history(study, c.where, (f"Characteristic: {c.label}",))
    for name, event in p.milestones.items():
        if event.source == "MH":
            _ask_event(study, name, event.label, event.where or "")
        elif event.source is not None and event.source != "LB":
            _ask(study, event.source, event.where, (START_OF[event.source],), f"Event: {event.label}")
    rows = [("New therapy", p.new_therapy), ("Transplantation", p.transplant)]
    for label, source in rows:
        if source is not None and source.source not in ("CM" if label == "New therapy" else "PR", "MH"):
            _ask(study, source.source, source.where, (START_OF[source.source],), label)
        elif source is not None and source.source == "MH":
            _ask_event(study, label.lower(), label, source.where)
    if p.index is not None and p.index.source not in ("MH", "LB"):
        _ask(study, p.index.source, p.index.where, (START_OF[p.index.source],), f"Day 0 is the {p.index.label}")


def _are_lines(study: Asked, where: str | None) -> bool:
    prior = study.p.prior_therapy
    return prior is not None and prior.lines.source == "MH" and study.fixed(where) == study.fixed(prior.lines.where)


def _ask_event(study: Asked, name: str, label: str, where: str) -> None:
    """An event that is a row of the history: its date, at follow-up."""
    fixed, form = study.fixed(where), study.form("follow_up")
    if set(study.names_in(where)) != set(fixed) or not fixed:
        _ask_more_history(study, where, (f"Event: {label}",))
        return
    said = "Blank where it did not happen."
    item = Item(f"{name}_date", f"Date: {sentence_start(label)}", "date", (f"Event: {label}",), said, partial=True)
    form.record("MH", {**fixed, "MHTERM": fixed.get("MHTERM", label)}, {"MHSTDTC": form.ask(item)})
    form.records[-1] = replace(form.records[-1], anchor=("MHSTDTC",))


def _ask(study: Asked, domain: str, where: str | None, values: tuple[str, ...], why: str) -> None:
    if domain == "FA":
        _ask_finding(study, where, why)
        return
    form = study.form(_form_of(study, domain, where))
    start = START_OF.get(domain)
    wanted = dict.fromkeys((*([start] if start else []), *study.names_in(where), *values))
    fixed_form = next((r for r in form.records if r.domain == domain), None)
    constants = dict(fixed_form.constants) if fixed_form else {}
    names = {v: _ask_variable(study, form, v, where, why) for v in wanted if v not in constants and question_of(v)}
    form.record(domain, constants, names)


def _form_of(study: Asked, domain: str, where: str | None) -> str:
    """The form that holds the rows; a procedure that the study takes for a transplantation is one."""
    transplant = study.p.transplant
    if domain == "PR" and transplant is not None and "transplants" in study.forms:
        kinds, known = study.words(where, "PRTRT"), study.words(transplant.where, "PRTRT")
        return "transplants" if set(kinds) <= set(known) else "procedures"
    return _FORM_OF[domain]


def _ask_finding(study: Asked, where: str | None, why: str) -> None:
    """Findings of their own, by their codes: each a column of one form."""
    form = study.form("findings")
    day = form.ask(Item("finding_date", "Date", "date", (why,), required=True))
    for code in study.words(where, "FATESTCD"):
        asked = findings().get(code)
        item = Item(code.lower(), level_words(code), "text", (why,))
        if asked is not None:
            kind: ItemType = "choice" if asked.choices else "number"
            shown = replace(item, label=asked.label, type=kind, unit=asked.unit, choices=asked.choices)
            item = replace(shown, low=asked.low, high=asked.high)
        constants = {n: v for n, v in study.fixed(where).items() if n != "FATESTCD"} | {"FATESTCD": code}
        form.record("FA", constants, {"FAORRES": form.ask(item), "FADTC": day})


def _ask_variable(study: Asked, form: DraftForm, variable: str, where: str | None, why: str) -> str:
    """Ask for a variable, with the words that the condition compares it with among the answers."""
    asked = study.question(variable, (why,), required=variable in START_OF.values())
    if variable == "PRSTDTC" and form.name == "procedures":
        asked = replace(asked, name="procedure_date", label="Date of the procedure")
    words = study.words(where, variable)
    known = form.items.get(asked.name)
    if known is None and not words:
        return form.ask(asked)
    if known is None:
        known = form.items[form.ask(asked)]
    new = [w for w in words if w.lower() not in {c.term.lower() for c in known.choices}]
    closed = bool(asked.choices)
    if new and not closed:
        own = tuple(Choice(w, w if variable == "AETERM" else level_words(w)) for w in new)
        known = replace(known, type="choice", choices=known.choices + own, other=variable != "CMCAT" or known.other)
    form.items[known.name] = replace(known, why=tuple(dict.fromkeys((*known.why, why))))
    return known.name
