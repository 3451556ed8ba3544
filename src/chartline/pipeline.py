"""The order of the rooms: the only module that knows it.

    read_study       centres' files + mappings + answers -> ClinicalData and queries   (patient side)
    derive_study     -> Cohort, Adam, Counts                                           (patient side, up to the wall)
    estimate_study   Counts -> Results                                                 (no person exists)
    run_study        all of it, written to an out folder as a whole
    multiverse_study every specification of the protocol's open choices, written likewise

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
from chartline.errors import AmendmentError, BlockingQueries, MappingError, ProtocolError
from chartline.protocol.load import load_protocol, protocol_digest, protocol_file
from chartline.protocol.model import Protocol
from chartline.study import StudyData, StudyRun

if TYPE_CHECKING:
    from chartline.cohort.model import Cohort
    from chartline.counts.model import Counts
    from chartline.derive.model import Adam
    from chartline.mapping.amendments import Applied
    from chartline.mapping.model import Mapping
    from chartline.report.source import ReportSource
    from chartline.results.model import Results
    from chartline.results.multiverse import Multiverse
    from chartline.sources.redcap_pull import Pulled

Tell = Callable[[str], None]


def _silent(step: str) -> None:
    return None


def read_study(
    study: Path, *, answers: Path | None = None, use_answers: bool = True, tell: Tell = _silent
) -> StudyData:
    """Read, amend, map and check every centre. Raises `StudyError` for protocol, source and mapping faults."""
    from dataclasses import replace

    from chartline.checks.confirmed import check_and_close
    from chartline.derive.endpoint import check_endpoints
    from chartline.derive.override_file import check_overrides, dated_overrides, read_overrides
    from chartline.derive.response_rules import counts_window_of
    from chartline.derive.rule_sets import check_rule_sets
    from chartline.mapping.amendments import apply_amendments, read_amendments
    from chartline.mapping.answered_subjects import check_subjects
    from chartline.mapping.apply import check_fit, map_centre
    from chartline.mapping.load import load_mapping
    from chartline.mapping.possible import check_remission
    from chartline.sources.read import read_centre

    tell("Reading the protocol")
    protocol = load_protocol(study)
    check_endpoints(protocol, str(protocol_file(study)))
    check_rule_sets(protocol, str(protocol_file(study)))
    home = protocol_file(study).parent
    mappings = {centre.id: load_mapping(home / centre.mapping) for centre in protocol.data.centres}
    check_remission(protocol, mappings.values(), str(protocol_file(study)))
    answers_file = _answers_file(protocol, home, answers, use_answers)
    amendments = read_amendments(answers_file) if answers_file else ()
    parts: list[ClinicalData] = []
    queries: list[Query] = []
    applied: list[Applied] = []
    inputs = {"answers": digest_file(answers_file)} if answers_file else {}
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
        source = read_centre(folder, mapping.sources, mapping.ignore_files)
        try:
            source, done = apply_amendments(source, [a for a in amendments if a.centre == centre.id])
        except AmendmentError:
            check_fit(source, mapping)  # a renamed column is the mapping's fault, not the answer's
            raise
        data, found = map_centre(source, mapping)
        check_subjects(done, source, data, mapping)
        parts.append(data)
        queries += found
        applied += done
        inputs[centre.mapping] = digest_file(mapping_file)
        signatures[centre.mapping] = mapping.signature
        if mapping.days_from:
            events[centre.id] = {event.label: event.day for event in mapping.days_from.values()}
        queries += _unsigned(mapping, centre.mapping)
        inputs |= {f"{centre.folder}/{file}": digest for file, digest in source.files.items()}
    queries += _answers_left_over(amendments, protocol)
    said = (f"by {o.by} on {o.on}: {o.reason}" for o in overrides)  # whose dates are real
    data = replace(combine(parts), study_days=StudyDays(events, tuple(said)))
    data = replace(data, overrides=dated_overrides(overrides, data))
    check_overrides(data.overrides, data)
    _subjects_are_unique(data)
    tell("Checking the data")
    asked = check_and_close(queries, data, protocol, counts_window_of(protocol.response), applied)
    return StudyData(
        protocol, protocol_digest(protocol), data, tuple(_in_order(asked)), tuple(applied), inputs, signatures,
        tuple(queries),
    )  # fmt: skip


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
    done = read_study(study, answers=answers, use_answers=use_answers, tell=tell)
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
        data = read_study(study, answers=answers, use_answers=use_answers, tell=tell)
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


def _report_source(run: StudyRun, multiverse: Multiverse | None) -> ReportSource:
    from dataclasses import replace

    from chartline.trace.listings import report_source

    return replace(report_source(run), multiverse=multiverse)


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


def _unsigned(mapping: Mapping, file: str) -> list[Query]:
    """A mapping that no person has confirmed is used, and that is said."""
    if mapping.signed_by:
        return []
    return [
        Query(
            rule="mapping_unsigned",
            severity=Severity.WARN,
            centre=mapping.centre,
            subject="",
            addresses=(file,),
            saw="signed_by: (blank)",
            message="Nobody has signed this mapping, so nobody has confirmed that it says what the centre meant.",
            ask="Read the mapping with the centre, then enter signed_by and signed_on.",
        )
    ]


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
