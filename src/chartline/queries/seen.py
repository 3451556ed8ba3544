"""What a reading of the study says about its queries: opened, asked again, closed by the data.

In: the queries as the data ask them now, and the standing of the log. Out: entries to add. The same data twice add
nothing the second time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chartline.state.log import Event
from chartline.state.standing import query_record
from chartline.state.store import Writer
from chartline.study import StudyData

_AGAIN = "The data ask it again."


def record_seen(
    study: StudyData, log: Writer, answered: Collection[str] = (), follows: Mapping[str, str] | None = None
) -> dict[Event, int]:
    """Add what has changed since the log was last written, but for queries just `answered`; return how many of each.

    `follows` are new queries that ask again what an answer did not settle, each with the query that was answered.
    """
    before = log.standing.entries
    _record_signatures(study, log)
    asked = {q.id: q for q in study.queries if q.asks}
    told = {q.id: q for q in study.queries if not q.asks}
    for name, q in asked.items():
        known = log.standing.queries.get(name)
        record = query_record(q)
        if known is None:
            old = (follows or {}).get(name)
            again = {"follows": old, "reason": f"An answer to {old} does not settle it."} if old else {}
            log.add(Event.OPENED, name, {"query": record, **again})
        elif not known.state.waits and name not in answered:
            log.add(Event.REOPENED, name, {"query": record, "reason": _AGAIN})
        elif query_record(known.query) != record:
            log.add(Event.RESTATED, name, {"query": record})
    for name, known in list(log.standing.queries.items()):
        if name in asked or name in answered or not known.state.waits or known.by_person:
            continue
        confirmed = told[name].confirmed if name in told else ""
        how = "true" if confirmed else "data"
        reason = f"Confirmed as it stands by {confirmed}." if confirmed else "The data do not ask it any more."
        log.add(Event.CLOSED, name, {"as": how, "reason": reason})
    added = log.added[len(log.added) - (log.standing.entries - before) :]
    return {e: sum(x.event is e for x in added) for e in (Event.OPENED, Event.REOPENED, Event.CLOSED)}


def _record_signatures(study: StudyData, log: Writer) -> None:
    """Add signatures of mappings, and overrides, that were not seen before."""
    for file, who in study.signatures.items():
        said = {"signed_by": who, "sha256": study.inputs[file]}
        if who and log.standing.signatures.get(file) != said:
            log.add(Event.MAPPING_SIGNED, file, said)
    overrides = study.inputs.get("overrides", "")
    if overrides and overrides != log.standing.overrides:
        log.add(Event.OVERRIDES_READ, study.protocol.data.overrides or "", {"sha256": overrides})


def seen_words(counts: Mapping[Event, int]) -> str:
    """Return what a reading has entered, as a line; "" where nothing was new."""
    said = {Event.OPENED: "opened", Event.REOPENED: "asked again", Event.CLOSED: "closed"}
    parts = [f"{n} {said[e]}" for e, n in counts.items() if n]
    return f"Entered in the study's log: {', '.join(parts)}." if parts else ""
