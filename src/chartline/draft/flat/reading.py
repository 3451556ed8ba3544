"""How a column is read whose meaning is known: its unit, its code list, the order of its dates.

In: columns with proposals. Out: `Used` columns for the records, and questions where the values do not fit the meaning.
"""

from __future__ import annotations

from chartline.core.clinical import variables
from chartline.draft.centre import Centre
from chartline.draft.codes import type_of
from chartline.draft.flat.model import FlatTable
from chartline.draft.flat.records import Used
from chartline.draft.lists import code_list, put_list
from chartline.draft.model import Column, Target
from chartline.draft.units import giga, unit_of_test
from chartline.mapping import units
from chartline.mapping.model import DateOrder
from chartline.mapping.words import tests


def columns_in_use(flat: FlatTable, centre: Centre) -> list[Used]:
    """Return the columns that are read, each with how; a column whose values do not allow it becomes a question."""
    out: list[Used] = []
    for order, c in enumerate(flat.columns):
        sure = [p for p in c.proposals if p.sure]
        if c.role == "value" and not sure:
            c.role = "open"
        if c.role != "value":
            continue
        if c.profile.kind in ("date", "number") or any(centre.codes.coded(p.target) for p in sure):
            centre.missing_seen.update({w.lower(): n for w, n in c.profile.missing.items()})
        for p in sure:
            made = _use(c, p.target, flat, centre, order)
            if made is not None:
                out.append(made)
    return out


def _use(c: Column, target: Target, flat: FlatTable, centre: Centre, order: int) -> Used | None:
    head = flat.heads[c.name]
    used = Used(c.name, target, head, order=order)
    of = type_of(target)
    if of == "date":
        _read_dates(c, used, centre)
    if c.profile.comma:
        used.extra["decimal"] = ","
    if target.variable in ("LBORRES", "LBSTNRLO", "LBSTNRHI") and target.item:
        if not _read_lab(c, used, flat, centre):
            return None
    elif of == "number" and head.unit and target.domain not in ("RANGE", "MH", "FA"):
        used.unit = _own_unit(target, head.unit)
    elif target.domain == "MH" and target.variable == "MHORRES":
        used.unit = head.unit or ("months" if "month" in head.words else "")
    if target.variable == "LBORRESU":
        used.extra = {}
        return used
    if c.name in flat.box and target.item == "EMD SITE":
        used.extra |= {"codes": {flat.box[c.name]: ["1"]}, "where": {c.name: {"not": "0"}}}
        return used
    if c.name in flat.box and type_of(target) == "text":  # ticked or not, whatever text the item may hold elsewhere
        used.extra["codes"] = put_list("yes_no", {"Y": ["1"], "N": ["0"]}, centre.lists)
        return used
    if centre.codes.coded(target):
        name = code_list(c, target, centre, flat.choices.get(c.name))
        if name:
            used.extra["codes"] = name
        elif c.profile.counts and target.variable not in ("CMCAT", "LBTESTCD", "TESTCD"):
            c.role, c.reason = "open", f"{target.said}, but none of its words is known ({', '.join(c.profile.samples)})"
            return None
    return used


def _own_unit(target: Target, unit: str) -> str:
    standard = variables()[target.domain][target.variable].unit
    return unit if units.normal(unit) != units.normal(standard) and units.factor(unit, standard) is not None else ""


def _column_of_units(c: Column, flat: FlatTable, test: str) -> Column | None:
    """Return the column that is called as `c` is, and `unit`, and holds nothing but units of the test."""
    head = flat.heads[c.name]
    for o in flat.columns:
        of_units = flat.heads[o.name]
        place = (of_units.stem, of_units.index) == (head.stem, head.index)
        if place and set(of_units.words) - {"unit"} == set(head.words) != set(of_units.words) and o.profile.counts:
            standard = tests()[test][1]
            stated = flat.choices.get(o.name) or {unit: unit for unit in o.profile.counts}
            if all(units.factor(unit, standard, test) is not None for unit in stated.values()):
                return o
    return None


def _read_lab(c: Column, used: Used, flat: FlatTable, centre: Centre) -> bool:
    test = used.target.item
    head = flat.heads[c.name]
    beside = next(
        (
            flat.heads[o.name].unit
            for o in flat.columns
            if flat.heads[o.name].unit and any(p.target.item == test and p.target.domain == "LB" for p in o.proposals)
        ),
        "",
    )
    if used.target.variable != "LBORRES":
        used.unit = giga(head.unit, tests()[test][1])
        return True
    stated = _column_of_units(c, flat, test)
    if stated is not None:
        stated.role, stated.reason, stated.confidence = "selector", f"the unit of `{c.name}`", c.confidence
        of_units = flat.heads[stated.name]
        used.unit = {"column": of_units.template if of_units.text == stated.name else stated.name}
        if choices := flat.choices.get(stated.name):
            words = {label: [code for code, said in choices.items() if said == label] for label in choices.values()}
            used.unit["codes"] = put_list("units", words, centre.lists)
        return True
    c.unit = unit_of_test(test, head.unit, c.profile.numbers, beside)
    if not c.unit.unit:
        c.role, c.reason = "open", f"{used.target.said}: {c.unit.reason}"
        return False
    if c.unit.confidence < 0.85:
        asked = f"is the unit of {tests()[test][0]} {c.unit.unit}? {c.unit.reason[0].upper()}{c.unit.reason[1:]}"
        centre.draft.ask(c.table, c.name, asked, c.unit.unit)
    used.unit = c.unit.unit
    return True


def _read_dates(c: Column, used: Used, centre: Centre) -> None:
    v = c.profile.verdict
    c.verdict = v.sentence() if c.profile.counts else ""
    patch: dict[str, str] = {}
    order = v.order
    if v.dmy + v.mdy + v.either + v.named and order is not None and order is not centre.order:
        patch["order"] = order.value
    elif v.iso and not (v.dmy + v.mdy + v.either) and centre.order is not DateOrder.ISO:
        patch["order"] = "ISO"
    if v.mangled:
        centre.draft.ask(
            c.table,
            c.name,
            f"{v.true} true date cells, all with a day up to 12, beside {v.dmy + v.mdy} dates as text with a day above "
            f"12: the trace of a file opened under another locale (by chance 1 in {1 / v.by_chance:.0f}). Are day and "
            "month of the true dates swapped? They are read so; `true_dates: as_is` reads them as they stand",
            "true_dates: swap_day_month",
        )
        patch["true_dates"] = "swap_day_month"
    elif v.mixed:
        asked = (
            f"true dates and dates as text in one column ({v.sentence()}): are day and month of the true dates right?"
        )
        centre.draft.ask(c.table, c.name, f"{asked} They are read as they stand")
    if v.dmy and v.mdy:
        centre.draft.ask(c.table, c.name, f"day and month stand in both orders in one column ({v.sentence()})")
    if v.short_year:
        centre.draft.ask(c.table, c.name, f"{_dates(v.short_year)} with a year of two digits: which century is meant?")
    if v.compact:
        centre.draft.ask(
            c.table, c.name, f"{_dates(v.compact)} without separators (yyyymmdd); they are not read as dates"
        )
    if c.profile.kind == "number" and any(20_000 <= n <= 60_000 for n in c.profile.numbers):
        asked = (
            "the cells are day numbers of a spreadsheet and not dates: can the file be saved with the column as dates?"
        )
        centre.draft.ask(c.table, c.name, asked)
    if v.impossible:
        centre.draft.ask(c.table, c.name, f"{_dates(v.impossible)} that no calendar has; they will be queried")
    if patch:
        used.extra["dates"] = patch


def _dates(n: int) -> str:
    return f"{n} date{'s' * (n != 1)}"
