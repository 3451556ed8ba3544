"""What the reader must know first: what must hold whatever the data, and does not."""

from __future__ import annotations

from chartline.protocol.names import sentence_start
from chartline.report import format as fmt
from chartline.report.cells import sentence_case
from chartline.report.document import Block, Paragraph
from chartline.report.source import AssertionLine, ReportSource

_NAMED = 5  # more breaches of one comparison than this are counted here and listed in assertions.csv


def build(source: ReportSource) -> list[Block]:
    return [Paragraph(_text(line, source.protocol.report.patient_level), "notice") for line in source.assertions]


def _text(line: AssertionLine, named: bool) -> str:
    n = len(line.breaches)
    said = sentence_case(line.sentence).rstrip(".")
    verb = "breaches" if n == 1 else "breach"
    what = f"An assertion does not hold: {said}. {sentence_start(line.on)}: {n} of {line.n} {verb} it"
    told_of = [b for b in line.breaches if named or not b[0]]
    shown = [f"{subject} ({numbers})" if subject else numbers for subject, numbers in told_of]
    more = f"; and {fmt.whole(n - _NAMED)} more" if len(shown) > _NAMED else ""
    told = f": {'; '.join(shown[:_NAMED])}{more}" if shown else ""
    return f"{what}{told}. What rests on these dates and counts is in doubt; assertions.csv has every verdict."
