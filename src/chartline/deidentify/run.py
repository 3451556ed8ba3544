"""One folder of charts, de-identified into another: recognise everything first, then write each file anew.

Two passes: what identifies anybody anywhere in the folder must be known before the first file is written. Files that
hold no tables (documents, pictures) are not copied, and that is said. No input is changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from chartline.core.identifiers import heading_words
from chartline.core.sentences import counted
from chartline.deidentify.columns import Columns, Database
from chartline.deidentify.delimited import Delimited
from chartline.deidentify.doubts import check_dates
from chartline.deidentify.fhir import Fhir, FhirScrubber
from chartline.deidentify.grid import Grid, Row, as_text
from chartline.deidentify.key import Key
from chartline.deidentify.model import Decision, Done, Options
from chartline.deidentify.odm import Odm
from chartline.deidentify.plan import Decisions, labelled, patient_columns, plan_grids, plan_known
from chartline.deidentify.scrub import Scrubber
from chartline.deidentify.workbook import Workbook
from chartline.errors import SourceError
from chartline.sources.fhir_json import LINES
from chartline.sources.folder import CentreFolder, SourceFile, seems
from chartline.sources.workbook import ENDINGS as _BOOKS
from chartline.sources.workbook import SPREADSHEETS

_BIRTH = ("year of birth", "month of birth", "day of birth")  # OMOP has a date of birth in three columns
_HEAD = 4096
_ABOVE = "(above the table)"
_PLAIN = (".txt", ".md")
_COPIED = "spreadsheets, csv, REDCap's ODM, FHIR in JSON, Parquet and DuckDB"
Gridded = Workbook | Delimited | Columns | Database | Odm
_OPENED: dict[str, Callable[[SourceFile], Gridded]] = {".parquet": Columns, ".csv": Delimited, ".tsv": Delimited}


class Folder:
    """The files of a centre, opened, and the decisions about them."""

    def __init__(self, folder: Path, key: Key, options: Options) -> None:
        centre = CentreFolder(folder)
        self.done = Done(options, key.fingerprint)
        self.scrubber = Scrubber(key, options, self.done)
        self._options = options
        self._tables: dict[str, Gridded] = {}
        self._resources: dict[str, Fhir] = {}
        self._labels: dict[tuple[str, str, str], Decision] = {}
        self._names = {file.name for file in centre.all_files()}
        for file in centre.all_files():
            self._open(file)
        for name, what in centre.no_files().items():
            self._not_copied(name, what)
        self._decide(key)

    def _open(self, file: SourceFile) -> None:
        """Open a file as what it is. Raises SourceError where it should be a table and cannot be read as one."""
        name, ending = file.name, Path(file.name).suffix.lower()
        if not file.stamp[0]:
            self._not_copied(name, "it is empty (0 bytes)")
        elif ending in LINES or ending == ".json":
            resources = Fhir(file)
            if resources.is_fhir:
                self._resources[name] = resources
            else:
                self._not_copied(name, "it holds no FHIR resources")
        elif ending in _BOOKS and (looks := seems(file.read())) in SPREADSHEETS:
            self._open_book(file, ending, looks)
        elif ending in _OPENED:
            self._tables[name] = _OPENED[ending](file)
        elif (looks := file.looks()) == "a DuckDB database":
            self._tables[name] = Database(file)
        elif looks == "an XML document" and b"<ODM" in file.read(_HEAD):
            self._tables[name] = Odm(file)
        else:
            looks = "plain text" if ending in _PLAIN else looks
            looks = "a zip archive" if looks.startswith("a zip archive of") else looks  # names in it may be of people
            self._not_copied(name, f"{looks}; only files of data are copied: {_COPIED}")

    def _open_book(self, file: SourceFile, ending: str, looks: str) -> None:
        book = Workbook(file)
        self._tables[file.name] = book
        if looks != SPREADSHEETS[0]:
            self.done.copies[file.name] = copy = self._free_name(file.name)
            self.done.notes.append(
                f"{file.name} is {looks}, which cannot be written: its copy is {copy}, with every sheet, "
                "cell, date and merged range in its place. Write this name in `sources: path` of the mapping; nothing "
                "else of it changes. Hidden rows and columns are shown, and a cell that shows an error is blank."
            )
        if book.comments:
            self.done.notes.append(f"{file.name}: {counted(book.comments, 'comment')} left out.")
        if ending == ".xlsm":
            self.done.notes.append(f"{file.name}: macros were left out.")

    def _free_name(self, name: str) -> str:
        """The name of the copy of a spreadsheet that becomes another kind: no other file of the folder has it."""
        for copy in (str(PurePosixPath(name).with_suffix(".xlsx")), f"{name}.xlsx"):
            if copy not in self._names:
                self._names.add(copy)
                return copy
        raise SourceError(f"The copy of {name} would have the name of another file", do="rename one of them")

    def _not_copied(self, name: str, why: str) -> None:
        self.done.files[name] = f"not copied: {why}"

    def _decide(self, key: Key) -> None:
        grids = [g for table in self._tables.values() for g in table.grids]
        projects = [table for table in self._tables.values() if isinstance(table, Odm)]
        marked = {field: type_ for odm in projects for field, type_ in odm.marked.items()}
        self._decisions = plan_grids(grids, self._options, marked)
        for grid in grids:
            self._know(grid, self._decisions[grid.file, grid.table])
        for grid in grids:
            plan_known(grid, self._decisions[grid.file, grid.table], self._options, self.scrubber.knows)
        if self._options.shift_days:
            check_dates(grids, self._decisions, self._options)
        self._fhir = FhirScrubber(self.scrubber, key, self._options, self.done, list(self._resources.values()))
        for name in (*self._tables, *self._resources):
            self.scrubber.check_name(name, f"the file {name}")
        for grid in grids:
            if grid.table != Path(grid.file).stem:
                self.scrubber.check_name(grid.table, f"a sheet or table of {grid.file}")
        for grid in grids:
            named = [h for i, h in enumerate(grid.headings) if h and i not in self._decisions[grid.file, grid.table]]
            self.done.kept[grid.file, grid.table] = named
        self.done.decisions[:0] = [d for of in self._decisions.values() for d in of.values()]
        for odm in projects:
            self.done.decisions += odm.decisions

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
        """Write the copies below `out`, in the same folders and, where that can be, under the same names."""
        for name, table in self._tables.items():
            to = self._place(out, name)
            if isinstance(table, Odm):
                table.write(to, self._row, partial(self._text, name))
            else:
                table.write(to, self._row)
        for name, resources in self._resources.items():
            resources.write(self._place(out, name), self._fhir.resource(name))

    def _place(self, out: Path, name: str) -> Path:
        """Where the copy of a file goes; note that it was made."""
        copy = self.done.copies.setdefault(name, name)
        self.done.files[name] = "copied" if copy == name else f"copied as {copy}"
        to = out / copy
        to.parent.mkdir(parents=True, exist_ok=True)
        return to

    def _text(self, file: str, text: str) -> str:
        """Return a text of a file that is no cell as it may leave."""
        return self.scrubber.text(text, (file, "", "", ""), told=False)

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


def _patient(row: Row, columns: list[int]) -> str | None:
    """Whose row it is: "" where it names no patient, None where the table is not of patients."""
    if not columns:
        return None
    named = (as_text(row[i]) for i in columns if i < len(row))
    return next((n for n in named if n), "")
