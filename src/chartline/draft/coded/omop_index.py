"""The index event of a selection: its rows in an OMOP table become the records that the protocol's day 0 is read from.

The protocol names them by a concept set, so they need no recognising: what a database keeps of any disease or drug can
be the index. Other kinds of rows of an era table are left out and asked about, as those of the other tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chartline.draft.coded.kinds import Kind, keys_of, rows_of
from chartline.draft.coded.omop_concepts import Cdm, use
from chartline.draft.coded.table import KeyedTable
from chartline.draft.model import Target
from chartline.protocol.selection import EVENT_COLUMNS

ERAS = ("drug_era", "condition_era")


def draft_era(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    """Return the entry of the era table that the index event stands in."""
    who = cdm.subject(k)
    key = EVENT_COLUMNS[k.table.name].concept
    kinds = cdm.kinds(k, key, "") if k.has(key) else []
    draft_index(cdm, k, [kind for kind in kinds if kind.is_index])
    k.leave_rows(key, [kind for kind in kinds if not kind.is_index])
    return k.finish(who)


def draft_index(cdm: Cdm, k: KeyedTable, kinds: Sequence[Kind]) -> None:
    """Make the records of the index event from the rows of its kinds."""
    index = k.centre.study.index
    if index is None or not kinds:
        return
    said = "the index event of the selection"
    columns = EVENT_COLUMNS[k.table.name]
    variables: dict[str, Any] = {variable: {"constant": term} for variable, term in index.fixed.items()}
    if index.name:
        spec = cdm.named(k, columns.concept, columns.source_value or "", rows_of(kinds))
        if spec is not None:
            variables[index.name] = spec
            read = spec if isinstance(spec, str) else columns.concept
            k.use(read, Target(index.domain, "", index.name), 0.9, "the concept set of the index event", said)
    if k.has(columns.day):
        variables[index.day] = use(k, columns.day, Target(index.domain, "", index.day), said)
    k.select(columns.concept)
    k.add(index.domain, variables, {columns.concept: keys_of(kinds)})
