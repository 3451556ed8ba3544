"""Recorded cases: what was computed elsewhere, from which data, by which program.

A file `reference/<topic>.json`:

    {"program": "R 4.2.2", "packages": {"survival": "3.5-3"}, "script": "tests/reference/record_logrank.R",
     "cases": [{"id": "freireich", "statistic": "logrank", "data": "freireich", "arguments": {"rho": 0},
                "expected": {"chisq": "16.792940856489283", "p": "4.1688090093e-05"},
                "digits": 8, "why": ""}]}

`statistic` is a declared name; `data` the stem of a CSV in `data/`, or the columns themselves; `arguments` whatever the
replay needs. Expected numbers are texts of 17 digits (or numbers), null where the reference has no value; a list is
compared item by item. `digits` (8 if absent) is what must agree and `why` says what keeps it from 8; a case may name
its own `source` (a textbook, SAS documentation) where it is not the file's program.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from pkgutil import iter_modules
from typing import Any

Columns = Mapping[str, list[Any]]
Replay = Callable[["Case"], Mapping[str, Any]]
DIGITS = 8
IN_THE_CASE = "in the case"  # the name of data that a case brings along
_R = re.compile(r"^R (?:version )?(\d+\.\d+\.\d+)(?: Patched)?(?: \(\d{4}-\d\d-\d\d r\d+\))?")  # as R calls itself


@dataclass(frozen=True)
class Case:
    """One recorded call. `data` are the columns: numbers, texts, None where the cell is empty."""

    topic: str
    id: str
    statistic: str
    data: Columns
    arguments: Mapping[str, Any]
    expected: Mapping[str, Any]
    source: str
    script: str
    data_name: str = ""
    digits: int = DIGITS
    why: str = ""
    program: str = ""  # of the source, without its packages: "R 4.2.2"
    packages: Mapping[str, str] = field(default_factory=dict)  # of the program, with versions; {} for another source

    def column(self, name: str) -> list[Any]:
        return self.data[name]


def shipped(folder: str) -> dict[str, Traversable]:
    """Return the files of `data` or `reference` by their stem, in order; nothing where the folder is missing."""
    home = files("chartline.verify") / folder
    found = {f.name.rpartition(".")[0]: f for f in home.iterdir()} if home.is_dir() else {}
    return {stem: found[stem] for stem in sorted(found) if found[stem].name.endswith((".json", ".csv"))}


def topics() -> tuple[str, ...]:
    """Return the topics that have recorded cases."""
    return tuple(shipped("reference"))


def load_cases(topic: str) -> list[Case]:
    """Return the recorded cases of a topic. Raises `ValueError` for less digits without a reason."""
    content = json.loads(shipped("reference")[topic].read_text(encoding="utf-8"))
    packages = content.get("packages", {})
    program = _R.sub(r"R \1", content["program"])
    named = ", ".join(f"{name} {version}" for name, version in packages.items())
    source = program + (f" ({named})" if named else "")
    given = {"source": source, "script": content.get("script", "")}
    cases = [_case(topic, given | c) for c in content["cases"]]
    return [replace(c, program=program, packages=packages) if c.source == source else c for c in cases]


@cache
def replays() -> dict[str, Replay]:
    """Return statistic -> how it is computed again. Raises `ValueError` for one that two topics compute."""
    out: dict[str, Replay] = {}
    package = import_module("chartline.verify.replays")
    for name in sorted(m.name for m in iter_modules(package.__path__)):
        for statistic, replay in import_module(f"chartline.verify.replays.{name}").REPLAYS.items():
            if statistic in out:
                raise ValueError(f"two replays compute {statistic}")
            out[statistic] = replay
    return out


@cache
def shipped_data(name: str) -> Columns:
    """Return a data set of `data/`: column -> numbers (all cells are numbers or empty), else texts; empty is None."""
    text = shipped("data")[name].read_text(encoding="utf-8")
    rows = [r for r in csv.reader(text.splitlines()) if r and not r[0].startswith("#")]
    return {name: _column(list(cells)) for name, *cells in zip(*rows, strict=True)}


def _case(topic: str, plain: Mapping[str, Any]) -> Case:
    data = plain["data"]
    source = _R.sub(r"R \1", plain["source"])
    case = Case(
        topic, plain["id"], plain["statistic"], shipped_data(data) if isinstance(data, str) else data,
        plain.get("arguments", {}), {k: _numbers(v) for k, v in plain["expected"].items()},
        source, plain["script"], data if isinstance(data, str) else IN_THE_CASE,
        plain.get("digits", DIGITS), plain.get("why", ""), program=source,
    )  # fmt: skip
    if case.digits < DIGITS and not case.why:
        raise ValueError(f"{topic} {case.id}: {case.digits} digits and no reason")
    return case


def _numbers(value: Any) -> Any:
    """Texts of numbers as numbers, "NA" as None; other texts as they are."""
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if not isinstance(value, str):
        return value
    if value in ("NA", "NaN", ""):
        return None
    try:
        return float(value)
    except ValueError:
        return value


def _column(cells: list[str]) -> list[Any]:
    try:
        return [float(c) if c != "" else None for c in cells]
    except ValueError:
        return [c if c != "" else None for c in cells]
