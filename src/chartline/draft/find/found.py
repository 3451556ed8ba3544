"""What was found in a centre's folder: sources as a mapping holds them, the tables read with them, what was left.

Every file of the folder is a source or is listed as not read, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from chartline.draft.find.layout import Layout
from chartline.errors import StudyError
from chartline.mapping.signed import OPEN_QUESTION as OPEN
from chartline.sources.base import SourceData, SourceNote, SourceTable
from chartline.sources.folder import CentreFolder, SourceFile
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

Spec = dict[str, Any]
HEAD_BYTES = 262_144  # of a file, by which it is known


@dataclass
class Found:
    """What was found. `kind_of` says which dialect a table speaks."""

    root: Path
    called: Mapping[str, str] = field(default_factory=dict)  # path of a delimited file -> the name its table has
    sources: list[dict[str, Any]] = field(default_factory=list)
    ignore_files: dict[str, str] = field(default_factory=dict)
    tables: dict[str, SourceTable] = field(default_factory=dict)
    kind_of: dict[str, str] = field(default_factory=dict)  # table -> dialect
    layouts: dict[str, Layout] = field(default_factory=dict)
    notes: list[SourceNote] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)  # file or sheet, why

    def leave(self, name: str, reason: str) -> None:
        self.ignore_files[name] = reason

    def fail(self, name: str, error: StudyError | str) -> None:
        """Note a file that cannot be read, with its place."""
        what = error if isinstance(error, str) else error.what
        self.unread.append((name, self._said(error)))
        self.leave(name, f"{OPEN}cannot be read: {what}")

    def _said(self, error: StudyError | str) -> str:
        if isinstance(error, str):
            return error
        place = error.where.replace(f"{self.root}/", "")
        return error.what if not place or place in error.what else f"{error.what} ({place})"

    def told(self) -> list[str]:
        """Say of each file that could not be read which it is and why; its name once."""
        return [why if name in why else f"{name}: {why}" for name, why in self.unread]

    def read(self, spec: Spec, kind: str, names: Sequence[str]) -> bool:
        """Read one source of these files and keep it; where it cannot be read say why. Returns whether it was kept."""
        error = self._try(spec, kind, names)
        for name in names if error else ():
            self.fail(name, error)
        return not error

    def read_what_can_be(self, specs: Callable[[list[str]], Iterable[Spec]], kind: str, names: Sequence[str]) -> None:
        """Read many files as one source, by the first of `specs(names)` that reads them.

        A file that cannot be read is left out with its reason, and the others are read without it.
        """
        good = list(names)
        while good:
            errors: list[StudyError | str] = []
            for spec in specs(good):
                error = self._try(spec, kind, good)
                if not error:
                    return
                errors.append(error)
            said = self._said(errors[0])
            bad = [n for n in good if n in said or PurePosixPath(n).name in said][:1] or good
            for name in bad:
                self.fail(name, errors[0])
            good = [n for n in good if n not in bad]

    def _try(self, spec: Spec, kind: str, names: Sequence[str]) -> StudyError | str:
        """Read one source and keep it; return why it cannot be read, or ""."""
        others = {f.name: "another source" for f in CentreFolder(self.root).all_files() if f.name not in names}
        try:
            data: SourceData = read_centre(self.root, [SourceSpec.model_validate(spec)], others)
        except StudyError as error:
            return error
        twice = [t for t in data.tables if t in self.tables]
        if twice:
            return f"its table {twice[0]!r} has the name of another table of the centre"
        self.sources.append(spec)
        self.tables.update(data.tables)
        self.kind_of.update(dict.fromkeys(data.tables, kind))
        self.notes += data.notes
        return ""


def head(file: SourceFile) -> bytes:
    """Return the first bytes of a file, none where it cannot be opened."""
    try:
        return file.read(HEAD_BYTES)
    except StudyError:
        return b""
