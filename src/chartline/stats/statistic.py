"""How a statistic declares itself: what it takes, what it gives and what it was checked against.

Every kernel module of this folder has a module constant `STATISTICS`, a tuple of declarations.
`declared_statistics` gathers them, so that a new statistic is one new file; the list feeds the methods text
and the architecture tests.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Statistic:
    """One statistic. `reference` is the R function that its values are compared with, `paper` its source."""

    name: str  # as in the column `statistic` of the results
    label: str
    takes: str  # the count type, and what of it
    gives: str  # the value, its unit and its interval
    reference: str
    paper: str


class NotEstimable(ValueError):
    """The data hold too little to compute this: no events, one group empty, nobody at risk. The message is the reason
    as a reader sees it ("no events", "no patients in group B"), without a full stop; it becomes the result row."""


def declared_statistics(topic: str = "") -> dict[str, Statistic]:
    """Return every declared statistic by name, in the order of the modules; of one topic where it is named.

    Raises `ValueError` for a name used twice.
    """
    package = importlib.import_module(f"chartline.stats.{topic}" if topic else "chartline.stats")
    out: dict[str, Statistic] = {}
    for module in sorted(m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")):
        for s in getattr(importlib.import_module(module), "STATISTICS", ()):
            if s.name in out:
                raise ValueError(f"two statistics are called {s.name}")
            out[s.name] = s
    return out
