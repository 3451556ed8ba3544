"""Queries and the log as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from chartline.errors import StudyError
from chartline.mapping.amendments import Action
from chartline.queries.board import NOTHING_ASKED, age
from chartline.queries.lines import in_order, place_words
from chartline.queries.workbook import weight
from chartline.state.log import Entry, Event
from chartline.state.standing import QueryStanding, Standing

_WIDTH = 100


def list_lines(standing: Standing, centre: str | None, state: str | None, today: str) -> list[str]:
    """Return a line a query: those that wait, or those of one state."""
    if not standing.queries:
        return [NOTHING_ASKED]
    every = [s for s in standing.queries.values() if centre is None or s.query.centre == centre]
    shown = [s for s in every if (s.state.value == state if state else s.state.waits)]
    by_id = {s.query.id: s for s in shown}
    queries = [
        q
        for c in dict.fromkeys(s.query.centre for s in shown)
        for q in in_order([s.query for s in shown if s.query.centre == c])
    ]
    out = []
    for q in queries:
        s = by_id[q.id]
        urgency = "holds back" if q.blocks else "to check"
        head = f"{q.id:<16} {s.state:<10} {age(s.opened, today):>8}  {urgency:<10} {q.subject or '–':<8}"
        out.append(f"{head} {q.message}")
    return out or [f"No query is {state or 'waiting'}."]


def show_lines(s: QueryStanding, today: str) -> list[str]:
    """Return everything about one query: its words, where it stands, and its history."""
    q = s.query
    out = [f"{q.id}  {weight(q)}  {q.subject or 'centre ' + q.centre}", ""]
    out += textwrap.wrap(f"{q.message} {q.ask}", _WIDTH)
    out += ["", "What stands there:", f"  {q.saw}", "Where:", *(f"  {place_words(a)}" for a in q.addresses[:20])]
    out += [f"  and {len(q.addresses) - 20} more"] if len(q.addresses) > 20 else []
    out += ["", f"{s.state.value.capitalize()} since {s.since}; first asked on {s.opened} ({age(s.opened, today)})."]
    return [*out, "", "History:", *(f"  {line}" for e in s.history for line in entry_lines(e))]


def log_lines(entries: Sequence[Entry], query: str | None = None) -> list[str]:
    """Return the log (or what it says of one query), an entry a line, and its last digest."""
    shown = [e for e in entries if query is None or query.upper() in (e.about.upper(), e.body.get("of", "").upper())]
    if query is not None and not shown:
        raise StudyError(f"The log says nothing of {query}.", do="see chartline log STUDY for all that it says")
    if not entries:
        return ["The study has no log yet: the first export, import or lock begins it."]
    out = [line for e in shown for line in entry_lines(e, numbered=True)]
    n = len(entries)
    return [
        *out,
        f"{n} {'entry' if n == 1 else 'entries'}; the chain holds. Last digest: {entries[-1].digest}",
    ]


def entry_lines(e: Entry, *, numbered: bool = False) -> Iterable[str]:
    """Return what an entry says, in words."""
    number = f"{e.number:>5}  " if numbered else ""
    about = f"  {e.about}" if numbered and e.about else ""
    yield f"{number}{e.at[:16].replace('T', ' ')}  {e.by:<12} {e.event}{about}{_more(e)}"


def _more(e: Entry) -> str:
    body = e.body
    if e.event is Event.ANSWERED:
        said = "; ".join(dict.fromkeys(_said(a) for a in body["answers"]))
        return f" by {body['answers'][0]['by']}: {said}"
    if e.event is Event.AMENDED:
        a = body["amendment"]
        was = a["was"] or "(blank)"
        now = {
            Action.SET: f"{was} -> {a['value']}{' ' + a['unit'] if a['unit'] else ''}",
            Action.CLEAR: f"{was} -> (blank)",
            Action.CONFIRM: f"{was} is right as it stands",
            Action.DELETE_ROW: f"the row of {was} is left out",
        }[Action(a["action"])]
        return f": {a['address']}: {now}"
    if e.event is Event.EXPORTED:
        return f": {len(body['queries'])} queries in {body['file']}"
    if e.event is Event.IMPORTED:
        return f": {body['taken']} answers taken up, {body['refused']} refused"
    if e.event is Event.MAPPING_SIGNED:
        return f" by {body['signed_by']}"
    reason = body.get("reason", "")
    as_what = {"true": " as true", "data": " by the data"}.get(body.get("as", ""), "")
    return f"{as_what}{f': {reason}' if reason else ''}"


def _said(a: dict[str, str]) -> str:
    value = f" {a['value']}{' ' + a['unit'] if a['unit'] else ''}" if a["value"] else ""
    words = a["says"].removesuffix(" ...").removesuffix(" because")
    return f"{words}{value}{' (' + a['reason'] + ')' if a['reason'] else ''}"
