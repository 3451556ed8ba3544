"""What is decided and done: a decision a column, what was found in free text, what may remain. No value of a chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chartline.core.identifiers import Kind
from chartline.mapping.model import DateOrder as Order

PLACES = 5  # that are named of what may remain in a column


class Action(StrEnum):
    """What happens to the values of a column."""

    DROP = "dropped"
    PSEUDONYM = "replaced by a pseudonym"
    KEEP = "kept"


@dataclass(frozen=True)
class Options:
    """What the centre declares. Names of columns are as in the files, or `Sheet!Column`."""

    drop: frozenset[str] = frozenset()
    pseudonym: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()
    shift_days: int = 0
    order: Order = Order.ISO  # of dates as text, in the columns of which the mapping says no other
    orders: Mapping[str, Order] = field(default_factory=dict)
    swapped: frozenset[str] = frozenset()  # columns whose true dates have day and month exchanged
    unswapped: frozenset[str] = frozenset()  # columns whose true dates are right as they stand
    subjects: frozenset[str] = frozenset()  # columns by which the mapping tells whose a row is

    def order_in(self, table: str, column: str) -> Order:
        """Return the order of the dates that stand as text in a column."""
        return self.orders.get(f"{table}!{column}", self.orders.get(column, self.order))

    def is_swapped(self, table: str, column: str) -> bool:
        """Return whether the true dates of a column have day and month exchanged."""
        return bool(self.swapped & {column, f"{table}!{column}"})

    def knows_true_dates(self, table: str, column: str) -> bool:
        """Return whether the centre or its mapping says how the true dates of a column stand."""
        return bool((self.swapped | self.unswapped) & {column, f"{table}!{column}"})

    def names_subject(self, table: str, column: str) -> bool:
        """Return whether the mapping tells by this column whose a row is."""
        return bool(self.subjects & {column, f"{table}!{column}"})

    def declared(self, table: str, column: str) -> Action | None:
        """Return what was declared of a column, None where nothing was."""
        names = {column, f"{table}!{column}"}
        of = ((self.keep, Action.KEEP), (self.pseudonym, Action.PSEUDONYM), (self.drop, Action.DROP))
        return next((action for listed, action in of if names & listed), None)


@dataclass
class Decision:
    """What a column was recognised as, and what is done with it."""

    file: str
    table: str
    column: str
    kind: Kind | None
    action: Action
    reason: str
    cells: int = 0  # that were changed


@dataclass
class Remaining:
    """A column in which identifiers may remain: of which look, how often, and where the first are."""

    file: str
    table: str
    column: str
    looks: str
    cells: int = 0
    places: list[str] = field(default_factory=list)


@dataclass
class Done:
    """All that was recognised and done in one folder."""

    options: Options
    fingerprint: str
    files: dict[str, str] = field(default_factory=dict)  # file -> what was done with it
    copies: dict[str, str] = field(default_factory=dict)  # file -> its copy
    decisions: list[Decision] = field(default_factory=list)
    kept: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # columns that are no identifier
    in_text: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)  # file, table, column, kind
    remaining: dict[tuple[str, str, str, str], Remaining] = field(default_factory=dict)
    shifted: int = 0  # dates
    partial: int = 0  # of them known to the month
    undated: int = 0  # dates removed because the row names no patient
    patients: int = 0
    notes: list[str] = field(default_factory=list)

    def remains(self, file: str, table: str, column: str, looks: str, place: str) -> None:
        """Count a cell in which an identifier may remain."""
        found = self.remaining.setdefault((file, table, column, looks), Remaining(file, table, column, looks))
        found.cells += 1
        if len(found.places) < PLACES:
            found.places.append(place)
