"""How a column of a sheet or a delimited file gets its name.

In: the cells of the heading row (and of a group row above it). Out: unique names, and which of them a person
should know about. A name is the heading with its white space (line breaks, hard spaces) made single spaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """A column: its position from 0, its unique name, and why that is not simply its heading ('' if it
    is)."""

    index: int
    name: str
    problem: str = ""  # duplicate_header, blank_header


def column_letter(index: int) -> str:
    """Return a column's place as spreadsheets show it: 0 -> 'A', 26 -> 'AA'."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def number_text(value: float) -> str:
    """Return a number in its shortest exact form: 14.0 -> '14', 0.5 -> '0.5', 1e16 -> '10000000000000000'."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e21):
        return str(int(value))
    return repr(value)


def name_columns(
    cells: Sequence[str | None], has_data: Sequence[bool], groups: Sequence[str | None] = ()
) -> list[Heading]:
    """Name every column that has a heading or data; a column with neither is left out.

    A repeated heading is told apart by its group (`Group / Heading`) where that makes it unique, else by its
    place: the first keeps its name, the next is `Heading [C]`. A column with data but no heading is `[C]`.
    """
    tidy = [" ".join(cell.split()) if cell else "" for cell in cells]
    count = Counter(tidy)
    names: dict[str, Heading] = {}
    for index, plain in enumerate(tidy):
        if not plain and not has_data[index]:
            continue
        wanted = plain
        if count[plain] > 1 and index < len(groups) and groups[index]:
            wanted = " / ".join((" ".join((groups[index] or "").split()), plain)) if plain else ""
        name = wanted
        while not name or name in names:
            name = f"{name} [{column_letter(index)}]".strip()
        problem = "" if name == plain else "duplicate_header" if plain else "blank_header"
        names[name] = Heading(index, name, problem)
    return list(names.values())


def explain(heading: Heading) -> str:
    """Say what a heading's problem is, for a note."""
    if heading.problem == "blank_header":
        return f"This column has data but no heading. It is read under the name {heading.name!r}."
    return f"This heading stands over more than one column. This one is read under the name {heading.name!r}."
