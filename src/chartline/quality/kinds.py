"""What a query is about, in words for readers: the group of its check in the register (`docs/checks.md`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from chartline.checks.engine import rules
from chartline.checks.model import Group
from chartline.core.query import Query, Severity
from chartline.quality.model import QueryCount

FILES = "Reading of the files"
KINDS = (*map(str, Group), FILES)


def kind_of(query: Query, own: Collection[str] = ()) -> str:
    """Return the group of the check that raised a query; what no check raised is of the reading.

    `own` are the ids of the checks that the study and its centres wrote themselves.
    """
    known = rules()
    if query.rule in known:
        return str(known[query.rule][0].group)
    return str(Group.OWN) if query.rule in own else FILES


def count_queries(
    raised: Iterable[Query], open_: Iterable[Query], centres: Iterable[str], own: Collection[str] = ()
) -> tuple[QueryCount, ...]:
    """Return the queries that ask something, by kind and rule, most first within a kind.

    `raised` are those of the charts as they came, `open_` those left once answers are laid over them. An answer can
    raise a query too, so a rule may have more open than raised.
    """
    names = tuple(centres)
    was, now = _by_rule(raised, own), _by_rule(open_, own)
    known = rules()
    out = []
    for kind, rule in dict.fromkeys((*was, *now)):
        sentence = known[rule][0].sentence if rule in known else f"{rule.replace('_', ' ').capitalize()}."
        each = ({c: of.get((kind, rule), {}).get(c, 0) for c in names} for of in (was, now))
        out.append(QueryCount(kind, rule, sentence, *each))
    many: Callable[[QueryCount], int] = lambda q: -sum(q.raised.values())  # noqa: E731
    return tuple(sorted(out, key=lambda q: (KINDS.index(q.kind), many(q), q.rule)))


def _by_rule(queries: Iterable[Query], own: Collection[str]) -> Mapping[tuple[str, str], Mapping[str, int]]:
    out: dict[tuple[str, str], dict[str, int]] = {}
    for q in queries:
        if q.severity is not Severity.NOTE:
            of = out.setdefault((kind_of(q, own), q.rule), {})
            of[q.centre] = of.get(q.centre, 0) + 1
    return out
