"""What every clinical rule set is: data with a name, a version, a source, and a word on how far it was checked.

A kind of rule set (response criteria, MRD definitions, criteria of a syndrome) is a folder of YAML files below
`derive/` and a model that extends `RuleSet`. Thresholds, operators, units and windows stand in the file, never in code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class RuleRow:
    """One rule as a row of a table: where it stands in its set, and what it compares with what."""

    part: str  # "CR", "counts: recovered", "relapse"
    variable: str = ""
    operator: str = ""
    threshold: str = ""
    unit: str = ""
    window: str = ""  # every number of days
    note: str = ""  # all the rest, in words


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
        source = self.source.strip().removesuffix(".")
        return f"{self.label} (chartline rule set {self.name}, version {self.version}; {source})"

    def rows(self) -> list[RuleRow]:
        """Return every rule below the head as a row, in the order of the file; what any model of rules can say."""
        head = {"chartline", *RuleSet.model_fields}
        return [row for name in type(self).model_fields if name not in head for row in _rows(name, getattr(self, name))]


@cache
def available_rule_sets(folder: str) -> tuple[str, ...]:
    """Return the names of the rule sets shipped in `derive/<folder>/`."""
    here = files("chartline") / "derive" / folder
    return tuple(sorted(f.name.removesuffix(".yaml") for f in here.iterdir() if f.name.endswith(".yaml")))


_ROW = ("operator", "threshold", "unit")
_NAMES = ("code", "name", "id")  # by what an item of a list is called


def _rows(part: str, value: Any) -> Iterator[RuleRow]:
    """A rule with rules inside is a row of its own words, then theirs; a rule without is one row."""
    if isinstance(value, Rule):
        yield from _rule_rows(part, value)
    elif isinstance(value, dict) and any(_has_rules(v) for v in value.values()):
        for name, inner in value.items():
            yield from _rows(f"{part}: {name}", inner)
    elif isinstance(value, tuple | list) and _has_rules(value):
        for inner in value:
            yield from _rows(_called(part, inner), inner)
    elif _says(value):
        yield RuleRow(part, note=_words(value))


def _rule_rows(part: str, rule: Rule) -> Iterator[RuleRow]:
    own = {n: getattr(rule, n) for n in type(rule).model_fields}
    said = {n: v for n, v in own.items() if n not in _NAMES and not _has_rules(v) and _says(v)}
    subject = next((n for n, v in said.items() if isinstance(v, str) and n not in (*_ROW, "origin", "label")), None)
    days = {n: v for n, v in said.items() if "days" in n.split("_")}
    rest = {n: v for n, v in said.items() if n not in (*_ROW, subject, *days)}
    note = "; ".join(_words(v) if n in ("origin", "label") else f"{_title(n)}: {_words(v)}" for n, v in rest.items())
    variable = "" if subject is None else str(said[subject])
    named = variable if subject in (None, "variable", "test") else f"{_title(str(subject))}: {variable}"
    window = "; ".join(f"{_title(n)}: {_words(v)}" for n, v in days.items())
    shown = {n: _words(said[n]) for n in _ROW if n in said}
    if named or shown or window or note:
        yield RuleRow(part, named, window=window, note=note, **shown)
    for name, inner in own.items():
        if _has_rules(inner):
            yield from _rows(part if name == "requires" else f"{part}, {_title(name)}", inner)


def _says(value: Any) -> bool:
    """Whether a value says anything: 0 does; nothing, an empty text or list, and "no" do not."""
    return value is not None and value is not False and value not in ((), {}, "")


def _has_rules(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_rules, value.values()))
    return isinstance(value, Rule) or (isinstance(value, tuple | list) and any(map(_has_rules, value)))


def _called(part: str, item: Any) -> str:
    return next((str(getattr(item, n)) for n in _NAMES if hasattr(item, n)), part)


def _title(name: str) -> str:
    return name.replace("_", " ")


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{k} = {_words(v)}" for k, v in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())


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
