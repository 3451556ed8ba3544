"""Rows of P values adjusted for multiple testing; the P values are rows of analyses declared before.

The method of each row names the family: every P value that was adjusted together with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chartline.protocol.names import ADJUSTMENTS
from chartline.results.model import Result
from chartline.results.wording import group_words
from chartline.stats.groups import group_of
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.sensitivity.multiplicity import adjust_p


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the adjusted P value of each; one that could not be computed is not among those adjusted for."""
    named = [(name, _p_value(source, name)) for name in analysis.of]
    known = [(name, row) for name, row in named if row is not None and row.value is not None]
    adjusted = adjust_p([row.value for _, row in known], analysis.method).tolist()
    value_of = {name: float(p) for (name, _), p in zip(known, adjusted, strict=True)}
    labels = {name: _label(source, name, row) for name, row in named}
    method = _method(analysis.method, [labels[name] for name, _ in known])
    for name, row in named:
        rows = Rows(analysis.id, labels[name], group_of((("OF", name),)))
        reason = "" if name in value_of else row.reason if row is not None else f"{name} has no P value"
        yield rows.value("p_adjusted", value_of.get(name), method, reason=reason, unit="P")


def _method(method: str, family: list[str]) -> str:
    """The adjustment, and the family: who reads one row sees for how many and for which tests it was adjusted."""
    if not family:
        return f"Adjusted by {ADJUSTMENTS[method]}; no P value in the family"
    one = "P value" if len(family) == 1 else "P values"
    return f"Adjusted by {ADJUSTMENTS[method]}; family of {len(family)} {one}: {'; '.join(family)}"


def _p_value(source: Source, name: str) -> Result | None:
    """The P value an entry names: the result of that id, or the first P value of that analysis (or why it has none)."""
    for row in source.rows.get(name.split("/")[0], []):
        if name in (row.analysis, row.id) and (row.statistic in ("p", "model") or row.statistic.startswith("p_")):
            return row
    return None


def _label(source: Source, name: str, row: Result | None) -> str:
    """The analysis, and which of its P values: of a group, or the name of its test."""
    label: str = source.protocol.analysis(name.split("/")[0]).label
    if row is None or row.statistic == "model":
        return label
    return f"{label}: {group_words(source.protocol, row.group) or re.split('[,;:]', row.method)[0]}"
