"""draft: from a centre's files to a proposed mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import app, progress


@app.command()
def draft(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="CENTRE_FILES", help="The centre's folder, or some of the files in one folder."),
    ],
    protocol: Annotated[
        Path, typer.Option("--protocol", metavar="P", help="The study: its folder, or the protocol file itself.")
    ],
    centre: Annotated[
        str | None,
        typer.Option(
            "--centre", metavar="ID", help="The centre's id; found by its folder where the protocol names it."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the draft goes; the workbook to review it stands beside it."),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Draft all of it again, though the centre has a mapping already.")
    ] = False,
) -> None:
    """Propose a mapping for files never seen before; for a centre with a mapping, say what differs from it.

    Nothing of a draft is used until a person has read it, decided its open questions and signed it.

    Example: chartline draft centres/north --protocol my-study --out mappings/north.yaml
    """
    from chartline.pipeline import draft_mapping

    for line in draft_mapping(files, protocol, centre=centre, out=out, anew=anew, tell=progress()):
        typer.echo(line)
