"""The instruments of a REDCap project: which fields each has, which choices a field offers, which rows are
its own.

Shared by the two ways a project travels: CSV with a data dictionary (`redcap`) and CDISC ODM (`odm`). In:
fields in the dictionary's order. Out: one table per instrument, cut from one wide frame of records.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from chartline.sources.base import SourceTable

REPEAT = "redcap_repeat_instrument"
Choices = Mapping[str, Mapping[str, str]]

_FIXED_CHOICES = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_STATUS = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}  # what REDCap calls a form's status


@dataclass(frozen=True)
class RedcapTable(SourceTable):
    """A SourceTable that knows its code lists: field -> code -> label (a check box under its name before
    `___`), and what each field asks."""

    choices: Choices = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """One field of the dictionary."""

    name: str
    form: str
    type: str
    choices: Mapping[str, str] = field(default_factory=dict)
    label: str = ""  # the question, as the person who fills the form reads it


def parse_choices(kind: str, text: str | None) -> dict[str, str]:
    """Return code -> label from a dictionary's choices: '1, Yes | 0, No, never' -> {'1': 'Yes', '0': 'No,
    never'}."""
    if kind in _FIXED_CHOICES:
        return dict(_FIXED_CHOICES[kind])
    if kind not in ("radio", "dropdown", "checkbox") or not text:
        return {}
    pairs = (part.partition(",") for part in text.split("|"))
    return {code.strip(): label.strip() for code, _, label in pairs if code.strip()}


def plain_label(text: str | None) -> str:
    """Return a field's label without the mark-up that REDCap allows in it, on one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", text or "").split())


def choices_of(fields: Iterable[Field]) -> dict[str, dict[str, str]]:
    """Return field -> code -> label for every field that has choices, and for each form's status field."""
    fields = list(fields)
    found = {one.name: dict(one.choices) for one in fields if one.choices}
    return found | {f"{form}_complete": dict(_STATUS) for form in dict.fromkeys(one.form for one in fields)}


def columns_of(fields: Sequence[Field], columns: Sequence[str]) -> dict[str, list[str]]:
    """Return form -> its columns among those of the records, in the records' order.

    A check box stands in the records as one column per choice, `field___code`; a form also has a status
    (`form_complete`) and, if it is a survey, a time stamp (`form_timestamp`).
    """
    form_of = {one.name: one.form for one in fields}
    boxes = {one.name for one in fields if one.type == "checkbox"}
    for form in set(form_of.values()):
        form_of.update({f"{form}_complete": form, f"{form}_timestamp": form})
    found: dict[str, list[str]] = {one.form: [] for one in fields}
    for column in columns:
        stem = column.split("___")[0]
        owner = form_of.get(column) or (form_of[stem] if stem in boxes else None)
        if owner:
            found[owner].append(column)
    return found


def filled(form: str, columns: Sequence[str]) -> pl.Expr:
    """True for a row where somebody entered something in this form.

    REDCap writes unchecked boxes (0) and the status Incomplete (0) for a form that nobody opened, so these
    alone do not count.
    """
    tests = [
        pl.col(name).is_not_null()
        & (pl.col(name) != "0" if "___" in name or name == f"{form}_complete" else pl.lit(True))
        for name in columns
    ]
    return pl.any_horizontal(tests) if tests else pl.lit(False)


def belongs(form: str, columns: Sequence[str], repeats: bool) -> pl.Expr:
    """True for a row of this instrument: its repeats, and rows without an instrument where the form is
    filled."""
    if not repeats:
        return filled(form, columns)
    return pl.when(pl.col(REPEAT).is_null()).then(filled(form, columns)).otherwise(pl.col(REPEAT) == form)
