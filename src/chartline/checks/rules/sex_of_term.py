"""What is recorded of a patient's body fits the recorded sex.

A man is not pregnant and a woman has no testicular relapse: the sex is wrong, or the record is another patient's.
Judged by the words (ours) below in history terms and findings, adverse events and the site of relapse. A text that
speaks of a test or a donor says nothing of the patient's body.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="sex_of_term",
    group=Group.IDENTITY,
    sentence="What is recorded of a patient's body fits the recorded sex.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check the patient's sex, and whether this record is this patient's.",
)
_NOT = ("test", "donor", "partner", "wife", "husband", "mother", "father")
_OF = {
    "M": (
        *("pregnancy", "pregnant", "gravid", "menorrhagia", "menstruation", "amenorrhoea", "amenorrhea", "menopause"),
        *("uterus", "uterine", "ovary", "ovarian", "vaginal", "endometrial", "endometriosis"),
    ),
    "F": ("testis", "testes", "testicle", "testicles", "testicular", "prostate", "prostatic", "epididymis", "scrotal"),
}
_NAMES = {"M": "male", "F": "female"}
_WHERE = (("MH", "MHTERM"), ("MH", "MHORRES"), ("AE", "AETERM"), ("SS", "RELTYPE"))


def find(context: Context) -> list[Finding]:
    """Return one finding a record whose words are the other sex's."""
    texts = pl.concat(
        context.data[domain]
        .lazy()
        .filter(pl.col(variable).is_not_null())
        .select(
            *SUBJECT, "BLOCK", "ROW", pl.col(variable).alias("VALUE"), DOMAIN=pl.lit(domain), VARIABLE=pl.lit(variable)
        )
        for domain, variable in _WHERE
    )
    sex = context.stated("DM", "SEX").lazy()
    known = texts.filter(~_names(_NOT)).join(sex, on=SUBJECT, suffix="_SEX", maintain_order="left")
    other = pl.any_horizontal((pl.col("VALUE_SEX") == s) & _names(words) for s, words in _OF.items())
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, "DM", "SEX", "_SEX"), Cell(r["DOMAIN"], r["VARIABLE"], r["BLOCK"], r["ROW"], r["VALUE"])),
            f"The patient is recorded as {_NAMES[r['VALUE_SEX']]}, but `{r['VALUE']}` is recorded.",
        )
        for r in run(known.filter(other)).iter_rows(named=True)
    ]


def _names(words: Iterable[str]) -> pl.Expr:
    return pl.col("VALUE").str.contains(rf"(?i)\b(?:{'|'.join(words)})\b")
