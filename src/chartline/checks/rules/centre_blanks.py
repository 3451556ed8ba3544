"""A centre leaves no more values blank than the others.

For each variable below and each patient, the share of records in which it is blank; the centre against all others by
Wilcoxon's rank sum. Told is where the chance is below `chance` (0.01) after Bonferroni over all centres and variables,
a patient of this centre has the more blanks in `higher` (0.75) of all pairs, from `patients` (10) patients on each
side. A variable that a centre never records is a matter of its mapping, and left out. Recording style as a sign of a
centre: Venet et al., Clin Trials 2012;9:705; the limits are ours.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.comparisons import Compared, apart
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, first_rows
from chartline.core.clinical import variables
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="centre_blanks",
    group=Group.CENTRES,
    scope=Scope.STUDY,
    sentence="A centre leaves no more values blank than the others.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.BASELINE}),
    asks="Please fill in what is known.",
    parameters={"chance": 0.01, "higher": 0.75, "patients": 10},
)
_JUDGED = {
    "EX": ("EXDOSM2", "EXDOSE", "EXCYCLE"),
    "RS": ("BMBLAST", "PBBLAST", "EMD", "INVRESP"),
    "LB": ("LBSTNRHI",),
    "AE": ("AETOXGR", "AEENDTC", "AEREL", "AESER", "AEOUT"),
    "MH": ("MHSTDTC",),
    "CM": ("CMENDTC",),
    "PR": ("PRDONOR", "PRCOND", "PRSTATUS"),
}
_SHOWN = 3
_OF = ["CENTRE", "NAME"]


def gather(context: Context, **_: float) -> Seen:
    """Gather how many patients have each share of blanks in a variable, and the first of the blanks."""
    judged = [(domain, name) for domain, names in _JUDGED.items() for name in names]
    blanks = pl.concat([_blanks(context, domain, name) for domain, name in judged])
    return {"shares": pl.concat([_shares(context, *of) for of in judged]), "first": first_rows(blanks, _OF, _SHOWN)}


def find(whole: Whole, seen: Seen, *, chance: float, higher: float, patients: float) -> list[Finding]:
    """Return one finding a centre and variable that is blank far more often than elsewhere."""
    recorded = pl.col("BLANKS").sum().over(_OF) < pl.col("RECORDS").sum().over(_OF)
    shares = run(added(seen["shares"], [*_OF, "VALUE"], "BLANKS", "RECORDS").filter(recorded))
    odd = [c for c in apart(shares.lazy(), patients=patients, chance=chance, higher=higher) if c.higher > 0.5]
    return [_finding(seen, c, shares) for c in odd]


def _shares(context: Context, domain: str, name: str) -> pl.LazyFrame:
    """One row a centre and share of records in which the variable is blank: of N patients, with BLANKS and RECORDS."""
    blank = pl.col(name).is_null()
    of_patient = context.data[domain].lazy().group_by(SUBJECT).agg(
        blank.mean().alias("VALUE"), blank.sum().alias("BLANKS"), pl.len().alias("RECORDS")
    )  # fmt: skip
    named = of_patient.with_columns(pl.lit(f"{domain}.{name}").alias("NAME"))
    return named.group_by(*_OF, "VALUE").agg(
        pl.len().cast(pl.Int64).alias("N"), pl.col("BLANKS", "RECORDS").cast(pl.Int64).sum()
    )


def _blanks(context: Context, domain: str, name: str) -> pl.LazyFrame:
    blanks = context.data[domain].lazy().filter(pl.col(name).is_null())
    return blanks.select("CENTRE", pl.lit(f"{domain}.{name}").alias("NAME"), "BLOCK", "ROW")


def _finding(seen: Seen, c: Compared, shares: pl.DataFrame) -> Finding:
    domain, name = c.name.split(".")
    of = shares.filter(pl.col("NAME") == c.name)
    here, there = of.filter(pl.col("CENTRE") == c.centre), of.filter(pl.col("CENTRE") != c.centre)
    blank = seen["first"].filter((pl.col("CENTRE") == c.centre) & (pl.col("NAME") == c.name))
    first = run(first_rows(blank, _OF, _SHOWN))
    cells = tuple(Cell(domain, name, r["BLOCK"], r["ROW"]) for r in first.iter_rows(named=True))
    label = variables()[domain][name].label
    said = [f"{int(f['BLANKS'].sum())} of {int(f['RECORDS'].sum())} records" for f in (here, there)]
    return Finding(c.centre, "", cells, f"{label} is blank in {said[0]} of this centre, elsewhere in {said[1]}.")
