"""run, multiverse, check: from charts and a protocol to outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import AnswersOption, NoAnswersOption, OutOption, StrictOption, StudyArgument, app, progress
from chartline.errors import StudyError


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
    parts: Annotated[
        int | None,
        typer.Option("--parts", metavar="N", min=1, help="Run the patients in N parts; the numbers are the same."),
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", metavar="SIZE", help="Memory of all processes together, as 2GB.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="K", min=1, help="How many parts are worked on side by side.")
    ] = None,
    spark: Annotated[
        str | None,
        typer.Option("--spark", metavar="URL", help="Run an OMOP database on Spark: local[2], or a cluster's address."),
    ] = None,
    catalog: Annotated[
        str | None,
        typer.Option("--catalog", metavar="SCHEMA", help="With --spark: the schema that holds the tables."),
    ] = None,
) -> None:
    """Run the whole study: charts and protocol in; report, results, queries and trace out.

    With --parts, --memory or --workers the patients are worked on in parts by several processes, and a run that was
    killed goes on from the parts that it had finished. With --spark they are worked on by Spark.

    Example: chartline run examples/inotuzumab-india --out out
    """
    from chartline.pipeline import run_on_spark, run_parted, run_study
    from chartline.study import Outcome

    done: Outcome
    _not_together(spark, catalog, memory, workers)
    if spark is not None:
        _not_in_parts(multiverse)
        done = run_on_spark(
            study, out, spark, parts=parts or 64, catalog=catalog, answers=answers, use_answers=not no_answers,
            strict=strict, tell=progress(),
        )  # fmt: skip
    elif parts is None and memory is None and workers is None:
        done = run_study(
            study, out, answers=answers, use_answers=not no_answers, strict=strict, multiverse=multiverse,
            tell=progress(),
        )  # fmt: skip
    else:
        from chartline.engines.memory import parse_size

        _not_in_parts(multiverse)
        done = run_parted(
            study, out, parts=parts, memory=parse_size(memory) if memory else None, workers=workers or 1,
            answers=answers, use_answers=not no_answers, strict=strict, tell=progress(),
        )  # fmt: skip
    for line in done.summary():
        typer.echo(line)


def _not_together(spark: str | None, catalog: str | None, memory: str | None, workers: int | None) -> None:
    if spark is not None and (memory is not None or workers is not None):
        raise StudyError(
            "With --spark it is Spark that says how much memory and how many workers there are.",
            do="leave out --memory and --workers; local[4] and the settings of the cluster say the same",
        )
    if catalog is not None and spark is None:
        raise StudyError("A catalog is one of Spark.", do="add --spark URL, or leave out --catalog")


def _not_in_parts(multiverse: bool) -> None:
    if multiverse:
        raise StudyError(
            "A multiverse is not run in parts.",
            do="run the study in parts, and `chartline multiverse` of it on a sample or a machine that holds it",
        )


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
