"""One turn of the loop: what is sent to the centres, what comes back, what a person decides.

In: the study as read now, and the open log. Out: files, and entries of the log. Nothing here reads the study itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chartline.core.query import Query
from chartline.errors import OutputError, StudyError
from chartline.mapping.amendments import Action, Amendment, Places, query_answered
from chartline.mapping.problems import UNREADABLE
from chartline.outputs import write_all
from chartline.queries.answers import Answer, Refusal
from chartline.queries.judge import Judged, Taken
from chartline.queries.lines import in_order, lines_of
from chartline.queries.paper import query_paper
from chartline.queries.workbook import file_names, workbook_bytes
from chartline.state.log import Event
from chartline.state.standing import QueryStanding, QueryState, Standing, amendment_record
from chartline.state.store import Writer
from chartline.study import StudyData

_VERDICTS = {
    QueryState.ACCEPTED: Event.ACCEPTED,
    QueryState.TRUE: Event.CLOSED,
    QueryState.DATA: Event.CLOSED,
    QueryState.REOPENED: Event.REOPENED,
}


@dataclass(frozen=True)
class Exported:
    """The files of one centre, and how many queries they ask."""

    centre: str
    files: tuple[Path, ...]
    queries: int
    again: bool  # the same as was exported last


@dataclass
class Imported:
    """What an import did."""

    taken: list[Taken] = field(default_factory=list)
    states: dict[str, tuple[QueryState, str]] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    known: int = 0
    again: list[str] = field(default_factory=list)  # workbooks that were imported before
    waiting: int = 0  # queries that wait for somebody, at the centres that were answered for or all

    def lines(self) -> list[str]:
        """Return what was done, for a person."""
        n = sum(len(t.answers) for t in self.taken)
        out = [f"{name} was imported before; nothing in it is new." for name in self.again]
        done = [f"{n} {'answer' if n == 1 else 'answers'} taken up"]
        done += [f"{self.known} known from before"] if self.known else []
        done += [f"{len(self.refused)} refused"] if self.refused else []
        out.append(f"{', '.join(done)}; {self.waiting} {'query waits' if self.waiting == 1 else 'queries wait'}.")
        told: set[str] = set()
        for t in self.taken:
            state, why = self.states[t.query.id]
            out.append(f"  {t.query.id}  {t.query.subject or t.query.centre:<8} {state}: {why}")
            for a in t.amendments:
                if a.action is not Action.CONFIRM and a.address not in told:
                    told.add(a.address)
                    out.append(f"      {a.address}: {a.was or '(blank)'} -> {_becomes(a)}")
        out += ["Refused:"] if self.refused else []
        for r in self.refused:
            out.append(f"  {r.query + '  ' if r.query else ''}{r.file}, {r.place}: {r.why}")
            out += [f"      {r.do}"] if r.do else []
        return out


def _becomes(a: Amendment) -> str:
    if a.action is Action.DELETE_ROW:
        return "row left out"
    return f"{a.value}{f' {a.unit}' if a.unit else ''}" or "(blank)"


def export(study: StudyData, log: Writer, folder: Path, centre: str | None) -> list[Exported]:
    """Write a workbook and a printable list for every centre (or one) that is asked something, and enter it in the log.

    Raises `StudyError` for a centre that the study does not have, `OutputError` where a workbook of the same name has
    been filled in: it is never overwritten.
    """
    from chartline.report.docx import write_docx

    centres = [c.id for c in study.protocol.data.centres]
    if centre is not None and centre not in centres:
        raise StudyError(f"The study has no centre {centre}.", expected=", ".join(centres), do="name one of them")
    _make(folder)
    names = file_names(centres)
    now = {q.id: q for q in study.queries if q.asks}
    out = []
    written: dict[Path, bytes] = {}
    for c in [centre] if centre is not None else centres:
        queries = [now.get(n, s.query) for n, s in log.standing.queries.items() if s.query.centre == c and s.state.asks]
        if not queries:
            continue
        places = Places(study.sources[c])
        known = log.standing.queries
        book = workbook_bytes(queries, study.protocol.study.id, c, places, known)
        asked = [lines_of(q, places, known[q.id]) for q in in_order(queries)]
        paper = write_docx(query_paper(asked, study.protocol.study.id, c, study.protocol.study.notice))
        files = (folder / f"{names[c]}.xlsx", folder / f"{names[c]}.docx")
        _may_write(files[0], book, log.standing)
        written |= zip(files, (book, paper), strict=True)
        body = {"queries": sorted(q.id for q in queries), "sha256": _sha(book), "file": files[0].name}
        last = log.standing.exports.get(c)
        again = last is not None and last.body["queries"] == body["queries"] and last.body["sha256"] == body["sha256"]
        if not again:
            log.add(Event.EXPORTED, c, body)
        out.append(Exported(c, files, len(queries), again))
    write_all(written)
    return out


def _make(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder.name} is not a folder", where=str(folder), do="name another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"The folder cannot be made: {e.strerror}", where=str(folder), do="name another --out") from e


def _may_write(file: Path, new: bytes, standing: Standing) -> None:
    """Refuse to overwrite a workbook that is not, byte for byte, one that was exported."""
    if not file.exists():
        return
    old = file.read_bytes()
    if old != new and _sha(old) not in standing.written:
        raise OutputError(
            f"{file.name} is there and has been changed since it was written: it may hold answers.",
            where=str(file),
            do="import it first and move it away, or name another --out",
        )


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def enter(judged: Judged, log: Writer) -> None:
    """Enter what was judged in the log: the answers, their amendments, and where each query stands then."""
    for t in judged.taken:
        log.add(Event.ANSWERED, t.query.id, {"answers": [_answer_record(t, a) for a in t.answers]})
        for a in t.amendments:
            log.add(Event.AMENDED, a.amendment_id, {"amendment": amendment_record(a), "of": t.query.id})
        v = judged.verdicts[t.query.id]
        event = _VERDICTS.get(v.state)
        if event is not None:
            how = {QueryState.TRUE: {"as": "true"}, QueryState.DATA: {"as": "data"}}.get(v.state, {})
            log.add(event, t.query.id, {"reason": v.reason, **how})


def enter_workbooks(workbooks: Sequence[Path], judged: Judged, refused: Sequence[Refusal], log: Writer) -> list[str]:
    """Enter the workbooks in the log; return the names of those that were imported before and hold nothing new."""
    again = []
    for path in workbooks:
        sha = _sha(path.read_bytes())
        taken = sum(a.file == path.name for t in judged.taken for a in t.answers)
        if sha in log.standing.workbooks and not taken:
            again.append(path.name)
            continue
        faults = sum(r.file == path.name for r in (*refused, *judged.refused))
        log.add(Event.IMPORTED, path.name, {"sha256": sha, "taken": taken, "refused": faults})
    return again


def _answer_record(taken: Taken, a: Answer) -> dict[str, object]:
    addresses = {m.amendment_id.partition("#")[0]: m.address for m in taken.amendments}
    place = addresses.get(f"{a.query}.{a.number}", addresses.get(a.query, ""))
    return {
        **{"digest": a.digest, "cell": a.number, "address": place, "says": a.says.value, "value": a.value},
        **{"unit": a.unit, "reason": a.reason, "by": a.by, "on": a.on, "file": a.file, "place": a.place},
    }


def decide(query_id: str, log: Writer, study: StudyData | None, *, accept: bool, reason: str) -> QueryStanding:
    """Accept or reopen a query, by the person who holds the log; `study` is needed to accept.

    Accepting confirms the query as a whole: its values are used as they stand. Reopening withdraws the confirmations
    that closed it. Raises `StudyError` where there is no such query or nothing to decide.
    """
    known = standing_of(query_id, log.standing)
    if accept:
        if not known.state.waits:
            raise StudyError(f"{known.query.id} is {known.state} already, since {known.since}.", do="nothing")
        assert study is not None
        _accept(known.query, log, study, reason)
    else:
        if known.state.asks:
            raise StudyError(
                f"{known.query.id} is {known.state} already, since {known.since}.",
                do="nothing; the next export asks it",
            )
        withdrawn = [n for n, a in log.standing.amendments.items() if _confirms(a, known.query)]
        log.add(Event.REOPENED, known.query.id, {"reason": reason, "by_person": True, "withdraws": withdrawn})
    return known


def standing_of(query_id: str, standing: Standing) -> QueryStanding:
    """Return where a query stands, its id in letters of any case. Raises `StudyError` where there is none."""
    wanted = query_id.strip()
    near = (s for n, s in standing.queries.items() if n.upper() == wanted.upper())
    known = standing.queries.get(wanted) or next(near, None)
    if known is None:
        raise StudyError(f"There is no query {query_id}.", do="see chartline queries list STUDY")
    return known


def _confirms(a: Amendment, q: Query) -> bool:
    about = query_answered(a)
    return a.action is Action.CONFIRM and (
        about == q.id if about else a.centre == q.centre and a.address in q.addresses
    )


def _accept(q: Query, log: Writer, study: StudyData, reason: str) -> None:
    if q.rule in UNREADABLE:
        raise StudyError(
            f"{q.id} is about a value that cannot be read, so it cannot be used as it stands.",
            do="correct it: import an answer with the right value, or one that says `Unknown`",
        )
    places = Places(study.sources[q.centre]) if q.centre in study.sources else None
    line = lines_of(q, places)[0]
    name, n = q.id, 1
    while name in log.standing.made:
        n += 1
        name = f"{q.id}#{n}"
    today = log.today
    a = Amendment(
        name, q.centre, q.subject, line.address or "(no cell)", line.content, Action.CONFIRM, "", "", reason, log.by,
        today, kept=True,
    )  # fmt: skip
    log.add(Event.AMENDED, name, {"amendment": amendment_record(a), "of": q.id})
    log.add(Event.ACCEPTED, q.id, {"reason": reason, "by_person": True})


def imported(judged: Judged, refused: Sequence[Refusal], again: Sequence[str], log: Writer) -> Imported:
    """Return what an import did, once the log has it."""
    states = {t.query.id: log.standing.queries[t.query.id] for t in judged.taken}
    return Imported(
        judged.taken,
        {name: (s.state, s.reason) for name, s in states.items()},
        [*refused, *judged.refused],
        judged.known,
        list(again),
        sum(s.state.waits for s in log.standing.queries.values()),
    )
