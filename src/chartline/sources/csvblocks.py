"""A delimited file as blocks of whole records in UTF-8, so that a large file is never in memory as a whole.

In: a file and its declared encoding. Out: its text in blocks of about `BLOCK_BYTES`, without byte order mark, line
ends of old Macintosh files (a lone carriage return) made line feeds. What is not text in the declared encoding is
refused here, with its line.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator

from chartline.errors import SourceError
from chartline.sources.folder import SourceFile, seems
from chartline.sources.limits import BLOCK_BYTES

QUOTED = re.compile(rb'"[^"]*"')
_LINE_END = re.compile(rb"\r\n|\r|\n")
_TEXTS = ("delimited text (CSV)", "plain text", "JSON")  # what a delimited file can look like from its start
_START = 4096
_NO_CHARSETS = ("utf_7", "unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined")


def text_blocks(file: SourceFile, encoding: str) -> Iterator[bytes]:
    """Yield the text of a file; a block may end anywhere but inside a character.

    Raises SourceError where the file is not text in the encoding, or holds a NUL character.
    """
    name = _charset(file, encoding)
    start = file.read(_START)
    looks = seems(start)
    if looks not in _TEXTS and not (name.startswith("utf-16") and looks == "text in UTF-16"):
        raise SourceError(
            f"{file.name} is not delimited text in {encoding}: it seems to be {seems(file.read(16 * BLOCK_BYTES))}",
            where=str(file.path),
            do="declare what it is, or ask the centre for a CSV file",
        )
    lines, macintosh = 0, None
    for block in _decoded(file, "utf-8-sig" if name == "utf-8" else encoding):
        if b"\0" in block:
            raise _nul(file, lines + block.count(b"\n", 0, block.index(b"\0")) + 1)
        if macintosh is None:
            macintosh = _is_macintosh(block)
        lines += block.count(b"\r" if macintosh else b"\n")
        yield block.replace(b"\r", b"\n") if macintosh else block


def _charset(file: SourceFile, encoding: str) -> str:
    """Return the encoding's own name. Raises SourceError where it is none, or none of a text file."""
    try:
        info = codecs.lookup(encoding)
        b"-".decode(encoding, "ignore")  # an encoding of bytes as bytes (hex) is known, and decodes no text
    except (LookupError, ValueError) as error:
        raise SourceError(f"There is no encoding called {encoding!r}", where=file.name) from error
    if info.name.replace("-", "_") in _NO_CHARSETS:
        raise SourceError(
            f"{encoding!r} is no encoding of a file", where=file.name, expected="utf-8, cp1252, utf-16 or the like"
        )
    return info.name


def _decoded(file: SourceFile, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = read = 0
    for raw in file.blocks(BLOCK_BYTES):
        held = decoder.getstate()[0]
        try:
            text = decoder.decode(raw).encode()
        except UnicodeError as error:
            raise _wrong_encoding(file, held + raw, encoding, error, read - len(held), lines) from error
        read += len(raw)
        lines += raw.count(b"\n")
        if text:
            yield text
    held = decoder.getstate()[0]
    try:
        text = decoder.decode(b"", True).encode()
    except UnicodeError as error:
        raise _wrong_encoding(file, held, encoding, error, read - len(held), lines) from error
    if text:
        yield text


def _wrong_encoding(
    file: SourceFile, raw: bytes, encoding: str, error: UnicodeError, before: int, lines: int
) -> SourceError:
    at = error.start if isinstance(error, UnicodeDecodeError) else 0
    line = lines + raw.count(b"\n", 0, at) + 1
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    around = raw[max(0, at - 15) : at + 15].decode("cp1252", errors="replace")
    return SourceError(
        f"{file.name} is not {encoding}: byte {before + at} ({raw[at : at + 1].hex()}) on line {line} cannot be read",
        where=f"{file.name}, line {line}: ...{around!r}...",
        expected=f"text in {encoding}, as the mapping declares (or does not: utf-8 is the default)",
        do="try `encoding: cp1252` (Windows, Western Europe) and look at the accented letters of one name",
    )


def _nul(file: SourceFile, line: int) -> SourceError:
    return SourceError(
        f"{file.name} is not text: line {line} holds a NUL character",
        where=f"{file.name}, line {line}",
        do="export the file again; it is damaged, or is no CSV file",
    )


def _is_macintosh(block: bytes) -> bool:
    """True where the first line, outside quotation marks, ends with a lone carriage return."""
    end = _LINE_END.search(QUOTED.sub(b"", block[: block.find(b"\n", _START) + 1] or block))
    return end is not None and end.group() == b"\r"


def whole_records(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks that each end with the end of a record: a line feed outside quotation marks.

    A record that is never closed makes the last block as long as all that follows; see `BLOCK_BYTES`.
    """
    rest = b""
    for block in blocks:
        rest += block
        end = _last_end(rest)
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > 2 * BLOCK_BYTES:
            break  # a quotation mark that is never closed, or one that opens nothing
    if rest:
        yield rest


def _last_end(data: bytes) -> int:
    """Return where the last whole record ends, 0 if none does. Records start outside quotation marks."""
    end, marks = data.rfind(b"\n"), data.count(b'"')
    after = len(data)
    while end >= 0:
        marks -= data.count(b'"', end, after)
        if marks % 2 == 0:
            return end + 1
        after = end
        end = data.rfind(b"\n", 0, max(data.rfind(b'"', 0, end), 0))
    return 0


class BlockStream(io.RawIOBase):
    """Blocks as a stream that the standard library reads from."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self._rest = iter(blocks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._blocks, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
