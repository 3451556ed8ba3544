"""One study with every centre left out in turn, without deriving anything a second time.

Counts add: without a centre, the counts are the sum of those of the other centres. One thing crosses centres: a person
recorded at two of them is counted in one record, and where that one's centre is left out, in the other. So whoever is
judged otherwise without a centre stands beside the others as one more subject, a part of its own, that takes its place
in that sum. The result is what a run without the centre counts, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from chartline.cohort.model import Cohort
from chartline.cohort.select import select_cohort
from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.protocol.model import Protocol

_WITHOUT = "\x1fwithout "  # no subject of a file is called so
WHOLE = ""  # the world with every centre


@dataclass(frozen=True)
class Worlds:
    """Data, cohort and queries with the extra subjects; `parts` is USUBJID and PART; `worlds` says which parts make
    the study without each centre (`WHOLE`: with all)."""

    data: ClinicalData
    cohort: Cohort
    queries: list[Query]
    parts: pl.DataFrame
    worlds: dict[str, tuple[str, ...]]


def select_worlds(data: ClinicalData, protocol: Protocol, queries: list[Query], without: tuple[str, ...]) -> Worlds:
    """Return the study prepared to leave out each centre of `without`; reads of the protocol what a cohort does."""
    cohort = select_cohort(data, protocol, queries, "")
    known = pl.col("DUPOF").is_not_null()
    others = {c: _otherwise(data, protocol, queries, c, cohort) for c in without} if _any(cohort, known) else {}
    moved = {c: rows for c, rows in others.items() if rows.height}
    extra = [_renamed(rows, c) for c, rows in moved.items()]
    alone = {s for rows in moved.values() for s in rows["USUBJID"]}
    subjects = pl.concat([cohort.subjects, *extra])
    part = pl.when(pl.col("USUBJID").is_in(sorted(alone)) | pl.col("USUBJID").str.contains(_WITHOUT, literal=True))
    parts = subjects.select("USUBJID", part.then("USUBJID").otherwise("CENTRE").alias("PART"))
    return Worlds(
        _with_copies(data, moved),
        replace(cohort, subjects=subjects),
        [*queries, *_copied(queries, moved)],
        parts,
        _worlds(cohort.subjects, without, moved, alone),
    )


def _any(cohort: Cohort, condition: pl.Expr) -> bool:
    return not cohort.subjects.filter(condition).is_empty()


def _otherwise(
    data: ClinicalData, protocol: Protocol, queries: Sequence[Query], centre: str, cohort: Cohort
) -> pl.DataFrame:
    """The subjects of the other centres who are judged otherwise without this one."""
    there = pl.col("CENTRE") != centre
    rest = replace(data, domains={d: f.filter(there) for d, f in data.domains.items()})
    subjects = select_cohort(rest, protocol, [q for q in queries if q.centre != centre], "").subjects
    return subjects.join(cohort.subjects, on=subjects.columns, how="anti", nulls_equal=True, maintain_order="left")


def _name(subject: str, centre: str) -> str:
    return f"{subject}{_WITHOUT}{centre}"


def _renamed(frame: pl.DataFrame, centre: str) -> pl.DataFrame:
    return frame.with_columns(pl.concat_str("USUBJID", pl.lit(_WITHOUT + centre)).alias("USUBJID"))


def _with_copies(data: ClinicalData, moved: dict[str, pl.DataFrame]) -> ClinicalData:
    if not moved:
        return data
    domains = {}
    for domain, frame in data.domains.items():
        copies = [_renamed(frame.filter(pl.col("USUBJID").is_in(r["USUBJID"].to_list())), c) for c, r in moved.items()]
        domains[domain] = pl.concat([frame, *copies])
    copied = [
        replace(o, subject=_name(o.subject, c))
        for c, r in moved.items()
        for o in data.overrides
        if o.subject in set(r["USUBJID"])
    ]
    return replace(data, domains=domains, overrides=(*data.overrides, *copied))


def _copied(queries: Sequence[Query], moved: dict[str, pl.DataFrame]) -> list[Query]:
    """The queries about a subject, once more about each of its copies."""
    return [
        replace(q, subject=_name(q.subject, centre))
        for centre, rows in moved.items()
        for q in queries
        if q.subject in set(rows["USUBJID"])
    ]


def _worlds(
    subjects: pl.DataFrame, without: tuple[str, ...], moved: dict[str, pl.DataFrame], alone: set[str]
) -> dict[str, tuple[str, ...]]:
    centre_of = dict(subjects.select("USUBJID", "CENTRE").iter_rows())
    centres = sorted({c for s, c in centre_of.items() if s not in alone})
    out = {WHOLE: (*centres, *sorted(alone))}
    for left_out in without:
        instead = set(moved[left_out]["USUBJID"]) if left_out in moved else set()
        kept = [s for s in sorted(alone) if centre_of[s] != left_out and s not in instead]
        copies = [_name(s, left_out) for s in sorted(instead)]
        out[left_out] = (*(c for c in centres if c != left_out), *kept, *copies)
    return out
