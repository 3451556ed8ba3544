"""Provenance: every input with its fingerprint, the versions, and the digests printed on every output."""

from __future__ import annotations

from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import ReportSource

_SHOWN = 12  # leading hex digits; the whole sha256 is in study.lock


def build(source: ReportSource) -> list[Block]:
    facts = [v for v in source.versions if not v[0].endswith("digest")]
    facts += [("Protocol digest", source.results.protocol_digest[:_SHOWN])]
    facts += [("Data digest", source.results.data_digest[:_SHOWN])]
    facts += [(f.name, f.sha256[:_SHOWN]) for f in source.inputs]
    rows = [(Cell(name), Cell(value)) for name, value in facts]
    return [
        Heading("Provenance"),
        Paragraph(
            "The same inputs, protocol and versions give the same report. Complete fingerprints are in study.lock."
        ),
        Table(
            number="Table",
            caption="Inputs, digests and versions.",
            header=("Name", "Fingerprint (sha256, first 12) or version"),
            rows=tuple(rows),
            align="ll",
            widths=(5, 3),
        ),
    ]
