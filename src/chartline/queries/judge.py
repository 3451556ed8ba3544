"""What becomes of answers: amendments, and the state of each query that was answered.

In: the answers of workbooks, the study as it stands (its queries, tables and log), and a way to read it again with more
amendments. Out: what is taken up, what is refused with its place, and where each query stands then.

Answers go through row by row, but those of one query together: of two dates that contradict each other half an answer
would leave a third state that nobody meant. What one centre got wrong in one row keeps nobody waiting for the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chartline.core.query import Query
from chartline.mapping.amendments import Action, Amendment, Outdated, Places
from chartline.mapping.problems import UNREADABLE
from chartline.queries.answers import Answer, Refusal, refuse
from chartline.queries.lines import Line, lines_of
from chartline.queries.words import Says
from chartline.state.standing import QueryState, Standing
from chartline.study import StudyData

Reread = Callable[[Sequence[Amendment]], StudyData]
_OTHER_ROW = "Another row of this query cannot be taken up, so this one is not either."
_ACTIONS = {Says.CORRECT: Action.SET, Says.UNKNOWN: Action.CLEAR, Says.LEAVE_OUT: Action.DELETE_ROW}


@dataclass(frozen=True)
class Taken:
    """The answers to one query that are taken up, and the amendments that they make."""

    query: Query
    answers: tuple[Answer, ...]
    amendments: tuple[Amendment, ...]


@dataclass(frozen=True)
class Verdict:
    """Where an answered query stands."""

    state: QueryState
    reason: str


@dataclass
class Judged:
    """What becomes of the answers of some workbooks; `after` is the study with everything that is taken up."""

    after: StudyData
    taken: list[Taken] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    known: int = 0  # answers that were taken up before
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    follows: dict[str, str] = field(default_factory=dict)  # new query -> the answered one that it asks again


def judge(answers: Sequence[Answer], study: StudyData, reread: Reread, today: str = "") -> Judged:
    """Match answers to queries and lay them over the data; refuse what does not fit, and say where each query stands.

    `study.standing` is what the log says now; `today` dates the answers that have no date.
    """
    out = Judged(study)
    matched = _matched(answers, study, today, out)
    names = set(study.standing.made)
    taken = [_taken(query, rows, names) for query, rows in matched]
    while taken:
        out.after = reread([a for t in taken for a in t.amendments])
        new = _New.of(study, out.after)
        kept = [t for t in taken if not _unfit(t, new, out.refused)]
        renamed = [_of_owner(t, new) for t in kept]
        if renamed == taken:
            break
        taken = renamed
    else:
        out.after = study
    out.taken = taken
    before = {q.id for q in study.queries if q.asks}
    asked = {q.id: q for q in out.after.queries if q.asks}
    followers: dict[tuple[str, str, str], list[Query]] = defaultdict(list)
    for name, q in asked.items():
        if name not in before:
            followers[_who_asks(q)].append(q)
    for t in taken:
        again = _asking_again(t.query, followers)
        out.verdicts[t.query.id] = verdict(t, asked.get(t.query.id), again[0] if again else None)
        out.follows |= {q.id: t.query.id for q in again}
    return out


def _who_asks(q: Query) -> tuple[str, str, str]:
    return q.rule, q.centre, q.subject


def _asking_again(query: Query, new: Mapping[tuple[str, str, str], Sequence[Query]]) -> list[Query]:
    """Return the new queries by which the same rule asks again about a patient and cell of `query`.

    A query's id is made of its cells. Where a corrected death no longer contradicts the last contact, but still the
    last dose, the rule asks about fewer cells, and so by another id.
    """
    return [q for q in new.get(_who_asks(query), ()) if not {*q.addresses}.isdisjoint(query.addresses)]


def verdict(taken: Taken, still: Query | None, follower: Query | None = None) -> Verdict:
    """Return where a query stands once its answers are laid over the data: `still` is the query where the data go on
    asking it, `follower` one that asks it again by another id."""
    said = {a.says for a in taken.answers}
    if still is None and follower is not None:
        return Verdict(QueryState.DATA, f"The answer does not settle it: asked again as {follower.id}.")
    if still is None:
        if said <= {Says.RIGHT, Says.NO_PROBLEM}:
            return Verdict(QueryState.TRUE, _quoted(taken))
        return Verdict(QueryState.ACCEPTED, _quoted(taken))
    if Says.UNKNOWN in said:
        return Verdict(QueryState.ANSWERED, "The centre does not know; the study team decides.")
    if said == {Says.RIGHT} and still.rule not in UNREADABLE:
        why = "not every cell in question is said to be right. Answer for each, or say why it is no problem"
        return Verdict(QueryState.REOPENED, f"The answer does not settle it: {why}.")
    return Verdict(QueryState.REOPENED, f"The answer does not settle it: {still.message}")


def _quoted(taken: Taken) -> str:
    return "; ".join(dict.fromkeys(a.words() for a in taken.answers))


def _matched(
    answers: Sequence[Answer], study: StudyData, today: str, out: Judged
) -> list[tuple[Query, list[tuple[Answer, Line]]]]:
    """Return each query with the answers that fit it; all or none of a query's rows."""
    asked = {q.id: q for q in study.queries if q.asks}
    places = {centre: Places(source) for centre, source in study.sources.items()}
    fresh = _fresh(answers, study.standing, out)
    by_query: dict[str, list[Answer]] = defaultdict(list)
    for a in fresh:
        by_query[a.query].append(a)
    matched = []
    for name, rows in by_query.items():
        query, why, do = _query_of(name, asked, study.standing)
        if query is None:
            out.refused += [refuse(a, why, do) for a in rows]
            continue
        known = study.standing.queries.get(name)
        lines = {line.number: line for line in lines_of(query, places.get(query.centre), known)}
        faults = [fault for a in rows if (fault := _fault(a, lines, rows)) is not None]
        if faults:
            out.refused += faults
            named = {f.place for f in faults}
            out.refused += [
                refuse(a, _OTHER_ROW, "Correct that row.")
                for a in rows
                if a.place not in named and a.value_place not in named
            ]
            continue
        matched.append((query, [(replace(a, on=a.on or today), lines[a.number]) for a in rows]))
    return _without_contradictions(matched, out)


def _without_contradictions(
    matched: list[tuple[Query, list[tuple[Answer, Line]]]], out: Judged
) -> list[tuple[Query, list[tuple[Answer, Line]]]]:
    """Refuse the queries of which one cell is answered for in two ways, or of which a row is to be left out and a value
    in it corrected: nobody can say which of them was meant."""
    said: dict[tuple[str, str], set[tuple[str, str, str]]] = defaultdict(set)
    for query, rows in matched:
        for a, line in rows:
            if line.is_cell and a.says is not Says.NO_PROBLEM:
                said[query.centre, line.address].add((a.says.value, a.value, a.unit))
    torn = {place for place, ways in said.items() if len(ways) > 1}
    gone = {(query.centre, line.row) for query, rows in matched for a, line in rows if a.says is Says.LEAVE_OUT}
    kept = []
    for query, rows in matched:
        faults = [_torn(a, line, query.centre, torn, gone) for a, line in rows]
        if not any(faults):
            kept.append((query, rows))
            continue
        for (a, _), (why, do) in zip(rows, (f or (_OTHER_ROW, "Correct that row.") for f in faults), strict=True):
            out.refused.append(refuse(a, why, do))
    return kept


def _torn(
    a: Answer, line: Line, centre: str, torn: set[tuple[str, str]], gone: set[tuple[str, str]]
) -> tuple[str, str] | None:
    """Return why an answer contradicts another, and what to do; None where it does not."""
    if (centre, line.address) in torn and a.says is not Says.NO_PROBLEM:
        why = f"{line.address} is answered for in two ways, in the rows of two queries."
        return why, "Give the same answer for the same cell."
    if a.says is Says.CORRECT and (centre, line.row) in gone:
        return f"{line.row} is to be left out, and {line.address} in it to be corrected.", "Choose one of the two."
    return None


def _fresh(answers: Sequence[Answer], standing: Standing, out: Judged) -> list[Answer]:
    """Return each answer once, without those that were taken up before."""
    seen: dict[str, Answer] = {}
    for a in answers:
        if a.digest in standing.answers or a.digest in seen:
            out.known += 1
        else:
            seen[a.digest] = a
    return list(seen.values())


def _query_of(name: str, asked: Mapping[str, Query], standing: Standing) -> tuple[Query | None, str, str]:
    """Return the query that waits for an answer, or why there is none and what to do."""
    known = standing.queries.get(name)
    if known is not None and not known.state.waits:
        why = f"The query is {known.state} since {known.since}"
        why += f" ({known.reason})." if known.reason else "."
        return None, why, f"Nothing; to ask it again: chartline queries reopen STUDY {name}"
    query = asked.get(name) or (known.query if known else None)
    if query is None:
        return None, f"{name} is no query of this study.", "See that the workbook belongs to this study."
    return query, "", ""


def _fault(a: Answer, lines: Mapping[int, Line], rows: Sequence[Answer]) -> Refusal | None:
    """Return why an answer does not fit its cell, or None."""
    line = lines.get(a.number)
    if line is None:
        return refuse(a, f"The query has no cell {a.number}.", "See that the reference is as it was sent.")
    if any(b.number == a.number and b.digest != a.digest for b in rows):
        return refuse(a, "The cell is answered in two ways.", "Leave one of the rows.")
    if a.seal != line.seal and line.asked:
        return refuse(a, "The query was asked again after this workbook was written.", "Answer the newest export.")
    if a.seal != line.seal:
        why = f"{line.address or 'The question'} has changed since the workbook was written"
        now = f": it holds `{line.content or '(blank)'}` now." if line.is_cell else "."
        return refuse(a, why + now, "Ask again: chartline queries export.")
    if a.says is Says.CORRECT and not line.is_cell:
        return refuse(
            a, "The question is not about one cell, so no value can be corrected.",
            "Correct the file itself and send it again, or say why it is no problem.",
        )  # fmt: skip
    if a.says is Says.CORRECT and a.value == line.content and not a.unit:
        return refuse(
            a, f"The corrected value is what stands there: `{a.value}`.",
            f"Choose `{Says.RIGHT}`, or give the right value.", value=True,
        )  # fmt: skip
    if a.says is Says.LEAVE_OUT and not line.row_content:
        return refuse(a, "The question is not about a row.", "Choose another answer.")
    return None


def _taken(query: Query, rows: Sequence[tuple[Answer, Line]], names: set[str]) -> Taken:
    """Return the answers to a query with the amendments that they make; `names` are the ids that are taken."""
    out: list[Amendment] = []
    for a, line in rows:
        made = _amendment(query, a, line)
        if made is not None and not any(_same(made, other) for other in out):
            name = made.amendment_id
            n = 1
            while name in names:
                n += 1
                name = f"{made.amendment_id}#{n}"
            names.add(name)
            out.append(replace(made, amendment_id=name))
    return Taken(query, tuple(a for a, _ in rows), tuple(out))


def _amendment(query: Query, a: Answer, line: Line) -> Amendment | None:
    """Return what an answer changes; None where it changes nothing (an unknown value of a blank cell)."""
    whole = a.says is Says.NO_PROBLEM or (a.says is Says.RIGHT and not line.is_cell)
    if a.says is Says.UNKNOWN and not line.content:
        return None
    if a.says is Says.UNKNOWN and not line.is_cell:
        return None
    row = a.says is Says.LEAVE_OUT
    return Amendment(
        amendment_id=query.id if whole else f"{query.id}.{line.number}",
        centre=query.centre,
        subject=query.subject,
        address=line.row if row else line.address or "(no cell)",
        was=line.row_content if row else line.content,
        action=_ACTIONS.get(a.says, Action.CONFIRM),
        value=a.value,
        unit=a.unit,
        reason=a.reason or f"answer to {query.id}: {a.says.value.removesuffix(' ...').lower()}",
        answered_by=a.by,
        answered_on=a.on,
        kept=True,
    )


def _same(a: Amendment, b: Amendment) -> bool:
    return (a.address, a.action) == (b.address, b.action) and a.action in (Action.DELETE_ROW,)


@dataclass(frozen=True)
class _New:
    """What the data say once the answers are laid over them, and did not say before."""

    outdated: Mapping[str, Outdated]  # by the amendment that cannot be laid over its cell
    unread: Mapping[str, Query]  # by the address of a value that cannot be read
    units: Mapping[str, Sequence[Query]]  # by the patient whose unit is not known

    @classmethod
    def of(cls, before: StudyData, after: StudyData) -> _New:
        known = {q.id: q.message for q in before.queries}
        new = [q for q in after.queries if known.get(q.id) != q.message]
        units: dict[str, list[Query]] = defaultdict(list)
        for q in new:
            if q.rule in ("unknown_unit", "no_upper_limit"):
                units[q.subject].append(q)
        return cls(
            {o.amendment.amendment_id: o for o in after.outdated},
            {a: q for q in new if q.rule in UNREADABLE for a in q.addresses},
            units,
        )


def _unfit(taken: Taken, new: _New, refused: list[Refusal]) -> bool:
    """Whether the answers to a query cannot be laid over the data or read; each such row is refused."""
    names = {a.amendment_id: a for a in taken.amendments}
    why = {n: o.why for n in names if (o := new.outdated.get(n)) is not None and not o.owners}
    for name, a in names.items():
        found = new.unread.get(a.address) if a.action is Action.SET else None
        if found is not None:
            why[name] = found.message.removesuffix(" The value is left out until this is answered.")
        elif a.unit and (wrong := _unit_fault(a, new)):
            why[name] = wrong
    for answer in taken.answers:
        faults = [w for n, w in why.items() if n.partition("#")[0] in (f"{answer.query}.{answer.number}", answer.query)]
        if why and not faults:
            faults = [_OTHER_ROW]
        for fault in faults[:1]:
            refused.append(refuse(answer, fault, _what_to_do(fault), value=fault != _OTHER_ROW))
    return bool(why)


def _what_to_do(fault: str) -> str:
    """Return how to mend a value that cannot be read."""
    if fault == _OTHER_ROW:
        return "Correct that row."
    date = " is not a date " in fault
    return "Write the date as 2021-07-28 and import again." if date else "Correct the value and import again."


def _unit_fault(a: Amendment, new: _New) -> str:
    """Return what is wrong with a unit that an answer states, "" where nothing is."""
    return next((q.message for q in new.units.get(a.subject, ()) if a.unit in q.message), "")


def _of_owner(taken: Taken, new: _New) -> Taken:
    """Name the patient whose cell it is, where a query is about two patients."""
    found = {a.amendment_id: new.outdated.get(a.amendment_id) for a in taken.amendments}
    owners = {n: o.owners for n, o in found.items() if o is not None and o.owners}
    return replace(
        taken,
        amendments=tuple(
            replace(a, subject=owners[a.amendment_id][0] if len(owners[a.amendment_id]) == 1 else "")
            if a.amendment_id in owners
            else a
            for a in taken.amendments
        ),
    )
