"""A run on Spark: the database of a centre is read and derived there, all else as in `parted.py`.

A part is the persons of one remainder of `person_id`: what Spark groups by is also what is derived together. Centres
that are not such a database are read and derived by worker processes of this machine, as one more part.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chartline.errors import StudyError
from chartline.pipeline.parted import Job, chart, clear, gather, job_of, pool, write_part, write_unit
from chartline.pipeline.read import Declaration, Tell, read_centre_data, silent
from chartline.study import Outcome

if TYPE_CHECKING:
    from chartline.engines.spark.database import SparkCdm
    from chartline.engines.spark.parts import Files
    from chartline.engines.spark.session import SparkSession
    from chartline.sources.base import Selected
    from chartline.sources.cdm import CdmTable, Rows


def run_on_spark(
    study: Path,
    out: Path,
    master: str,
    *,
    parts: int = 64,
    catalog: str | None = None,
    answers: Path | None = None,
    use_answers: bool = True,
    strict: bool = False,
    tell: Tell = silent,
) -> Outcome:
    """Run the whole study on Spark at `master` (`local[2]` or the address of a cluster), in `parts` of the persons.

    The tables are the Parquet folders that the mapping names, or those of a `catalog`'s schema. The numbers are those
    of `run_study`. A run that was killed goes on from the step on Spark that was finished. Raises `StudyError` where
    no centre is a database that the protocol selects from, and where Spark cannot be had.
    """
    from chartline.engines.local import Crew, Task
    from chartline.engines.spark.session import check_executors, spark_session
    from chartline.outputs import staged

    study, out = study.absolute(), out.absolute()
    with staged(out) as folder:
        tell("Reading the protocol")
        parts = max(2, parts)
        job = replace(job_of(study, out, answers, use_answers, "spark", catalog, parts), reads=parts, parts=parts)
        there = _centre_on_spark(job)
        here = [c.id for c in job.declared.protocol.data.centres if c.id != there]
        with Crew(1) as crew:
            crew.work([Task(f"the charts of {c}", chart, (job, c)) for c in here if not job.units_of(c)[0].exists()])
            tell("Starting Spark")
            with spark_session(master, job.work) as session:
                check_executors(session, job.work, tell)
                _chart(job, session, there, catalog, tell)
                if not job.gathered.exists():
                    tell("Checking the study as a whole")
                    crew.work([Task("the checks of the whole study", gather, (job,))])
                numbers = _derive(job, session, there, tell)
            if here:
                crew.work([Task("the other centres", derive_others, (job, here, job.part(job.parts)))])
                numbers.append(job.parts)
            if not numbers:  # nobody is selected: nobody is counted too
                crew.work([Task("an empty part", derive_others, (job, [there], job.part(0)))])
                numbers.append(0)
        done = pool(job, [job.part(n) for n in numbers], out, folder, strict, tell)
    clear(job)
    tell("")
    return done


def _centre_on_spark(job: Job) -> str:
    """Return the centre whose database Spark reads. Raises `StudyError` where it is not one, saying why."""
    from chartline.sources.spec import SourceKind

    said = job.declared
    centres = [c.id for c in said.protocol.data.centres]
    omop = [c for c in centres if said.mappings[c].sources[0].kind is SourceKind.OMOP]
    there = [c for c in omop if job.read_in_parts(c) and said.protocol.selection is not None]
    if len(there) == 1:
        return there[0]
    if len(there) > 1:
        why = f"{len(there)} centres of this study are such a database: {', '.join(there)}"
    elif not omop:
        why = "no centre of this study is an OMOP database"
    elif said.protocol.selection is None:
        why = "the protocol has no `selection`"
    elif any(said.amendments_of(c) for c in omop):
        why = f"there are answers about rows of {', '.join(omop)}, and an answer must find its row"
    else:
        why = f"the mapping of {', '.join(omop)} has more than one source"
    raise StudyError(
        "Spark reads one OMOP database, from which the protocol selects persons.",
        where=why,
        do="run on one machine, with --parts or --memory",
    )


def derive_others(job: Job, centres: Sequence[str], folder: Path) -> None:
    """Derive all subjects of some centres here, as one part."""
    from chartline.engines.work import finished_whole

    with finished_whole(folder) as new:
        write_part(job.declared, [unit for c in centres for unit in job.units_of(c)], job.gathered, None, new)


def _charts(job: Job) -> Path:
    """Where the charts are kept as they came from Spark: whole, or not there."""
    return job.work / "spark-charts"


def _chart(job: Job, session: SparkSession, centre: str, catalog: str | None, tell: Tell) -> None:
    """Leave the charts of the selected persons, a unit a part; an empty one where nobody is in a part."""
    from chartline.engines.spark.parts import chart_parts, put_folders
    from chartline.engines.spark.session import attended
    from chartline.sources.omop_persons import columns_of
    from chartline.sources.selected import choose

    units, said = job.units_of(centre), job.declared
    if not _charts(job).exists():
        for left in (*units, job.gathered):  # of another state of the database
            shutil.rmtree(left, ignore_errors=True)
        database = _database(said, centre, session, catalog)
        asked = said.asked_of(centre)
        chosen = attended(session, lambda of: tell(f"Selecting on Spark{of}"), partial(choose, database, asked))
        assert chosen.selected is not None  # `_centre_on_spark`: the protocol has a selection
        wanted = asked.tables or {}
        read = {n: columns_of(table, wanted[n]) for n, table in database.tables.items() if n in wanted}
        make = partial(chart_files, said, centre, database.name, dict(database.tables), chosen.selected)
        chart_parts(database, chosen.persons, read, len(units), make, _charts(job), tell)
    put_folders(_charts(job), lambda part: units[part])


def _database(said: Declaration, centre: str, session: SparkSession, catalog: str | None) -> SparkCdm:
    """The centre's tables on Spark, called as on one machine, so that addresses and digests are the same."""
    from chartline.engines.spark.database import SparkCdm
    from chartline.sources.cdm_duckdb import CdmFolder, is_parquet
    from chartline.sources.folder import CentreFolder
    from chartline.sources.omop import open_cdm

    mapping = said.mappings[centre]
    if catalog is not None:
        return SparkCdm.of_catalog(session, catalog, mapping.sources[0].tables)
    folder = CentreFolder(said.home / said.centre(centre).folder, mapping.ignore_files)
    with open_cdm(folder, mapping.sources[0]) as database:
        files = database.files if isinstance(database, CdmFolder) else {}
        if not files or not all(is_parquet(file) for copies in files.values() for file in copies):
            raise StudyError(
                "Spark reads Parquet files or a catalog.",
                where=f"{database.name} of centre {centre}",
                do="export the database as Parquet, or name a schema of Spark's catalog in --catalog",
            )
        places = {table: [file.path for file in copies] for table, copies in files.items()}
        return SparkCdm.of_parquet(session, database.name, places, database.tables)


def chart_files(
    said: Declaration,
    centre: str,
    database: str,
    described: Mapping[str, CdmTable],
    selected: Selected,
    number: int,
    rows: Mapping[str, Rows],
) -> Files:
    """Map and check the rows of one part, on an executor; return the files of its unit."""
    from chartline.engines.spark.parts import files_of
    from chartline.sources.omop_persons import source_data

    # How the persons were selected is told once, with the first part.
    told = selected if number == 0 else selected.of_nobody()
    source = replace(source_data(database, described, rows), selected=told)
    asked = said.asked_of(centre)
    read = read_centre_data(said.home, said.mappings[centre], (), asked, source)
    with tempfile.TemporaryDirectory() as folder:
        write_unit(said, centre, read, Path(folder))
        return files_of(Path(folder))


def _derive(job: Job, session: SparkSession, centre: str, tell: Tell) -> list[int]:
    """Derive on Spark every part in which there is anybody; return these parts."""
    from chartline.engines.charts import read_subjects
    from chartline.engines.spark.parts import derive_parts, files_of, put_folders

    numbers = [n for n, unit in enumerate(job.units_of(centre)) if read_subjects([unit]).height]
    kept = job.work / "spark-parts"
    if numbers and not kept.exists():
        make = partial(derive_files, job.declared, files_of(job.gathered))
        derive_parts(session, _charts(job), numbers, make, kept, tell)
    job.part(0).parent.mkdir(exist_ok=True)
    put_folders(kept, job.part)
    return numbers


def derive_files(said: Declaration, gathered: Files, number: int, unit: Files) -> Files:
    """Derive the subjects of one part, on an executor; return the files of the part."""
    from chartline.engines.spark.parts import files_of, write_files

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        write_files(unit, home / "charts" / "unit")
        write_files(gathered, home / "gathered")
        (home / "part").mkdir()
        write_part(said, [home / "charts" / "unit"], home / "gathered", None, home / "part")
        return files_of(home / "part")
