"""Measure a whole study on OMOP databases of growing size, beside the same cohort query by hand, all in one run.

In: databases from a seed (`chartline simulate --omop`), kept in `--scratch` if named. Out: `results/scale.json` and the
table in README.md. Each cell (tool, number of persons) is a process of its own, several times; the tools take turns, so
that a slow minute of the machine meets all of them, and those that an aim compares follow each other: its ratio is the
median of those of the turns. A time is the median; chartline's is that of the whole process, start and import
included, up to `report.html`. Memory is the highest of the process and all its children together,
looked at ten times a second (files that several have mapped, as libraries are, count once where the system tells them
apart); bytes read are what they asked of the system. Before each process its database is read whole, so that all find
it in the system's cache: a virtual machine may be made to give pages back that were idle for a minute.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil
from scale_bench.table import write_table
from survival import machine

import chartline

HERE = Path(__file__).resolve().parent
PARTS = HERE / "scale_bench"
WHOLE = {"chartline": (), "bounded": ("--memory", "2GB", "--workers", "2")}
TOOLS = (
    *("chartline", "bare_scan", "selection", "select", "spark_select"),  # as the aims compare them
    *("bounded", "study_scan", "duckdb", "polars", "spark", "lifelines"),
)
SIZES = (10**4, 10**5, 10**6, 10**7)
SEED = 1
# Runs of one turn, the first of which finds everything cold; others 5. A whole run is a process each time.
RUNS = {"spark": 3, "spark_select": 3} | dict.fromkeys(WHOLE, 2)
LARGE, RUNS_LARGE = 10**7, 1  # turns, and runs after the first, from so many persons on
LIMIT = 3600.0


@dataclass
class Cell:
    """One tool at one size. `first` are the first runs of each turn, which find everything cold and are not among the
    `times`; `turns` are the medians of the others; `stopped` is why there is no time."""

    tool: str
    persons: int
    times: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    memory_mb: float | None = None
    read_mb: float | None = None
    starting: float | None = None  # until the first run may begin: imports, Spark's session
    values: list[float] | None = None
    stopped: str = ""

    @property
    def seconds(self) -> float | None:
        return statistics.median(self.times) if self.times and not self.stopped else None


def main() -> None:
    options = _options()
    compileall.compile_dir(Path(chartline.__file__).parent, quiet=1)  # as pip does where it installs a package
    facts = machine({}, ("polars", "duckdb", "lifelines")) | {"spark": _spark_version()}
    cells, databases = [], []
    with tempfile.TemporaryDirectory() if options.scratch is None else nullcontext(options.scratch) as scratch:
        for persons in options.sizes:
            if shutil.disk_usage(scratch).free < persons * 1500:
                print(f"{persons:,} persons are not tried: the disk has no room for their database.")
                break
            database, made = database_of(persons, Path(scratch))
            databases.append(made)
            here = [Cell(tool, persons) for tool in options.tools]
            for _ in range(options.rounds if persons < LARGE else 1):
                for cell in here:
                    measure(cell, database)
            cells += here
            print(*map(_line, here), sep="\n", flush=True)
            if options.scratch is None:
                shutil.rmtree(database)
    document = {"machine": facts, "rounds": options.rounds, "databases": databases}
    document["cells"] = [{**asdict(c), "seconds": c.seconds} for c in cells]
    options.write.parent.mkdir(exist_ok=True)
    options.write.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if options.table:
        write_table(document, options.table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--persons", dest="sizes", type=lambda s: tuple(int(float(x)) for x in s.split(",")), default=SIZES,
        help="such as 1e4,1e6 (default 1e4,1e5,1e6,1e7)",
    )  # fmt: skip
    parser.add_argument("--tools", type=lambda s: tuple(s.split(",")), default=TOOLS, help=", ".join(TOOLS))
    parser.add_argument("--rounds", type=int, default=3, help="turns of each tool (default 3)")
    parser.add_argument("--scratch", type=Path, help="where databases are kept and found again (6 GB at 10^7)")
    parser.add_argument("--write", type=Path, default=HERE / "results" / "scale.json", help="where the results go")
    parser.add_argument("--table", type=Path, help="the page whose table is replaced")
    return parser.parse_args()


def database_of(persons: int, scratch: Path) -> tuple[Path, dict[str, float]]:
    """Return the folder of the database, made if it is not there, and how long that took and how large it is."""
    folder, begin = scratch / str(persons), time.perf_counter()
    if not (folder / "truth.json").is_file():
        _chartline("simulate", "--omop", str(persons), "--seed", str(SEED), "--out", str(folder))
    made = {"persons": persons, "seconds": round(time.perf_counter() - begin, 1)}
    parquet = list(folder.glob("cdm/*/*.parquet"))
    return folder, made | {"mb": round(sum(p.stat().st_size for p in parquet) / 1e6, 1), "rows": _rows(parquet)}


def _rows(files: list[Path]) -> int:
    import polars as pl

    return sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in files)


def _chartline(*arguments: str) -> None:
    subprocess.run([Path(sys.executable).with_name("chartline"), *arguments], check=True, stdout=subprocess.DEVNULL)


def measure(cell: Cell, database: Path) -> None:
    """Run one cell once more; a tool that has failed says so and is left."""
    if cell.stopped:
        return
    for file in database.glob("cdm/*/*.parquet"):
        file.read_bytes()
    runs = RUNS.get(cell.tool, 5) if cell.persons < LARGE else 1 + RUNS_LARGE
    if cell.tool in WHOLE:
        times = [_whole_run(cell, database, WHOLE[cell.tool]) for _ in range(runs)]
    else:
        times = _by_hand(cell, database, runs)
    if not cell.stopped:
        cell.first.append(times[0])
        cell.times += times[1:]
        cell.turns.append(statistics.median(times[1:]))


def _whole_run(cell: Cell, database: Path, options: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [str(Path(sys.executable).with_name("chartline")), "run", str(database), "--out", str(out), *options]
        begin = time.perf_counter()
        lines = _watched(cell, command)
        taken = time.perf_counter() - begin
        if cell.stopped:
            return taken
        if not (out / "report.html").is_file():
            raise RuntimeError(f"there is no report: {lines[-3:]}")
        headline = json.loads((out / "headline.json").read_text(encoding="utf-8"))["headline"]
        cell.values = [float(headline["eligible"]["n"])]
    return taken


def _by_hand(cell: Cell, database: Path, runs: int) -> list[float]:
    command = [sys.executable, str(PARTS / "queries.py"), cell.tool, str(database / "cdm"), str(runs)]
    times = []
    for line in _watched(cell, command):
        name, _, rest = line.partition(" ")
        if name == "starting":
            cell.starting = float(rest)
        elif name == "values":
            cell.values = json.loads(rest)
        elif name.replace(".", "", 1).isdigit():
            times.append(float(name))
    return times


def _watched(cell: Cell, command: list[str]) -> list[str]:
    """Run a process and note what it and its children hold and read; return the lines it prints."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        tempfile.TemporaryFile("w+", encoding="utf-8") as wrong,
    ):
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(command, stdout=said, stderr=wrong, text=True, env=kept)
        watch = _Watch(process.pid)
        try:
            status = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            status, cell.stopped = process.wait(), f"over {LIMIT:g} s"
        memory, read = watch.end()
        cell.memory_mb = max(cell.memory_mb or 0, memory / 1e6)
        cell.read_mb = max(cell.read_mb or 0, read / 1e6)
        said.seek(0)
        wrong.seek(0)
        if status and not cell.stopped:
            cell.stopped = (wrong.read().strip().splitlines() or [f"exit status {status}"])[-1][:150]
        return said.read().splitlines()


class _Watch(Thread):
    """What a process and its children hold at most, together, and what they read."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.top, self.over, self.most, self.read = psutil.Process(pid), Event(), 0, {}
        self.start()

    def run(self) -> None:
        """Look ten times a second, and once a second who there is: to look must cost nothing that the watched feel."""
        looks, all_of_them = 0, [self.top]
        while not self.over.wait(0.1):
            with suppress(psutil.Error):
                if looks % 10 == 0 or looks < 10:
                    all_of_them = [self.top, *self.top.children(recursive=True)]
            looks += 1
            held = [self._held(process) for process in all_of_them]
            self.most = max(self.most, sum(own for own, _ in held) + max(shared for _, shared in held))

    def _held(self, process: psutil.Process) -> tuple[int, int]:
        """What is a process's own, and what it may share with others: files that are mapped, as libraries are."""
        with suppress(psutil.Error, OSError):
            if hasattr(process, "io_counters"):
                self.read[process.pid] = process.io_counters().read_chars
            held = process.memory_info()
            shared = getattr(held, "shared", 0)
            return held.rss - shared, shared
        return 0, 0

    def end(self) -> tuple[int, int]:
        self.over.set()
        self.join()
        return self.most, sum(self.read.values())


def _line(cell: Cell) -> str:
    said = cell.stopped or f"{cell.seconds or 0:.3f} s, {cell.memory_mb:.0f} MB, read {cell.read_mb:.0f} MB"
    return f"{cell.persons:>10,} {cell.tool:10} {said} {cell.values or ''}"


def _spark_version() -> str:
    from importlib.metadata import version

    return version("pyspark")


if __name__ == "__main__":
    main()
