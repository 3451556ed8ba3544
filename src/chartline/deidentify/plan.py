"""What each column of a folder is, and what is to be done with it: recognised first, declared by the centre above all.

Names, telephones, e-mail, addresses and pictures are dropped; hospital and national numbers become pseudonyms. A
patient number that is a code made for a study ("A-01") names nobody and is kept, for the mapping reads by it; any
other becomes a pseudonym. Fields that a REDCap data dictionary marks as identifiers are dropped, dates excepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from chartline.core.identifiers import Identifier, Kind, find_identifier, heading_kind, heading_words, is_study_code
from chartline.deidentify.grid import Grid, Row, as_text
from chartline.deidentify.model import Action, Decision, Options

_ACTIONS = {Kind.HOSPITAL: Action.PSEUDONYM, Kind.NATIONAL: Action.PSEUDONYM}
_MARKED = "marked as an identifier in the REDCap project"
_FIELD, _IDENTIFIER, _TYPE = "variable field name", "identifier", "text validation type or show slider number"
_VAGUE_LABELS = ("patient", "names")
_LINKS = (Kind.SUBJECT, Kind.HOSPITAL, Kind.NATIONAL)
Decisions = dict[int, Decision]  # by column


def marked_fields(grids: Iterable[Grid]) -> dict[str, str]:
    """Return field -> its validation type, of the fields that a REDCap data dictionary of the folder marks."""
    out: dict[str, str] = {}
    for grid in grids:
        columns = {heading_words(h): i for i, h in enumerate(grid.headings)}
        if _FIELD not in columns or _IDENTIFIER not in columns:
            continue
        type_ = columns.get(_TYPE, -1)
        for n, row in enumerate(grid.rows()):
            if n >= grid.head and as_text(row[columns[_IDENTIFIER]]).lower() == "y":
                out[as_text(row[columns[_FIELD]])] = as_text(row[type_]) if type_ >= 0 else ""
    return out


def plan_grids(grids: Iterable[Grid], options: Options, marked: Mapping[str, str]) -> dict[tuple[str, str], Decisions]:
    """Return, by file and table, the decision of each column that is an identifier, or of which the centre declared
    something. `marked` are the fields that a project marks as identifiers, with their validation types.

    Columns of patient numbers that have one heading are one thing in the whole folder: kept or replaced together.
    """
    every = [(grid, grid.sample()) for grid in grids]
    marked = {**marked, **marked_fields(grid for grid, _ in every)}
    numbers: dict[str, list[str]] = {}
    for grid, sample in every:
        for heading, values in zip(grid.headings, sample, strict=True):
            numbers.setdefault(heading_words(heading), []).extend(v for v in values if any(map(str.isdigit, v)))
    return {(grid.file, grid.table): _plan(grid, sample, options, marked, numbers) for grid, sample in every}


def _plan(
    grid: Grid, sample: list[list[str]], options: Options, marked: Mapping[str, str], numbers: Mapping[str, list[str]]
) -> Decisions:
    out: Decisions = {}
    for i, (heading, values) in enumerate(zip(grid.headings, sample, strict=True)):
        found = _found(heading, values, marked)
        if found is None or found.kind not in _LINKS:
            if i == grid.subject:
                found = Identifier(Kind.SUBJECT, "the file tells by it whose a row is", 1.0)
            elif options.names_subject(grid.table, heading):
                found = Identifier(Kind.SUBJECT, "the mapping tells by it whose a row is", 1.0)
        declared = options.declared(grid.table, heading)
        if found is None and declared is None:
            continue
        kind = found.kind if found else None
        action = declared or _action(found, numbers[heading_words(heading)])
        reason = "declared by the centre" if declared else found.reason if found else ""
        if declared is None and kind is Kind.SUBJECT:
            reason += ": a study code" if action is Action.KEEP else ", and it is no study code"
        out[i] = Decision(grid.file, grid.table, heading, kind, action, reason)
    return out


def plan_known(
    grid: Grid, decisions: Decisions, options: Options, knows: Callable[[Sequence[str]], Kind | None]
) -> None:
    """Add the columns that no heading gives away, but whose values are identifiers of other columns."""
    for i, (heading, values) in enumerate(zip(grid.headings, grid.sample(), strict=True)):
        if i in decisions or options.declared(grid.table, heading) is not None:
            continue
        if (kind := knows(values)) is not None:
            action = _ACTIONS.get(kind, Action.DROP)
            reason = f"its values are those of a column that is a {kind}"
            decisions[i] = Decision(grid.file, grid.table, heading, kind, action, reason)


def labelled(grid: Grid, row: Row, c: int) -> Decision | None:
    """Return what is done with a cell whose left neighbour says that it is an identifier: "Mobile | 98765 43210", as in
    forms that have their headings in a column, and in tables of names and values."""
    label = row[c - 1] if c else None
    # A value that begins and ends with a digit is no heading; most cells of a large file are such.
    value = not isinstance(label, str) or (label[:1].isdigit() and label[-1:].isdigit())
    kind = None if value else heading_kind(str(label))
    if kind in (None, Kind.SUBJECT) or heading_words(str(label)) in _VAGUE_LABELS:
        return None
    return Decision(grid.file, grid.table, str(label), kind, _ACTIONS.get(kind, Action.DROP), "the cell before says so")


def patient_columns(decisions: Decisions) -> list[int]:
    """Return the columns whose numbers say whose a row is."""
    return [i for i, d in sorted(decisions.items()) if d.kind in _LINKS]


def _found(heading: str, values: list[str], marked: Mapping[str, str]) -> Identifier | None:
    found = find_identifier(heading, values)
    field = heading.partition("___")[0]
    if field not in marked or (found is not None and found.kind is Kind.SUBJECT):
        return found
    if marked[field].startswith("date"):
        return None
    return Identifier(found.kind if found else Kind.NAME, _MARKED, 1.0)


def _action(found: Identifier | None, numbers: list[str]) -> Action:
    if found is None:
        return Action.KEEP
    if found.kind is Kind.SUBJECT:
        return Action.KEEP if is_study_code(numbers) or not numbers else Action.PSEUDONYM
    if found.reason == _MARKED and found.kind not in _ACTIONS:
        return Action.DROP
    return _ACTIONS.get(found.kind, Action.DROP)
