"""A mapping is used when a person has signed it, and has no open question left.

In: a mapping and its file's name. Out: nothing, a MappingError, or a query. Only `chartline check` works on a mapping
that nobody signed: it is how the person who will sign sees what the mapping does.
"""

from __future__ import annotations

from collections.abc import Iterator

from chartline.core.query import Query, Severity
from chartline.errors import MappingError
from chartline.mapping.model import Mapping

OPEN_QUESTION = "open question: "  # what a reason begins with while nobody has decided


def require_signature(mapping: Mapping, file: str) -> None:
    """Raise MappingError where nobody signed the mapping with a date, or where it was signed with open questions."""
    if not mapping.signed_by:
        raise MappingError(
            f"Nobody has signed the mapping of {mapping.label or f'centre {mapping.centre}'}",
            where=file,
            expected="signed_by and signed_on: who confirmed with the centre what each column means, and when",
            do="see what it does with `chartline check`, read it with the centre, then enter signed_by and signed_on",
        )
    if mapping.signed_on is None:
        raise MappingError(
            f"The mapping of {mapping.label or f'centre {mapping.centre}'} is signed without a date",
            where=file,
            expected="signed_on: the day on which it was confirmed, as 2026-11-23",
            do=f"ask {mapping.signed_by} when it was confirmed with the centre, and enter signed_on",
        )
    left = list(open_questions(mapping))
    if left:
        n = len(left)
        raise MappingError(
            f"The mapping of {mapping.label or f'centre {mapping.centre}'} is signed with {n} open "
            f"question{'s' * (n > 1)} in it: {'; '.join(left[:3])}{' ...' if n > 3 else ''}",
            where=file,
            expected=f"a decision for each: no reason that begins with `{OPEN_QUESTION.strip()}`",
            do="map what is meant, or give the reason why it is not read",
        )


def open_questions(mapping: Mapping) -> Iterator[str]:
    """Yield every place of a mapping whose reason is still an open question."""
    for what, reasons in (("file", mapping.ignore_files), ("table", mapping.ignore_tables)):
        yield from (f"{what} {name}" for name, reason in reasons.items() if _open(reason))
    for name, table in mapping.tables.items():
        yield from (f"{name}, column {column}" for column, reason in table.ignore.items() if _open(reason))
        yield from (f"{name}, rows left out" for e in table.exclude_rows if _open(e.reason))


def _open(reason: str) -> bool:
    return reason.lower().startswith(OPEN_QUESTION.strip())


def unsigned_queries(mapping: Mapping, file: str) -> list[Query]:
    """A mapping that no person has confirmed is looked at, and that is said."""
    if mapping.signed_by:
        return []
    return [
        Query(
            "mapping_unsigned",
            Severity.WARN,
            mapping.centre,
            "",
            (file,),
            "signed_by: (blank)",
            "Nobody has signed this mapping, so nobody has confirmed that it says what the centre meant.",
            "Read the mapping with the centre, then enter signed_by and signed_on.",
        )
    ]
