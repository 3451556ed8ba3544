"""Chartline's own words: the closed term lists of code variables and the laboratory tests, from `vocabulary/`."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

FLAG = ("Y", "N")


def _rows(name: str) -> list[dict[str, str]]:
    with (files("chartline") / "vocabulary" / name).open(encoding="utf-8") as f:
        return list(csv.DictReader(f))


@cache
def tests() -> dict[str, tuple[str, str]]:
    """Return test code -> (label, standard unit)."""
    return {r["testcd"]: (r["label"], r["unit"]) for r in _rows("tests.csv")}


@cache
def _terms() -> dict[tuple[str, str], tuple[str, ...]]:
    out: dict[tuple[str, str], list[str]] = {}
    for r in _rows("terms.csv"):
        out.setdefault((r["domain"], r["variable"]), []).append(r["term"])
    out["LB", "LBTESTCD"] = list(tests())
    out["RANGE", "TESTCD"] = list(tests())
    out["RANGE", "SEX"] = out["DM", "SEX"]
    return {k: tuple(v) for k, v in out.items()}


def terms(domain: str, variable: str, type_: str) -> tuple[str, ...] | None:
    """Return the closed list of terms of a variable, or None where it has none."""
    return FLAG if type_ == "flag" else _terms().get((domain, variable))
