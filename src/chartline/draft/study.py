"""What a protocol says that helps to read its centres' files: the drug, the history items, the words of its conditions.

In: a protocol. Out: a `Study`. Conditions are not evaluated here; only the literals beside a column's name are taken,
as `MHCAT == 'ECOG'` names the item ECOG.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from chartline.draft.model import Target
from chartline.draft.words import Words, listed, vocabulary
from chartline.protocol.base import Milestone
from chartline.protocol.model import Protocol
from chartline.protocol.selection import Concept, Selection

_LITERAL = r"\b{name} == ['\"]([^'\"]+)['\"]"
HSCT = "ALLOGENEIC HSCT"
DIAGNOSIS_LABEL = {
    "PRIOR HSCT": "Allogeneic HSCT before the index treatment",
    "EMD SITE": "Site of extramedullary disease",
    "BCRABL1": "BCR::ABL1",
}


@dataclass(frozen=True)
class Index:
    """The index event of a selection: which rows of an OMOP table, and what they are for the protocol.

    `fixed`: what their records all say, as MHCAT: DIAGNOSIS; `name`: variable of what a row is called, "" where that is
    said already; `day`: variable of its day.
    """

    table: str
    concepts: tuple[Concept, ...]
    domain: str
    fixed: dict[str, str]
    name: str
    day: str


@dataclass
class Study:
    """The protocol's names. `categories`: history item -> its terms; `labels`: history item -> what readers see."""

    drug: str = ""
    hsct: str = HSCT
    observed: bool = False  # whether follow-up begins or ends with an observation period
    rxnorm: str = ""
    index: Index | None = None  # where the protocol selects in a database
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)  # item of the vocabulary -> what the protocol calls it
    words: Words = field(default_factory=Words)

    @classmethod
    def of(cls, protocol: Protocol) -> Study:
        """Take the names of a protocol."""
        declared = protocol.model_dump_json()
        out = cls(observed=any(f'"{m.value}"' in declared for m in (Milestone.OBSERVED_FROM, Milestone.OBSERVED_UNTIL)))
        out.index = _index(protocol)
        names: list[str] = []
        if protocol.treatment is not None:
            t = protocol.treatment
            out.drug = t.drug
            names = [t.drug, t.label, t.abbreviation]
            for row in vocabulary("drugs.csv"):
                if row["drug"].lower() == t.drug.lower():
                    out.rxnorm = row["rxnorm"]
                    names += listed(row["words"])
            names.append(t.drug.split()[0])
        if protocol.transplant is not None:
            found = re.search(_LITERAL.format(name="PRTRT"), protocol.transplant.where or "")
            out.hsct = found[1] if found else HSCT
        more: dict[Target, list[str]] = {}
        for c in protocol.characteristics.values():
            found = re.search(_LITERAL.format(name="MHCAT"), c.where or "") if c.source == "MH" else None
            if found is None:
                continue
            item = found[1]
            if c.value in ("MHORRES", "MHTERM") and c.label:
                out.labels.setdefault(item, c.label)
                more.setdefault(Target("MH", item, c.value), []).append(c.label)
            if c.categories:
                out.categories[item] = tuple(c.categories)
        drug = [n for n in dict.fromkeys(names) if n]
        out.renamed = _renamed({t.item for t in more} | set(out.categories), Words(drug))
        out.words = Words(drug, more, out.renamed)
        return out

    def label(self, item: str) -> str:
        """Return what readers see for a history item."""
        return self.labels.get(item) or DIAGNOSIS_LABEL.get(item) or item.capitalize()


def _index(protocol: Protocol) -> Index | None:
    """Return the index event of a selection, where its rows are doses or rows of one category of MH or CM."""
    selection = protocol.selection
    if not isinstance(selection, Selection):
        return None
    table, concepts = selection.index.table, protocol.concept_sets[selection.index.concepts].concepts
    if protocol.treatment is not None:
        return Index(table, concepts, "EX", {"EXTRT": protocol.treatment.drug}, "", "EXSTDTC")
    event = protocol.index
    if event is None or event.source not in ("MH", "CM"):
        return None
    category, name, day = (("MHCAT", "MHTERM", "MHSTDTC"), ("CMCAT", "CMTRT", "CMSTDTC"))[event.source == "CM"]
    found = re.search(_LITERAL.format(name=category), event.where)
    return Index(table, concepts, event.source, {category: found[1]}, name, day) if found else None


def _renamed(items: set[str], words: Words) -> dict[str, str]:
    """Find items of the vocabulary that the protocol has under another name: `BCR-ABL1` for BCRABL1."""
    known = {
        t.item: set(phrases) for t, phrases in words.phrases.items() if t.domain == "MH" and t.variable == "MHORRES"
    }
    out: dict[str, str] = {}
    for item in sorted(items - set(known)):
        mine = words.canonical(item)
        ours = [k for k, phrases in known.items() if mine in phrases and k not in items]
        if len(ours) == 1:
            out[ours[0]] = item
    return out
