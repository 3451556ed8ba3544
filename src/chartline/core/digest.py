"""sha256 digests of files, bytes and plain values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def digest_file(path: Path) -> str:
    """Return the sha256 of a file's bytes as hex."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def digest_value(value: Any) -> str:
    """Return the sha256 of a plain (JSON-able) value in canonical form: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
