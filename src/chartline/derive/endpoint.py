"""What a time-to-event endpoint is, and how a protocol's line becomes one.

`derive/endpoints/<name>.py` holds one `ENDPOINT` with the defaults; a protocol's endpoint names it with `use` and may
override any field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from chartline.core.dates import PartialPolicy
from chartline.core.index import START_OF
from chartline.core.query import Topic
from chartline.derive.milestone_topics import milestone_topics
from chartline.errors import ProtocolError
from chartline.protocol.base import Milestone
from chartline.protocol.events import Endpoint as Declared
from chartline.protocol.model import Protocol
from chartline.protocol.place import Place

_FIELDS = (
    *("label", "population", "origin", "events", "censor_at", "last", "enter_at", "partial_dates"),
    *("assessed_every_days", "missed_assessments"),
)
# Kinds whose statistics know that a subject may come under observation late.
_LATE_ENTRY = ("survival", "cumulative_incidence", "compare_survival", "cox")
FOUND: tuple[str, ...] = (Milestone.FIRST_RESPONSE, Milestone.RELAPSE)  # what only an assessment finds


@dataclass(frozen=True)
class Endpoint:
    """Time from `origin` to the first of `events`, else censored.

    `events` are in order of precedence on the same day. `censor_at` are intercurrent events that censor before an
    event (hypothetical strategy); none is the treatment policy, one among `events` the composite strategy. `last` is
    where a subject without an event is censored; `enter_at` is when it comes under observation, if after the origin
    (left truncation). `population` is an analysis set of the protocol; None is everyone with
    the origin. `missed_assessments` says what an event means that was found after two or more assessments were missed,
    where one was due every `assessed_every_days`. `topics` are what an open query must be about to withhold a subject.
    """

    label: str
    origin: str
    events: tuple[str, ...]
    last: str = Milestone.LAST_ALIVE
    censor_at: tuple[str, ...] = ()
    enter_at: str | None = None
    population: str | None = None
    partial_dates: PartialPolicy = PartialPolicy.MID
    assessed_every_days: int | None = None
    missed_assessments: str = "detection"
    topics: frozenset[Topic] = frozenset()

    @property
    def milestones(self) -> tuple[str, ...]:
        entry = () if self.enter_at is None else (self.enter_at,)
        return tuple(dict.fromkeys((self.origin, *self.events, *self.censor_at, self.last, *entry)))

    def strategy(self, milestone: str) -> str:
        """Return how an event on the way is handled, in the words of ICH E9(R1)."""
        if milestone in self.events:
            return "composite"
        return "hypothetical" if milestone in self.censor_at else "treatment policy"


def check_endpoints(protocol: Protocol, file: str) -> None:
    """Raise `ProtocolError`, with its line, for a milestone, endpoint or analysis whose events cannot be meant."""
    for name, event in protocol.milestones.items():
        if event.source is not None and event.source not in START_OF:
            raise ProtocolError(
                f"Rows of {event.source} have no date of their own",
                where=str(Place(file, ("milestones", name, "from"))),
                expected=f"one of the domains {', '.join(sorted(START_OF))}",
                do="name the domain that holds the event",
            )
    for i, e in enumerate(protocol.endpoints):
        resolve_endpoint(e, protocol, Place(file, ("endpoints", i), e.id))
    for i, a in enumerate(protocol.analyses):
        check_events(a, protocol, Place(file, ("analyses", i), a.id))


def check_events(analysis: Any, protocol: Protocol, place: Place) -> None:
    """Raise `ProtocolError` for a cause that is no event of the endpoint, for an event on the way that ends it, and for
    a curve of events that are only known to lie between two days."""
    endpoint = getattr(analysis, "endpoint", None)
    if endpoint is None:
        return
    of = resolve_endpoint(next(e for e in protocol.endpoints if e.id == endpoint), protocol, place)
    events = [str(m) for m in of.events]
    cause = getattr(analysis, "cause", None)
    if cause is not None and cause not in events:
        raise ProtocolError(
            f"`{cause}` is no event of {endpoint}",
            where=str(place.at("cause")),
            expected=f"one of: {', '.join(events)}",
            do="name one of them as cause, or declare an endpoint that has it",
        )
    for key in ("event", "time_dependent"):
        on_the_way = getattr(analysis, key, None)
        if on_the_way is not None and on_the_way in (*of.events, *of.censor_at):
            what = "ends" if on_the_way in of.events else "censors"
            raise ProtocolError(
                f"`{on_the_way}` {what} {endpoint}, so it cannot be on the way to its end",
                where=str(place.at(key)),
                expected=f"a milestone other than {', '.join(map(str, (*of.events, *of.censor_at)))}",
                do="name another milestone, or another endpoint",
            )
    late = analysis.kind in _LATE_ENTRY and not getattr(analysis, "time_dependent", None)
    if of.enter_at is not None and not late:
        raise ProtocolError(
            f"Patients enter {endpoint} late, which this analysis does not take",
            where=str(place.at("endpoint")),
            expected=f"a kind among {', '.join(_LATE_ENTRY)}, without `time_dependent`",
            do="change the kind, or declare a further endpoint without `enter_at`",
        )
    if of.missed_assessments == "interval" and analysis.kind != "interval_censored":
        raise ProtocolError(
            f"{endpoint} has events that are only known to lie between two days",
            where=str(place.at("endpoint")),
            expected="`kind: interval_censored`",
            do="change the kind, or declare a further endpoint with `missed_assessments: detection` or `midpoint`",
        )


@cache
def shipped_endpoints() -> tuple[str, ...]:
    """Return the names that `use` may have."""
    folder = files("chartline") / "derive" / "endpoints"
    names = (f.name.removesuffix(".py") for f in folder.iterdir() if f.name.endswith(".py"))
    return tuple(sorted(n for n in names if not n.startswith("_")))


def resolve_endpoint(declared: Declared, protocol: Protocol, place: Place | None = None) -> Endpoint:
    """Return a protocol's endpoint with the defaults of the one it uses. Raises `ProtocolError`, naming `place`.

    Reads of the protocol `partial_dates` and `milestones`.
    """
    over: dict[str, Any] = {name: getattr(declared, name) for name in _FIELDS if getattr(declared, name) is not None}
    where = place or Place("", ("endpoints",), declared.id)
    over.setdefault("partial_dates", protocol.partial_dates)
    if declared.use is not None:
        module = _shipped(declared.use, where)
        endpoint: Endpoint = replace(module.ENDPOINT, **over)
        return _sound(_named(endpoint, declared), protocol, where, getattr(module, "MILESTONES", {}))
    missing = [name for name in ("label", "origin", "events") if name not in over]
    if missing:
        raise ProtocolError(
            f"The endpoint {declared.id} does not say its {' and '.join(missing)}",
            where=str(where),
            expected=f"`use` with one of {', '.join(shipped_endpoints())}, or these fields",
            do="add what is missing",
        )
    return _sound(_named(Endpoint(**over), declared), protocol, where, {})


def _named(endpoint: Endpoint, declared: Declared) -> Endpoint:
    """Call a proxy a proxy, wherever its label stands."""
    if declared.proxy_for is None:
        return endpoint
    return replace(endpoint, label=f"{endpoint.label} (proxy for {declared.proxy_for})")


def _sound(endpoint: Endpoint, protocol: Protocol, where: Place, needs: Mapping[str, str]) -> Endpoint:
    """Refuse birth as an end, milestones that nobody declared, and missed assessments without a schedule."""
    if Milestone.BIRTH in (*endpoint.events, *endpoint.censor_at, endpoint.last, endpoint.enter_at):
        raise ProtocolError(
            "Birth cannot end a time",
            where=str(where),
            expected="`birth` as `origin` only",
            do="name another milestone in `events`, `censor_at` and `last`",
        )
    for milestone in endpoint.milestones:
        if milestone not in [str(m) for m in Milestone] and milestone not in protocol.milestones:
            example = needs.get(milestone, "{label: ..., from: ..., where: ...}")
            raise ProtocolError(
                f"{where.name} needs the milestone `{milestone}`, which this protocol does not declare",
                where=str(where),
                expected="a line of `milestones` that says how this study records it",
                do=f"declare it, such as `{milestone}: {example}`",
            )
    if endpoint.missed_assessments != "detection" and endpoint.assessed_every_days is None:
        raise ProtocolError(
            f"{where.name} does not say how often patients were to be assessed",
            where=str(where),
            expected="`assessed_every_days` beside `missed_assessments`",
            do="add the days from one scheduled assessment to the next",
        )
    topics = frozenset[Topic]().union(*(milestone_topics(m, protocol) for m in endpoint.milestones))
    return replace(endpoint, topics=topics)


def _shipped(name: str, where: Place) -> Any:
    if name not in shipped_endpoints():
        raise ProtocolError(
            f"There is no endpoint `{name}`",
            where=str(where),
            expected=f"one of: {', '.join(shipped_endpoints())}",
            do="name one of them in `use`, or declare origin and events",
        )
    return import_module(f"chartline.derive.endpoints.{name}")
