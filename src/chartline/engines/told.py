"""What a step of a run in parts says besides its tables: queries, answers, verdicts, lines of the report; as JSON.

In: one of the records below and the folder of the step. Out: the same record, equal to what was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from chartline.assertions.model import Verdict
from chartline.core.query import Query
from chartline.counts.model import AttritionTable, CountKey
from chartline.errors import StudyError
from chartline.mapping.amendments import Applied, Outdated
from chartline.sources.base import Selected
from chartline.sources.omop_persons import ROWS, add_digests
from chartline.trace.patient_lines import PatientLines

_FILE = "told.json"


@dataclass(frozen=True)
class Read:
    """Of reading one unit: its queries, those of the checks of its subjects, its answers, the digests of its files,
    how much it is, and how a database chose its persons."""

    found: tuple[Query, ...]
    asked: tuple[Query, ...]
    applied: tuple[Applied, ...]
    outdated: tuple[Outdated, ...]
    inputs: Mapping[str, str]
    size: int  # bytes in memory
    selected: Selected | None = None


@dataclass(frozen=True)
class Chose:
    """Of choosing who is read of a database: how many rows they have there, and how they were selected."""

    rows: int
    selected: Selected | None


@dataclass(frozen=True)
class Gathered:
    """Of the whole study: every query, and those of reading and mapping alone."""

    queries: tuple[Query, ...]
    found: tuple[Query, ...]


@dataclass(frozen=True)
class Derived:
    """Of one part: what was asserted, the lines of the report, the queries about reviewers' overrides."""

    asserted: tuple[Verdict, ...]
    lines: PatientLines
    reviewed: tuple[Query, ...]


def pool_read(parts: Sequence[Read]) -> Read:
    """Return what was said of a centre that was read in several parts of its persons."""
    first, *more = parts
    if not more:
        return first
    rows = {name for name in first.inputs if f"/{ROWS}" in name}  # after the centre's folder
    inputs = dict(first.inputs) | {name: add_digests(p.inputs[name] for p in parts) for name in rows}
    return replace(
        first,
        found=tuple(q for p in parts for q in p.found),
        asked=tuple(q for p in parts for q in p.asked),
        inputs=inputs,
        size=sum(p.size for p in parts),
        selected=_pool_selected([p.selected for p in parts if p.selected is not None]),
    )


def _pool_selected(parts: Sequence[Selected]) -> Selected | None:
    if not parts:
        return None
    key = CountKey(analysis="selection", protocol_digest="")
    first, *more = (AttritionTable(key=key, screened=p.screened, steps=p.steps) for p in parts)
    pooled = sum(more, start=first)
    return replace(parts[0], screened=pooled.screened, steps=pooled.steps)


Told = TypeVar("Told", Read, Chose, Gathered, Derived)


def write_told(told: Read | Chose | Gathered | Derived, folder: Path) -> None:
    """Write what a step says."""
    (folder / _FILE).write_bytes(_adapter(type(told)).dump_json(told))


def read_told(kind: type[Told], folder: Path) -> Told:
    """Read it back. Raises `StudyError` where the file is not one that this version wrote."""
    try:
        read: Told = _adapter(kind).validate_json((folder / _FILE).read_bytes())
    except ValueError as e:
        raise StudyError(
            f"A finished part of an earlier run cannot be read: {str(e).splitlines()[0]}",
            where=str(folder),
            do="remove the folder and run again",
        ) from None
    return read


def _adapter(kind: type[Any]) -> Any:
    from pydantic import TypeAdapter

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


_ADAPTERS: dict[type[Any], Any] = {}  # making one takes longer than reading what a small part says
