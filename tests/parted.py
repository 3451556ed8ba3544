"""Runs in parts, for tests: as the command does it, or with every step in this very process."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chartline.engines import local
from chartline.report import worker

if TYPE_CHECKING:
    from chartline.study import Outcome, StudyRun

NUMBERS = ("headline.json", "counts.json", "results.csv")
EXAMPLE = Path(__file__).parents[1] / "examples" / "inotuzumab-india"
SHORT = Path(__file__).parent / "data" / "short_protocol.yaml"


def study_of_centres(home: Path, centres: str = "CD", protocol: Path = SHORT) -> Path:
    """Lay the charts of some centres of the example, with the answers, under a protocol. Under the short one a run of
    centres C and D, which have a person in common, takes a third of the example's time."""
    listed = "    - {{id: {0}, label: Centre {0}, folder: centres/centre_{0}, mapping: mappings/centre_{0}.yaml}}\n"
    text = protocol.read_text(encoding="utf-8")
    text, n = re.subn(r"(    - \{id: [A-E], label: Centre.*\n)+", "".join(map(listed.format, centres)), text)
    assert n == 1
    shutil.copytree(EXAMPLE / "mappings", home / "mappings")
    for centre in centres:
        shutil.copytree(EXAMPLE / "centres" / f"centre_{centre}", home / "centres" / f"centre_{centre}")
    shutil.copy(EXAMPLE / "answers.csv", home)
    (home / "protocol.yaml").write_text(text, encoding="utf-8")
    return home


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


def run_unreported(study: Path, out: Path, **options: Any) -> StudyRun:
    """`run_study` where a test looks at numbers, listings or a refusal, and never at the report."""
    from chartline.pipeline import run_study

    with without_reports():
        return run_study(study, out, **options)


def run_inline(study: Path, out: Path, parts: int, report: bool = False, **options: Any) -> Outcome:
    """Run a study in parts without processes, and without its report where a test does not look at it."""
    from chartline.pipeline import run_parted

    with pytest.MonkeyPatch.context() as patch, nullcontext() if report else without_reports():
        patch.setattr(local, "Crew", Inline)
        return run_parted(study, out, parts=parts, **options)


def numbers_of(out: Path) -> dict[str, bytes]:
    """Return the files of an out folder that hold its numbers, byte for byte."""
    return {name: (out / name).read_bytes() for name in NUMBERS}
