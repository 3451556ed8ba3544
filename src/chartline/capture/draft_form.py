"""A form while it is being put together: what several parts of a protocol ask, each item once with every reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from chartline.capture.model import Form, Item, Record
from chartline.core.clinical import variables

NAME_LENGTH = 26  # characters of a variable's name that REDCap recommends


@dataclass
class DraftForm:
    """A form that grows. `names` are shared by the forms of a study, so that no two items have one name."""

    name: str
    label: str
    each: str
    when: str
    repeats: bool
    names: set[str]
    of_centre: bool = False
    items: dict[str, Item] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    _known: dict[tuple[object, ...], str] = field(default_factory=dict)  # what was asked for -> the name it got

    def ask(self, item: Item) -> str:
        """Add an item, or its reasons where it is asked already; return its name, which may have got a number."""
        asked = (item.name, item.type, item.choices, item.unit)
        if asked in self._known:
            name = self._known[asked]
            known = self.items[name]
            why = tuple(dict.fromkeys((*known.why, *item.why)))
            self.items[name] = replace(known, why=why, required=known.required or item.required)
            return name
        name = unique_name(item.name, self.names)
        self.names.add(name)
        self._known[asked] = name
        self.items[name] = replace(item, name=name, label=self._own_label(item.label))
        return name

    def record(self, domain: str, constants: dict[str, str], items: dict[str, str]) -> None:
        """Add a record, or more variables to one of the same constants."""
        for i, known in enumerate(self.records):
            if (known.domain, known.constants) == (domain, constants) and not known.units:
                self.records[i] = replace(known, items={**known.items, **items})
                return
        self.records.append(Record(domain, constants, items))

    def finished(self) -> Form:
        return Form(
            self.name,
            self.label,
            self.each,
            self.when,
            self.repeats,
            tuple(self.items.values()),
            tuple(map(_that_can_exist, self.records)),
            self.of_centre,
        )

    def _own_label(self, label: str) -> str:
        """The label, told apart from the others of the form where it must be."""
        taken = {" ".join(i.label.split()).lower() for i in self.items.values()}
        tidy = own = " ".join(label.split()) or "Value"
        n = 2
        while own.lower() in taken:
            own, n = f"{tidy} [{n}]", n + 1
        return own


def _that_can_exist(record: Record) -> Record:
    """A record whose domain exists by other variables than those asked exists by whatever is filled of it."""
    usual = {v.name for v in variables().get(record.domain, {}).values() if v.anchor}
    if record.anchor or usual & set(record.items) or record.domain not in variables():
        return record
    return replace(record, anchor=tuple(record.items))


def valid_name(text: str) -> str:
    """Return a text as the name of a REDCap variable: small letters, digits and single underscores, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    name = name if name[:1].isalpha() else f"v_{name}".rstrip("_")
    return name[:NAME_LENGTH].rstrip("_")


def unique_name(text: str, taken: Iterable[str]) -> str:
    """Return a valid name that none of `taken` is, with a number at its end where needed."""
    name = own = valid_name(text)
    known = set(taken)
    n = 2
    while own in known:
        own, n = f"{name[: NAME_LENGTH - len(str(n)) - 1].rstrip('_')}_{n}", n + 1
    return own
