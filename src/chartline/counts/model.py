"""The wall: small integer tables that add exactly and in which no person exists.

Everything right of this module (stats, results, report) sees patients only through these four types. Each is
frozen, carries the key of the analysis it belongs to and the digest of the protocol it was counted under, and
`a + b` is defined only where both agree; then it is exact, associative and commutative, so that

    count(whole) == count(part 1) + count(part 2)        for any split of the subjects.

Compressed is not anonymous: with 32 patients most cells are one person. What may leave a hospital is decided in
`results/disclosure.py`, not here. No Polars in this module: plain tuples and integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Pattern = tuple[tuple[str, str], ...]  # covariate pattern: (("SITEID", "A"), ...); () is everyone
STATE = "STATE"  # the variable of a pattern that says where a subject is on its way
BEFORE, AFTER = "before", "after"  # its levels around one event on the way
BOUNDS = ("earliest", "latest")  # the days that a partial date can mean
LOST = "lost"  # the role and cause of those who were lost to follow-up


@dataclass(frozen=True, kw_only=True)
class CountKey:
    """What two tables must share to be added."""

    analysis: str  # id of the analysis in the protocol
    protocol_digest: str
    unit: str = ""  # grid or unit of the values: "day", "years", "10^9/L", ...


@dataclass(frozen=True, kw_only=True)
class _Counted:
    key: CountKey

    def _check(self, other: object) -> None:
        if type(other) is not type(self):
            raise TypeError(f"a {type(self).__name__} cannot be added to a {type(other).__name__}")
        if other.key != self.key:
            raise ValueError(f"counts of different analyses cannot be added: {self.key} and {other.key}")


def _add(a: Mapping[Any, tuple[int, ...]], b: Mapping[Any, tuple[int, ...]]) -> dict[Any, tuple[int, ...]]:
    out = dict(a)
    for k, v in b.items():
        out[k] = tuple(x + y for x, y in zip(out[k], v, strict=True)) if k in out else v
    return {k: out[k] for k in sorted(out)}


@dataclass(frozen=True, kw_only=True)
class EventTable(_Counted):
    """Subjects entering, having an event by cause, and censored, by covariate pattern and whole day.

    `rows` maps (pattern, day) -> (n_enter, n_censor, n_event[0], n_event[1], ...), one n_event per name in
    `causes`. Time is in days from the origin; entry at day 0 is counted at day 0. Per pattern the entries equal the
    exits. A subject that enters late enters at its day of entry; at risk at t are those with entry < t <= exit
    (entry 0 with exit 0 is at risk at 0). `missing` counts subjects of the set whose time cannot be known; `withheld`
    those left out by an open blocking query.
    """

    causes: tuple[str, ...] = ("event",)
    rows: Mapping[tuple[Pattern, int], tuple[int, ...]] = field(default_factory=dict)
    withheld: int = 0
    missing: int = 0

    def __post_init__(self) -> None:
        width = 2 + len(self.causes)
        balance: dict[Pattern, int] = {}
        for (pattern, day), row in self.rows.items():
            if len(row) != width or any(type(x) is not int or x < 0 for x in row) or type(day) is not int or day < 0:
                raise ValueError(f"not a row of whole counts on a whole day: {(pattern, day)} {row}")
            balance[pattern] = balance.get(pattern, 0) + row[0] - sum(row[1:])
        if any(balance.values()):
            raise ValueError(f"entries and exits differ: {balance}")

    def __add__(self, other: EventTable) -> EventTable:
        self._check(other)
        if other.causes != self.causes:
            raise ValueError(f"causes differ: {self.causes} and {other.causes}")
        return replace(
            self,
            rows=_add(self.rows, other.rows),
            withheld=self.withheld + other.withheld,
            missing=self.missing + other.missing,
        )

    @property
    def n(self) -> int:
        return sum(row[0] for row in self.rows.values())

    @property
    def n_subjects(self) -> int:
        """Subjects. Where times are counted in parts (by STATE), an entry after day 0 is a move, else somebody who
        comes under observation late."""
        in_parts = any(name == STATE for pattern, _ in self.rows for name, _ in pattern)
        return self.n_at_start if in_parts else self.n

    @property
    def n_at_start(self) -> int:
        """Subjects that enter on day 0: where times are counted in parts, every other entry is a move."""
        return sum(row[0] for (_, day), row in self.rows.items() if day == 0)

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return tuple(sorted({p for p, _ in self.rows}))

    def without_last_cause(self) -> EventTable:
        """Return the table with the ends by the last cause, a move to another part of the time, as censorings."""
        rows = {at: (row[0], row[1] + row[-1], *row[2:-1]) for at, row in self.rows.items()}
        return replace(self, causes=self.causes[:-1], rows=rows)

    def select(self, pattern: Pattern) -> EventTable:
        """Return the part whose pattern contains every pair of `pattern`, as one pattern `()`.

        `missing` and `withheld` are known for everyone only: a proper part has 0 of both.
        """
        out: dict[tuple[Pattern, int], tuple[int, ...]] = {}
        for (p, day), row in self.rows.items():
            if set(pattern) <= set(p):
                have = out.get(((), day))
                out[((), day)] = row if have is None else tuple(x + y for x, y in zip(have, row, strict=True))
        rows = dict(sorted(out.items()))
        return replace(self, rows=rows) if pattern == () else replace(self, rows=rows, missing=0, withheld=0)


@dataclass(frozen=True, kw_only=True)
class CrossTab(_Counted):
    """Subjects (or records) by the levels of named dimensions. A missing value is the level ""."""

    dims: tuple[str, ...]
    cells: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    withheld: int = 0

    def __post_init__(self) -> None:
        for levels, n in self.cells.items():
            if len(levels) != len(self.dims) or type(n) is not int or n < 0:
                raise ValueError(f"not a cell of {self.dims}: {levels} {n}")

    def __add__(self, other: CrossTab) -> CrossTab:
        self._check(other)
        if other.dims != self.dims:
            raise ValueError(f"dimensions differ: {self.dims} and {other.dims}")
        cells = dict(self.cells)
        for k, v in other.cells.items():
            cells[k] = cells.get(k, 0) + v
        return replace(self, cells=dict(sorted(cells.items())), withheld=self.withheld + other.withheld)

    @property
    def n(self) -> int:
        return sum(self.cells.values())

    def where(self, **levels: str) -> int:
        """Return the number in the cells whose named dimensions have these levels."""
        index = {d: i for i, d in enumerate(self.dims)}
        return sum(v for k, v in self.cells.items() if all(k[index[d]] == lv for d, lv in levels.items()))


@dataclass(frozen=True, kw_only=True)
class ValueTable(_Counted):
    """How many subjects have each value of a continuous variable, by pattern; `missing` by pattern beside it.

    Values are exact decimals as text keys would be; they are kept as floats that came from the same decimal text, so
    equal values compare equal on every machine.
    """

    values: Mapping[tuple[Pattern, float], int] = field(default_factory=dict)
    missing: Mapping[Pattern, int] = field(default_factory=dict)
    withheld: int = 0

    def __add__(self, other: ValueTable) -> ValueTable:
        self._check(other)
        values = dict(self.values)
        for k, v in other.values.items():
            values[k] = values.get(k, 0) + v
        missing = dict(self.missing)
        for p, v in other.missing.items():
            missing[p] = missing.get(p, 0) + v
        return replace(
            self,
            values=dict(sorted(values.items())),
            missing=dict(sorted(missing.items())),
            withheld=self.withheld + other.withheld,
        )

    def select(self, pattern: Pattern) -> dict[float, int]:
        """Return value -> n over every pattern that contains the pairs of `pattern`, in ascending order."""
        out: dict[float, int] = {}
        for (p, value), n in self.values.items():
            if set(pattern) <= set(p):
                out[value] = out.get(value, 0) + n
        return dict(sorted(out.items()))

    def n_missing(self, pattern: Pattern = ()) -> int:
        return sum(n for p, n in self.missing.items() if set(pattern) <= set(p))


@dataclass(frozen=True)
class AttritionStep:
    """One criterion in order: of `n_in` subjects `n_no` failed it, `n_unknown` could not be decided, `n_out` go on.

    `n_open` of those who go on could not be decided either: a selection in a database rules out only what it knows."""

    id: str
    label: str
    n_in: int
    n_no: int
    n_unknown: int
    n_out: int
    n_open: int = 0


def add_steps(a: AttritionStep, b: AttritionStep) -> AttritionStep:
    """Return one step of two parts of the subjects as that of both."""
    counted = ("n_in", "n_no", "n_unknown", "n_out", "n_open")
    return replace(a, **{name: getattr(a, name) + getattr(b, name) for name in counted})


@dataclass(frozen=True, kw_only=True)
class AttritionTable(_Counted):
    """The steps from screened to eligible; the sums are asserted when it is made."""

    screened: int
    steps: tuple[AttritionStep, ...] = ()

    def __post_init__(self) -> None:
        n = self.screened
        for s in self.steps:
            if (
                s.n_in != n
                or s.n_in != s.n_no + s.n_unknown + s.n_out
                or min(s.n_no, s.n_unknown, s.n_out, s.n_open) < 0
            ):
                raise ValueError(f"attrition does not add up at {s.id}: {s}")
            n = s.n_out

    def __add__(self, other: AttritionTable) -> AttritionTable:
        self._check(other)
        if [(s.id, s.label) for s in self.steps] != [(s.id, s.label) for s in other.steps]:
            raise ValueError("the criteria differ")
        steps = tuple(add_steps(a, b) for a, b in zip(self.steps, other.steps, strict=True))
        return replace(self, screened=self.screened + other.screened, steps=steps)

    @property
    def eligible(self) -> int:
        return self.steps[-1].n_out if self.steps else self.screened


Counts = dict[str, EventTable | CrossTab | ValueTable | AttritionTable]  # by analysis id


def add_counts(parts: Iterable[Counts]) -> Counts:
    """Pool the counts of several partitions or hospitals, analysis by analysis."""
    out: Counts = {}
    for part in parts:
        for analysis, table in part.items():
            out[analysis] = out[analysis] + table if analysis in out else table  # type: ignore[operator]
    return out
