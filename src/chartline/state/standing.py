"""What the log comes to: the standing of every query, the amendments in force, what was imported, the lock.

In: the entries in their order. Out: a `Standing`. A pure fold, so that the text log alone gives the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chartline.core.query import Query, Severity, Topic
from chartline.mapping.amendments import COLUMNS, Amendment, amendment_of
from chartline.state.log import START, Entry, Event


class QueryState(StrEnum):
    """Where a query stands; the first three wait for somebody."""

    OPEN = "open"
    REOPENED = "reopened"
    ANSWERED = "answered"  # the centre has answered, and the study team decides
    ACCEPTED = "accepted"
    TRUE = "closed as true"
    DATA = "closed by the data"

    @property
    def asks(self) -> bool:
        """Whether the centre is asked."""
        return self in (QueryState.OPEN, QueryState.REOPENED)

    @property
    def waits(self) -> bool:
        """Whether anybody still has to do something."""
        return self.asks or self is QueryState.ANSWERED


MEANING: dict[QueryState, str] = {
    QueryState.OPEN: "The data ask it, and nobody has answered.",
    QueryState.REOPENED: "It is asked again: an answer did not settle it, the data ask it anew, or a person asks.",
    QueryState.ANSWERED: "The centre does not know; the study team decides. Until then it goes on withholding.",
    QueryState.ACCEPTED: "The answer settles it: the data do not ask it any more, or the study team accepts them.",
    QueryState.TRUE: "The values are right as they stand, or the rule does not apply; the values are used.",
    QueryState.DATA: "The data do not ask it any more: a new file, another answer, or other cells in question.",
}


@dataclass
class QueryStanding:
    """One query: its words when last asked, its state and why, and its days (`yyyy-mm-dd`; "" for never)."""

    query: Query
    state: QueryState
    opened: str
    since: str  # the day of its present state
    reason: str = ""
    by_person: bool = False  # reopened by a person, so that the data alone do not close it
    exported: str = ""  # the day on which it was last sent
    answers: list[Mapping[str, Any]] = field(default_factory=list)
    history: list[Entry] = field(default_factory=list)
    asked_again: int = 0  # how often it was reopened


@dataclass
class Standing:
    """Everything that the log says holds now."""

    queries: dict[str, QueryStanding] = field(default_factory=dict)
    amendments: dict[str, Amendment] = field(default_factory=dict)  # in force, in the order in which they were made
    made: set[str] = field(default_factory=set)  # ids of every amendment ever made
    answers: set[str] = field(default_factory=set)  # digests of the answers that were taken up
    workbooks: dict[str, Entry] = field(default_factory=dict)  # sha256 of an imported workbook -> its entry
    written: set[str] = field(default_factory=set)  # sha256 of every workbook that was exported
    exports: dict[str, Entry] = field(default_factory=dict)  # centre -> its last export
    signatures: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # mapping file -> what was signed
    overrides: str = ""  # sha256 of the overrides last read
    lock: Entry | None = None  # the entry of the lock, while it holds
    head: str = START  # the digest of the last entry
    entries: int = 0


def standing_of(entries: Iterable[Entry]) -> Standing:
    """Return what the entries come to."""
    out = Standing()
    for entry in entries:
        take_up(out, entry)
    return out


def take_up(s: Standing, e: Entry) -> None:
    """Add one entry to a standing."""
    s.head, s.entries = e.digest, e.number
    if e.event is Event.OPENED:
        state = QueryState.REOPENED if e.body.get("follows") else QueryState.OPEN
        s.queries[e.about] = QueryStanding(query_of(e.body["query"]), state, e.day, e.day)
    elif e.event is Event.EXPORTED:
        s.exports[e.about] = e
        s.written.add(e.body["sha256"])
        for name in e.body["queries"]:
            s.queries[name].exported = e.day
    elif e.event is Event.AMENDED:
        a = amendment_of(e.body["amendment"], kept=True)
        s.amendments[a.amendment_id] = a
        s.made.add(a.amendment_id)
        if e.body["of"] in s.queries:
            s.queries[e.body["of"]].history.append(e)
    elif e.event is Event.IMPORTED:
        s.workbooks[e.body["sha256"]] = e
    elif e.event is Event.MAPPING_SIGNED:
        s.signatures[e.about] = e.body
    elif e.event is Event.OVERRIDES_READ:
        s.overrides = e.body["sha256"]
    elif e.event in (Event.LOCKED, Event.UNLOCKED):
        s.lock = e if e.event is Event.LOCKED else None
    if e.about in s.queries and e.event is not Event.AMENDED:  # an amendment may have the query's own id
        _move(s, s.queries[e.about], e)


def _move(s: Standing, q: QueryStanding, e: Entry) -> None:
    """Bring one query to the state that an entry about it says."""
    q.history.append(e)
    if "query" in e.body and e.event is not Event.OPENED:
        q.query = query_of(e.body["query"])
    if e.event is Event.RESTATED:
        return
    q.reason, q.since, q.by_person = e.body.get("reason", ""), e.day, False
    if e.event is Event.ANSWERED:
        q.state = QueryState.ANSWERED
        q.answers += e.body["answers"]
        s.answers |= {a["digest"] for a in e.body["answers"]}
    elif e.event is Event.ACCEPTED:
        q.state = QueryState.ACCEPTED
    elif e.event is Event.CLOSED:
        q.state = QueryState.TRUE if e.body["as"] == "true" else QueryState.DATA
    elif e.event is Event.REOPENED:
        q.state, q.by_person = QueryState.REOPENED, bool(e.body.get("by_person"))
        q.asked_again += 1
        for name in e.body.get("withdraws", ()):
            s.amendments.pop(name, None)


def query_record(q: Query) -> dict[str, Any]:
    """Return a query as plain values."""
    return {
        **{"rule": q.rule, "severity": q.severity.value, "centre": q.centre, "subject": q.subject},
        **{"addresses": list(q.addresses), "saw": q.saw, "message": q.message, "ask": q.ask},
        "topics": sorted(q.topics),
    }


def query_of(record: Mapping[str, Any]) -> Query:
    """Return the query of its plain values."""
    return Query(
        record["rule"], Severity(record["severity"]), record["centre"], record["subject"], tuple(record["addresses"]),
        record["saw"], record["message"], record["ask"], frozenset(Topic(t) for t in record["topics"]),
    )  # fmt: skip


def amendment_record(a: Amendment) -> dict[str, str]:
    """Return an amendment as plain values, by the headings of answers.csv."""
    return {name: str(getattr(a, name)) for name in COLUMNS}
