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
Node = tuple[int, ...]
Edges = tuple[list[Node], list[float], list[int]]  # children, length of the edge to each, how many edges are equal
Paths = tuple[Floats, Floats]  # length, and how many paths have it
TOO_LARGE = "the table is too large for the exact test: simulate it, or use the chi-square test"
LARGEST = 1_500_000  # edges of the network, and partial tables of different likelihood: some seconds
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


class _Network:
    """All tables with the margins of `counts`. A node is what remains of the row totals, sorted: order is nothing.

    The likelihood of a table is a constant less the sum of log n_ij!; `paths` of a node are the sums so far.
    """

    def __init__(self, counts: Counts) -> None:
        if counts.shape[0] > counts.shape[1]:
            counts = counts.T
        self.rows = tuple(sorted(counts.sum(axis=1).tolist()))
        self.columns = sorted(counts.sum(axis=0).tolist(), reverse=True)
        self.log_factorial = _log_factorials(int(counts.sum()))
        lf = self.log_factorial
        self.constant = float(lf[counts.sum(axis=1)].sum() + lf[counts.sum(axis=0)].sum() - lf[counts.sum()])
        self.limit = float(-lf[counts].sum()) + math.log(NEARLY)
        self.edges = 0

    def p(self) -> float:
        stages = self._stages()
        bounds = self._bounds(stages)
        total = 0.0
        paths: dict[Node, Paths] = {self.rows: (np.zeros(1), np.ones(1))}
        for j, edges in enumerate([*stages, {}]):
            ahead: dict[Node, list[Paths]] = {}
            for node, (length, number) in paths.items():
                likeliest, unlikeliest = bounds[j][node]
                all_in = length + likeliest <= self.limit
                total += self._closed(node, j, length[all_in], number[all_in])
                on = ~all_in & (length + unlikeliest <= self.limit)
                if on.any():
                    for child, weight, times in zip(*edges[node], strict=True):
                        ahead.setdefault(child, []).append((length[on] + weight, number[on] * times))
            paths = {node: _merged(parts) for node, parts in ahead.items()}
            self._guard(sum(len(length) for length, _ in paths.values()))
        return min(1.0, total)

    def _closed(self, node: Node, j: int, length: Floats, number: Floats) -> float:
        """The probability of every completion of these paths: the rest is a table of its own (its sum is known)."""
        lf = self.log_factorial
        rest = float(lf[sum(node)] - lf[list(node)].sum() - lf[self.columns[j:]].sum())
        return float((number * np.exp(length + rest + self.constant)).sum())

    def _stages(self) -> list[dict[Node, Edges]]:
        """For every column but the last: node -> its children, the length and the number of the edges to each."""
        out, nodes = [], {self.rows}
        for column in self.columns[:-1]:
            stage = {node: self._children(node, column) for node in nodes}
            nodes = {child for children, _, _ in stage.values() for child in children}
            out.append(stage)
        return out

    def _children(self, node: Node, column: int) -> Edges:
        fills = _fills(node, column)
        self._guard_edges(len(fills))
        rest = np.sort(np.asarray(node) - fills, axis=1)
        length = -self.log_factorial[fills].sum(axis=1)
        keys = np.column_stack([rest, np.round(length, 9)])
        _, first, times = np.unique(keys, axis=0, return_index=True, return_counts=True)
        return [tuple(r) for r in rest[first].tolist()], length[first].tolist(), times.tolist()

    def _bounds(self, stages: list[dict[Node, Edges]]) -> list[dict[Node, tuple[float, float]]]:
        """By stage and node the likelihood of its likeliest and of its unlikeliest completion, from the end back."""
        last = {child for children, _, _ in stages[-1].values() for child in children}
        bounds = [{n: (float(-self.log_factorial[list(n)].sum()),) * 2 for n in last}]
        for stage in reversed(stages):
            after = bounds[0]
            here = {}
            for node, (children, lengths, _) in stage.items():
                ends = [(w + after[c][0], w + after[c][1]) for c, w in zip(children, lengths, strict=True)]
                here[node] = (max(e[0] for e in ends), min(e[1] for e in ends))
            bounds.insert(0, here)
        return bounds

    def _guard_edges(self, more: int) -> None:
        self.edges += more
        self._guard(self.edges)

    def _guard(self, size: int) -> None:
        if size > LARGEST:
            raise NotEstimable(TOO_LARGE)


def _merged(parts: list[Paths]) -> Paths:
    """Paths of equal length (to rounding) are one, with their numbers added."""
    length = np.concatenate([p[0] for p in parts])
    number = np.concatenate([p[1] for p in parts])
    _, first, back = np.unique(np.round(length, 9), return_index=True, return_inverse=True)
    return length[first], np.asarray(np.bincount(back, weights=number))


def _fills(node: Node, column: int) -> NDArray[np.int64]:
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
        if len(out) > LARGEST:
            raise NotEstimable(TOO_LARGE)
    return out


@lru_cache(maxsize=4)
def _log_factorials(n: int) -> Floats:
    from scipy.special import gammaln

    if n > 10_000_000:
        raise NotEstimable(TOO_LARGE)
    return np.asarray(gammaln(np.arange(n + 1) + 1.0))
