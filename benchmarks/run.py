"""Measure chartline beside its comparisons: whole processes, cold interpreters, alternating A B A B.

In: the reference study of `examples/` and the clean tables that `plain_stack.py` reads. Out: a table on the terminal
and `benchmarks/results.json`. Every run is a new process; wall time is that of the whole process, CPU time and peak
memory are what the operating system charged it (`wait4`). The two sides of a pair run one after the other, so that
whatever else the machine does falls on both; the ratio is the median of the ratios within pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve().parent
TRUTH = ROOT.parent / "shared" / "ino-cohort" / "truth"
STUDY = ROOT / "examples" / "inotuzumab-india"


@dataclass(frozen=True)
class Measure:
    """One run of one process: seconds, seconds, MB."""

    wall: float
    cpu: float
    memory: float


def measure(command: Sequence[str]) -> Measure:
    """Run `command` to its end and return what it cost. Raises `RuntimeError` if it fails."""
    # Bytecode is kept, as it is for anyone who installs and runs twice; the unmeasured first run writes it.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    null = os.open(os.devnull, os.O_WRONLY)
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environment, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    os.close(null)
    if status != 0:
        raise RuntimeError(f"exit status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes on macOS, kilobytes elsewhere
    return Measure(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6)


def alternate(a: Sequence[str], b: Sequence[str], runs: int) -> tuple[list[Measure], list[Measure]]:
    """Return `runs` measures of each, taken A B A B after one unmeasured run of both."""
    measure(a), measure(b)
    pairs = [(measure(a), measure(b)) for _ in range(runs)]
    return [p[0] for p in pairs], [p[1] for p in pairs]


def compare(names: tuple[str, str], commands: tuple[Sequence[str], Sequence[str]], runs: int) -> dict[str, object]:
    """Return medians, ranges and the median of the pairwise ratios b / a of wall time."""
    a, b = alternate(*commands, runs)
    ratios = [y.wall / x.wall for x, y in zip(a, b, strict=True)]
    return {
        "a": {"name": names[0], **_medians(a), "runs": [asdict(m) for m in a]},
        "b": {"name": names[1], **_medians(b), "runs": [asdict(m) for m in b]},
        "wall_ratio_b_to_a": {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)},
    }


def _medians(measures: list[Measure]) -> dict[str, float]:
    return {
        "wall_s": statistics.median(m.wall for m in measures),
        "wall_s_lowest": min(m.wall for m in measures),
        "wall_s_highest": max(m.wall for m in measures),
        "cpu_s": statistics.median(m.cpu for m in measures),
        "peak_memory_mb": statistics.median(m.memory for m in measures),
    }


def machine() -> dict[str, object]:
    """Return what a reader needs to judge the times, and nothing that names the machine."""
    libraries = ("chartline", "polars", "duckdb", "typst", "pandas", "lifelines", "matplotlib", "python-docx")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "libraries": {name: version(name) for name in libraries},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def agreement(ours: Path, theirs: Path) -> dict[str, list[float]]:
    """Return the numbers that both sides print, side by side. Raises `RuntimeError` where they differ.

    A comparison of times means nothing unless both did the same work. Median survival is not compared: here S is
    exactly one half for a while, where chartline takes the middle of that part, as R does, and lifelines its first day.
    """
    headline = json.loads((ours / "headline.json").read_text(encoding="utf-8"))["headline"]
    plain = json.loads((theirs / "numbers.json").read_text(encoding="utf-8"))
    same = {
        "eligible": (headline["eligible"]["n"], plain["eligible"]),
        "cr_cri_rate": (headline["cr_cri_rate"]["n"], plain["cr_cri"]),
        "mrd_negative_rate": (headline["mrd_negative_rate"]["n"], plain["mrd_negative"]),
        "deep_response_rate": (headline["deep_response_rate"]["n"], plain["deep"]),
        "hsct_rate": (headline["hsct_rate"]["n"], plain["hsct"]),
        "liver_g34_rate": (headline["liver_g34_rate"]["n"], plain["liver"]),
        "myelosuppression_rate": (headline["myelosuppression_rate"]["n"], plain["myelo"]),
        **{k: (headline[k]["estimate"], plain[k]) for k in ("os_6m", "os_12m", "rfs_median", "dor_median")},
    }
    differing = {k: v for k, v in same.items() if abs(v[0] - v[1]) > 1e-9}
    if differing:
        raise RuntimeError(f"the two sides did not compute the same study: {differing}")
    return {k: list(v) for k, v in same.items()}


def report(name: str, done: dict) -> list[str]:
    """Return the lines of one comparison for the terminal, as a Markdown table."""
    out = [f"{name}", "", "| | wall, s (lowest to highest) | CPU, s | peak memory, MB |", "|---|---|---|---|"]
    for side in (done["a"], done["b"]):
        wall = f"{side['wall_s']:.3f} ({side['wall_s_lowest']:.3f} to {side['wall_s_highest']:.3f})"
        out.append(f"| {side['name']} | {wall} | {side['cpu_s']:.2f} | {side['peak_memory_mb']:.0f} |")
    r = done["wall_ratio_b_to_a"]
    return [*out, "", f"Wall time, second to first: {r['median']:.2f} ({r['lowest']:.2f} to {r['highest']:.2f})", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="measured runs of each side (default 5)")
    parser.add_argument("--truth", type=Path, default=TRUTH, help="clean tables for plain_stack.py")
    parser.add_argument("--write", type=Path, default=HERE / "results.json", help="where the results go")
    options = parser.parse_args()
    python = sys.executable
    chartline = str(Path(python).with_name("chartline"))
    if not Path(chartline).exists():
        raise SystemExit("There is no `chartline` beside this Python: run `make benchmark`")
    facts, done = machine(), {}
    names = ("`python -c pass`", "`chartline --help`")
    done["help"] = compare(names, ([python, "-c", "pass"], [chartline, "--help"]), options.runs)
    if options.truth.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
            a = [chartline, "run", str(STUDY), "--out", str(ours)]
            b = [python, str(HERE / "plain_stack.py"), str(options.truth), str(theirs)]
            names = ("`chartline run`, from raw charts", "plain script, from clean tables")
            done["run"] = {**compare(names, (a, b), options.runs), "agreement": agreement(ours, theirs)}
    else:
        print(f"The clean tables are not at {options.truth.name}; only --help is measured (see --truth).")
    for name, result in done.items():
        print("\n".join(report(name, result)))
    text = json.dumps({"runs": options.runs, "machine": facts, **done}, indent=2)
    options.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
