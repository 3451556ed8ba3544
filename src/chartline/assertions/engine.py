"""Every assertion on one study: what held for how many, what did not and for whom, what does not apply and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any, Literal

import polars as pl

from chartline.assertions.model import Assertion, Breach, Case, Evidence, Verdict
from chartline.core.plans import run_all
from chartline.counts.model import Counts
from chartline.derive.endpoint import resolve_endpoint
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol

_ROWS = {"USUBJID": pl.String, "HOLDS": pl.Boolean, "NUMBERS": pl.String}


def assert_study(
    adam: Adam, counts: Counts, protocol: Protocol, of: Literal["subject", "study"] | None = None
) -> tuple[Verdict, ...]:
    """Return the verdict of every comparison of every assertion, in the order of their names; with `of` those about
    subjects or about the whole study alone (of `adam` the latter read the days of ADTTE that were imputed).
    """
    endpoints = {e.id: resolve_endpoint(e, protocol) for e in protocol.endpoints}
    evidence = Evidence(adam, counts, protocol, endpoints)
    asked = [
        (module.ASSERTION, case)
        for module in rules()
        if of in (None, module.ASSERTION.of)
        for case in module.cases(evidence)
    ]
    plans = [case.rows.select(*_ROWS) for _, case in asked if case.rows is not None]
    found = iter(run_all(_summary(plan) for plan in plans))
    return tuple(_verdict(assertion, case, found) for assertion, case in asked)


def pool_verdicts(parts: Sequence[Sequence[Verdict]]) -> tuple[Verdict, ...]:
    """Return one verdict a comparison from those of several parts of the subjects and of the whole study."""
    pooled: dict[tuple[str, str, int], Verdict] = {}
    for part in parts:
        nth: Counter[tuple[str, str]] = Counter()  # two comparisons of an assertion may have one name
        for verdict in part:
            name = (verdict.assertion.id, verdict.on)
            key = (*name, nth[name])
            nth[name] += 1
            known = pooled.get(key)
            pooled[key] = _pooled(known, verdict) if known else verdict
    order = {module.ASSERTION.id: i for i, module in enumerate(rules())}
    return tuple(sorted(pooled.values(), key=lambda v: order[v.assertion.id]))


def _pooled(a: Verdict, b: Verdict) -> Verdict:
    breaches = tuple(sorted((*a.breaches, *b.breaches), key=lambda x: (x.subject, x.numbers)))
    n = a.n + b.n
    if not n:
        return a
    return Verdict(a.assertion, a.on, "breached" if breaches else "held", n, breaches)


@cache
def rules() -> tuple[Any, ...]:
    """Return the modules of `rules/`, by name."""
    folder = files("chartline") / "assertions" / "rules"
    names = sorted(f.name.removesuffix(".py") for f in folder.iterdir() if f.name.endswith(".py"))
    return tuple(import_module(f"chartline.assertions.rules.{n}") for n in names if not n.startswith("_"))


def _summary(plan: pl.LazyFrame) -> pl.LazyFrame:
    """One row: how many were compared, and those for whom it does not hold."""
    breached = ~pl.col("HOLDS").fill_null(True)
    return plan.sort("USUBJID", "NUMBERS").select(
        pl.col("HOLDS").count().alias("N"),
        pl.col("USUBJID").filter(breached).implode(),
        pl.col("NUMBERS").filter(breached).implode(),
    )


def _verdict(assertion: Assertion, case: Case, found: Any) -> Verdict:
    if case.rows is None:
        return Verdict(assertion, case.on, "not applicable", why=case.why)
    n, subjects, numbers = next(found).row(0)
    breaches = tuple(Breach(s, t or "") for s, t in zip(subjects, numbers, strict=True))
    if not n:
        return Verdict(assertion, case.on, "not applicable", why="nobody has both sides")
    return Verdict(assertion, case.on, "breached" if breaches else "held", n, breaches)
