"""chartline: from hospitals' charts to a real-world study in which every number leads back to its cell.

The public names are those below; nothing else is API. They are loaded when first used, so that importing chartline
costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "load_protocol": "chartline.protocol.load",
    "load_mapping": "chartline.mapping.load",
    "read_study": "chartline.pipeline",
    "run_study": "chartline.pipeline",
    "check_study": "chartline.pipeline",
    "add_counts": "chartline.counts.model",
    "estimate_all": "chartline.stats.estimate",
    "verify_all": "chartline.verify.verify",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'chartline' has no attribute '{name}'")
