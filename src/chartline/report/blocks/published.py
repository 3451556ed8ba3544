"""As published and as computed: each number of another publication beside ours, with the definition used.

Ours is written in the style of theirs (same decimals, same parts), so that "agrees" means: equal at the precision
that was printed. No test is made.
"""

from __future__ import annotations

import re
from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import cell
from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import ReportSource
from chartline.results.model import Result

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_PART = re.compile(
    r"(?P<pct>\d+(?:\.\d+)?)\s*%|(?P<ratio>\d+\s*/\s*\d+)|n\s*=\s*(?P<n>\d++)(?!\s*/)"
    r"|(?P<word>\b(?:" + "|".join(_WORDS) + r")\b)|(?P<number>\d+(?:\.\d+)?)",
    re.IGNORECASE,
)


def build(source: ReportSource) -> list[Block]:
    rows = [_row(source, p) for p in source.protocol.published]
    if not rows:
        return []
    cited = source.protocol.published_source
    return [
        Heading("As published and as computed"),
        *([Paragraph(f"Published numbers: {cited}.")] if cited else []),
        Table(
            number="Table",
            caption="Each published number beside ours.",
            header=("Item", "As published", "As computed", "Agrees", "Estimate (95% CI)", "Definition used here"),
            rows=tuple(rows),
            align="llllll",
            widths=(1.9, 1.6, 1.6, 0.85, 2.0, 3.6),
            notes=(
                "As computed: our value written as the publication wrote its own. Agrees: equal at the precision "
                "printed. The publication printed no definitions unless noted; the definition is ours.",
            ),
        ),
    ]


def _row(source: ReportSource, item: Any) -> tuple[Cell, ...]:
    result = _result(source, item)
    if result is None:
        return (
            Cell(item.item),
            Cell(item.printed),
            Cell("not computed"),
            Cell(fmt.DASH),
            Cell(fmt.DASH),
            Cell(item.note),
        )
    ours = restyle(item.printed, result)
    agrees = fmt.DASH if ours is None else "yes" if ours == item.printed else "no"
    declared: Any = source.declared(result.analysis)
    definition = " ".join(t for t in (getattr(declared, "definition", ""), item.note) if t)
    ends = fmt.span(result)
    return (
        Cell(item.item),
        Cell(item.printed),
        Cell(ours or fmt.value(result), result.id),
        Cell(agrees, bold=agrees == "no"),
        cell(result, f"{fmt.value(result)} ({ends})" if ends else ""),
        Cell(definition),
    )


def _result(source: ReportSource, item: Any) -> Result | None:
    if item.headline:
        named = source.protocol.headline.get(item.headline)
        return source.asked(named) if named else None
    return source.asked(item)


def restyle(printed: str, result: Result) -> str | None:
    """Return `printed` with its numbers replaced by ours; None where it holds no number, or ours has no value.

    "59.4% (n = 19)" and 20/32 give "62.5% (n = 20)"; "median of two cycles" and 3 give "median of three cycles".
    """
    if result.value is None or not _PART.search(printed):
        return None
    return _PART.sub(lambda m: _ours(m, result), printed)


def _ours(match: re.Match[str], result: Result) -> str:
    found = match.groupdict()
    value = float(result.value or 0)
    if found["pct"] is not None and result.unit == "proportion":
        return fmt.percent_bare(value, _decimals(found["pct"])) + match.group().replace(found["pct"], "", 1)
    if found["ratio"] is not None and result.n is not None and result.N is not None:
        return f"{result.n}/{result.N}"
    if found["n"] is not None and result.n is not None:
        return match.group().replace(found["n"], str(result.n), 1)
    if found["word"] is not None:
        return _WORDS[int(value)] if value.is_integer() and 0 <= value < len(_WORDS) else fmt.plain(value)
    if found["number"] is not None and result.unit != "proportion":
        return fmt.number(value, _decimals(found["number"]))
    return match.group()


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])
