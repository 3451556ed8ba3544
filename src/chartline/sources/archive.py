"""The XML parts of a workbook, unpacked once, within limits, from an archive that nobody here trusts.

In: the bytes of a zip file. Out: name -> bytes of each XML part. Pictures, embedded documents and archives inside
the archive are never unpacked, and nothing is written to disk. Both readers of a workbook (calamine, and
`workbook_xml`) are given these same bytes: what was looked at is what is read.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from pathlib import PurePosixPath

from chartline.errors import SourceError
from chartline.sources.folder import SourceFile
from chartline.sources.limits import MIB, PARTS, UNPACKED_BYTES, UNPACKED_FREE, UNPACKED_TIMES, named

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, KeyError, OSError)
_READ = (".xml", ".rels")
_DECLARED = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([^"']*)""")
_UTF8 = (b"utf-8", b"utf8", b"us-ascii", b"ascii")


def unpacked(file: SourceFile, data: bytes) -> dict[str, bytes]:
    """Return the XML parts of a workbook.

    Raises SourceError for an archive that unpacks to far more than it should, has too many parts, parts of the
    same name or with a path out of the archive, is encrypted, or holds XML that is not UTF-8 or declares a
    document type (which may hold entities that expand without end); one of `DAMAGE` where it is no sound zip.
    """
    with zipfile.ZipFile(BytesIO(data)) as archive:
        entries = archive.infolist()
        _check_names(file, [entry.filename for entry in entries])
        wanted = [entry for entry in entries if entry.filename.lower().endswith(_READ)]
        if any(entry.flag_bits & 1 for entry in wanted):
            raise _refused(file, "holds parts that are encrypted", "ask the centre to save it without a password")
        _check_sizes(file, sum(entry.file_size for entry in wanted), len(data))
        return {entry.filename: _checked(file, entry.filename, archive.read(entry)) for entry in wanted}


def repacked(parts: Mapping[str, bytes]) -> bytes:
    """Return the parts as a zip archive again, without compression."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _check_names(file: SourceFile, names: list[str]) -> None:
    if len(names) > PARTS:
        raise SourceError(
            f"{file.name} has {len(names):,} parts (sheets, pictures and the like)",
            where=str(file.path),
            expected=f"at most {PARTS:,}",
            do="ask the centre to save what is needed as a new workbook",
        )
    outside = [name for name in names if name.startswith(("/", "\\")) or ".." in PurePosixPath(name).parts]
    if outside:
        raise _refused(file, f"holds parts whose names lead out of it: {named(outside)}", _AGAIN)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise _refused(file, f"holds parts of the same name: {named(twice)}", _AGAIN)


def _check_sizes(file: SourceFile, size: int, packed: int) -> None:
    """Hold what the archive says of its parts against the limits; zipfile reads no byte more than it says."""
    if size > UNPACKED_BYTES or (size > UNPACKED_FREE and size > UNPACKED_TIMES * packed):
        raise SourceError(
            f"{file.name} has {max(packed // 1024, 1):,} KB and unpacks to {size // MIB:,} MB",
            where=str(file.path),
            expected=f"at most {UNPACKED_BYTES // MIB:,} MB, and {UNPACKED_TIMES} times its size",
            do="ask the centre to copy the data into a new workbook, or to save them as delimited text (CSV)",
        )


def _checked(file: SourceFile, part: str, data: bytes) -> bytes:
    declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf")[:200])
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0")) or (declared and declared[1].lower() not in _UTF8):
        raise _refused(file, f"holds a part that is not in UTF-8: {part}", _AGAIN)
    if b"<!DOCTYPE" in data:
        raise _refused(file, f"declares a document type in {part}, which no spreadsheet program writes", _AGAIN)
    return data


_AGAIN = "open it in a spreadsheet program, save it again as xlsx, and send that"


def _refused(file: SourceFile, what: str, do: str) -> SourceError:
    return SourceError(f"{file.name} {what}", where=str(file.path), expected="an Excel workbook", do=do)
