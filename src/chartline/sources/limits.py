"""How much of a centre's file is read, and what is said where it holds more.

A file may be far larger than it looks: a workbook of some kilobytes can declare 17 thousand million cells, a zip
archive unpack to a thousand times its size. Every limit is far above what a hospital's charts need and low enough
that reading ends in minutes, within some gigabytes; beyond it a file is refused in words, before memory runs out.
"""

from __future__ import annotations

from chartline.errors import SourceError

MIB = 1 << 20
TABLE_CELLS = 250_000_000  # of one delimited, Parquet or DuckDB table; text takes 16 bytes a cell, so about 4 GB
SHEET_CELLS = 20_000_000  # of one sheet, blank ones between included; each is a Python object while it is read
JSON_CELLS = 50_000_000  # of one resource type: rows times the columns that all of them together need
DOCUMENT_BYTES = 1024 * MIB  # of a file that is read as one document: a workbook, ODM, JSON
RECORD_BYTES = 8 * MIB  # of one record of a delimited file; a spreadsheet's cell holds 32,767 characters
BLOCK_BYTES = 32 * MIB  # of a delimited file that are in work at a time
UNPACKED_BYTES = 1024 * MIB  # of a workbook, unpacked
UNPACKED_TIMES = 300  # a workbook unpacks to 5 to 50 times its size; deflate's worst is 1032
UNPACKED_FREE = 32 * MIB  # below this no ratio is looked at: repetition packs well, and does no harm
PARTS = 10_000  # of a workbook: its sheets, pictures and the like
LISTED = 10  # names that a message gives before it says how many more there are


def cut(name: str, most: int) -> str:
    """Return a name as a message shows it: a broken file can have names of any length."""
    return name if len(name) <= most else f"{name[:most]}..."


def named(names: list[str]) -> str:
    """Return the first names of a list as a message shows them: 'A, B and 99,998 more'."""
    shown = ", ".join(cut(name, 80) for name in names[:LISTED])
    return f"{shown} and {len(names) - LISTED:,} more" if len(names) > LISTED else shown


def too_many_cells(name: str, where: str, cells: int, most: int, do: str) -> SourceError:
    """The refusal of a table that is too large to hold."""
    return SourceError(f"{name} has {cells:,} cells", where=where, expected=f"at most {most:,} in one table", do=do)


def check_size(name: str, where: str, size: int) -> None:
    """Raise SourceError where a file that is read as one document is larger than `DOCUMENT_BYTES`."""
    if size > DOCUMENT_BYTES:
        raise SourceError(
            f"{name} has {size // MIB:,} MB",
            where=where,
            expected=f"at most {DOCUMENT_BYTES // MIB:,} MB in a file that is read as a whole",
            do="ask for the data in several files, or as delimited text (CSV)",
        )
