"""The loop with the centres: queries out, answers in, decisions, and the lock. Each is one entry of the study's log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chartline.errors import OutputError, StateError
from chartline.pipeline.read import Tell, read_study, silent
from chartline.protocol.load import protocol_file, study_home
from chartline.study import StudyData

if TYPE_CHECKING:
    from chartline.queries.loop import Exported, Imported
    from chartline.state.log import Entry
    from chartline.state.standing import QueryStanding, Standing


def export_queries(
    study: Path, out: Path, *, centre: str | None = None, by: str, tell: Tell = silent
) -> list[Exported]:
    """Write what each centre (or one) is asked, as a workbook and on paper, into `out`, and enter it in the log."""
    from chartline.queries.loop import export
    from chartline.queries.seen import record_seen
    from chartline.state.store import writing

    with writing(study_home(study), by) as log:
        data = read_study(study, tell=tell)
        record_seen(data, log)
        done = export(data, log, out, centre)
    tell("")
    return done


def import_answers(
    study: Path,
    workbooks: Sequence[Path],
    *,
    by: str,
    answered_by: str = "",
    answered_on: str = "",
    tell: Tell = silent,
) -> Imported:
    """Read answered workbooks, make amendments of their corrections, and say where each query stands; all in one entry
    of the log or nothing. `answered_by` and `answered_on` speak for rows that do not say it."""
    from chartline.queries.answers import read_answers
    from chartline.queries.judge import judge
    from chartline.queries.loop import enter, enter_workbooks, imported
    from chartline.queries.seen import record_seen
    from chartline.state.lock import refuse_change
    from chartline.state.store import writing

    read = [(path, *read_answers(path, answered_by, answered_on)) for path in workbooks]
    with writing(study_home(study), by) as log:
        refuse_change(log.standing.lock, "an answer would change its data")
        data = read_study(study, tell=tell)
        record_seen(data, log)
        tell("Laying the answers over the data")
        answers = [a for _, said, _ in read for a in said]
        judged = judge(
            answers, replace(data, standing=log.standing), lambda more: read_study(study, more=more), log.today
        )
        enter(judged, log)
        record_seen(judged.after, log, {t.query.id for t in judged.taken}, judged.follows)
        refused = [r for _, _, faults in read for r in faults]
        again = enter_workbooks([path for path, _, _ in read], judged, refused, log)
        done = imported(judged, refused, again, log)
    tell("")
    return done


def decide_query(study: Path, query: str, *, by: str, reason: str, accept: bool) -> QueryStanding:
    """Accept a query as it stands, or ask it again, by a person and with the reason."""
    from chartline.queries.loop import decide
    from chartline.queries.seen import record_seen
    from chartline.state.lock import refuse_change
    from chartline.state.store import writing

    with writing(study_home(study), by) as log:
        refuse_change(log.standing.lock, "the decision would change its data")
        data = read_study(study)
        record_seen(data, log)
        return decide(query, log, data, accept=accept, reason=reason)


def lock_study(study: Path, *, by: str, reason: str, tell: Tell = silent) -> Standing:
    """Freeze what the study is made from; every later run refuses anything else until it is unlocked."""
    from chartline.queries.seen import record_seen
    from chartline.state.lock import frozen, refuse_change
    from chartline.state.log import Event
    from chartline.state.store import writing

    home = study_home(study)
    with writing(home, by) as log:
        refuse_change(log.standing.lock, "it is locked already", do="unlock it first, if its files may change")
        data = read_study(study, tell=tell)
        record_seen(data, log)
        paths = {name: home / name for name in data.inputs if name != "amendments"}  # those are in the log itself
        paths["protocol"] = protocol_file(study)
        declared = data.protocol.data
        paths |= {n: home / f for n, f in (("answers", declared.answers), ("overrides", declared.overrides)) if f}
        digests = {"protocol_digest": data.protocol_digest, "data_digest": data.data_digest}
        log.add(Event.LOCKED, data.protocol.study.id, {"reason": reason, **frozen(paths, data.inputs, home, digests)})
        tell("")
        return log.standing


def unlock_study(study: Path, *, by: str, reason: str) -> Entry:
    """Lift the lock, and keep who did and why. Raises `LockError` where the study is not locked."""
    from chartline.errors import LockError
    from chartline.state.log import Event
    from chartline.state.store import writing

    home = study_home(study)
    with writing(home, by) as log:
        lock = log.standing.lock
        if lock is None:
            raise LockError("The study is not locked.", where=str(home), do="nothing")
        return log.add(Event.UNLOCKED, lock.about, {"reason": reason})


def check_lock(study: Path, tell: Tell = silent) -> Entry | None:
    """Return the lock of a study after checking that everything is as it was locked; None where it is not locked."""
    from chartline.state.store import read_standing

    lock = read_standing(study_home(study)).lock
    if lock is not None:
        read_study(study, tell=tell)
        tell("")
    return lock


def entered(data: StudyData, study: Path) -> StudyData:
    """Enter in the study's log what this reading says of its queries, where the study has a log and is not locked.

    Nothing is entered where other answers were read than the study's own, or where the log has moved on meanwhile.
    """
    from chartline.queries.seen import record_seen, seen_words
    from chartline.state.store import has_state, login, writing

    home = study_home(study)
    if not data.own_answers or not has_state(home) or data.standing.lock is not None:
        return data
    try:
        with writing(home, login()) as log:
            if log.standing.head != data.standing.head:
                return replace(
                    data, entered="Not entered in the study's log: it has moved on since the files were read."
                )
            said = seen_words(record_seen(data, log))
    except (StateError, OutputError) as e:  # the study was read all the same
        return replace(data, entered=f"Not entered in the study's log: {e.what}")
    return replace(data, standing=log.standing, entered=said)
