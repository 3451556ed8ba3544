"""The sets of criteria that a study declares, taken apart into units: an item in one window.

What several sets ask of the same days 0 is one unit, so it is read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chartline.derive.syndrome_evidence import Unit
from chartline.derive.syndrome_rules import Days, Requirement, SyndromeRules, load_syndrome, names_in
from chartline.errors import ProtocolError
from chartline.protocol.base import Milestone
from chartline.protocol.toxicity import Syndrome

GRADING, BESIDE = -1, -2  # in the place of a pathway: items of the severity, items told beside the result


@dataclass(frozen=True)
class DeclaredSet:
    """A declared set: its rules, and its units (an item in a window) with the pathway each belongs to."""

    name: str
    rules: SyndromeRules
    counted_from: tuple[Milestone, ...]
    units: tuple[tuple[int, str, Unit], ...]  # (pathway, or GRADING, BESIDE; item; unit)

    def of(self, pathway: int) -> dict[str, int]:
        """Item -> number of its unit in a pathway."""
        return {item: unit.number for p, item, unit in self.units if p == pathway}


def declared_sets(declared: Mapping[str, Syndrome]) -> list[DeclaredSet]:
    """Return the sets, with their units numbered.

    Raises `ProtocolError` for a set that is not shipped, and for one that cannot count from a milestone.
    """
    numbers: dict[object, int] = {}
    out = []
    for name, choice in declared.items():
        rules = load_syndrome(choice.criteria, f"syndromes.{name}.criteria")
        if choice.counted_from and rules.each:
            raise ProtocolError(
                f"{choice.criteria} counts from each {rules.each.replace('_', ' ')}",
                where=f"syndromes.{name}.counted_from",
                expected="no counted_from",
                do="take it out",
            )
        counted_from = choice.counted_from or rules.counted_from
        each = rules.items[rules.each].any_of if rules.each in rules.items else rules.each
        units = []
        for pathway, item, days in _wanted(rules):
            of = rules.items[item]
            own = name if pathway == GRADING else ""  # days of a grading are the set's own
            number = numbers.setdefault((counted_from, each, own, of.any_of, of.days or days), len(numbers))
            units.append((pathway, item, Unit(number, of, of.days or days)))
        out.append(DeclaredSet(name, rules, counted_from, tuple(units)))
    return out


def _wanted(rules: SyndromeRules) -> list[tuple[int, str, Days]]:
    """Every item with its pathway and the pathway's window."""
    out: list[tuple[int, str, Days]] = []
    for i, p in enumerate(rules.pathways):
        out += [(i, item, p.days) for item in dict.fromkeys(names_in(p.requires))]
    if rules.grading:
        needs: list[Requirement] = [g.requires for g in rules.grading.grades]
        needs += [rules.grading.lift.when] if rules.grading.lift else []
        out += [(GRADING, item, rules.grading.days) for item in dict.fromkeys(n for r in needs for n in names_in(r))]
    return out + [(BESIDE, item, rules.pathways[0].days) for item in rules.told]
