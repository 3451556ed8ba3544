"""The centre's key, and what is derived from it: pseudonyms and shifts.

The key is 32 random bytes in a file that only its owner can read. It stays at the centre: whoever has it can check
whether a pseudonym belongs to a number, and find the true dates; without it neither can be done. Pseudonyms and shifts
are HMAC-SHA256 of the number under the key, so that the same number gives the same pseudonym in every file, today and
next year, without any list.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from chartline.errors import StudyError

_BYTES = 32
_HEX = re.compile(r"[0-9a-f]{64}")
_LETTERS = 10  # of a pseudonym: 50 bits, so that two of a million numbers meet with a chance of 1 in 2,000
_DIGITS = 15  # of the pseudonym of a whole number: below 2^53, so that a spreadsheet keeps it exactly


class KeyFileError(StudyError):
    """The key file is not one that may be used."""

    code = "key"
    exit_code = 15


@dataclass(frozen=True)
class Key:
    """A centre's key. It is never shown: `fingerprint` tells two keys apart and leads back to neither."""

    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(b"chartline key " + self.secret).hexdigest()[:8]

    def pseudonym(self, number: str) -> str:
        """Return what stands for a number: `P7KQ2M4XZ9A`; of a whole number another whole number, so that a column of
        numbers stays one."""
        digest = self._digest("id", number)
        if number.isascii() and number.isdigit():
            return str(10 ** (_DIGITS - 1) + int.from_bytes(digest[:8], "big") % (9 * 10 ** (_DIGITS - 1)))
        return "P" + base64.b32encode(digest).decode()[:_LETTERS]

    def shift(self, patient: str, days: int) -> int:
        """Return by how many days the dates of a patient are shifted: -days to days, never 0."""
        step = int.from_bytes(self._digest("shift", patient)[:8], "big") % (2 * days)
        return step - days if step < days else step - days + 1

    def _digest(self, what: str, text: str) -> bytes:
        return hmac.new(self.secret, f"{what}:{text}".encode(), hashlib.sha256).digest()


def open_key(file: Path, away_from: tuple[Path, ...] = ()) -> tuple[Key, bool]:
    """Return the key in `file`, and whether it was made now; a file that is not there is made, for its owner alone.

    Raises `KeyFileError` for a folder, and for a file that others can read, that holds no key, or that lies in a folder
    that is sent.
    """
    file = file.absolute()
    for folder in away_from:
        if file.resolve().is_relative_to(folder.resolve()):
            raise KeyFileError(
                "The key lies in a folder that leaves the centre",
                where=str(file),
                expected=f"a place outside {folder}",
                do="name another --key, where only the centre's data manager can read",
            )
    if not file.exists():
        return _made(file), True
    if file.is_dir():
        raise KeyFileError(
            "The key is a file, and this is a folder",
            where=str(file),
            do=f"name a file, such as {file.name}/chartline.key; it is made where there is none",
        )
    mode = file.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            "Others than its owner can open the key",
            where=f"{file} (mode {stat.S_IMODE(mode):o})",
            expected="mode 600",
            do=f"chmod 600 {file.name}; if somebody may have read it, make a new key, and all pseudonyms anew",
        )
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    if not _HEX.fullmatch(text):
        raise KeyFileError(
            "The file holds no key",
            where=str(file),
            expected="64 hexadecimal digits, as chartline writes them",
            do="name the right file, or one that is not there: it is made then",
        )
    return Key(bytes.fromhex(text)), False


def _made(file: Path) -> Key:
    secret = secrets.token_bytes(_BYTES)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as e:
        raise KeyFileError(f"The key cannot be written: {e.strerror}", where=str(file)) from e
    with os.fdopen(handle, "w", encoding="utf-8") as f:
        f.write(secret.hex() + "\n")
    return Key(secret)
