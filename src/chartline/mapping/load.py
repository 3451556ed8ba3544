"""Mapping file -> Mapping. In: path of a YAML file. Out: a frozen Mapping, or MappingError with the line at fault.

All plain values are loaded as text and typed by the model, so nothing that a data manager writes changes on the way:
`01` keeps its zero, `N` and `no` stay words, `1_000` and `0x1F` are not numbers.
"""

from __future__ import annotations

from pathlib import Path

from chartline.core.declared import load_declaration
from chartline.errors import MappingError
from chartline.mapping.model import Mapping


def load_mapping(path: Path) -> Mapping:
    """Read and check one mapping file; raise MappingError naming file, line and the nearest allowed key."""
    return load_declaration(path, Mapping, MappingError, as_text=True)
