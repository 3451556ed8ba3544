"""Counts in, results out: for each analysis of the protocol its rows, then the tables that the report needs.

Nothing here knows a person. A number that cannot be computed is a row with its reason; what a reader should mind
(somebody missing, withheld, nobody censored) is a warning on the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chartline.counts.model import AttritionTable, Counts, CrossTab, ValueTable
from chartline.protocol.model import set_tallies
from chartline.protocol.names import levels_in_order
from chartline.results.model import Result
from chartline.stats.cycles import estimate_cycles
from chartline.stats.groups import group_of
from chartline.stats.kinds.categories import estimate_bands, estimate_categories
from chartline.stats.kinds.source import Source
from chartline.stats.kinds.summary import estimate_summary
from chartline.stats.kinds.tally import count
from chartline.stats.kinds.wording import Wording

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol


_CROSS_TABS = ("lab_grades", "ae_grades", "safety_components", "syndromes", "syndrome_severities")


def estimate_all(counts: Counts, protocol: Protocol) -> list[Result]:
    """Return the results of every analysis and set, then of attrition, Table 1, laboratory grades, adverse events.

    Raises `KeyError` for an analysis that was not counted, `TypeError` for counts of another kind than it needs.
    """
    rows: dict[str, list[Result]] = {}
    source = Source(counts, protocol, rows)
    for analysis in (*protocol.analyses, *set_tallies(protocol)):
        rows[analysis.id] = list(_kind(analysis).estimate(source, analysis))
    out = [r for of in rows.values() for r in of]
    out += _attrition(counts.get("selection"), "Persons in the database", "Selected")
    out += _attrition(counts.get("attrition"))
    out += _table1(counts, protocol)
    out += estimate_cycles(counts)
    out += [r for name in _CROSS_TABS for r in _cells(counts.get(name))]
    return Wording(protocol).of(out)


def estimate_one(counts: Counts, analysis: Any, protocol: Protocol, wording: Wording) -> list[Result]:
    """Return the results of one analysis that is computed from its own counts alone, as `estimate_all` would.

    `protocol` may be the parts of one that the analysis reads; its texts are said by `wording`, of the whole.
    """
    return wording.of(_kind(analysis).estimate(Source(counts, protocol), analysis))


def estimate_curves(counts: Counts, protocol: Protocol) -> dict[str, dict[str, Any]]:
    """Return, by analysis and group ("" is everyone), the curve of every analysis that draws one."""
    source = Source(counts, protocol)
    out: dict[str, dict[str, Any]] = {}
    for analysis in protocol.analyses:
        curves = getattr(_kind(analysis), "curves", None)
        if curves is not None:
            out[analysis.id] = curves(source, analysis)
    return out


def _kind(analysis: Any) -> Any:
    """The module of a kind of analysis: `estimate` makes its rows, `curves` (if it has any) what is drawn."""
    return import_module(f"chartline.stats.kinds.{analysis.kind}")


def _attrition(table: Any, first: str = "Screened", last: str = "Eligible") -> Iterator[Result]:
    """Screened, each step in and out, eligible."""
    if not isinstance(table, AttritionTable):
        return
    name = table.key.analysis
    yield count(name, "screened", table.screened, first)
    for step in table.steps:
        group = f"STEP={step.id}"
        for statistic in ("n_in", "n_no", "n_unknown", "n_out"):
            yield count(name, statistic, getattr(step, statistic), step.label, group)
    yield count(name, "eligible", table.eligible, last)


def _table1(counts: Counts, protocol: Protocol) -> Iterator[Result]:
    """Each variable of Table 1 as a summary or as categories; bands go beside the summary, as levels."""
    from chartline.protocol.names import shipped_labels

    by = protocol.report.table1_by
    for variable in protocol.report.table1:
        name = f"table1.{variable.lower()}"
        table, bands = counts.get(name), counts.get(f"{name}.bands")
        declared = protocol.characteristics.get(variable)
        label = declared.label if declared else shipped_labels(protocol).get(variable, variable)
        if isinstance(table, ValueTable):
            yield from estimate_summary(table, name, label, by)
        elif isinstance(table, CrossTab):
            yield from estimate_categories(table, name, label, by, levels_in_order(protocol, variable))
        if by and (protocol.report.table1_tests != "none" or protocol.report.table1_differences):
            from chartline.stats.kinds.table1 import compare_categories, compare_numbers

            source = Source(counts, protocol)
            if isinstance(table, ValueTable):
                yield from compare_numbers(source, table, name, label, by)
            elif isinstance(table, CrossTab):
                yield from compare_categories(source, table, name, label, by)
        if isinstance(bands, CrossTab) and declared is not None:
            yield from estimate_bands(bands, name, label, by, tuple(declared.bands))


def _cells(table: Any) -> Iterator[Result]:
    """Each cell of a cross-table as a count, its group the names and levels of its dimensions."""
    if isinstance(table, CrossTab):
        for levels, n in table.cells.items():
            yield count(table.key.analysis, "n", n, "", group_of(tuple(zip(table.dims, levels, strict=True))))
