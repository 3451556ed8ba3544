"""Where in a protocol something stands, so that an error can name the line."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from chartline.core.declared import line_of
from chartline.errors import ProtocolError


@dataclass(frozen=True)
class Place:
    """Keys and numbers of a protocol; `name` is what an element of a list is called.

    The line is looked for only where something is wrong: that takes long.
    """

    file: str
    loc: tuple[str | int, ...] = ()
    name: str = ""

    def at(self, *loc: str | int, name: str = "") -> Place:
        """Return a place inside this one."""
        return Place(self.file, (*self.loc, *loc), name or self.name)

    def __str__(self) -> str:
        path = "".join(f"[{p}]" if isinstance(p, int) else f"{'.' if i else ''}{p}" for i, p in enumerate(self.loc))
        path += f" ({self.name})" if self.name else ""
        if not self.file or not Path(self.file).is_file():
            return path
        return f"{self.file} line {line_of(Path(self.file), self.loc)}, at {path}"


def check_known(name: str, names: Collection[str], what: str, place: Place) -> None:
    """Raise `ProtocolError` unless `name` is one of `names`; say which is near to it."""
    if name not in names:
        raise unknown(f"There is no {what} `{name}`", name, list(names), place)


def unknown(what: str, name: str, known: list[str], place: Place) -> ProtocolError:
    """Return the error of a name that is not among the known."""
    near = difflib.get_close_matches(name, known, n=1)
    return ProtocolError(
        what,
        where=str(place),
        expected=(f"did you mean `{near[0]}`? " if near else "") + f"known: {', '.join(known) or '(none declared)'}",
        do="correct the name, or declare it",
    )
