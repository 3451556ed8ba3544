"""The page of one centre: how it stands among the others, and what is to be done. It names no other centre."""

from __future__ import annotations

from collections.abc import Sequence

from chartline.core.sentences import joined
from chartline.quality.disclosure import Cells
from chartline.quality.document import document, share_words
from chartline.quality.drawn import compared, may_show, ratio
from chartline.quality.measures import Measure, measures_of
from chartline.quality.model import Need, Quality, Share
from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Document, Heading, KeyNumbers, Paragraph, Table

_ROWS = 7  # of each table: what a manager can act on, and what leaves the page one page


def build_page(quality: Quality, centre: str) -> Document:
    """Return the page of a centre."""
    label = quality.labels[centre]
    measures = measures_of(quality)
    sentence = Cells(quality.protocol.report.smallest_cell).sentence()
    blocks: list[Block] = [
        KeyNumbers(_key_numbers(quality, centre)),
        Paragraph(_standing(measures, centre)),
        compared(quality, measures, centre),
        Heading("What is missing", 2),
        *_missing(quality, centre),
        Heading("What was asked", 2),
        *_asked(quality, centre),
        *([Paragraph(sentence, "small")] if sentence else []),
    ]
    return document(quality, f"Data quality: {label}", "", blocks)


def _key_numbers(quality: Quality, centre: str) -> tuple[tuple[str, str, str, str], ...]:
    cells = Cells(quality.protocol.report.smallest_cell)
    screened, eligible = quality.screened[centre], quality.eligible[centre]
    complete = quality.complete[centre]
    both = cells.count(screened) and cells.count(eligible) and cells.count(screened - eligible)
    whom = f"of {fmt.plural(screened, 'patient')} screened" if both else "fewer patients than may be shown"
    return (
        (fmt.whole(eligible) if both else fmt.DASH, "Eligible patients", whom, ""),
        (share_words(complete), "Complete", f"{fmt.ratio(complete.n, complete.of)} values that the protocol needs", ""),
        (fmt.whole(quality.open(centre)), "Queries open", f"of {quality.raised(centre)} raised", ""),
    )


def _standing(measures: Sequence[Measure], centre: str) -> str:
    """In what the centre is the best, in what the last."""
    places = [(m, p) for m in measures if (p := m.place(centre)) is not None and p[1] > 1]
    best = [m.word for m, (before, _) in places if before == 0]
    last = [m.word for m, (before, n) in places if before == n - 1]
    if not best and not last:
        return "Of the centres that can be compared, neither the best nor the last in any measure."
    said = [f"Best of the centres that can be compared: {joined(best)}."] if best else []
    return " ".join([*said, *([f"Last: {joined(last)}."] if last else [])])


def _missing(quality: Quality, centre: str) -> list[Block]:
    cells = Cells(quality.protocol.report.smallest_cell)
    gaps = [
        n for n in quality.needs if n.shares[centre].n < n.shares[centre].of and may_show(n, n.shares[centre], cells)
    ]
    if not gaps:
        return [Paragraph("Nothing that the protocol needs, as far as it may be shown.")]
    gaps.sort(key=lambda n: n.shares[centre].n / n.shares[centre].of)
    rows = [
        (Cell(n.label), Cell(ratio(n.shares[centre])), Cell(_others(quality, n, centre, cells))) for n in gaps[:_ROWS]
    ]
    caption = "What the protocol needs and the centre has least of."
    header, more = ("Value", "There", "Other centres"), len(gaps) - _ROWS
    note = f"{fmt.plural(more, 'further value is', 'further values are')} incomplete." if more > 0 else ""
    return [_listing(caption, header, rows, (5, 1.2, 1.6), note)]


def _listing(
    caption: str, header: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], widths: tuple[float, ...], note: str
) -> Table:
    """A table of the first `_ROWS`, with a note of how many more there are."""
    notes = (note,) if note else ()
    return Table("", caption, header, tuple(rows), align="lrr", widths=widths, notes=notes)


def _others(quality: Quality, need: Need, centre: str, cells: Cells) -> str:
    parts = [need.shares[c] for c in quality.centres if c != centre]
    everyone = Share.sum(parts)
    shown = need.of != "patients" or (all(cells.share(s) for s in parts) and cells.share(everyone))
    return fmt.percent(everyone.n / everyone.of, 0) if everyone.of and shown else fmt.DASH


def _asked(quality: Quality, centre: str) -> list[Block]:
    mine = [q for q in quality.queries if q.raised[centre] or q.open[centre]]
    if not mine:
        return [Paragraph("No query was raised.")]
    mine.sort(key=lambda q: (-q.open[centre], -q.raised[centre]))
    rows = [
        (Cell(q.sentence), Cell(fmt.whole(q.raised[centre])), Cell(fmt.whole(q.open[centre]), bold=q.open[centre] > 0))
        for q in mine[:_ROWS]
    ]
    caption = "What must hold in sound data, and how often it did not."
    header, more = ("What must hold", "Raised", "Open"), len(mine) - _ROWS
    note = f"{fmt.plural(more, 'further rule', 'further rules')} raised queries too." if more > 0 else ""
    return [_listing(caption, header, rows, (6, 0.9, 0.9), note)]
