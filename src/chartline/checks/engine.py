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
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib import import_module
from typing import Any

from chartline.checks import rules as rules_folder
from chartline.checks.context import Context, Grade, Reads
from chartline.checks.model import Finding, Rule, Scope
from chartline.checks.own import find_own, rule_of
from chartline.checks.wording import queries_of
from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.errors import MappingError, ProtocolError
from chartline.protocol.model import Protocol
from chartline.protocol.own_checks import OwnCheck
from chartline.protocol.place import Place

Find = Callable[..., list[Finding]]
_AT_ONCE = 2  # rules: while Polars works for one, Python has its lock free for another


@cache
def rules() -> dict[str, tuple[Rule, Find]]:
    """Return every rule by id, in the order of the file names."""
    names = sorted(m.name for m in pkgutil.iter_modules(rules_folder.__path__))
    modules = [import_module(f"{rules_folder.__name__}.{name}") for name in names]
    return {m.RULE.id: (m.RULE, m.find) for m in modules}


def check_data(
    data: ClinicalData,
    protocol: Protocol,
    counts_window: tuple[int, int] | None = None,
    grade: Grade | None = None,
    centre_checks: Mapping[str, Sequence[OwnCheck]] | None = None,
    scope: Scope | None = None,
    keep: bool = True,
    reads: Reads | None = None,
) -> list[Query]:
    """Run every rule that the protocol leaves on; with `scope` those of one scope alone.

    `counts_window` are the days from a marrow on which blood counts prove recovery (first, last), by the protocol or
    its response rule set; None where that asks for no counts. `grade` gives the grades of laboratory values under the
    protocol's scale (`derive/graded_values.py`); without it no recorded grade is held against them. `centre_checks`
    are the checks that centres wrote in their mappings, by centre; each is run on its centre alone. A large study may
    be checked in parts: `Scope.SUBJECT` on each part of its subjects and `Scope.STUDY` on all of them give together
    what one call gives. What several rules look at is computed once and kept, or anew for each where `keep` is False:
    more time, and of the memory only what one rule needs. `reads` says what the study reads of what a centre may lack
    (`derive/reads.py`): what nobody reads is not asked; without it all is.
    Raises `ProtocolError` where `protocol.checks` names a rule or a parameter that does not exist.
    """
    settings = _settings(protocol.checks)
    _own_names(protocol.own_checks, "own_checks")
    wanted: list[tuple[Rule, Find]] = [
        (rule, partial(find, **settings[rule.id])) for rule, find in rules().values() if rule.id in settings
    ]
    wanted += [(rule_of(own), partial(find_own, own=own)) for own in protocol.own_checks]
    for centre, checks in (centre_checks or {}).items():
        wanted += [(rule_of(own), partial(find_own, own=own, centre=centre)) for own in checks]
    wanted = [(rule, find) for rule, find in wanted if scope in (None, rule.scope)]
    look = partial(Context, data, protocol, counts_window, grade, reads)
    finds = [find for _, find in wanted]
    queries: dict[str, Query] = {}
    for (rule, _), found in zip(wanted, _side_by_side(finds, look()) if keep else _alone(finds, look), strict=True):
        for query in queries_of(rule, found, data.origins, data.study_days):
            queries.setdefault(query.id, query)
    return sorted(queries.values(), key=lambda q: (q.centre, q.subject, q.rule, q.addresses))


def _side_by_side(finds: Sequence[Find], context: Context) -> Iterator[list[Finding]]:
    """Yield what each rule finds, in their order; of what several look at, one copy is made."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        yield from threads.map(lambda find: find(context), finds)


def _alone(finds: Sequence[Find], look: Callable[[], Context]) -> Iterator[list[Finding]]:
    """Yield what each rule finds, each with a look of its own at the data, which ends with it."""
    return (find(look()) for find in finds)


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
