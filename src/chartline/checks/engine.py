"""check_data: every rule of `checks/rules/` over the data of a study.

In: ClinicalData and the protocol. Out: queries, sorted by centre, subject and rule; the same data give the same
queries with the same ids. A rule is one module with a `RULE` and a function `find(context, **parameters)`; a new
file in the folder is a new check. The protocol may switch a rule off or set its parameters::

    checks:
      isolated_jump: {ratio: 10}
      dose_gap: false

and add its own, as a mapping may for its centre (`own_checks`, see `own.py`).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from typing import Any

import polars as pl

from chartline.checks import rules as rules_folder
from chartline.checks.context import Context, Grade, Reads, Terms, Whole
from chartline.checks.model import Finding, Rule, Scope, Seen
from chartline.checks.own import find_own, rule_of
from chartline.checks.wording import queries_of
from chartline.core.clinical import ClinicalData
from chartline.core.plans import run_all
from chartline.core.query import Query
from chartline.errors import MappingError, ProtocolError
from chartline.protocol.model import Protocol
from chartline.protocol.own_checks import OwnCheck
from chartline.protocol.place import Place

Find = Callable[..., list[Finding]]
Gathered = Mapping[str, Mapping[str, pl.DataFrame]]  # rule -> name -> what the rule gathered under it
_ROWS = 500_000  # that are looked at at a time, to save memory
_AT_ONCE = 2  # rules: while Polars works for one, Python has its lock free for another


def _order(query: Query) -> tuple[str, str, str, tuple[str, ...]]:
    return query.centre, query.subject, query.rule, query.addresses


@dataclass(frozen=True)
class Asks:
    """What is asked of the records of a study.

    `counts_window` are the days from a marrow on which blood counts prove recovery (first, last), by the protocol or
    its response rule set; None where that asks for no counts. `grade` gives the grades of laboratory values under the
    protocol's scale (`derive/graded_values.py`); without it no recorded grade is held against them. `centre_checks`
    are the checks that centres wrote in their mappings, by centre; each is run on its centre alone. `reads` says what
    the study reads of what a centre may lack (`derive/reads.py`): what nobody reads is not asked; without it all is.
    """

    protocol: Protocol
    counts_window: tuple[int, int] | None = None
    grade: Grade | None = None
    centre_checks: Mapping[str, Sequence[OwnCheck]] | None = None
    reads: Reads | None = None

    def look(self, data: ClinicalData) -> Context:
        """Return the records as the checks see them."""
        return Context(data, self.protocol, self.counts_window, self.grade, self.reads)


@dataclass(frozen=True)
class _Check:
    """A rule with its parameters set."""

    rule: Rule
    find: Find
    gather: Callable[[Context], Seen] | None = None  # where the rule looks at all patients together


@cache
def rules() -> dict[str, tuple[Rule, Find]]:
    """Return every rule by id, in the order of the file names."""
    return {name: (module.RULE, module.find) for name, module in _modules().items()}


@cache
def _modules() -> dict[str, Any]:
    names = sorted(m.name for m in pkgutil.iter_modules(rules_folder.__path__))
    modules = [import_module(f"{rules_folder.__name__}.{name}") for name in names]
    return {m.RULE.id: m for m in modules}


def check_data(
    data: ClinicalData,
    protocol: Protocol,
    counts_window: tuple[int, int] | None = None,
    grade: Grade | None = None,
    centre_checks: Mapping[str, Sequence[OwnCheck]] | None = None,
    reads: Reads | None = None,
) -> list[Query]:
    """Run every rule that the protocol leaves on, on all records at once; the parameters are those of `Asks`.

    Raises `ProtocolError` where `protocol.checks` names a rule or a parameter that does not exist.
    """
    asks = Asks(protocol, counts_window, grade, centre_checks, reads)
    queries, gathered = check_part(data, asks)

    def seen(rule: str) -> Seen:
        return {name: frame.lazy() for name, frame in gathered[rule].items()}

    return sorted([*queries, *check_whole(seen, data, asks, data.of)], key=_order)


def check_part(data: ClinicalData, asks: Asks) -> tuple[list[Query], Gathered]:
    """Run on the records of some subjects, a piece at a time, every rule that looks at single ones; return their
    queries, and what the other rules gathered. Raises `ProtocolError`, as `check_data`."""
    looked = [_look(asks.look(piece), _wanted(asks)) for piece in data.in_pieces(_ROWS)]
    queries = [query for asked, _ in looked for query in asked]
    gathered = {
        rule: {name: pl.concat(piece[rule][name] for _, piece in looked) for name in frames}
        for rule, frames in looked[0][1].items()
    }
    return sorted(queries, key=_order), gathered


def _look(context: Context, checks: Sequence[_Check]) -> tuple[list[Query], Gathered]:
    alone = [c for c in checks if c.gather is None]
    together = {c.rule.id: c.gather for c in checks if c.gather is not None}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda check: check.find(context), alone)
        gathered = threads.map(lambda gather: _gathered(gather(context)), together.values())
        return _queries(alone, found, context.data), dict(zip(together, gathered, strict=True))


def check_whole(
    seen: Callable[[str], Seen], data: ClinicalData, asks: Asks, records: Callable[[Collection[str]], ClinicalData]
) -> list[Query]:
    """Run the rules that look at all patients. `seen` gives what one of them gathered, the rows of all parts together;
    of `data` the origins of cells are asked and how days are told; `records` returns the records of some subjects.

    With the queries of every `check_part` these are what `check_data` asks of all subjects together.
    """
    terms = Terms(asks.protocol, data.study_days, asks.counts_window, asks.reads)
    whole = Whole(terms, lambda subjects: asks.look(records(subjects)))
    checks = [check for check in _wanted(asks) if check.gather is not None]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda check: check.find(whole, seen(check.rule.id)), checks)
        return sorted(_queries(checks, found, data), key=_order)


def _wanted(asks: Asks) -> list[_Check]:
    settings = _settings(asks.protocol.checks)
    _own_names(asks.protocol.own_checks, "own_checks")
    checks = [_check(_modules()[name], parameters) for name, parameters in settings.items()]
    checks += [_Check(rule_of(own), partial(find_own, own=own)) for own in asks.protocol.own_checks]
    for centre, own_checks in (asks.centre_checks or {}).items():
        checks += [_Check(rule_of(own), partial(find_own, own=own, centre=centre)) for own in own_checks]
    return checks


def _check(module: Any, parameters: Mapping[str, Any]) -> _Check:
    together = module.RULE.scope is Scope.STUDY
    return _Check(
        module.RULE, partial(module.find, **parameters), partial(module.gather, **parameters) if together else None
    )


def _gathered(plans: Seen) -> Mapping[str, pl.DataFrame]:
    """Return what a rule gathers, with ids as texts: of other subjects there are other enumerations."""
    frames = run_all(plans.values())
    keys = [[pl.col(c).cast(pl.String) for c, kind in f.schema.items() if isinstance(kind, pl.Enum)] for f in frames]
    return {name: f.with_columns(ids) for name, f, ids in zip(plans, frames, keys, strict=True)}


def _queries(checks: Sequence[_Check], found: Iterable[list[Finding]], data: ClinicalData) -> list[Query]:
    """Return the queries of what each of these checks found; of one id the first."""
    queries: dict[str, Query] = {}
    for check, findings in zip(checks, found, strict=True):
        for query in queries_of(check.rule, findings, data.origins, data.study_days):
            queries.setdefault(query.id, query)
    return list(queries.values())


def check_settings(protocol: Protocol, file: str, mappings: Mapping[str, tuple[str, Sequence[OwnCheck]]]) -> None:
    """Raise `ProtocolError` or `MappingError` with the line of a setting or own check that cannot be meant.

    `mappings` are, by centre, the mapping's file and the checks it declares.
    """
    try:
        _settings(protocol.checks)
        _own_names(protocol.own_checks, "own_checks")
        taken = {own.id for own in protocol.own_checks}
    except ProtocolError as e:
        at = (int(k) if k.isdigit() else k for k in e.where.split("."))
        raise ProtocolError(e.what, where=str(Place(file, tuple(at))), expected=e.expected, do=e.do) from None
    for path, checks in mappings.values():
        for i, own in enumerate(checks):
            if own.id in taken or own.id in rules():
                raise MappingError(
                    f"There is already a data check `{own.id}`.",
                    where=str(Place(path, ("own_checks", i, "id"))),
                    expected="a name that no shipped check and no check of the protocol has",
                    do="give the check another id",
                )


def _own_names(declared: Sequence[OwnCheck], where: str) -> None:
    """Raise `ProtocolError` for a check of the study that has the name of a shipped one."""
    for i, own in enumerate(declared):
        if own.id in rules():
            raise ProtocolError(
                f"There is already a data check `{own.id}`.",
                where=f"{where}.{i}.id",
                expected="a name that no shipped check has",
                do=f"give the check another id; to tune the shipped one write it under `checks: {{{own.id}: ...}}`",
            )


def _settings(declared: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameters of each rule that is on."""
    known = rules()
    for name in declared:
        if name not in known:
            raise ProtocolError(
                f"There is no data check `{name}`.",
                where=f"checks.{name}",
                expected=", ".join(known),
                do="correct the name, or remove the line",
            )
    return {
        name: {**rule.parameters, **_parameters(rule, declared.get(name, True))}
        for name, (rule, _) in known.items()
        if declared.get(name, True) is not False
    }


def _parameters(rule: Rule, declared: Any) -> Mapping[str, Any]:
    if declared is True or declared is None:
        return {}
    if isinstance(declared, Mapping):
        for name, value in declared.items():
            if name not in rule.parameters:
                raise _refusal(rule, f"has no parameter `{name}`", f".{name}")
            if not _same_kind(value, rule.parameters[name]):
                raise _refusal(rule, f"cannot take `{name}: {value}`", f".{name}")
        return declared
    raise _refusal(rule, f"cannot be set to `{declared}`", "")


def _same_kind(value: Any, default: Any) -> bool:
    if isinstance(default, Mapping):
        return isinstance(value, Mapping) and all(_same_kind(v, 1.0) for v in value.values())
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refusal(rule: Rule, what: str, where: str) -> ProtocolError:
    takes = ", ".join(f"{k} (default {v})" for k, v in rule.parameters.items()) or "no parameter"
    return ProtocolError(
        f"The data check `{rule.id}` {what}.",
        where=f"checks.{rule.id}{where}",
        expected=f"false, or parameters: {takes}",
        do="correct the line",
    )
