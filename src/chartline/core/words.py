"""Recognising what a text names by the words that a protocol declares for it.

A word is a run of letters and digits, whatever stands between two of them: "Flu/Bu2" has the words flu and bu2, and
"CAR-T (CD19)" the words car, t and cd19. A declared name of several words is found where they follow each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl


def words_of(text: str | pl.Expr) -> pl.Expr:
    """Return the words of a text in small letters, as one text with a space before, between and after them."""
    column = pl.col(text) if isinstance(text, str) else text
    return pl.format(" {} ", column.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars())


def names_any(text: str | pl.Expr, names: Iterable[str]) -> pl.Expr:
    """Return whether a text has any of the names (null where there is no text)."""
    said = words_of(text)
    found = [said.str.contains(_spaced(name), literal=True) for name in names]
    return pl.any_horizontal(found) if found else pl.when(said.is_not_null()).then(pl.lit(False))


def names_only(text: str | pl.Expr, names: Iterable[str]) -> pl.Expr:
    """Return whether every word of a text belongs to one of the names (null where there is no text)."""
    left = words_of(text).str.replace_all(" ", "  ", literal=True)
    for name in sorted(names, key=len, reverse=True):
        left = left.str.replace_all(_spaced(name).replace(" ", "  ")[1:-1], " ", literal=True)
    return left.str.strip_chars() == ""


def _spaced(name: str) -> str:
    words = re.findall(r"[^\W_]+", name.lower())
    return f" {' '.join(words)} "
