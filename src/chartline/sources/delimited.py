"""CSV, TSV and semicolon files to SourceTables, one per file.

In: a file and its declared delimiter, encoding and heading row. Out: a table of text; a row is labelled as a
spreadsheet would show it (`labs.csv!row 258!anc`, headings in row 1), a place is the column's name.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from chartline.sources.base import SourceData, SourceNote, SourceTable, add_table
from chartline.sources.csvtext import read_records
from chartline.sources.folder import CentreFolder
from chartline.sources.spec import SourceSpec

_ENDINGS = (".csv", ".tsv", ".txt")


def read_delimited(centre: CentreFolder, spec: SourceSpec) -> SourceData:
    """Read each file that `spec.path` means; a table is called `spec.table`, or as its file without the
    ending.

    Raises SourceError as `read_records` does.
    """
    tables: dict[str, SourceTable] = {}
    notes: list[SourceNote] = []
    for file in centre.find(spec.path or ".", _ENDINGS):
        records = read_records(file, spec.delimiter, spec.encoding, spec.header_row)
        name = spec.table or PurePosixPath(file.name).stem
        places = {column: column for column in records.frame.columns}
        add_table(tables, SourceTable(file.name, name, records.frame, places, records.labels))
        notes.extend(records.notes)
    return SourceData(tables, tuple(notes))
