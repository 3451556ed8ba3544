"""What every clinical rule set is: data with a name, a version, a source, and a word on how far it was checked.

A kind of rule set (response criteria, MRD definitions, criteria of a syndrome) is a folder of YAML files below
`derive/` and a model that extends `RuleSet`. Thresholds, operators, units and windows stand in the file, never in code.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from chartline.core.declared import parse_declaration
from chartline.errors import ProtocolError

R = TypeVar("R", bound="RuleSet")
Operator = Literal["<", "<=", ">", ">=", "=="]


class Rule(BaseModel):
    """A part of a rule set. Immutable; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class RuleSet(Rule):
    """The head of every rule set."""

    name: str
    label: str = Field(description="As a reader sees it.")
    version: str
    source: str = Field(description="The text the rules are taken from, as a reference list prints it.")
    status: Literal["verified", "partly verified", "unverified"] = Field(
        description="Whether every rule was read in the source, some were, or none."
    )
    verified: str = Field(description="What was checked against which text, and what is ours or from memory.")

    @property
    def reference(self) -> str:
        """Return how a methods section names the rule set."""
        return f"{self.label} (chartline rule set {self.name}, version {self.version}; {self.source.strip()})"

    @property
    def notice(self) -> str | None:
        """Return what a reader must be told where the rule set is used; None where every rule was read there."""
        if self.status == "verified":
            return None
        return f"The rule set {self.label} is {self.status}: {self.verified.strip()}"


@cache
def available_rule_sets(folder: str) -> tuple[str, ...]:
    """Return the names of the rule sets shipped in `derive/<folder>/`."""
    here = files("chartline") / "derive" / folder
    return tuple(sorted(f.name.removesuffix(".yaml") for f in here.iterdir() if f.name.endswith(".yaml")))


def load_rule_set(folder: str, name: str, model: type[R], where: str) -> R:
    """Return a shipped rule set. Raises `ProtocolError`, naming the protocol's key `where`, if there is none."""
    known = available_rule_sets(folder)
    if name not in known:
        raise ProtocolError(
            f"There is no rule set `{name}`",
            where=where,
            expected=f"one of: {', '.join(known)}",
            do=f"name one of them, or add derive/{folder}/<name>.yaml",
        )
    rules: R = _parsed(folder, name, model)
    return rules


@cache
def _parsed(folder: str, name: str, model: type[R]) -> Any:
    text = (files("chartline") / "derive" / folder / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_declaration(text, model, ProtocolError, f"{name}.yaml")
