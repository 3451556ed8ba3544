"""The command line: verbs over `pipeline` and `trace`, with no rule of its own. Heavy imports stay inside commands."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chartline.errors import StudyError

app = typer.Typer(
    name="chartline",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Retrospective real-world studies in blood cancer: from hospital charts to a traceable report.",
    epilog="Examples: chartline run examples/inotuzumab-india --out out | chartline check my-study | "
    "chartline explain os_12m --members | chartline explain --subject A-03 RFS | chartline schema protocol",
)

StudyArgument = Annotated[
    Path, typer.Argument(metavar="STUDY", help="Folder with protocol.yaml, or the protocol file itself.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the outputs go (replaced as a whole).")]
AnswersOption = Annotated[
    Path | None,
    typer.Option("--answers", metavar="FILE", help="Answers of the centres; instead of the file the protocol names."),
]
NoAnswersOption = Annotated[bool, typer.Option("--no-answers", help="Leave the protocol's answers aside.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop with exit code 12 if blocking queries are open.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"chartline {version('chartline')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Retrospective real-world studies in blood cancer: from hospital charts to a traceable report."""


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
        study, out, answers=answers, use_answers=not no_answers, strict=strict, multiverse=multiverse, tell=_progress()
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

    done = multiverse_study(study, out, answers=answers, use_answers=not no_answers, strict=strict, tell=_progress())
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

    done = check_study(study, out, answers=answers, use_answers=not no_answers, strict=strict, tell=_progress())
    for line in done.summary():
        typer.echo(line)
    if out is None:
        for line in done.listing():
            typer.echo(line)


@app.command()
def explain(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[WHAT]",
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
    subject: Annotated[str | None, typer.Argument(metavar="[SUBJECT]", help="Whose timeline, e.g. A-03.")] = None,
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

    done = certify_to(out, json, tell=_progress())
    for line in done.lines(get_terminal_size().columns if sys.stdout.isatty() else 0):
        typer.echo(line)
    typer.echo(done.summary())
    typer.echo(f"Certificate: {out / 'validation.html'}, {out / 'validation.pdf'}")
    stop_if_it_differs(done, out)


@app.command()
def schema(
    what: Annotated[str, typer.Argument(metavar="protocol|mapping", help="Which declaration.")] = "protocol",
) -> None:
    """Print the JSON Schema of a declaration, for editors that check YAML while you type.

    Example: chartline schema protocol > protocol.schema.json
    """
    import json

    from chartline.pipeline import declaration_schema

    typer.echo(json.dumps(declaration_schema(what), indent=2, ensure_ascii=False))


_shown: list[Any] = []  # the line of progress, if there is one


def _progress() -> Any:
    """Return a function that shows the present step on a terminal, and does nothing when piped."""
    if not sys.stderr.isatty():
        return lambda step: None

    from rich.console import Console

    status = Console(stderr=True).status("")
    status.start()
    _shown.append(status)

    def tell(step: str) -> None:
        if step:
            status.update(step)
        else:
            status.stop()

    return tell


_INTERRUPTED = 130  # what typer exits with on Ctrl-C


def main() -> None:
    """Entry point: expected failures become one clear message and their exit code."""
    gc.set_threshold(200_000, 50, 100)  # a run makes many small objects and few cycles: fewer sweeps save a twentieth
    try:
        try:
            app()
        finally:
            for status in _shown:  # the message begins a line of its own, and the cursor is seen again
                status.stop()
    except StudyError as e:
        typer.echo(f"{type(e).__name__}: {e}", err=True)
        raise SystemExit(e.exit_code) from None
    except SystemExit as e:
        if e.code == _INTERRUPTED:
            typer.echo("Interrupted; the last finished output is untouched.", err=True)
        raise


def entry() -> None:
    """The console script: `main`, and out at once. All files are closed by then; the libraries' own tidying up would
    take another tenth of a run."""
    code = 0
    try:
        main()
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else int(e.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    entry()
