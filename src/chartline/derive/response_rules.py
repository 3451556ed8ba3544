"""Response criteria as data: what a rule set in `derive/criteria/*.yaml` may say.

A rule set is a list of categories in the order in which they are tried; a category holds where *all* its
requirements are shown to be true. A requirement that cannot be judged (a missing value) is not shown: the next
category is tried, and the sentence that explains the result names what was missing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chartline.core.sentences import counted
from chartline.derive.rule_set import Operator, Rule, RuleSet, available_rule_sets, load_rule_set
from chartline.errors import ProtocolError
from chartline.protocol.response import Response


class CountsWindow(Rule):
    """The days around a marrow in which blood counts prove recovery."""

    days: tuple[int, int] = Field(description="First and last day, counted from the marrow.", examples=[[0, 14]])
    origin: str = Field(description="The source's words, or 'ours' with the reason.")

    @model_validator(mode="after")
    def _in_order(self) -> CountsWindow:
        if self.days[0] > self.days[1]:
            raise ValueError("the first day of the window is after its last")
        return self


class Support(Rule):
    """A treatment that makes a blood count no proof of recovery."""

    label: str = Field(description="As a reader sees it.", examples=["G-CSF"])
    flag: str = Field(description="LB flag that says it was given in the 7 days before.", examples=["LBGCSF"])
    medication: str = Field(description="CMCAT of its records.", examples=["PLATELET TRANSFUSION"])
    without_end: Literal["one day", "ongoing"] = Field(description="What a record without an end date means.")
    free_days: int = Field(ge=0, description="Days before a count in which it must not have been given.", examples=[7])
    origin: str = Field(description="The source's words on those days, or 'ours' with the reason.")


class CountRule(Rule):
    """One blood count on one day."""

    test: Literal["ANC", "PLT", "HB", "WBC"]
    operator: Operator
    threshold: float
    unit: str
    without: str | None = Field(None, description="Support that must not have been given in the days before.")


class Unsupported(Rule):
    """That a support was not given in the days before a count, whatever the count."""

    without: str = Field(description="Name of a support.")


class CountsRequirement(Rule):
    """On one day within the window: all (or any) of the named count rules."""

    counts: str = Field(description="Name of a list under `counts`.")
    which: Literal["all", "any"] = "all"


class Measure(Rule):
    """A number of the assessment against a threshold."""

    variable: Literal["BMBLAST", "PBBLAST", "MRDVAL", "BMCOUNT", "BMCELLU"]
    operator: Operator
    threshold: float
    unit: str = ""
    if_available: bool = Field(False, description="A missing value does not stand in the way.")
    again_after_days: int | None = Field(
        None, description="Of a relapse: shown again by another assessment this many days later or more."
    )


class Finding(Rule):
    """A code of the assessment, and where given of the last assessment up to the first dose."""

    variable: Literal["EMD", "CSFBLAST", "AUERROD", "TRILIN", "INVRESP"]
    one_of: tuple[str, ...]
    at_baseline: tuple[str, ...] = ()
    if_available: bool = Field(False, description="A missing value does not stand in the way.")


class Recorded(Rule):
    """That a value of the assessment was recorded, whatever it is."""

    recorded: Literal["BMBLAST"]


class Change(Rule):
    """A fall or a rise of blasts from the last assessment up to the first dose, in per cent of its value."""

    variable: Literal["BMBLAST", "PBBLAST"]
    fall_percent: float | None = Field(None, description="At least this fall.")
    rise_percent: float | None = Field(None, description="At least this rise.")

    @model_validator(mode="after")
    def _one_way(self) -> Change:
        if (self.fall_percent is None) == (self.rise_percent is None):
            raise ValueError("a change has either `fall_percent` or `rise_percent`")
        return self


class AnyOf(Rule):
    """At least one of some requirements."""

    any_of: tuple[Measure | Finding | Change, ...]
    if_available: bool = Field(
        False, description="Where none is shown and one is missing, it does not stand in the way."
    )


Requirement = CountsRequirement | Measure | Finding | Recorded | Change | AnyOf


class Category(Rule):
    code: str
    label: str
    origin: str = Field(description="The source's words, or 'ours' with the reason.")
    requires: tuple[Requirement, ...]


class Durability(Rule):
    """How long a response must be held: what is lost sooner (relapse, death, or an assessment that shows relapse) is
    of another category. Where follow-up ends sooner without a loss, it is taken as held."""

    days: int = Field(description="Held for at least this many days from the marrow.")
    of: tuple[str, ...] = Field(description="The categories that must be held.")
    code: str = Field(description="The category of what was not held.")
    label: str
    unless_transplanted: bool = Field(
        description="A response immediately before transplantation (within these days) need not be held."
    )
    origin: str


class Relapse(Rule):
    """What shows relapse in an assessment after the first response."""

    any_of: tuple[Measure | Finding, ...]
    origin: str


class Landmark(Rule):
    """By when a response must have been reached: so many cycles, or so many days after the first dose."""

    of: Literal["any", "intensive", "less_intensive"] = Field(
        "any", description="Intensity of the treatment that it is meant for."
    )
    after_cycles: int | None = Field(None, description="The end of this cycle.")
    after_days: int | None = Field(None, description="So many days after the first dose.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Landmark:
        if (self.after_cycles is None) == (self.after_days is None):
            raise ValueError("a landmark has either `after_cycles` or `after_days`")
        return self

    def __str__(self) -> str:
        if self.after_cycles is not None:
            return counted(self.after_cycles, "cycle")
        return counted(self.after_days or 0, "day")


class Refractory(Rule):
    """Refractory disease: none of some categories by the response landmark."""

    without: tuple[str, ...]
    landmarks: tuple[Landmark, ...]
    origin: str

    def landmark(self, intensity: str) -> Landmark | None:
        """Return the landmark for treatment of an intensity; None where the source has none for it."""
        return next((m for m in self.landmarks if m.of in ("any", intensity)), None)


class ResponseRules(RuleSet):
    """A whole rule set."""

    chartline: Literal["response-rules/1"]
    diseases: tuple[Literal["ALL", "AML"], ...] = Field((), description="What it is meant for.")
    counts_window: CountsWindow | None = Field(None, description="Of rules that ask for counts.")
    support: dict[str, Support] = Field({})
    counts: dict[str, tuple[CountRule | Unsupported, ...]] = Field(
        {}, description="Lists of count rules by name; the first is the one a sentence tells of."
    )
    categories: tuple[Category, ...] = Field(
        description="In the order in which they are tried; two of one code are two ways to reach it."
    )
    durability: Durability | None = None
    best: tuple[str, ...] = Field(description="Best first.")
    responders: tuple[str, ...] = Field(("CR", "CRi"), description="The categories that are a response, best first.")
    not_evaluable: str = Field(description="The code of a subject (or assessment) without a usable marrow.")
    early_death_days: int = Field(
        30, description="Of those not evaluable, who died within this many days of the first dose died early."
    )
    refractory: Refractory | None = None
    relapse: Relapse | None = None
    investigator: dict[str, str] = Field(
        {}, description="Word of the treating team (INVRESP) -> the category it stands for, to compare the two."
    )

    @property
    def recorded(self) -> bool:
        """Whether the rules take the response that the treating team recorded, instead of raw findings."""
        read = [r for c in self.categories for r in c.requires]
        return any(isinstance(r, Finding) and r.variable == "INVRESP" for r in read)

    @model_validator(mode="after")
    def _names_resolve(self) -> ResponseRules:
        codes = {c.code for c in self.categories} | {self.not_evaluable}
        codes |= {self.durability.code} if self.durability else set()
        if codes != set(self.best):
            raise ValueError(f"`best` must order exactly these categories: {', '.join(sorted(codes))}")
        named = {*self.responders, *self.investigator.values()}
        named |= set(self.durability.of) if self.durability else set()
        named |= set(self.refractory.without) if self.refractory else set()
        if named - codes:
            raise ValueError(f"these are no categories: {', '.join(sorted(named - codes))}")
        for category in self.categories:
            for r in category.requires:
                if isinstance(r, CountsRequirement) and r.counts not in self.counts:
                    raise ValueError(f"{category.code} refers to counts `{r.counts}`, which are not declared")
        if bool(self.counts) != (self.counts_window is not None):
            raise ValueError("`counts` and `counts_window` go together")
        for rule in (r for rules in self.counts.values() for r in rules):
            if rule.without is not None and rule.without not in self.support:
                raise ValueError(f"support `{rule.without}` is not declared")
        return self

    @property
    def labels(self) -> dict[str, str]:
        held = {self.durability.code: self.durability.label} if self.durability else {}
        return {c.code: c.label for c in self.categories} | held

    @property
    def variables(self) -> frozenset[str]:
        """Return the variables of an assessment that the categories and the relapse rule read."""
        asked: list[Requirement] = [r for c in self.categories for r in c.requires]
        asked += self.relapse.any_of if self.relapse else ()
        parts = [p for r in asked for p in (r.any_of if isinstance(r, AnyOf) else (r,))]
        return frozenset(p.variable for p in parts if isinstance(p, Measure | Finding | Change))


def available_rules() -> tuple[str, ...]:
    """Return the names of the rule sets that are shipped."""
    return available_rule_sets("criteria")


def load_rules(name: str) -> ResponseRules:
    """Return a shipped rule set. Raises `ProtocolError` where there is none of that name."""
    return load_rule_set("criteria", name, ResponseRules, "response.criteria")


def refractory_by_day(choice: Response) -> bool:
    """Return whether refractory disease is told by a landmark in days, at which the patient must be known alive."""
    refractory = load_rules(choice.criteria).refractory
    landmark = refractory.landmark(choice.intensity) if refractory else None
    return landmark is not None and landmark.after_days is not None


def responders_of(choice: Response) -> tuple[str, ...]:
    """Return the categories that are a response: the protocol's, else the rule set's own.

    Raises `ProtocolError` where the protocol names a category that the rule set does not have.
    """
    rules = load_rules(choice.criteria)
    unknown = [code for code in choice.responders if code not in rules.best]
    if unknown:
        raise ProtocolError(
            f"The rule set `{rules.name}` has no category `{unknown[0]}`",
            where="response.responders",
            expected=f"some of: {', '.join(rules.best)}",
            do="name categories of the rule set, or leave `responders` out to take its own",
        )
    return choice.responders or rules.responders


def counts_window_of(choice: Response) -> tuple[int, int] | None:
    """Return the first and last day from the marrow on which blood counts prove recovery: the protocol's, else the
    rule set's own. None where the rule set asks for no counts."""
    own = load_rules(choice.criteria).counts_window
    return None if own is None else choice.counts_window_days or own.days


def free_days_of(choice: Response, support: Support) -> int:
    """Return the days before a count without a support of the rule set: the protocol's, else the rule set's own."""
    return support.free_days if choice.support_free_days is None else choice.support_free_days
