"""concepts: what a study's concepts come to in its databases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import StudyArgument, app, progress

_OutOption = Annotated[Path, typer.Option("--out", metavar="FILE", help="The same as a CSV file.")]


@app.command()
def concepts(study: StudyArgument, out: _OutOption = Path("concepts.csv")) -> None:
    """Look up the concepts of a study's selection in its OMOP databases: what each is there, and in how many records.

    Example: chartline concepts my-study --out concepts.csv
    """
    from chartline.pipeline import look_up_study
    from chartline.sources.omop_concepts import told_lines

    for centre, lines in look_up_study(study, out, tell=progress()).items():
        typer.echo(f"Centre {centre}")
        for line in told_lines(lines):
            typer.echo(f"  {line}")
    typer.echo(f"Written: {out}")
