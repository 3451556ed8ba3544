"""Rows of another analysis without each level of a variable in turn, and how far they lie apart.

The table without a level is the sum of the others, so nothing is counted again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.sensitivity.leave_one_out import leave_one_out

_SHOWN = ("n", "events", "proportion", "median", "survival", "mean")


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the main rows of the analysis without each level (group `WITHOUT=A`), then the extremes of each."""
    of = source.protocol.analysis(analysis.of).model_copy(update={"by": None})
    kind = import_module(f"chartline.stats.kinds.{of.kind}")
    counted: Any = source.counts[analysis.id]
    found: dict[tuple[str, float | None], list[Result]] = {}
    for level, table in leave_one_out(counted, analysis.over):
        for row in kind.estimate(replace(source, counts={of.id: table}), of):
            if row.statistic in _SHOWN and not row.group:
                shown = replace(row, analysis=analysis.id, group=group_of((("WITHOUT", level),)), label=analysis.label)
                found.setdefault((row.statistic, row.at), []).append(shown)
                yield shown
    for rows in found.values():
        if not rows[0].is_count:
            yield from _extremes(analysis, rows)
    if not found:
        yield Rows(analysis.id, analysis.label).failed("lowest", NOBODY, "The lowest of the estimates")


def _extremes(analysis: Any, rows: list[Result]) -> Iterator[Result]:
    """The lowest and the highest of the estimates, each with the level without which it is found."""
    of, known = rows[0], [(r.value, r.group) for r in rows if r.value is not None]
    make = Rows(analysis.id, analysis.label, "", {"at": of.at, "at_unit": of.at_unit, "unit": of.unit})
    for name, pick in (("lowest", min), ("highest", max)):
        method = f"The {name} of {len(rows)} estimates, each without one level of {analysis.over}"
        if len(known) < len(rows):
            missing = f"not estimable in {len(rows) - len(known)} of {len(rows)}"
            yield make.failed(f"{of.statistic}_{name}", missing, method)
        else:
            value, group = pick(known)
            yield make.value(f"{of.statistic}_{name}", value, f"{method}: {group.partition('=')[2]}")
