"""Lists and counted nouns in English sentences."""

from __future__ import annotations

from collections.abc import Sequence


def joined(words: Sequence[str], last: str = "and") -> str:
    """Return "A, B and C"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def counted(n: int, noun: str) -> str:
    """Return "1 day" or "3 days"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
