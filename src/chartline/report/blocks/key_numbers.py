"""The large numbers under the title, as the protocol lists them in `report.key_numbers`."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.cells import result_label
from chartline.report.document import Block, KeyNumbers
from chartline.report.source import ReportSource
from chartline.results.model import Result


def build(source: ReportSource) -> list[Block]:
    items = []
    for key in source.protocol.report.key_numbers:
        declared = source.protocol.headline.get(key)
        result = source.asked(declared) if declared else None
        if result is not None:
            items.append((fmt.with_unit(result), result_label(source, result), _note(result), result.id))
    return [KeyNumbers(tuple(items))] if items else []


def _note(result: Result) -> str:
    """Return n/N and the interval: "19/32; 95% CI 40.6 to 76.3"."""
    parts = []
    if result.unit == "proportion" and result.statistic == "proportion":
        parts.append(fmt.ratio(result.n, result.N))
    ends = fmt.interval(result)
    parts += [f"{fmt.level(result)} {ends}"] if ends else []
    return "; ".join(parts)
