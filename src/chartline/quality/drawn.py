"""The figures of the quality report: panels of bars, tables as shades."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chartline.quality.disclosure import Cells
from chartline.quality.measures import HIDDEN, Measure
from chartline.quality.model import Need, Quality, QueryCount, Share
from chartline.report import format as fmt
from chartline.report.document import Figure

OTHERS = "other"
_ROWS = 20  # of more, only those with a gap are drawn


def compared(quality: Quality, measures: Iterable[Measure], own: str = "") -> Figure:
    """Return the measures as small multiples. On the page of a centre (`own`) the others have no name."""
    order = [own, *(c for c in quality.centres if c != own)] if own else list(quality.centres)
    names = {c: quality.labels[c] if not own or c == own else OTHERS for c in order}
    panels, rows = [], []
    for m in measures:
        of = order if not own else [own, *_by_value(m, order[1:])]
        bars = [{"label": names[c], "value": m.drawn(m.bars[c]), "words": m.bars[c].words, "own": c == own} for c in of]
        reference = m.drawn(m.everyone)
        panels.append(
            {"title": m.title, "note": m.note, "bars": bars, "reference": reference,
             "reference_words": f"all {m.everyone.words}" if reference is not None else ""}
        )  # fmt: skip
        rows += [(m.title, names[c], m.bars[c].words) for c in of] + [(m.title, "All centres", m.everyone.words)]
    return Figure(
        number="Figure",
        name=f"centres_{own}" if own else "centres",
        kind="panels",
        caption=f"{quality.labels[own]} and the other centres." if own else "The centres compared.",
        alt="Bars: one panel a measure, one bar a centre.",
        data={"panels": panels},
        notes=(
            "Orange line: all centres together. "
            + ("The other centres are not named; in each panel the longest bar comes first. " if own else "")
            + "Months are drawn against the longest.",
        ),
        columns=("Measure", "Centre", "Value"),
        rows=tuple(rows),
    )


def _by_value(m: Measure, centres: Iterable[str]) -> list[str]:
    return sorted(centres, key=lambda c: -(m.bars[c].value if m.bars[c].value is not None else -1.0))  # type: ignore[operator]


def completeness(quality: Quality, needs: Iterable[Need], name: str, caption: str, legend: str) -> Figure:
    """Return shares by variable and centre; the shade is what is missing. Of many needs those that are met everywhere
    are not drawn but named below."""
    cells = Cells(quality.protocol.report.smallest_cell)
    every = list(needs)
    shown = every if len(every) + len({n.group for n in every}) <= _ROWS else [n for n in every if _gap(n)]
    rows: list[dict[str, Any]] = []
    for n in shown:
        if n.group not in [r["label"] for r in rows if r["heading"]]:
            rows.append({"label": n.group, "heading": True, "cells": []})
        rows.append({"label": n.label, "heading": False, "cells": _need_cells(quality, n, cells)})
    left = [n.label for n in every if n not in shown]
    return Figure(
        number="Figure",
        name=name,
        kind="shades",
        caption=caption,
        alt="A table: variables by centres, each cell the share that is there, darker where more is missing.",
        data={"columns": [*quality.labels.values(), "All"], "rows": rows, "total": True, "legend": legend},
        notes=tuple(t for t in (f"Complete everywhere: {'; '.join(left)}." if left else "", cells.sentence()) if t),
        columns=("Group", "Variable", "Of", *quality.labels.values(), "All"),
        rows=tuple(_need_row(quality, n, cells) for n in every),
    )


def _gap(need: Need) -> bool:
    return need.everyone.n < need.everyone.of


def may_show(need: Need, share: Share, cells: Cells) -> bool:
    """Return whether a share may be printed; only shares of patients are of small cells."""
    return need.of != "patients" or cells.share(share)


def _need_cells(quality: Quality, need: Need, cells: Cells) -> list[dict[str, Any]]:
    parts = [need.shares[c] for c in quality.centres]
    total = need.of != "patients" or cells.total(parts)
    out = [_cell(s, may_show(need, s, cells)) for s in parts]
    return [*out, _cell(need.everyone, total)]


def _cell(share: Share, shown: bool) -> dict[str, Any]:
    if not share.of:
        return {"words": fmt.DASH, "shade": 0}
    if not shown:
        return {"words": HIDDEN, "shade": 0}
    missing = 1 - share.n / share.of
    return {"words": rounded(share), "shade": missing}


def rounded(share: Share) -> str:
    """Return a whole percentage that is 100 only where all is there, and 0 only where nothing is."""
    if 0 < share.n < share.of:
        return str(min(99, max(1, round(100 * share.n / share.of))))
    return "100" if share.n else "0"


def _need_row(quality: Quality, need: Need, cells: Cells) -> tuple[str, ...]:
    parts = [need.shares[c] for c in quality.centres]
    total = need.of != "patients" or cells.total(parts)
    texts = [ratio(s, may_show(need, s, cells)) for s in parts]
    return (need.group, need.label, need.of, *texts, ratio(need.everyone, total))


def ratio(share: Share, shown: bool = True) -> str:
    """Return "5/8", a dash where nothing was asked, a dot where it may not be shown."""
    return fmt.DASH if not share.of else f"{share.n}/{share.of}" if shown else HIDDEN


def queries_by_kind(quality: Quality) -> Figure:
    """Return the queries raised, by kind and centre, by ten patients."""
    kinds: dict[str, list[QueryCount]] = {}
    for q in quality.queries:
        kinds.setdefault(q.kind, []).append(q)
    cells = Cells(quality.protocol.report.smallest_cell)
    screened = {c: n if cells.count(n) else 0 for c, n in quality.screened.items()}
    everyone = sum(quality.screened.values())
    rates = {k: {**_rates(of, screened), "": _rate(_all(of), everyone)} for k, of in kinds.items()}
    most = max((v for of in rates.values() for c, v in of.items() if c and v is not None), default=0.0) or 1.0
    rows = [
        {"label": k, "heading": False, "cells": [
            {"words": fmt.DASH if v is None else fmt.number(v, 1) if v else "0", "shade": (v or 0) / most}
            for v in of.values()
        ]}
        for k, of in rates.items()
    ]  # fmt: skip
    return Figure(
        number="Figure",
        name="queries",
        kind="shades",
        caption="Queries raised by ten patients screened, by what they are about.",
        alt="A table: kinds of queries by centres, darker where there are more.",
        data={"columns": [*quality.labels.values(), "All"], "rows": rows, "total": True,
              "legend": "Queries that ask something, of the charts as they came. Shade: against the highest rate."},
        columns=("About", *quality.labels.values(), "All"),
        rows=tuple((str(r["label"]), *(c["words"] for c in r["cells"])) for r in rows),  # type: ignore[attr-defined]
    )  # fmt: skip


def _all(of: list[QueryCount]) -> int:
    return sum(n for q in of for n in q.raised.values())


def _rates(of: list[QueryCount], screened: Mapping[str, int]) -> dict[str, float | None]:
    return {c: _rate(sum(q.raised[c] for q in of), n) for c, n in screened.items()}


def _rate(n: int, patients: int) -> float | None:
    return 10 * n / patients if patients else None
