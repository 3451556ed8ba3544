"""Counts in, results out: for each analysis of the protocol its rows, then the tables that the report needs.

Nothing here knows a person. A number that cannot be computed is a row with its reason; what a reader should mind
(somebody missing, withheld, nobody censored) is a warning on the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from chartline.counts.model import AttritionTable, Counts, CrossTab, EventTable, ValueTable
from chartline.protocol.model import set_tallies
from chartline.results.model import Result
from chartline.stats.groups import group_of, groups_by
from chartline.stats.kinds.proportions import estimate_bands, estimate_categories, estimate_proportion
from chartline.stats.kinds.summary import estimate_summary
from chartline.stats.kinds.survival import curve_of, estimate_survival
from chartline.stats.survival.kaplan_meier import Curve

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol


def estimate_all(counts: Counts, protocol: Protocol) -> list[Result]:
    """Return the results of every analysis and set, then of attrition, Table 1, laboratory grades, adverse events.

    Raises `KeyError` for an analysis that was not counted, `TypeError` for counts of another kind than it needs.
    """
    rows: list[Result] = []
    for analysis in (*protocol.analyses, *set_tallies(protocol)):
        takes, estimate = _KINDS[analysis.kind]
        table = counts[analysis.id]
        if not isinstance(table, takes):
            raise TypeError(f"{analysis.id} needs a {takes.__name__}, not a {type(table).__name__}")
        rows += estimate(table, analysis, protocol)
    rows += _attrition(counts.get("attrition"))
    rows += _table1(counts, protocol)
    rows += [r for name in ("lab_grades", "ae_grades") for r in _cells(counts.get(name))]
    return rows


def estimate_curves(counts: Counts, protocol: Protocol) -> dict[str, dict[str, Curve]]:
    """Return, by analysis and group ("" is everyone), the curve of every survival and follow-up analysis."""
    out: dict[str, dict[str, Curve]] = {}
    for analysis in protocol.analyses:
        table = counts[analysis.id]
        if isinstance(table, EventTable):
            groups = [(), *groups_by(table, getattr(analysis, "by", None))]
            out[analysis.id] = {group_of(p): curve_of(table.select(p), analysis) for p in groups}
    return out


def _tally(table: CrossTab, analysis: Any, protocol: Protocol) -> Iterator[Result]:
    yield _count(analysis.id, "n", table.where(outcome="counted"), analysis.label, withheld=table.withheld)


def _categories(table: CrossTab, analysis: Any, protocol: Protocol) -> Iterator[Result]:
    order = _declared_order(protocol, analysis.variable)
    yield from estimate_categories(table, analysis.id, analysis.label, analysis.by, order)


def _summary(table: ValueTable, analysis: Any, protocol: Protocol) -> Iterator[Result]:
    yield from estimate_summary(table, analysis.id, analysis.label, analysis.by)


def _proportion(table: CrossTab, analysis: Any, protocol: Protocol) -> Iterator[Result]:
    yield from estimate_proportion(table, analysis.id, analysis.label, analysis.by, analysis.interval)


def _survival(table: EventTable, analysis: Any, protocol: Protocol) -> Iterator[Result]:
    yield from estimate_survival(table, analysis)


# What each kind of analysis takes, and what estimates it.
_KINDS: dict[str, tuple[type, Callable[[Any, Any, Protocol], Iterator[Result]]]] = {
    "tally": (CrossTab, _tally),
    "proportion": (CrossTab, _proportion),
    "categories": (CrossTab, _categories),
    "summary": (ValueTable, _summary),
    "survival": (EventTable, _survival),
    "follow_up": (EventTable, _survival),
}


def _attrition(table: Any) -> Iterator[Result]:
    """Screened, each step in and out, eligible."""
    if not isinstance(table, AttritionTable):
        return
    yield _count("attrition", "screened", table.screened, "Screened")
    for step in table.steps:
        group = f"STEP={step.id}"
        for statistic in ("n_in", "n_no", "n_unknown", "n_out"):
            yield _count("attrition", statistic, getattr(step, statistic), step.label, group)
    yield _count("attrition", "eligible", table.eligible, "Eligible")


def _table1(counts: Counts, protocol: Protocol) -> Iterator[Result]:
    """Each variable of Table 1 as a summary or as categories; bands go beside the summary, as levels."""
    from chartline.protocol.names import label_of

    by = protocol.report.table1_by
    for variable in protocol.report.table1:
        name = f"table1.{variable.lower()}"
        table, bands = counts.get(name), counts.get(f"{name}.bands")
        declared = protocol.characteristics.get(variable)
        label = declared.label if declared else label_of(variable) or variable
        if isinstance(table, ValueTable):
            yield from estimate_summary(table, name, label, by)
        elif isinstance(table, CrossTab):
            yield from estimate_categories(table, name, label, by, _declared_order(protocol, variable))
        if isinstance(bands, CrossTab) and declared is not None:
            yield from estimate_bands(bands, name, label, by, tuple(declared.bands))


def _cells(table: Any) -> Iterator[Result]:
    """Each cell of a cross-table as a count, its group the names and levels of its dimensions."""
    if isinstance(table, CrossTab):
        for levels, n in table.cells.items():
            yield _count(table.key.analysis, "n", n, "", group_of(tuple(zip(table.dims, levels, strict=True))))


def _declared_order(protocol: Protocol, variable: str) -> tuple[str, ...]:
    declared = protocol.characteristics.get(variable)
    return declared.categories if declared else ()


def _count(analysis: str, statistic: str, n: int, label: str, group: str = "", withheld: int = 0) -> Result:
    return Result(
        analysis, statistic, n, group=group, unit="patients", n=n, is_count=True, label=label, withheld=withheld
    )
