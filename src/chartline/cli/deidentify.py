"""deidentify: direct identifiers out of a centre's files, before they leave it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import OutOption, app

_COLUMN = "by its heading or Sheet!Heading; may be given several times."
_DROP = f"Drop this column, {_COLUMN}"
_PSEUDONYM = f"Replace what this column holds by pseudonyms; {_COLUMN}"
_KEEP = f"Keep this column as it is, {_COLUMN}"


@app.command()
def deidentify(
    folder: Annotated[Path, typer.Argument(metavar="CENTRE_FOLDER", help="The centre's files; never changed.")],
    key: Annotated[
        Path,
        typer.Option("--key", metavar="FILE", help="The centre's key, which stays there; made if there is none."),
    ],
    out: OutOption,
    drop: Annotated[list[str] | None, typer.Option("--drop", metavar="COLUMN", help=_DROP)] = None,
    pseudonym: Annotated[
        list[str] | None,
        typer.Option("--pseudonym", metavar="COLUMN", help=_PSEUDONYM),
    ] = None,
    keep: Annotated[list[str] | None, typer.Option("--keep", metavar="COLUMN", help=_KEEP)] = None,
    shift_days: Annotated[
        int,
        typer.Option("--shift-days", metavar="N", min=0, help="Shift each patient's dates by up to N days."),
    ] = 0,
    dates: Annotated[
        str | None,
        typer.Option("--dates", metavar="ISO|DMY|MDY|YMD", help="Order of dates that stand as text; ISO if not said."),
    ] = None,
    swapped: Annotated[
        list[str] | None,
        typer.Option("--swapped", metavar="COLUMN", help="In this column true dates have day and month exchanged."),
    ] = None,
    unswapped: Annotated[
        list[str] | None, typer.Option("--unswapped", metavar="COLUMN", help="True dates here are right as they stand.")
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="FILE", help="The centre's mapping, which says how its dates stand."),
    ] = None,
) -> None:
    """Copy a centre's files without direct identifiers: dropped, or replaced by pseudonyms under the centre's key.

    Example: chartline deidentify charts --key ~/chartline.key --out charts-to-send
    """
    from chartline.pipeline import deidentify_centre

    named = {"drop": drop or (), "pseudonym": pseudonym or (), "keep": keep or (), "swapped": swapped or ()}
    named["unswapped"] = unswapped or ()
    done, made = deidentify_centre(folder, key, out, **named, shift_days=shift_days, dates=dates, mapping=mapping)
    if made:
        typer.echo(f"A key was made: {key}. Keep it safe and at the centre; without it no pseudonym can be made again.")
    for line in done:
        typer.echo(line)
    typer.echo(f"Copies: {out / 'files'}; read before they leave: {out / 'report.html'}")
