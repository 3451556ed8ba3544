"""What the protocol needs, and how often it is there: completeness by variable.

In: derived tables and the protocol. Out: a `Need` a variable. A value is asked for only where there can be one: a date
of death of who died, an MRD test of who responded. Patients are the eligible ones. Laboratory tests are those that the
report prints (`report.lab_tests`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from chartline.derive.model import Adam
from chartline.derive.response_details import EARLY
from chartline.derive.response_rules import load_rules
from chartline.mapping.words import tests
from chartline.protocol.base import own_variables
from chartline.protocol.lab_terms import terms_of
from chartline.protocol.model import Protocol
from chartline.protocol.names import sentence_start
from chartline.quality.model import Need, Share

_EVENTS = {
    "RELFL": ("RELDT", "Date of relapse, of who relapsed"),
    "NEWTXFL": ("NEWTXDT", "Date of new therapy, of who had one"),
    "HSCTFL": ("HSCTDT", "Date of transplantation, of who was transplanted"),
    "DTHFL": ("DTHDT", "Date of death, of who died"),
}


@dataclass(frozen=True)
class _Asked:
    """Rows of a table of which a value is asked (`where`), and whether it is there (`given`)."""

    group: str
    label: str
    of: str
    rows: pl.DataFrame
    where: pl.Expr
    given: pl.Expr


def find_needs(adam: Adam, protocol: Protocol, centres: Iterable[str]) -> tuple[Need, ...]:
    """Return every need of the protocol, in the order in which a patient is looked after."""
    names = tuple(centres)
    eligible = adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    asked = (
        *_baseline(eligible, protocol),
        *_treatment(adam, eligible, protocol),
        *_response(eligible, protocol),
        *_laboratory(adam, eligible, protocol),
        *_adverse_events(adam, eligible),
        *_later(eligible, protocol),
    )
    return tuple(n for a in asked if (n := _need(a, names)).everyone.of)


def shares_of(rows: pl.DataFrame, where: pl.Expr, given: pl.Expr, centres: Iterable[str]) -> dict[str, Share]:
    """Return how many rows of `where` have what is `given`, by CENTRE."""
    asked = rows.filter(where.fill_null(False))
    counted = asked.group_by("CENTRE").agg(given.fill_null(False).sum().cast(pl.Int64).alias("N"), pl.len().alias("OF"))
    found = {c: Share(n, of) for c, n, of in counted.iter_rows()}
    return {c: found.get(c, Share(0, 0)) for c in centres}


def _need(asked: _Asked, centres: tuple[str, ...]) -> Need:
    return Need(asked.group, asked.label, asked.of, shares_of(asked.rows, asked.where, asked.given, centres))


def _baseline(eligible: pl.DataFrame, protocol: Protocol) -> Iterator[_Asked]:
    named = {"AGE": "Age", "SEX": "Sex"} | {
        n: c.label for n, c in protocol.characteristics.items() if c.take != "count"
    }
    for name, label in named.items():
        yield _Asked("Baseline", label, "patients", eligible, pl.lit(True), pl.col(name).is_not_null())


def _treatment(adam: Adam, eligible: pl.DataFrame, protocol: Protocol) -> Iterator[_Asked]:
    if protocol.treatment is None:
        return
    doses = adam["ADEX"].join(eligible.select("USUBJID"), on="USUBJID", how="semi")
    amount = pl.col("EXDOSM2").is_not_null() | pl.col("EXDOSE").is_not_null()
    yield _Asked("Treatment", "Amount of each dose", "doses", doses, pl.lit(True), amount)


def _response(eligible: pl.DataFrame, protocol: Protocol) -> Iterator[_Asked]:
    if "BOR" not in eligible.columns:
        return
    judged = pl.col("BOR").is_not_null() & (pl.col("BOR") != load_rules(protocol.response.criteria).not_evaluable)
    late = (pl.col("NEREAS") != EARLY).fill_null(True)
    yield _Asked("Response", "Response can be judged, of who did not die early", "patients", eligible, late, judged)
    if "MRDTSTFL" in eligible.columns:
        responder = pl.col("RESPFL") == "Y"
        tested = pl.col("MRDTSTFL") == "Y"
        yield _Asked("Response", "Adequate MRD test, of who responded", "patients", eligible, responder, tested)


def _laboratory(adam: Adam, eligible: pl.DataFrame, protocol: Protocol) -> Iterator[_Asked]:
    """Of each test of the report, who has a value at baseline and who has one on treatment."""
    wanted = dict.fromkeys(test for test, _ in terms_of(protocol.report.lab_tests))
    for test in wanted:
        rows = adam["ADLB"].filter(pl.col("LBTESTCD") == test, pl.col("AVAL").is_not_null())
        label = tests()[test][0]
        for words, flag in (("at baseline", "ABLFL"), ("on treatment", "ANL01FL")):
            has = rows.filter(pl.col(flag) == "Y")["USUBJID"].unique().to_list()
            given = pl.col("USUBJID").is_in(has)
            yield _Asked("Laboratory", f"{label}, {words}", "patients", eligible, pl.lit(True), given)


def _adverse_events(adam: Adam, eligible: pl.DataFrame) -> Iterator[_Asked]:
    events = adam["ADAE"].join(eligible.select("USUBJID"), on="USUBJID", how="semi")
    for name, label in (("ASTDT", "Onset"), ("AETOXGR", "Grade"), ("AEREL", "Relation to treatment")):
        given = pl.col(name).is_not_null()
        yield _Asked("Adverse events", f"{label} of each adverse event", "events", events, pl.lit(True), given)


def _later(eligible: pl.DataFrame, protocol: Protocol) -> Iterator[_Asked]:
    group = "Events and follow-up"
    own = {own_variables(n): e for n, e in protocol.milestones.items()}
    dated = {flag: of for flag, of in _EVENTS.items() if {flag, of[0]} <= set(eligible.columns)}
    dated |= {
        flag: (day, f"Date of: {sentence_start(e.label)}") for (flag, day), e in own.items() if e.source is not None
    }
    for flag, (day, label) in dated.items():
        yield _Asked(group, label, "patients", eligible, pl.col(flag) == "Y", pl.col(day).is_not_null())
    known = pl.col("LKADT").is_not_null() | (pl.col("DTHFL") == "Y")
    yield _Asked(group, "Last contact or death", "patients", eligible, pl.lit(True), known)
