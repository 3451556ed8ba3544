"""Syndromes and peaks of liver chemistry by patient, as plain lines for a patient-level report."""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.core.study_days import NO_STUDY_DAYS, StudyDays
from chartline.derive.model import Adam
from chartline.derive.syndrome_rules import SyndromeRules, load_syndrome
from chartline.protocol.model import Protocol
from chartline.protocol.toxicity import Syndrome
from chartline.report.source import LiverPoint, SyndromeLine


def syndrome_labels(protocol: Protocol) -> dict[str, str]:
    """Return the name of each declared syndrome or safety flag -> its label."""
    labels = {name: s.label or _rules(name, s).label for name, s in protocol.syndromes.items()}
    return labels | {name: f"{f.label}, as recorded" for name, f in protocol.safety_flags.items()}


def syndrome_methods(protocol: Protocol) -> tuple[str, ...]:
    """Return what a methods section says of the syndromes; nothing where none is declared."""
    if not protocol.syndromes:
        return ()
    labels = dict.fromkeys(_rules(name, s).label for name, s in protocol.syndromes.items())
    return (
        "Syndromes were judged by sets of criteria, each item being met, not met or not known within its window. A "
        "finding that the charts do not mention was not taken as absent; a syndrome that turns on such findings is "
        "called not assessable.",
        f"The sets are {'; '.join(labels)}.",
    )


def _rules(name: str, declared: Syndrome) -> SyndromeRules:
    return load_syndrome(declared.criteria, f"syndromes.{name}.criteria")


def syndrome_lines(adam: Adam, study_days: StudyDays = NO_STUDY_DAYS) -> tuple[SyndromeLine, ...]:
    """Return a line an eligible subject and set, by set and subject; without those whose verdict a query hides.

    A severity alone that a query hides is left out of its line.
    """
    hidden = set(adam.withheld.select("USUBJID", pl.col("ITEM").str.strip_prefix("ADSL.")).iter_rows())
    rows = adam["ADSYN"].join(_eligible(adam), on="USUBJID", how="semi")
    rows = rows.sort("PARAMCD", "USUBJID", maintain_order=True)
    return tuple(
        _line(r, study_days, graded=(r["USUBJID"], f"{r['PARAMCD']}_SEV") not in hidden)
        for r in rows.iter_rows(named=True)
        if (r["USUBJID"], r["PARAMCD"]) not in hidden
    )


def _line(row: dict[str, Any], study_days: StudyDays, graded: bool) -> SyndromeLine:
    severity = row["SYNSEV"] or ""
    because = row["BECAUSE"].removeprefix(f"met ({row['SYNCAT']}), ")
    return SyndromeLine(
        subject=row["USUBJID"],
        syndrome=row["PARAMCD"],
        verdict=row["AVALC"],
        day=study_days.day(row["CENTRE"], row["ADT"]) if row["ADT"] else "",
        how=row["SYNCAT"] or "",
        severity=severity if graded else "",
        missing=tuple(m for m in (row["SYNMISS"] or "").split("; ") if m),
        because=because if graded else because.replace(f"; severity: {severity}", ""),
    )


def liver_points(adam: Adam) -> tuple[LiverPoint, ...]:
    """Return the peaks on treatment of every eligible subject with both tests and their upper limits of normal.

    A value known only as a bound is taken at its bound.
    """
    on = adam["ADLB"].filter((pl.col("ANL01FL") == "Y") & (pl.col("ANRHI") > 0))
    multiple = pl.col("AVAL") / pl.col("ANRHI")

    def peak(test: str) -> pl.Expr:
        return multiple.filter(pl.col("LBTESTCD") == test).max().alias(test)

    rows = on.group_by("USUBJID").agg(peak("ALT"), peak("BILI")).drop_nulls()
    rows = rows.join(_eligible(adam), on="USUBJID", how="semi").sort("USUBJID")
    return tuple(LiverPoint(*row) for row in rows.select("USUBJID", "ALT", "BILI").iter_rows())


def _eligible(adam: Adam) -> pl.DataFrame:
    return adam["ADSL"].filter(pl.col("ELIGFL") == "Y").select("USUBJID")
