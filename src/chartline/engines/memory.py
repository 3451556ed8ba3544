"""Memory: how much is allowed, how much processes take, and into how many parts a study must go to fit.

Sizes are bytes. What a process takes is its resident set (`VmRSS` of /proc), libraries included; where there is no
/proc, it is not watched and only the number of parts bounds it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from chartline.errors import MemoryShort, StudyError

MB, GB = 1_000_000, 1_000_000_000
PARENT = 250 * MB  # the run itself, its libraries loaded
WORKER = 250 * MB  # a worker with its libraries, before its first part
GROWTH = 24  # what one byte of mapped charts becomes at most while a part is derived and listed (20 was measured)
READ = 800  # bytes that one row of a database takes at most while it is read and mapped (740 was measured)
ONE_PIECE = 1600  # bytes at least of one mapped row of a large study that is derived in one piece (1,750 was measured)
_UNITS = {"": 1, "K": 1000, "M": MB, "G": GB, "T": 1000 * GB}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)i?B?\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of `2GB`, `500 MB` or `1.5G` (powers of 1000). Raises `StudyError` for anything else."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise StudyError(f"`{text}` is not an amount of memory.", expected="for example 2GB or 500MB")
    return round(float(found[1]) * _UNITS[found[2].upper()])


def taken(processes: Iterable[int]) -> int:
    """Return what processes take together; one that is gone takes nothing."""
    return sum(_resident(pid) for pid in processes)


def _resident(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def parts_for(charts: int, memory: int, workers: int) -> int:
    """Return into how many parts mapped charts of so many bytes go, for `workers` processes to stay within `memory`.

    Raises `MemoryShort` where the libraries alone leave no room.
    """
    return max(1, math.ceil(charts * GROWTH / _share(memory, workers)))


def reads_for(rows: int, memory: int, workers: int, *, only: bool) -> int:
    """Return how many times a database is asked for so many rows. Where it is the `only` centre, one worker may have
    all the memory, if that is enough for all rows. Raises `MemoryShort`, as `parts_for`."""
    times = max(1, math.ceil(rows * READ / _share(memory, workers)))
    return 1 if only and rows * READ <= _share(memory, 1) else times


def check_one_piece(rows: int) -> None:
    """Raise `MemoryShort` where so many mapped rows cannot be derived in one piece in all the memory of this machine,
    where the system would end the run without a word. What a machine without /proc has is not known."""
    machine = _machine()
    if machine is not None and rows * ONE_PIECE > machine:
        raise MemoryShort(
            f"In one piece the study takes at least {rows * ONE_PIECE / GB:.0f} GB, and this machine has "
            f"{machine / GB:.0f}.",
            where=f"{rows:,} mapped rows",
            do=f"run it in parts: `--memory {max(1, int(machine * 0.75 / GB))}GB --workers 2`",
        )


def _machine() -> int | None:
    """Return the memory of the machine or of the container, swap included."""
    try:
        known = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        whole = sum(int(known[name].split()[0]) * 1024 for name in ("MemTotal", "SwapTotal"))
    except (OSError, KeyError, ValueError):
        return None
    try:
        return min(whole, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or one without a limit
        return whole


def _share(memory: int, workers: int) -> int:
    """What each of so many workers may take for its work, libraries aside."""
    least = PARENT + workers * (WORKER + 100 * MB)
    if memory < least:
        raise MemoryShort(
            f"{memory / MB:,.0f} MB are not enough for {workers} workers.",
            expected=f"at least {least / MB:,.0f} MB, most of which libraries take",
            do="allow more --memory, or use fewer --workers",
        )
    return (memory - PARENT - workers * WORKER) // workers
