"""The work folder of a run in parts: what is finished stays until the run is, so that a killed run goes on from there.

It lies beside the out folder and is named by the digest of all that the run is made from, so that a changed protocol,
file, number of parts or version of chartline never meets parts that were made from another. A finished piece of work is
a folder that was written under another name and then renamed: it is there whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from chartline.core.digest import digest_value


def work_folder(out: Path, digest: str) -> Path:
    """Make and return the work folder of a run; those of other runs on the same out folder are removed.

    The caller holds the out folder (`outputs.staged`), so no other run is at work on it.
    """
    out = out.absolute()
    own = out.parent / f".{out.name}.parts-{digest[:16]}"
    for left in out.parent.glob(f".{escape(out.name)}.parts-*"):
        if left != own:
            shutil.rmtree(left, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds what patients' charts say
    for half in own.glob(".*.new-*"):
        shutil.rmtree(half, ignore_errors=True)
    return own


@contextmanager
def finished_whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write into, which becomes `folder` when all is written; on an error it is removed."""
    new = folder.parent / f".{folder.name}.new-{os.getpid()}"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        yield new
        with suppress(FileExistsError):  # somebody else has finished the same: equal, so either will do
            if not folder.exists():
                new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def stamp(paths: Iterable[Path]) -> str:
    """Return a digest of files and folders by name, size and time of change: enough to see that one has changed."""
    seen = []
    for path in paths:
        found = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in found:
            with suppress(OSError):
                at = file.stat()
                seen.append([str(file), at.st_size, at.st_mtime_ns])
    return digest_value(seen)


def own_stamp() -> str:
    """Return a digest of this version of chartline, down to its files: parts made by other code are not taken.

    Modules that Python has compiled meanwhile are no other code.
    """
    own = Path(str(files("chartline"))).rglob("*")
    return digest_value([version("chartline"), stamp(sorted(p for p in own if p.is_file() and p.suffix != ".pyc"))])
