"""verify: the statistics, computed again on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import OutOption, app, progress


@app.command()
def verify(
    out: OutOption = Path("validation"),
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the result for machines to this file.")
    ] = None,
) -> None:
    """Compute every statistic again on this machine, compare it with what R or a textbook gave, and certify it.

    Example: chartline verify --out validation
    """
    from shutil import get_terminal_size

    from chartline.verify.write import certify_to, stop_if_it_differs

    done = certify_to(out, json, tell=progress())
    for line in done.lines(get_terminal_size().columns if sys.stdout.isatty() else 0):
        typer.echo(line)
    typer.echo(done.summary())
    typer.echo(f"Certificate: {out / 'validation.html'}, {out / 'validation.pdf'}")
    stop_if_it_differs(done, out)
