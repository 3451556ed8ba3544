"""check, run, multiverse, quality, diff: what is made of a study that was read, written as a whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chartline.core.query import Query
from chartline.errors import BlockingQueries
from chartline.pipeline.loop import entered
from chartline.pipeline.read import Tell, in_order, read_study, silent
from chartline.protocol.load import protocol_digest, protocol_file
from chartline.protocol.model import Protocol
from chartline.study import StudyData, StudyRun

if TYPE_CHECKING:
    from chartline.cohort.model import Cohort
    from chartline.counts.model import Counts
    from chartline.cuts.model import Difference
    from chartline.derive.model import Adam
    from chartline.quality.model import Quality
    from chartline.report.source import ReportSource
    from chartline.results.model import Results
    from chartline.results.multiverse import Multiverse


def check_study(
    study: Path,
    out: Path | None = None,
    *,
    answers: Path | None = None,
    use_answers: bool = True,
    strict: bool = False,
    tell: Tell = silent,
) -> StudyData:
    """Read, map and check; write `queries.csv` and the centres' workbooks to `out` if one is named."""
    done = entered(read_study(study, answers=answers, use_answers=use_answers, unsigned=True, tell=tell), study)
    if out is not None:
        from chartline.outputs import staged
        from chartline.publish import write_lock, write_queries

        with staged(out) as folder:
            write_queries(done, folder)
            write_lock(done, folder)
    tell("")
    stop_if_blocked(done.queries, strict)
    return done


def derive_study(study: StudyData) -> tuple[Cohort, Adam, Counts]:
    """The patient side after mapping: a pure function of all rows of the subjects it is given."""
    from chartline.cohort.select import select_cohort
    from chartline.counts.count import count_analyses
    from chartline.derive.derive import derive_all

    cohort = select_cohort(study.data, study.protocol, study.queries, study.protocol_digest)
    adam = derive_all(study.data, cohort, study.protocol, study.queries)
    counts = count_analyses(adam, cohort.attrition, study.protocol, study.protocol_digest)
    return cohort, adam, counts | study.selected_counts


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
    tell: Tell = silent,
) -> StudyRun:
    """Run the whole study and put its outputs at `out`, all or none of them; with its multiverse where asked.

    The charted values, and then the numbers, are written beside it in a thread of their own: Polars does not hold
    Python's lock.
    """
    from chartline.engines.memory import check_one_piece
    from chartline.outputs import staged
    from chartline.publish import write_charted, write_cut, write_listings, write_lock, write_multiverse, write_numbers
    from chartline.report.worker import ReportWorker

    with staged(out) as folder, ReportWorker() as reporter, ThreadPoolExecutor(1) as beside:
        data = entered(read_study(study, answers=answers, use_answers=use_answers, tell=tell), study)
        stop_if_blocked(data.queries, strict)
        check_one_piece(sum(frame.height for frame in data.data.domains.values()))
        charted = beside.submit(write_charted, data.data, folder)
        tell("Deriving and counting")
        done = estimated(data, out)
        every = _multiverse(data, study, tell) if multiverse else None
        tell("Writing the report")
        reporter.write(_report_source(done, every), folder)
        numbers = beside.submit(write_numbers, done, folder)
        write_listings(done.study.data, done.cohort, done.adam, data.protocol, data.applied, folder)
        write_cut(data.protocol, folder)
        if every is not None:
            write_multiverse(every, folder)
        write_lock(data, folder)
        for written in (charted, numbers):
            written.result()
        reporter.wait()
    tell("")
    return done


def estimated(study: StudyData, out: Path) -> StudyRun:
    """Derive, count, estimate and assert: a run as it is before anything is written."""
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
        study = replace(study, queries=tuple(in_order(asked)))
    results = estimate_study(counts, study.protocol, study.data_digest)
    curves = estimate_curves(counts, study.protocol)
    headline = build_headline(results, study.protocol)
    return StudyRun(
        study=study, cohort=cohort, adam=adam, counts=counts, results=results, curves=curves, headline=headline,
        out=out, assertions=asserted,
    )  # fmt: skip


def multiverse_study(
    study: Path,
    out: Path,
    *,
    answers: Path | None = None,
    use_answers: bool = True,
    strict: bool = False,
    tell: Tell = silent,
) -> Multiverse:
    """Run every specification of the study's open choices and put tables and report at `out`, all or none of them."""
    from chartline.outputs import staged
    from chartline.publish import write_lock, write_multiverse
    from chartline.report.worker import ReportWorker
    from chartline.trace.listings import multiverse_source

    with staged(out) as folder, ReportWorker() as reporter:
        data = read_study(study, answers=answers, use_answers=use_answers, tell=tell)
        stop_if_blocked(data.queries, strict)
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
    from chartline.queries.board import board
    from chartline.trace.listings import report_source
    from chartline.trace.patient_lines import patient_lines

    protocol, centres = run.study.protocol, [c.id for c in run.study.protocol.data.centres]
    lines = patient_lines(run.adam, run.counts, protocol, run.study.data.study_days)
    return replace(report_source(run, lines), multiverse=multiverse, board=board(run.study.standing, centres))


def diff_cuts(old: Path, new: Path, out: Path | None = None, *, tell: Tell = silent) -> Difference:
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


def quality_study(study: Path, out: Path, *, answers: Path | None = None, tell: Tell = silent) -> Quality:
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


def stop_if_blocked(queries: Sequence[Query], strict: bool) -> None:
    """Raise `BlockingQueries` where `--strict` was asked for and queries are open that withhold somebody."""
    blocking = [q for q in queries if q.blocks]
    if strict and blocking:
        shown = "; ".join(f"{q.subject or q.centre}: {q.message}" for q in blocking[:3])
        raise BlockingQueries(
            f"{len(blocking)} blocking {'query is' if len(blocking) == 1 else 'queries are'} open: {shown}"
            + (" ..." if len(blocking) > 3 else ""),
            expected="none, because --strict was asked for",
            do="see `chartline check STUDY --out DIR`; answer them, or run without --strict",
        )
