"""The product of one matrix a day, and what it does to variances.

In: matrices of transition on each day (times x S x S), numbers at risk, a starting distribution. Out: probabilities,
standard errors, and days spent in each state. Nothing here loops over days one by one but the influences of subjects.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.risk import RiskTable
from chartline.stats.statistic import NotEstimable

StateVariance = Literal["greenwood", "aalen", "jackknife"]


def product_limit(
    matrix: Floats, rate: Floats, y: Floats, times: Floats, p: Floats, v: Floats, since: float, kind: StateVariance
) -> tuple[Floats, Floats, tuple[Floats, Floats, Floats]]:
    """Return probabilities and errors after each day; days in each state, their variance and covariance with the state.

    `matrix` and `rate` (off the diagonal only) are times x S x S, `y` at risk times x S, `p` and `v` the start.
    """
    if kind not in ("greenwood", "aalen"):
        raise ValueError(f"not a variance: {kind}")
    size = p.size
    probability = _carry(matrix, np.zeros((times.size, 1, size)), p[None, :], both=False)[:, 0]
    before = np.vstack([p[None, :], probability])[:-1]
    inverse = np.divide(1.0, y, out=np.zeros_like(y), where=y > 0)
    if kind == "greenwood":
        a = before * before * inverse
        new = -np.einsum("tja,tj,tjb->tab", matrix, a, matrix)
        row = np.einsum("tj,tja->ta", a, matrix)
    else:
        m = (probability**2 * inverse)[:, :, None] * rate
        new, row = -m - np.swapaxes(m, 1, 2), m.sum(axis=1) + m.sum(axis=2)
    new[:, np.arange(size), np.arange(size)] += row
    spread = _carry(matrix, new, v, both=True)
    gaps = np.diff(np.concatenate([[since], times]))[:, None, None]
    held = np.concatenate([v[None], spread])[:-1]  # before each day
    joint = _carry(matrix, (gaps * held) @ matrix, np.zeros_like(v), both=False)
    joint_before = np.concatenate([np.zeros((1, size, size)), joint])[:-1]
    wide = np.cumsum(gaps * (joint_before + np.swapaxes(joint_before, 1, 2)) + gaps**2 * held, axis=0)
    error = np.sqrt(np.maximum(_diagonals(spread), 0.0))
    return probability, error, (areas(probability, p, times, since), _diagonals(wide), _diagonals(joint))


def _carry(matrix: Floats, add: Floats, first: Floats, *, both: bool) -> Floats:
    """X after each day, where a day makes X H + A of X (H' X H + A if `both`).

    Days are cut into about sqrt(T) blocks: all blocks take their first day together, then their second, ..., and what
    a block carries in is added at the end, so that Python loops over sqrt(T) steps and not over T.
    """
    days, size = matrix.shape[0], matrix.shape[2]
    width = max(1, int(np.sqrt(days)))
    blocks = -(-days // width)
    h = np.broadcast_to(np.eye(size), (blocks * width, size, size)).copy()
    h[:days] = matrix
    local = np.zeros((blocks * width, *add.shape[1:]))
    local[:days] = add
    h, local = h.reshape(blocks, width, size, size), local.reshape(blocks, width, *add.shape[1:])
    product = h.copy()

    def moved(x: Floats, by: Floats) -> Floats:
        return np.swapaxes(by, -1, -2) @ x @ by if both else x @ by

    for k in range(1, width):
        product[:, k] = product[:, k - 1] @ h[:, k]
        local[:, k] += moved(local[:, k - 1], h[:, k])
    now = first
    for block in range(blocks):
        local[block] += moved(now, product[block])
        now = local[block, -1]
    return local.reshape(-1, *add.shape[1:])[:days]


def _diagonals(of: Floats) -> Floats:
    return np.asarray(np.einsum("tjj->tj", of))


def areas(probability: Floats, p: Floats, times: Floats, since: float) -> Floats:
    gaps = np.diff(np.concatenate([[since], times]))
    return np.cumsum(gaps[:, None] * np.vstack([p[None, :], probability[:-1]]), axis=0)


def influences(
    rows: Episodes, here: Ints, to: Ints, table: RiskTable, matrix: Floats, p: Floats,
    who: npt.NDArray[np.bool_] | None, since: float,
) -> tuple[Floats, Floats, tuple[Floats, Floats, Floats]]:  # fmt: skip
    """As `_product` by influences: one row a subject, carried through each day's matrix."""
    if not rows.paired:
        raise NotEstimable("which entry belongs to which exit is not known, so influences cannot be summed")
    cluster = rows.cluster if rows.cluster is not None else np.arange(rows.exit.size)
    subject = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    size = p.size
    root = np.sqrt(rows.count)  # `count` copies of a subject add count times its square
    u = np.zeros((int(subject.max(initial=-1)) + 1, size))
    if who is not None:
        share = root[who] / rows.count[who].sum()
        np.add.at(u, subject[who], share[:, None] * (np.eye(size)[here[who]] - p))
    first, last = np.searchsorted(table.times, rows.entry, side="right"), np.searchsorted(table.times, rows.exit)
    target = np.eye(size)[np.maximum(to - 1, 0)]
    out, area, now = np.empty((5, table.times.size, size)), np.zeros_like(u), since
    start = p
    for i in range(table.times.size):
        h = matrix[i]
        area, now = area + (table.times[i] - now) * u, table.times[i]
        u = u @ h
        there = np.flatnonzero((first <= i) & (last >= i))
        goes = (last[there] == i) & (to[there] > 0)
        arrives = np.where(goes[:, None], target[there], np.eye(size)[here[there]])
        weight = root[there] * p[here[there]] / table.at_risk[i, here[there]]
        np.add.at(u, subject[there], weight[:, None] * (arrives - h[here[there]]))
        p = p @ h
        out[:, i] = p, (u * u).sum(axis=0), p, (area * area).sum(axis=0), (area * u).sum(axis=0)
    return out[0], np.sqrt(out[1]), (areas(out[0], start, table.times, since), out[3], out[4])
