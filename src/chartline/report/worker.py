"""The report is written in a process of its own, beside the tables and the trace.

A report needs no patient table (the wall), so its input is small and plain, and its writers and the patient side never
need each other's libraries. The worker starts with the run and loads its libraries while the charts are read; when the
source arrives it writes the files. It ends with the pipe: a run that is killed takes its worker with it.

In (stdin): one pickled (ReportSource, folder, which report). Out (stdout): one pickled None, or the exception that
stopped it.
Started with `python -m`, not with multiprocessing, which would run the caller's own script a second time.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from chartline.errors import WorkerLost

if TYPE_CHECKING:
    from chartline.report.source import ReportSource


class ReportWorker:
    """The caller's end: `start` on entry, `write` once, `wait` for the files; on an error the worker is ended."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "chartline.report.worker"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> ReportWorker:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def write(self, source: ReportSource, folder: Path, what: str = "report") -> None:
        """Send the source; the worker writes that report's files into `folder`, which exists."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died meanwhile: heard of in `wait`
            pickle.dump((source, folder, what), self._process.stdin)
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def wait(self) -> None:
        """Return when the files are written; raise what stopped the worker, `WorkerLost` where it was killed."""
        assert self._process.stdout is not None
        answer = self._process.stdout.read()
        code = self._process.wait()
        if not answer:
            raise WorkerLost(
                f"The process that wrote the report died ({f'signal {-code}' if code < 0 else f'exit code {code}'}).",
                expected="a process that ends by itself; the system kills one where memory runs out",
                do="look at the machine's memory and its log, and run again",
            )
        stopped = pickle.loads(answer)
        if stopped is not None:
            raise stopped


def main() -> None:
    """The worker's end. Ctrl-C reaches it too, but it is the run that decides and ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from chartline.report.build import build_document
    from chartline.report.write import warm_up, write_report

    warm_up()
    try:
        source, folder, what = pickle.load(sys.stdin.buffer)
    except EOFError:
        return  # the run ended before there was anything to report
    stopped: Exception | None = None
    try:
        write_report(build_document(source, what), folder, what)
    except Exception as e:  # whatever it is, the run must hear of it
        stopped = e
    with suppress(BrokenPipeError):  # the run was interrupted and no longer listens
        pickle.dump(stopped, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    os._exit(0)  # all is written and said; the run waits for the pipe to close, not for libraries to tidy up


if __name__ == "__main__":
    main()
