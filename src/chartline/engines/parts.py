"""Which part of the subjects a subject is in.

In: ids and how many parts. Out: numbers from 0. A part depends on the id alone, never on who else is there nor on the
order of rows, the machine or the version of Python, so that every process and every rerun finds the same.
"""

from __future__ import annotations

import hashlib

import polars as pl


def part_of(subject: str, parts: int) -> int:
    """Return the part of a subject: the first eight bytes of the sha256 of its id, modulo `parts`."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big") % parts


def parts_of(subjects: pl.Series, parts: int) -> pl.DataFrame:
    """Return USUBJID and PART of every subject among `subjects`, once."""
    unique = subjects.unique()
    return pl.DataFrame({"USUBJID": unique, "PART": pl.Series([part_of(s, parts) for s in unique], dtype=pl.UInt32)})


def part_of_person(person_id: int, parts: int) -> int:
    """Return the part of a person of a database: `person_id` modulo `parts`, never negative, as in its SQL."""
    return person_id % parts
