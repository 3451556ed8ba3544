"""The application, the options that verbs share, and the line of progress; each group of verbs has a file beside it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chartline.cli.help import Verbs, examples

app = typer.Typer(
    name="chartline",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Retrospective real-world studies in blood cancer: from hospital charts to a traceable report.",
    epilog=examples(
        "chartline run examples/inotuzumab-india --out out",
        "chartline explain os_12m --members",
        "chartline explain --subject A-03 RFS",
        "chartline queries export my-study --out to-send",
    ),
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


shown: list[Any] = []  # the line of progress, if there is one


def progress() -> Any:
    """Return a function that shows the present step on a terminal, and does nothing when piped."""
    if not sys.stderr.isatty():
        return lambda step: None

    from rich.console import Console

    status = Console(stderr=True).status("")
    status.start()
    shown.append(status)

    def tell(step: str) -> None:
        if step:
            status.update(step)
        else:
            status.stop()

    return tell
