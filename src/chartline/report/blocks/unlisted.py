"""Many patients: that the report does not list them, and where they stand."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.document import Block, Paragraph
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    if not source.unlisted:
        return []
    text = (
        f"This report counts {fmt.whole(source.unlisted)} patients and lists none of them one by one: there is no plot "
        "of each patient's course and no table of patients. The folder adam and trace.parquet, beside this report, "
        "have every patient; `chartline explain` and `chartline timeline` show one."
    )
    return [Paragraph(text, "notice")]
