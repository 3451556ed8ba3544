"""From a study that was read to its multiverse: every specification counted and estimated, and what moves each number.

Every combination of options is a specification. Its protocol shares with the others what no chosen option changes, so
that of `derive`, `counts` and `stats` only what differs is made again; centres are left out by adding the counts of
the others. Nothing is approximated: a specification's numbers are those of a run of its protocol.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chartline.core.kept import Kept, only
from chartline.counts.model import Counts
from chartline.derive.rule_sets import check_rule_sets
from chartline.errors import ProtocolError
from chartline.multiverse.centres import WHOLE
from chartline.multiverse.patients import count_specification, is_simple
from chartline.protocol.model import Protocol
from chartline.protocol.reporting import Headline
from chartline.protocol.specify import NONE_LEFT_OUT, Choice, Specifications, outcome_of
from chartline.results.model import Result
from chartline.results.multiverse import Multiverse, Outcome, Sway, SwitchOptions
from chartline.stats.estimate import estimate_one
from chartline.stats.kinds.wording import Wording
from chartline.stats.sensitivity.specifications import decompose_specifications
from chartline.stats.statistic import NotEstimable
from chartline.study import StudyData

Counted = dict[str, dict[str, Counts]]  # analysis -> world -> its tables


def estimate_multiverse(study: StudyData, file: str = "") -> Multiverse:
    """Return every specification of the study's protocol. `file` is the protocol's, for what an error says.

    Raises `ProtocolError` where the protocol has no multiverse, where two options together make no valid protocol,
    and for an outcome that its analysis does not have.
    """
    protocol = study.protocol
    if protocol.multiverse is None:
        raise ProtocolError(
            "The protocol declares no multiverse", where=file, expected="the key `multiverse`",
            do="declare the outcomes and switches: see docs/protocol.md",
        )  # fmt: skip
    specifications = Specifications(protocol, file, check_rule_sets)
    specifications.check_pairs()
    asked = {name: outcome_of(protocol, name, file) for name in protocol.multiverse.outcomes}
    results, rows = _results(study, specifications, asked)
    shape = tuple(map(len, specifications.options))
    return Multiverse(
        switches=_switches(specifications),
        outcomes=tuple(_outcome(name, of, specifications, shape) for name, of in results.items()),
        rows=tuple(rows),
        study=protocol.study.id,
        protocol_digest=study.protocol_digest,
        data_digest=study.data_digest,
    )


def _results(
    study: StudyData, specifications: Specifications, asked: dict[str, Headline]
) -> tuple[dict[str, list[Result]], list[Result]]:
    """Return outcome -> its result under each specification, and all rows of the analyses under the reference."""
    keep, estimated = Kept(), _Estimates(Wording(specifications.protocol))
    analyses = tuple(dict.fromkeys(h.analysis for h in asked.values()))
    centre = specifications.leaving_out
    without = specifications.options[centre][1:] if centre is not None else ()
    counted: dict[Choice, tuple[Protocol, dict[str, Any], Counted]] = {}
    out: dict[str, list[Result]] = {name: [] for name in asked}
    for choice in specifications.choices():
        derived = tuple(0 if at == centre else o for at, o in enumerate(choice))
        if derived not in counted:
            under = specifications.under(derived)
            declared = {name: under.analysis(name) for name in analyses}
            counted[derived] = under, declared, count_specification(study, under, analyses, without, keep)
        protocol, declared, tables = counted[derived]
        world = WHOLE if centre is None or not choice[centre] else without[choice[centre] - 1]
        for name, h in asked.items():
            out[name].append(estimated.one(tables[h.analysis][world], h, declared[h.analysis], protocol))
    reference, declared, first = next(iter(counted.values()))
    rows = [r for a in analyses for r in estimated.rows(first[a][WHOLE], declared[a], reference)]
    return out, rows


class _Estimates:
    """The results of counts, estimated once for the same counts and analysis."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self._rows: dict[tuple[int, int, int], list[Result]] = {}
        self._alive: list[Any] = []

    def rows(self, counts: Counts, analysis: Any, protocol: Protocol) -> list[Result]:
        read = protocol.characteristics if is_simple(analysis) else protocol
        key = (id(counts), id(analysis), id(read))
        if key not in self._rows:
            self._alive.append((counts, analysis, read))  # an object's id is its own only while it lives
            given = only(protocol, "characteristics") if is_simple(analysis) else protocol
            self._rows[key] = estimate_one(counts, analysis, given, self._wording)
        return self._rows[key]

    def one(self, counts: Counts, asked: Headline, analysis: Any, protocol: Protocol) -> Result:
        rows = self.rows(counts, analysis, protocol)
        for r in rows:
            if (r.statistic, r.at, r.group) == (asked.statistic, asked.at, asked.group):
                return r
        known = dict.fromkeys(r.statistic for r in rows if r.group == asked.group)
        raise ProtocolError(
            f"{asked.analysis} has no statistic `{asked.statistic}`" + (f" at {asked.at:g}" if asked.at else ""),
            where="multiverse.outcomes",
            expected=f"one of: {', '.join(known)}",
            do="correct the outcome",
        )


def _switches(specifications: Specifications) -> tuple[SwitchOptions, ...]:
    declared = specifications.protocol.multiverse
    assert declared is not None
    labels = {c.id: c.label or c.id for c in specifications.protocol.data.centres}
    labels[NONE_LEFT_OUT] = "none"
    out = []
    for name, options in zip(specifications.names, specifications.options, strict=True):
        switch = declared.switches[name]
        shown = tuple(labels[o] for o in options) if switch.leave_out else options
        out.append(SwitchOptions(name, switch.label, options, shown))
    return tuple(out)


def _outcome(name: str, results: list[Result], specifications: Specifications, shape: Choice) -> Outcome:
    try:
        grid = np.array([np.nan if r.value is None else r.value for r in results]).reshape(shape)
        parts = decompose_specifications(grid)
    except NotEstimable:
        parts = None
    ids = _ids(results).reshape(shape)
    sways = []
    for axis, switch in enumerate(specifications.names):
        alone, option = _alone(results, specifications.options[axis], shape, axis)
        sways.append(
            Sway(
                switch=switch,
                moves=bool((ids != np.take(ids, [0], axis=axis)).any()),
                means=tuple(_known(m) for m in parts.means[axis]) if parts else (None,) * shape[axis],
                spread=_known(parts.spread[axis]) if parts else None,
                share=_known(parts.share[axis]) if parts else None,
                alone=alone,
                alone_option=option,
            )
        )
    return Outcome(name, tuple(results), tuple(sways), _known(parts.interaction) if parts else None)


def _ids(results: list[Result]) -> Any:
    """Number the results so that equal ones have one number."""
    numbers: dict[tuple[Any, ...], int] = {}
    return np.array([numbers.setdefault((r.value, r.lower, r.upper, r.n, r.N), len(numbers)) for r in results])


def _alone(results: list[Result], options: tuple[str, ...], shape: Choice, axis: int) -> tuple[float | None, str]:
    """The largest change from the reference where one switch alone is changed, and the option that makes it."""
    stride = int(np.prod(shape[axis + 1 :], dtype=np.int64))
    reference = results[0].value
    changes = [
        (results[o * stride].value - reference, options[o])  # type: ignore[operator]
        for o in range(1, shape[axis])
        if reference is not None and results[o * stride].value is not None
    ]
    most = max(changes, key=lambda c: abs(c[0]), default=None)
    return (None, "") if most is None else (most[0], most[1] if most[0] else "")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
