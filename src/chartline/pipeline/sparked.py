"""A run on Spark: the database of a centre is read and derived there, all else as in `parted.py`.

A part is the persons of one remainder of `person_id`: what Spark groups by is also what is derived together. Centres
that are not such a database are read and derived by worker processes of this machine, as one more part.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from chartline.errors import StudyError
from chartline.pipeline.parted import Job, chart, clear, gather, job_of, pool, write_part, write_unit
from chartline.pipeline.read import Declaration, Tell, asked_of, read_centre_data, silent
from chartline.study import Outcome

if TYPE_CHECKING:
    from chartline.engines.spark import Files, SparkCdm, SparkSession
    from chartline.sources.base import Selected
    from chartline.sources.cdm import CdmTable


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
    of `run_study`. Raises `StudyError` where no centre is a database that the protocol selects from.
    """
    from chartline.engines.local import Crew, Task
    from chartline.engines.spark import spark_session
    from chartline.outputs import staged

    study, out = study.absolute(), out.absolute()
    with staged(out) as folder:
        tell("Reading the protocol")
        job = replace(job_of(study, out, answers, use_answers), reads=max(2, parts), parts=max(2, parts))
        centres = [c.id for c in job.declared.protocol.data.centres]
        there = [c for c in centres if job.read_in_parts(c) and job.declared.protocol.selection is not None]
        if len(there) != 1:
            raise StudyError(
                "Spark reads one OMOP database, from which the protocol selects persons.",
                where=f"{len(there)} centres of this study are such a database",
                do="run on one machine, with --parts or --memory",
            )
        here = [c for c in centres if c not in there]
        with Crew(1) as crew:
            crew.work([Task(f"the charts of {c}", chart, (job, c)) for c in here if not job.units_of(c)[0].exists()])
            with spark_session(master) as session:
                tell("Starting Spark; reading and mapping")
                _chart(job, session, there[0], catalog)
                if not job.gathered.exists():
                    tell("Checking the study as a whole")
                    crew.work([Task("the checks of the whole study", gather, (job,))])
                tell("Deriving and counting")
                numbers = _derive(job, session, there[0])
            if here:
                crew.work([Task("the other centres", derive_others, (job, here, job.part(job.parts)))])
                numbers.add(job.parts)
            if not numbers:  # nobody is selected: nobody is counted too
                crew.work([Task("an empty part", derive_others, (job, there, job.part(0)))])
                numbers.add(0)
        done = pool(job, [job.part(n) for n in sorted(numbers)], out, folder, strict, tell)
    clear(job)
    tell("")
    return done


def derive_others(job: Job, centres: Sequence[str], folder: Path) -> None:
    """Derive all subjects of some centres here, as one part."""
    from chartline.engines.work import finished_whole

    with finished_whole(folder) as new:
        write_part(job.declared, [unit for c in centres for unit in job.units_of(c)], job.gathered, None, new)


def _chart(job: Job, session: SparkSession, centre: str, catalog: str | None) -> None:
    """Leave the charts of the selected persons, a unit a part; an empty one where nobody is in a part."""
    from chartline.engines.spark import chart_parts, put_folders, write_files
    from chartline.engines.work import finished_whole
    from chartline.sources.base import Selected
    from chartline.sources.selected import choose_persons

    units, said = job.units_of(centre), job.declared
    if all(unit.exists() for unit in units):
        return
    database = _database(said, centre, session, catalog)
    asked = asked_of(said.protocol, said.mappings[centre])
    chosen, resolved = choose_persons(database, asked)
    unknown = tuple(f"{line.concept_set}: {line.declared} {line.note}" for line in resolved.nothing)
    selected = Selected(chosen.screened, chosen.steps, unknown)
    read = [n for n in database.tables if n in said.mappings[centre].tables]
    make = partial(chart_files, said, centre, database.name, dict(database.tables), selected)
    kept = job.work / "spark-charts"
    chart_parts(database, chosen.persons["person_id"], read, len(units), make, kept)
    there = put_folders(kept, lambda part: units[part])
    for part in sorted(set(range(len(units))) - there):
        with finished_whole(units[part]) as folder:
            write_files(make(part, {}), folder)


def _database(said: Declaration, centre: str, session: SparkSession, catalog: str | None) -> SparkCdm:
    """The centre's tables on Spark, called as on one machine, so that addresses and digests are the same."""
    from chartline.engines.spark import SparkCdm
    from chartline.sources.folder import CentreFolder
    from chartline.sources.omop import open_cdm

    mapping = said.mappings[centre]
    if catalog is not None:
        return SparkCdm(session, catalog, {}, catalog)
    folder = CentreFolder(said.home / said.centre(centre).folder, mapping.ignore_files)
    with open_cdm(folder, mapping.sources[0]) as database:
        files = getattr(database, "files", None)
        if files is None:
            raise StudyError(
                "Spark reads Parquet folders or a catalog.",
                where=database.name,
                do="export the database as Parquet, or name the schema of a catalog",
            )
        name, described = database.name, dict(database.tables)
        places = {
            table: str(copies[0].path if len(copies) == 1 else copies[0].path.parent) for table, copies in files.items()
        }
    spark = SparkCdm(session, name, places)
    spark.tables = {t: replace(c, file=described[t].file, inside=described[t].inside) for t, c in spark.tables.items()}
    return spark


def chart_files(
    said: Declaration,
    centre: str,
    database: str,
    described: Mapping[str, CdmTable],
    selected: Selected,
    number: int,
    tables: Mapping[str, pl.DataFrame],
) -> Files:
    """Map and check the rows of one part, on an executor; return the files of its unit."""
    from chartline.engines.spark import files_of
    from chartline.sources.cdm import Rows
    from chartline.sources.cdm_text import as_text
    from chartline.sources.omop_persons import source_data

    rows = {name: Rows(as_text(t), [f"row {i}" for i in range(1, t.height + 1)]) for name, t in tables.items()}
    # How the persons were selected is told once, with the first part.
    nobody = tuple(replace(s, n_in=0, n_no=0, n_unknown=0, n_out=0) for s in selected.steps)
    told = selected if number == 0 else replace(selected, screened=0, steps=nobody)
    source = replace(source_data(database, described, rows), selected=told)
    asked = asked_of(said.protocol, said.mappings[centre])
    read = read_centre_data(said.home, said.mappings[centre], (), asked, source)
    with tempfile.TemporaryDirectory() as folder:
        write_unit(said, centre, read, Path(folder))
        return files_of(Path(folder))


def _derive(job: Job, session: SparkSession, centre: str) -> set[int]:
    """Derive every part on Spark; return those in which there is anybody."""
    from chartline.engines.spark import derive_parts, files_of, put_folders

    job.part(0).parent.mkdir(exist_ok=True)
    kept = job.work / "spark-parts"
    make = partial(derive_files, job.declared, files_of(job.gathered))
    charts = job.work / "spark-charts"
    if not charts.exists():
        raise StudyError("The work folder of an earlier run is not whole.", where=str(job.work), do="remove it")
    derive_parts(session, charts, job.parts, make, kept)
    return put_folders(kept, job.part)


def derive_files(said: Declaration, gathered: Files, number: int, unit: Files) -> Files:
    """Derive the subjects of one part, on an executor; return the files of the part."""
    from chartline.engines.spark import files_of, write_files

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        write_files(unit, home / "charts" / "unit")
        write_files(gathered, home / "gathered")
        (home / "part").mkdir()
        write_part(said, [home / "charts" / "unit"], home / "gathered", None, home / "part")
        return files_of(home / "part")
