"""Who the patients of a synthetic centre are and what happens to them, in days from day 0.

Characteristics are drawn evenly from what an item accepts. One patient in ten is drawn not to be eligible, where what
decides on eligibility is asked on the forms and can be missed. What happens follows the times that are drawn first:

    day 0            uniform over eight years before the study's last day, the last half year left out
    death            exponential, median 400 days; known where it is not after the last day of contact
    last contact     uniform from 200 to 1,800 days, or the study's last day
    response         60 % of those who live to the assessment on day 28; MRD-negative in half of them
    relapse          exponential from 30 days after response, median 300 days
    transplantation  30 % of responders, between days 60 and 120, before relapse
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl

from chartline.capture.model import Capture, Item, Record
from chartline.core.condition import parse_condition
from chartline.protocol.model import Protocol

Row = dict[str, Any]

LAST_DAY = date(2025, 12, 31)  # where the protocol has no cut-off
ASSESSED = 28
FIRST_LINE = 700  # days before day 0 on which the first earlier line began
INELIGIBLE, RESPONDS, MRD_NEGATIVE, TRANSPLANTED = 0.1, 0.6, 0.5, 0.3
MEDIAN_DEATH, MEDIAN_RELAPSE = 400, 300


@dataclass
class Patient:
    """One patient: what was drawn, in days from day 0; None where it does not happen or is not seen."""

    number: str
    day0: date
    birth: date
    sex: str
    history: Row
    eligible: bool | None  # None: something that decides is not on the forms
    last: int = 0
    death: int | None = None
    response: int | None = None
    relapse: int | None = None
    transplant: int | None = None
    negative: bool = False  # MRD, where there is a response

    def on(self, day: int) -> date:
        return self.day0 + timedelta(days=day)


# who -----------------------------------------------------------------------------------------------------------------


def choose_patients(capture: Capture, p: Protocol, number: int, rng: Random) -> list[Patient]:
    """Return patients of whom about one in ten is not eligible, from many candidates."""
    candidates = [_candidate(capture, p, rng) for _ in range(40 * number + 200)]
    _judge(candidates, p)
    yes = [c for c in candidates if c.eligible is not False]
    no = [c for c in candidates if c.eligible is False]
    out = []
    for i in range(1, number + 1):
        pool = no if no and (rng.random() < INELIGIBLE or not yes) else yes
        patient = pool.pop()
        patient.number = str(i)
        out.append(patient)
    return out


def _candidate(capture: Capture, p: Protocol, rng: Random) -> Patient:
    last_day = p.data.cut_off or LAST_DAY
    day0 = last_day - timedelta(days=rng.randint(183, 8 * 365))
    age_days = rng.randint(16 * 366, 80 * 365)
    patient = Patient("", day0, day0 - timedelta(days=age_days), rng.choice("FM"), {}, None)
    for form in capture.forms:
        if form.name == "history":
            earlier = {n for r in form.records if _is_earlier(r) for n in r.items.values()}
            patient.history = {i.name: _characteristic(i, patient, i.name in earlier, rng) for i in form.items}
    return patient


def _is_earlier(record: Record) -> bool:
    """Whether a record states an earlier treatment. None is drawn but lines of therapy, so that the answer is no."""
    return record.constants.get("MHCAT", "").startswith("PRIOR")


def _characteristic(item: Item, patient: Patient, earlier: bool, rng: Random) -> Any:
    if item.name == "index_date":
        return patient.day0
    if item.type == "date":
        return patient.on(-rng.randint(FIRST_LINE + 10, FIRST_LINE + 200))
    terms = [c.term for c in item.choices]
    if terms:
        return "N" if earlier and "N" in terms else rng.choice(terms)
    if item.type == "integer":
        return rng.randint(int(item.low or 0), int(item.low or 0) + 2)
    if item.type == "number":
        low, high = item.low or 0.0, item.high if item.high is not None else (item.low or 0.0) + 6
        return round(low + (high - low) * rng.random(), 1)
    return None


def _judge(candidates: list[Patient], p: Protocol) -> None:
    """Say who is eligible, by the protocol's own conditions on what was drawn."""
    facts = pl.DataFrame([_facts(c, p) for c in candidates], infer_schema_length=None)
    met = pl.Series([True] * len(candidates))
    known = True
    for criterion in p.eligibility:
        condition = parse_condition(criterion.require, where=f"eligibility.{criterion.id}")
        if set(condition.variables) <= set(facts.columns):
            met &= facts.select(condition.expr(dict(facts.schema)).fill_null(False)).to_series()
        else:
            known = False
    for candidate, ok in zip(candidates, met, strict=True):
        candidate.eligible = False if not ok else True if known else None


def _facts(c: Patient, p: Protocol) -> Row:
    whole = c.day0.year - c.birth.year - ((c.day0.month, c.day0.day) < (c.birth.month, c.birth.day))
    asked = {name: c.history[name.lower()] for name in p.characteristics if name.lower() in c.history}
    return {"TRTSDT": c.day0, "AGE": whole, "SEX": c.sex, **asked}


# what happens --------------------------------------------------------------------------------------------------------


def _exponential(median: float, rng: Random) -> int:
    return 1 + int(-median / math.log(2) * math.log(1 - rng.random()))


def draw_course(c: Patient, p: Protocol, asked: dict[str, set[str]], rng: Random) -> Patient:
    """Draw what happens. What no form asks does not happen: nobody could know of it."""
    to_cut = ((p.data.cut_off or LAST_DAY) - c.day0).days
    contact, death = min(rng.randint(200, 1800), to_cut), _exponential(MEDIAN_DEATH, rng)
    c.last, c.death = (death, death) if death <= contact else (contact, None)
    if c.last < ASSESSED + 1 or rng.random() >= RESPONDS:
        return c
    c.response = ASSESSED
    c.negative = rng.random() < MRD_NEGATIVE and "mrdval" in asked.get("assessments", ())
    relapse = ASSESSED + _exponential(MEDIAN_RELAPSE, rng) + 30
    c.relapse = relapse if relapse < c.last else None
    transplant = rng.randint(60, 120)
    if "transplants" in asked and rng.random() < TRANSPLANTED and transplant < min(c.relapse or c.last, c.last):
        c.transplant = transplant
    return c
