"""Where a certificate was made: versions, machine, time, and the digest of what was compared with."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from chartline.verify.cases import shipped


@dataclass(frozen=True)
class Environment:
    """Plain texts; `references` is the sha256 over every recorded file and data set."""

    chartline: str
    python: str
    numpy: str
    scipy: str
    blas: str
    platform: str
    processor: str
    made: str
    references: str


def describe_environment() -> Environment:
    """Return the environment of this process, now."""
    return Environment(
        chartline=_version("chartline"),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        numpy=_version("numpy"),
        scipy=_version("scipy"),
        blas=_blas(),
        platform=platform.platform(),
        processor=_processor(),
        made=datetime.now().astimezone().isoformat(timespec="seconds"),
        references=digest_shipped(),
    )


def digest_shipped() -> str:
    """Return one sha256 over the names and bytes of all recorded references and data sets."""
    digest = hashlib.sha256()
    for folder in ("data", "reference"):
        for file in shipped(folder).values():
            digest.update(f"{folder}/{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed as a package"


def _blas() -> str:
    """The linear algebra that NumPy was built with: another one may round otherwise."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    return " ".join(str(blas[k]) for k in ("name", "version") if blas.get(k)) or "unknown"


def _processor() -> str:
    """The processor's name where the system tells it, else its architecture."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()} ({platform.machine()})"
    return platform.processor() or platform.machine()
