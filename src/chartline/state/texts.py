"""The state as plain text, to be read without chartline: queries and amendments as CSV, the lock as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO

from chartline.core.inert import inert
from chartline.mapping.amendments import format_amendments
from chartline.state.standing import Standing

QUERY_COLUMNS = (
    *("query_id", "state", "centre", "subject", "severity", "rule", "opened", "since", "exported", "reason"),
    *("answered_by", "answered_on", "addresses", "saw", "message", "ask"),
)


def queries_text(standing: Standing) -> str:
    """Return a line a query, in the order in which they were first asked."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(QUERY_COLUMNS)
    for name, s in standing.queries.items():
        q = s.query
        last = s.answers[-1] if s.answers else {}
        writer.writerow(
            inert(str(cell or ""))
            for cell in (
                *(name, s.state, q.centre, q.subject, q.severity, q.rule, s.opened, s.since, s.exported, s.reason),
                *(last.get("by", ""), last.get("on", ""), " | ".join(q.addresses), q.saw, q.message, q.ask),
            )
        )
    return out.getvalue()


def amendments_text(standing: Standing) -> str:
    """Return the amendments in force as an answers.csv."""
    return format_amendments(standing.amendments.values(), inert)


def lock_text(standing: Standing) -> str:
    """Return what is locked, "" where nothing is."""
    entry = standing.lock
    if entry is None:
        return ""
    said = {"locked_by": entry.by, "locked_at": entry.at, "entry": entry.number, "digest": entry.digest, **entry.body}
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


TEXTS: dict[str, Callable[[Standing], str]] = {
    "queries.csv": queries_text,
    "amendments.csv": amendments_text,
    "lock.json": lock_text,
}
