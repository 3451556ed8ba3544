"""Nothing happens to a subject after death.

A dose, a relapse, a transplantation, a marrow, a laboratory sample or the onset of anything that is dated after the
death means that the date of death (or that of the record) is wrong; survival is in doubt. An *end* date after death
alone (an adverse event closed by the clerk), or a consent, is asked and does not block. Only the last record of each
kind is named, and these only where nothing began. A last contact on the day of death is the usual way to record it; one
after it is in conflict.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import slip_since
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="after_death",
    group=Group.DATES,
    sentence="No record of a subject is dated after the death.",
    severity=Severity.BLOCK,
    topics=frozenset({Topic.DEATH}),
    asks="Please check the date of death (day, month and year), or the dates of the records after it.",
)
_KINDS = {
    ("EX", "EXSTDTC"): ("dose", "doses"),
    ("SS", "RELDTC"): ("relapse", "relapses"),
    ("PR", "PRSTDTC"): ("procedure", "procedures"),
    ("RS", "RSDTC"): ("marrow or assessment", "marrows or assessments"),
    ("LB", "LBDTC"): ("laboratory result", "laboratory results"),
    ("AE", "AESTDTC"): ("adverse event", "adverse events"),
    ("CM", "CMSTDTC"): ("other treatment", "other treatments"),
    ("MH", "MHSTDTC"): ("history item", "history items"),
    ("FA", "FADTC"): ("finding", "findings"),
    ("SS", "LKADTC"): ("last contact", "last contacts"),
    ("DM", "RFICDTC"): ("consent", "consents"),
    ("SS", "OBSSTDTC"): ("begin of an observation period", "begins of observation periods"),
    ("SS", "OBSENDTC"): ("end of an observation period", "ends of observation periods"),
    ("AE", "AEENDTC"): ("end of an adverse event", "ends of adverse events"),
    ("CM", "CMENDTC"): ("end of a treatment", "ends of treatments"),
    ("MH", "MHENDTC"): ("end of a history item", "ends of history items"),
}
_PAPERS = (
    "AEENDTC",
    "CMENDTC",
    "MHENDTC",
    "RFICDTC",
    "OBSSTDTC",
    "OBSENDTC",
)  # what a clerk or relatives may date later


def find(context: Context) -> list[Finding]:
    """Return one finding a subject with a record that begins after the last day the death can mean."""
    death = context.death.select(*SUBJECT, pl.col("HI").alias("DIED"))
    after = context.dated.filter(pl.col("VARIABLE") != "DTHDTC").join(death, on=SUBJECT, maintain_order="left")
    after = after.filter(pl.col("LO") > pl.col("DIED"))
    if after.is_empty():
        return []
    last = (
        after.sort("LO", maintain_order=True)
        .group_by(*SUBJECT, "DOMAIN", "VARIABLE", maintain_order=True)
        .agg(pl.len().alias("N"), pl.col("VALUE", "BLOCK", "ROW", "LO").last())
    )
    deaths = context.death.join(last, on=SUBJECT, how="semi", maintain_order="left")
    alive = context.last_alive.rename({c: f"{c}_ALIVE" for c in ("VALUE", "BLOCK", "ROW", "LO", "HI")})
    deaths = deaths.join(alive, on=SUBJECT, how="left", maintain_order="left")
    records = {k: g.to_dicts() for k, g in last.partition_by(SUBJECT, as_dict=True).items()}
    cut_off = context.protocol.data.cut_off
    return [_finding(d, records[d["CENTRE"], d["USUBJID"]], cut_off) for d in deaths.iter_rows(named=True)]


def _finding(death: dict[str, Any], records: list[dict[str, Any]], cut_off: dt.date | None) -> Finding:
    order = list(_KINDS)
    begun = [r for r in records if r["VARIABLE"] not in _PAPERS]
    records = sorted(begun or records, key=lambda r: order.index((r["DOMAIN"], r["VARIABLE"])))
    cells = [cell(death, "SS", "DTHDTC")]
    if death["VALUE_ALIVE"] == death["VALUE"]:  # the same slip in the last contact
        cells.append(cell(death, "SS", "LKADTC", "_ALIVE"))
    cells += [_cell(r) for r in records]
    message = f"Death on {death['VALUE']} is before other records: {', '.join(_said(r) for r in records)}."
    message = f"{message} {slip_since(death['VALUE'], max(r['LO'] for r in records), cut_off)}".rstrip()
    severity = Severity.BLOCK if begun else Severity.WARN
    return Finding(death["CENTRE"], death["USUBJID"], tuple(cells), message, severity=severity)


def _cell(r: dict[str, Any]) -> Cell:
    kind = _KINDS[r["DOMAIN"], r["VARIABLE"]][0]
    kind = kind if r["N"] == 1 or kind.startswith("last") else f"last {kind}"
    return cell(r, r["DOMAIN"], r["VARIABLE"], label=kind.capitalize())


def _said(r: dict[str, Any]) -> str:
    one, many = _KINDS[r["DOMAIN"], r["VARIABLE"]]
    return f"{one} on {r['VALUE']}" if r["N"] == 1 else f"{r['N']} {many}, the last on {r['VALUE']}"
