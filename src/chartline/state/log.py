"""The log of a study: entry after entry, each sealed by a digest that covers the digest of the one before.

Whoever changes, drops or moves an entry breaks the chain at that entry, and `check_chain` names it. The chain does not
say who wrote an entry; a rewritten file is found by its last digest, which stands in the text log, in `study.lock` of
every run and in the lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chartline.core.digest import digest_value
from chartline.errors import StateError

START = "0" * 64  # what the first entry has for the digest before it


class Event(StrEnum):
    """What an entry says happened; `about` is what it happened to."""

    OPENED = "opened"
    RESTATED = "restated"
    EXPORTED = "exported"
    ANSWERED = "answered"
    AMENDED = "amended"
    ACCEPTED = "accepted"
    REOPENED = "reopened"
    CLOSED = "closed"
    IMPORTED = "imported"
    MAPPING_SIGNED = "mapping signed"
    OVERRIDES_READ = "overrides read"
    LOCKED = "locked"
    UNLOCKED = "unlocked"


MEANING: dict[Event, str] = {
    Event.OPENED: "The data ask a query that they never asked before.",
    Event.RESTATED: "An open query asks the same in other words, or with another weight.",
    Event.EXPORTED: "A centre's workbook was written, with these queries.",
    Event.ANSWERED: "A centre answered a query: what, who, when, and in which row of which file.",
    Event.AMENDED: "An amendment was made: a cell has another value, or is confirmed, from now on.",
    Event.ACCEPTED: "A query is settled by its answer, or by a person.",
    Event.REOPENED: "A query is asked again, by the data or by a person.",
    Event.CLOSED: "A query is closed, as true or by the data.",
    Event.IMPORTED: "A workbook was imported: how many answers were taken up and refused.",
    Event.MAPPING_SIGNED: "A mapping was read whose signature or content was not seen before.",
    Event.OVERRIDES_READ: "Reviewers' overrides were read that were not seen before.",
    Event.LOCKED: "The study was locked: by whom, why, and the digest of every input.",
    Event.UNLOCKED: "The lock was lifted: by whom, and why.",
}


@dataclass(frozen=True)
class Entry:
    """One entry. `number` counts from 1; `at` is UTC, to the second; `by` who ran the command or decided."""

    number: int
    at: str
    by: str
    event: Event
    about: str
    body: Mapping[str, Any] = field(default_factory=dict)
    previous: str = START
    digest: str = ""

    @property
    def day(self) -> str:
        return self.at[:10]

    def sealed(self) -> Entry:
        """Return the entry with its digest."""
        return Entry(
            self.number, self.at, self.by, self.event, self.about, self.body, self.previous, digest_value(self._said())
        )

    def line(self) -> str:
        """Return the entry as one line of JSON."""
        return json.dumps({**self._said(), "digest": self.digest}, ensure_ascii=False, sort_keys=True)

    def _said(self) -> dict[str, Any]:
        return {
            **{"number": self.number, "at": self.at, "by": self.by, "event": self.event.value, "about": self.about},
            **{"body": dict(self.body), "previous": self.previous},
        }


def entry_of(line: str, where: str) -> Entry:
    """Read one line of the text log. Raises `StateError` where it is none."""
    try:
        said = json.loads(line)
        return Entry(**{**said, "event": Event(said["event"])})
    except (ValueError, TypeError, KeyError) as e:
        raise StateError(
            "A line of the log is not an entry.", where=where, expected="one entry a line, as chartline wrote it",
            do="put the file back from your backup",
        ) from e  # fmt: skip


def check_chain(entries: Iterable[Entry], where: str) -> None:
    """Raise `StateError` that names the first entry that is not what was written, or is not in its place."""
    previous = START
    for number, e in enumerate(entries, start=1):
        if e.number != number:
            raise _broken(f"Entry {number} of the log is missing; entry {e.number} follows", number, where)
        if e.previous != previous:
            raise _broken(f"Entry {number} does not follow the entry before it", number, where)
        if e.sealed().digest != e.digest:
            raise _broken(f"Entry {number} ({e.event} {e.about}, {e.at}) has been changed", number, where)
        previous = e.digest


def _broken(what: str, number: int, where: str) -> StateError:
    return StateError(
        f"{what}: the log is not what chartline wrote.",
        where=f"{where}, entry {number}",
        expected="a log to which entries were only ever added",
        do="put study.sqlite and the folder state back from your backup; nobody edits them by hand",
    )
