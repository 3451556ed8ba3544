"""Texts of the formats: names in snake_case, numbers unrounded, CSV that no spreadsheet program computes."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from io import StringIO

from chartline.core.inert import inert


def snake_case(text: str) -> str:
    """Return a name of small letters, digits and single underscores: "Disease status" -> "disease_status"."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "unnamed"


def number_text(value: float) -> str:
    """Return a number unrounded, a whole number without a point: Python reads the same number back."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> str:
    """Return a CSV file; None is written NA, as R reads and writes it. No text becomes a formula; a lone hyphen, the
    sign of a suppressed number, is none."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(v) for v in row] for row in rows)
    return out.getvalue()


def _cell(value: str | int | None) -> str:
    if value is None:
        return "NA"
    return str(value) if isinstance(value, int) or value == "-" else inert(value)
