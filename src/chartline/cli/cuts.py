"""diff: what changed between two data cuts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import app, progress


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD_CUT", help="The out folder of the earlier run.")],
    new: Annotated[Path, typer.Argument(metavar="NEW_CUT", help="The out folder of the later run.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write diff.html, diff.csv and diff.json here.")
    ] = None,
) -> None:
    """Say what changed between two data cuts: patients, values and their cells, and who moved which headline number.

    Example: chartline diff out-june out-december --out diff
    """
    from chartline.cuts.lines import terminal_lines
    from chartline.pipeline import diff_cuts

    done = diff_cuts(old, new, out, tell=progress())
    for line in terminal_lines(done):
        typer.echo(line)
    if out is not None:
        typer.echo(f"Page: {out / 'diff.html'}")
