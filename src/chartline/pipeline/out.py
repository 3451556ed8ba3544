"""export: a finished run in the formats of others, written as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chartline.pipeline.read import Tell, silent

if TYPE_CHECKING:
    from chartline.exchange.model import FinishedRun


def export_run(
    finished: Path, to: Path, formats: tuple[str, ...], *, smallest_cell: int | None = None, tell: Tell = silent
) -> tuple[FinishedRun, dict[str, list[str]]]:
    """Write the run in `finished` to `to` in each of the formats; return the run and what was written, in words."""
    from chartline.exchange.read import read_finished
    from chartline.exchange.write import MARK, write_exchange
    from chartline.outputs import staged

    tell("Reading the run")
    run = read_finished(finished, smallest_cell)
    with staged(to, MARK) as folder:
        tell("Writing")
        written = write_exchange(run, formats, folder)
    tell("")
    return run, written
