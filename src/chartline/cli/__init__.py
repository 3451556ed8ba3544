"""The command line: verbs over `pipeline` and `trace`, with no rule of its own. Heavy imports stay inside commands.

Each module holds one group of verbs; `help.py` says in which order `chartline --help` shows them.
"""

from __future__ import annotations

import gc
import os
import sys

import typer

from chartline.cli.app import app, shown

from chartline.cli import run as _run  # isort: skip
from chartline.cli import draft as _draft  # isort: skip
from chartline.cli import explain as _explain  # isort: skip
from chartline.cli import queries as _queries  # isort: skip
from chartline.cli import capture as _capture  # isort: skip
from chartline.cli import redcap as _redcap  # isort: skip
from chartline.cli import cuts as _cuts  # isort: skip
from chartline.cli import exchange as _exchange  # isort: skip
from chartline.cli import quality as _quality  # isort: skip
from chartline.cli import concepts as _concepts  # isort: skip
from chartline.cli import deidentify as _deidentify  # isort: skip
from chartline.cli import verify as _verify  # isort: skip
from chartline.cli import simulate as _simulate  # isort: skip
from chartline.cli import schema as _schema  # isort: skip
from chartline.errors import StudyError

VERBS = (
    *(_run, _draft, _explain, _queries, _capture, _redcap, _cuts, _exchange, _quality, _concepts, _deidentify),
    *(_verify, _simulate, _schema),
)

_INTERRUPTED = 130  # what typer exits with on Ctrl-C


def main() -> None:
    """Entry point: expected failures become one clear message and their exit code."""
    gc.set_threshold(200_000, 50, 100)  # a run makes many small objects and few cycles: fewer sweeps save a twentieth
    try:
        try:
            app(prog_name="chartline")
        finally:
            for status in shown:  # the message begins a line of its own, and the cursor is seen again
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
