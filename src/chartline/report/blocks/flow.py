"""The STROBE flow diagram: who was screened, excluded, undecided, and in which analysis set."""

from __future__ import annotations

from typing import Any

from chartline.counts.model import AttritionStep, AttritionTable
from chartline.protocol.model import set_tallies
from chartline.report import format as fmt
from chartline.report.document import Block, Figure, Heading
from chartline.report.source import ReportSource


def build(source: ReportSource) -> list[Block]:
    table = source.attrition
    if table is None:
        return []
    named = {c.id: c.excluded_as for c in source.protocol.eligibility}
    centres = len(source.protocol.data.centres)
    # One centre cannot share a patient with another.
    done = [s for s in table.steps if centres > 1 or s.id != "duplicate"]
    steps = [
        {"reason": _reason(s, named), "criterion": s.label, "n_no": s.n_no, "n_unknown": s.n_unknown} for s in done
    ]
    sets = [{"label": label, "n": n} for label, n in _sets(source)]
    selected = source.counts.get("selection")
    before = _before(selected) if isinstance(selected, AttritionTable) else {}
    data: dict[str, Any] = before | {
        "start": {"label": f"Screened at {fmt.plural(centres, 'centre')}", "n": table.screened},
        "steps": steps,
        "end": {"label": "Eligible", "n": table.eligible},
        "sets": sets,
    }
    rows = _selection_rows(selected) if isinstance(selected, AttritionTable) else []
    rows += [("Screened", "", "", str(table.screened))]
    rows += [(str(d["reason"]), str(s.n_no), str(s.n_unknown), str(s.n_out)) for d, s in zip(steps, done, strict=True)]
    rows += [(str(d["label"]), "", "", str(d["n"])) for d in sets]
    unknown = sum(s.n_unknown for s in table.steps)
    notes = ["Patients for whom a criterion could not be decided are shown apart and are not in the analyses."]
    notes = (notes if unknown else []) + (_left_open(selected) if isinstance(selected, AttritionTable) else [])
    return [
        Heading("Participants"),
        Figure(
            number="Figure",
            name="flow",
            kind="flow",
            caption="Flow of patients from screening to the analysis sets.",
            alt=f"Flow diagram: of {table.screened} patients screened {table.eligible} are eligible.",
            data=data,
            notes=tuple(notes),
            columns=("Step", "Excluded", "Could not be decided", "Remaining"),
            rows=tuple(rows),
        ),
    ]


def _before(selected: AttritionTable) -> dict[str, Any]:
    """The stage in front: what the databases decided, before anybody was screened."""
    steps = [{"reason": excluded_by(s), "criterion": s.label, "n_no": s.n_no, "n_unknown": 0} for s in selected.steps]
    return {"before": {"start": {"label": _DATABASE, "n": selected.screened}, "steps": steps}}


def _left_open(selected: AttritionTable) -> list[str]:
    """Say whom a step of the selection could neither rule out nor confirm: nothing is presumed of them."""
    return [
        f"{s.label}: the database does not say whether this holds of {fmt.plural(s.n_open, 'person')}; they went on, "
        "and the eligibility criteria decide."
        for s in selected.steps
        if s.n_open
    ]


_DATABASE = "Persons in the database"


def _selection_rows(selected: AttritionTable) -> list[tuple[str, ...]]:
    rows = [(excluded_by(s), str(s.n_no), str(s.n_open or ""), str(s.n_out)) for s in selected.steps]
    return [(_DATABASE, "", "", str(selected.screened)), *rows]


def excluded_by(step: AttritionStep) -> str:
    """Return how the diagram names those whom a step of the selection rules out."""
    kind = step.id.rstrip("0123456789")
    if kind == "exclude":
        return step.label.removeprefix("Not: ")
    if kind in ("index", "require"):
        return f"No record: {step.label}"
    return f"Not {step.label[:1].lower()}{step.label[1:]}"


def _reason(step: AttritionStep, named: dict[str, str]) -> str:
    """Return how the diagram names those a step excludes."""
    if step.id in named:
        return named[step.id] or f"Not: {step.label}"
    return step.label


def _sets(source: ReportSource) -> list[tuple[str, int]]:
    """Return (label, number) of each analysis set, with the number that open queries leave undecided in its label."""
    sizes = [r for t in set_tallies(source.protocol) if (r := source.result(t.id, "n")) is not None]
    undecided = {r.id: f" ({r.withheld} undecided)" if r.withheld else "" for r in sizes}
    return [(r.label + undecided[r.id], r.n or 0) for r in sizes]
