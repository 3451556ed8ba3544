"""The swimmer plot: every patient from first dose to last follow-up. Patient-level reports only."""

from __future__ import annotations

from chartline.protocol.describe import uses_response
from chartline.report import format as fmt
from chartline.report.cells import response_abbreviations, response_text
from chartline.report.document import Block, Figure, Heading
from chartline.report.source import PatientBar, ReportSource

SEGMENTS = {"treatment": "On treatment", "follow_up": "Follow-up", "after_transplant": "After transplantation"}
MARKERS = {
    "response_first": "First response",
    "response_other": "First response",
    "mrd_negative": "First MRD-negative sample",
    "transplant": "Transplantation",
    "new_therapy": "New therapy",
    "relapse": "Relapse",
    "death": "Death",
    "alive": "Alive at last contact",
}
PER_FIGURE = 80  # rows that stay legible on one page
_STEPS = (1, 2, 3, 6, 12, 24, 36, 48, 60, 120)


def build(source: ReportSource) -> list[Block]:
    if not source.protocol.report.patient_level or not source.patients:
        return []
    best = source.levels.get("BOR") or source.protocol.response.responders
    rank = {r: i for i, r in enumerate(best)}

    def place(bar: PatientBar) -> tuple[int, str, int, str]:
        group = _response(source, bar)
        return rank.get(bar.response, len(rank)), group, -bar.end, bar.subject

    ordered = sorted(source.patients, key=place)
    parts = [ordered[i : i + PER_FIGURE] for i in range(0, len(ordered), PER_FIGURE)]
    return [Heading("Patients"), *(_figure(source, part, i, len(parts)) for i, part in enumerate(parts))]


def _figure(source: ReportSource, bars: list[PatientBar], index: int, parts: int) -> Figure:
    end = max(fmt.months(b.end) for b in bars)
    step = next((s for s in _STEPS if end <= s * 9), _STEPS[-1])
    last = step * max(1, -int(-end // step))
    used = {kind for b in bars for kind, start, stop in b.segments if stop > start}
    used |= {kind for b in bars for kind, _ in b.markers} | ({"alive"} if any(b.alive for b in bars) else set())
    best = ["Best response"] if uses_response(source.protocol) else []
    part = f" (part {index + 1} of {parts})" if parts > 1 else ""
    return Figure(
        number="Figure",
        name="swimmer" if parts == 1 else f"swimmer_{index + 1}",
        kind="swimmer",
        caption=f"Course of each patient, by {'best response and ' if best else ''}length of follow-up{part}.",
        alt=f"Swimmer plot of {fmt.plural(len(bars), 'patient')}; the data table lists each patient's events.",
        data={
            "x_label": f"Months from {source.protocol.index_rows.event}",
            "x_max": last,
            "ticks": list(range(0, last + 1, step)),
            "segments": [[k, v] for k, v in SEGMENTS.items() if k in used],
            "markers": [[k, v] for k, v in _markers(source).items() if k in used],
            "rows": [_row(source, b) for b in bars],
        },
        notes=(_notes(source),),
        columns=(
            "Patient",
            *best,
            "Follow-up, months",
            "Status",
            "Events (months)",
        ),
        rows=tuple(_line(source, b) for b in bars),
    )


def _notes(source: ReportSource) -> str:
    how = f"Bars run from {source.protocol.index_rows.event} to death, last contact or the end of observation"
    if not uses_response(source.protocol):
        return f"{how}."
    parts = (how, response_abbreviations(source), "MRD, measurable residual disease")
    return ". ".join(p for p in parts if p) + "."


def _response(source: ReportSource, bar: PatientBar) -> str:
    """Return the group of a patient; a study that speaks of no response has one group of all."""
    if not uses_response(source.protocol):
        return "All patients"
    if bar.response:
        return response_text(source, "BOR", bar.response)
    withheld = any(w.subject == bar.subject for w in source.withheld)
    return "Withheld: a query is open" if withheld else "No response recorded"


def _markers(source: ReportSource) -> dict[str, str]:
    """Return marker -> its name; the two kinds of response are named by the protocol's responders."""
    first, *others = (*source.protocol.response.responders, "")
    named = {"response_first": first, "response_other": " or ".join(o for o in others if o)}
    return {k: f"{v}: {named[k]}" if named.get(k) else v for k, v in MARKERS.items()}


def _row(source: ReportSource, bar: PatientBar) -> dict[str, object]:
    order = list(MARKERS)
    # Later ones are drawn over earlier ones: a response must stay visible on the MRD sample of the same day.
    markers = sorted(
        bar.markers, key=lambda m: (m[0] != "mrd_negative", m[1], order.index(m[0]) if m[0] in order else 99)
    )
    return {
        "id": bar.subject,
        "group": _response(source, bar),
        "end": fmt.months(bar.end),
        "alive": bar.alive,
        "segments": [(k, fmt.months(a), fmt.months(b)) for k, a, b in bar.segments],
        "markers": [(k, fmt.months(d)) for k, d in markers],
    }


def _line(source: ReportSource, bar: PatientBar) -> tuple[str, ...]:
    names = _markers(source)
    events = [f"{names.get(k, k)} {fmt.number(fmt.months(d))}" for k, d in sorted(bar.markers, key=lambda m: m[1])]
    status = "Alive" if bar.alive else "Died"
    return (
        bar.subject,
        *([_response(source, bar)] if uses_response(source.protocol) else []),
        fmt.number(fmt.months(bar.end)),
        status,
        "; ".join(events) or fmt.DASH,
    )
