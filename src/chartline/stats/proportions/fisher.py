"""Fisher's exact test: 2 x 2 with one-sided and mid-P values, and r x c by complete enumeration.

In: a table of whole numbers. Out: a `FisherTest`. An r x c table is not simulated, as SciPy does by default: the
columns are filled one after the other, equal remainders of the row totals are one node of a network, and a path is
closed as soon as all or none of its completions are as unlikely as the table (Mehta and Patel 1983). Where the
network is above `LARGEST` the result is `NotEstimable`, unless a number of simulated tables is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chartline.stats.proportions.hypergeometric import Margins
from chartline.stats.proportions.proportion import NEARLY
from chartline.stats.proportions.table import Counts, occupied, whole_counts
from chartline.stats.statistic import NotEstimable, Statistic

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Paths = tuple[Floats, Floats]  # lengths in order, and how many paths have each
TOO_LARGE = "the table is too large for the exact test: simulate it, or use the chi-square test"
LARGEST = 4_000_000  # edges of the network, and partial tables of different likelihood: some seconds, some 400 MB
SEED = 20260101
STATISTICS = (
    Statistic(
        "fisher",
        "Fisher's exact test",
        "CrossTab of two dimensions",
        "two-sided p-value of an r x c table; for 2 x 2 also the one-sided and the mid-P value",
        "fisher.test; exact2x2::exact2x2(midp = TRUE)",
        "Mehta CR, Patel NR. J Am Stat Assoc 1983;78:427-434; Hwang JTG, Yang MC. Stat Sin 2001;11:807-826 (mid-P)",
    ),
)


@dataclass(frozen=True)
class FisherTest:
    """`p` is two-sided: all tables with the same margins that are no likelier than this one (R `fisher.test`).

    Only for 2 x 2, else None: `p_less` and `p_greater` (odds ratio below, above 1), and `p_mid`, twice the smaller
    one-sided mid-P value, at most 1 (`exact2x2`, `epitools`), which agrees with the mid-P interval of the odds ratio.
    `simulated` is the number of random tables, 0 for an exact p; `std_error` is then that of p.
    """

    p: float
    p_less: float | None = None
    p_greater: float | None = None
    p_mid: float | None = None
    simulated: int = 0
    std_error: float = 0.0
    warnings: tuple[str, ...] = ()


def fisher_test(table: ArrayLike, simulate: int = 0, seed: int = SEED) -> FisherTest:
    """Return the test of independence of an r x c table given its margins (R `fisher.test`).

    `simulate` draws that many tables with `seed` (r x c only; R `simulate.p.value = TRUE`, another generator). Raises
    `NotEstimable` for an empty table, one row or column, or a table too large to enumerate; `ValueError` for what is
    not a table of counts.
    """
    counts = whole_counts(table, 2)
    if counts.shape == (2, 2):
        occupied(counts)  # says what is empty
        return _two_by_two(counts)
    counts = occupied(counts)
    if simulate:
        return _simulated(counts, simulate, seed)
    return FisherTest(_Network(counts).p())


def _two_by_two(counts: Counts) -> FisherTest:
    (a, b), (c, d) = counts.tolist()
    probabilities = Margins(a + b, c + d, a + c).at(0.0, a)
    below, point, above = probabilities.tails(a)
    mid = min(1.0, 2 * min(below + point / 2, above + point / 2))
    return FisherTest(probabilities.no_likelier_than(a), min(1.0, below + point), min(1.0, above + point), mid)


def _simulated(counts: Counts, size: int, seed: int) -> FisherTest:
    """Patefield's random tables; the observed one counts among them, so that p is never 0."""
    from scipy.special import gammaln
    from scipy.stats import random_table

    tables = random_table(counts.sum(axis=1), counts.sum(axis=0)).rvs(size, random_state=np.random.default_rng(seed))
    drawn = -gammaln(tables + 1).sum(axis=(1, 2))
    hits = int((drawn <= -gammaln(counts + 1).sum() + math.log(NEARLY)).sum())
    p = (1 + hits) / (1 + size)
    error = math.sqrt(p * (1 - p) / size)
    said = f"p estimated from {size} random tables (seed {seed}), standard error {error:.2g}"
    return FisherTest(p, simulated=size, std_error=error, warnings=(said,))


@dataclass(frozen=True)
class _Stage:
    """The edges of one column, those of each node together: node `i` has `first[i]` to `first[i + 1]`."""

    first: Whole
    child: Whole  # place among the nodes of the next stage
    weight: Floats


class _Network:
    """All tables with the margins of `counts`. A node is what remains of the row totals, sorted: order is nothing.

    The likelihood of a table is a constant less the sum of log n_ij!; `paths` of a node are the sums so far.
    """

    def __init__(self, counts: Counts) -> None:
        if counts.shape[0] > counts.shape[1]:
            counts = counts.T
        rows, columns = np.sort(counts.sum(axis=1)), np.sort(counts.sum(axis=0))[::-1]
        lf = self.log_factorial = _log_factorials(int(counts.sum()))
        self.constant = float(lf[rows].sum() + lf[columns].sum() - lf[counts.sum()])
        self.limit = float(-lf[counts].sum()) + math.log(NEARLY)
        self.stages: list[_Stage] = []
        self.rest: list[Floats] = []  # by stage and node: the logarithm of the sum over all completions
        nodes = rows[None, :]
        for j, column in enumerate(columns.tolist()):
            # what is left is a table of its own, whose sum is known
            self.rest.append(lf[nodes.sum(axis=1)] - lf[nodes].sum(axis=1) - lf[columns[j:]].sum())
            if j < len(columns) - 1:
                stage, nodes = self._stage(nodes, column)
                self.stages.append(stage)
        self.bounds = [np.column_stack([-lf[nodes].sum(axis=1)] * 2)]  # the last column is what is left
        for stage in reversed(self.stages):
            ends = self.bounds[0][stage.child] + stage.weight[:, None]
            best = np.maximum.reduceat(ends[:, 0], stage.first[:-1])
            self.bounds.insert(0, np.column_stack([best, np.minimum.reduceat(ends[:, 1], stage.first[:-1])]))

    def p(self) -> float:
        if self.bounds[0][0, 0] <= self.limit:
            return 1.0
        total = 0.0
        paths: dict[int, Paths] = {0: (np.zeros(1), np.ones(1))}
        for j in range(len(self.stages)):
            ahead: dict[int, list[Paths]] = {}
            for node, (length, number) in paths.items():
                total += self._follow(j, node, length, number, ahead)
            paths = {node: _merged(parts) for node, parts in ahead.items()}
            _guard(sum(len(length) for length, _ in paths.values()))
        return min(1.0, total)

    def _follow(self, j: int, node: int, length: Floats, number: Floats, ahead: dict[int, list[Paths]]) -> float:
        """Take every edge of a node. Return the probability of the paths that end well; put the undecided `ahead`.

        The lengths are in order, so that for each edge those that are decided are a part of them at either end.
        """
        stage = self.stages[j]
        edges = slice(stage.first[node], stage.first[node + 1])
        child, weight = stage.child[edges], stage.weight[edges]
        ends = self.limit - weight[:, None] - self.bounds[j + 1][child]
        inside = np.searchsorted(length, ends[:, 0], side="right")
        undecided = np.searchsorted(length, ends[:, 1], side="right")
        for e in np.flatnonzero(undecided > inside).tolist():
            part = slice(inside[e], undecided[e])
            ahead.setdefault(int(child[e]), []).append((length[part] + weight[e], number[part]))
        rest = weight + self.rest[j + 1][child]
        top = float(rest.max())  # so that nothing underflows before it is multiplied
        mass = np.concatenate([[0.0], np.cumsum(number * np.exp(length + top + self.constant))])
        return float(np.exp(rest - top) @ mass[inside])

    def _stage(self, nodes: Whole, column: int) -> tuple[_Stage, Whole]:
        """The edges of a column, and the nodes that they lead to."""
        size = sum(len(stage.child) for stage in self.stages)
        fills = []
        for node in nodes.tolist():
            fills.append(_fills(tuple(node), column))
            size += len(fills[-1])
            _guard(size)
        fill, sizes = np.concatenate(fills), [len(f) for f in fills]
        rest = np.sort(np.repeat(nodes, sizes, axis=0) - fill, axis=1)
        radix = [math.prod((nodes[:, i + 1 :].max(axis=0) + 1).tolist()) for i in range(nodes.shape[1])]
        if radix[0] * (int(nodes.max()) + 1) > 2**62:
            raise NotEstimable(TOO_LARGE)
        _, place, child = np.unique(rest @ np.array(radix), return_index=True, return_inverse=True)
        weight = -self.log_factorial[fill].sum(axis=1)
        return _Stage(np.concatenate([[0], np.cumsum(sizes)]), child, weight), rest[place]


def _guard(size: int) -> None:
    if size > LARGEST:
        raise NotEstimable(TOO_LARGE)


def _merged(parts: list[Paths]) -> Paths:
    """Paths of equal length (to rounding) are one, with their numbers added."""
    length = np.concatenate([p[0] for p in parts])
    number = np.concatenate([p[1] for p in parts])
    _, first, back = np.unique(np.round(length, 9), return_index=True, return_inverse=True)
    return length[first], np.asarray(np.bincount(back, weights=number))


def _fills(node: tuple[int, ...], column: int) -> Whole:
    """Every way to take `column` from the remaining row totals, one per line."""
    out = np.zeros((1, 0), np.int64)
    used = np.zeros(1, np.int64)
    room = np.concatenate([np.cumsum(node[::-1])[::-1][1:], [0]])  # in the rows after each
    for total, after in zip(node, room.tolist(), strict=True):
        low = np.maximum(0, column - used - after)
        high = np.minimum(total, column - used)
        n = high - low + 1
        back = np.repeat(np.arange(len(out)), n)
        take = np.arange(len(back)) - np.repeat(np.cumsum(n) - n, n) + low[back]
        out = np.column_stack([out[back], take])
        used = used[back] + take
        _guard(len(out))
    return out


@lru_cache(maxsize=4)
def _log_factorials(n: int) -> Floats:
    from scipy.special import gammaln

    if n > 10_000_000:
        raise NotEstimable(TOO_LARGE)
    return np.asarray(gammaln(np.arange(n + 1) + 1.0))
