"""Work in pieces: the same answers in the same order, whatever the threads."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from chartline.stats import pieces
from chartline.stats.pieces import each, slices

MANY = list(range(40))


@pytest.fixture(params=[1, 2, 5])
def processors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(pieces, "_processors", lambda: request.param)
    return int(request.param)


def test_results_come_in_the_order_of_the_pieces(processors: int) -> None:
    assert each(lambda n: n * n, MANY) == [n * n for n in MANY]


def test_sums_of_pieces_are_the_same_bits(processors: int) -> None:
    x = np.random.default_rng(1).normal(size=100_000)
    alone = sum(x[at].sum() for at in slices(x.size, 1000))
    assert sum(each(lambda at: x[at].sum(), slices(x.size, 1000))) == alone


def test_threads_are_kept_for_the_next_work(processors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (started.append(self), start(self))[1])
    for _ in range(20):
        each(lambda n: n, MANY)
    assert len(started) < processors  # the caller's own thread works too


def test_work_in_pieces_may_itself_be_done_in_pieces(processors: int) -> None:
    assert each(lambda n: sum(each(lambda m: n * m, MANY)), MANY) == [n * sum(MANY) for n in MANY]


@pytest.mark.parametrize("bad", [0, 39], ids=["in the caller's share", "in another's"])
def test_a_fault_of_a_piece_is_the_callers(processors: int, bad: int) -> None:
    def work(n: int) -> int:
        if n == bad:
            raise ValueError(f"piece {n}")
        return n

    with pytest.raises(ValueError, match=f"piece {bad}"):
        each(work, MANY)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_copy_of_the_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_processors", lambda: 2)
    each(lambda n: n, MANY)
    child = os.fork()
    if not child:
        os._exit(0 if each(lambda n: n + 1, MANY) == [n + 1 for n in MANY] else 1)
    assert os.waitpid(child, 0)[1] == 0
