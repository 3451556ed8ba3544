"""Rows for follow-up: the reverse Kaplan-Meier curve, and how complete follow-up is (Clark's C)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import EventTable, ValueTable
from chartline.results.model import Result
from chartline.stats.groups import group_of, groups_by, left_out
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.kinds.survival import curves as curves
from chartline.stats.kinds.survival import estimate_survival
from chartline.stats.statistic import NotEstimable
from chartline.stats.survival.follow_up import estimate_completeness

_METHOD = "Person-time observed of that possible until the cut-off (Clark)"


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the rows of the reverse Kaplan-Meier estimate and the completeness index, for everyone and by group."""
    table = source.table(analysis.id, EventTable)
    yield from estimate_survival(table, analysis)
    lost = source.table(f"{analysis.id}.lost_days", ValueTable)
    for pattern in ((), *groups_by(table, analysis.by)):
        part = table.select(pattern)
        shared = {
            "N": part.n,
            "missing": part.missing,
            "warnings": left_out(part.missing, 0, "without a time left out"),
        }
        rows = Rows(analysis.id, analysis.label, group_of(pattern), shared)
        observed = sum(day * (sum(row[1:]) - row[0]) for (_, day), row in part.rows.items())
        never_seen = sum(days * n for days, n in lost.select(pattern).items())

        def index(rows: Rows = rows, seen: float = observed, rest: float = never_seen) -> Iterator[Result]:
            if source.protocol.data.cut_off is None:
                raise NotEstimable("the data have no cut-off day, so the possible person-time is not known")
            found = estimate_completeness(float(seen), seen + rest)
            yield rows.value("completeness", found.ratio, _METHOD, unit="proportion")

        yield from rows.tried("completeness", _METHOD, index)
