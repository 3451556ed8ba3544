"""check_data: every rule of `checks/rules/` over the data of a study.

In: ClinicalData and the protocol. Out: queries, sorted by centre, subject and rule; the same data give the same
queries with the same ids. A rule is one module with a `RULE` and a function `find(context, **parameters)`; a new
file in the folder is a new check. The protocol may switch a rule off or set its parameters::

    checks:
      isolated_jump: {ratio: 10}
      dose_gap: false
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from chartline.checks import rules as rules_folder
from chartline.checks.context import Context, Grade
from chartline.checks.model import Finding, Rule
from chartline.checks.wording import queries_of
from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.errors import ProtocolError
from chartline.protocol.model import Protocol

Find = Callable[..., list[Finding]]


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
) -> list[Query]:
    """Run every rule that the protocol leaves on.

    `counts_window` are the days from a marrow on which blood counts prove recovery (first, last), by the protocol or
    its response rule set; None where that asks for no counts. `grade` gives the grades of laboratory values under the
    protocol's scale (`derive/graded_values.py`); without it no recorded grade is held against them.
    Raises `ProtocolError` where `protocol.checks` names a rule or a parameter that does not exist.
    """
    settings = _settings(protocol.checks)
    context = Context(data, protocol, counts_window, grade)
    queries: dict[str, Query] = {}
    for rule, find in rules().values():
        if rule.id in settings:
            for query in queries_of(rule, find(context, **settings[rule.id]), data.origins, data.study_days):
                queries.setdefault(query.id, query)
    return sorted(queries.values(), key=lambda q: (q.centre, q.subject, q.rule, q.addresses))


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
