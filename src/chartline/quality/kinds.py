"""What a query is about, in words for readers: by the topics of its rule, so that a new rule needs no line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from chartline.checks.engine import rules
from chartline.core.query import Query, Severity, Topic
from chartline.quality.model import QueryCount

FILES = "Reading of the files"
OTHER = "Other"
_KINDS: tuple[tuple[str, frozenset[Topic]], ...] = (
    ("Identity", frozenset({Topic.IDENTITY})),
    ("Baseline", frozenset({Topic.ELIGIBILITY, Topic.BASELINE})),
    ("Treatment", frozenset({Topic.FIRST_DOSE, Topic.EXPOSURE})),
    ("Response and MRD", frozenset({Topic.RESPONSE, Topic.COUNTS, Topic.MRD})),
    ("Later treatment", frozenset({Topic.TRANSPLANT, Topic.NEW_THERAPY})),
    ("Relapse, death, follow-up", frozenset({Topic.RELAPSE, Topic.DEATH, Topic.FOLLOW_UP})),
    ("Laboratory and toxicity", frozenset({Topic.LIVER, Topic.BLOOD_COUNTS, Topic.ADVERSE_EVENTS})),
)
KINDS = (*(name for name, _ in _KINDS), FILES, OTHER)


def kind_of(query: Query) -> str:
    """Return the kind of a query: the first whose topics it touches; what no check raised is of the reading."""
    known = rules()
    if query.rule not in known:
        return FILES
    topics = query.topics or known[query.rule][0].topics
    return next((name for name, of in _KINDS if topics & of), OTHER)


def count_queries(raised: Iterable[Query], open_: Iterable[Query], centres: Iterable[str]) -> tuple[QueryCount, ...]:
    """Return the queries that ask something, by kind and rule, most first within a kind.

    `raised` are those of the charts as they came, `open_` those left once answers are laid over them. An answer can
    raise a query too, so a rule may have more open than raised.
    """
    names = tuple(centres)
    was, now = _by_rule(raised), _by_rule(open_)
    known = rules()
    out = []
    for kind, rule in dict.fromkeys((*was, *now)):
        sentence = known[rule][0].sentence if rule in known else f"{rule.replace('_', ' ').capitalize()}."
        each = ({c: of.get((kind, rule), {}).get(c, 0) for c in names} for of in (was, now))
        out.append(QueryCount(kind, rule, sentence, *each))
    many: Callable[[QueryCount], int] = lambda q: -sum(q.raised.values())  # noqa: E731
    return tuple(sorted(out, key=lambda q: (KINDS.index(q.kind), many(q), q.rule)))


def _by_rule(queries: Iterable[Query]) -> Mapping[tuple[str, str], Mapping[str, int]]:
    out: dict[tuple[str, str], dict[str, int]] = {}
    for q in queries:
        if q.severity is not Severity.NOTE:
            of = out.setdefault((kind_of(q), q.rule), {})
            of[q.centre] = of.get(q.centre, 0) + 1
    return out
