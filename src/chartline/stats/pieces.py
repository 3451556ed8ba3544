"""Large arrays in pieces that fit the processor's cache, worked on by a few threads.

In: a piece of work and the pieces. Out: the results in the order of the pieces, so that sums of them are the same
whatever the number of threads. NumPy lets other threads run while it computes. The threads of BLAS are not used: they
wait for each other in a loop, which on a busy machine costs more than they save, so that products keep below
the size from which BLAS starts them.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from threading import current_thread
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Floats = npt.NDArray[np.float64]

PIECE = 16_384  # rows of a piece
_LARGEST = 32 << 20  # bytes of an array whose memory is kept: glibc allows no more
_KEPT = 256 << 20  # bytes
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_ALONE = 250_000  # multiplications up to which OpenBLAS uses one thread
_FEW = 8  # pieces up to which threads are not worth their start
_MOST = 8  # threads
_NAME = "pieces"  # of these threads

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def each(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """Return `work` of each piece, in order."""
    threads = 1 if len(pieces) <= _FEW else min(_MOST, _processors())
    if threads == 1 or current_thread().name.startswith(_NAME):  # one of the others must not wait for the others
        return [work(piece) for piece in pieces]

    def of(some: Sequence[Piece]) -> list[Result]:
        return [work(piece) for piece in some]

    step = -(-len(pieces) // threads)
    own, *parts = (pieces[a : a + step] for a in range(0, len(pieces), step))
    later = [_others(threads - 1).submit(of, part) for part in parts]
    done = of(own)
    return done + [one for part in later for one in part.result()]


@cache
def _others(threads: int) -> ThreadPoolExecutor:
    """The threads that work beside the caller's; kept, because to start one takes as long as a piece."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads, _NAME)


if hasattr(os, "register_at_fork"):  # a copy of the process has none of its threads
    os.register_at_fork(after_in_child=_others.cache_clear)


def slices(n: int, step: int = PIECE) -> list[slice]:
    """Return 0 to n in slices of `step`."""
    return [slice(a, min(a + step, n)) for a in range(0, n, step)]


def rows_alone(multiplications: int) -> int:
    """Return how many rows a piece may have whose product costs so many multiplications a row."""
    return max(256, min(PIECE, _ALONE // max(1, multiplications)))


def product(a: Floats, b: Floats) -> Floats:
    """Return a @ b of a small `a` and a wide `b`."""
    step = rows_alone(a.size)
    if b.shape[1] <= step:
        return np.asarray(a @ b)
    out = np.empty((a.shape[0], b.shape[1]))
    for at in slices(b.shape[1], step):
        np.matmul(a, b[:, at], out=out[:, at])
    return out


def square(a: Floats, b: Floats) -> Floats:
    """Return a @ b.T of two that are wide."""
    step = rows_alone(a.shape[0] * b.shape[0])
    if a.shape[1] <= step:
        return np.asarray(a @ b.T)
    return np.asarray(sum(a[:, at] @ b[:, at].T for at in slices(a.shape[1], step)))


def keep_freed_memory() -> None:
    """Make the C library (glibc) keep the memory of freed arrays for the next ones, up to `_KEPT` bytes.

    Without this, arrays of more than 128 kB are new pages of the system, and go back to it (mallopt(3)). The system
    fills new pages with zeros, which costs as much as the sums that are written to them: a tenth of the time of a Cox
    model of 10^6 rows. Where there is another C library this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
