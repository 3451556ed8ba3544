"""Capture forms filled in as a centre would fill them, from ClinicalData: for round trips.

`filled` turns the rows of each domain into rows of forms (form -> list of {item: value}, subject under SUBJECT);
`fill_workbook` types them into a template with openpyxl, `records_csv` writes them as a raw export of REDCap.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chartline.capture.model import Capture, Form, Item, Record
from chartline.capture.reading import FIRST_ROW, HEADER_ROW, OTHER_CODE, SUBJECT, choice_codes, other_name
from chartline.capture.workbook import sheet_names
from chartline.core.clinical import ClinicalData

FormRow = dict[str, Any]
Filled = dict[str, list[FormRow]]


def filled(capture: Capture, data: ClinicalData, centre: str) -> Filled:
    """Return what the centre enters: every row that a record of a form can hold. Subjects lose the prefix `A-`."""
    rows = {d: [r for r in data[d].sort("SEQ").iter_rows(named=True) if r["CENTRE"] == centre] for d in data.domains}
    out: Filled = {}
    for form in capture.forms:
        if form.of_centre:
            out[form.name] = _limits(form, rows["LB"])
        elif form.repeats and len(form.records) == 1:
            record = form.records[0]
            out[form.name] = [
                {SUBJECT: r["USUBJID"], **_entries(form, record, r)} for r in rows[record.domain] if _fits(record, r)
            ]
        else:
            out[form.name] = _joined(form, rows)
    for entered in out.values():
        for row in entered:
            if SUBJECT in row:
                row[SUBJECT] = row[SUBJECT].removeprefix(f"{centre}-")
    return out


def _fits(record: Record, row: dict[str, Any]) -> bool:
    """Whether a row of the domain is of the kind that the record makes (its term may be worded otherwise)."""
    kind = {n: v for n, v in record.constants.items() if n not in ("MHTERM", "MHORRESU")}
    return all(row[n] == v for n, v in kind.items())


def _entries(form: Form, record: Record, row: dict[str, Any]) -> FormRow:
    out = {}
    for variable, name in record.items.items():
        value = row[variable]
        operator = row.get(f"{variable}_OP")
        if value is not None:
            out[name] = f"{operator}{value:g}" if operator else value
        if value is not None and variable in record.units:
            kind, unit = record.units[variable]
            if kind == "item":
                out[unit] = row["LBORRESU"]
            else:
                assert unit == row["LBORRESU"]
            out[name] = row["LBSTRESN"]
    return out


def _joined(form: Form, rows: dict[str, list[dict[str, Any]]]) -> list[FormRow]:
    """Rows that several records share: one a patient, or one a day and what else is the same for all of it."""
    found: list[FormRow] = []
    by_key: dict[tuple[Any, ...], list[FormRow]] = {}
    for record in form.records:
        values = {"LBORRES", "FAORRES"}
        for r in (r for r in rows[record.domain] if _fits(record, r)):
            entries = _entries(form, record, r)
            own = {record.items[v] for v in record.items if v in values}
            own |= {unit for kind, unit in record.units.values() if kind == "item"}
            shared = {n: v for n, v in entries.items() if n not in own} if form.repeats else {}
            key = (r["USUBJID"], *sorted(shared.items()))
            if form.repeats and not own & set(entries):
                continue
            same = by_key.setdefault(key, [])
            home = next((row for row in same if not (set(entries) - set(shared)) & set(row)), None)
            if home is None:
                home = {SUBJECT: r["USUBJID"], **shared}
                same.append(home)
                found.append(home)
            home.update(entries)
    return found


def _limits(form: Form, rows: list[dict[str, Any]]) -> list[FormRow]:
    """The limits that a laboratory prints most often, by test; of haemoglobin by the sex that it was printed for."""
    test, sex, low, high, unit = (i.name for i in form.items)
    asked = {c.term for c in form.item(test).choices}
    seen: dict[str, Counter[tuple[Any, Any, Any]]] = {}
    for r in rows:
        if r["LBTESTCD"] in asked and (r["LBSTNRLO"] is not None or r["LBSTNRHI"] is not None):
            seen.setdefault(r["LBTESTCD"], Counter())[r["LBSTNRLO"], r["LBSTNRHI"], r["LBORRESU"]] += 1
    out = []
    for code, counted in seen.items():
        if code == "HB":
            pairs = [("F", (120.0, 150.0, "g/L")), ("M", (130.0, 170.0, "g/L"))]
        else:
            pairs = [(None, counted.most_common(1)[0][0])]
        for who, (lo, hi, u) in pairs:
            row = {test: code, sex: who, low: lo, high: hi, unit: u}
            out.append({n: v for n, v in row.items() if v is not None})
    return out


def fill_workbook(capture: Capture, entered: Filled, template: Path) -> None:
    """Type the entries into the workbook at `template`, labels where there is a list, and save it."""
    import openpyxl

    book = openpyxl.load_workbook(template)
    for form in capture.forms:
        sheet = book[sheet_names(capture)[form.name]]
        columns = {" ".join(str(c.value).split()): c.column for c in sheet[HEADER_ROW] if c.value}
        for row, entries in enumerate(entered[form.name], FIRST_ROW):
            for name, value in entries.items():
                heading = SUBJECT if name == SUBJECT else form.item(name).heading
                shown = value if name == SUBJECT else label_of(form.item(name), value)
                cell = sheet.cell(row, columns[heading])
                cell.value = shown
                if isinstance(shown, str):  # openpyxl would make a formula of "=mine"
                    cell.data_type = "s"
    book.save(template)


def label_of(item: Item, value: Any) -> Any:
    """What a person chooses or types for a value."""
    if item.type != "choice":
        return value
    known = {c.term.lower(): c.label for c in item.choices}
    label = known.get(str(value).lower())
    if label is None and not item.other:
        raise AssertionError(f"{item.name} has no answer {value!r}: {list(known)}")
    return value if label is None else label


def records_csv(capture: Capture, entered: Filled, path: Path) -> None:
    """Write the entries as REDCap exports them: raw codes, a row a record and one a repeat of an instrument."""
    fields: list[str] = []
    for form in capture.forms:
        for item in form.items:
            fields += [item.name, other_name(item)] if item.other else [item.name]
        fields.append(f"{form.name}_complete")
    rows: list[dict[str, Any]] = []
    once: dict[str, dict[str, Any]] = {}
    for form in capture.forms:
        times: Counter[str] = Counter()
        for entries in entered[form.name]:
            record = str(entries.get(SUBJECT) or entered["patient"][0][SUBJECT])
            codes = dict(_coded(form, entries))
            if not form.repeats:
                once.setdefault(record, {"record_id": record}).update(codes)
                continue
            times[record] += 1
            repeat = {"redcap_repeat_instrument": form.name, "redcap_repeat_instance": times[record]}
            rows.append({"record_id": record, **repeat, **codes})
    with path.open("w", encoding="utf-8", newline="") as f:
        keys = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
        writer = csv.DictWriter(f, [*keys, *fields], restval="")
        writer.writeheader()
        writer.writerows([*once.values(), *rows])


def _coded(form: Form, entries: FormRow) -> Iterable[tuple[str, Any]]:
    yield f"{form.name}_complete", 2
    for name, value in entries.items():
        if name == SUBJECT:
            continue
        item = form.item(name)
        if item.type != "choice":
            yield name, f"{value:.12g}" if isinstance(value, float) else value
            continue
        codes = {term.lower(): code for term, code in choice_codes(item).items()}
        code = codes.get(str(value).lower())
        if code is None and item.other:
            yield name, OTHER_CODE
            yield other_name(item), value
        else:
            assert code is not None, f"{name} has no answer {value!r}"
            yield name, code
