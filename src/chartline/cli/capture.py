"""template, redcap-dictionary: what a centre that has not begun is asked to write down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import StudyArgument, app

CentreOption = Annotated[
    str | None,
    typer.Option("--centre", metavar="ID", help="Whose form this is; it need not be in the protocol yet."),
]


@app.command()
def template(
    study: StudyArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.xlsx", help="The workbook.")] = Path("template.xlsx"),
    centre: CentreOption = None,
) -> None:
    """Write a data-capture workbook for a centre that has not begun, and the signed mapping that reads it.

    Example: chartline template examples/inotuzumab-india --centre F --out centre_F.xlsx
    """
    from chartline.pipeline import template_study

    for line in template_study(study, out, centre):
        typer.echo(line)


@app.command("redcap-dictionary")
def redcap_dictionary(
    study: StudyArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.csv", help="The data dictionary.")] = Path(
        "dictionary.csv"
    ),
    centre: CentreOption = None,
) -> None:
    """Write a REDCap data dictionary of what the study asks, and the signed mapping that reads an export of it.

    Example: chartline redcap-dictionary examples/inotuzumab-india --centre F --out dictionary.csv
    """
    from chartline.pipeline import redcap_study

    for line in redcap_study(study, out, centre):
        typer.echo(line)
