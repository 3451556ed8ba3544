"""Reads a large CSV file in a process of its own and prints the most memory that it needed.

In: rows, columns and a folder on the command line; the file is written there, row after row, where it is not there yet.
Out: one line of JSON: bytes of the file, cells, seconds, and the peak of memory before and after reading, in bytes.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec


def write(path: Path, rows: int, columns: int) -> None:
    """Write a table of ids and numbers, about ten characters a cell."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(",".join(f"column{i}" for i in range(columns)) + "\n")
        block = [f"0.{(i * 7_919) % 10_000_000:07d}" for i in range(columns - 1)]
        for number in range(rows):
            block[number % len(block)] = f"{number:09d}"
            file.write(f"P{number:08d}," + ",".join(block) + "\n")


def main() -> None:
    rows, columns, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    path = folder / "huge.csv"
    if not path.exists():
        write(path, rows, columns)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    start = time.perf_counter()
    table = read_centre(folder, [SourceSpec(kind="delimited", path="huge.csv")]).tables["huge"]
    seconds = time.perf_counter() - start
    assert table.frame.shape == (rows, columns)
    assert table.raw(rows - 1, "column0") == f"P{rows - 1:08d}"
    assert table.address(rows - 1, "column1") == f"huge.csv!row {rows + 1}!column1"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = path.stat().st_size
    print(json.dumps({"bytes": size, "cells": rows * columns, "seconds": seconds, "before": before, "peak": peak}))


if __name__ == "__main__":
    main()
