"""FHIR, the consent of a patient: whether it is one to the treatment or research, whether it was given, and when."""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.draft.coded.fhir_elements import plain, subject
from chartline.draft.coded.kinds import Kind, keys_of, kinds_of, rows_of
from chartline.draft.coded.table import KeyedTable

_SCOPE = ("scope.coding[0].code", "scope.text")
_WORDS = ("scope.text", "scope.coding[0].display")
# FHIR R4, hl7.org/fhir/R4: value sets consent-scope and consent-state-codes. A consent that is `inactive` is terminated
# or replaced, so it was given.
_STUDY = frozenset({"research", "treatment"})
_OTHER = frozenset({"adr", "patient-privacy"})
_GIVEN = frozenset({"active", "inactive"})
_NOT_GIVEN = "a consent that was not given: a draft, a proposal, a refusal or an error"


def draft_consent(k: KeyedTable) -> dict[str, Any]:
    """Read the day of each consent to research or treatment that was given; other consents are a question."""
    who = subject(k)
    scope = k.first(*_SCOPE)
    if not k.has("dateTime") or scope is None:
        return k.finish(who)
    kinds = kinds_of(k.table.frame, scope, _WORDS)
    mine = [kind for kind in kinds if _words(kind) & _STUDY]
    k.leave_rows(scope, [kind for kind in kinds if kind not in mine])
    if not mine:
        return k.finish(who)
    where: dict[str, Any] = {scope: keys_of(mine)}
    k.select(scope)
    rows = rows_of(mine)
    for name, given in (("status", _GIVEN), ("provision.type", frozenset({"permit"}))):
        rows = _leave(k, name, given, rows)
    k.add("DM", plain(k, rows, "DM"), where, anchor=("RFICDTC",))
    return k.finish(who)


def _words(kind: Kind) -> set[str]:
    return set() if kind.key in _OTHER else {word for text in kind.texts for word in text.lower().split()}


def _leave(k: KeyedTable, name: str, given: frozenset[str], rows: pl.Series) -> pl.Series:
    """Leave out the rows whose `name` says that no consent was given; return the others of `rows`."""
    if not k.has(name):
        return rows
    denied = [kind for kind in kinds_of(k.table.frame, name, ()) if kind.key not in given]
    if not denied:
        return rows
    k.select(name)
    k.exclusions.append({"where": {name: keys_of(denied)}, "reason": _NOT_GIVEN})
    return rows.filter(~rows.is_in(rows_of(denied).to_list()))
