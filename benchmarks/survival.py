"""Measure survival statistics beside statsmodels, lifelines, the Rust wheel `survival` and R, all in one run.

In: patients made from a seed (`survival_bench/patients.py`). Out: `results/survival.json` and the table in README.md.
Every cell (tool, task, number of patients) is a process of its own, and the tools take turns, so that whatever else
the machine does falls on all. A time is the median over all runs of a cell but its first; memory is the highest of the
process. The peers hold their arrays in memory before their clock starts; chartline is measured so too, and from a
Parquet file, reading included. A run of more than `--limit` seconds, or a process of more than `--memory` GB, is
stopped and said to be so. The numbers of all tools are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread

from survival_bench.table import write_table

HERE = Path(__file__).resolve().parent
PARTS = HERE / "survival_bench"
TASKS = ("kaplan_meier", "cox_categorical", "cox_mixed", "aalen_johansen", "gray", "fine_gray")
PEERS = {
    "statsmodels": ("kaplan_meier", "cox_categorical", "cox_mixed", "aalen_johansen"),
    "lifelines": ("kaplan_meier", "cox_categorical", "cox_mixed", "aalen_johansen"),
    "rust": ("kaplan_meier", "cox_categorical", "cox_mixed", "aalen_johansen", "fine_gray"),
    "r": TASKS,
}
TOOLS = {"chartline_parquet": TASKS, "chartline_memory": TASKS, **PEERS}
SIZES, QUICK = (10**3, 10**4, 10**5, 10**6, 10**7), (10**3, 10**5)
ONLY = {10**4: ("fine_gray",)}  # sizes that not every task is run at
ROUNDS = 3
SMALL, ROUNDS_SMALL = 10**3, 7  # at most so many patients: two processes of one tool differ by more than two tools do
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # of BLAS: two wait for each other on a busy machine
PREPARING = 300.0  # seconds that a process may take before its first run


@dataclass
class Cell:
    """One tool at one task and size. `stopped` is why there is no time: "over 60 s", "out of memory", or an error."""

    tool: str
    task: str
    n: int
    times: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)  # the median of each process
    memory_mb: float | None = None
    values: list[float] | None = None
    difference: float | None = None  # largest relative difference from chartline_parquet
    stopped: str = ""

    @property
    def seconds(self) -> float | None:
        return statistics.median(self.times) if self.times and not self.stopped else None


def main() -> None:
    options = _options()
    tools = {tool: tasks for tool, tasks in TOOLS.items() if tool != "r" or shutil.which("Rscript")}
    if "r" not in tools:
        print("There is no Rscript on the path: R is left out.")
    facts = machine(tools)
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        cells = list(measure_all(tools, options, Path(scratch)))
    facts["load_after"] = round(os.getloadavg()[0], 2)
    said = {"limit_s": options.limit, "memory_gb": options.memory}
    said |= {"rounds": options.rounds, "rounds_small": options.rounds_small}
    document = {"machine": facts, **said, "cells": [{**asdict(c), "seconds": c.seconds} for c in cells]}
    options.write.parent.mkdir(exist_ok=True)
    options.write.write_text(_a_line_a_cell(document), encoding="utf-8")
    if options.table:
        write_table(document, options.table, options.write.stem)


def _a_line_a_cell(document: dict[str, object]) -> str:
    """The document as JSON, each cell in a line, times to a tenth of a microsecond."""
    *head, last = ((key, value) for key, value in document.items())
    lines = ",\n".join(" " + json.dumps(c | {"times": [round(t, 7) for t in c["times"]]}) for c in last[1])
    said = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in head)
    return "{\n" + said + f"{json.dumps(last[0])}: [\n{lines}\n]\n}}\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10^3 and 10^5 patients only, and no table")
    parser.add_argument("--sizes", type=lambda s: tuple(int(float(x)) for x in s.split(",")), help="such as 1e3,1e6")
    parser.add_argument("--tasks", type=lambda s: tuple(s.split(",")), default=TASKS, help=", ".join(TASKS))
    parser.add_argument("--limit", type=float, default=60, help="seconds that one run may take (default 60)")
    parser.add_argument("--memory", type=float, default=10, help="GB that one process may take (default 10)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"processes a cell (default {ROUNDS})")
    parser.add_argument("--rounds-small", type=int, default=ROUNDS_SMALL, help=f"and at 10^3 (default {ROUNDS_SMALL})")
    parser.add_argument("--scratch", type=Path, help="where the patients are kept during the run (500 MB at 10^7)")
    parser.add_argument("--write", type=Path, default=HERE / "results" / "survival.json", help="where the results go")
    parser.add_argument("--table", type=Path, help="the page whose table, named as --write, is replaced")
    options = parser.parse_args()
    options.sizes = options.sizes or (QUICK if options.quick else SIZES)
    if options.quick:
        options.rounds = options.rounds_small = 1
    return options


def measure_all(tools: dict[str, tuple[str, ...]], options: argparse.Namespace, scratch: Path) -> Iterator[Cell]:
    """Yield every cell. A tool that was stopped at one size is not tried at the next: it would be again."""
    given_up: dict[tuple[str, str], str] = {}
    for n in options.sizes:
        folder = scratch / str(n)
        subprocess.run([sys.executable, str(PARTS / "patients.py"), str(n), str(folder)], check=True)
        for task in options.tasks:
            if task not in ONLY.get(n, TASKS):
                continue
            cells = [Cell(tool, task, n) for tool, tasks in tools.items() if task in tasks]
            for cell in cells:
                cell.stopped = given_up.get((cell.tool, task), "")
            for _ in range(options.rounds_small if n <= SMALL else options.rounds):
                for cell in cells:
                    if not cell.stopped and not (cell.rounds and cell.rounds[-1] > 10):
                        run_cell(cell, folder, options)
            compare(cells)
            for cell in cells:
                if cell.stopped:
                    given_up.setdefault((cell.tool, task), f"not run: {cell.stopped} at {n}")
                print(_line(cell), flush=True)
                yield cell
        shutil.rmtree(folder)


def _line(cell: Cell) -> str:
    seconds = cell.stopped or f"{(cell.seconds or 0) * 1000:.2f} ms, {cell.memory_mb:.0f} MB"
    return f"{cell.n:>9} {cell.task:16} {cell.tool:18} {seconds}"


def run_cell(cell: Cell, folder: Path, options: argparse.Namespace) -> None:
    """Run one process of a cell, and stop it where a run takes too long or the process too much memory."""
    arguments = [cell.task, str(folder), str(2.0 if options.rounds > 1 else 1.0)]
    if cell.tool == "r":
        command = ["Rscript", "--vanilla", str(PARTS / "peers.R"), *arguments]
    else:
        command = [sys.executable, str(PARTS / "cell.py"), cell.tool, *arguments]
    with tempfile.TemporaryFile("w+") as errors:
        # bytecode is kept, as it is for anyone who runs twice
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment = {**kept, **ONE_THREAD}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        watch = _Watch(process, options.limit, options.memory)
        times: list[float] = []
        for line in process.stdout or ():
            watch.said(line.strip())
            if line.startswith("values"):
                cell.values = json.loads(line[len("values") :])
            elif line[0].isdigit():
                times.append(float(line))
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cell.stopped = watch.end()
        errors.seek(0)
        if process.returncode and not cell.stopped:
            cell.stopped = _why(errors.read(), process.returncode)
    unit = 1 if sys.platform == "darwin" else 1024
    cell.memory_mb = max(cell.memory_mb or 0, used.ru_maxrss * unit / 1e6)
    kept = times[1:] or times  # the first run finds everything cold
    cell.times += kept
    if kept:
        cell.rounds.append(statistics.median(kept))


def _why(errors: str, status: int) -> str:
    lines = errors.strip().splitlines() or [f"exit status {status}"]
    last = "ended by a panic" if "RUST_BACKTRACE" in errors else lines[-1]  # Rust ends with an offer of a backtrace
    short = "out of memory" if "cannot allocate" in errors or "MemoryError" in errors or status == -9 else last
    return short.replace("|", "/")[:120]


class _Watch(Thread):
    """Kills a process whose run lasts longer than `limit` seconds, or which holds more than `memory` GB."""

    def __init__(self, process: subprocess.Popen[str], limit: float, memory: float) -> None:
        super().__init__(daemon=True)
        self.process, self.limit, self.memory = process, limit, memory
        self.until, self.why, self.over = time.monotonic() + PREPARING, "", Event()
        self.start()

    def said(self, line: str) -> None:
        """A run begins (`go`), or something ends; between runs a process has as long as for preparing."""
        self.until = time.monotonic() + (self.limit if line == "go" else PREPARING)

    def run(self) -> None:
        while not self.over.wait(0.05):
            if time.monotonic() > self.until:
                self.why = f"over {self.limit:g} s"
            elif self._held() > self.memory:
                self.why = f"over {self.memory:g} GB"
            if self.why:
                return self.process.kill()

    def _held(self) -> float:
        """GB of memory in use, where the system says (Linux)."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e9

    def end(self) -> str:
        self.over.set()
        self.join()
        return self.why


def compare(cells: list[Cell]) -> None:
    """Note how far the numbers of each tool are from ours."""
    ours = next((c.values for c in cells if c.tool == "chartline_parquet"), None)
    for cell in cells:
        if ours and cell.values:
            if len(cell.values) != len(ours):
                raise RuntimeError(f"{cell.tool} gives {len(cell.values)} numbers for {cell.task}, not {len(ours)}")
            cell.difference = max(abs(a - b) / abs(b) for a, b in zip(cell.values, ours, strict=True))


LIBRARIES = ("chartline", "numpy", "polars", "scipy", "statsmodels", "lifelines", "survival")


def machine(tools: dict[str, tuple[str, ...]], libraries: tuple[str, ...] = LIBRARIES) -> dict[str, object]:
    """Return what a reader needs to judge the times, and nothing that names the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": cores,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
        "r": _r_versions() if "r" in tools else {},
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _r_versions() -> dict[str, str]:
    code = 'cat(as.character(getRversion()), sapply(c("survival", "cmprsk"), function(p) format(packageVersion(p))))'
    said = subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, check=True).stdout
    return dict(zip(("R", "survival", "cmprsk"), said.split(), strict=True))


if __name__ == "__main__":
    main()
