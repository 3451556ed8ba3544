"""concepts: what a study's concepts come to in its databases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import StudyArgument, app, progress

_OutOption = Annotated[Path, typer.Option("--out", metavar="FILE", help="The same as a CSV file.")]

_DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="PLACE",
        help="Ask this one: a folder, a DuckDB file, or postgresql://user@host/name. Not the centres' own.",
    ),
]
_SchemaOption = Annotated[
    list[str], typer.Option("--schema", metavar="NAME", help="A schema of that server's tables; may be repeated.")
]


@app.command()
def concepts(
    study: StudyArgument,
    out: _OutOption = Path("concepts.csv"),
    database: _DatabaseOption = None,
    schema: _SchemaOption = [],  # noqa: B006 - typer makes a new one
) -> None:
    """Look up the concept sets of a study in its OMOP databases: what each is there, and in how many records.

    A mapping is not needed: without one, the database in the centre's folder is asked.

    Example: chartline concepts my-study --out concepts.csv
    """
    from chartline.pipeline import look_up_study
    from chartline.sources.omop_concepts import told_lines

    for centre, lines in look_up_study(study, out, database=database, schemas=schema, tell=progress()).items():
        typer.echo(f"{'Centre' if database is None else 'Database'} {centre}")
        for line in told_lines(lines):
            typer.echo(f"  {line}")
    typer.echo(f"Written: {out}")
