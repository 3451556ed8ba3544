"""A test that is judged against its baseline has one.

Where a safety flag of the protocol counts only what got worse (`worsened: true`), a test with values after the first
dose and none in the `laboratory.baseline_days` up to it, nor a baseline summary, has nothing to be worse than. Asked
once a patient, or once a centre for a test that has no baseline there at all. A first dose
`long_gap` (90) days from the second is in doubt itself (`dose_gap`).
"""

from __future__ import annotations

import polars as pl

from chartline.checks.completeness import gather_needed, lacking, small
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import laboratory_test
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="baseline_laboratory_absent",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A test that a safety flag judges against its baseline has a value before the first dose.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give the last values before the first dose, with their date.",
    parameters={"long_gap": 90},
)


def gather(context: Context, *, long_gap: float) -> Seen:
    """Gather the tests of patients that have no baseline."""
    flags = context.protocol.safety_flags.values()
    components = [c for f in flags for c in f.any_of if c.kind == "lab" and c.worsened]
    tests = sorted({t for c in components for t in c.tests})
    if not tests:
        return {}
    before = context.protocol.laboratory.baseline_days
    second = context.second_dose.lazy()
    zero = context.first_dose.lazy().join(second, on=SUBJECT, how="left", maintain_order="left")
    stranded = ((pl.col("DAY") - pl.col("LO")).dt.total_days() > long_gap).fill_null(False)
    zero = zero.filter(~stranded).select(*SUBJECT, pl.col("LO").alias("ZERO"))
    values = (
        context.laboratory.lazy().filter(pl.col("LBTESTCD").is_in(tests)).join(zero, on=SUBJECT, maintain_order="left")
    )
    start = pl.col("ZERO") - pl.duration(days=before)
    baseline = ((pl.col("HI") >= start) & (pl.col("LO") <= pl.col("ZERO"))).fill_null(False)
    later = (pl.col("HI") > pl.col("ZERO")).fill_null(False) | (pl.col("LBSUMM") == "WORST").fill_null(False)
    needed = (
        values.with_columns(later.alias("LATER"))
        .group_by(*SUBJECT, "LBTESTCD", maintain_order=True)
        .agg(
            (baseline | (pl.col("LBSUMM") == "BASELINE").fill_null(False)).any().alias("PRESENT"),
            *(pl.col(c).filter("LATER").first() for c in ("BLOCK", "ROW")),
            pl.col("LBDTC").filter("LATER").first().alias("VALUE"),
            pl.col("ZERO").first(),
        )
        .filter(pl.col("BLOCK").is_not_null())
        .select(
            *SUBJECT,
            "PRESENT",
            "BLOCK",
            "ROW",
            "VALUE",
            "ZERO",
            pl.col("LBTESTCD").replace_strict({t: small(laboratory_test(t).label) for t in tests}).alias("WHAT"),
            DOMAIN=pl.lit("LB"),
            VARIABLE=pl.lit("LBDTC"),
        )
    )
    return gather_needed(context, needed)


def find(whole: Whole, seen: Seen, **_: float) -> list[Finding]:
    """Return one finding a patient, or a centre."""
    if not seen:
        return []
    before = whole.protocol.laboratory.baseline_days
    return lacking(
        seen,
        lambda what, r: (
            f"No value in the {before} days up to the first dose ({r['ZERO']}), though there are later ones: {what}."
        ),
        lambda what, r: (
            f"No patient of this centre ({r['N']} with later values) has a value before the first dose: {what}."
        ),
        "Please send the last values before the first dose of every patient, with their dates.",
    )
