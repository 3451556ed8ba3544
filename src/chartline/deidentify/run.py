"""One folder of charts, de-identified into another: recognise everything first, then write each file anew.

Two passes: what identifies anybody anywhere in the folder must be known before the first file is written. Files that
cannot be written anew (documents, pictures, old spreadsheets) are not copied, and that is said. No input is changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from chartline.core.identifiers import heading_words
from chartline.core.sentences import counted
from chartline.deidentify.columns import Columns
from chartline.deidentify.delimited import Delimited
from chartline.deidentify.fhir import Fhir, FhirScrubber
from chartline.deidentify.grid import Grid, Row, as_text
from chartline.deidentify.key import Key
from chartline.deidentify.model import Decision, Done, Options
from chartline.deidentify.plan import Decisions, labelled, patient_columns, plan_grids, plan_known
from chartline.deidentify.scrub import Scrubber
from chartline.deidentify.workbook import Workbook
from chartline.errors import SourceError
from chartline.sources.folder import SourceFile, seems

_BIRTH = ("year of birth", "month of birth", "day of birth")  # OMOP has a date of birth in three columns
_HEAD = 4096
_ABOVE = "(above the table)"
_PLAIN = (".txt", ".md")
Gridded = Workbook | Delimited | Columns


class Folder:
    """The files of a centre, opened, and the decisions about them."""

    def __init__(self, folder: Path, key: Key, options: Options) -> None:
        if not folder.is_dir():
            raise SourceError("The centre's folder is not there", where=str(folder), expected="a folder")
        self.done = Done(options, key.fingerprint)
        self.scrubber = Scrubber(key, options, self.done)
        self._options = options
        self._tables: dict[str, Gridded] = {}
        self._resources: dict[str, Fhir] = {}
        self._labels: dict[tuple[str, str, str], Decision] = {}
        for file in _files(folder):
            self._open(file, file.relative_to(folder).as_posix())
        self._decide(key)

    def _open(self, file: Path, name: str) -> None:
        with file.open("rb") as f:
            start = f.read(_HEAD)
        ending = file.suffix.lower()
        if ending == ".parquet":
            self._tables[name] = Columns(name, file)
        elif ending in (".json", ".ndjson"):
            resources = Fhir(name, file.read_bytes())
            if resources.is_fhir:
                self._resources[name] = resources
            else:
                self._not_copied(name, "it holds no FHIR resources")
        elif ending in (".csv", ".tsv"):
            self._tables[name] = Delimited(name, file)
        elif ending in (".xlsx", ".xlsm") and seems(file.read_bytes()) == "an Excel workbook":
            book = Workbook(SourceFile(name, file))
            self._tables[name] = book
            if book.comments:
                self.done.notes.append(f"{name}: {counted(book.comments, 'comment')} left out.")
            if ending == ".xlsm":
                self.done.notes.append(f"{name}: macros were left out.")
        else:
            looks = "empty" if not start else seems(start) if file.suffix not in _PLAIN else "plain text"
            self._not_copied(name, f"{looks}, which cannot be written anew; tables are read from xlsx, csv and Parquet")

    def _not_copied(self, name: str, why: str) -> None:
        self.done.files[name] = f"not copied: {why}"

    def _decide(self, key: Key) -> None:
        grids = [g for table in self._tables.values() for g in table.grids]
        self._decisions = plan_grids(grids, self._options)
        for grid in grids:
            self._know(grid, self._decisions[grid.file, grid.table])
        for grid in grids:
            plan_known(grid, self._decisions[grid.file, grid.table], self._options, self.scrubber.knows)
        self._fhir = FhirScrubber(self.scrubber, key, self._options, self.done, list(self._resources.values()))
        for name in (*self._tables, *self._resources):
            self.scrubber.check_name(name, f"the file {name}")
        for grid in grids:
            if grid.table != Path(grid.file).stem:
                self.scrubber.check_name(grid.table, "a sheet")
        for grid in grids:
            named = [h for i, h in enumerate(grid.headings) if h and i not in self._decisions[grid.file, grid.table]]
            self.done.kept[grid.file, grid.table] = named
        self.done.decisions[:0] = [d for of in self._decisions.values() for d in of.values()]

    def _know(self, grid: Grid, decisions: Decisions) -> None:
        """Read a grid for what it knows of people."""
        linking = patient_columns(decisions)
        for r, row in enumerate(grid.rows()):
            if r == grid.head - 1 and not grid.form:
                continue
            for i, cell in enumerate(row):
                decision = decisions.get(i) if r >= grid.head else None
                decision = decision or labelled(grid, row, i)
                if decision is not None:
                    self.scrubber.know(decision, as_text(cell))
            if r < grid.head:
                continue
            self.scrubber.link(as_text(row[i]) for i in linking if i < len(row))

    def write(self, out: Path) -> None:
        """Write the copies below `out`, in the same folders and under the same names."""
        for name, table in self._tables.items():
            to = out / name
            to.parent.mkdir(parents=True, exist_ok=True)
            table.write(to, self._row)
            self.done.files[name] = "copied"
        for name, resources in self._resources.items():
            to = out / name
            to.parent.mkdir(parents=True, exist_ok=True)
            resources.write(to, self._fhir.resource(name))
            self.done.files[name] = "copied"

    def _row(self, grid: Grid, r: int, row: Row) -> Row:
        """Return one row as it may leave. The headings and what stands above them are searched like free text."""
        decisions = self._decisions[grid.file, grid.table]
        in_head = r < grid.head
        patient = None if in_head else _patient(row, patient_columns(decisions))
        cells: Row = []
        for c, cell in enumerate(row):
            heading = grid.headings[c] if c < len(grid.headings) else ""
            decision = (None if in_head else decisions.get(c)) or self._labelled(grid, r, row, c)
            above = r < grid.head - 1
            where = (
                grid.file,
                grid.table,
                _ABOVE if above else heading,
                grid.place(r, c) if heading else f"row {r + 1}",
            )
            if r == grid.head - 1 and decision is None and isinstance(cell, str):
                cells.append(self.scrubber.text(cell, where, told=False))
            else:
                cells.append(self.scrubber.cell(cell, decision, patient, where))
        return self._with_birth(grid, row, cells, patient) if patient and self._options.shift_days else cells

    def _labelled(self, grid: Grid, r: int, row: Row, c: int) -> Decision | None:
        """The decision about a cell whose left neighbour names it; one for all cells with that label."""
        found = labelled(grid, row, c) if grid.form or r != grid.head - 1 else None
        if found is None or row[c] is None:
            return None
        if not (known := self._labels.get((found.file, found.table, found.column))):
            known = self._labels[found.file, found.table, found.column] = found
            self.done.decisions.append(found)
        return known

    def _with_birth(self, grid: Grid, row: Row, cells: Row, patient: str) -> Row:
        """Shift a date of birth that stands in three columns."""
        words = [heading_words(h) for h in grid.headings]
        if not all(b in words for b in _BIRTH):
            return cells
        at = [words.index(b) for b in _BIRTH]
        try:
            born = dt.date(*(int(as_text(row[i])) for i in at))
        except ValueError:
            return cells
        moved = born + dt.timedelta(days=self.scrubber.shift_of(patient))
        for i, part in zip(at, (moved.year, moved.month, moved.day), strict=True):
            cells[i] = str(part) if isinstance(row[i], str) else part
        return cells


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield path


def _patient(row: Row, columns: list[int]) -> str | None:
    """Whose row it is: "" where it names no patient, None where the table is not of patients."""
    if not columns:
        return None
    named = (as_text(row[i]) for i in columns if i < len(row))
    return next((n for n in named if n), "")
