"""The patient side over parts of the subjects: the same answer as `run_study`, whatever the number of parts.

    chart     one unit of reading (a centre): read, map, check what is about one subject   -> charts/<unit>/
    gather    all units: what needs all subjects, and what is said once                     -> gathered/
    derive    one part: cohort, derivations, counts, assertions, listings                   -> parts-64/part-0007/
    pool      all parts: add the counts, estimate, write the report and the out folder

What needs all subjects: ids that are unique, records of one person at two centres, and the checks of scope `study`.
The first two look at a few columns of everybody, the last at what was gathered for them when the charts were read. All
else is a subject's own. Each step leaves a folder that is there whole or not at all; a run that was killed goes on from
there.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chartline.pipeline.loop import entered
from chartline.pipeline.read import (
    Declaration,
    Tell,
    answers_left_over,
    declare_study,
    in_order,
    read_centre_data,
    silent,
    subjects_are_unique,
)
from chartline.pipeline.run import estimate_study, stop_if_blocked
from chartline.protocol.load import protocol_digest
from chartline.study import Outcome, StudyData

if TYPE_CHECKING:
    from chartline.assertions.model import Verdict
    from chartline.checks.engine import Asks
    from chartline.core.clinical import ClinicalData
    from chartline.core.query import Query
    from chartline.core.study_days import StudyDays
    from chartline.counts.model import Counts
    from chartline.derive.model import Adam
    from chartline.engines.local import Crew
    from chartline.mapping.amendments import Applied, Outdated
    from chartline.protocol.model import Protocol
    from chartline.protocol.own_checks import OwnCheck
    from chartline.sources.asked import Chosen
    from chartline.sources.base import SourceData
    from chartline.trace.patient_lines import PatientLines


GATHER_LESS = (
    "allow more --memory: these checks look at all patients together; or switch some of them off in the protocol, "
    "as `checks: {unit_of_patient: false}` (`scope: study` in docs/checks.md)"
)


@dataclass(frozen=True)
class Job:
    """What every process of a run must know.

    `memory` is what all processes may take (bytes; None: nobody said); `reads` how many times a database that selects
    persons is read, each time the rows of a part of them; `parts` into how many parts the subjects go, 0 until it is
    settled.
    """

    study: Path
    work: Path
    answers: Path | None = None
    use_answers: bool = True
    memory: int | None = None
    reads: int = 1
    parts: int = 0

    @property
    def declared(self) -> Declaration:
        """What the study declares, read once a process."""
        return _declared(self.study, self.answers, self.use_answers)

    def read_in_parts(self, centre: str) -> bool:
        """Whether a centre is a database of which persons are selected and none of whose rows was answered about: an
        answer must find its row, wherever it is."""
        from chartline.sources.spec import SourceKind

        said = self.declared
        (first, *more), answered = said.mappings[centre].sources, said.amendments_of(centre)
        selects = said.protocol.selection is not None or first.database is not None
        return not more and first.kind is SourceKind.OMOP and selects and not answered

    def units_of(self, centre: str) -> list[Path]:
        """Where the charts of a centre are kept: one folder each time it is read."""
        number = [c.id for c in self.declared.protocol.data.centres].index(centre)
        whole = self.work / "charts" / f"centre-{number:03}"
        if self.reads == 1 or not self.read_in_parts(centre):
            return [whole]
        return [whole.with_name(f"{whole.name}-{k:04}-of-{self.reads:04}") for k in range(self.reads)]

    def chosen_of(self, centre: str) -> Path:
        """Where is kept who is read of a centre's database, where it is read in parts."""
        return self.work / "chosen" / self.units_of(centre)[0].name[: len("centre-000")]

    @property
    def units(self) -> list[Path]:
        """The charts of all centres, in the order of the protocol."""
        return [unit for c in self.declared.protocol.data.centres for unit in self.units_of(c.id)]

    @property
    def gathered(self) -> Path:
        return self.work / "gathered"

    def part(self, number: int) -> Path:
        """Where what came of a part is kept."""
        return self.work / f"parts-{self.parts}" / f"part-{number:04}"


# What `read_centre_data` gives: the data, queries, the source as amended, what was applied, what was outdated.
ReadCentre = tuple["ClinicalData", "Sequence[Query]", "SourceData", "Sequence[Applied]", "Sequence[Outdated]"]


@cache
def _declared(study: Path, answers: Path | None, use_answers: bool) -> Declaration:
    return declare_study(study, answers=answers, use_answers=use_answers)


def run_parted(
    study: Path,
    out: Path,
    *,
    parts: int | None = None,
    memory: int | None = None,
    workers: int = 1,
    reads: int | None = None,
    answers: Path | None = None,
    use_answers: bool = True,
    strict: bool = False,
    tell: Tell = silent,
) -> Outcome:
    """Run the whole study in parts and put its outputs at `out`, all or none of them.

    `parts` is how many, and `reads` how many times a database is read, each time a part of its persons; without
    them as many as `memory` (bytes, of all processes together) asks for. Raises what `run_study` raises, `WorkerLost`
    and `MemoryShort`.
    """
    from chartline.engines.local import Crew
    from chartline.outputs import staged

    study, out = study.absolute(), out.absolute()
    with staged(out) as folder:
        tell("Reading the protocol")
        job = replace(job_of(study, out, answers, use_answers), memory=memory)
        with Crew(workers, memory) as crew:
            job = replace(job, reads=reads or _how_many_reads(job, crew, workers))
            _chart_all(job, crew, tell)
            job = replace(job, parts=parts or _how_many(job, workers))
            _derive_all(job, crew, tell)
        done = pool(job, [job.part(n) for n in parts_with_subjects(job)], out, folder, strict, tell)
    clear(job)
    tell("")
    return done


def job_of(study: Path, out: Path, answers: Path | None, use: bool, *how: str | int | None) -> Job:
    """Return the job of a run, with its work folder. `how`: what else decides which person is in which part."""
    from chartline.core.digest import digest_value
    from chartline.engines.work import own_stamp, stamp, work_folder

    answers = answers.absolute() if answers else None
    said = _declared(study, answers, use)
    charts = [said.home / path for c in said.protocol.data.centres for path in (c.folder, c.mapping)]
    key = [own_stamp(), dict(said.inputs), stamp(charts), said.standing.head, use, *how]
    work = work_folder(out, digest_value(key))
    (work / "charts").mkdir(exist_ok=True)
    return Job(study, work, answers, use)


def _chart_all(job: Job, crew: Crew, tell: Tell) -> None:
    """Read every centre that has not been read, then look at what needs all of them."""
    from chartline.engines.local import Task, watched

    if job.reads > 1:
        _choose_all(job, crew)
    todo = [
        Task(f"the charts of {c.label or c.id}", chart, (job, c.id, k))
        for c in job.declared.protocol.data.centres
        for k, unit in enumerate(job.units_of(c.id))
        if not unit.exists()
    ]
    crew.work(todo, watched("Reading and mapping", tell))
    if not job.gathered.exists():
        tell("Checking the study as a whole")
        crew.work([Task("the checks of the whole study", gather, (job,), GATHER_LESS)])


def _how_many_reads(job: Job, crew: Crew, workers: int) -> int:
    """Return how many times a database is read, so that the rows of one time fit into a worker's share."""
    from chartline.engines.memory import reads_for
    from chartline.engines.told import Chose, read_told

    centres = job.declared.protocol.data.centres
    if job.memory is None or not any(job.read_in_parts(c.id) for c in centres):
        return 1
    most = max(read_told(Chose, folder).rows for folder in _choose_all(job, crew))
    return reads_for(most, job.memory, workers, only=len(centres) == 1)


def _choose_all(job: Job, crew: Crew) -> list[Path]:
    """Let the databases that are read in parts say who is read; return where that is kept."""
    from chartline.engines.local import Task

    centres = [c.id for c in job.declared.protocol.data.centres if job.read_in_parts(c.id)]
    todo = [c for c in centres if not job.chosen_of(c).exists()]
    crew.work([Task(f"the patients of the database of {c}", choose_patients, (job, c)) for c in todo])
    return [job.chosen_of(c) for c in centres]


def choose_patients(job: Job, centre: str) -> None:
    """Leave in the work folder who is read of a centre's database, and how many rows they have there."""
    import polars as pl

    from chartline.engines.told import Chose, write_told
    from chartline.engines.work import finished_whole
    from chartline.sources.folder import CentreFolder
    from chartline.sources.omop import open_cdm
    from chartline.sources.selected import choose

    said = job.declared
    mapping, asked = said.mappings[centre], said.asked_of(centre)
    folder = CentreFolder(said.home / said.centre(centre).folder, mapping.ignore_files)
    with open_cdm(folder, mapping.sources[0]) as database:
        chosen = choose(database, asked)
        read = [t for n, t in database.tables.items() if n in mapping.tables and t.person_column is not None]
        whose = None if asked.selection is None else chosen.persons
        rows = sum(database.count(table, whose) for table in read)
    job.chosen_of(centre).parent.mkdir(exist_ok=True)
    with finished_whole(job.chosen_of(centre)) as new:
        pl.DataFrame({"person_id": chosen.persons}).write_parquet(new / "persons.parquet")
        write_told(Chose(rows, chosen.selected), new)


def _chosen(job: Job, centre: str) -> Chosen | None:
    """Return who is read of a centre, where that was found out before: always, where it is read in parts. Read at once
    and without a selection it is read whole, with rows of persons that its table of persons lacks."""
    import polars as pl

    from chartline.engines.told import Chose, read_told
    from chartline.sources.asked import Chosen

    folder = job.chosen_of(centre)
    everybody = job.declared.protocol.selection is None
    if len(job.units_of(centre)) == 1 and (everybody or not folder.exists()):
        return None
    persons = pl.read_parquet(folder / "persons.parquet", glob=False)["person_id"]
    return Chosen(persons, read_told(Chose, folder).selected)


def _how_many(job: Job, workers: int) -> int:
    """Return into how many parts the charts go: one a worker, or as many as the memory asks for."""
    from chartline.engines.memory import parts_for
    from chartline.engines.told import Read, read_told

    size = sum(read_told(Read, unit).size for unit in job.units)
    return max(workers, parts_for(size, job.memory, workers) if job.memory else 1)


def _derive_all(job: Job, crew: Crew, tell: Tell) -> None:
    from chartline.engines.local import Task, watched

    job.part(0).parent.mkdir(exist_ok=True)
    less = "use more --parts or allow more --memory"
    numbers = [n for n in parts_with_subjects(job) if not job.part(n).exists()]
    todo = [Task(f"part {n}", derive_part, (job, n), less) for n in numbers]
    crew.work(todo, watched("Deriving and counting, parts", tell))


def chart(job: Job, centre: str, number: int = 0) -> None:
    """Read, amend, map and check one centre, or a part of the persons of its database, and leave the charts in the
    work folder."""
    from chartline.engines.work import finished_whole

    said, units, chosen = job.declared, job.units_of(centre), _chosen(job, centre)
    read = read_centre_data(
        said.home / said.centre(centre).folder, said.mappings[centre], said.amendments_of(centre),
        said.asked_of(centre, chosen.part(number, len(units)) if chosen else None),
    )  # fmt: skip
    with finished_whole(units[number]) as folder:
        write_unit(said, centre, read, folder)


def write_unit(said: Declaration, centre: str, read: ReadCentre, folder: Path) -> None:
    """Check what is about single subjects, and write what was read and mapped of a centre."""
    import polars as pl

    from chartline.checks.engine import check_part
    from chartline.checks.outdated import outdated_queries
    from chartline.cohort.facts import subject_facts
    from chartline.engines.charts import write_charts
    from chartline.engines.gathered import write_gathered
    from chartline.engines.told import Read, write_told
    from chartline.mapping.signed import unsigned_queries

    protocol, mapping, of = said.protocol, said.mappings[centre], said.centre(centre)
    data, found, source, applied, outdated = read
    data = replace(data, study_days=_study_days(said))
    own = {centre: mapping.own_checks} if mapping.own_checks else {}
    asked, gathered = check_part(data, _asks(protocol, own))
    found = [*found, *outdated_queries(outdated, applied), *unsigned_queries(mapping, of.mapping)]
    inputs = {f"{of.folder}/{file}": digest for file, digest in source.files.items()}
    facts = subject_facts(data, protocol).frame
    names = dict.fromkeys(["CENTRE", "USUBJID", "CENTRE_ORDER", *protocol.duplicates.match, "TRTSDT", "TRTEDT"])
    size = write_charts(folder, data, source)
    write_gathered(folder, gathered)
    facts.select(pl.col(n) for n in names).write_parquet(folder / "facts.parquet")
    write_told(Read(tuple(found), tuple(asked), tuple(applied), tuple(outdated), inputs, size, source.selected), folder)


def _study_days(said: Declaration) -> StudyDays:
    """The centres that count days, and the phrases of overrides, whose dates are real."""
    from chartline.core.study_days import StudyDays

    events: dict[str, Mapping[str, Any]] = {
        centre: {event.label: event.day for event in mapping.days_from.values()}
        for centre, mapping in said.mappings.items()
        if mapping.days_from
    }
    return StudyDays(events, tuple(f"by {o.by} on {o.on}: {o.reason}" for o in said.overrides))


def gather(job: Job) -> None:
    """Find what needs all subjects: twins, the queries of the whole study; and refuse ids of two centres."""
    import polars as pl

    from chartline.checks.confirmed import close_confirmed
    from chartline.cohort.duplicates import find_twins, judge_twins
    from chartline.derive.override_file import check_overrides, dated_overrides
    from chartline.engines.charts import read_charts, read_subjects
    from chartline.engines.told import Gathered, Read, read_told, write_told
    from chartline.engines.work import finished_whole

    said = job.declared
    subjects_are_unique(read_subjects(job.units))
    facts = pl.concat(pl.read_parquet(unit / "facts.parquet", glob=False) for unit in job.units)
    twins = find_twins(facts.sort("CENTRE_ORDER", "CENTRE", "USUBJID"), said.protocol.duplicates)
    theirs = read_charts(job.units, subjects=twins["USUBJID"].to_list(), cells=False)
    verdict = judge_twins(twins, theirs, said.protocol.duplicates)
    if said.overrides:
        data = read_charts(job.units, subjects=[o.subject for o in said.overrides], cells=False)
        data = replace(data, study_days=_study_days(said))
        check_overrides(dated_overrides(said.overrides, data), data)
    units = [read_told(Read, unit) for unit in job.units]
    found = [q for u in units for q in u.found] + answers_left_over(said.amendments, said.protocol)
    asked = [*(q for u in units for q in u.asked), *_study_queries(job)]
    asked.sort(key=lambda q: (q.centre, q.subject, q.rule, q.addresses))
    applied = tuple(a for u in units for a in u.applied)
    queries = in_order(close_confirmed([*found, *asked], applied))
    with finished_whole(job.gathered) as folder:
        verdict.write_parquet(folder / "twins.parquet")
        write_told(Gathered(tuple(queries), tuple(found)), folder)


def _study_queries(job: Job) -> list[Query]:
    """The queries of every check of scope `study`, which looks at what was gathered of all charts."""
    from chartline.checks.engine import check_whole
    from chartline.engines.charts import read_charts
    from chartline.engines.gathered import gathered_of

    said = job.declared
    days = _study_days(said)

    def records(subjects: Collection[str]) -> ClinicalData:
        return replace(read_charts(job.units, subjects=list(subjects), cells=False), study_days=days)

    return check_whole(gathered_of(job.units), records(()), _asks(said.protocol, said.centre_checks), records)


def _asks(protocol: Protocol, centre_checks: Mapping[str, Sequence[OwnCheck]]) -> Asks:
    from chartline.checks.engine import Asks
    from chartline.derive.graded_values import grade_by
    from chartline.derive.reads import reads_of
    from chartline.derive.response_rules import counts_window_of

    window = counts_window_of(protocol.response)
    return Asks(protocol, window, grade_by(protocol), centre_checks, reads_of(protocol))


def parts_with_subjects(job: Job) -> list[int]:
    """Return the parts in which there is anybody; the first where there is nobody at all: nobody is counted too."""
    from chartline.engines.charts import read_subjects
    from chartline.engines.parts import parts_with

    return parts_with(read_subjects(job.units)["HASH"], job.parts) or [0]


def derive_part(job: Job, number: int) -> None:
    """Run the patient side on one part of the subjects, and leave counts, listings and what it found."""
    from chartline.engines.work import finished_whole

    with finished_whole(job.part(number)) as folder:
        write_part(job.declared, job.units, job.gathered, (number, job.parts), folder)


def write_part(
    said: Declaration, units: Sequence[Path], gathered: Path, part: tuple[int, int] | None, folder: Path
) -> None:
    """Derive, count, assert and list the subjects of a part of these units (None: all of them)."""
    import polars as pl

    from chartline.assertions.engine import assert_study
    from chartline.cohort.select import select_cohort
    from chartline.counts.count import count_analyses
    from chartline.counts.serialise import counts_to_json
    from chartline.derive.derive import derive_all
    from chartline.derive.override_file import dated_overrides
    from chartline.derive.reviewed import DOMAIN, override_queries
    from chartline.engines.charts import read_charts, read_subjects
    from chartline.engines.parts import part_of
    from chartline.engines.told import Derived, Gathered, Read, read_told, write_told
    from chartline.publish import write_charted, write_listings
    from chartline.trace.patient_lines import patient_lines
    from chartline.trace.told_days import told_adam, told_cohort, told_verdicts

    days, protocol, digest = _study_days(said), said.protocol, protocol_digest(said.protocol)
    data = replace(read_charts(units, part=part), study_days=days)
    own = {s for s in read_subjects(units)["USUBJID"] if part is None or part_of(s, part[1]) == part[0]}
    overrides = dated_overrides(tuple(o for o in said.overrides if o.subject in own), data)
    data = replace(data, overrides=overrides)
    queries = [q for q in read_told(Gathered, gathered).queries if q.subject in own]
    twins = pl.read_parquet(gathered / "twins.parquet", glob=False)
    cohort = select_cohort(data, protocol, queries, digest, twins)
    adam = derive_all(data, cohort, protocol, queries)
    counts = count_analyses(adam, cohort.attrition, protocol, digest)
    asserted = told_verdicts(assert_study(adam, counts, protocol, "subject"), adam, days)
    cohort, adam = told_cohort(cohort, days), told_adam(adam, days)
    reviewed = tuple(override_queries(adam[DOMAIN])) if DOMAIN in adam.tables else ()
    applied = tuple(a for unit in units for a in read_told(Read, unit).applied)
    (folder / "counts.json").write_text(counts_to_json(counts), encoding="utf-8")
    write_told(Derived(asserted, patient_lines(adam, counts, protocol, days), reviewed), folder)
    write_charted(data, folder)
    write_listings(data, cohort, adam, protocol, applied, folder)


def pool(job: Job, parts: Sequence[Path], out: Path, folder: Path, strict: bool, tell: Tell) -> Outcome:
    """Add the counts of all parts, estimate, and write the out folder."""
    from chartline.core.clinical import clinical_data
    from chartline.core.digest import digest_file
    from chartline.counts.model import add_counts
    from chartline.counts.serialise import counts_from_json
    from chartline.engines.charts import read_source
    from chartline.engines.told import Derived, Gathered, Read, pool_read, read_told
    from chartline.publish import write_cut, write_lock, write_numbers
    from chartline.report.worker import ReportWorker
    from chartline.results.headline import build_headline
    from chartline.state.lock import check_inputs
    from chartline.stats.estimate import estimate_curves

    tell("Adding the counts and estimating")
    said = job.declared
    centres, all_said = said.protocol.data.centres, read_told(Gathered, job.gathered)
    read = {c.id: pool_read([read_told(Read, unit) for unit in job.units_of(c.id)]) for c in centres}
    derived = [read_told(Derived, part) for part in parts]
    inputs = dict(said.inputs) | {c.mapping: digest_file(said.home / c.mapping) for c in centres}
    inputs |= {name: sha for r in read.values() for name, sha in r.inputs.items()}
    check_inputs(said.standing.lock, inputs, said.home)
    sources = {c: replace(read_source(job.units_of(c)), selected=r.selected) for c, r in read.items()}
    data = StudyData(
        said.protocol, protocol_digest(said.protocol), replace(clinical_data({}), study_days=_study_days(said)),
        all_said.queries, tuple(a for r in read.values() for a in r.applied), inputs,
        {c.mapping: said.mappings[c.id].signature for c in centres}, all_said.found, said.centre_checks,
        sources, tuple(o for r in read.values() for o in r.outdated),
        said.standing, own_answers=said.own_answers,
    )  # fmt: skip
    data = entered(data, job.study)
    stop_if_blocked(data.queries, strict)
    if reviewed := [q for d in derived for q in d.reviewed]:
        data = replace(data, queries=tuple(in_order([*data.queries, *reviewed])))
    counts = add_counts(counts_from_json((p / "counts.json").read_text("utf-8"), str(p)) for p in parts)
    counts |= data.selected_counts
    results = estimate_study(counts, said.protocol, data.data_digest)
    done = Outcome(
        study=data, counts=counts, results=results, curves=estimate_curves(counts, said.protocol),
        headline=build_headline(results, said.protocol), out=out, assertions=_verdicts(job, counts, parts, derived),
    )  # fmt: skip
    tell("Writing the report")
    with ReportWorker() as reporter:
        reporter.write(_report_source(done, [d.lines for d in derived]), folder)
        write_numbers(done, folder)
        _put_listings(parts, folder)
        write_cut(said.protocol, folder)
        write_lock(data, folder)
        reporter.wait()
    return done


def _verdicts(job: Job, counts: Counts, parts: Sequence[Path], derived: Sequence[Any]) -> tuple[Verdict, ...]:
    """What was asserted of each subject, and of the counts of the whole study."""
    from chartline.assertions.engine import assert_study, pool_verdicts

    whole = assert_study(_imputed(parts), counts, job.declared.protocol, "study")
    return pool_verdicts([*(d.asserted for d in derived), whole])


def _imputed(parts: Sequence[Path]) -> Adam:
    """The rows of ADTTE whose end is an imputed day: what assertions about counts read of the tables."""
    import polars as pl

    from chartline.derive.model import Adam

    times = pl.scan_parquet([part / "adam" / "adtte.parquet" for part in parts], glob=False)
    return Adam({"ADTTE": times.filter(pl.col("ADTF").is_not_null()).collect()}, pl.DataFrame(), pl.DataFrame(), {})


def _report_source(done: Outcome, lines: Sequence[PatientLines]) -> Any:
    from chartline.queries.board import board
    from chartline.trace.listings import report_source
    from chartline.trace.patient_lines import pool_lines

    protocol = done.study.protocol
    source = report_source(done, pool_lines(lines, protocol))
    return replace(source, board=board(done.study.standing, [c.id for c in protocol.data.centres]))


def _put_listings(parts: Sequence[Path], folder: Path) -> None:
    """Put the listings of the parts into the out folder: one part as a file, several as a folder of that name."""
    import polars as pl

    from chartline.publish import write_overrides

    names = sorted({p.relative_to(part) for part in parts for p in part.rglob("*.parquet")})
    for name in names:
        own = [part / name for part in parts if (part / name).exists()]
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        if len(parts) == 1:
            _put(own[0], target)
            continue
        target.mkdir()
        for file in own:
            _put(file, target / f"{_part_name(file, name)}.parquet")
    _put(parts[0] / "definitions.json", folder / "definitions.json")
    overrides = folder / "adam" / "overrides.parquet"
    if overrides.exists():
        write_overrides(pl.read_parquet(overrides, glob=False).sort("LINE", maintain_order=True), folder)


def _part_name(file: Path, name: Path) -> str:
    return file.parents[len(name.parts) - 1].name


def _put(file: Path, target: Path) -> None:
    """A second name for the same bytes, where the disk can do that: no time, no room, and the part stays."""
    import shutil

    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def clear(job: Job) -> None:
    """Remove the work folder of a run that has ended."""
    import shutil

    shutil.rmtree(job.work, ignore_errors=True)
