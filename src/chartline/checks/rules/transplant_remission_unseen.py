"""A transplantation that was done in remission has a remission before it among the assessments.

Asked where the status at transplantation is given as a remission (CR, CRi, "in remission"), the transplantation came
after day 0, and no assessment on or before it records one, though assessments of this patient were sent. A remission
of an earlier line is not looked for: those are not assessed here.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context, days
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import term_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="transplant_remission_unseen",
    group=Group.RESPONSE,
    sentence="A transplantation in remission follows an assessment that records the remission.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please give the assessment that showed the remission, or correct the status at transplantation.",
)
_REMISSION = (
    r"(?i)^\s*(in\s+)?(CR[hi]?\b|CR\d?\b|CR/|complete\s+(remission|response)|(first|second|third|\d\w*)?\s*remission)"
)
_NOT = r"(?i)\bnot\b|\bno\b|non|partial|refractory|relapse"
_ANY_REMISSION = ("CR", "CRh", "CRi", "MLFS")


def find(context: Context) -> list[Finding]:
    """Return one finding a transplantation in a remission that no assessment before it records."""
    status = pl.col("PRSTATUS")
    done = context.data["PR"].lazy().filter(
        (pl.col("PROCCUR").fill_null("Y") == "Y") & (pl.col("PRTIMING").fill_null("") != "BEFORE")
        & pl.col("PRSTDTC").is_not_null()
        & status.str.contains(_REMISSION) & ~status.str.contains(_NOT)
    )  # fmt: skip
    done = days(done.select(*SUBJECT, "PRTRT", "PRSTATUS", "BLOCK", "ROW", pl.col("PRSTDTC").alias("VALUE")))
    after = done.join(
        context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("DAY0")), on=SUBJECT, maintain_order="left"
    ).filter(pl.col("LO") > pl.col("DAY0"))
    assessed = context.statements("RS", "INVRESP").lazy().join(after.select(SUBJECT).unique(), on=SUBJECT, how="semi")
    seen = context.data["RS"].lazy().filter(pl.col("INVRESP").is_in([*context.responses, *_ANY_REMISSION]))
    seen = days(seen.select(*SUBJECT, pl.col("RSDTC").alias("VALUE"))).select(*SUBJECT, pl.col("LO").alias("SEEN"))
    before = after.join(seen, on=SUBJECT).filter(pl.col("SEEN").is_null() | (pl.col("SEEN") <= pl.col("HI")))
    rows = after.join(before, on=["BLOCK", "ROW"], how="anti", maintain_order="left").join(
        assessed.select(SUBJECT).unique(), on=SUBJECT, how="semi", maintain_order="left"
    )
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (
                Cell("PR", "PRSTATUS", r["BLOCK"], r["ROW"], r["PRSTATUS"]),
                Cell("PR", "PRSTDTC", r["BLOCK"], r["ROW"], r["VALUE"]),
            ),
            f"{term_words(r['PRTRT'] or 'The procedure')} on {r['VALUE']} was done in {r['PRSTATUS']}, but no "
            "assessment before it records a remission.",
        )
        for r in run(rows).iter_rows(named=True)
    ]
