"""One cell of the table in a process of its own: `cell.py TOOL TASK FOLDER BUDGET`.

Reads the patients, then runs until `BUDGET` seconds are used up (once unmeasured where a run is short), and prints
what it did line by line, so that the parent can stop a run that takes too long: `go` before each run, `<seconds>` after
it, and at the end `values <json>`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

MOST = 400  # runs: of those that take less than a millisecond the first dozens are still slower
FEWEST = 3  # where a run is shorter than `LONG` seconds
LONG = 5.0


def main(tool: str, task: str, folder: str, budget: str) -> None:
    from tools import prepare

    run, values = prepare(tool, task, Path(folder))
    times: list[float] = []
    result = None
    while not times or (len(times) < MOST and (sum(times) < float(budget) or len(times) < FEWEST + 1)):
        print("go", flush=True)
        result = None  # the last result is not kept beside the next one
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
        print(f"{times[-1]:.9f}", flush=True)
        if times[-1] > LONG:
            break
    print("values", json.dumps([float(v) for v in values(result)]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
