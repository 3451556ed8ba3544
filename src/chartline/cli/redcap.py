"""redcap: a centre's project by REDCap's API."""

from __future__ import annotations

from typing import Annotated

import typer

from chartline.cli.app import StudyArgument, app, progress
from chartline.cli.help import Verbs

redcap = typer.Typer(
    cls=Verbs, no_args_is_help=True, rich_markup_mode=None, help="A centre's REDCap project, by its API."
)
app.add_typer(redcap, name="redcap")


@redcap.callback()
def _group() -> None:
    """A centre's REDCap project, by its API. The token is read from the environment and stored nowhere."""


@redcap.command()
def pull(
    study: StudyArgument,
    centre: Annotated[str, typer.Option("--centre", metavar="ID", help="The centre whose project it is.")],
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Address of the API (https://.../api/); as last time if not given."),
    ] = None,
    token_from: Annotated[
        str, typer.Option("--token-from", metavar="VARIABLE", help="Environment variable that holds the token.")
    ] = "REDCAP_TOKEN",
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Records asked for at a time.")] = 100,
    files: Annotated[bool, typer.Option("--files", help="Also the files that were uploaded into records.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also replace files that somebody changed since the last pull.")
    ] = False,
) -> None:
    """Pull records and dictionary into the centre's folder, as the CSV files that an export by hand gives.

    Example: REDCAP_TOKEN=... chartline redcap pull my-study --centre C --url https://redcap.example.org/api/
    """
    from chartline.pipeline import pull_redcap

    tell = progress()
    done = pull_redcap(
        study, centre, url=url, token_from=token_from, batch=batch, files=files, replace=replace, tell=tell
    )
    tell("")
    for line in done.lines():
        typer.echo(line)
