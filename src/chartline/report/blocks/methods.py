"""The methods, in the sentences that `protocol/describe.py` made from the protocol."""

from __future__ import annotations

from chartline.report.document import Block, Heading, Paragraph
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    if not source.methods:
        return []
    out: list[Block] = [Heading("Methods")]
    for heading, sentences in source.methods:
        out += [Heading(heading, 2), Paragraph(" ".join(sentences))]
    return out
