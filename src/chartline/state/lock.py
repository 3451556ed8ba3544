"""The lock: what a study is made from, frozen by digest, and what has changed since.

In: a study's folder and the entry that locked it. Out: nothing, or `LockError` that names every file that is not what
it was. Frozen are every input (protocol, mappings, centres' files, answers, overrides), the amendments, and chartline
itself: its version and the digest of its files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from chartline.core.digest import digest_file, digest_value
from chartline.errors import LockError
from chartline.state.log import Entry

_ENDINGS = (".py", ".yaml", ".csv", ".json", ".typ", ".j2", ".css", ".js")
_SHOWN = 5  # files that a message names


def frozen(
    paths: Mapping[str, Path], inputs: Mapping[str, str], home: Path, digests: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a lock holds: of each input its file, size and sha256, and the `digests` of protocol and data."""
    listed = []
    for name, sha in sorted(inputs.items()):
        path = paths.get(name)
        size = path.stat().st_size if path is not None else None
        shown = "" if path is None else _relative(path, home)
        listed.append({"input": name, "file": shown, "bytes": size, "sha256": sha})
    return {"chartline": program(), **digests, "inputs": listed}


def program() -> dict[str, str]:
    """Return chartline's version and the digest of its files."""
    root = Path(str(files("chartline")))
    own = sorted(p for p in root.rglob("*") if p.suffix in _ENDINGS and p.is_file())
    return {
        "version": version("chartline"),
        "sha256": digest_value({p.relative_to(root).as_posix(): digest_file(p) for p in own}),
    }


def refuse_change(lock: Entry | None, why: str, do: str = "unlock the study first: chartline unlock") -> None:
    """Raise `LockError` where the study is locked."""
    if lock is not None:
        raise LockError(f"The study was locked by {lock.by} on {lock.day}: {why}.", where=lock.about, do=do)


def check_files(lock: Entry | None, home: Path, *, own_answers: bool = True) -> None:
    """Raise `LockError` where a file of the locked study has changed, or other answers than its own are asked for."""
    if lock is None:
        return
    if not own_answers:
        raise LockError(
            f"The study is locked with its answers (by {lock.by} on {lock.day}).",
            where=str(home), do="run without --answers and --no-answers, or unlock the study first",
        )  # fmt: skip
    changed = [said for said in (_changed(home, i) for i in lock.body["inputs"]) if said]
    now = program()
    if now != lock.body["chartline"]:
        then = lock.body["chartline"]["version"]
        other = (
            f"version {now['version']}, locked with {then}" if now["version"] != then else "its files are not the same"
        )
        changed.append(f"chartline itself has changed ({other})")
    _refuse(lock, home, changed)


def check_inputs(lock: Entry | None, inputs: Mapping[str, str], home: Path) -> None:
    """Raise `LockError` where other inputs were read than were locked: a new file, other amendments."""
    if lock is None:
        return
    then = {i["input"]: i["sha256"] for i in lock.body["inputs"]}
    changed = [f"{name} was not there" for name in sorted(set(inputs) - set(then))]
    changed += [f"{name} is no longer read" for name in sorted(set(then) - set(inputs))]
    changed += [f"{name} has changed" for name in sorted(then) if inputs.get(name, then[name]) != then[name]]
    _refuse(lock, home, changed)


def _changed(home: Path, then: Mapping[str, Any]) -> str:
    """Say how one file differs from what was locked; "" where it does not."""
    if not then["file"]:
        return ""  # the amendments: they are in the log itself
    file = home / then["file"]
    if not file.is_file():
        return f"{then['file']} is missing"
    sha = digest_file(file)
    if sha == then["sha256"]:
        return ""
    size = file.stat().st_size
    sizes = f"{then['bytes']} bytes then, {size} now" if size != then["bytes"] else f"the same {size} bytes in size"
    return f"{then['file']} has changed ({sizes}; sha256 {then['sha256'][:12]} then, {sha[:12]} now)"


def _refuse(lock: Entry, home: Path, changed: Iterable[str]) -> None:
    found = list(changed)
    if not found:
        return
    more = f"\n            and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise LockError(
        f"The study was locked by {lock.by} on {lock.day} ({lock.body['reason']}), and is not what it was.",
        where="\n            ".join(found[:_SHOWN]) + more,
        expected="what was locked: state/lock.json",
        do="put the files back as they were, or unlock: chartline unlock STUDY --by NAME --reason WHY",
    )


def _relative(path: Path, home: Path) -> str:
    """Return a file's place as seen from the study's folder, so that the folder can be moved."""
    try:
        return Path(os.path.relpath(path.resolve(), home.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
