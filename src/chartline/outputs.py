"""The out folder: built beside the old one, then put in its place whole. Nobody ever sees half of a run.

A run writes into `.<name>.new-<pid>` next to the out folder. When all is written the old folder steps aside and the new
one takes its name; a run that fails or is killed leaves the old output as it was. A folder that chartline did not make
is never replaced.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from chartline.errors import OutputError

MARK = "study.lock"  # every finished out folder of a study has one


@contextmanager
def staged(out: Path, mark: str = MARK) -> Iterator[Path]:
    """Yield an empty folder to write into; on success it becomes `out`, on any error it is removed.

    `mark` is the file by which a folder of the same kind is known: a certificate never replaces a study. Raises
    `OutputError` where `out` is not ours to replace, cannot be written, is being written by another process, or the
    disk is full.
    """
    with claimed(out), _staged(out, mark) as folder:
        yield folder


@contextmanager
def _staged(out: Path, mark: str) -> Iterator[Path]:
    out = out.absolute()
    recover(out)
    _may_replace(out, mark)
    new = out.parent / f".{out.name}.new-{os.getpid()}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        new.mkdir()
        yield new
        _swap(new, out)
    except OSError as e:
        raise _output_error(e, out) from e
    except Exception as e:
        if os.strerror(errno.ENOSPC) in str(e):  # a library's own error around the system's
            raise _output_error(OSError(errno.ENOSPC, str(e)), out) from e
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Hold an out folder for one run; a second run on it is refused while the first lives, and not after.

    Raises `OutputError` where another run holds it. The claim is a lock of the system on `.<name>.busy`: it ends with
    the process, whatever ends that.
    """
    import fcntl

    out = out.absolute()
    file = out.parent / f".{out.name}.busy"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        while True:
            held = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.fstat(held).st_ino == file.stat().st_ino:
                    break
            os.close(held)  # its holder removed it between the two calls
    except BlockingIOError:
        who = os.read(held, 20).decode("ascii", "replace").strip()
        os.close(held)
        raise OutputError(
            f"Another run is writing to this out folder (process {who or 'unknown'}).",
            where=str(out),
            do="wait until it has ended, or name another --out",
        ) from None
    except OSError as e:
        raise _output_error(e, out) from e
    try:
        os.ftruncate(held, 0)
        os.write(held, str(os.getpid()).encode())
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(held)


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file that is there whole or not at all; a device or pipe is written as it is. Text is UTF-8.

    Raises `OutputError` where it cannot be written.
    """
    write_all({file: content})


def write_all(contents: Mapping[Path, str | bytes]) -> None:
    """Write files that belong together: none takes its name before all are written. See `write_whole`."""
    new = {file: file.absolute().with_name(f".{file.name}.new-{os.getpid()}") for file in contents}
    file = Path()
    try:
        for file, content in contents.items():
            _clear_left(file.absolute())
            data = content.encode("utf-8") if isinstance(content, str) else content
            (file if _is_device(file) else new[file]).write_bytes(data)
        for file in contents:
            if not _is_device(file):
                new[file].replace(file)
    except OSError as e:
        raise _file_error(e, file) from e
    finally:
        for left in new.values():
            with suppress(OSError):
                left.unlink(missing_ok=True)


def _is_device(file: Path) -> bool:
    return file.exists() and not file.is_file() and not file.is_dir()


def _file_error(e: OSError, file: Path) -> OutputError:
    full = e.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = e.strerror or e
    return OutputError(
        "The disk is full" if full else f"The file cannot be written: {reason}",
        where=str(file),
        do="free some room and run again" if full else "name a file in a folder that exists and can be written",
    )


def recover(out: Path) -> None:
    """Put back an output whose replacement was interrupted between the two renames; clear dead runs' leftovers."""
    out = out.absolute()
    old = _aside(out)
    with suppress(OSError):
        if old.exists():
            if out.exists():
                shutil.rmtree(old)
            else:
                old.rename(out)
        for left in _left(out):
            shutil.rmtree(left, ignore_errors=True)


def _left(out: Path) -> list[Path]:
    """Return what runs that are dead have left beside an output."""
    return [p for p in out.parent.glob(f".{out.name}.new-*") if not _alive(p.name.rsplit("-", 1)[1])]


def _clear_left(file: Path) -> None:
    for left in _left(file):
        left.unlink(missing_ok=True)


def _aside(out: Path) -> Path:
    return out.parent / f".{out.name}.old"


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _may_replace(out: Path, mark: str) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise OutputError(f"{out.name} is not a folder", where=str(out), do="name another --out")
    if not out.exists():
        return
    if not out.stat().st_mode & stat.S_IWUSR or not os.access(out, os.W_OK):
        raise OutputError("The out folder is read-only", where=str(out), do="make it writable or name another --out")
    if any(out.iterdir()) and not (out / mark).exists():
        raise OutputError(
            "The out folder holds files that this command did not make",
            where=str(out),
            expected="an empty or new folder, or one that an earlier run of this command made",
            do="name another --out",
        )


def _swap(new: Path, out: Path) -> None:
    old = _aside(out)
    if out.exists():
        out.rename(old)
    new.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _output_error(e: OSError, out: Path) -> OutputError:
    if e.errno in (errno.ENOSPC, errno.EDQUOT):
        what, do = "The disk is full", "free some room and run again"
    elif e.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        what, do = "The out folder cannot be written", "make its parent writable or name another --out"
    else:
        what, do = f"The out folder cannot be written: {e.strerror or e}", "check the place that --out names"
    return OutputError(what, where=str(e.filename or out), do=f"{do}; the last finished output is untouched")
