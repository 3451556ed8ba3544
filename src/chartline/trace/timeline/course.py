"""What a finished run left of a patient, as plain data to draw and to print.

In: an out folder (adam/*.parquet, trace.parquet, definitions.json). Out: a Course per subject. Nothing is derived here:
every finding, sentence and address is as the run wrote it. A table is scanned with the subjects as its filter, so that
one patient among many costs one patient's memory.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from chartline.core.sentences import counted
from chartline.core.study_days import StudyDays
from chartline.protocol.names import level_words
from chartline.trace.explain import ExplainError
from chartline.trace.override_lines import value_words, words_of

_EVENTS = {  # date variable -> kind, label
    "HSCTDT": ("transplant", "Transplantation"),
    "NEWTXDT": ("new_therapy", "New therapy"),
    "RELDT": ("relapse", "Relapse"),
    "DTHDT": ("death", "Death"),
    "LKADT": ("contact", "Last contact"),
}
_COUNTS = {"ANC": "Neutrophils", "PLT": "Platelets"}
_BLASTS = {"BMBLAST": "Marrow", "PBBLAST": "Blood"}


@dataclass(frozen=True)
class Finding:
    """One thing on the timeline. `day` counts from the first dose, or the event that is day 0."""

    lane: str  # dose, blasts, ANC, PLT, mrd, response, recorded, toxicity, event
    series: str  # "Marrow", "Cycle 1", "Febrile neutropenia", ...
    day: int
    date: dt.date | None  # none where the centre counted days
    shown: str  # as printed: "0.8 mg/m2", "< 0.01 %", "CRi", "grade 3"
    because: str
    address: str
    value: float | None = None
    sign: str = ""  # of a value that was censored at source: <, <=, >, >=
    sure: bool = True  # MRD: sensitive enough; toxicity: related to the treatment; event: date not imputed
    limit: float | None = None  # MRD: limit of detection, fraction of cells
    kind: str = ""  # of an event; of a response: reviewed, where a reviewer set it


@dataclass(frozen=True)
class Value:
    """One derived value with its one sentence, the rule set that made it, and its cells (address, content)."""

    item: str
    label: str
    value: str
    because: str
    rules: str
    cells: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Course:
    """A patient's course; `findings` in the order of days, `values` in the order of the derived tables."""

    subject: str
    centre: str
    start: dt.date | None  # first dose, or the event that is day 0
    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...] = ()
    values: tuple[Value, ...] = ()
    definitions: dict[str, Any] = field(default_factory=dict, compare=False)
    days_from: tuple[str, ...] = ()  # the events from which the centre counted days, where it gave no dates

    def of(self, *lanes: str) -> list[Finding]:
        """Return the findings of some lanes."""
        return [f for f in self.findings if f.lane in lanes]


def read_definitions(out: Path) -> dict[str, Any]:
    """Return definitions.json of a finished run; raise `ExplainError` where there is none."""
    file = out / "definitions.json"
    if not file.is_file():
        raise ExplainError(
            f"There is no finished run in {out}", where=str(file), do="run `chartline run STUDY`, or name its --out"
        )
    return json.loads(file.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def known_subjects(out: Path) -> list[str]:
    """Return every subject of a run, in order."""
    names = pl.scan_parquet(out / "adam" / "adsl.parquet", glob=False).select("USUBJID").collect(engine="streaming")
    return names["USUBJID"].sort().to_list()


def read_course(out: Path, subject: str) -> Course:
    """Return the course of one subject; raise `ExplainError`, naming near ones, where there is no such subject."""
    definitions = read_definitions(out)
    found = list(read_courses(out, [subject], definitions))
    if not found:
        known = known_subjects(out)
        near = difflib.get_close_matches(subject, known, n=3)
        raise ExplainError(
            f"There is no subject {subject} in {out}",
            where=str(out / "adam" / "adsl.parquet"),
            expected=f"did you mean {', '.join(near)}?" if near else f"for example {', '.join(known[:5])}",
            do="correct the id, or draw everyone with --all",
        )
    return found[0]


def read_courses(out: Path, subjects: Sequence[str], definitions: dict[str, Any]) -> Iterator[Course]:
    """Yield the courses of the subjects that the run knows."""
    tables = {name: _rows_of(out / "adam" / f"{name}.parquet", subjects) for name in _TABLES}
    trace = _rows_of(out / "trace.parquet", subjects)
    for subject in subjects:
        rows = {name: table.get(subject, []) for name, table in tables.items()}
        if rows["adsl"]:
            yield _course(rows, trace.get(subject, []), definitions)


_TABLES = ("adsl", "adex", "adrs", "adlb", "adae", "admrd")


def _rows_of(file: Path, subjects: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return subject -> rows of a table; only these subjects' rows are ever in memory."""
    plan = pl.scan_parquet(file, glob=False).filter(pl.col("USUBJID").is_in(list(subjects)))
    out: dict[str, list[dict[str, Any]]] = {}
    for row in plan.collect(engine="streaming").iter_rows(named=True):
        out.setdefault(row["USUBJID"], []).append(row)
    return out


def _course(rows: dict[str, list[dict[str, Any]]], trace: list[dict[str, Any]], definitions: dict[str, Any]) -> Course:
    adsl = rows["adsl"][0]
    start = adsl["TRTSDT"]
    values = tuple(_values(trace, adsl, definitions))
    findings: list[Finding] = []
    if start is not None:
        because = {v.item: v for v in values}
        for make in (_doses, _blasts, _counts, _mrd, _responses, _toxicities):
            findings += make(rows, start)
        findings += _events(adsl, because, start)
    days_from = tuple(definitions.get("days_from", {}).get(adsl["CENTRE"], ()))
    if days_from:
        findings = [replace(f, date=None) for f in findings]
    return Course(
        subject=adsl["USUBJID"],
        centre=definitions["centres"].get(adsl["CENTRE"], adsl["CENTRE"]),
        start=start,
        facts=tuple(_facts(adsl, definitions)),
        findings=tuple(sorted(findings, key=lambda f: f.day)),
        values=values,
        definitions=definitions,
        days_from=days_from,
    )


def _doses(rows: dict[str, list[dict[str, Any]]], start: dt.date) -> Iterator[Finding]:
    for r in rows["adex"]:
        if r["ASTDT"] is None:
            continue
        amounts = [f"{r[n]:g} {u}" for n, u in (("EXDOSM2", "mg/m²"), ("EXDOSE", "mg")) if r[n] is not None]
        cycle = f"Cycle {r['CYCLE']}" if r["CYCLE"] is not None else ""
        told = f"{r['EXTRT'].capitalize()} {', '.join(amounts) or 'of unknown amount'}" + (f", {cycle}" * bool(cycle))
        shown = amounts[0] if amounts else "amount unknown"
        yield _finding("dose", cycle or "Dose", r["ASTDT"], start, shown, told, r, value=r["EXDOSM2"])


def _blasts(rows: dict[str, list[dict[str, Any]]], start: dt.date) -> Iterator[Finding]:
    for r in _visits(rows):
        for name, series in _BLASTS.items():
            if r[name] is not None:
                shown, told = f"{r[name]:g} %", f"{series} blasts {r[name]:g} %"
                yield _finding("blasts", series, r["ADT"], start, shown, told, r, value=r[name])
    for r in rows["adrs"]:  # before treatment, where no assessment of its own says so
        if r["PARAMCD"] == "OVR" and r["BASE"] is not None and r.get("BASEDT") is not None:
            shown, told = f"{r['BASE']:g} %", f"Marrow blasts {r['BASE']:g} % before treatment"
            yield _finding("blasts", "Marrow", r["BASEDT"], start, shown, told, r | {"SRCADDR": ""}, value=r["BASE"])
            break


def _visits(rows: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [r for r in rows["adrs"] if r["PARAMCD"] == "OVR" and r["ADT"] is not None]


def _counts(rows: dict[str, list[dict[str, Any]]], start: dt.date) -> Iterator[Finding]:
    for r in rows["adlb"]:
        if r["LBTESTCD"] in _COUNTS and r["ADT"] is not None and r["LBSUMM"] is None:
            name, sign = _COUNTS[r["LBTESTCD"]], r["AVAL_OP"] or ""
            shown = f"{sign}{r['AVAL']:g}"
            told = f"{name} {shown} × 10⁹/L" + (f", grade {r['ATOXGR']}" if r["ATOXGR"] else "")
            yield _finding(r["LBTESTCD"], name, r["ADT"], start, shown, told, r, value=r["AVAL"], sign=sign)


def _mrd(rows: dict[str, list[dict[str, Any]]], start: dt.date) -> Iterator[Finding]:
    for r in rows["admrd"]:
        sign = r["MRDVAL_OP"] or ""
        level = f"{sign}{r['MRDVAL']:g} %" if r["MRDVAL"] is not None else r["MRDCLASS"].lower()
        method = r["MRDMETH"] or "MRD"
        of = {"value": r["MRDVAL"], "sign": sign, "sure": r["ADEQFL"] == "Y", "limit": r["MRDSENS"]}
        of["kind"] = r["MRDCLASS"] or ""
        yield _finding("mrd", method, r["ADT"], start, level, r["BECAUSE"], r, **of)


def _responses(rows: dict[str, list[dict[str, Any]]], start: dt.date) -> Iterator[Finding]:
    for r in _visits(rows):
        why = f"{r['AVALC']}: {r['BECAUSE']}"
        if r["ANL01FL"] != "Y":
            why += "; not counted: outside of the window of the response"
        of = {"sure": r["ANL01FL"] == "Y", "kind": "reviewed" if r["BECAUSE"].startswith("set by ") else ""}
        yield _finding("response", "Derived", r["ADT"], start, r["AVALC"], why, r, **of)
        if r["INVRESP"] is not None:
            told = f"The treating team recorded {r['INVRESP']}"
            yield _finding("recorded", "Treating team", r["ADT"], start, r["INVRESP"], told, r)


def _toxicities(rows: dict[str, list[dict[str, Any]]], start: dt.date) -> Iterator[Finding]:
    for r in rows["adae"]:
        if r["ASTDT"] is None:
            continue
        grade = r["AETOXGR"]
        parts = [f"{r['AETERM']}, {'grade not recorded' if grade is None else f'grade {grade}'}"]
        related = {"Y": "related to the treatment", "N": "not related to the treatment"}.get(r["AEREL"])
        parts += [p for p in (related, "serious" if r["AESER"] == "Y" else None) if p]
        parts += [f"outcome {r['AEOUT'].lower()}"] if r["AEOUT"] else []
        parts += [f"date recorded as {r['ASTDTC']}"] if r["ASTDTF"] else []
        shown = "–" if grade is None else str(grade)
        of = {"value": None if grade is None else float(grade), "sure": r["AEREL"] != "N"}
        yield _finding("toxicity", r["AETERM"], r["ASTDT"], start, shown, ", ".join(parts), r, **of)


def _events(adsl: dict[str, Any], values: dict[str, Value], start: dt.date) -> Iterator[Finding]:
    for name, (kind, label) in _EVENTS.items():
        day = adsl.get(name)
        if day is None or (kind == "contact" and adsl.get("DTHDT") == day):
            continue
        told = values.get(f"ADSL.{name}")
        imputed = adsl.get(f"{name}F") is not None
        cells = told.cells if told else ()
        row = {"SRCADDR": cells[0][0] if cells else ""}
        because = told.because if told else label
        yield _finding("event", label, day, start, label, because, row, sure=not imputed, kind=kind)
    derived = adsl.get("DRELDT")
    if derived is not None and derived != adsl.get("RELDT"):
        told = values.get("ADSL.DRELDT")
        row = {"SRCADDR": told.cells[0][0] if told and told.cells else ""}
        why = told.because if told else ""
        label = "Relapse by the rules"
        yield _finding("event", label, derived, start, label, why, row, kind="relapse_derived")


def _finding(
    lane: str, series: str, date: dt.date, start: dt.date, shown: str, because: str, row: dict[str, Any], **more: Any
) -> Finding:
    return Finding(lane, series, (date - start).days, date, shown, because, row["SRCADDR"] or "", **more)


def _values(trace: list[dict[str, Any]], adsl: dict[str, Any], definitions: dict[str, Any]) -> Iterator[Value]:
    """One Value an item, in the order of the derived tables; an analysis is none."""
    order = list(definitions["values"])
    rank = {item: i for i, item in enumerate(order)}
    of: dict[str, list[dict[str, Any]]] = {}
    for row in trace:
        if not row["ITEM"].startswith("RESULT."):
            of.setdefault(row["ITEM"], []).append(row)
    for item in sorted(of, key=lambda i: rank.get(i, len(rank))):
        said = definitions["values"].get(item, {"label": words_of(item, {}), "rules": "a reviewer"})
        rows = of[item]
        sentences = list(dict.fromkeys(r["BECAUSE"] for r in rows if r["BECAUSE"]))
        cells = dict.fromkeys((r["ADDRESS"], r["RAW"] or "") for r in rows if r["ADDRESS"])
        value = rows[0]["VALUE"]
        shown = "" if value is None else value_words(item, value)
        if shown and item.startswith("ADSL.") and adsl.get(item.removeprefix("ADSL.")) is None:
            shown = f"withheld, a query is open (else {shown})"
        yield Value(item, said["label"], shown, "; ".join(sentences), said["rules"], tuple(cells))


def day_0(definitions: dict[str, Any]) -> str:
    """Return what day 0 is, in words."""
    return str(definitions.get("day_0", "first dose"))


def no_day_0(course: Course) -> str:
    """Return why there is nothing to draw of a patient."""
    event = day_0(course.definitions)
    return "This patient had no dose of the index treatment" if event == "first dose" else f"No day of {event} is known"


def _study_days(definitions: dict[str, Any]) -> StudyDays:
    told = definitions.get("days_from", {}).items()
    return StudyDays({centre: {e: dt.date.fromisoformat(d) for e, d in of.items()} for centre, of in told})


def _facts(adsl: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a reader wants to know before the picture."""
    event = day_0(definitions)
    if adsl["AGE"] is not None:
        yield f"Age at {event}", f"{adsl['AGE']} years"
    if adsl["SEX"] is not None:
        yield "Sex", level_words(adsl["SEX"])
    if adsl["TRTSDT"] is not None:
        yield f"{event[:1].upper()}{event[1:]}", _study_days(definitions).day(adsl["CENTRE"], adsl["TRTSDT"])
    if adsl["NDOSE"]:
        yield "Given", f"{counted(adsl['NDOSE'], 'dose')}, {counted(adsl['NCYC'], 'cycle')}"
    if adsl["BOR"] is not None:
        yield "Best response", definitions["response"]["categories"].get(adsl["BOR"], level_words(adsl["BOR"]))
    eligible = {"Y": "Yes", "N": f"No: {adsl['ELIGREAS'] or ''}".rstrip(": ")}.get(adsl["ELIGFL"], "Cannot be decided")
    yield "Eligible", eligible
    died = adsl["DTHFL"] == "Y"
    last = adsl["DTHDT"] if died else adsl["LKADT"]
    if last is not None and adsl["TRTSDT"] is not None:
        yield (
            "Followed for",
            f"{counted((last - adsl['TRTSDT']).days, 'day')}, {'died' if died else 'alive at last contact'}",
        )
