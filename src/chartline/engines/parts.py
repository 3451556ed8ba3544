"""Which part of the subjects a subject is in.

In: ids and how many parts. Out: numbers from 0. A part depends on the id alone, never on who else is there nor on the
order of rows, the machine or the version of Python, so that every process and every rerun finds the same. Each subject
has a hash, and a part is a range of hashes: charts that lie in the order of their hashes are read for any number of
parts without being written again.
"""

from __future__ import annotations

import hashlib

import polars as pl

_ALL = 1 << 64


def hash_of(subject: str) -> int:
    """Return the hash of a subject: the first eight bytes of the sha256 of its id, as a whole number."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big")


def part_of(subject: str, parts: int) -> int:
    """Return the part of a subject: of `parts` equal ranges of all hashes, the one that holds its own."""
    return hash_of(subject) * parts >> 64


def range_of(part: int, parts: int) -> tuple[int, int]:
    """Return the first and the last hash of a part."""
    return -(-part * _ALL // parts), -(-(part + 1) * _ALL // parts) - 1


def hashes(subjects: pl.Series) -> pl.Series:
    """Return HASH of each subject."""
    return pl.Series("HASH", [hash_of(s) for s in subjects], dtype=pl.UInt64)


def parts_with(hashes: pl.Series, parts: int) -> list[int]:
    """Return the parts in which there is anybody, in order."""
    return sorted({h * parts >> 64 for h in hashes})
