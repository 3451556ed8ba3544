"""Tasks in worker processes of this machine, with bounded memory.

In: tasks (a function of a module and its arguments; each leaves its result in a folder of its own and returns nothing).
Out: nothing; an exception of a task stops the run. Workers are started afresh (`spawn`): Polars has threads, and a
forked process would hang in them. A worker that dies has its task done once more; the second time the run stops and
says so. Workers end with the run, whatever ends it.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from typing import Any

from chartline.engines.memory import MB, taken
from chartline.errors import MemoryShort, StudyError, WorkerLost

_LOOK = 0.05  # seconds between two looks at the memory
_TRIES = 2
_BAR = 24  # characters
Watch = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class Task:
    """A piece of work: `name` as people read it, a function of a module, its arguments, and what makes it smaller
    where it takes too much memory."""

    name: str
    function: Callable[..., None]
    arguments: tuple[Any, ...] = ()
    smaller: str = "allow more --memory"


@dataclass
class Crew:
    """Worker processes, started when there is something to do and kept between calls of `work`.

    `memory` bounds this process and its workers together: where they come to it, fewer work at once, and where one
    worker alone is too much the run stops.
    """

    workers: int
    memory: int | None = None
    peak: int = 0
    _idle: list[_Worker] = field(default_factory=list)
    _busy: list[_Worker] = field(default_factory=list)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *stopped: object) -> None:
        for worker in (*self._idle, *self._busy):
            worker.end()
        self._idle, self._busy = [], []

    def work(self, tasks: Sequence[Task], watch: Watch = lambda done, of: None) -> None:
        """Do all tasks. Raises what a task raised, `WorkerLost` or `MemoryShort`."""
        waiting, tries, done = deque(tasks), dict.fromkeys((t.name for t in tasks), 0), 0
        watch(0, len(tasks))
        while waiting or self._busy:
            while waiting and len(self._busy) < self.workers:
                self._begin(waiting.popleft(), min(self.workers, len(tasks)))
            for worker in self._wait():
                self._busy.remove(worker)
                task, answer = worker.task, worker.answer()
                assert task is not None
                if answer is None:
                    worker.end()
                    tries[task.name] += 1
                    if tries[task.name] >= _TRIES:
                        raise _lost(task, worker)
                    waiting.appendleft(task)
                    continue
                if answer.error is not None:
                    worker.end()
                    raise answer.error
                self._rest(worker)
                done += 1
                watch(done, len(tasks))
            waiting.extendleft(self._lightened())

    def _begin(self, task: Task, side_by_side: int) -> None:
        worker = self._idle.pop() if self._idle else _Worker(side_by_side)
        worker.begin(task)
        self._busy.append(worker)

    def _rest(self, worker: _Worker) -> None:
        """Keep a worker for the next task, unless it holds so much that its memory is better given back."""
        share = None if self.memory is None else self.memory // (2 * self.workers + 1)
        if share is not None and taken([worker.pid]) > share:
            worker.end()
        else:
            self._idle.append(worker)

    def _wait(self) -> list[_Worker]:
        ready = set(connection.wait([w.listens for w in self._busy], timeout=_LOOK))
        return [w for w in self._busy if w.listens in ready]

    def _lightened(self) -> Iterator[Task]:
        """Take work from workers where all come to the bound of memory; yield what is to be done again."""
        use = taken([os.getpid(), *(w.pid for w in (*self._idle, *self._busy))])
        self.peak = max(self.peak, use)
        if self.memory is None or use <= self.memory:
            return
        if self._idle:
            while self._idle:
                self._idle.pop().end()
            return
        largest = max(self._busy, key=lambda w: taken([w.pid]))
        self._busy.remove(largest)
        task, size = largest.task, taken([largest.pid])
        largest.end()
        assert task is not None
        if not self._busy:
            raise MemoryShort(
                f"{task.name} takes more than the memory allowed ({size / MB:,.0f} MB of {self.memory / MB:,.0f}).",
                do=f"{task.smaller}; what is finished is kept",
            )
        self.workers = len(self._busy)
        yield task


def _lost(task: Task, worker: _Worker) -> WorkerLost:
    return WorkerLost(
        f"The process that did {task.name} died twice ({worker.how}).",
        expected="a process that ends by itself; the system kills one where memory runs out",
        do="look at the machine's memory and its log; use more --parts or fewer --workers and run again: what is "
        "finished is kept",
    )


@dataclass(frozen=True)
class _Answer:
    error: BaseException | None


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, of: int) -> None:
        context = get_context("spawn")
        self.listens, theirs = context.Pipe()
        self.task: Task | None = None
        self.how = ""
        with _threads(max(1, (os.cpu_count() or 1) // of)):
            self._process = context.Process(target=_attend, args=(theirs,), daemon=True)
            self._process.start()
        theirs.close()
        self.pid = self._process.pid or 0

    def begin(self, task: Task) -> None:
        self.task = task
        with suppress(OSError):  # it died meanwhile: heard of when it is asked for its answer
            self.listens.send((task.function, task.arguments))

    def answer(self) -> _Answer | None:
        """Return what came of the task; None where the process died over it."""
        try:
            answer: _Answer = self.listens.recv()
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode
            self.how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            return None
        return answer

    def end(self) -> None:
        self.listens.close()
        self._process.kill()
        self._process.join()


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Give the processes started meanwhile so many threads of Polars: the cores, shared by all that start together."""
    name = "POLARS_MAX_THREADS"
    before = os.environ.get(name)
    os.environ[name] = before or str(number)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def _attend(listens: connection.Connection) -> None:
    """The worker's end: do what comes until the run is over. Ctrl-C reaches it too, but it is the run that decides."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, arguments = listens.recv()
        except EOFError:
            return
        answer = _Answer(_error_of(function, arguments))
        with suppress(BrokenPipeError):
            listens.send(answer)


def _error_of(function: Callable[..., None], arguments: tuple[Any, ...]) -> BaseException | None:
    """Do a task; return what it raised, in a form that can be sent."""
    try:
        function(*arguments)
    except Exception as e:
        try:
            pickle.loads(pickle.dumps(e))
        except Exception:
            return RuntimeError("".join(traceback.format_exception(e)))
        if not isinstance(e, StudyError | OSError):
            e.add_note("".join(traceback.format_exception(e)))
        return e
    return None


def _end_with_parent() -> None:
    """A run that is killed takes its workers with it, in the middle of a part."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def rate_words(done: int, of: int, seconds: float) -> str:
    """Return `12 of 64, 3.1 a second, 17 s left` for a line of progress."""
    if not done or not seconds:
        return f"{done:,} of {of:,}"
    rate = done / seconds
    left = (of - done) / rate
    per = f"{rate:.1f} a second" if rate >= 1 else f"{1 / rate:.1f} s each"
    return f"{done:,} of {of:,}, {per}, {_span(left)} left"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def bar(done: int, of: int) -> str:
    """Return how far `done` of `of` are, drawn as a bar."""
    full = _BAR * done // max(of, 1)
    return "━" * full + "─" * (_BAR - full)


def watched(what: str, tell: Callable[[str], None]) -> Watch:
    """Return a function that tells how far a step has come: a bar, the rate and the time left."""
    began = time.monotonic()
    return lambda done, of: tell(f"{what} {bar(done, of)} {rate_words(done, of, time.monotonic() - began)}")
