"""Every assertion on one study: what held for how many, what did not and for whom, what does not apply and why."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import polars as pl

from chartline.assertions.model import Assertion, Breach, Case, Evidence, Verdict
from chartline.core.plans import run_all
from chartline.counts.model import Counts
from chartline.derive.endpoint import resolve_endpoint
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol

_ROWS = {"USUBJID": pl.String, "HOLDS": pl.Boolean, "NUMBERS": pl.String}


def assert_study(adam: Adam, counts: Counts, protocol: Protocol) -> tuple[Verdict, ...]:
    """Return the verdict of every comparison of every assertion, in the order of their names."""
    endpoints = {e.id: resolve_endpoint(e, protocol) for e in protocol.endpoints}
    evidence = Evidence(adam, counts, protocol, endpoints)
    asked = [(module.ASSERTION, case) for module in rules() for case in module.cases(evidence)]
    plans = [case.rows.select(*_ROWS) for _, case in asked if case.rows is not None]
    found = iter(run_all(_summary(plan) for plan in plans))
    return tuple(_verdict(assertion, case, found) for assertion, case in asked)


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
