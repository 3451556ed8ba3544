"""The quality report of a study as a document: centres compared, then each measure in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chartline.core.sentences import counted
from chartline.quality.disclosure import Cells
from chartline.quality.drawn import compared, completeness, queries_by_kind
from chartline.quality.measures import HIDDEN, measures_of
from chartline.quality.model import Quality, Share
from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Document, Figure, Heading, KeyNumbers, Paragraph, Table
from chartline.report.typeset import typeset_block

HOW = (
    (
        "Completeness.",
        "Of each value that the protocol needs of an eligible patient, dose or adverse event, whether it is there once "
        "the centres' answers are laid over the charts. A value is asked for only where there can be one: a date of "
        "death of who died. What does not apply (a first remission of who never had one) counts as missing.",
    ),
    (
        "Queries.",
        "Those that ask something; notes are left out. Raised: by the charts as they came. Open: once answers are laid "
        "over them.",
    ),
    ("Exact dates.", "Dates of eligible patients that are known to the day, of all dates that are given."),
    (
        "Follow-up.",
        "Clark's index (Lancet 2002;359:1309–1310): person-time observed, of that possible until the cut-off. The "
        "possible time of a patient with the event ends with the event.",
    ),
    (
        "Last contact of the living.",
        "Of patients not known to be dead, the time from the last contact to the cut-off. When a value was entered is "
        "in no chart, so the delay of entry itself cannot be known.",
    ),
)
_LEGEND = "In per cent. The darker, the more is missing. – : nothing to be asked."


def build_report(quality: Quality) -> Document:
    """Return the report of all centres: no patient, and no number that the rule of small cells hides."""
    study = quality.protocol.study
    blocks: list[Block] = [
        KeyNumbers(_key_numbers(quality)),
        Paragraph(_whom(quality), "lead"),
        *_small_cells(quality),
        Heading("Centres compared"),
        compared(quality, measures_of(quality)),
        Heading("Completeness"),
        completeness(quality, quality.needs, "completeness", "What the protocol needs, and how much of it is there.",
                     _LEGEND),
        *_queries(quality),
        Heading("Dates"),
        completeness(quality, quality.dates_by_variable, "dates", "Dates known to the day, of all dates given.",
                     "In per cent. The darker, the more are known to the month or year only."),
        *_follow_up(quality),
        Heading("How it was measured"),
        *(Paragraph.of(Cell(what, bold=True), f" {says}") for what, says in HOW),
    ]  # fmt: skip
    return document(quality, f"Data quality: {study.short_title or study.id}", "", blocks)


def document(quality: Quality, title: str, subtitle: str, blocks: Sequence[Block]) -> Document:
    """Return a document of this study, its tables and figures numbered, its digests at the foot."""
    study, cut_off = quality.protocol.study, quality.protocol.data.cut_off
    until = f" Data cut-off {cut_off.day} {cut_off:%B %Y}." if cut_off else ""
    return Document(
        title=title,
        subtitle=f"{subtitle}{study.title.strip()} ({study.id}).{until}",
        notice=study.notice,
        blocks=_numbered([typeset_block(b) for b in blocks]),
        footer=f"{study.id}; protocol {quality.protocol_digest[:12]}, data {quality.data_digest[:12]}; "
        f"chartline {quality.version}",
        short_title=title,
        patient_level=False,
    )


def _numbered(blocks: Sequence[Block]) -> tuple[Block, ...]:
    tables, figures = (iter(range(1, len(blocks) + 1)) for _ in range(2))
    out: list[Block] = []
    for b in blocks:
        if isinstance(b, Table):
            b = replace(b, number=f"Table {next(tables)}")
        elif isinstance(b, Figure):
            b = replace(b, number=f"Figure {next(figures)}")
        out.append(b)
    return tuple(out)


def share_words(share: Share) -> str:
    """Return "96.9%"; a dash where there is nothing to share."""
    return fmt.percent(share.value) if share.value is not None else fmt.DASH


def _key_numbers(quality: Quality) -> tuple[tuple[str, str, str, str], ...]:
    complete, dates = Share.sum(quality.complete.values()), Share.sum(quality.dates.values())
    raised, open_ = (sum(map(f, quality.centres)) for f in (quality.raised, quality.open))
    return (
        (share_words(complete), "Complete", f"{fmt.ratio(complete.n, complete.of)} values that the protocol needs", ""),
        (fmt.whole(open_), "Queries open", f"of {fmt.plural(raised, 'query', 'queries')} raised", ""),
        (share_words(dates), "Dates known to the day", fmt.ratio(dates.n, dates.of), ""),
    )


def _whom(quality: Quality) -> str:
    screened, eligible = sum(quality.screened.values()), sum(quality.eligible.values())
    return (
        f"{counted(len(quality.centres), 'centre')}: {fmt.plural(screened, 'patient')} screened, "
        f"{fmt.whole(eligible)} eligible. Completeness, dates and follow-up are of the eligible."
    )


def _small_cells(quality: Quality) -> list[Block]:
    sentence = Cells(quality.protocol.report.smallest_cell).sentence()
    return [Paragraph(sentence, "small")] if sentence else []


def _queries(quality: Quality) -> list[Block]:
    out: list[Block] = [Heading("Queries")]
    if not quality.queries:
        return [*out, Paragraph("No query was raised.")]
    rows: list[tuple[Cell, ...]] = []
    spans = set()
    kind = ""
    for q in quality.queries:
        if q.kind != kind:
            spans.add(len(rows))
            rows.append((Cell(q.kind), *[Cell("")] * (len(quality.centres) + 2)))
            kind = q.kind
        each = [fmt.whole(q.raised[c]) if q.raised[c] else fmt.DASH for c in quality.centres]
        total, left = sum(q.raised.values()), sum(q.open.values())
        rows.append((Cell(q.sentence), *map(Cell, each), Cell(fmt.whole(total)), Cell(fmt.whole(left))))
    table = Table(
        number="",
        caption="Queries raised, by rule and centre: what must hold in sound data, and how often it did not.",
        header=("What must hold", *quality.labels.values(), "All", "Still open"),
        rows=tuple(rows),
        align="l" + "r" * (len(quality.centres) + 2),
        widths=(5.2, *[1.0] * len(quality.centres), 0.8, 0.9),
        span_rows=frozenset(spans),
    )
    return [*out, queries_by_kind(quality), table]


def _follow_up(quality: Quality) -> list[Block]:
    if not any(s.of for s in quality.follow_up.values()):
        return []
    cells = Cells(quality.protocol.report.smallest_cell)
    rows = [_follow_up_row(quality, c, cells) for c in quality.centres]
    shown = all(cells.count(n) for n in quality.eligible.values())
    everyone, patients = Share.sum(quality.follow_up.values()), fmt.whole(sum(quality.eligible.values()))
    years = (_years(everyone.n), _years(everyone.of), share_words(everyone)) if shown else (HIDDEN,) * 3
    total = ("All", patients, *years, "", "")
    rows.append(tuple(Cell(t, bold=True) for t in total))
    table = Table(
        number="",
        caption=f"Follow-up of {quality.followed.lower()}, and the last contact of who is not known to be dead.",
        header=(
            "Centre",
            "Eligible",
            "Years observed",
            "Years possible",
            "Clark's index",
            "Alive",
            "Months to cut-off",
        ),
        rows=tuple(rows),
        align="lrrrrrr",
        widths=(2, 1, 1.3, 1.3, 1.2, 0.8, 2.2),
        notes=("Years: person-years. Months: from the last contact to the cut-off, median (quartiles).",),
    )
    return [Heading("Follow-up and delay"), table]


def _follow_up_row(quality: Quality, centre: str, cells: Cells) -> tuple[Cell, ...]:
    n, share, delay = quality.eligible[centre], quality.follow_up[centre], quality.delay[centre]
    shown = cells.count(n)
    person_time = (_years(share.n), _years(share.of), share_words(share)) if shown else (HIDDEN,) * 3
    alive = fmt.whole(delay.of) if cells.count(delay.of) else HIDDEN
    months = _months(quality, centre) if delay.days is not None and cells.count(delay.of) else HIDDEN
    texts = (
        quality.labels[centre],
        fmt.whole(n) if shown else HIDDEN,
        *person_time,
        alive,
        months if delay.of else fmt.DASH,
    )
    return tuple(Cell(t) for t in texts)


def _months(quality: Quality, centre: str) -> str:
    delay = quality.delay[centre]
    middle, low, high = (fmt.months(d or 0.0) for d in (delay.days, delay.lower, delay.upper))
    ends = f" ({fmt.between(fmt.number(low), fmt.number(high))})" if delay.of > 1 else ""
    return f"{fmt.number(middle)}{ends}"


def _years(days: int) -> str:
    return fmt.number(days / 365.25, 1) if days else fmt.DASH
