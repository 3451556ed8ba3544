"""Problem codes -> Queries: the sentences a centre reads. One template a rule, nothing else."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from chartline.core.query import Query, Severity, Topic

_NOT_READ = "The value is left out until this is answered."
# rule -> (message, ask); {saw} is the cell, {what} the variable's label, {hint} what helps to answer.
_SENTENCES: dict[str, tuple[str, str]] = {
    "value_not_in_code_list": (
        "{what}: `{saw}` is not in the code list{hint}.",
        "Please give the right word; it must be confirmed, not guessed.",
    ),
    "code_not_known": ("{what}: the code `{saw}` is not known{hint}.", "Please give the right code."),
    "not_a_date": ("{what}: `{saw}` is not a date in the declared order{hint}.", "Please give the date (yyyy-mm-dd)."),
    "impossible_date": ("{what}: `{saw}` is a day that does not exist{hint}.", "Please give the date (yyyy-mm-dd)."),
    "ambiguous_partial": (
        "{what}: `{saw}` can be read in more than one way{hint}.",
        "Please give the date with a year of four digits.",
    ),
    "partial_date": (
        "{what}: `{saw}` is not a complete date, and this column was declared to hold complete dates{hint}.",
        "Please give the day, or confirm that it is not known.",
    ),
    "not_a_number_of_days": (
        "{what}: `{saw}` is not a whole number of days{hint}.",
        "Please give the number of days.",
    ),
    "not_a_number": ("{what}: `{saw}` is not a number{hint}.", "Please give the number."),
    "not_an_integer": ("{what}: `{saw}` is not a whole number{hint}.", "Please give the number."),
    "not_in_expected_form": (
        "{what}: `{saw}` does not have the form that was declared{hint}.",
        "Please give the value.",
    ),
    "unknown_lookup": (
        "{what}: `{saw}` is not found in the table it points to{hint}.",
        "Please give the right key, or the missing row.",
    ),
    "error_cell": ("{what}: the cell shows an error{hint}.", "Please give the value that belongs here."),
    "unknown_unit": (
        "{what}: the unit `{saw}` is not known for this test{hint}.",
        "Please give the unit of the value.",
    ),
    "no_upper_limit": (
        "{what}: `{saw}` is a multiple of an upper limit of normal that was not given{hint}.",
        "Please give the upper limit of normal of this test.",
    ),
}


# A value of these rules could not be read, so it cannot be right as it stands: no confirmation closes the query.
UNREADABLE = frozenset(_SENTENCES) - {"partial_date"}


@dataclass(frozen=True)
class Seat:
    """Where a problem sits: centre, subject, address, what the cell shows, and what it is about."""

    centre: str
    subject: str
    address: str
    saw: str
    what: str
    column: str = ""
    topics: frozenset[Topic] = field(default_factory=frozenset)
    severity: Severity = Severity.WARN


def problem_query(rule: str, seat: Seat, hint: str = "") -> Query:
    """Return the query of one cell that does not fit its declaration."""
    message, ask = _SENTENCES[rule]
    told = f" ({hint})" if hint else ""
    message = message.format(what=seat.what, saw=seat.saw, hint=told)
    shown = f"{seat.column}: {seat.saw}" if seat.column else seat.saw
    return Query(
        rule,
        seat.severity,
        seat.centre,
        seat.subject,
        (seat.address,),
        shown,
        f"{message} {_NOT_READ}",
        ask,
        seat.topics,
    )


def nearest(word: str, words: Iterable[str]) -> str:
    """Return a hint naming the nearest word of a list; never used as the value."""
    known = {w.lower(): w for w in words}
    near = difflib.get_close_matches(word.strip().lower(), list(known), 1, 0.6)
    return f"nearest '{known[near[0]]}', must be confirmed" if near else ""


def is_loinc_shaped(code: str) -> bool:
    """Whether text looks like a LOINC code: digits, hyphen, one check digit."""
    head, _, check = code.partition("-")
    return head.isdigit() and 3 <= len(head) <= 7 and len(check) == 1 and check.isdigit()


def loinc_check_digit(digits: str) -> int:
    """Return the mod-10 check digit of a LOINC number (LOINC Users' Guide, appendix on check digits).

    From the right, every other digit starting with the first is doubled; the digits of the products and the
    others are added; the check digit brings the sum to a multiple of ten.
    """
    total = 0
    for i, c in enumerate(reversed(digits)):
        n = int(c) * (2 if i % 2 == 0 else 1)
        total += n // 10 + n % 10
    return -total % 10


def loinc_hint(code: str) -> str:
    """Say whether the check digit of a LOINC-shaped code fails."""
    head, check = code.split("-")
    right = loinc_check_digit(head)
    return "" if int(check) == right else f"its check digit fails: {head} would have {right}"


def serial_hint(text: str) -> str:
    """Say which days a number is in a spreadsheet's two date systems, where it is one of the years 1954 to 2064.

    Day 60 of the 1900 system is the 29 February 1900 that never was, so its days count from 1899-12-30; those of the
    1904 system from 1904-01-01.
    """
    whole = text.strip().removesuffix(".0")
    if not (whole.isascii() and whole.isdigit() and 20_000 <= int(whole) < 60_000):
        return ""
    first, other = (start + dt.timedelta(days=int(whole)) for start in (dt.date(1899, 12, 30), dt.date(1904, 1, 1)))
    return f"as a spreadsheet's day number it would be {first}, or {other} in the 1904 system"


def merged(queries: Iterable[Query]) -> list[Query]:
    """One query per rule and place: several variables read from one cell ask once, with the topics of all."""
    out: dict[str, Query] = {}
    for q in queries:
        old = out.get(q.id)
        if old is None:
            out[q.id] = q
        else:
            worst = Severity.BLOCK if Severity.BLOCK in (old.severity, q.severity) else old.severity
            out[q.id] = replace(old, severity=worst, topics=old.topics | q.topics)
    return list(out.values())
