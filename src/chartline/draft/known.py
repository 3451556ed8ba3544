"""What people already signed for other centres of the study: meanings of headings and of words, reused and cited.

In: signed mappings. Out: `Known`, which says for a heading the one target that every signed mapping gave it, and for a
word of a coded variable the one term. Where two centres decided otherwise nothing is reused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chartline.draft.model import Target
from chartline.draft.words import Words
from chartline.mapping.blocks import Block, plan
from chartline.mapping.model import Mapping

_ITEM = {"MH": "MHCAT", "LB": "LBTESTCD", "FA": "FATESTCD", "PR": "PRTIMING"}


@dataclass
class Known:
    """Decisions of signed mappings. `headings`: words of a heading -> target -> who; `words`: see `Codes.signed`."""

    headings: dict[tuple[str, ...], dict[Target, str]] = field(default_factory=dict)
    words: dict[tuple[Target, str], tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, mappings: Iterable[Mapping], words: Words) -> Known:
        """Collect what signed mappings decided; one that nobody signed teaches nothing."""
        out = cls()
        conflicts: set[tuple[Target, str]] = set()
        for mapping in mappings:
            if not mapping.signed_by:
                continue
            who = f"in {mapping.label or f'centre {mapping.centre}'}"
            for block in plan(mapping).blocks:
                out._learn(block, who, words, conflicts)
        for key in conflicts:
            out.words.pop(key, None)
        return out

    def _learn(self, block: Block, who: str, words: Words, conflicts: set[tuple[Target, str]]) -> None:
        for variable, cell in block.cells.items():
            if "#" in variable or len(cell.columns) != 1:
                continue
            target = target_of(block, variable)
            column = cell.columns[0]
            if cell.reading.extract is None and not block.where:
                key = words.canonical(column)
                self.headings.setdefault(key, {}).setdefault(target, f"{who}, column `{column}`")
            for word, term in cell.reading.codes or ():
                seen = self.words.setdefault((target, word), (term, f"{who}, column `{column}`"))
                if seen[0] != term:
                    conflicts.add((target, word))

    def target_of(self, heading: tuple[str, ...]) -> tuple[Target, str] | None:
        """Return the one target that signed mappings give a heading, and who; None where none or several."""
        found = self.headings.get(heading, {})
        targets = [t for t in found if t.domain != "PR" or len(found) == 1]
        return (targets[0], found[targets[0]]) if len(targets) == 1 else None


def target_of(block: Block, variable: str) -> Target:
    """Return what a variable of a block means, with the item its constants name."""
    item = block.constants.get(_ITEM.get(block.domain, ""), "")
    if block.domain == "LB" and variable in ("LBDTC", "LBGCSF", "LBPLTTX", "LBRBCTX"):
        item = ""
    if block.domain == "FA" and variable == "FADTC":
        item = block.constants.get("FAOBJ", "")
    return Target(block.domain, item, variable)
