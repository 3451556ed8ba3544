"""The table OVERRIDES as a reader sees it: labels for codes, what was set before what follows from it."""

from __future__ import annotations

from chartline.derive.model import Adam
from chartline.derive.reviewed import DOMAIN
from chartline.protocol.names import level_words
from chartline.report.source import OverrideLine

_SET = {
    "OVR": "Response at the assessment of",
    "AEREL": "Related to the treatment:",
    "AETOXGR": "Grade of",
}


def override_lines(adam: Adam) -> tuple[OverrideLine, ...]:
    """Return a line per value that was set, or that follows, by patient; none where nobody set anything."""
    if DOMAIN not in adam.tables:
        return ()
    lines = [
        OverrideLine(
            subject=r["USUBJID"],
            what=words_of(r["ITEM"], adam.labels),
            follows=r["KIND"] == "follows",
            derived=value_words(r["ITEM"], r["DERIVED"]),
            value=value_words(r["ITEM"], r["VALUE"]),
            reason=r["REASON"],
            by=r["SETBY"],
            on=r["SETON"],
        )
        for r in adam[DOMAIN].iter_rows(named=True)
    ]
    return tuple(sorted(lines, key=lambda o: (o.subject, o.follows)))


def value_words(item: str, value: str | None) -> str:
    """Return a value of the trace as a person writes it: no endless decimals, words for codes, a time in days."""
    if value is None:
        return ""
    try:
        number = float(value)
    except ValueError:
        return level_words(value)
    return f"{number:.4g}" + (" days" if item.startswith("ADTTE.") else "")


def words_of(item: str, labels: dict[str, str]) -> str:
    """Return an item of OVERRIDES in words: `ADRS.OVR 2020-01-28` is the response at an assessment."""
    name, _, rest = item.partition(".")[2].partition(" ")
    first, _, variant = name.partition("_")
    if rest and first in _SET:
        return f"{_SET[first]} {rest}" + (f" ({variant})" if variant else "")
    return labels.get(name, name)
