"""Rows for the cycles of the index drug: what was planned and given a cycle, and how many departed from the plan.

In: the tables of `counts/cycles.py`. Out: of each value the statistics of a summary, of each outcome n, for all cycles
together and by cycle. The unit counted is the cycle: N are the patients who began it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import Counts, CrossTab, ValueTable
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of, groups_by, in_group, left_out
from chartline.stats.kinds.summary import estimate_summary

BY = "CYCLE"
VALUES = {
    "planned": "Planned dose, mg/m2",
    "given": "Given dose, mg/m2",
    "rdi": "Relative dose intensity, % of planned",
}
OUTCOMES = {
    "reduced": "Reduced dose",
    "late": "Begun late",
    "lacking": "Planned doses not given",
    "outside": "Doses outside the window of days",
    "flat": "Flat dose",
}


def estimate_cycles(counts: Counts) -> Iterator[Result]:
    """Yield the rows of every cycle; none where no dosing schedule is declared."""
    for what, label in VALUES.items():
        table = counts.get(f"cycles.{what}")
        if isinstance(table, ValueTable):
            yield from estimate_summary(table, f"cycles.{what}", label, BY)
    for what, label in OUTCOMES.items():
        table = counts.get(f"cycles.{what}")
        if isinstance(table, CrossTab):
            yield from _outcomes(table, f"cycles.{what}", label)


def _outcomes(table: CrossTab, analysis: str, label: str) -> Iterator[Result]:
    for pattern in ((), *groups_by(table, BY)):
        cells, group = dict(pattern), group_of(pattern)
        n, missing = (table.where(outcome=role, **cells) for role in ("counted", "missing"))
        total = table.where(**cells)
        withheld, warnings = in_group(table.withheld, group)
        shared: dict[str, Any] = {
            "group": group, "n": n, "N": total - missing, "missing": missing, "withheld": withheld, "label": label,
            "warnings": left_out(missing, withheld, "without the value left out") + warnings,
        }  # fmt: skip
        yield Result(analysis, "n", n, unit="cycles", is_count=True, **shared)
        known = total - missing
        yield Result(
            analysis, "proportion", n / known if known else None, unit="proportion",
            method="share of the cycles begun for which it is known", reason="" if known else NOBODY, **shared,
        )  # fmt: skip
