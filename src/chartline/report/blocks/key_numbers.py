"""The large numbers under the title, as the protocol lists them in `report.key_numbers`."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.cells import result_label, unknown_in
from chartline.report.document import Block, KeyNumbers
from chartline.report.source import ReportSource
from chartline.results.model import Result


def build(source: ReportSource) -> list[Block]:
    items = []
    for key in source.protocol.report.key_numbers:
        declared = source.protocol.headline.get(key)
        result = source.asked(declared) if declared else None
        if result is not None:
            items.append((fmt.with_unit(result), result_label(source, result), _note(source, result), result.id))
    return [KeyNumbers(tuple(items))] if items else []


def _note(source: ReportSource, result: Result) -> str:
    """Return n/N, of how many it is not known, and the interval: "2/14 (12 unknown); 95% CI 1.8 to 42.8"; of a time
    "95% CI 3.9 to 9.9; 2 unknown"."""
    unknown, ends = unknown_in(source, result), fmt.interval(result)
    shown = f"{fmt.level(result)} {ends}" if ends else ""
    if result.unit == "proportion" and result.statistic == "proportion":
        return "; ".join(filter(None, (fmt.ratio(result.n, result.N) + (f" ({unknown})" if unknown else ""), shown)))
    return "; ".join(filter(None, (shown, unknown)))
