"""Runs in parts, for tests: as the command does it, or with every step in this very process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chartline.engines import local

if TYPE_CHECKING:
    from chartline.study import Outcome

NUMBERS = ("headline.json", "counts.json", "results.csv")


class Inline:
    """A crew that has no processes: every task is done at once, here."""

    def __init__(self, workers: int, memory: int | None = None) -> None:
        self.done: list[str] = []

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *stopped: object) -> None:
        pass

    def work(self, tasks: Sequence[local.Task], watch: Any = None) -> None:
        for task in tasks:
            task.function(*task.arguments)
            self.done.append(task.name)


def run_inline(study: Path, out: Path, parts: int, **options: Any) -> Outcome:
    """Run a study in parts without processes."""
    from chartline.pipeline import run_parted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "Crew", Inline)
        return run_parted(study, out, parts=parts, **options)


def numbers_of(out: Path) -> dict[str, bytes]:
    """Return the files of an out folder that hold its numbers, byte for byte."""
    return {name: (out / name).read_bytes() for name in NUMBERS}
