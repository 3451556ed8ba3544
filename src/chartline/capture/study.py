"""A study while its forms are put together: the protocol, why its variables are read, and the forms so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from chartline.capture.draft_form import DraftForm
from chartline.capture.model import Item, ItemType
from chartline.capture.words import YES_NO, Question, questions, term_labels
from chartline.core.clinical import Variable, variables
from chartline.core.condition import parse_condition
from chartline.protocol.model import Protocol

W = TypeVar("W")
# name: label, what a row stands for, when it is filled, whether a patient has several. `{index}` is day 0, `{drug}` the
# index treatment, `{before}` and `{after}` the days of the laboratory windows.
_FORMS: dict[str, tuple[str, str, str, bool]] = {
    "patient": ("Patients", "a patient", "Once", False),
    "history": ("Medical history", "a patient", "Once, as it was at the {index}", False),
    "more_history": ("More history", "a finding of the history", "As it was at the {index}", True),
    "prior_lines": ("Earlier treatment", "a line of therapy before the {index}", "Once, before the {index}", True),
    "doses": ("Doses", "a dose of {drug}", "Every dose that was given", True),
    "assessments": (
        "Assessments",
        "a marrow, or another assessment of the disease",
        "The last before the {index}, and every one after it",
        True,
    ),
    "laboratory": (
        "Laboratory",
        "a day on which blood was taken",
        "From {before} days before the {index} to {after} days after the last dose, and around each marrow",
        True,
    ),
    "limits": (
        "Reference limits",
        "a test, with the limits of normal of your laboratory",
        "Once for the centre, not for each patient; twice where men and women have other limits",
        True,
    ),
    "adverse_events": ("Adverse events", "an adverse event", "From the {index}", True),
    "findings": ("Findings", "a day on which something was looked for", "Whenever it was looked for", True),
    "transplants": ("Transplantations", "a transplantation", "Before the {index} and after it", True),
    "procedures": ("Procedures", "a procedure", "Before the {index} and after it", True),
    "other_treatment": (
        "Other treatment",
        "a treatment, or a transfusion",
        "Everything from 14 days before the {index}",
        True,
    ),
    "follow_up": ("Follow-up", "a patient", "Once, as far as the patient is known today", False),
}
_TYPES: dict[str, ItemType] = {"code": "text", "flag": "choice"}  # as asked; others are asked as they are


@dataclass
class Asked:
    """The protocol, the reasons of its variables, whether response is derived; and what is asked so far."""

    p: Protocol
    reasons: Mapping[str, tuple[str, ...]]
    response: bool
    forms: dict[str, DraftForm] = field(default_factory=dict)
    names: set[str] = field(default_factory=lambda: {"record_id"})

    def form(self, name: str) -> DraftForm:
        """Return one of the standard forms, begun where it is not there yet."""
        if name not in self.forms:
            label, each, when, repeats = (self.filled(t) if isinstance(t, str) else t for t in _FORMS[name])
            made = DraftForm(name, str(label), str(each), str(when), bool(repeats), self.names)
            made.of_centre = name == "limits"
            self.forms[name] = made
        return self.forms[name]

    def new_form(self, name: str, label: str, each: str, when: str) -> DraftForm:
        """Begin a form of the study's own, with several rows a patient."""
        self.forms[name] = DraftForm(name, label, each, when, True, self.names)
        return self.forms[name]

    def in_order(self) -> Iterator[DraftForm]:
        """The forms in the order in which a chart is read; forms of the study's own stand before findings."""
        known = list(_FORMS)
        own = known.index("findings") - 0.5
        place = {name: float(i) for i, name in enumerate(known)}
        yield from sorted(self.forms.values(), key=lambda f: place.get(f.name, own))

    def why(self, variable: str) -> tuple[str, ...]:
        """Where an ADSL variable is read."""
        return self.reasons.get(variable, ())

    def question(self, variable: str, why: Iterable[str], required: bool = False) -> Item:
        """Return the item that asks for a clinical variable in the standard words."""
        v, asked = _variable(variable), questions()[variable]
        choices = YES_NO if v.type == "flag" else term_labels().get((v.domain, v.name), ())
        type_ = "choice" if choices else _TYPES.get(v.type, v.type)
        return Item(
            variable.lower(),
            self.filled(asked.label),
            type_,  # type: ignore[arg-type]
            tuple(dict.fromkeys(why)),
            help=self.filled(asked.help),
            unit="" if v.unit in ("1", "years", "(by test)") else v.unit,
            low=asked.low,
            high=asked.high,
            choices=choices,
            required=required,
            partial=asked.partial,
            bounds=v.range,
        )

    def filled(self, text: str) -> str:
        """Return a text with the study's own words for day 0 and treatment."""
        t, lab = self.p.treatment, self.p.laboratory
        drug = (t.abbreviation or t.label) if t else "treatment"
        words = {"index": self.p.index_rows.event, "drug": drug}
        days = {"before": str(lab.baseline_days), "after": str(lab.on_treatment_days)}
        for name, value in {**words, **days}.items():
            text = text.replace("{" + name + "}", value)
        return text

    def names_in(self, where: str | None) -> tuple[str, ...]:
        """Return the variables of a condition, in order."""
        return tuple(sorted(parse_condition(where).variables)) if where else ()

    def fixed(self, where: str | None) -> dict[str, str]:
        """Return the words that every row of a condition has."""
        return parse_condition(where).fixed if where else {}

    def words(self, where: str | None, variable: str) -> tuple[str, ...]:
        """Return the words with which a condition compares a variable, in order."""
        compared = parse_condition(where).comparisons if where else ()
        return tuple(dict.fromkeys(str(v) for n, v in compared if n == variable and isinstance(v, str)))

    def vocabulary_order(self, domain: str, wanted: Mapping[str, W]) -> Iterator[tuple[str, W]]:
        """Yield what is wanted of a domain, in the order of its variables."""
        yield from ((name, wanted[name]) for name in variables()[domain] if name in wanted)


def question_of(variable: str) -> Question | None:
    """Return how a variable is asked for, if it ever is."""
    return questions().get(variable)


def _variable(name: str) -> Variable:
    return next(v for of in variables().values() for v in of.values() if v.name == name)
