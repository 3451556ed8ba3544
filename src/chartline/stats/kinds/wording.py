"""Methods, reasons and warnings in the words of readers: kernels know variables by name, readers by label.

`STATUS=REFRACTORY` becomes "disease status: refractory", `SITEID` "centre".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from chartline.counts.model import AFTER, BEFORE, STATE
from chartline.protocol.names import adsl_labels, in_sentence, level_label, levels_in_order
from chartline.results.model import Result

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol

_STATES = {AFTER: "after the event on the way", BEFORE: "before the event on the way"}


class Wording:
    """Says texts in the words of one protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._labels = adsl_labels(protocol) | {STATE: "state"}
        levels = {v for name in self._labels for v in levels_in_order(protocol, name)}
        longest_first = "|".join(re.escape(v) for v in sorted(levels, key=len, reverse=True) if v)
        level = rf"(?:{longest_first}|[^\s,;:()]+)" if longest_first else r"[^\s,;:()]+"
        names = "|".join(sorted(map(re.escape, self._labels), key=len, reverse=True))
        self._pattern = re.compile(rf"\b({names})\b(?: ?= ?({level}))?")

    def of(self, rows: Iterable[Result]) -> list[Result]:
        """Return the rows with their method, reason and warnings worded."""
        return [self._row(r) for r in rows]

    def _row(self, r: Result) -> Result:
        if not any(self._pattern.search(text) for text in (r.method, r.reason, *r.warnings)):
            return r
        return replace(
            r, method=self.say(r.method), reason=self.say(r.reason), warnings=tuple(map(self.say, r.warnings))
        )

    def say(self, text: str) -> str:
        """Return a text with labels for names."""
        return self._pattern.sub(self._words, text) if text else text

    def _words(self, match: re.Match[str]) -> str:
        name, level = match.groups()
        if name == STATE and level in _STATES:
            return _STATES[level]
        label = in_sentence(self._labels[name])
        return label if level is None else f"{label}: {in_sentence(level_label(self._protocol, name, level))}"
