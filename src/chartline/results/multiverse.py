"""The results of every specification of a study, and which switch moves which number.

    outcome.results[i]                  the outcome's result under specification i
    multiverse.choice(i)                the number of the option of each switch in specification i

Specification 0 is the reference: the protocol as it stands. The last switch runs fastest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from statistics import median
from typing import Any

from chartline.results.model import Result

Choice = tuple[int, ...]


@dataclass(frozen=True)
class SwitchOptions:
    """A switch; the first option is the protocol as it stands."""

    id: str
    label: str
    options: tuple[str, ...]
    shown: tuple[str, ...]  # the options as readers see them


@dataclass(frozen=True)
class Sway:
    """How much one switch moves one number. None where fewer than two specifications have a value."""

    switch: str
    moves: bool  # whether anything of the result (value, interval, n, N) differs between its options
    means: tuple[float | None, ...]  # the mean over all specifications with each option
    spread: float | None  # largest minus smallest of these means: the main effect
    share: float | None  # of the variance between specifications: sum of squares of the main effect over the total
    alone: float | None  # the largest change from the reference by this switch alone, with its sign
    alone_option: str  # the option that makes it; "" where none changes anything


@dataclass(frozen=True)
class Outcome:
    """One number under every specification. `sways` are in the order of the switches."""

    key: str
    results: tuple[Result, ...]
    sways: tuple[Sway, ...]
    interaction: float | None  # share of the variance that no switch has alone

    @property
    def reference(self) -> Result:
        return self.results[0]

    @property
    def values(self) -> list[float]:
        """The values of the specifications that have one."""
        return [r.value for r in self.results if r.value is not None]

    @property
    def ranked(self) -> list[Sway]:
        """The switches that move the number, by their share of the variance and then by their main effect."""
        moving = [s for s in self.sways if s.moves]
        return sorted(moving, key=lambda s: (-(s.share or 0), -(s.spread or 0)))


@dataclass(frozen=True)
class Multiverse:
    """`rows` are all results of the outcomes' analyses under the reference."""

    switches: tuple[SwitchOptions, ...]
    outcomes: tuple[Outcome, ...]
    rows: tuple[Result, ...]
    study: str
    protocol_digest: str
    data_digest: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of options of each switch."""
        return tuple(len(s.options) for s in self.switches)

    def __len__(self) -> int:
        return prod(self.shape)

    @cached_property
    def _choices(self) -> list[Choice]:
        return list(product(*map(range, self.shape)))

    def choice(self, i: int) -> Choice:
        """Return the number of the option of each switch in specification `i`."""
        return self._choices[i]

    def distinct(self, outcome: Outcome) -> list[int]:
        """Return the specifications that differ for an outcome: switches that do not move it are left as they stand."""
        still = [at for at, sway in enumerate(outcome.sways) if not sway.moves]
        return [i for i in range(len(self)) if not any(self.choice(i)[at] for at in still)]


def multiverse_columns(multiverse: Multiverse) -> dict[str, list[Any]]:
    """Return the columns of multiverse.csv: specification, options, outcome, value, interval, n, N, reason.

    One row a specification and outcome, in that order.
    """
    outcomes = multiverse.outcomes
    results = [o.results[i] for i in range(len(multiverse)) for o in outcomes]
    choices = [multiverse.choice(i) for i in range(len(multiverse))]
    out: dict[str, list[Any]] = {"specification": [i for i in range(len(multiverse)) for _ in outcomes]}
    for at, switch in enumerate(multiverse.switches):
        out[switch.id] = [switch.options[choice[at]] for choice in choices for _ in outcomes]
    out["outcome"] = [o.key for _ in choices for o in outcomes]
    out |= {name: [_number(getattr(r, name)) for r in results] for name in ("value", "lower", "upper")}
    return out | {name: [getattr(r, name) for r in results] for name in ("n", "N", "reason")}


def multiverse_summary(multiverse: Multiverse) -> dict[str, Any]:
    """Return the content of multiverse.json."""
    return {
        "study": multiverse.study,
        "protocol_digest": multiverse.protocol_digest,
        "data_digest": multiverse.data_digest,
        "specifications": len(multiverse),
        "switches": {s.id: {"label": s.label, "options": list(s.options)} for s in multiverse.switches},
        "outcomes": {o.key: _summary(o, multiverse) for o in multiverse.outcomes},
    }


def _summary(outcome: Outcome, multiverse: Multiverse) -> dict[str, Any]:
    reference, values = outcome.reference, outcome.values
    return {
        "label": reference.title,
        "unit": reference.unit,
        "result_id": reference.id,
        "reference": {
            "value": reference.value, "lower": reference.lower, "upper": reference.upper,
            "n": reference.n, "N": reference.N, "reason": reference.reason,
        },
        "min": min(values, default=None),
        "max": max(values, default=None),
        "median": median(values) if values else None,
        "estimable": len(values) / len(outcome.results),
        "equal_to_reference": share(outcome, lambda r: r.value == reference.value),
        "within_reference_interval": share(outcome, lambda r: within(r, reference)),
        "distinct": len(multiverse.distinct(outcome)),
        "interaction": outcome.interaction,
        "switches": [_sway(s, multiverse) for s in outcome.ranked],
        "without_effect": [s.switch for s in outcome.sways if not s.moves],
    }  # fmt: skip


def share(outcome: Outcome, holds: Any) -> float:
    """Return the share of specifications whose result satisfies a condition."""
    return sum(1 for r in outcome.results if holds(r)) / len(outcome.results)


def within(result: Result, reference: Result) -> bool:
    """Whether a value lies within the interval of the reference; an end that was not reached is no bound."""
    if result.value is None or reference.value is None or reference.level is None:
        return False
    low, high = reference.lower, reference.upper
    return (low is None or result.value >= low) and (high is None or result.value <= high)


def _sway(sway: Sway, multiverse: Multiverse) -> Mapping[str, Any]:
    options = next(s.options for s in multiverse.switches if s.id == sway.switch)
    return {
        "switch": sway.switch,
        "share_of_variance": sway.share,
        "main_effect": sway.spread,
        "means": dict(zip(options, sway.means, strict=True)),
        "largest_change_alone": sway.alone,
        "largest_change_option": sway.alone_option,
    }


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
