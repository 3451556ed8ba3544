"""A living subject's last contact is not before the last thing recorded of them.

A later dose, sample, marrow, relapse or procedure shows that the patient was alive then; follow-up would be cut
short. For the dead the date of death counts, and `after_death` asks. Asked, not blocking: censoring earlier than
need be loses time, it does not bias an event.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="alive_too_early",
    group=Group.DATES,
    sentence="The date last known alive is not before the last dated record.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please give the date on which the patient was last known alive.",
)
_PRESENCE = {"EXSTDTC", "PRSTDTC", "LBDTC", "RSDTC", "RELDTC", "AESTDTC", "CMSTDTC"}


def find(context: Context) -> list[Finding]:
    """Return one finding a living subject with a record after the date last known alive."""
    alive = context.last_alive.join(context.death, on=SUBJECT, how="anti", maintain_order="left")
    cut_off = context.protocol.data.cut_off
    believable = pl.lit(True) if cut_off is None else pl.col("LO") <= cut_off
    last = (
        context.dated.filter(pl.col("VARIABLE").is_in(_PRESENCE) & believable)
        .sort("LO", maintain_order=True)
        .unique(SUBJECT, keep="last", maintain_order=True)
    )
    rows = alive.join(last, on=SUBJECT, suffix="_LAST", maintain_order="left")
    rows = rows.filter(pl.col("HI") < pl.col("LO_LAST"))
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, "SS", "LKADTC"), cell(r, r["DOMAIN"], r["VARIABLE"], "_LAST")),
            f"The patient was last known alive on {r['VALUE']}, but has a record on {r['VALUE_LAST']}.",
        )
        for r in rows.iter_rows(named=True)
    ]
