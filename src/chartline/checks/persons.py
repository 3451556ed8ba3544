"""Persons: the few facts by which two records are seen to be one person, and how to say so without telling them.

In: the checks' context. Out: one row a subject with the full date of birth, sex, day 0 and diagnosis, and a code for
a pair of records at two centres. The code is a keyed hash (BLAKE2b, the study's id as key) of the facts that agree,
cut to four hexadecimal digits: both centres and the coordinator can quote it, and it tells nobody a date, for some
thousands of possible patients share each code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.core.plans import run

FACTS = {"BORN": "date of birth", "SEX": "sex", "FIRST": "first dose", "DIAGNOSED": "date of diagnosis"}


def persons(context: Context) -> pl.DataFrame:
    """Return one row a subject: BORN, SEX, FIRST and DIAGNOSED (null where unknown or partial), BLOCK and ROW of the
    date of birth. Centres that count days are left out: their dates are fictitious."""
    calendar = ~pl.col("CENTRE").is_in(list(context.data.study_days.events))
    people = context.subjects.lazy().filter(calendar).select(SUBJECT)
    for name, frame in (("BORN", context.birth), ("FIRST", context.first_dose), ("DIAGNOSED", context.diagnosis)):
        full = frame.lazy().filter(pl.col("VALUE").str.len_chars() == 10)
        cells = ["BLOCK", "ROW"] if name == "BORN" else []
        people = people.join(
            full.select(*SUBJECT, pl.col("VALUE").alias(name), *cells), on=SUBJECT, how="left", maintain_order="left"
        )
    sex = (
        context.stated("DM", "SEX").lazy().filter(pl.col("VALUE") != "U").select(*SUBJECT, pl.col("VALUE").alias("SEX"))
    )
    return run(people.join(sex, on=SUBJECT, how="left", maintain_order="left"))


def pair_code(study: str, facts: Iterable[object]) -> str:
    """Return the code of a pair, e.g. `3F9A`, from the facts that agree."""
    text = "\x1f".join(map(str, facts)).encode()
    return hashlib.blake2b(text, digest_size=2, key=study.encode()[:64]).hexdigest().upper()
