"""A patient treated before has the earlier lines of therapy listed, where the protocol counts them.

Asked where at least `share` (0.8, our choice) of the centre's treated patients have lines listed
(`prior_therapy.lines`): then an empty list is a page that was not sent. A patient of whom it is stated that there was
none (a characteristic of `prior_therapy.recorded` that says 0 lines) is not asked.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.bounds import is_exact
from chartline.checks.completeness import cell_of, treated
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, tally_true
from chartline.core.condition import parse_condition
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="lines_absent",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A patient treated before has the earlier lines of therapy listed.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please send the earlier lines of therapy of this patient, or say that there were none.",
    parameters={"share": 0.8},
)


def gather(context: Context, **_: float) -> Seen:
    """Gather of how many treated patients of a centre lines are listed, and those of whom none is."""
    if context.protocol.prior_therapy is None:
        return {}
    listed = context.lines.lazy().select(SUBJECT).unique().with_columns(LISTED=pl.lit(True))
    patients = treated(context).join(listed, on=SUBJECT, how="left", maintain_order="left")
    patients = patients.with_columns(pl.col("LISTED").fill_null(False))
    unlisted = patients.filter(~pl.col("LISTED"))
    without = unlisted.join(_none(context), on=SUBJECT, how="anti", maintain_order="left")
    return {
        "patients": tally_true(patients, ["CENTRE"], "LISTED"),
        "without": without.select(*SUBJECT, "DOMAIN", "BLOCK", "ROW", VARIABLE=pl.lit("USUBJID")),
    }


def find(whole: Whole, seen: Seen, *, share: float) -> list[Finding]:
    """Return one finding a patient."""
    if not seen:
        return []
    habit = added(seen["patients"], ["CENTRE"], "LISTED").filter(pl.col("LISTED") / pl.col("N") >= share)
    without = seen["without"].join(habit, on="CENTRE", how="semi", maintain_order="left")
    said = "No earlier line of therapy is listed; the other patients of this centre have theirs."
    return [Finding(r["CENTRE"], r["USUBJID"], (cell_of(r),), said) for r in run(without).iter_rows(named=True)]


def _none(context: Context) -> pl.LazyFrame:
    """The subjects of whom it is stated that they had no earlier line."""
    prior = context.protocol.prior_therapy
    name = prior.recorded.get("SALVAGE") if prior else None
    c = context.protocol.characteristics.get(name or "")
    if c is None:
        return context.subjects.lazy().select(SUBJECT).filter(pl.lit(False))
    rows = context.data[c.source].lazy()
    if c.where:
        rows = rows.filter(parse_condition(c.where).expr(dict(context.data[c.source].schema)))
    if f"{c.value}_OP" in context.data[c.source].columns:
        rows = rows.filter(is_exact(c.value))
    return rows.filter(pl.col(c.value).cast(pl.String).cast(pl.Float64, strict=False) == 0).select(SUBJECT).unique()
