"""MRD definitions as data: what a rule set in `derive/mrd_definitions/*.yaml` may say of one sample.

A rule set is a list of categories in the order in which they are tried; a sample has the first whose *every*
requirement is shown to be true. What cannot be judged (a missing level, an unknown limit of detection) is not shown.
The last category requires nothing, so that every result has one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chartline.derive.rule_set import Operator, Rule, RuleSet, available_rule_sets, load_rule_set

Standing = Literal["negative", "not_negative", "not_assessed"]


class Level(Rule):
    """The level against a threshold; where no level was recorded, the result in words."""

    operator: Operator
    threshold: float
    unit: Literal["%"] = Field(description="Per cent of nucleated cells.")
    called: tuple[str, ...] = Field((), description="Results as recorded that show it where there is no level.")
    not_called: tuple[str, ...] = Field((), description="Results as recorded that contradict it.")


class Detection(Rule):
    """Whether any leukaemic cell was found, at whatever level."""

    detected: bool


class Sensitive(Rule):
    """The limit of detection reaches the `sensitivity` of the rule set."""

    sensitive: Literal[True]


Requirement = Level | Detection | Sensitive


class Sensitivity(Rule):
    """What limit of detection a negative needs, and what limit so many cells give."""

    operator: Literal["<", "<="]
    threshold: float
    unit: Literal["fraction of nucleated cells"]
    events: int = Field(
        gt=0,
        description="Events that make a population: the limit of detection is this number over the cells acquired. "
        "Of a recorded limit and the one from the cells, the worse counts.",
    )
    origin: str


class Threshold(Rule):
    operator: Operator
    threshold: float
    unit: Literal["%"]


class MrdRelapse(Rule):
    """The first sample after a negative one that shows this level on a marrow not shown to have relapsed."""

    level: Threshold
    marrow: Threshold = Field(
        description="Marrow blasts in haematological remission; an unknown count does not stop it."
    )
    origin: str


class MrdCategory(Rule):
    code: str
    label: str
    origin: str = Field(description="The source's words, or 'ours' with the reason.")
    counts_as: Standing = Field(description="What the category is in a rate of MRD-negative responses.")
    requires: tuple[Requirement, ...]


class MrdRules(RuleSet):
    """A whole definition."""

    chartline: Literal["mrd-rules/1"]
    definition: str = Field(description="MRD-negative in one sentence, as a table prints it.")
    remission: bool = Field(description="Only samples of patients in haematological remission have a category.")
    assays: tuple[str, ...] = Field(description="MRDASSAY that is counted; one that is not recorded is counted.")
    specimens: tuple[str, ...] = Field(description="MRDSPEC that is counted; one that is not recorded is counted.")
    sensitivity: Sensitivity
    categories: tuple[MrdCategory, ...] = Field(description="In the order in which they are tried.")
    best: tuple[str, ...] = Field(description="Best first.")
    relapse: MrdRelapse

    @model_validator(mode="after")
    def _is_total(self) -> MrdRules:
        codes = [c.code for c in self.categories]
        if sorted(codes) != sorted(self.best):
            raise ValueError(f"`best` must order exactly these categories: {', '.join(codes)}")
        if self.categories[-1].requires or not all(c.requires for c in self.categories[:-1]):
            raise ValueError("the last category, and no other, requires nothing")
        return self

    @property
    def standing(self) -> dict[str, Standing]:
        """Return code -> what the category is in a rate of MRD-negative responses."""
        return {c.code: c.counts_as for c in self.categories}


def load_mrd_rules(name: str) -> MrdRules:
    """Return a shipped definition. Raises `ProtocolError` where there is none of that name."""
    return load_rule_set("mrd_definitions", name, MrdRules, "mrd.definition")


def available_mrd_rules() -> tuple[str, ...]:
    """Return the names of the definitions that are shipped."""
    return available_rule_sets("mrd_definitions")
