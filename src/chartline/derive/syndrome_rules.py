"""Criteria of syndromes as data: what a rule set in `derive/syndromes/*.yaml` may say.

A set counts days from a milestone (or from each dose, or from each day on which one of its own items was true), names
items, and combines them in pathways; the first pathway that holds is the subject's category. An item is any of
several kinds of evidence: a laboratory value, a finding that a chart answers with yes, no or a number, an adverse
event. Every item, pathway and set is met, not met or not assessable: what the charts do not say is not a no.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from chartline.derive.rule_set import Operator, Rule, RuleSet, available_rule_sets, load_rule_set
from chartline.protocol.base import Milestone

Days = tuple[int, int | None]  # first and last day of a window, both included; no last day: no end


class Bound(Rule):
    """A threshold."""

    operator: Operator
    threshold: float
    unit: str = Field("", description="Unit of the threshold; converted to the test's standard unit.")


class LabValue(Bound):
    """A laboratory value in the window."""

    lab: tuple[str, ...] = Field(description="Codes of the tests, any of which counts.")
    times: Literal["", "ULN", "baseline"] = Field("", description="What the threshold is a multiple of.")
    take: Literal["any", "last"] = Field("any", description="`last`: only the last value in the window counts.")
    if_baseline: Bound | None = Field(None, description="Only where the baseline value is so; otherwise not met.")


class LabRatio(Rule):
    """Two tests of one day, each as a multiple of its upper limit of normal, divided."""

    ratio: tuple[str, str]
    operator: Operator
    threshold: float


class LabRise(Rule):
    """A value at least `threshold` times an earlier one of at most `within_days` days before."""

    rise: str
    operator: Literal[">="]
    threshold: float
    within_days: int


class LabDays(Bound):
    """Days of the window on which a test is so, at least `days` of them.

    A day without a value is known only between two values at most `gap_days` apart that say the same. Days on which it
    is not so count too where fewer than `recovery_days` of them lie between two on which it is.
    """

    days_of: str
    days: int
    gap_days: int
    recovery_days: int = 1


class LabRepeat(Bound):
    """A test that is so on at least `values` days of the window, whatever lies between them."""

    repeated: str
    values: int = Field(ge=2)


class Finding(Rule):
    """A finding that the chart answers in words (FAORRES); any other answer is not understood."""

    finding: tuple[str, ...] = Field(description="FATESTCD, any of which counts.")
    yes: tuple[str, ...] = ("Y",)
    no: tuple[str, ...] = ("N",)


class Measure(Bound):
    """A finding that the chart answers with a number."""

    measure: tuple[str, ...] = Field(description="FATESTCD, any of which counts.")


class Event(Rule):
    """A recorded adverse event. That none is recorded says nothing: nobody may have looked."""

    event: tuple[str, ...] = Field(description="AETERM in small letters, any of which counts.")
    grade: int | None = Field(None, description="Only of this recorded grade; one of another grade is a no.")


class Ongoing(Rule):
    """A recorded adverse event, with onset from the first day of the window to day `by_day`, not over by then."""

    ongoing: tuple[str, ...] = Field(description="AETERM in small letters, any of which counts.")
    by_day: int


class Death(Rule):
    """A death in the window, of one of these causes as the chart declares it.

    Not so where another cause is declared, or the patient was seen alive at the end of the window or after it. A cause
    that names one of these among other things, and a death without a cause, decide nothing.
    """

    death_of: tuple[str, ...] = Field(description="DTHCAUS in small letters, any of which counts.")


Evidence = LabValue | LabRatio | LabRise | LabDays | LabRepeat | Finding | Measure | Event | Ongoing | Death


class Item(Rule):
    """One criterion as a reader sees it: any of its kinds of evidence."""

    label: str
    any_of: tuple[Evidence, ...] = Field(min_length=1)
    days: Days | None = Field(None, description="Its own window; that of the pathway if not given.")


class AllOf(Rule):
    all: tuple[Requirement, ...]


class AtLeast(Rule):
    at_least: int = Field(ge=1)
    of: tuple[Requirement, ...]

    @model_validator(mode="after")
    def _enough(self) -> AtLeast:
        if self.at_least > len(self.of):
            raise ValueError(f"at least {self.at_least} of {len(self.of)} can never be")
        return self


class Not(Rule):
    none_of: tuple[Requirement, ...]


Requirement = Annotated[str | AllOf | AtLeast | Not, Field(description="The name of an item, or a combination.")]
AllOf.model_rebuild()
AtLeast.model_rebuild()
Not.model_rebuild()


class Pathway(Rule):
    """One way to meet the criteria."""

    code: str
    label: str
    origin: str = Field(description="The source's words in ours, or 'ours' with the reason.")
    days: Days = Field(description="Window in days from what the set counts from.")
    counted_from: tuple[Milestone, ...] | None = Field(
        None, description="Only where days are counted from one of these; always if not given."
    )
    requires: Requirement


class Grade(Rule):
    code: str
    label: str
    requires: Requirement


class Lift(Rule):
    """Grades that rise by one where the requirement holds."""

    grades: tuple[str, ...]
    when: Requirement


class Grading(Rule):
    """Severity of what was diagnosed, worst first: the first grade whose requirement holds."""

    label: str
    counted_from: Literal["onset", "anchor"] = Field(description="`onset`: the day on which the criteria were met.")
    days: Days
    grades: tuple[Grade, ...] = Field(min_length=1)
    lift: Lift | None = None


class SyndromeRules(RuleSet):
    """A whole set of criteria."""

    chartline: Literal["syndrome-rules/1"]
    syndrome: str = Field(description="What is diagnosed, in a sentence.", examples=["VOD/SOS"])
    counted_from: tuple[Milestone, ...] = Field(
        (), description="Day 0: the first of these that a subject has. A protocol may say otherwise."
    )
    each: str = Field(
        "",
        description="Instead: `dose`, `later_cycle`, or an item, whose every day on treatment is a day 0 of its own.",
    )
    items: dict[str, Item]
    pathways: tuple[Pathway, ...] = Field(min_length=1, description="In the order in which they are tried.")
    grading: Grading | None = None
    told: tuple[str, ...] = Field((), description="Items that are told beside the result and do not change it.")

    @model_validator(mode="after")
    def _names_resolve(self) -> SyndromeRules:
        if bool(self.counted_from) == bool(self.each):
            raise ValueError("a set counts either from milestones (`counted_from`) or from `each`")
        if self.each not in ("", "dose", "later_cycle", *self.items):
            raise ValueError(f"`each` is {self.each}, which is neither dose, later_cycle nor an item")
        used = [name for r in self.requirements for name in names_in(r)]
        unknown = sorted({*used, *self.told} - set(self.items))
        idle = sorted(set(self.items) - {*used, *self.told, self.each})
        if unknown or idle:
            raise ValueError(f"items not declared: {unknown}; items never used: {idle}")
        if self.grading and self.grading.lift:
            codes = {g.code for g in self.grading.grades[1:]}
            if not set(self.grading.lift.grades) <= codes:
                raise ValueError(f"grades that can rise are among {sorted(codes)}")
        return self

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Every requirement of the set."""
        out: list[Requirement] = [p.requires for p in self.pathways]
        if self.grading:
            out += [g.requires for g in self.grading.grades]
            out += [self.grading.lift.when] if self.grading.lift else []
        return tuple(out)


def names_in(requirement: Requirement) -> Iterator[str]:
    """Return the items a requirement names, in order, each as often as it stands there."""
    if isinstance(requirement, str):
        yield requirement
        return
    for part in parts_of(requirement):
        yield from names_in(part)


def parts_of(requirement: AllOf | AtLeast | Not) -> tuple[Requirement, ...]:
    if isinstance(requirement, AllOf):
        return requirement.all
    return requirement.of if isinstance(requirement, AtLeast) else requirement.none_of


def words_of(evidence: Evidence) -> str:
    """Return what is read and how it is judged, as a reader of a rule set sees it."""
    if isinstance(evidence, LabValue):
        last = ", last value" if evidence.take == "last" else ""
        base = evidence.if_baseline
        only = f", where the baseline is {base.operator} {base.threshold:g}" if base is not None else ""
        return f"{', '.join(evidence.lab)} {_limit(evidence)}{last}{only}"
    if isinstance(evidence, LabRatio):
        of = " over ".join(f"{test}/ULN" for test in evidence.ratio)
        return f"{of} {evidence.operator} {evidence.threshold:g}, of one day"
    if isinstance(evidence, LabRise):
        return f"{evidence.rise} {evidence.operator} {evidence.threshold:g} x within {evidence.within_days} days"
    if isinstance(evidence, LabDays):
        return f"{evidence.days_of} {_limit(evidence)} on {evidence.days} days"
    if isinstance(evidence, LabRepeat):
        return f"{evidence.repeated} {_limit(evidence)} on {evidence.values} different days"
    if isinstance(evidence, Finding):
        yes = "" if evidence.yes == ("Y",) else f" is {', '.join(evidence.yes)}"
        return f"FA {', '.join(evidence.finding)}{yes}"
    if isinstance(evidence, Measure):
        return f"FA {', '.join(evidence.measure)} {_limit(evidence)}"
    if isinstance(evidence, Ongoing):
        return f"AE {', '.join(evidence.ongoing)} not over by day {evidence.by_day}"
    if isinstance(evidence, Death):
        return f"SS DTHCAUS {', '.join(evidence.death_of)}"
    grade = "" if evidence.grade is None else f" of grade {evidence.grade}"
    return f"AE {', '.join(evidence.event)}{grade}"


def _limit(bound: Bound) -> str:
    times = f" x {bound.times}" if isinstance(bound, LabValue) and bound.times else ""
    return f"{bound.operator} {bound.threshold:g}{times} {bound.unit}".rstrip()


def available_syndromes() -> tuple[str, ...]:
    """Return the names of the sets that are shipped."""
    return available_rule_sets("syndromes")


def load_syndrome(name: str, where: str = "syndromes") -> SyndromeRules:
    """Return a shipped set. Raises `ProtocolError` where there is none of that name."""
    return load_rule_set("syndromes", name, SyndromeRules, where)
