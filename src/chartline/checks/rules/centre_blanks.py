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
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule, Scope
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


def find(context: Context, *, chance: float, higher: float, patients: float) -> list[Finding]:
    """Return one finding a centre and variable that is blank far more often than elsewhere."""
    shares = run(pl.concat([_shares(context, domain, name) for domain, names in _JUDGED.items() for name in names]))
    odd = [c for c in apart(shares.lazy(), patients=patients, chance=chance, higher=higher) if c.higher > 0.5]
    return [_finding(context, c, shares) for c in odd]


def _shares(context: Context, domain: str, name: str) -> pl.LazyFrame:
    """One row a patient: the share of records in which the variable is blank, at centres that record it."""
    blank = pl.col(name).is_null()
    rows = context.data[domain].lazy().filter((~blank).any().over("CENTRE"))
    of_patient = rows.group_by(SUBJECT).agg(
        blank.mean().alias("VALUE"), blank.sum().alias("BLANKS"), pl.len().alias("N")
    )
    return of_patient.select("CENTRE", pl.lit(f"{domain}.{name}").alias("NAME"), "VALUE", "BLANKS", "N")


def _finding(context: Context, c: Compared, shares: pl.DataFrame) -> Finding:
    domain, name = c.name.split(".")
    of = shares.filter(pl.col("NAME") == c.name)
    here, there = of.filter(pl.col("CENTRE") == c.centre), of.filter(pl.col("CENTRE") != c.centre)
    blank = context.data[domain].filter((pl.col("CENTRE") == c.centre) & pl.col(name).is_null()).head(_SHOWN)
    cells = tuple(Cell(domain, name, r["BLOCK"], r["ROW"]) for r in blank.iter_rows(named=True))
    label = variables()[domain][name].label
    said = [f"{int(f['BLANKS'].sum())} of {int(f['N'].sum())} records" for f in (here, there)]
    return Finding(c.centre, "", cells, f"{label} is blank in {said[0]} of this centre, elsewhere in {said[1]}.")
