"""Runs in parts, for tests: as the command does it, or with every step in this very process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chartline.engines import local
from chartline.report import worker

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


class NoReport:
    """In the place of the process that writes the report."""

    def __enter__(self) -> NoReport:
        return self

    def __exit__(self, *stopped: object) -> None:
        pass

    def write(self, source: object, folder: Path, what: str = "report") -> None:
        pass

    def wait(self) -> None:
        pass


@contextmanager
def without_reports() -> Iterator[None]:
    """Runs of this very process write no report meanwhile: half of their time, where only the numbers are compared.
    That the report is the same in any parts is shown in `test_parted_run.py` and `test_parted_spark.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "ReportWorker", NoReport)
        yield


def run_inline(study: Path, out: Path, parts: int, report: bool = False, **options: Any) -> Outcome:
    """Run a study in parts without processes, and without its report where a test does not look at it."""
    from chartline.pipeline import run_parted

    with pytest.MonkeyPatch.context() as patch, nullcontext() if report else without_reports():
        patch.setattr(local, "Crew", Inline)
        return run_parted(study, out, parts=parts, **options)


def numbers_of(out: Path) -> dict[str, bytes]:
    """Return the files of an out folder that hold its numbers, byte for byte."""
    return {name: (out / name).read_bytes() for name in NUMBERS}
