"""The protocol under every combination of the options of its multiverse.

An option is a set of changes: path -> value. A path that leads nowhere, two switches that change one thing, and an
option under which the protocol is not valid are errors when the protocol is loaded, with their line.

The protocols of a multiverse share what they have in common: a part that no chosen option changes is the very same
object in all of them, so that whatever was made of it once need not be made again (`core/kept.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, product
from math import prod
from typing import Any

from pydantic import BaseModel, ValidationError

from chartline.core.faults import told
from chartline.errors import ProtocolError
from chartline.protocol.analyses import DateBounds, EValue, LeaveOneOut, Multiplicity, Power, Precision
from chartline.protocol.model import Protocol
from chartline.protocol.multiverse import Multiverse
from chartline.protocol.place import Place, check_known, unknown
from chartline.protocol.reporting import Headline
from chartline.protocol.resolve import resolve

LIMIT = 50_000  # specifications; no reader takes in more, and a slip of the pen soon makes millions
NONE_LEFT_OUT = "none"
_FIXED = (
    *(
        "chartline",
        "study",
        "data",
        "checks",
        "own_checks",
        "headline",
        "published",
        "published_source",
        "report",
        "multiverse",
    ),
)
_NAMED = (  # whose items are changed one by one
    *("characteristics", "eligibility", "milestones", "response_variants", "laboratory_variants", "ae_groups"),
    "safety_flags",
    *("endpoints", "sets"),
    "analyses",
)
_OF_OTHERS = (LeaveOneOut, Multiplicity, EValue, Precision, Power)
_RESULT = re.compile(r"(?P<analysis>[^/@]+)/(?:(?P<group>[^@]+)/)?(?P<statistic>[^/@]+)(?:@(?P<at>[0-9.]+))?")
Choice = tuple[int, ...]  # the number of the option of each switch
Steps = tuple[str | int, ...]


def check_multiverse(protocol: Protocol, file: str) -> None:
    """Raise `ProtocolError` for what the multiverse names and the protocol has not, or cannot have."""
    if protocol.multiverse is not None:
        for name in protocol.multiverse.outcomes:
            outcome_of(protocol, name, file)
        Specifications(protocol, file)


def outcome_of(protocol: Protocol, name: str, file: str = "") -> Headline:
    """Return which statistic of which analysis an outcome is: a headline key, or `analysis/group/statistic@at`."""
    where = Place(file, ("multiverse", "outcomes"))
    result = _RESULT.fullmatch(name)
    if result is None:
        check_known(name, list(protocol.headline), "headline key", where)
        found = protocol.headline[name]
    else:
        check_known(result["analysis"], [a.id for a in protocol.analyses], "analysis", where)
        at = float(result["at"]) if result["at"] else None
        group = result["group"] or ""
        found = Headline(analysis=result["analysis"], statistic=result["statistic"], at=at, group=group)
    analysis = protocol.analysis(found.analysis)
    if isinstance(analysis, DateBounds):
        raise ProtocolError(
            f"{analysis.id} sets estimates side by side, so it is no outcome of a multiverse",
            where=str(where),
            expected=f"an analysis of kind survival of {analysis.endpoint}",
            do="name that one; `partial_dates` can be a switch",
        )
    if isinstance(analysis, _OF_OTHERS):
        raise ProtocolError(
            f"{analysis.id} is computed from other analyses, so it is no outcome of a multiverse",
            where=str(where),
            expected="an analysis that is counted",
            do="name the analyses it is computed from",
        )
    return found


class Specifications:
    """The options of each switch in the order of the protocol, and the protocol under each choice of them.

    A protocol is valid where `resolve` and `also`, which are given it and the file, find nothing wrong with it. Raises
    `ProtocolError` where an option alone makes no valid protocol, or two switches change the same thing.
    """

    def __init__(
        self, protocol: Protocol, file: str = "", also: Callable[[Protocol, str], None] = lambda protocol, file: None
    ) -> None:
        assert protocol.multiverse is not None
        self._also = also
        self.protocol, self._file = protocol, file
        self.names = tuple(protocol.multiverse.switches)
        self.options = tuple(_options(protocol.multiverse, name, protocol) for name in self.names)
        self._changes = [
            [_steps_of(protocol, name, option, changes, file) for option, changes in s.options.items()]
            or [{}] * len(options)
            for (name, s), options in zip(protocol.multiverse.switches.items(), self.options, strict=True)
        ]
        self._distinct()
        self._plain = protocol.model_dump(mode="json", by_alias=True, exclude_unset=True)
        self._valid: dict[tuple[tuple[int, int], ...], Protocol] = {(): protocol}
        self._touching = self._switches_by_part()

    @property
    def leaving_out(self) -> int | None:
        """The number of the switch that leaves centres out."""
        switches = list(self.protocol.multiverse.switches.values()) if self.protocol.multiverse else []
        return next((i for i, s in enumerate(switches) if s.leave_out), None)

    def __len__(self) -> int:
        return prod(map(len, self.options))

    def choices(self) -> Iterator[Choice]:
        """Yield every choice, the reference first, the last switch running fastest."""
        return product(*(range(len(o)) for o in self.options))

    def under(self, choice: Choice) -> Protocol:
        """Return the protocol under a choice. Parts that two choices have in common are one object in both."""
        parts = {}
        for part, switches in self._touching.items():
            chosen = tuple((s, choice[s]) for s in switches if choice[s])
            if chosen:
                parts[part] = getattr(self._protocol_under(chosen), part)
        return self.protocol.model_copy(update=parts) if parts else self.protocol

    def check_pairs(self) -> None:
        """Raise `ProtocolError` where two options together make no valid protocol.

        More than two need no look: what a protocol refers to is judged in pairs (a name and what it names).
        """
        for s, t in combinations(range(len(self.names)), 2):
            for pair in product(range(1, len(self._changes[s])), range(1, len(self._changes[t]))):
                if self._changes[s][pair[0]] and self._changes[t][pair[1]]:
                    self._protocol_under(((s, pair[0]), (t, pair[1])))

    def _switches_by_part(self) -> dict[str, list[int]]:
        """Which switches change each part (top key) of the protocol, by what their options alone make of it."""
        out: dict[str, list[int]] = {}
        for s, options in enumerate(self._changes):
            for o, changes in enumerate(options):
                changed = self._protocol_under(((s, o),)) if changes else self.protocol
                for part in Protocol.model_fields:
                    if getattr(changed, part) != getattr(self.protocol, part) and s not in out.get(part, []):
                        out.setdefault(part, []).append(s)
        return out

    def _protocol_under(self, chosen: tuple[tuple[int, int], ...]) -> Protocol:
        if chosen not in self._valid:
            plain = self._plain
            for s, o in chosen:
                for steps, value in self._changes[s][o].items():
                    plain = _changed(plain, steps, value)
            self._valid[chosen] = self._validated(plain, chosen)
        return self._valid[chosen]

    def _validated(self, plain: dict[str, Any], chosen: tuple[tuple[int, int], ...]) -> Protocol:
        try:
            made = Protocol.model_validate(plain)
            resolve(made, self._file)
            self._also(made, self._file)
        except (ValidationError, ProtocolError) as e:
            of = " and ".join(f"`{self.options[s][o]}` ({self.names[s]})" for s, o in chosen)
            what, expected = _told(e)
            first, option = self.names[chosen[-1][0]], self.options[chosen[-1][0]][chosen[-1][1]]
            raise ProtocolError(
                f"The protocol is not valid under {of}: {what}",
                where=str(Place(self._file, ("multiverse", "switches", first, "options", option))),
                expected=expected,
                do="correct what the option changes",
            ) from None
        return made

    def _distinct(self) -> None:
        """No two switches change one thing, or a part of what the other changes."""
        if len(self) > LIMIT:
            raise ProtocolError(
                f"The switches make {len(self):,} specifications",
                where=str(Place(self._file, ("multiverse", "switches"))),
                expected=f"at most {LIMIT:,}",
                do="leave out a switch or some options",
            )
        paths = [{steps for changes in options for steps in changes} for options in self._changes]
        for s, t in combinations(range(len(self.names)), 2):
            for a, b in product(sorted(paths[s], key=str), sorted(paths[t], key=str)):
                if a[: len(b)] == b or b[: len(a)] == a:
                    raise ProtocolError(
                        f"The switches {self.names[s]} and {self.names[t]} both change "
                        f"{_path(self.protocol, max(a, b, key=len))}",
                        where=str(Place(self._file, ("multiverse", "switches", self.names[t]))),
                        expected="each thing changed by one switch only, so that options can be combined",
                        do="make one switch of the two, with an option for each combination that is meant",
                    )


def _options(multiverse: Multiverse, name: str, protocol: Protocol) -> tuple[str, ...]:
    switch = multiverse.switches[name]
    return tuple(switch.options) or (NONE_LEFT_OUT, *(c.id for c in protocol.data.centres))


def _steps_of(protocol: Protocol, switch: str, option: str, changes: Mapping[str, Any], file: str) -> dict[Steps, Any]:
    """Return the changes with each path as the keys and places in the plain protocol."""
    out = {}
    for path, value in changes.items():
        where = Place(file, ("multiverse", "switches", switch, "options", option, path))
        out[_walk(protocol, path, path, where)] = value
    return out


def _walk(node: Any, rest: str, path: str, where: Place, depth: int = 0) -> Steps:
    """Return the steps from `node` along the path `rest`: keys of objects, numbers of list items."""
    names = _names_in(node, depth)
    fit = [n for n in names if rest == n or rest.startswith(f"{n}.")]
    if not fit:
        first = rest.split(".")[0]
        if depth == 0 and first in _FIXED:
            raise unknown(f"`{first}` is no choice of analysis, so no option changes it", "", list(names), where)
        raise unknown(f"The path `{path}` leads nowhere: there is no `{first}`", first, list(names), where)
    name = max(fit, key=len)
    step, child = names[name]
    if rest != name:
        return (step, *_walk(child, rest[len(name) + 1 :], path, where, depth + 1))
    if (depth == 0 and name in _NAMED) or (isinstance(child, BaseModel) and not isinstance(node, BaseModel)):
        raise ProtocolError(
            f"`{path}` is changed as a whole",
            where=str(where),
            expected=f"one field at a time, such as `{path}.{next(iter(_names_in(child, 1)), '...')}`",
            do="name the field that differs",
        )
    return (step,)


def _names_in(node: Any, depth: int) -> dict[str, tuple[str | int, Any]]:
    """Return what a path can go on with: name -> (key or place in the plain protocol, what is there)."""
    if isinstance(node, BaseModel):
        fields = {f.alias or n: (f.alias or n, getattr(node, n)) for n, f in type(node).model_fields.items()}
        out = _FIXED if depth == 0 else ("id", "kind")
        return {n: v for n, v in fields.items() if n not in out}
    if isinstance(node, dict):
        return {str(k): (str(k), v) for k, v in node.items()}
    if isinstance(node, tuple):
        return {i.id: (at, i) for at, i in enumerate(node) if hasattr(i, "id")}
    return {}


def _changed(plain: Any, steps: Steps, value: Any) -> Any:
    """Return a copy of the plain protocol with one value set; the rest is shared."""
    if not steps:
        return value
    first, *rest = steps
    if isinstance(plain, list):
        assert isinstance(first, int)
        return [*plain[:first], _changed(plain[first], tuple(rest), value), *plain[first + 1 :]]
    return {**plain, first: _changed(plain.get(first, {}), tuple(rest), value)}


def _path(protocol: Protocol, steps: Steps) -> str:
    """Return the path that leads to these steps."""
    node: Any = protocol
    out = []
    for depth, step in enumerate(steps):
        name, (_, node) = next((n, v) for n, v in _names_in(node, depth).items() if v[0] == step)
        out.append(name)
    return ".".join(out)


def _told(e: ValidationError | ProtocolError) -> tuple[str, str]:
    """Return what is wrong, and what was expected."""
    if isinstance(e, ProtocolError):
        return e.what, e.expected
    first = e.errors()[0]
    what, expected = told(first)
    return f"{what} (at {'.'.join(str(p) for p in first['loc'])})", expected
