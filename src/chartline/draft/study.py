"""What a protocol says that helps to read its centres' files: the drug, the history items, the words of its conditions.

In: a protocol. Out: a `Study`. Conditions are not evaluated here; only the literals beside a column's name are taken,
as `MHCAT == 'ECOG'` names the item ECOG.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from chartline.draft.model import Target
from chartline.draft.words import Words, listed, vocabulary
from chartline.protocol.model import Protocol

_LITERAL = r"\b{name} == ['\"]([^'\"]+)['\"]"
HSCT = "ALLOGENEIC HSCT"
DIAGNOSIS_LABEL = {
    "PRIOR HSCT": "Allogeneic HSCT before the index treatment",
    "EMD SITE": "Site of extramedullary disease",
    "BCRABL1": "BCR::ABL1",
}


@dataclass
class Study:
    """The protocol's names. `categories`: history item -> its terms; `labels`: history item -> what readers see."""

    drug: str = ""
    hsct: str = HSCT
    rxnorm: str = ""
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    words: Words = field(default_factory=Words)

    @classmethod
    def of(cls, protocol: Protocol) -> Study:
        """Take the names of a protocol."""
        out = cls()
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
        out.words = Words([n for n in dict.fromkeys(names) if n], more)
        return out

    def label(self, item: str) -> str:
        """Return what readers see for a history item."""
        return self.labels.get(item) or DIAGNOSIS_LABEL.get(item) or item.capitalize()
