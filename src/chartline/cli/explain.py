"""explain, timeline: from a number or a patient back to the cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import app


@app.command()
def explain(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="WHAT",
            help="A headline key, analysis or result id; with --subject also an endpoint or variable.",
        ),
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="ID", help="One subject.")] = None,
    members: Annotated[bool, typer.Option("--members", help="Every member with the cells that made it count.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The out folder of a finished run.")] = Path("out"),
) -> None:
    """Walk from a number to its members and to the cells they came from.

    Examples: chartline explain os_12m | chartline explain cr_cri_rate --members |
    chartline explain --subject A-03 RFS
    """
    from chartline.trace.explain import explain_result, explain_subject

    lines = explain_subject(out, subject, what) if subject else explain_result(out, what, members=members)
    for line in lines:
        typer.echo(line)


@app.command()
def timeline(
    subject: Annotated[str | None, typer.Argument(metavar="SUBJECT", help="Whose timeline, e.g. A-03.")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The out folder of a finished run.")] = Path("out"),
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="A page (.html) or a picture (.svg); with --all a folder."),
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="A page for every patient, with an index.")] = False,
) -> None:
    """Draw one patient's course on one page, with every derived value, its reason and its cells.

    Examples: chartline timeline A-03 --out out | chartline timeline A-03 --to A-03.svg |
    chartline timeline --all --to patients
    """
    from chartline.errors import StudyError
    from chartline.timelines import write_all_timelines, write_timeline

    if (subject is None) != everyone:
        raise StudyError("Say whose timeline: one subject, or --all", do="chartline timeline A-03, or --all")
    if subject is not None:
        typer.echo(f"Timeline: {write_timeline(out, subject, to)}")
        return
    folder = to or Path("timelines")
    n = write_all_timelines(out, folder)
    typer.echo(f"Timelines of {n} patients: {folder / 'index.html'}")
