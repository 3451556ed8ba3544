"""A flat table while it is drafted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chartline.draft.flat.headings import Head
from chartline.draft.model import Column


@dataclass
class FlatTable:
    """A table as it is read: columns in order, each with its heading, profile, choices and title of its group."""

    name: str
    columns: list[Column]
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # column -> code -> label
    box: Mapping[str, str] = field(default_factory=dict)  # check box -> the label of its choice
    titles: Mapping[str, str] = field(default_factory=dict)
    stated_units: Mapping[str, str] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
