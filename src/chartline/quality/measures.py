"""The six measures by which centres are compared, each as bars of one panel.

A bar is long where there is much of what the title says. Shares go from 0 to 1; rates and delays are drawn against the
largest centre, so that their length can be compared within a panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chartline.quality.disclosure import Cells
from chartline.quality.model import Quality, Share
from chartline.report import format as fmt

HIDDEN = "·"
_TEN = 10  # queries are told by ten patients screened


@dataclass(frozen=True)
class Bar:
    """`value` is what is compared; None where there is none, or where it may not be shown."""

    value: float | None
    words: str


@dataclass(frozen=True)
class Measure:
    """One measure of all centres. `scale` is the value of a full bar."""

    id: str
    word: str  # what a centre can be best or last in
    title: str
    note: str
    bars: Mapping[str, Bar]
    everyone: Bar
    scale: float
    more_is_better: bool

    def drawn(self, bar: Bar) -> float | None:
        """Return the length of a bar, 0 to 1."""
        return None if bar.value is None else (bar.value / self.scale if self.scale else 0.0)

    def place(self, centre: str) -> tuple[int, int] | None:
        """Return (how many centres do better, of how many); None for a centre without value."""
        mine = self.bars[centre].value
        known = [b.value for b in self.bars.values() if b.value is not None]
        if mine is None:
            return None
        return sum(v > mine if self.more_is_better else v < mine for v in known), len(known)


def measures_of(quality: Quality) -> tuple[Measure, ...]:
    """Return the measures of a study, those that it has."""
    cells = Cells(quality.protocol.report.smallest_cell)
    out = [
        _shares("complete", "completeness", "Completeness", "of what the protocol needs", quality.complete),
        _rates(quality, cells, "raised", "by 10 patients screened"),
        _rates(quality, cells, "open", "by 10 patients screened"),
        _shares("dates", "exact dates", "Exact dates", "known to the day, of all dates", quality.dates),
    ]
    if any(s.of for s in quality.follow_up.values()):
        out.append(
            _shares("follow_up", "follow-up", "Follow-up", "observed, of that possible", _followed(quality, cells))
        )
    if any(m.of for m in quality.delay.values()):
        out.append(_delay(quality, cells))
    return tuple(out)


def _shares(id_: str, word: str, title: str, note: str, shares: Mapping[str, Share | None]) -> Measure:
    known = [s for s in shares.values() if s is not None]
    everyone = Share.sum(known) if len(known) == len(shares) else Share(0, 0)
    return Measure(id_, word, title, note, {c: _share(s) for c, s in shares.items()}, _share(everyone), 1.0, True)


def _share(share: Share | None) -> Bar:
    if share is None:
        return Bar(None, HIDDEN)
    return Bar(share.value, fmt.percent(share.value, 0 if share.value in (0, 1) else 1) if share.of else fmt.DASH)  # type: ignore[arg-type]


def _rates(quality: Quality, cells: Cells, what: str, note: str) -> Measure:
    number = quality.raised if what == "raised" else quality.open
    bars = {}
    for c, n in quality.screened.items():
        rate = _TEN * number(c) / n if n and cells.count(n) else None
        bars[c] = Bar(rate, fmt.number(rate, 1) if rate is not None else HIDDEN if n else fmt.DASH)
    total, patients = sum(map(number, quality.centres)), sum(quality.screened.values())
    everyone = Bar(_TEN * total / patients, fmt.number(_TEN * total / patients, 1)) if patients else Bar(None, fmt.DASH)
    largest = max((b.value for b in bars.values() if b.value is not None), default=0.0)
    return Measure(what, f"{what} queries", f"Queries {what}", note, bars, everyone, largest, False)


def _followed(quality: Quality, cells: Cells) -> dict[str, Share | None]:
    """Follow-up of each centre, hidden where it is that of few patients."""
    return {c: s if cells.count(quality.eligible[c]) else None for c, s in quality.follow_up.items()}


def _delay(quality: Quality, cells: Cells) -> Measure:
    bars = {}
    for c, m in quality.delay.items():
        shown = m.days is not None and cells.count(m.of)
        months = m.days / fmt.DAYS_PER_MONTH if m.days is not None else 0.0
        words = f"{fmt.number(months, 1)} ({m.of})" if shown else HIDDEN if m.of else fmt.DASH
        bars[c] = Bar(months if shown else None, words)
    largest = max((b.value for b in bars.values() if b.value is not None), default=0.0)
    title, note = "Last contact of the living", "median months to the cut-off (n)"
    return Measure("delay", title.lower(), title, note, bars, Bar(None, ""), largest, False)
