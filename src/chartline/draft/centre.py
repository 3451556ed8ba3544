"""What is shared by all tables of a centre while its draft is made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chartline.draft.codes import Codes
from chartline.draft.known import Known
from chartline.draft.model import Draft
from chartline.draft.study import Study
from chartline.mapping.model import DateOrder


@dataclass
class Centre:
    """The study, what is signed, and what grows from table to table: ids, code lists, the draft itself."""

    study: Study
    codes: Codes
    known: Known
    draft: Draft
    missing: frozenset[str]  # words that may mean 'no value'
    ids: Counter[str] = field(default_factory=Counter)  # subject ids seen in columns that are surely of subjects
    lists: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # the code lists of the mapping
    order: DateOrder = DateOrder.ISO
    pattern: str = ""  # of a subject id
    missing_seen: Counter[str] = field(default_factory=Counter)
