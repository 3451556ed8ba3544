"""study.sqlite: the log on disk, written by one process at a time, whole entries or none; and the same as text.

    study.sqlite            the log (SQLite, one table; triggers refuse any change of an entry)
    state/log.ndjson        the log, an entry a line
    state/queries.csv       every query ever asked, and where it stands
    state/amendments.csv    the amendments in force, as an answers.csv
    state/lock.json         what is locked; absent where nothing is

The database is what counts. The texts are written after it, each whole; where a crash left them behind, the next
writer brings them up to date. A text log that says anything else than the database is a fault that names the entry.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chartline.errors import StateError
from chartline.outputs import write_whole
from chartline.state.log import Entry, Event, check_chain, entry_of
from chartline.state.standing import Standing, standing_of, take_up
from chartline.state.texts import TEXTS

DATABASE = "study.sqlite"
FOLDER = "state"
LOG = "log.ndjson"
PATIENCE = 5.0  # seconds to wait for another writer
_FORMAT = 1  # PRAGMA user_version
_APPLICATION = 0x63686C6E  # PRAGMA application_id: "chln"
_COLUMNS = ("number", "at", "by", "event", "about", "body", "previous", "digest")
_SCHEMA = (
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_FORMAT}",
    "CREATE TABLE log (number INTEGER PRIMARY KEY, at TEXT NOT NULL, by TEXT NOT NULL, event TEXT NOT NULL,"
    " about TEXT NOT NULL, body TEXT NOT NULL, previous TEXT NOT NULL UNIQUE, digest TEXT NOT NULL UNIQUE)",
    "CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    "CREATE TRIGGER log_is_never_cut BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
)

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def login() -> str:
    """Return who is logged in, for entries that nobody decides."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def has_state(home: Path) -> bool:
    """Whether the study in the folder `home` has a state."""
    return _is_there(home / DATABASE) or (home / FOLDER / LOG).exists()


def _is_there(file: Path) -> bool:
    """An empty file is what SQLite leaves of a first transaction that was killed."""
    return file.exists() and file.stat().st_size > 0


def read_log(home: Path) -> tuple[Entry, ...]:
    """Return every entry of the study's log, () where it has none.

    Raises `StateError` where the chain is broken, the text log says something else, or the file cannot be read.
    """
    if not has_state(home):
        return ()
    file = home / DATABASE
    if not _is_there(file):
        raise StateError(
            f"The study has a log ({FOLDER}/{LOG}) but no {DATABASE}.",
            where=str(file),
            do=f"put {DATABASE} back from your backup, or make it again from the text: chartline log STUDY --rebuild",
        )
    text = _text_lines(home)  # first: it is written after the database, so that it is never ahead of what is read next
    with _opened(file) as db:
        entries = _entries(db, file)
    check_chain(entries, str(file))
    _same_text(home, text, entries)
    return entries


def read_standing(home: Path) -> Standing:
    """Return what the study's log comes to; an empty standing where it has none."""
    return standing_of(read_log(home))


class Writer:
    """An open transaction: entries are added to `standing` at once, and to the file when all is done."""

    def __init__(self, standing: Standing, by: str, clock: Clock) -> None:
        self.standing, self.by = standing, by
        self.added: list[Entry] = []
        self._clock = clock

    @property
    def today(self) -> str:
        """Return the day (UTC) as yyyy-mm-dd."""
        return self._clock().astimezone(dt.UTC).date().isoformat()

    def add(self, event: Event, about: str, body: Mapping[str, Any] | None = None) -> Entry:
        """Add an entry."""
        at = self._clock().astimezone(dt.UTC).isoformat(timespec="seconds")
        number, head = self.standing.entries + 1, self.standing.head
        entry = Entry(number, at, self.by, event, about, dict(body or {}), head).sealed()
        take_up(self.standing, entry)
        self.added.append(entry)
        return entry


@contextmanager
def writing(home: Path, by: str, *, clock: Clock = utc_now, patience: float = PATIENCE) -> Iterator[Writer]:
    """Hold the study's log for one writer; on success all entries are there, on any error none.

    Makes the database where there is none. Raises `StateError` where another process keeps it for longer than
    `patience` seconds, or where it cannot be written.
    """
    known = read_log(home)  # a text without its database, and a broken chain, are said before anything is held
    file = home / DATABASE
    with _held(file, patience) as db:
        try:
            if _is_new(db):
                _create(db)
            entries = known
            if not _is_last(db, known):
                entries = _entries(db, file)
                check_chain(entries, str(file))
            writer = Writer(standing_of(entries), by, clock)
            if entries and _text_is_behind(home, entries):  # a crash between the database and the texts
                write_texts(home, list(entries), writer.standing)
            yield writer
            with _told(file):
                for entry in writer.added:
                    _insert(db, entry)
                db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            _remove_empty(db, file)
            raise
    write_texts(home, [*entries, *writer.added], writer.standing)


@contextmanager
def _held(file: Path, patience: float) -> Iterator[sqlite3.Connection]:
    """Hold the database for one writer, made where there is none. Who waited while a failed first writer removed the
    empty file holds a file that is not there any more, and begins again."""
    while True:
        before = _identity(file)
        with _opened(file, patience, create=True) as db:
            try:
                with _told(file):
                    db.execute("BEGIN IMMEDIATE")
            except StateError:
                if before == _identity(file):
                    raise
                continue
            if before is not None and before == _identity(file):
                yield db
                return


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_empty(db: sqlite3.Connection, file: Path) -> None:
    """Remove the empty file of a first transaction that failed, unless somebody else writes to it by now."""
    with suppress(sqlite3.Error, OSError):
        db.execute("PRAGMA busy_timeout = 0")
        db.execute("BEGIN IMMEDIATE")
        if not _is_there(file):
            file.unlink()
        db.execute("ROLLBACK")


def _text_is_behind(home: Path, entries: tuple[Entry, ...]) -> bool:
    return len(_text_lines(home)) < len(entries)


def write_texts(home: Path, entries: list[Entry], standing: Standing) -> None:
    """Bring the plain texts beside the database up to date; each is there whole or as it was."""
    folder = home / FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as e:
        raise StateError(f"The folder {FOLDER} cannot be made: {e.strerror}", where=str(folder)) from e
    wanted = {name: text(standing) for name, text in TEXTS.items()}
    wanted |= {LOG: "".join(f"{e.line()}\n" for e in entries)}  # last: while it is behind, so may be the others
    for name, said in wanted.items():
        file = folder / name
        if said and not (file.exists() and file.read_bytes() == said.encode("utf-8")):
            write_whole(file, said)
        elif not said and file.exists():
            file.unlink()


def rebuild(home: Path) -> int:
    """Make the database again from the text log, and return the number of entries.

    Raises `StateError` where there is a database, no text log, or one whose chain is broken.
    """
    file, text = home / DATABASE, home / FOLDER / LOG
    if _is_there(file):
        raise StateError(f"There is a {DATABASE}; it is not replaced.", where=str(file), do="move it away first")
    if not text.exists():
        raise StateError(f"There is no {FOLDER}/{LOG} to make it from.", where=str(text))
    entries = [entry_of(line, f"{text}, line {i}") for i, line in enumerate(_text_lines(home), 1)]
    check_chain(entries, str(text))
    new = file.with_name(f".{DATABASE}.new")
    new.unlink(missing_ok=True)
    with _opened(new, create=True) as db, _told(new):
        db.execute("BEGIN IMMEDIATE")
        _create(db)
        for entry in entries:
            _insert(db, entry)
        db.execute("COMMIT")
    new.replace(file)
    write_texts(home, entries, standing_of(entries))
    return len(entries)


def _is_new(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _create(db: sqlite3.Connection) -> None:
    """Make an empty log, within the transaction that is open."""
    for statement in _SCHEMA:
        db.execute(statement)


@contextmanager
def _opened(file: Path, patience: float = PATIENCE, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    mode = "rwc" if create else "rw"
    with _told(file):
        db = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=patience, isolation_level=None
        )
    try:
        with _told(file):
            db.execute("PRAGMA synchronous = FULL")
        yield db
    finally:
        db.close()


def _entries(db: sqlite3.Connection, file: Path) -> tuple[Entry, ...]:
    with _told(file):
        if db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise StateError(f"{file.name} is not a chartline state.", where=str(file), do="move it away, or rename it")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != _FORMAT:
            raise StateError(
                f"{file.name} was written by another version of chartline (format {version}).",
                where=str(file), expected=f"format {_FORMAT}", do="use the chartline that wrote it",
            )  # fmt: skip
        rows = db.execute(f"SELECT {', '.join(_COLUMNS)} FROM log ORDER BY number").fetchall()
    out = []
    for row in rows:
        fields = dict(zip(_COLUMNS, row, strict=True))
        try:
            out.append(Entry(**{**fields, "event": Event(fields["event"]), "body": json.loads(fields["body"])}))
        except ValueError as e:
            raise StateError(
                f"Entry {fields['number']} of the log cannot be read: it has been changed.",
                where=f"{file}, entry {fields['number']}", do="put study.sqlite back from your backup",
            ) from e  # fmt: skip
    return tuple(out)


def _insert(db: sqlite3.Connection, e: Entry) -> None:
    body = json.dumps(e.body, ensure_ascii=False, sort_keys=True)
    values = (e.number, e.at, e.by, e.event.value, e.about, body, e.previous, e.digest)
    db.execute(f"INSERT INTO log ({', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def _is_last(db: sqlite3.Connection, known: tuple[Entry, ...]) -> bool:
    """Whether nobody has added an entry to those that are known."""
    last = db.execute("SELECT number, digest FROM log ORDER BY number DESC LIMIT 1").fetchone()
    return bool(known) and last == (known[-1].number, known[-1].digest)


def _text_lines(home: Path) -> list[str]:
    """Return the lines of the text log, [] where there is none."""
    text = home / FOLDER / LOG
    if not text.exists():
        return []
    try:
        return text.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else "it is no UTF-8 text any more"
        raise StateError(
            f"{FOLDER}/{LOG} cannot be read: {why}.",
            where=str(text), do=f"put {FOLDER}/ back from your backup, with the {DATABASE} of the same day",
        ) from e  # fmt: skip


def _same_text(home: Path, text: list[str], entries: tuple[Entry, ...]) -> None:
    """The text may be behind (a crash between the two), never ahead and never different."""
    for i, line in enumerate(text):
        if i >= len(entries) or line != entries[i].line():
            what = "is not in" if i >= len(entries) else "is not the same in"
            raise StateError(
                f"Entry {i + 1} of {FOLDER}/{LOG} {what} {DATABASE}.",
                where=f"{home / DATABASE}, entry {i + 1}",
                expected="the same entries in both",
                do="one of the two was put back from an older copy, or edited: put both back from the same backup",
            )


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turn what SQLite says into what a person can do."""
    try:
        yield
    except sqlite3.OperationalError as e:
        busy = e.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) if e.sqlite_errorcode else False
        raise StateError(
            "Somebody else is writing to the state of this study." if busy else f"{file.name} cannot be used: {e}",
            where=str(file),
            do="wait until the other command has finished, and run this one again"
            if busy
            else "see that the folder exists and can be written, and that the disk is not full",
        ) from e
    except sqlite3.DatabaseError as e:
        raise StateError(
            f"{file.name} is damaged or is no SQLite database: {e}",
            where=str(file),
            do="put it back from your backup, or move it away and make it again: chartline log STUDY --rebuild",
        ) from e
