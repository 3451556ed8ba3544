"""What checks know of dates: what a doubtful one puts at stake, what its columns are called, and how dates go wrong.

In: a date as chartline reads it. Out: topics, words, and a sentence that names the likely slip as a question, or
nothing. A slip is one of the three that are made most: day and month swapped, a year typed one too high or too low
(as every January), or a wrong century (a year of two digits, completed by a spreadsheet). Nothing is ever corrected.
"""

from __future__ import annotations

import datetime as dt

from chartline.core.query import Severity, Topic

# Nobody who is in such a study was born, treated or seen before: what spreadsheets, databases and forms write for
# nothing (day 0 of 1900, day 0 of 1904, 1 January 1753, 1 January of year 1) lies before it, and so does a small
# number in a cell formatted as a date (5 is 1900-01-05, or 1904-01-06 under the other date system).
FIRST_POSSIBLE = dt.date(1905, 1, 1)

_BLOCKS = {
    ("DM", "BRTHDTC"): {Topic.ELIGIBILITY},
    ("EX", "EXSTDTC"): {Topic.EXPOSURE, Topic.FIRST_DOSE},
    ("SS", "DTHDTC"): {Topic.DEATH, Topic.FOLLOW_UP},
    ("SS", "LKADTC"): {Topic.FOLLOW_UP},
    ("SS", "RELDTC"): {Topic.RELAPSE},
    ("PR", "PRSTDTC"): {Topic.TRANSPLANT},
    ("RS", "RSDTC"): {Topic.RESPONSE, Topic.MRD},
}
_ASKED = {
    "LB": Topic.BLOOD_COUNTS,
    "AE": Topic.ADVERSE_EVENTS,
    "CM": Topic.NEW_THERAPY,
    "MH": Topic.BASELINE,
    "FA": Topic.ADVERSE_EVENTS,
    "DM": Topic.ELIGIBILITY,
}
_COLUMNS = {
    ("DM", "BRTHDTC"): "dates of birth",
    ("DM", "RFICDTC"): "dates of consent",
    ("EX", "EXSTDTC"): "dates of doses",
    ("SS", "DTHDTC"): "dates of death",
    ("SS", "LKADTC"): "dates last known alive",
    ("SS", "RELDTC"): "dates of relapse",
    ("PR", "PRSTDTC"): "dates of procedures",
    ("RS", "RSDTC"): "dates of marrows and assessments",
    ("LB", "LBDTC"): "dates of samples",
    ("AE", "AESTDTC"): "onset dates of adverse events",
    ("AE", "AEENDTC"): "end dates of adverse events",
    ("CM", "CMSTDTC"): "start dates of other treatments",
    ("CM", "CMENDTC"): "end dates of other treatments",
    ("MH", "MHSTDTC"): "dates of the history (diagnosis, earlier treatment)",
    ("MH", "MHENDTC"): "end dates of the history",
    ("FA", "FADTC"): "dates of findings",
}
_CENTURY = "in the wrong century"


def rank(domain: str, variable: str) -> int:
    """Return the place of a date among those on which endpoints rest; the others come last."""
    order = list(_BLOCKS)
    return order.index((domain, variable)) if (domain, variable) in _BLOCKS else len(order)


def at_stake(domain: str, variable: str) -> tuple[Severity, frozenset[Topic]]:
    """Return what a date that cannot be right does: one on which an endpoint rests blocks it, others are asked."""
    if (domain, variable) in _BLOCKS:
        return Severity.BLOCK, frozenset(_BLOCKS[domain, variable])
    return Severity.WARN, frozenset({_ASKED.get(domain, Topic.FOLLOW_UP)})


def column_words(domain: str, variable: str) -> str:
    """Return what the dates of a variable are called, in the plural."""
    return _COLUMNS.get((domain, variable), "dates")


def likely_slip(value: str, low: dt.date | None, high: dt.date | None) -> str:
    """Return a sentence naming the one slip that would bring a full date between `low` and `high`; '' if none would.

    None is no limit. Where two slips would do, none is named: the sentence would be a guess.
    """
    try:
        date = dt.date.fromisoformat(value)
    except ValueError:
        return ""
    fits = [(d, how) for d, how in _slips(date) if (low is None or d >= low) and (high is None or d <= high)]
    return f"It would fit if {fits[0][1]} ({fits[0][0]})." if len(fits) == 1 else ""


def slip_since(value: str, since: dt.date, cut_off: dt.date | None) -> str:
    """Return the sentence of `likely_slip` for a date that should lie on `since` or later, up to the cut-off (ten years
    on where the study has none)."""
    return likely_slip(value, since, cut_off or since + dt.timedelta(days=3653))


def _slips(date: dt.date) -> list[tuple[dt.date, str]]:
    out = []
    if date.day <= 12 and date.day != date.month:
        out.append((date.replace(day=date.month, month=date.day), "day and month were swapped"))
    for step, how in ((1, "one year too early"), (-1, "one year too late"), (100, _CENTURY), (-100, _CENTURY)):
        if (date.month, date.day) != (2, 29) and 1 <= date.year + step <= 9999:
            out.append((date.replace(year=date.year + step), f"the year was typed {how}"))
    return out
