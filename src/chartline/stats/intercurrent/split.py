"""Follow-up cut at an event on the way: before it a patient belongs to one group, after it to the other.

In: plain arrays (time and status of the end, time of the event on the way or NaN), or an EventTable whose patterns
hold the state. Out: Episodes in counting-process form with the groups "not yet" and "after" and a covariate 0/1, for
time-dependent Cox models, Simon-Makuch curves and the Mantel-Byar test.

Conventions, with transplantation as the event on the way:

- transplanted on day 0 is "after" from the start;
- transplanted on day u > 0 is "not yet" on (0, u] and "after" on (u, end]: at risk as "not yet" on day u itself;
- a transplant on the day of the end, or later, is none: nobody is at risk after it. So is one after the last contact;
- with late entry, a transplant on the day of entry or before is "after" from the entry on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from chartline.counts.model import EventTable
from chartline.stats.episodes import Episodes, Floats

STATES = ("not yet", "after")


def split_at(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    entry: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    covariates: Mapping[str, npt.ArrayLike] | None = None,
    reference: Mapping[str, str] | None = None,
    cluster: npt.ArrayLike | None = None,
    causes: Sequence[str] | None = None,
    name: str = "transplanted",
) -> Episodes:
    """Return one row for each subject, or two for those to whom it happened on the way.

    All arrays have one entry a subject (`count` equal subjects); `event` is 0 or the cause as in `Episodes.of`, `at`
    the time of the event on the way, NaN for never. `name` is the covariate that is 1 after it. Raises `ValueError` as
    `Episodes.of`, and for an event on the way before time 0.
    """
    end, ever = ever_before_end(time, at)
    start = np.zeros_like(end) if entry is None else np.asarray(entry, np.float64)
    when = np.where(ever, np.asarray(at, np.float64), np.inf)
    first, second = when > start, ever  # the part before it, where there is one; the part after it
    rows = np.concatenate([np.flatnonzero(first), np.flatnonzero(second)])
    after = np.concatenate([np.zeros(int(first.sum()), bool), np.ones(int(second.sum()), bool)])
    cut = ~after & ever[rows]

    def of_rows(values: npt.ArrayLike | None) -> npt.NDArray[np.generic] | None:
        return None if values is None else _checked(values, end.size)[rows]

    out = Episodes.of(
        np.where(cut, when[rows], end[rows]),
        np.where(cut, 0, _checked(event, end.size)[rows]),
        entry=np.where(after, np.maximum(when[rows], start[rows]), start[rows]),
        strata=of_rows(strata), count=of_rows(count), cluster=of_rows(cluster), reference=reference,
        covariates={
            name: after.astype(np.float64),
            **{n: _checked(v, end.size)[rows] for n, v in (covariates or {}).items()},
        },
        causes=causes or _causes(event),
    )  # fmt: skip
    return replace(out, group=after.astype(np.int64), groups=STATES)


def split_counts(
    table: EventTable,
    state: str = "STATE",
    after: str = "after",
    *,
    moved: str | None = None,
    strata: Sequence[str] = (),
    covariates: Mapping[str, str] | Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    cluster: str | None = None,
    name: str = "transplanted",
) -> Episodes:
    """Return the same from counts: `state` is a variable of the patterns, `after` its level once it has happened.

    A subject leaves one pattern and enters the other on the day of the event on the way, so that the table holds both
    parts. `moved` names the cause that stands for this leaving, if it has one: it is no event. Raises as
    `Episodes.from_counts`, and `ValueError` for a cause that there is not.
    """
    episodes = Episodes.from_counts(
        table, by=state, strata=strata, covariates=covariates, reference=reference, cluster=cluster
    )
    later = np.asarray(episodes.groups)[episodes.group] == after
    design, pattern = np.unique(np.column_stack([later, episodes.x]), axis=0, return_inverse=True)
    out = replace(
        episodes, group=later.astype(np.int64), groups=STATES, covariates=(name, *episodes.covariates),
        values=design, pattern=np.asarray(pattern.reshape(-1), np.int64),
    )  # fmt: skip
    return out if moved is None else without_cause(out, moved)


def without_cause(episodes: Episodes, cause: str) -> Episodes:
    """Return the episodes with the ends by `cause` censored. Raises `ValueError` for a cause that there is not."""
    if cause not in episodes.causes:
        raise ValueError(f"there is no cause {cause}; there are {', '.join(episodes.causes)}")
    k = episodes.causes.index(cause) + 1
    status = np.where(episodes.status == k, 0, episodes.status - (episodes.status > k))
    return replace(episodes, status=status, causes=tuple(c for c in episodes.causes if c != cause))


def ever_before_end(time: npt.ArrayLike, at: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the times of the end as decimals, and to whom the event on the way happened before it.

    Raises `ValueError` for lengths that differ or an event on the way before time 0.
    """
    end, when = np.asarray(time, np.float64), np.asarray(at, np.float64)
    if end.ndim != 1 or end.shape != when.shape:
        raise ValueError(f"the event on the way has shape {when.shape}, the times have {end.shape}")
    if np.any(when < 0) or np.any(np.isneginf(when)):
        raise ValueError("an event on the way happened before time 0: it belongs to the baseline")
    with np.errstate(invalid="ignore"):
        return end, np.asarray(when < end)


def _checked(values: npt.ArrayLike, n: int) -> npt.NDArray[np.generic]:
    given = np.asarray(values)
    if given.shape[:1] != (n,):
        raise ValueError(f"a column has {given.shape[0] if given.ndim else 1} rows, the times have {n}")
    return given


def _causes(event: npt.ArrayLike) -> tuple[str, ...]:
    """Named from all subjects, as `Episodes.of` does."""
    kinds = int(np.asarray(event, np.float64).max(initial=0))
    return ("event",) if kinds <= 1 else tuple(f"cause {k + 1}" for k in range(kinds))
