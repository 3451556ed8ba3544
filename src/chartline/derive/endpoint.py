"""What a time-to-event endpoint is, and how a protocol's line becomes one.

`derive/endpoints/<name>.py` holds one `ENDPOINT` with the defaults; a protocol's endpoint names it with `use` and may
override any field.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from importlib.resources import files
from typing import Any

from chartline.core.dates import PartialPolicy
from chartline.core.query import Topic
from chartline.errors import ProtocolError
from chartline.protocol.base import Milestone
from chartline.protocol.model import Endpoint as Declared
from chartline.protocol.model import Protocol
from chartline.protocol.place import Place

_TOPICS = {
    Milestone.BIRTH: Topic.ELIGIBILITY,
    Milestone.FIRST_DOSE: Topic.FIRST_DOSE,
    Milestone.LAST_DOSE: Topic.EXPOSURE,
    Milestone.FIRST_RESPONSE: Topic.RESPONSE,
    Milestone.RELAPSE: Topic.RELAPSE,
    Milestone.TRANSPLANT: Topic.TRANSPLANT,
    Milestone.NEW_THERAPY: Topic.NEW_THERAPY,
    Milestone.DEATH: Topic.DEATH,
    Milestone.LAST_ALIVE: Topic.FOLLOW_UP,
}


@dataclass(frozen=True)
class Endpoint:
    """Time from `origin` to the first of `events`, else censored.

    `events` are in order of precedence on the same day. `censor_at` are intercurrent events that censor before an
    event (hypothetical strategy); none is the treatment policy. `last` is where a subject without an event is
    censored. `population` is an analysis set of the protocol; None is everyone with the origin.
    """

    label: str
    origin: Milestone
    events: tuple[Milestone, ...]
    last: Milestone = Milestone.LAST_ALIVE
    censor_at: tuple[Milestone, ...] = ()
    population: str | None = None
    partial_dates: PartialPolicy = PartialPolicy.MID

    @property
    def milestones(self) -> tuple[Milestone, ...]:
        return tuple(dict.fromkeys((self.origin, *self.events, *self.censor_at, self.last)))

    @property
    def topics(self) -> frozenset[Topic]:
        """What an open query must be about to withhold a subject from this endpoint."""
        return frozenset(_TOPICS[m] for m in self.milestones)


def check_endpoints(protocol: Protocol, file: str) -> None:
    """Raise `ProtocolError`, with its line, for an endpoint or analysis whose events cannot be meant."""
    for i, e in enumerate(protocol.endpoints):
        resolve_endpoint(e, protocol, Place(file, ("endpoints", i), e.id))
    for i, a in enumerate(protocol.analyses):
        check_events(a, protocol, Place(file, ("analyses", i), a.id))


def check_events(analysis: Any, protocol: Protocol, place: Place) -> None:
    """Raise `ProtocolError` for a cause that is no event of the endpoint, and for an event on the way that ends it."""
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


def shipped_endpoints() -> tuple[str, ...]:
    """Return the names that `use` may have."""
    folder = files("chartline") / "derive" / "endpoints"
    names = (f.name.removesuffix(".py") for f in folder.iterdir() if f.name.endswith(".py"))
    return tuple(sorted(n for n in names if not n.startswith("_")))


def resolve_endpoint(declared: Declared, protocol: Protocol, place: Place | None = None) -> Endpoint:
    """Return a protocol's endpoint with the defaults of the one it uses. Raises `ProtocolError`, naming `place`."""
    over: dict[str, Any] = {
        name: getattr(declared, name)
        for name in ("label", "population", "origin", "events", "censor_at", "last", "partial_dates")
        if getattr(declared, name) is not None
    }
    where = place or Place("", ("endpoints",), declared.id)
    over.setdefault("partial_dates", protocol.partial_dates)
    if declared.use is not None:
        return _sound(replace(_shipped(declared.use, where), **over), where)
    missing = [name for name in ("label", "origin", "events") if name not in over]
    if missing:
        raise ProtocolError(
            f"The endpoint {declared.id} does not say its {' and '.join(missing)}",
            where=str(where),
            expected=f"`use` with one of {', '.join(shipped_endpoints())}, or these fields",
            do="add what is missing",
        )
    return _sound(Endpoint(**over), where)


def _sound(endpoint: Endpoint, where: Place) -> Endpoint:
    """Refuse birth as an end: it is before everything else."""
    if Milestone.BIRTH in (*endpoint.events, *endpoint.censor_at, endpoint.last):
        raise ProtocolError(
            "Birth cannot end a time",
            where=str(where),
            expected="`birth` as `origin` only",
            do="name another milestone in `events`, `censor_at` and `last`",
        )
    return endpoint


def _shipped(name: str, where: Place) -> Endpoint:
    if name not in shipped_endpoints():
        raise ProtocolError(
            f"There is no endpoint `{name}`",
            where=str(where),
            expected=f"one of: {', '.join(shipped_endpoints())}",
            do="name one of them in `use`, or declare origin and events",
        )
    endpoint: Endpoint = import_module(f"chartline.derive.endpoints.{name}").ENDPOINT
    return endpoint
