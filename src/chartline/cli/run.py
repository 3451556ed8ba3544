"""run, multiverse, check: from charts and a protocol to outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import AnswersOption, NoAnswersOption, OutOption, StrictOption, StudyArgument, app, progress


@app.command()
def run(
    study: StudyArgument,
    out: OutOption = Path("out"),
    answers: AnswersOption = None,
    no_answers: NoAnswersOption = False,
    strict: StrictOption = False,
    multiverse: Annotated[
        bool, typer.Option("--multiverse", help="Run every specification of the protocol's open choices as well.")
    ] = False,
) -> None:
    """Run the whole study: charts and protocol in; report, results, queries and trace out.

    Example: chartline run examples/inotuzumab-india --out out
    """
    from chartline.pipeline import run_study

    done = run_study(
        study, out, answers=answers, use_answers=not no_answers, strict=strict, multiverse=multiverse, tell=progress()
    )
    for line in done.summary():
        typer.echo(line)


@app.command()
def multiverse(
    study: StudyArgument,
    out: OutOption = Path("multiverse"),
    answers: AnswersOption = None,
    no_answers: NoAnswersOption = False,
    strict: StrictOption = False,
) -> None:
    """Run every combination of the choices that the protocol leaves open, and show which of them moves each number.

    Example: chartline multiverse examples/inotuzumab-india --out multiverse
    """
    from chartline.pipeline import multiverse_study
    from chartline.report.format import multiverse_lines

    done = multiverse_study(study, out, answers=answers, use_answers=not no_answers, strict=strict, tell=progress())
    for line in multiverse_lines(done):
        typer.echo(line)
    typer.echo(f"Report: {out / 'multiverse.html'}")


@app.command()
def check(
    study: StudyArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write queries.csv and one workbook a centre here."),
    ] = None,
    answers: AnswersOption = None,
    no_answers: NoAnswersOption = False,
    strict: StrictOption = False,
) -> None:
    """Read and map the charts and list the queries; nothing is derived.

    Example: chartline check examples/inotuzumab-india --out queries
    """
    from chartline.pipeline import check_study

    done = check_study(study, out, answers=answers, use_answers=not no_answers, strict=strict, tell=progress())
    for line in done.summary():
        typer.echo(line)
    if out is None:
        for line in done.listing():
            typer.echo(line)
