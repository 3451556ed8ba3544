"""headline.json: the few numbers a study is known by, each with its denominator, definition and result id.

    {"study": ..., "protocol_digest": ..., "data_digest": ...,
     "headline": {"cr_cri_rate": {"label", "n", "N", "estimate", "lower", "upper", "unit", "missing", "method",
                                  "definition", "result_id"},
                  "orr": {..., "not_evaluable"},   of a response rate, where some are
                  "screened": {"label", "n", "unit", "definition", "result_id"}}}

Times are in months, rates are proportions, nothing is rounded. A number that could not be computed has `estimate` null
and a `reason` beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chartline.errors import ProtocolError
from chartline.results.model import Result, Results
from chartline.results.unknown import not_evaluable_in
from chartline.results.wording import title_in

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol
    from chartline.protocol.reporting import Headline


def build_headline(results: Results, protocol: Protocol) -> dict[str, Any]:
    """Return the content of headline.json in the protocol's order.

    Raises `ProtocolError` for a statistic that its analysis does not have, or a unit that is not the statistic's.
    """
    return {
        "study": protocol.study.id,
        "protocol_digest": results.protocol_digest,
        "data_digest": results.data_digest,
        "headline": {key: _entry(key, h, results, protocol) for key, h in protocol.headline.items()},
    }


def _entry(key: str, asked: Headline, results: Results, protocol: Protocol) -> dict[str, Any]:
    result = results.get(asked.analysis, asked.statistic, asked.at, asked.group)
    if result is None:
        raise _no_such(key, asked, results.of(asked.analysis))
    if asked.unit and result.unit and asked.unit != result.unit:
        raise ProtocolError(
            f"{asked.analysis} {asked.statistic} is in {result.unit}, not in {asked.unit}",
            where=f"headline.{key}",
            do=f"write unit: {result.unit}, or leave it out",
        )
    unit, definition = asked.unit or result.unit, protocol.analysis(asked.analysis).definition
    label = title_in(protocol, result)
    if result.is_count:
        return {"label": label, "n": result.n, "unit": unit, "definition": definition, "result_id": result.id}
    entry = _estimate(result, label, unit, definition)
    none = not_evaluable_in(result, protocol, lambda a, s, g: results.get(a, s, group=g))
    return {**entry, "not_evaluable": none} if none else entry


def _no_such(key: str, asked: Headline, rows: list[Result]) -> ProtocolError:
    """What the analysis does have: its statistics in that group, or the groups of that statistic."""
    of = f" of {asked.group}" if asked.group else ""
    at = f" at {asked.at:g}" if asked.at is not None else ""
    known = dict.fromkeys(r.statistic for r in rows if r.group == asked.group)
    groups = dict.fromkeys(r.group for r in rows if r.statistic == asked.statistic and r.group)
    return ProtocolError(
        f"{asked.analysis} has no statistic `{asked.statistic}`{of}{at}",
        where=f"headline.{key}",
        expected=f"`group`, one of: {', '.join(groups)}" if groups else f"one of: {', '.join(known)}",
        do="correct the group" if groups else "correct the statistic",
    )


def _estimate(result: Result, label: str, unit: str, definition: str) -> dict[str, Any]:
    entry = {
        "label": label,
        "n": result.n,
        "N": result.N,
        "estimate": result.value,
        "lower": result.lower,
        "upper": result.upper,
        "unit": unit,
        "missing": result.missing,
        "method": result.method,
        "definition": definition,
        "result_id": result.id,
    }
    return entry if result.value is not None else {**entry, "reason": result.reason}
