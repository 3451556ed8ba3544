"""Response criteria as data: what a rule set in `derive/criteria/*.yaml` may say.

A rule set is a list of categories in the order in which they are tried; a category holds where *all* its
requirements are shown to be true. A requirement that cannot be judged (a missing value) is not shown: the next
category is tried, and the sentence that explains the result names what was missing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chartline.derive.rule_set import Operator, Rule, RuleSet, available_rule_sets, load_rule_set


class Support(Rule):
    """A treatment that makes a blood count no proof of recovery."""

    label: str = Field(description="As a reader sees it.", examples=["G-CSF"])
    flag: str = Field(description="LB flag that says it was given in the 7 days before.", examples=["LBGCSF"])
    medication: str = Field(description="CMCAT of its records.", examples=["PLATELET TRANSFUSION"])
    without_end: Literal["one day", "ongoing"] = Field(description="What a record without an end date means.")


class CountRule(Rule):
    """One blood count on one day."""

    test: Literal["ANC", "PLT", "HB", "WBC"]
    operator: Operator
    threshold: float
    unit: str
    without: str | None = Field(None, description="Support that must not have been given in the days before.")


class CountsRequirement(Rule):
    """On one day within the window: all (or any) of the named count rules."""

    counts: str = Field(description="Name of a list under `counts`.")
    which: Literal["all", "any"] = "all"


class Measure(Rule):
    """A number of the assessment against a threshold."""

    variable: Literal["BMBLAST", "PBBLAST", "MRDVAL"]
    operator: Operator
    threshold: float
    unit: str = ""
    if_available: bool = Field(False, description="A missing value does not stand in the way.")


class Finding(Rule):
    """A code of the assessment."""

    variable: Literal["EMD", "INVRESP"]
    one_of: tuple[str, ...]


class Fall(Rule):
    """A fall of marrow blasts from the last marrow up to the first dose, in per cent of it."""

    variable: Literal["BMBLAST"]
    fall_percent: float


Requirement = CountsRequirement | Measure | Finding | Fall


class Category(Rule):
    code: str
    label: str
    origin: str = Field(description="The source's words, or 'ours' with the reason.")
    requires: tuple[Requirement, ...]


class ResponseRules(RuleSet):
    """A whole rule set."""

    chartline: Literal["response-rules/1"]
    support: dict[str, Support] = Field({})
    counts: dict[str, tuple[CountRule, ...]] = Field({})
    categories: tuple[Category, ...] = Field(description="In the order in which they are tried.")
    best: tuple[str, ...] = Field(description="Best first.")
    not_evaluable: str = Field(description="The code of a subject (or assessment) without a usable marrow.")

    @property
    def recorded(self) -> bool:
        """Whether the rules take the response that the treating team recorded, instead of raw findings."""
        read = [r for c in self.categories for r in c.requires]
        return any(isinstance(r, Finding) and r.variable == "INVRESP" for r in read)

    @model_validator(mode="after")
    def _names_resolve(self) -> ResponseRules:
        codes = {c.code for c in self.categories} | {self.not_evaluable}
        if codes != set(self.best):
            raise ValueError(f"`best` must order exactly these categories: {', '.join(sorted(codes))}")
        for category in self.categories:
            for r in category.requires:
                if isinstance(r, CountsRequirement) and r.counts not in self.counts:
                    raise ValueError(f"{category.code} refers to counts `{r.counts}`, which are not declared")
        for rule in (r for rules in self.counts.values() for r in rules):
            if rule.without is not None and rule.without not in self.support:
                raise ValueError(f"support `{rule.without}` is not declared")
        return self

    @property
    def labels(self) -> dict[str, str]:
        return {c.code: c.label for c in self.categories}


def available_rules() -> tuple[str, ...]:
    """Return the names of the rule sets that are shipped."""
    return available_rule_sets("criteria")


def load_rules(name: str) -> ResponseRules:
    """Return a shipped rule set. Raises `ProtocolError` where there is none of that name."""
    return load_rule_set("criteria", name, ResponseRules, "response.criteria")
