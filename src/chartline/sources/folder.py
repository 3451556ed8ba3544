"""CentreFolder: the files of one centre, found by name, each opened read-only and remembered as read.

In: a folder and the names the mapping ignores. Out: SourceFiles. Exists so that every reader says the same
things about a missing, empty, locked or misnamed file, and so that a file that nobody read is found out.
"""

from __future__ import annotations

import os
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path

from chartline.core.digest import digest_file
from chartline.errors import MappingError, SourceError
from chartline.sources.limits import check_size, named

_START = 4096
_MAGIC = (
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"\x89PNG", "a picture"),
    (b"{\\rtf", "an RTF document"),
)


@dataclass(frozen=True)
class SourceFile:
    """One file: `name` is its path below the centre's folder with forward slashes, as addresses show it."""

    name: str
    path: Path

    def read(self, limit: int | None = None) -> bytes:
        """Return the file's bytes, or its first `limit`. Raises SourceError if it cannot be opened, holds
        nothing, or is larger than what is read as a whole."""
        if limit is None:
            check_size(self.name, str(self.path), self.stamp[0])
        return next(self.blocks(-1 if limit is None else limit))

    def blocks(self, size: int) -> Iterator[bytes]:
        """Yield the file's bytes in blocks of `size`. Raises SourceError if it cannot be read or holds nothing."""
        empty = True
        try:
            with self.path.open("rb") as stream:
                while data := stream.read(size):
                    empty = False
                    yield data
        except OSError as error:
            raise self._unreadable(error) from error
        if empty:
            raise SourceError(
                f"{self.name} is empty (0 bytes)",
                where=str(self.path),
                do="ask the centre to send the file again; a copy or download was perhaps cut short",
            )

    def looks(self) -> str:
        """Say in plain words what the file seems to be. An archive is looked at as a whole: what it holds stands at its
        end. Raises SourceError as `read` does."""
        start = self.read(_START)
        if not start.startswith(b"PK"):
            return seems(start)
        try:
            return seems(self.read())
        except SourceError:  # larger than what is read as a whole
            return "a zip archive"

    @property
    def stamp(self) -> tuple[int, int, int]:
        """What changes when somebody writes to the file: its size, time of change and place on the disk."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise self._unreadable(error) from error
        return found.st_size, found.st_mtime_ns, found.st_ino

    def digest(self) -> str:
        """Return the sha256 of the file's bytes."""
        try:
            return digest_file(self.path)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> SourceError:
        if isinstance(error, PermissionError):
            return SourceError(
                f"{self.name} may not be read", where=str(self.path), do="ask for the right to read this file"
            )
        return SourceError(f"{self.name} cannot be read: {error.strerror}", where=str(self.path))


def seems(data: bytes) -> str:
    """Say in plain words what a file's first bytes look like ('a web page (HTML)', 'JSON')."""
    for magic, words in _MAGIC:
        if data.startswith(magic):
            return words
    if data[8:12] == b"DUCK":
        return "a DuckDB database"
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        protected = "EncryptedPackage".encode("utf-16-le") in data
        return "a spreadsheet protected by a password" if protected else "an old Office file (xls, doc)"
    if data[:4] == data[-4:] == b"PAR1":
        return "a Parquet file"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _seems_zip(data)
    return _seems_text(data[:4096])


def _seems_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
            kind = archive.open("mimetype").read(200) if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, zlib.error):
        return "a zip archive that is cut short or damaged"
    if b"opendocument.spreadsheet" in kind:
        return "an OpenDocument spreadsheet"
    for part, words in (
        ("xl/workbook.xml", "an Excel workbook"),
        ("xl/workbook.bin", "a binary Excel workbook"),
        ("word/document.xml", "a Word document"),
        ("ppt/presentation.xml", "a PowerPoint presentation"),
    ):
        if part in names:
            return words
    return f"a zip archive of something else ({named(sorted(names)[:3]) or 'nothing in it'})"


def _seems_text(start: bytes) -> str:
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<table", b"<meta")):
        return "a web page (HTML)"
    if head.startswith(b"<"):
        return "an XML spreadsheet" if b"spreadsheet" in head else "an XML document"
    if head.startswith((b"{", b"[")):
        return "JSON"
    if b"\x00" in start:
        return "binary data of an unknown kind"
    return "delimited text (CSV)" if any(mark in head for mark in b",;\t") else "plain text"


@dataclass
class CentreFolder:
    """One centre's folder. `used` collects the names of the files that a reader asked for."""

    root: Path
    ignore_files: Mapping[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    read_in_part: set[str] = field(default_factory=set)  # of `used`: databases, of which some rows are read
    aside: list[str] = field(default_factory=list)  # globs of what a reader knows and does not read: no data

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            raise SourceError("The centre's folder is not there", where=str(self.root), expected="a folder")
        self._files: dict[str, SourceFile] = {}
        self._no_files: dict[str, str] = {}  # what is there and is no file of this folder -> what it is
        root = self.root.resolve()
        for name, path in sorted(_walk(self.root), key=lambda one: one[1]):
            what = _no_file(path, root)
            if what:
                self._no_files[_nfc(name)] = what
            else:
                self._files[_nfc(name)] = SourceFile(name, path)
        self._stamps = {name: file.stamp for name, file in self._files.items()}

    def all_files(self) -> list[SourceFile]:
        """Return every file of the folder, by name."""
        return list(self._files.values())

    def no_files(self) -> dict[str, str]:
        """Return what lies in the folder and is no file of it (a link out of it, a device), with what it is."""
        return dict(self._no_files)

    def ignores(self, name: str) -> bool:
        """True where the mapping lists this file (by name or glob) in `ignore_files`."""
        return any(fnmatchcase(_nfc(name), _nfc(pattern)) for pattern in self.ignore_files)

    def file(self, name: str) -> SourceFile:
        """Return one file by its exact name. Raises SourceError listing what is there, MappingError if the
        mapping both reads and ignores it."""
        found = self._files.get(_nfc(name.removeprefix("./")))
        if found is None:
            raise self._missing(name)
        if self.ignores(found.name):
            raise MappingError(
                f"{found.name} is both read and ignored",
                where=str(self.root),
                do="take it out of ignore_files, or out of the sources",
            )
        self.used.add(found.name)
        return found

    def find(self, pattern: str, endings: Sequence[str]) -> list[SourceFile]:
        """Return the files that a path means: one file, a glob, or the files directly in a folder that have
        one of `endings`. Ignored files are left out of globs and folders. Raises SourceError if there are
        none.
        """
        pattern = _nfc(pattern.removeprefix("./").rstrip("/")) or "."
        if pattern in self._files:
            return [self.file(pattern)]
        found = [
            file for name, file in self._files.items() if self._means(pattern, name, endings) and not self.ignores(name)
        ]
        if not found:
            raise self._missing(pattern)
        self.used.update(file.name for file in found)
        return found

    def _means(self, pattern: str, name: str, endings: Sequence[str]) -> bool:
        if pattern == "." or (self.root / pattern).is_dir():
            parent, _, base = name.rpartition("/")
            return parent == pattern.removeprefix(".") and base.lower().endswith(tuple(endings))
        return fnmatchcase(name, pattern) and name.count("/") <= max(pattern.count("/"), 99 * ("**" in pattern))

    def unread(self) -> list[str]:
        """Return the names of the files that no reader asked for and that the mapping does not ignore."""
        known = {name for name in self._files if any(fnmatchcase(name, pattern) for pattern in self.aside)}
        unread = [f.name for name, f in self._files.items() if f.name not in self.used and name not in known]
        return [name for name in unread if not self.ignores(name)]

    def check_whole(self) -> None:
        """Raise SourceError for a link out of the folder, or anything else that is no file, unless it is ignored."""
        for name, what in self._no_files.items():
            if not self.ignores(name):
                raise _refused(name, what, str(self.root))

    def digests(self) -> dict[str, str]:
        """Return the sha256 of each file that was read as a whole. Raises SourceError where one was changed meanwhile:
        what was read and what stands there now could differ."""
        files = [self._files[_nfc(name)] for name in sorted(self.used)]
        found = {file.name: file.digest() for file in files if file.name not in self.read_in_part}
        for file in files:
            if file.stamp != self._stamps[_nfc(file.name)]:
                raise SourceError(
                    f"{file.name} was changed while it was read",
                    where=str(file.path),
                    do="wait until nobody writes to the folder (a copy, a download, a spreadsheet program); run again",
                )
        return found

    def _missing(self, pattern: str) -> SourceError:
        if pattern in self._no_files:
            return _refused(pattern, self._no_files[pattern], str(self.root))
        if (self.root / pattern).is_dir() and pattern != ".":
            return SourceError(
                f"{pattern} is a folder, and no file that can be read lies directly in it",
                where=str(self.root),
                do="name a file, or a folder that holds files of this kind",
            )
        there = named([file.name for file in self._files.values()]) or "nothing"
        return SourceError(
            f"No file matches {pattern!r}",
            where=str(self.root),
            expected=f"one of what is there: {there}",
            do="correct the name in the mapping's sources, or add the file",
        )


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield all below a folder but for folders and what starts with a dot; links are not followed."""

    def unreadable(error: OSError) -> None:
        raise SourceError(
            "A folder of the centre cannot be read", where=str(error.filename), do="ask for the right to read it"
        )

    for folder, folders, files in os.walk(root, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(folder)
        below = here.relative_to(root).parts
        links = [name for name in folders if (here / name).is_symlink()]
        for name in [*files, *links]:
            if not name.startswith("."):
                yield "/".join((*below, name)), here / name


def _no_file(path: Path, root: Path) -> str:
    """Say why something is not a file of this folder; "" where it is one."""
    try:
        kind = path.lstat().st_mode
        if stat.S_ISREG(kind):  # the folders above are no links: `_walk` follows none
            return ""
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # a loop of links
        return "a link that leads nowhere"
    if stat.S_ISLNK(kind) and not real.is_relative_to(root):
        return "a link that leads out of the centre's folder"
    if real.is_dir():
        return "a link to a folder"
    return "" if real.is_file() else "no file, but a pipe, socket or device"


def _refused(name: str, what: str, where: str) -> SourceError:
    return SourceError(
        f"{name} is {what}, and is not read",
        where=where,
        expected="files that lie in the centre's own folder",
        do="put a copy of the file in its place, or list the name in ignore_files with the reason",
    )


def _nfc(name: str) -> str:
    """One spelling for é: macOS stores file names decomposed, editors write them composed."""
    return unicodedata.normalize("NFC", name)
