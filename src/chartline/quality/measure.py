"""From a study to the quality of its data: the last module here that knows a subject.

    completeness      of what the protocol needs of eligible patients (`needs.py`)
    queries           that ask something, raised by the charts as they came, and open once answers are laid over them
    exact dates       dates of eligible patients known to the day, of all dates given
    follow-up         Clark's index (Lancet 2002;359:1309-1310): person-time observed of that possible until the
                      cut-off; the possible time of who had the event ends with it
    delay             of who is not known to be dead: days from the last contact to the cut-off. When a value was
                      entered is in no chart, so the delay of entry itself cannot be known.

Centres that count days have no calendar: their follow-up and delay are not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from statistics import median, quantiles

import polars as pl

from chartline.core.clinical import DOMAIN_LABELS, ClinicalData, variables
from chartline.core.dates import is_partial
from chartline.derive.model import Adam
from chartline.protocol.analyses import FollowUp
from chartline.protocol.model import Protocol
from chartline.quality.kinds import count_queries
from chartline.quality.model import Median, Need, Quality, Share
from chartline.quality.needs import find_needs, shares_of
from chartline.study import StudyData

_STATEMENTS = ("DM", "SS")  # several rows may speak about one subject
_SURVIVAL = "overall_survival"


def measure_quality(study: StudyData, raw: StudyData, adam: Adam) -> Quality:
    """Return the quality of a study's data. `raw` is the same study as the charts came, without any answer."""
    protocol = study.protocol
    labels = {c.id: c.label or c.id for c in protocol.data.centres}
    centres = tuple(labels)
    everyone = adam["ADSL"]
    eligible = everyone.filter(pl.col("ELIGFL") == "Y")
    endpoint = _followed(protocol)
    calendar = eligible.filter(~pl.col("CENTRE").is_in(list(study.data.study_days.events)))
    dates = _dates(study.data, eligible, centres)
    return Quality(
        protocol=protocol,
        protocol_digest=study.protocol_digest,
        data_digest=study.data_digest,
        version=version("chartline"),
        labels=labels,
        screened=_patients(everyone, centres),
        eligible=_patients(eligible, centres),
        needs=find_needs(adam, protocol, centres),
        queries=count_queries(raw.queries, study.queries, centres, _own_checks(study)),
        dates={c: Share.sum(d.shares[c] for d in dates) for c in centres},
        dates_by_variable=dates,
        follow_up=_follow_up(adam, calendar, protocol, endpoint, centres),
        followed=adam.labels.get(endpoint, endpoint),
        delay=_delay(calendar, protocol, centres),
    )


def _own_checks(study: StudyData) -> frozenset[str]:
    declared = (study.protocol.own_checks, *study.centre_checks.values())
    return frozenset(own.id for checks in declared for own in checks)


def _patients(rows: pl.DataFrame, centres: Iterable[str]) -> dict[str, int]:
    found = dict(rows.group_by("CENTRE").len().iter_rows())
    return {c: found.get(c, 0) for c in centres}


def _dates(data: ClinicalData, eligible: pl.DataFrame, centres: tuple[str, ...]) -> tuple[Need, ...]:
    """Of each date variable, how many of its dates are known to the day; those that no centre gives are left out."""
    out = []
    for domain, named in variables().items():
        rows = data[domain].join(eligible.select("USUBJID"), on="USUBJID", how="semi")
        for name, v in named.items():
            if v.type == "date":
                exact = rows.select("CENTRE", "USUBJID", (~is_partial(name)).alias("EXACT")).drop_nulls()
                if domain in _STATEMENTS:  # a year that stands beside the whole date takes nothing from it
                    exact = exact.group_by("CENTRE", "USUBJID").agg(pl.col("EXACT").any())
                shares = shares_of(exact, pl.lit(True), pl.col("EXACT"), centres)
                out.append(Need(DOMAIN_LABELS[domain], v.label, "dates", shares))
    return tuple(n for n in out if n.everyone.of)


def _followed(protocol: Protocol) -> str:
    """The endpoint whose follow-up is told: that of a declared analysis of follow-up, else overall survival."""
    declared = [a.endpoint for a in protocol.analyses if isinstance(a, FollowUp)]
    shipped = [e.id for e in protocol.endpoints if e.use == _SURVIVAL]
    return next(iter((*declared, *shipped)), "")


def _follow_up(
    adam: Adam, eligible: pl.DataFrame, protocol: Protocol, endpoint: str, centres: tuple[str, ...]
) -> dict[str, Share]:
    """Person-days observed and possible."""
    none = {c: Share(0, 0) for c in centres}
    if protocol.data.cut_off is None or not endpoint:
        return none
    until = (pl.lit(protocol.data.cut_off) - pl.col("STARTDT")).dt.total_days()
    possible = pl.when(pl.col("CNSR") == 0).then("AVAL").otherwise(pl.max_horizontal(until, "AVAL"))
    times = adam["ADTTE"].filter(pl.col("PARAMCD") == endpoint, pl.col("AVAL").is_not_null())
    rows = times.join(eligible.select("USUBJID"), on="USUBJID", how="semi")
    days = rows.group_by("CENTRE").agg(pl.col("AVAL").sum(), possible.sum().alias("POSSIBLE"))
    return none | {c: Share(int(seen), int(of)) for c, seen, of in days.iter_rows()}


def _delay(eligible: pl.DataFrame, protocol: Protocol, centres: tuple[str, ...]) -> dict[str, Median]:
    none = {c: Median(0) for c in centres}
    if protocol.data.cut_off is None:
        return none
    alive = eligible.filter((pl.col("DTHFL") != "Y").fill_null(True), pl.col("LKADT").is_not_null())
    gap = (pl.lit(protocol.data.cut_off) - pl.col("LKADT")).dt.total_days().clip(0)
    days = alive.group_by("CENTRE").agg(gap.alias("DAYS"))
    return none | {c: median_of(of) for c, of in days.iter_rows()}


def median_of(days: list[int]) -> Median:
    """Return the median with its quartiles (those of R's type 7)."""
    if len(days) < 2:
        return Median(len(days), *(float(d) for d in days * 3))
    low, _, high = quantiles(days, n=4, method="inclusive")
    return Median(len(days), float(median(days)), low, high)
