"""The forms of a synthetic centre, filled for the patients that were drawn: form -> rows of item -> value.

Nothing is written after death or the last contact. Beside what happens to a patient (`patients.py`):

    toxicity     Poisson, mean 2 events a patient, of grade 3, which nearly every term has; none of those that a
                 laboratory grades, which would contradict its values
    laboratory   around the medians of `LEVELS`, within a tenth
    observed     from up to 1,000 days before day 0, one in six from up to 60 days after it; to the last contact
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from chartline.capture.model import Capture, Form
from chartline.checks.adverse_events import laboratory_events
from chartline.protocol.model import Protocol
from chartline.simulate.charts.patients import ASSESSED, FIRST_LINE, Patient, Row, choose_patients, draw_course

Filled = dict[str, list[Row]]  # a choice is its term
NUMBER = "Patient"  # the key of a row's patient

TOXICITIES, GRADE = 2.0, 3
ENTERS_LATE, LATEST_ENTRY, EARLIEST_ENTRY = 1 / 6, 60, -1000  # days from day 0

# Medians before treatment, of non-responders and of responders when they are assessed, and limits of normal.
LEVELS: dict[str, tuple[str, float, float, float, float, float]] = {
    "HB": ("g/L", 88, 85, 112, 120, 170),
    "WBC": ("10^9/L", 6.0, 1.8, 4.6, 4.0, 11.0),
    "ANC": ("10^9/L", 0.8, 0.4, 2.6, 1.8, 7.5),
    "PLT": ("10^9/L", 38, 30, 165, 150, 400),
    "ALT": ("U/L", 30, 40, 32, 5, 45),
    "AST": ("U/L", 28, 38, 30, 5, 40),
    "BILI": ("umol/L", 9, 12, 10, 3, 21),
    "ALP": ("U/L", 85, 95, 90, 30, 120),
    "GGT": ("U/L", 30, 40, 35, 8, 60),
    "CREA": ("umol/L", 70, 70, 70, 45, 105),
}


@dataclass
class Drawn:
    """The patients of one centre and their forms."""

    patients: list[Patient] = field(default_factory=list)
    forms: Filled = field(default_factory=dict)


def draw_centre(capture: Capture, p: Protocol, number: int, rng: Random) -> Drawn:
    """Return `number` patients of a centre, with a row on every form that something happened for."""
    asked = {form.name: {i.name for i in form.items} for form in capture.forms}
    drawn = Drawn([draw_course(patient, p, asked, rng) for patient in choose_patients(capture, p, number, rng)])
    for form in capture.forms:
        if form.of_centre:
            drawn.forms[form.name] = list(_limits(form))
            continue
        rows = [row for patient in drawn.patients for row in _rows(form, patient, p, rng)]
        drawn.forms[form.name] = rows
    return drawn


# what is written -----------------------------------------------------------------------------------------------------


def _rows(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    write = _WRITERS.get(form.name)
    names = {i.name for i in form.items}
    for row in write(form, c, p, rng) if write else ():
        said = {n: v for n, v in row.items() if n in names and v is not None}
        if said:
            yield {NUMBER: c.number, **said}


def _patient(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    yield {"brthdtc": c.birth, "sex": c.sex, "bsa": round(1.5 + 0.6 * rng.random(), 2)}


def _history(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    yield c.history


def _lines(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    number = int(c.history.get("lines", 1) or 0)
    refractory = any(value == "REFRACTORY" for value in c.history.values())
    for line in range(1, number + 1):
        began = -FIRST_LINE + (line - 1) * 250
        yield {
            "mhseqn": line,
            "regimen": f"Regimen {line}",
            "mhstdtc": c.on(began),
            "mhendtc": c.on(began + 120),
            "mhbestrsp": "CR" if line == 1 and not refractory else "NR",
        }


def _doses(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    most = (p.treatment.max_dose_m2 if p.treatment else None) or 1.0
    for cycle in (1, 2):
        for day in (1, 8, 15):
            on = 28 * (cycle - 1) + day - 1
            if on < c.last and (cycle == 1 or c.response is not None):
                dose = most if (cycle, day) == (1, 1) else round(0.625 * most, 3)
                yield {"excycle": cycle, "excyday": day, "exstdtc": c.on(on), "exdosm2": dose}


def _assessments(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    before, after = _visits(form)
    ill = {"bmblast": rng.randint(30, 95), "pbblast": rng.randint(5, 60), "emd": "ABSENT", "csfblast": "N"}
    yield ill | {"rsdtc": c.on(_baseline(p)), "rscycle": 0, "invresp": "BASELINE", "rsvisit": before}
    if c.last <= ASSESSED:
        return
    row: Row = ill | {"rsdtc": c.on(ASSESSED), "rscycle": 1, "invresp": "NR", "rsvisit": after}
    if c.response is not None:
        row |= {"bmblast": rng.randint(0, 3), "pbblast": 0, "trilin": "Y", "invresp": "CR", **_mrd(form, c)}
    yield row


def _baseline(p: Protocol) -> int:
    """The day on which a patient is seen before treatment; where day 0 is the diagnosis, that day."""
    return 0 if p.index else -3


def _visits(form: Form) -> tuple[str | None, str | None]:
    """Return the visits that the form names: of the first assessment, and of the next."""
    terms = [c.term for i in form.items if i.name == "rsvisit" for c in i.choices]
    first = [t for t in terms if "DIAGNOSIS" in t or "BASELINE" in t]
    other = [t for t in terms if t not in first]
    return next(iter(first), None), next(iter(other), None)


def _mrd(form: Form, c: Patient) -> Row:
    """An MRD test by flow cytometry of the marrow, sensitive to 1 in 100,000."""
    first = {i.name: i.choices[0].term for i in form.items if i.choices and i.name in ("mrdassay", "mrdspec")}
    level: Row = {"mrdclass": "NEGATIVE", "mrdval": 0.0} if c.negative else {"mrdclass": "POSITIVE", "mrdval": 0.5}
    return {**first, "mrdsens": 0.00001, "mrdcells": 1_000_000, **level}


def _laboratory(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    units = {name: dict(form.records[i].units) for i, name in enumerate(_tests(form))}
    for day in (_baseline(p), 7, 14, ASSESSED):
        if day >= c.last:
            return
        at = 1 if day <= 0 else 3 if day == ASSESSED and c.response is not None else 2
        row: Row = {"lbdtc": c.on(day), "lbgcsf": "N", "lbplttx": "N", "lbrbctx": "N"}
        for test, item in _tests(form).items():
            kind, unit = units[test]["LBORRES"]
            told = form.item(unit).choices if kind == "item" else ()
            if test in LEVELS and (LEVELS[test][0] == unit or LEVELS[test][0] in {t.term for t in told}):
                row[item] = round(float(LEVELS[test][at]) * (0.9 + 0.2 * rng.random()), 2)
                row |= {unit: LEVELS[test][0]} if kind == "item" else {}
        yield row


def _tests(form: Form) -> dict[str, str]:
    """Return test -> the item of its value."""
    return {r.constants["LBTESTCD"]: r.items["LBORRES"] for r in form.records if "LBTESTCD" in r.constants}


def _limits(form: Form) -> Iterator[Row]:
    asked = {c.term for c in form.item("limit_test").choices}
    for test, (unit, *_, low, high) in LEVELS.items():
        if test in asked:
            yield {"limit_test": test, "limit_low": low, "limit_high": high, "limit_unit": unit}


def _events(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    terms = [t.term for t in form.item("aeterm").choices if t.term.lower() not in laboratory_events()]
    for term in rng.sample(terms, min(_poisson(TOXICITIES, rng), len(terms))):
        began = rng.randint(1, max(1, min(c.last - 1, 60)))
        if began < c.last:
            yield {
                "aeterm": term,
                "aestdtc": c.on(began),
                "aeendtc": c.on(min(began + 7, c.last)),
                "aetoxgr": GRADE,
                "aerel": rng.choice("YN"),
            }


def _poisson(mean: float, rng: Random) -> int:
    """Return a Poisson number, by Knuth's product of uniform ones."""
    n, left = 0, rng.random()
    while left > math.exp(-mean):
        n, left = n + 1, left * rng.random()
    return n


def _transplants(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    if c.transplant is not None:
        yield {"prstdtc": c.on(c.transplant), "prtiming": "AFTER", "prdonor": "Matched unrelated", "prcond": "Flu/TBI"}


def _follow_up(form: Form, c: Patient, p: Protocol, rng: Random) -> Iterator[Row]:
    observed: Row = {}
    if any(item.name == "obsstdtc" for item in form.items):
        late = rng.random() < ENTERS_LATE and c.last > 1
        start = rng.randint(1, min(LATEST_ENTRY, c.last - 1)) if late else rng.randint(EARLIEST_ENTRY, 0)
        observed = {"obsstdtc": c.on(start), "obsendtc": c.on(c.last)}
    yield observed | {
        "relapse": "Y" if c.relapse is not None else "N",
        "reldtc": None if c.relapse is None else c.on(c.relapse),
        "lkadtc": c.on(c.last),
        "dthfl": "Y" if c.death is not None else "N",
        "dthdtc": None if c.death is None else c.on(c.death),
        "dthcaus": None if c.death is None else "Leukaemia",
    }


_WRITERS = {
    "patient": _patient,
    "history": _history,
    "prior_lines": _lines,
    "doses": _doses,
    "assessments": _assessments,
    "laboratory": _laboratory,
    "adverse_events": _events,
    "transplants": _transplants,
    "follow_up": _follow_up,
}
