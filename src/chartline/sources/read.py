"""read_centre: all tables of one centre, whatever dialect each file speaks.

In: the centre's folder, the mapping's sources and the files it ignores. Out: SourceData. Every file of the
folder is either read or listed as ignored with a reason; nothing is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from chartline.errors import MappingError
from chartline.sources.asked import Asked
from chartline.sources.base import Selected, SourceData, SourceNote, SourceTable, add_table
from chartline.sources.folder import CentreFolder
from chartline.sources.limits import named
from chartline.sources.spec import SourceKind, SourceSpec

Reader = Callable[[CentreFolder, SourceSpec], SourceData]


def read_centre(
    folder: Path,
    sources: Sequence[SourceSpec],
    ignore_files: Mapping[str, str] | None = None,
    asked: Asked | None = None,
) -> SourceData:
    """Read every source of a centre. `asked` is what a protocol selects in an OMOP database.

    `ignore_files` maps a file's name (or a glob) to the reason why it is not read. Files whose name starts
    with a dot belong to the operating system and are not looked at. Raises SourceError for a file that
    cannot be read as what it should be, MappingError where the mapping does not fit the folder.
    """
    centre = CentreFolder(Path(folder), ignore_files or {})
    centre.check_whole()
    tables: dict[str, SourceTable] = {}
    notes: list[SourceNote] = []
    files: dict[str, str] = {}
    selected: Selected | None = None
    for spec in sources:
        data = _read_omop(centre, spec, asked) if spec.kind is SourceKind.OMOP else _reader(spec.kind)(centre, spec)
        files |= data.files
        selected = data.selected or selected
        for table in data.tables.values():
            add_table(tables, table)
        notes.extend(data.notes)
    _all_read(centre)
    return SourceData(tables, tuple(notes), centre.digests() | files, selected)


def _reader(kind: SourceKind) -> Reader:
    """Import only the reader that is needed: calamine and DuckDB take time to load."""
    if kind is SourceKind.XLSX:
        from chartline.sources.workbook import read_workbook as reader
    elif kind is SourceKind.DELIMITED:
        from chartline.sources.delimited import read_delimited as reader
    elif kind is SourceKind.REDCAP:
        from chartline.sources.redcap import read_redcap as reader
    else:
        from chartline.sources.fhir import read_fhir as reader
    return reader


def _read_omop(centre: CentreFolder, spec: SourceSpec, asked: Asked | None) -> SourceData:
    from chartline.sources.omop import read_omop

    return read_omop(centre, spec, asked)


def _all_read(centre: CentreFolder) -> None:
    unread = centre.unread()
    if unread:
        raise MappingError(
            f"{len(unread)} file(s) of the centre are neither read nor ignored: {named(unread)}",
            where=str(centre.root),
            expected="every file is a source or is listed in ignore_files with a reason",
            do="add each to the mapping's sources or to ignore_files",
        )
