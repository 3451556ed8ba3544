"""export: a finished run in the formats in which others read such results and tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import app, progress


class Format(StrEnum):
    """What can be written."""

    OMOP_RESULTS = "omop-results"
    OMOP_COHORT = "omop-cohort"
    DATASET_JSON = "dataset-json"
    MEASURE_REPORT = "measure-report"
    ALL = "all"


@app.command()
def export(
    finished: Annotated[Path, typer.Argument(metavar="OUT_FOLDER", help="The out folder of a finished run.")],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where to write (replaced as a whole).")],
    wanted: Annotated[
        list[Format] | None, typer.Option("--as", help="A format; may be given more than once. All, if none is given.")
    ] = None,
    smallest_cell: Annotated[
        int | None,
        typer.Option(
            "--smallest-cell",
            metavar="N",
            min=1,
            help="Hide numbers of 1 to N-1 patients, and what they follow from, in results; may only be stricter than "
            "the protocol.",
        ),
    ] = None,
) -> None:
    """Write a finished run as OMOP results and cohort, CDISC Dataset-JSON and FHIR MeasureReport.

    Example: chartline export out --to exchange --as omop-results --smallest-cell 5
    """
    from chartline.exchange.write import FORMATS, OF_PATIENTS, small_cells
    from chartline.pipeline import export_run

    asked = [f.value for f in wanted or [Format.ALL]]
    formats = tuple(FORMATS) if "all" in asked else tuple(name for name in FORMATS if name in asked)
    run, written = export_run(finished, to, formats, smallest_cell=smallest_cell, tell=progress())
    for name, said in written.items():
        note = " (patient-level)" if name in OF_PATIENTS else ""
        typer.echo(f"{to / name}{note}: {', '.join(said)}")
    typer.echo(small_cells(run))
