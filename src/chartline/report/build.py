"""The report's contents in journal order: results in, one document out.

A block that has nothing to show returns nothing. Tables and figures are numbered here, in the order they appear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chartline.report.blocks import (
    amendments,
    assertions,
    code_lists,
    comparisons,
    competing,
    cycles,
    exposure,
    flow,
    grading_versions,
    intercurrent,
    key_numbers,
    methods,
    mrd,
    multistate,
    multiverse,
    overrides,
    planning,
    predicted,
    provenance,
    published,
    queries,
    query_board,
    response,
    response_sets,
    robustness,
    rule_sets,
    safety,
    sensitivity,
    summary,
    survival,
    swimmer,
    syndromes,
    table1,
    toxicity,
    transplant,
    unlisted,
    withheld,
)
from chartline.report.cells import result_title
from chartline.report.document import Block, Document, Figure, KeyNumbers, Paragraph, Table
from chartline.report.source import ReportSource
from chartline.report.typeset import typeset_block

Build = Callable[[ReportSource], list[Block]]

BLOCKS: tuple[Build, ...] = (
    key_numbers.build,
    assertions.build,
    withheld.build,
    overrides.build_first_line,
    summary.build,
    methods.build,
    flow.build,
    table1.build,
    exposure.build,
    cycles.build,
    response.build,
    response_sets.build,
    mrd.build,
    survival.build,
    competing.build,
    swimmer.build,
    unlisted.build,
    transplant.build,
    intercurrent.build,
    multistate.build,
    safety.build,
    grading_versions.build,
    toxicity.build,
    syndromes.build,
    comparisons.build,
    predicted.build,
    sensitivity.build,
    robustness.build,
    planning.build,
    multiverse.build,
    published.build,
    rule_sets.build,
    code_lists.build,
    queries.build,
    query_board.build,
    amendments.build,
    overrides.build,
    provenance.build,
)
CONTENTS: dict[str, tuple[Build, ...]] = {"report": BLOCKS, "multiverse": (multiverse.build, provenance.build)}
QUOTING: tuple[Build, ...] = (
    assertions.build,
    code_lists.build,
    queries.build,
    amendments.build,
    overrides.build,
    provenance.build,
)


def build_document(source: ReportSource, what: str = "report") -> Document:
    """Return the report of a run, or of its multiverse alone, as a document for the three writers."""
    study = source.protocol.study
    blocks = _numbered([block for build in CONTENTS[what] for block in _typeset(build, source)])
    return Document(
        title=study.title,
        subtitle=_subtitle(source),
        notice=study.notice,
        blocks=blocks,
        footer=_footer(source),
        short_title=study.short_title,
        patient_level=source.protocol.report.patient_level,
        result_titles=_titles(source, blocks),
    )


def _typeset(build: Build, source: ReportSource) -> list[Block]:
    """Return the blocks with units typeset; blocks that quote source files are left as they are."""
    blocks = build(source)
    return blocks if build in QUOTING else [typeset_block(b) for b in blocks]


def _numbered(blocks: list[Block]) -> tuple[Block, ...]:
    """Return the blocks with "Table 1", "Table 2", "Figure 1", ... in order."""
    out: list[Block] = []
    tables = figures = 0
    for block in blocks:
        if isinstance(block, Table):
            tables += 1
            block = replace(block, number=f"Table {tables}")
        elif isinstance(block, Figure):
            figures += 1
            block = replace(block, number=f"Figure {figures}")
        out.append(block)
    return tuple(out)


def _subtitle(source: ReportSource) -> str:
    study, data = source.protocol.study, source.protocol.data
    cut_off = [f"Data cut-off {data.cut_off.day} {data.cut_off:%B %Y}"] if data.cut_off else []
    return ". ".join([*([", ".join(study.authors)] if study.authors else []), study.id, *cut_off]) + "."


def _footer(source: ReportSource) -> str:
    digests = f"protocol {source.results.protocol_digest[:12]}, data {source.results.data_digest[:12]}"
    versions = ", ".join(f"{name} {version}" for name, version in source.versions if name == "chartline")
    return "; ".join(t for t in (source.protocol.study.id, digests, versions) if t)


def _titles(source: ReportSource, blocks: tuple[Block, ...]) -> dict[str, str]:
    """Return result id -> definition and method, of the results that are printed."""
    used: dict[str, None] = {}
    for block in blocks:
        if isinstance(block, Table):
            used.update((c.result_id, None) for row in block.rows for c in row if c.result_id)
        elif isinstance(block, Paragraph):
            used.update((i, None) for i in block.result_ids)
        elif isinstance(block, KeyNumbers):
            used.update((item[3], None) for item in block.items if item[3])
    return {i: result_title(source, source.results[i]) for i in used}
