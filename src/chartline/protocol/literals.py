"""What a variable can be compared with: the kind of a literal against the kind of the variable."""

from __future__ import annotations

import re

EXPECTED = {"number": "a number", "date": "a day as '2020-01-31'", "flag": "'Y' or 'N'", "text": "quoted text"}


def fits(literal: object, kind: str) -> bool:
    """Return whether a variable of a kind (number, date, flag, text) can ever be equal to a literal."""
    if kind == "number":
        return not isinstance(literal, str)
    if kind == "date":
        return isinstance(literal, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", literal) is not None
    return literal in ("Y", "N") if kind == "flag" else isinstance(literal, str)
