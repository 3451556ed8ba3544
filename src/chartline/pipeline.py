"""The order of the rooms: the only module that knows it.

    read_study       centres' files + mappings + answers -> ClinicalData and queries   (patient side)
    derive_study     -> Cohort, Adam, Counts                                           (patient side, up to the wall)
    estimate_study   Counts -> Results                                                 (no person exists)
    run_study        all of it, written to an out folder as a whole
    multiverse_study every specification of the protocol's open choices, written likewise
    draft_mapping    a centre's files -> a proposed mapping, which a person signs
    diff_cuts        the out folders of two runs -> what changed, and who moved which number
    quality_study    the quality of each centre's data, reported
    deidentify_centre  a centre's files copied without direct identifiers

Federated and partitioned runs cut this file at the wall: `derive_study` anywhere, `add_counts`, `estimate_study`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chartline.core.clinical import ClinicalData, combine
from chartline.core.digest import digest_file
from chartline.core.query import Query, Severity
from chartline.core.study_days import StudyDays
from chartline.errors import (
    AmendmentError,
    BlockingQueries,
    MappingError,
    OutputError,
    ProtocolError,
    StateError,
)
from chartline.protocol.load import load_protocol, protocol_digest, protocol_file
from chartline.protocol.model import Protocol
from chartline.study import StudyData, StudyRun

if TYPE_CHECKING:
    from chartline.cohort.model import Cohort
    from chartline.counts.model import Counts
    from chartline.cuts.model import Difference
    from chartline.derive.model import Adam
    from chartline.mapping.amendments import Amendment, Applied, Outdated
    from chartline.mapping.model import Mapping
    from chartline.quality.model import Quality
    from chartline.queries.loop import Exported, Imported
    from chartline.report.source import ReportSource
    from chartline.results.model import Results
    from chartline.results.multiverse import Multiverse
    from chartline.sources.base import SourceData
    from chartline.sources.redcap_pull import Pulled
    from chartline.state.log import Entry
    from chartline.state.standing import QueryStanding, Standing

Tell = Callable[[str], None]


def _silent(step: str) -> None:
    return None


def read_study(
    study: Path,
    *,
    answers: Path | None = None,
    use_answers: bool = True,
    more: Sequence[Amendment] = (),
    unsigned: bool = False,
    tell: Tell = _silent,
) -> StudyData:
    """Read, amend, map and check every centre. Raises `StudyError` for protocol, source and mapping faults.

    Laid over the data, in this order: the answers that the protocol names, the amendments that the study's state keeps,
    and `more`. `answers` is read instead of the first two; with `use_answers` False none of them. `unsigned` looks at
    mappings that nobody signed as well, with a query; without it they are refused. Raises `LockError` where the study
    is locked and is not what it was.
    """
    from dataclasses import replace

    from chartline.checks.confirmed import check_and_close
    from chartline.checks.engine import check_settings
    from chartline.checks.outdated import outdated_queries
    from chartline.derive.endpoint import check_endpoints
    from chartline.derive.graded_values import grade_by
    from chartline.derive.override_file import check_overrides, dated_overrides, read_overrides
    from chartline.derive.response_rules import counts_window_of
    from chartline.derive.rule_sets import check_rule_sets
    from chartline.mapping.amendments import digest_amendments, read_amendments
    from chartline.mapping.load import load_mapping
    from chartline.mapping.possible import check_remission
    from chartline.mapping.signed import require_signature, unsigned_queries
    from chartline.state.lock import check_files, check_inputs
    from chartline.state.store import read_standing

    home = protocol_file(study).parent
    standing = read_standing(home)
    check_files(standing.lock, home, own_answers=use_answers and answers is None)
    tell("Reading the protocol")
    protocol = load_protocol(study)
    check_endpoints(protocol, str(protocol_file(study)))
    check_rule_sets(protocol, str(protocol_file(study)))
    mappings = {centre.id: load_mapping(home / centre.mapping) for centre in protocol.data.centres}
    for centre in () if unsigned else protocol.data.centres:
        require_signature(mappings[centre.id], str(home / centre.mapping))
    checked = {c.id: (str(home / c.mapping), mappings[c.id].own_checks) for c in protocol.data.centres}
    check_settings(protocol, str(protocol_file(study)), checked)
    check_remission(protocol, mappings.values(), str(protocol_file(study)))
    answers_file = _answers_file(protocol, home, answers, use_answers)
    kept = tuple(standing.amendments.values()) if use_answers and answers is None else ()
    amendments = (*(read_amendments(answers_file) if answers_file else ()), *kept, *more)
    parts: list[ClinicalData] = []
    queries: list[Query] = []
    applied: list[Applied] = []
    outdated: list[Outdated] = []
    sources: dict[str, SourceData] = {}
    inputs = {"answers": digest_file(answers_file)} if answers_file else {}
    inputs |= {"amendments": digest_amendments(kept)} if kept else {}
    overrides_file = home / protocol.data.overrides if protocol.data.overrides else None
    overrides = read_overrides(overrides_file, protocol) if overrides_file else ()
    inputs |= {"overrides": digest_file(overrides_file)} if overrides_file else {}
    inputs["protocol"] = digest_file(protocol_file(study))
    signatures: dict[str, str] = {}
    events: dict[str, dict[str, date]] = {}
    for centre in protocol.data.centres:
        tell(f"Reading {centre.label or centre.id}")
        mapping_file, folder = home / centre.mapping, home / centre.folder
        mapping = mappings[centre.id]
        if mapping.centre != centre.id:
            raise MappingError(
                f"The mapping is for centre {mapping.centre}, the protocol names it for centre {centre.id}",
                where=str(mapping_file),
                do="name the right mapping in the protocol",
            )
        own = [a for a in amendments if a.centre == centre.id]
        data, found, source, done, old = _read_one(folder, mapping, own)
        sources[centre.id] = source
        parts.append(data)
        queries += [*found, *outdated_queries(old, done)]
        applied += done
        outdated += old
        inputs[centre.mapping] = digest_file(mapping_file)
        signatures[centre.mapping] = mapping.signature
        if mapping.days_from:
            events[centre.id] = {event.label: event.day for event in mapping.days_from.values()}
        queries += unsigned_queries(mapping, centre.mapping)
        inputs |= {f"{centre.folder}/{file}": digest for file, digest in source.files.items()}
    check_inputs(standing.lock, inputs, home)
    queries += _answers_left_over(amendments, protocol)
    said = (f"by {o.by} on {o.on}: {o.reason}" for o in overrides)  # whose dates are real
    data = replace(combine(parts), study_days=StudyDays(events, tuple(said)))
    data = replace(data, overrides=dated_overrides(overrides, data))
    check_overrides(data.overrides, data)
    _subjects_are_unique(data)
    tell("Checking the data")
    window, grade = counts_window_of(protocol.response), grade_by(protocol)
    centre_checks = {centre: mapping.own_checks for centre, mapping in mappings.items() if mapping.own_checks}
    asked = check_and_close(queries, data, protocol, window, applied, grade, centre_checks)
    return StudyData(
        protocol, protocol_digest(protocol), data, tuple(_in_order(asked)), tuple(applied), inputs, signatures,
        tuple(queries), centre_checks, sources, tuple(outdated), standing,
        own_answers=use_answers and answers is None and not more,
    )  # fmt: skip


def _read_one(
    folder: Path, mapping: Mapping, amendments: Sequence[Amendment]
) -> tuple[ClinicalData, list[Query], SourceData, list[Applied], list[Outdated]]:
    """Read, amend and map one centre; what is outdated is left out, and the rest read again without it."""
    from chartline.mapping.amendments import apply_amendments
    from chartline.mapping.answered_subjects import check_subjects
    from chartline.mapping.apply import check_fit, map_centre
    from chartline.sources.read import read_centre

    unamended = read_centre(folder, mapping.sources, mapping.ignore_files)
    try:
        source, applied, outdated = apply_amendments(unamended, amendments)
    except AmendmentError:
        check_fit(unamended, mapping)  # a renamed column is the mapping's fault, not the answer's
        raise
    data, found = map_centre(source, mapping)
    misplaced = check_subjects(applied, source, data, mapping)
    if misplaced:
        outdated += misplaced
        left = {o.amendment.amendment_id for o in outdated}
        source, applied, _ = apply_amendments(unamended, [a for a in amendments if a.amendment_id not in left])
        data, found = map_centre(source, mapping)
    return data, found, source, applied, outdated


def check_study(
    study: Path,
    out: Path | None = None,
    *,
    answers: Path | None = None,
    use_answers: bool = True,
    strict: bool = False,
    tell: Tell = _silent,
) -> StudyData:
    """Read, map and check; write `queries.csv` and the centres' workbooks to `out` if one is named."""
    done = _entered(read_study(study, answers=answers, use_answers=use_answers, unsigned=True, tell=tell), study)
    if out is not None:
        from chartline.outputs import staged
        from chartline.publish import write_lock, write_queries

        with staged(out) as folder:
            write_queries(done, folder)
            write_lock(done, folder)
    tell("")
    _stop_if_blocked(done.queries, strict)
    return done


def pull_redcap(
    study: Path,
    centre: str,
    *,
    url: str | None = None,
    token_from: str = "REDCAP_TOKEN",
    batch: int = 100,
    files: bool = False,
    replace: bool = False,
    tell: Tell = _silent,
) -> Pulled:
    """Pull a centre's REDCap project into its folder, under the file names that its mapping reads."""
    from chartline.mapping.load import load_mapping
    from chartline.sources.redcap_api import RedcapApi
    from chartline.sources.redcap_pull import Wanted, pull, token_of, url_of

    found = next((c for c in load_protocol(study).data.centres if c.id == centre), None)
    if found is None:
        raise ProtocolError(f"The study has no centre {centre}", where=str(protocol_file(study)), do="name one of its")
    home = protocol_file(study).parent
    sources = load_mapping(home / found.mapping).sources if (home / found.mapping).exists() else ()
    names = next(((s.records, s.dictionary) for s in sources if s.records and s.dictionary), None)
    records, dictionary = names or ("redcap_records.csv", "redcap_dictionary.csv")
    folder = home / found.folder
    api = RedcapApi(url_of(url, folder), token_of(token_from))
    return pull(api, Wanted(folder, records, dictionary, batch, files, replace), tell)


def derive_study(study: StudyData) -> tuple[Cohort, Adam, Counts]:
    """The patient side after mapping: a pure function of all rows of the subjects it is given."""
    from chartline.cohort.select import select_cohort
    from chartline.counts.count import count_analyses
    from chartline.derive.derive import derive_all

    cohort = select_cohort(study.data, study.protocol, study.queries, study.protocol_digest)
    adam = derive_all(study.data, cohort, study.protocol, study.queries)
    counts = count_analyses(adam, cohort.attrition, study.protocol, study.protocol_digest)
    return cohort, adam, counts


def estimate_study(counts: Counts, protocol: Protocol, data_digest: str) -> Results:
    """The aggregate side: counts in, results out."""
    from chartline.results.model import Results
    from chartline.stats.estimate import estimate_all

    return Results(estimate_all(counts, protocol), protocol_digest(protocol), data_digest)


def run_study(
    study: Path,
    out: Path,
    *,
    answers: Path | None = None,
    use_answers: bool = True,
    strict: bool = False,
    multiverse: bool = False,
    tell: Tell = _silent,
) -> StudyRun:
    """Run the whole study and put its outputs at `out`, all or none of them; with its multiverse where asked."""
    from chartline.outputs import staged
    from chartline.publish import write_lock, write_multiverse, write_run
    from chartline.report.worker import ReportWorker

    with staged(out) as folder, ReportWorker() as reporter:
        data = _entered(read_study(study, answers=answers, use_answers=use_answers, tell=tell), study)
        _stop_if_blocked(data.queries, strict)
        tell("Deriving and counting")
        done = _estimated(data, out)
        every = _multiverse(data, study, tell) if multiverse else None
        tell("Writing the report")
        reporter.write(_report_source(done, every), folder)
        write_run(done, folder)
        if every is not None:
            write_multiverse(every, folder)
        write_lock(data, folder)
        reporter.wait()
    tell("")
    return done


def _estimated(study: StudyData, out: Path) -> StudyRun:
    from dataclasses import replace

    from chartline.assertions.engine import assert_study
    from chartline.derive.reviewed import DOMAIN, override_queries
    from chartline.results.headline import build_headline
    from chartline.stats.estimate import estimate_curves
    from chartline.trace.told_days import told_adam, told_cohort, told_verdicts

    cohort, adam, counts = derive_study(study)
    asserted = told_verdicts(assert_study(adam, counts, study.protocol), adam, study.data.study_days)
    cohort, adam = told_cohort(cohort, study.data.study_days), told_adam(adam, study.data.study_days)
    if DOMAIN in adam.tables:
        asked = [*study.queries, *override_queries(adam[DOMAIN])]
        study = replace(study, queries=tuple(_in_order(asked)))
    results = estimate_study(counts, study.protocol, study.data_digest)
    curves = estimate_curves(counts, study.protocol)
    headline = build_headline(results, study.protocol)
    return StudyRun(study, cohort, adam, counts, results, curves, headline, out, asserted)


def multiverse_study(
    study: Path,
    out: Path,
    *,
    answers: Path | None = None,
    use_answers: bool = True,
    strict: bool = False,
    tell: Tell = _silent,
) -> Multiverse:
    """Run every specification of the study's open choices and put tables and report at `out`, all or none of them."""
    from chartline.outputs import staged
    from chartline.publish import write_lock, write_multiverse
    from chartline.report.worker import ReportWorker
    from chartline.trace.listings import multiverse_source

    with staged(out) as folder, ReportWorker() as reporter:
        data = read_study(study, answers=answers, use_answers=use_answers, tell=tell)
        _stop_if_blocked(data.queries, strict)
        every = _multiverse(data, study, tell)
        tell("Writing the report")
        reporter.write(multiverse_source(data, every), folder, "multiverse")
        write_multiverse(every, folder)
        write_lock(data, folder)
        reporter.wait()
    tell("")
    return every


def _multiverse(data: StudyData, study: Path, tell: Tell) -> Multiverse:
    from chartline.multiverse.estimate import estimate_multiverse

    tell("Deriving and counting every specification")
    return estimate_multiverse(data, str(protocol_file(study)))


def diff_cuts(old: Path, new: Path, out: Path | None = None, *, tell: Tell = _silent) -> Difference:
    """Compare the out folders of two runs; write the difference to `out`, all of it or nothing, if one is named."""
    from chartline.cuts.compare import compare_cuts
    from chartline.cuts.read import read_cut
    from chartline.cuts.write import MARK, write_difference
    from chartline.outputs import staged

    tell("Reading the cuts")
    cuts = read_cut(old), read_cut(new)
    tell("Comparing")
    done = compare_cuts(*cuts)
    if out is not None:
        with staged(out, MARK) as folder:
            write_difference(done, folder)
    tell("")
    return done


def quality_study(study: Path, out: Path, *, answers: Path | None = None, tell: Tell = _silent) -> Quality:
    """Measure the quality of every centre's data and put the report at `out`, all of it or nothing."""
    from chartline.outputs import staged
    from chartline.quality.measure import measure_quality
    from chartline.quality.write import MARK, write_quality

    with staged(out, MARK) as folder:
        data = read_study(study, answers=answers, tell=tell)
        raw = read_study(study, use_answers=False, tell=tell) if data.applied else data
        tell("Deriving")
        _, adam, _ = derive_study(data)
        done = measure_quality(data, raw, adam)
        tell("Writing the report")
        write_quality(done, folder)
    tell("")
    return done


def deidentify_centre(
    folder: Path,
    key: Path,
    out: Path,
    *,
    drop: Sequence[str] = (),
    pseudonym: Sequence[str] = (),
    keep: Sequence[str] = (),
    swapped: Sequence[str] = (),
    shift_days: int = 0,
    dates: str = "ISO",
) -> tuple[list[str], bool]:
    """Copy a centre's files without direct identifiers; return the lines of the report, and whether a key was made."""
    from chartline.deidentify.dates import order_of
    from chartline.deidentify.model import Options
    from chartline.deidentify.report import report_lines
    from chartline.deidentify.write import deidentify_to

    options = Options(
        frozenset(drop), frozenset(pseudonym), frozenset(keep), shift_days, order_of(dates), frozenset(swapped)
    )
    done, made = deidentify_to(folder, key, out, options)
    return list(report_lines(done)), made


def _report_source(run: StudyRun, multiverse: Multiverse | None) -> ReportSource:
    from dataclasses import replace

    from chartline.queries.board import board
    from chartline.trace.listings import report_source

    centres = [c.id for c in run.study.protocol.data.centres]
    return replace(report_source(run), multiverse=multiverse, board=board(run.study.standing, centres))


def export_queries(
    study: Path, out: Path, *, centre: str | None = None, by: str, tell: Tell = _silent
) -> list[Exported]:
    """Write what each centre (or one) is asked, as a workbook and on paper, into `out`, and enter it in the log."""
    from chartline.queries.loop import export
    from chartline.queries.seen import record_seen
    from chartline.state.store import writing

    with writing(protocol_file(study).parent, by) as log:
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
    tell: Tell = _silent,
) -> Imported:
    """Read answered workbooks, make amendments of their corrections, and say where each query stands; all in one entry
    of the log or nothing. `answered_by` and `answered_on` speak for rows that do not say it."""
    from dataclasses import replace

    from chartline.queries.answers import read_answers
    from chartline.queries.judge import judge
    from chartline.queries.loop import enter, enter_workbooks, imported
    from chartline.queries.seen import record_seen
    from chartline.state.lock import refuse_change
    from chartline.state.store import writing

    read = [(path, *read_answers(path, answered_by, answered_on)) for path in workbooks]
    with writing(protocol_file(study).parent, by) as log:
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

    with writing(protocol_file(study).parent, by) as log:
        refuse_change(log.standing.lock, "the decision would change its data")
        data = read_study(study)
        record_seen(data, log)
        return decide(query, log, data, accept=accept, reason=reason)


def lock_study(study: Path, *, by: str, reason: str, tell: Tell = _silent) -> Standing:
    """Freeze what the study is made from; every later run refuses anything else until it is unlocked."""
    from chartline.queries.seen import record_seen
    from chartline.state.lock import frozen, refuse_change
    from chartline.state.log import Event
    from chartline.state.store import writing

    home = protocol_file(study).parent
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

    home = protocol_file(study).parent
    with writing(home, by) as log:
        lock = log.standing.lock
        if lock is None:
            raise LockError("The study is not locked.", where=str(home), do="nothing")
        return log.add(Event.UNLOCKED, lock.about, {"reason": reason})


def check_lock(study: Path, tell: Tell = _silent) -> Entry | None:
    """Return the lock of a study after checking that everything is as it was locked; None where it is not locked."""
    from chartline.state.store import read_standing

    lock = read_standing(protocol_file(study).parent).lock
    if lock is not None:
        read_study(study, tell=tell)
        tell("")
    return lock


def _entered(data: StudyData, study: Path) -> StudyData:
    """Enter in the study's log what this reading says of its queries, where the study has a log and is not locked.

    Nothing is entered where other answers were read than the study's own, or where the log has moved on meanwhile.
    """
    from dataclasses import replace

    from chartline.queries.seen import record_seen, seen_words
    from chartline.state.store import has_state, login, writing

    home = protocol_file(study).parent
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


def simulate_database(
    number: int, seed: int, out: Path, *, treated: float, processes: int, tell: Tell = _silent
) -> None:
    """Put a synthetic OMOP database, its study and its truth at `out`, all or nothing. See `simulate/omop.py`."""
    from chartline.outputs import staged
    from chartline.simulate.omop import simulate_omop
    from chartline.simulate.truth import Truth

    with staged(out, "truth.json") as folder:
        simulate_omop(
            number, seed, folder, truth=Truth(treated=treated), processes=processes,
            tell=lambda done: tell(f"{done:,} of {number:,} persons"),
        )  # fmt: skip
    tell("")


def draft_mapping(
    files: Sequence[Path],
    study: Path,
    *,
    centre: str | None = None,
    out: Path | None = None,
    anew: bool = False,
    tell: Tell = _silent,
) -> list[str]:
    """Draft the mapping of a centre's files, or say how they differ from the mapping it has; return what to tell.

    Writes the draft (YAML) and the workbook to review it, or nothing where nothing differs.
    """
    from chartline.draft.verb import draft_files
    from chartline.outputs import write_whole

    tell("Reading the files")
    done = draft_files(files, study, centre=centre, out=out, anew=anew)
    tell("")
    for file, content in done.files.items():
        write_whole(file, content)
    return done.lines


def template_study(study: Path, out: Path, centre: str | None) -> list[str]:
    """Write the capture workbook of a centre and its mapping; return what to tell the user."""
    from chartline.capture.write import write_template

    return write_template(_checked_protocol(study), out, centre, date.today())


def redcap_study(study: Path, out: Path, centre: str | None) -> list[str]:
    """Write the REDCap data dictionary of a study and its mapping; return what to tell the user."""
    from chartline.capture.write import write_redcap_dictionary

    return write_redcap_dictionary(_checked_protocol(study), out, centre, date.today())


def _checked_protocol(study: Path) -> Protocol:
    from chartline.derive.endpoint import check_endpoints
    from chartline.derive.rule_sets import check_rule_sets

    protocol = load_protocol(study)
    check_endpoints(protocol, str(protocol_file(study)))
    check_rule_sets(protocol, str(protocol_file(study)))
    return protocol


def declaration_schema(what: str) -> dict[str, Any]:
    """Return the JSON Schema of `protocol` or `mapping`."""
    if what == "protocol":
        return {"$schema": _DRAFT, **Protocol.model_json_schema(by_alias=True)}
    if what == "mapping":
        from chartline.mapping.model import Mapping

        return {"$schema": _DRAFT, **Mapping.model_json_schema(by_alias=True)}
    raise ProtocolError(f"There is no declaration `{what}`", expected="protocol or mapping", do="name one of them")


_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _answers_file(protocol: Protocol, home: Path, answers: Path | None, use: bool) -> Path | None:
    if not use:
        return None
    if answers is not None:
        return answers
    return home / protocol.data.answers if protocol.data.answers else None


def _answers_left_over(amendments: Sequence[Any], protocol: Protocol) -> list[Query]:
    """An answer of a centre that this study does not have is not used, and that is said."""
    lost = Counter(a.centre for a in amendments)
    for centre in protocol.data.centres:
        lost.pop(centre.id, None)
    return [
        Query(
            rule="answer_without_centre",
            severity=Severity.NOTE,
            centre=centre,
            subject="",
            addresses=(protocol.data.answers or "answers",),
            saw=f"{n} answers of centre {centre}",
            message=f"The protocol has no centre {centre}, so its {n} answers are not used.",
            ask="Nothing, if the centre was left out on purpose; otherwise correct the centre's name in the answers.",
        )
        for centre, n in sorted(lost.items())
    ]


def _subjects_are_unique(data: ClinicalData) -> None:
    """One subject id at two centres would silently merge two people."""
    import polars as pl

    both = (
        pl.concat([data[d].select("CENTRE", "USUBJID").unique() for d in data.domains])
        .unique()
        .group_by("USUBJID")
        .agg(pl.col("CENTRE").sort())
        .filter(pl.col("CENTRE").list.len() > 1)
        .sort("USUBJID")
    )
    if both.height:
        first = both.row(0, named=True)
        raise MappingError(
            f"The subject id {first['USUBJID']} is used by centres {' and '.join(first['CENTRE'])}"
            f" ({both.height} such ids)",
            expected="subject ids that are unique over the study",
            do="give one centre's mapping a `subject_prefix`",
        )


def _in_order(queries: list[Query]) -> list[Query]:
    weight = {Severity.BLOCK: 0, Severity.WARN: 1, Severity.NOTE: 2}
    unique = {q.id: q for q in reversed(queries)}
    return sorted(unique.values(), key=lambda q: (q.centre, weight[q.severity], q.subject, q.rule, q.id))


def _stop_if_blocked(queries: Sequence[Query], strict: bool) -> None:
    blocking = [q for q in queries if q.blocks]
    if strict and blocking:
        shown = "; ".join(f"{q.subject or q.centre}: {q.message}" for q in blocking[:3])
        raise BlockingQueries(
            f"{len(blocking)} blocking {'query is' if len(blocking) == 1 else 'queries are'} open: {shown}"
            + (" ..." if len(blocking) > 3 else ""),
            expected="none, because --strict was asked for",
            do="see `chartline check STUDY --out DIR`; answer them, or run without --strict",
        )
