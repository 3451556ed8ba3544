"""A table with one heading a column (sheet, delimited file, REDCap form) -> its part of the mapping.

In: a SourceTable and what was found about its layout. Out: the table's entry, and columns, words and questions for the
reviewer. Rows of totals, repeated headings and notes are found before the columns are judged, so that they spoil no
column's kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chartline.draft.blocks import Used, build_records
from chartline.draft.codes import Codes, type_of
from chartline.draft.columns import FlatTable, propose
from chartline.draft.known import Known
from chartline.draft.layout import Layout
from chartline.draft.model import OPEN, Coded, Column, Draft, Target
from chartline.draft.profile import profile_column
from chartline.draft.study import Study
from chartline.draft.units import giga, unit_of_test
from chartline.mapping.model import DateOrder
from chartline.mapping.words import tests
from chartline.sources.base import SourceTable
from chartline.sources.instruments import RedcapTable

_SHAPE = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]+")
_ONE_ROW = 1.15  # rows a subject, below which a table is meant to have one row a subject


@dataclass
class Centre:
    """What is shared by all tables of a centre while its draft is made."""

    study: Study
    codes: Codes
    known: Known
    draft: Draft
    missing: frozenset[str]  # words that may mean 'no value'
    ids: Counter[str] = field(default_factory=Counter)  # subject ids seen in columns that are surely of subjects
    lists: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # the code lists of the mapping
    order: DateOrder = DateOrder.ISO
    pattern: str = ""  # of a subject id
    missing_seen: Counter[str] = field(default_factory=Counter)


def profile_table(table: SourceTable, layout: Layout | None, centre: Centre) -> FlatTable:
    """Return a table's columns with their profiles; roles come later."""
    labels, boxes = _labels(table)
    places = list(table.places)
    columns = [
        Column(
            table.name,
            name,
            table.places.get(name, name),
            labels.get(name, name),
            profile_column(table, name, centre.missing),
        )
        for name in table.columns
    ]
    titles: dict[str, str] = {}
    stated: dict[str, str] = {}
    if layout is not None and table.grid:
        by_letter = {name: _index(place) for name, place in table.places.items()}
        titles = {n: layout.titles[i] for n, i in by_letter.items() if i in layout.titles}
        stated = {n: layout.units[i] for n, i in by_letter.items() if i in layout.units}
    elif layout is not None:
        stated = {n: layout.units[i] for i, n in enumerate(places) if i in layout.units}
    choices = _choices(table)
    return FlatTable(table.name, columns, choices, boxes, titles, stated)


def _index(letters: str) -> int:
    n = 0
    for c in letters:
        n = n * 26 + ord(c) - 64
    return n - 1


def _labels(table: SourceTable) -> tuple[dict[str, str], dict[str, str]]:
    """Return column -> what the form calls it, and check box -> the label of its choice."""
    if not isinstance(table, RedcapTable):
        return {}, {}
    labels: dict[str, str] = {}
    boxes: dict[str, str] = {}
    for name in table.columns:
        stem, _, code = name.partition("___")
        label = table.labels.get(stem, "")
        if code and label:
            boxes[name] = table.choices.get(stem, {}).get(code, code)
            labels[name] = f"{label}: {boxes[name]}"
        elif label:
            labels[name] = label
    return labels, boxes


def _choices(table: SourceTable) -> dict[str, dict[str, str]]:
    if not isinstance(table, RedcapTable):
        return {}
    out: dict[str, dict[str, str]] = {}
    for name in table.columns:
        stem, _, code = name.partition("___")
        if code:
            out[name] = {"1": "Yes", "0": "No"}
        elif stem in table.choices:
            out[name] = dict(table.choices[stem])
    return out


# the subject --------------------------------------------------------------------------------------------------------


def find_subject(flat: FlatTable, centre: Centre) -> str | None:
    """Return the column of the subject's id: named so, and different from row to row or known from other tables."""
    named = centre.study.words.marks["subject"]
    best: tuple[float, str] | None = None
    for i, c in enumerate(flat.columns):
        words = centre.study.words.canonical(c.heading)
        score = 1.0 if words in named else 0.0
        if not score and c.name != c.heading and centre.study.words.canonical(c.name) in named:
            score = 0.9
        if not score and c.profile.kind == "id" and c.name.lower().endswith(("id", "no", "nr", "code", "key")):
            score = 0.5  # called an id of something, and different in every row
        if c.profile.kind in ("date", "empty") or not c.profile.counts:
            continue
        known = sum(v in centre.ids for v in c.profile.counts) / len(c.profile.counts) if centre.ids else 0.0
        score += known
        if score < 0.5:
            continue
        score += 0.2 * (len(c.profile.counts) > 0.5 * c.profile.filled) - 0.01 * i
        if best is None or score > best[0]:
            best = (score, c.name)
    return None if best is None else best[1]


def note_ids(flat: FlatTable, subject: str | None, centre: Centre) -> None:
    """Remember the subject ids of a table, so that other tables' columns of them are known."""
    if subject is not None:
        column = next(c for c in flat.columns if c.name == subject)
        centre.ids.update({v: 1 for v in column.profile.counts})


def id_pattern(ids: Counter[str]) -> str:
    """Return a regular expression that nearly all subject ids match; "" where they have no common shape."""
    shapes = Counter(_shape(v) for v in ids.elements() if re.search(r"\d", v))  # `Total` and notes are no ids
    if not shapes or sum(shapes.values()) < 4:
        return ""
    shape, n = shapes.most_common(1)[0]
    if n < 0.8 * sum(shapes.values()) or shape == r"[0-9]{1}" or not re.search(r"\[0-9\]", shape):
        return ""
    return f"^{shape}$"


def _shape(value: str) -> str:
    out = ""
    for part in _SHAPE.findall(value):
        out += f"[0-9]{{{len(part)}}}" if part.isdigit() else re.escape(part).replace(r"\-", "-")
    return out


# rows that are no data ----------------------------------------------------------------------------------------------


def strange_rows(table: SourceTable, subject: str, centre: Centre) -> tuple[list[dict[str, Any]], pl.Series]:
    """Return the exclusions proposed for rows that are no patients, and which rows they leave."""
    ids = table.frame[subject].str.strip_chars()
    blank = ids.is_null() | (ids == "")
    keep = pl.Series([True] * len(ids), dtype=pl.Boolean)
    out: list[dict[str, Any]] = []
    seen: set[str] = set()
    for value in ids.drop_nulls().unique(maintain_order=True).to_list():
        if not value or (centre.pattern and re.search(centre.pattern, value)):
            continue
        reason, pattern = _why_strange(value, subject, centre)
        if not reason:
            continue
        keep = keep & (ids != value).fill_null(True)
        if pattern not in seen:
            seen.add(pattern)
            out.append({"where": {subject: {"matches": pattern}}, "reason": reason})
    n = int((blank & pl.any_horizontal(pl.all().is_not_null()).pipe(lambda e: table.frame.select(e).to_series())).sum())
    if n:
        at = next(i for i, b in enumerate(blank) if b and any(v is not None for v in table.frame.row(i)))
        centre.draft.ask(
            table.name, subject, f"{n} row(s) have values and no subject, first {table.address(at)}: whose are they?"
        )
    return out, keep & ~blank


def _why_strange(value: str, subject: str, centre: Centre) -> tuple[str, str]:
    words = centre.study.words
    first = words.canonical(re.split(r"[\s:=(]", value.strip())[0])
    if first in words.marks["total"] and not re.fullmatch(r"[A-Za-z]{0,3}[-_ ]?\d+", value):
        start = re.match(r"[^\W\d_]+", value)
        return "row of totals", f"^{re.escape(start[0] if start else value)}"
    if value.strip() == subject.strip():
        return "the headings again", f"^{re.escape(value)}$"
    if first in words.marks["note"] or value.startswith(("*", "†", "#", "(")) or len(value) > 40:
        start = re.match(r"[^\W\d_]+:?|\W{1,2}", value)
        return "note under the table", f"^{_regex(start[0] if start else value)}"
    return "", ""


def _regex(text: str) -> str:
    return "".join(f"[{c}]" if c in "*.+?()" else re.escape(c) if not c.isspace() else " " for c in text)


# the table's entry --------------------------------------------------------------------------------------------------


def draft_table(table: SourceTable, flat: FlatTable, subject: str | None, centre: Centre) -> dict[str, Any]:
    """Return the mapping's entry for a table, and put its columns, words and questions into the draft."""
    entry: dict[str, Any] = {}
    exclusions: list[dict[str, Any]] = []
    if subject is not None:
        exclusions, keep = strange_rows(table, subject, centre)
        if exclusions:
            _profile_again(table, flat, keep, centre)
    propose(flat, centre.study, centre.codes, centre.known, subject)
    is_range = _range_table(flat)
    if subject is None and not is_range and any(c.role == "value" for c in flat.columns):
        _no_subject(flat, centre)
    used = _used(flat, centre)
    records = build_records(used, centre.study, lambda column, text: centre.draft.ask(table.name, column, text))
    if subject is not None:
        entry["subject"] = subject
        column = next(c for c in flat.columns if c.name == subject)
        column.role, column.reason, column.confidence = "subject", "the patient's id", 0.95
        if _one_row(flat, column, records):
            entry["one_row_per_subject"] = True
    if exclusions:
        entry["exclude_rows"] = exclusions
    for c in flat.columns:
        if c.role == "open":
            centre.draft.ask(table.name, c.name, f"what is it, or why is it not needed? {_perhaps(c)}")
    ignored = _ignored(flat, records)
    if ignored:
        entry["ignore"] = ignored
    if records:
        entry["records"] = records
    centre.draft.columns += flat.columns
    return entry


def _range_table(flat: FlatTable) -> bool:
    targets = {p.target.domain for c in flat.columns for p in c.proposals if p.sure}
    return "RANGE" in targets and len(targets) == 1


def _no_subject(flat: FlatTable, centre: Centre) -> None:
    for c in flat.columns:
        if c.role == "value":
            c.role, c.reason = "open", f"{c.proposals[0].target.said}, but no column says whose the row is"
    centre.draft.ask(flat.name, "", "no column holds the patient's id: which one is it?")


def _profile_again(table: SourceTable, flat: FlatTable, keep: pl.Series, centre: Centre) -> None:
    from dataclasses import replace

    kinds = table.kinds.filter(keep) if table.kinds is not None else None
    rows = [i for i, k in enumerate(keep) if k]
    part = replace(table, frame=table.frame.filter(keep), kinds=kinds, row_labels=[table.row_labels[i] for i in rows])
    for c in flat.columns:
        c.profile = profile_column(part, c.name, centre.missing)


def _used(flat: FlatTable, centre: Centre) -> list[Used]:
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
    from chartline.core.clinical import variables
    from chartline.mapping import units

    standard = variables()[target.domain][target.variable].unit
    return unit if units.normal(unit) != units.normal(standard) and units.factor(unit, standard) is not None else ""


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
        centre.draft.ask(c.table, c.name, f"{v.short_year} dates have a year of two digits: which century is meant?")
    if v.compact:
        centre.draft.ask(
            c.table, c.name, f"{v.compact} dates have no separators (yyyymmdd); they are not read as dates"
        )
    if c.profile.kind == "number" and any(20_000 <= n <= 60_000 for n in c.profile.numbers):
        asked = (
            "the cells are day numbers of a spreadsheet and not dates: can the file be saved with the column as dates?"
        )
        centre.draft.ask(c.table, c.name, asked)
    if v.impossible:
        centre.draft.ask(c.table, c.name, f"{v.impossible} dates do not exist in any calendar; they will be queried")
    if patch:
        used.extra["dates"] = patch


def code_list(c: Column, target: Target, centre: Centre, labels: Mapping[str, str] | None) -> str:
    """Translate the words of a column and return the name of the code list that holds them; "" where none does."""
    values = {v: n for v, n in c.profile.counts.items()}
    if not values and not labels:
        closed = centre.codes.closed(target)
        values = dict.fromkeys(closed or (), 0)
    words = centre.codes.translate(target, values, labels)
    centre.draft.coded.append(Coded(c.table, c.name, target, words))
    for w in words:
        if not w.sure and w.count:
            asked = f"what does `{w.word}` mean ({w.count} cell{'s' * (w.count > 1)})? {w.reason}"
            centre.draft.ask(c.table, c.name, asked, w.term)
    sure: dict[str, list[str]] = {}
    for w in words:
        if w.sure:
            sure.setdefault(w.term, []).append(w.word)
    as_they_stand = all(w == term for term, ws in sure.items() for w in ws)
    if not sure or (as_they_stand and target.variable in ("LBTESTCD", "TESTCD", "CMCAT")):
        return ""
    return put_list(list_name(target, centre), sure, centre.lists)


def list_name(target: Target, centre: Centre) -> str:
    """Return what a code list of a target is called."""
    if centre.codes.closed(target) == ("Y", "N"):
        return "yes_no" if target.variable != "DTHFL" else "dead"
    own = {"INVRESP": "response", "MRDCLASS": "mrd", "MHBESTRSP": "best_response", "RELTYPE": "relapse_site"}
    name = own.get(target.variable, target.item if target.domain == "MH" else target.variable)
    return re.sub(r"\W+", "_", name.lower())


def put_list(name: str, words: dict[str, list[str]], lists: dict[str, dict[str, list[str]]]) -> str:
    """Add words to the code list of that name, or to another where one of them already means something else."""
    for n in range(1, 100):
        key = name if n == 1 else f"{name}_{n}"
        there = lists.setdefault(key, {})
        meant = {w.strip().lower(): t for t, ws in there.items() for w in ws}
        if any(meant.get(w.strip().lower(), t) != t for t, ws in words.items() for w in ws):
            continue
        for term, ws in words.items():
            have = there.setdefault(term, [])
            have += [w for w in ws if w.strip().lower() not in {x.strip().lower() for x in have}]
        return key
    raise AssertionError("a hundred code lists of one name")


def _one_row(flat: FlatTable, subject: Column, records: list[dict[str, Any]]) -> bool:
    domains = {r["domain"] for r in records}
    n = len(subject.profile.counts)
    return bool(domains & {"DM", "SS"}) and n > 0 and subject.profile.filled <= max(_ONE_ROW * n, n + 1)


def _ignored(flat: FlatTable, records: list[dict[str, Any]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for c in flat.columns:
        if c.role == "ignored":
            key = "redcap_*" if c.name.startswith("redcap_") else c.name
            out[key] = c.reason
        elif c.role == "open":
            out[c.name] = f"{OPEN}{_perhaps(c)}"
    return out


def _perhaps(c: Column) -> str:
    """Say why a column is open, and what it may be."""
    return c.reason + (f" (perhaps {c.proposals[0].target.said}, {c.confidence:.2f})" if c.proposals else "")
