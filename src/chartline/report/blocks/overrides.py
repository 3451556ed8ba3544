"""What reviewers set in place of derived values, and what follows from it; the derived value stands beside each."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import ReportSource

_LISTED = 200


def build_first_line(source: ReportSource) -> list[Block]:
    """Say on the first page how many derived values a person set."""
    n = sum(not o.follows for o in source.overrides)
    if not n:
        return []
    later = len(source.overrides) - n
    text = f"{fmt.plural(n, 'derived value was', 'derived values were')} set by a reviewer"
    text += (
        f"; {fmt.plural(later, 'other value follows', 'other values follow')} from {'it' if n == 1 else 'them'}"
        if later
        else ""
    )
    listed = " What was derived without is listed under Reviewers' overrides."
    return [Paragraph(f"{text}.{listed if source.protocol.report.patient_level else ''}", "notice")]


def build(source: ReportSource) -> list[Block]:
    if not source.overrides:
        return []
    n = sum(not o.follows for o in source.overrides)
    text = (
        f"{fmt.plural(n, 'value was', 'values were')} set by a reviewer, and all that rests on "
        f"{'it' if n == 1 else 'them'} was derived again. What would have been derived stands beside each value."
    )
    heading = Heading("Reviewers' overrides")
    if not source.protocol.report.patient_level:
        return [heading, Paragraph(text)]
    rows = [
        (
            Cell(o.subject),
            Cell(o.what),
            Cell(o.derived or fmt.DASH),
            Cell(o.value or fmt.DASH),
            Cell("follows" if o.follows else o.reason),
            Cell("" if o.follows else f"{o.by}, {o.on}"),
        )
        for o in source.overrides[:_LISTED]
    ]
    more = len(source.overrides) - _LISTED
    return [
        heading,
        Paragraph(text),
        Table(
            number="Table",
            caption="Values set by a reviewer, and what follows from them.",
            header=("Patient", "Value", "Derived", "Set to", "Reason", "By, on"),
            rows=tuple(rows),
            align="llllll",
            widths=(0.75, 2.4, 1.2, 1.2, 2.3, 1.6),
            notes=(f"{fmt.whole(more)} more are in overrides.csv.",) if more > 0 else (),
        ),
    ]
