"""Follow-up by reverse Kaplan-Meier: the censorings are the events, and every event of the endpoint censors."""

from __future__ import annotations

from dataclasses import replace

from chartline.counts.model import EventTable
from chartline.stats.statistic import Statistic

STATISTICS = (
    Statistic(
        name="follow_up",
        label="Median follow-up",
        takes="EventTable of the endpoint (usually survival)",
        gives="the reverse Kaplan-Meier curve, its median and interval",
        reference="survival::survfit(Surv(time, 1 - event) ~ 1)",
        paper="Schemper M, Smith TL. Control Clin Trials 1996;17:343-346",
    ),
)
END_OF_FOLLOW_UP = "end of follow-up"


def reverse(table: EventTable) -> EventTable:
    """Return the table with events of every cause and censorings exchanged."""
    rows = {key: (row[0], sum(row[2:]), row[1]) for key, row in table.rows.items()}
    return replace(table, causes=(END_OF_FOLLOW_UP,), rows=rows)
