"""Which numbers of patients may be printed: the protocol's rule of small cells (`report.smallest_cell`).

A number of patients from 1 to below the threshold is hidden, and with it every share, median or total from which it
follows: who is missing as much as who is there, and a total where exactly one of its parts is hidden.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chartline.quality.model import Share


@dataclass(frozen=True)
class Cells:
    """The rule of one study. `smallest` is the least number of patients that is printed; 1 prints all."""

    smallest: int

    def count(self, n: int) -> bool:
        """Return whether a number of patients may be printed."""
        return n == 0 or n >= self.smallest

    def share(self, share: Share) -> bool:
        """Return whether a share of patients may be printed: who is there, who is not, and all of them."""
        return all(map(self.count, (share.n, share.of - share.n, share.of)))

    def total(self, parts: Iterable[Share]) -> bool:
        """Return whether a total may stand beside its parts."""
        each = tuple(parts)
        return sum(not self.share(s) for s in each) != 1 and self.share(Share.sum(each))

    def sentence(self) -> str:
        """Return what a reader is told; "" where nothing is hidden."""
        if self.smallest <= 1:
            return ""
        return (
            f"Numbers of 1 to {self.smallest - 1} patients, and what they follow from, are not shown (a dot): the "
            "protocol's rule of small cells."
        )
