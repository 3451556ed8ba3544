"""What was compared, by statistic, and what it says on a terminal.

A `Certificate` has one `Row` a statistic; a row its `Compared` numbers and what `Failed`. Digits are always rounded
down: 7.99 digits are never shown as 8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chartline.stats.statistic import Statistic, declared_statistics
from chartline.verify.cases import Case
from chartline.verify.environment import Environment

EXACT = 17  # digits of two equal doubles
SECTIONS = {  # topic of the statistics -> how the certificate calls it, in its order
    "survival": "Survival",
    "comparison": "Comparison of curves",
    "competing": "Competing risks and states",
    "intercurrent": "Transplant and other events on the way",
    "regression": "Regression",
    "proportions": "Proportions and tables",
    "values": "Numbers and ranks",
    "sensitivity": "Multiplicity and sensitivity",
    "planning": "Planning",
}
OTHER = "Not declared"


@dataclass(frozen=True)
class Compared:
    """One number of a case: what the reference has, what is computed here, and to how many digits they agree."""

    case: Case
    name: str  # of the value, "surv[3]" for the fourth of a list
    expected: float | None
    found: float | None
    digits: float

    @property
    def agrees(self) -> bool:
        return self.digits >= self.case.digits

    @property
    def missing(self) -> bool:
        """Whether the reference has no value (and so there must be none here)."""
        return self.expected is None

    @property
    def difference(self) -> float:
        """The relative difference; the absolute one where the reference is 0; infinite where one has no value."""
        if self.expected == self.found:
            return 0.0
        if self.expected is None or self.found is None or not math.isfinite(self.expected):
            return math.inf
        return abs(self.found - self.expected) / (abs(self.expected) or 1.0)

    def __str__(self) -> str:
        return (
            f"{self.case.statistic}, case {self.case.id!r} of {self.case.topic}, {self.name}: reference "
            f"{shown(self.expected)}, here {shown(self.found)} ({whole_digits(self.digits)} digits, "
            f"{self.case.digits} asked)"
        )


@dataclass(frozen=True)
class Failed:
    """What could not be compared, and why."""

    statistic: str  # "" for a whole file
    where: str  # the case or the file; "" where there is none
    reason: str

    def __str__(self) -> str:
        return ": ".join(p for p in (", ".join(w for w in (self.statistic, self.where) if w), self.reason) if p)


@dataclass(frozen=True)
class Row:
    """One statistic with all that was compared and all that failed; `declared` is None if nothing declares it."""

    name: str
    declared: Statistic | None
    compared: tuple[Compared, ...]
    failed: tuple[Failed, ...] = ()

    @property
    def label(self) -> str:
        return self.declared.label if self.declared else self.name

    @property
    def cases(self) -> int:
        return len({(c.case.topic, c.case.id) for c in self.compared}) + sum(bool(f.where) for f in self.failed)

    @property
    def agreeing(self) -> int:
        return sum(c.agrees for c in self.compared)

    @property
    def agrees(self) -> bool:
        return bool(self.compared) and not self.failed and self.agreeing == len(self.compared)

    @property
    def verdict(self) -> str:
        if self.agrees:
            return "agrees"
        return "failed" if self.failed else "differs"

    @property
    def worst(self) -> Compared | None:
        """The number with the fewest digits; among equals one that does not agree."""
        return min(self.compared, key=lambda c: (c.digits, c.agrees), default=None)

    @property
    def difference(self) -> float:
        return max((c.difference for c in self.compared), default=math.nan)

    @property
    def asked(self) -> tuple[int, ...]:
        """The digits that the cases ask for, most first."""
        return tuple(sorted({c.case.digits for c in self.compared}, reverse=True))

    @property
    def sources(self) -> tuple[str, ...]:
        """The programs with the packages that the declared reference names, and any other source of a case."""
        return tuple(dict.fromkeys(_source(c.case, self.declared) for c in self.compared))

    @property
    def data(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.case.data_name for c in self.compared))


@dataclass(frozen=True)
class Certificate:
    """Everything that was compared, and where. `faults` concern no single statistic: a file that cannot be read."""

    rows: tuple[Row, ...]
    faults: tuple[Failed, ...]
    declared: Mapping[str, Statistic]
    suite_only: Mapping[str, str]  # declared statistics that have no recorded case, with the reason
    environment: Environment

    @property
    def compared(self) -> tuple[Compared, ...]:
        return tuple(c for r in self.rows for c in r.compared)

    @property
    def statistics(self) -> int:
        """How many statistics had a number compared."""
        return sum(bool(r.compared) for r in self.rows)

    @property
    def values(self) -> int:
        return sum(len(r.compared) for r in self.rows)

    @property
    def agreeing(self) -> int:
        return sum(r.agreeing for r in self.rows)

    @property
    def failed(self) -> tuple[Failed, ...]:
        return (*self.faults, *(f for r in self.rows for f in r.failed))

    @property
    def differing(self) -> tuple[Compared, ...]:
        return tuple(c for c in self.compared if not c.agrees)

    @property
    def agrees(self) -> bool:
        """Whether every number agrees to the digits that its case asks for, and nothing failed."""
        return self.values > 0 and not self.failed and not self.differing

    @property
    def worst(self) -> Compared | None:
        return min(
            (r.worst for r in self.rows if r.worst is not None), key=lambda c: (c.digits, c.agrees), default=None
        )

    def sections(self) -> Iterator[tuple[str, tuple[Row, ...]]]:
        """Yield (title, rows) by topic; what is declared nowhere comes last."""
        topic_of = {name: title for topic, title in SECTIONS.items() for name in declared_statistics(topic)}
        for title in (*SECTIONS.values(), OTHER):
            rows = tuple(r for r in self.rows if topic_of.get(r.name, OTHER) == title)
            if rows:
                yield title, rows

    def summary(self) -> str:
        """Return the one line that says it all."""
        said = f"{self.statistics} statistics, {self.values:,} values, {self.agreeing:,} agree"
        if self.failed:
            said += f", {len(self.failed)} failed"
        if self.worst is None:
            return said
        case, fewest = self.worst.case, whole_digits(self.worst.digits)
        return f"{said}; fewest digits: {fewest} ({case.digits} asked; {case.statistic}, {case.id})"

    def lines(self, width: int = 0) -> list[str]:
        """Return the table by statistic; each line cut to `width` where that is not 0."""
        cells = {row.name: _cells(row) for row in self.rows}
        widths = _fitted([max(map(len, column)) for column in zip(_HEAD, *cells.values(), strict=True)], width)
        out = [_line(_HEAD, widths)]
        for title, rows in self.sections():
            out.append(title)
            for row in rows:
                out.append(_line(cells[row.name], widths))
                out += [f"    failed: {f.where + ': ' if f.where else ''}{f.reason}" for f in row.failed[:_FEW]]
        return [*out, *(f"failed: {f}" for f in self.faults)]


_HEAD = ("", "reference", "cases", "values", "agree", "digits")
_FEW = 3  # failed cases of a statistic that the terminal lists


def whole_digits(digits: float) -> str:
    """Return digits as printed: whole, rounded down; "all" for equal doubles."""
    return "all" if digits >= EXACT else str(math.floor(digits))


def shown(value: float | None) -> str:
    """Return a number with all its digits."""
    return "no value" if value is None else repr(value)


def _source(case: Case, declared: Statistic | None) -> str:
    """The program, with those of its packages that the declared reference calls."""
    called = [p for p in case.packages if declared is not None and f"{p}::" in declared.reference]
    return ", ".join((case.program, *(f"{p} {case.packages[p]}" for p in called)))


def _cells(row: Row) -> tuple[str, ...]:
    n = len(row.compared)
    fewest = whole_digits(row.worst.digits) if row.worst else "-"
    return (f"  {row.label}", "; ".join(row.sources), str(row.cases), f"{n:,}", f"{row.agreeing:,}", fewest)


def _fitted(widths: list[int], width: int) -> list[int]:
    """Narrow the two columns of text until the line fits."""
    room = width - sum(widths[2:]) - 2 * (len(widths) - 1)
    if not width or sum(widths[:2]) <= room:
        return widths
    first = max(20, min(widths[0], room * 3 // 5))
    return [first, max(8, room - first), *widths[2:]]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    cut = [c if len(c) <= w else f"{c[: w - 1]}…" for c, w in zip(cells, widths, strict=True)]
    text = [c.ljust(w) for c, w in zip(cut[:2], widths[:2], strict=True)]
    return "  ".join([*text, *(c.rjust(w) for c, w in zip(cut[2:], widths[2:], strict=True))]).rstrip()
