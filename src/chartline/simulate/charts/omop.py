"""The forms of a synthetic centre as OMOP CDM tables (CSV).

Laboratory values are rows of measurement, one a test, with their limits; every other row of a form is one row of the
table that such a thing belongs to, and what the form asked beyond its columns is packed into the source value
(`excycle=1|excyday=8|exdosm2=0.8`), as databases without standard concepts do it. The mapping is that of the forms with
every column replaced by what is read out of there.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from chartline.capture.model import Capture, Form, Item
from chartline.capture.workbook import sheet_names
from chartline.simulate.charts.draw import LEVELS, NUMBER, Filled
from chartline.simulate.charts.forms import Declared, shown
from chartline.simulate.charts.patients import Row

_EHR, _NONE = "32817", "0"  # concept ids: type "EHR"; no matching concept
_HOMES = {"doses": "drug_exposure", "adverse_events": "condition_occurrence", "transplants": "procedure_occurrence"}
_COLUMNS = {  # table -> id, concept, date, type, what holds the packed text, what tells the form
    "drug_exposure": ("drug_exposure_id", "drug_concept_id", "drug_exposure_start_date", "drug_type_concept_id", "sig",
                      "drug_source_value"),
    "condition_occurrence": ("condition_occurrence_id", "condition_concept_id", "condition_start_date",
                             "condition_type_concept_id", "condition_source_value", "condition_status_source_value"),
    "procedure_occurrence": ("procedure_occurrence_id", "procedure_concept_id", "procedure_date",
                             "procedure_type_concept_id", "procedure_source_value", "modifier_source_value"),
    "observation": ("observation_id", "observation_concept_id", "observation_date", "observation_type_concept_id",
                    "value_as_string", "observation_source_value"),
}  # fmt: skip
_MEASUREMENT = {
    "measurement_id": "number of the row",
    "measurement_concept_id": "no standard concept; see measurement_source_value",
    "measurement_type_concept_id": "all from the record",
}
_PERSON = {
    "gender_concept_id": "see the observation of the form",
    "year_of_birth": "see the observation of the form",
    "race_concept_id": "not used",
    "ethnicity_concept_id": "not used",
    "person_source_value": "the same as person_id",
}


def write_omop(capture: Capture, filled: Filled, folder: Path, declared: Declared) -> Declared:
    """Write the tables; return the mapping that reads them."""
    born = {str(r[NUMBER]): r for r in filled["patient"]}
    _table(folder / "person.csv", [_person(number, row) for number, row in born.items()])
    tables: dict[str, Any] = {
        "person": {"subject": "person_id", "one_row_per_subject": True, "ignore": _PERSON, "records": []}
    }
    rows: dict[str, list[Row]] = defaultdict(list)
    for form in capture.forms:
        home = "measurement" if form.name == "laboratory" else _HOMES.get(form.name, "observation")
        blocks = declared["tables"][sheet_names(capture)[form.name]]["records"]
        if form.of_centre:
            continue  # a database has limits beside its values
        if home == "measurement":
            rows[home] = [m for r in filled[form.name] for m in _measurements(form, r)]
            records = [_of_test(form, block) for block in blocks if "LBORRES" in block["variables"]]
            ignore = dict(_MEASUREMENT)
        else:
            rows[home] += [_packed(form, home, born, r) for r in filled[form.name]]
            records = [_unpacked(form, home, block) for block in blocks]
            number, concept, date, kind, *_ = _COLUMNS[home]
            ignore = {
                number: "number of the row",
                concept: "no standard concept",
                kind: "all from the record",
                date: "the same as in the source value",
            }
        table = tables.setdefault(home, {"subject": "person_id", "ignore": ignore, "records": []})
        table["records"] += records
    for name, written in rows.items():
        _table(folder / f"{name}.csv", [{f"{name}_id": i, **r} for i, r in enumerate(written, 1)])
        if not written:
            del tables[name]
    return declared | {"sources": [{"kind": "omop", "path": ".", "format": "csv"}], "tables": tables}


def _person(number: str, row: Row) -> Row:
    return {
        "person_id": number,
        "gender_concept_id": {"M": "8507", "F": "8532"}[row["sex"]],
        "year_of_birth": row["brthdtc"].year,
        "race_concept_id": _NONE,
        "ethnicity_concept_id": _NONE,
        "person_source_value": number,
    }


def _measurements(form: Form, row: Row) -> list[Row]:
    out = []
    for record in form.records:
        item = record.items.get("LBORRES", "")
        if row.get(item) is None:
            continue
        test = record.constants["LBTESTCD"]
        unit, *_, low, high = LEVELS[test]
        out.append(
            {
                "person_id": row[NUMBER],
                "measurement_concept_id": _NONE,
                "measurement_date": row["lbdtc"].isoformat(),
                "measurement_type_concept_id": _EHR,
                "value_as_number": row[item],
                "range_low": low,
                "range_high": high,
                "measurement_source_value": test,
                "unit_source_value": unit,
            }
        )
    return out


def _of_test(form: Form, block: Declared) -> Declared:
    test = block["variables"]["LBTESTCD"]["constant"]
    return {
        "domain": "LB",
        "where": {"measurement_source_value": test},
        "variables": {
            "LBTESTCD": {"constant": test},
            "LBDTC": "measurement_date",
            "LBORRES": {"column": "value_as_number", "unit": {"column": "unit_source_value"}},
            "LBSTNRLO": "range_low",
            "LBSTNRHI": "range_high",
        },
    }


def _packed(form: Form, home: str, born: dict[str, Row], row: Row) -> Row:
    _, concept, date, kind, text, told = _COLUMNS[home]
    dates = [row[i.name] for i in form.items if isinstance(row.get(i.name), dt.date)]
    said = (f"{i.name}={_plain(shown(i, row[i.name]))}" for i in form.items if row.get(i.name) is not None)
    return {
        "person_id": row[NUMBER],
        concept: _NONE,
        date: (dates[0] if dates else born[str(row[NUMBER])]["brthdtc"]).isoformat(),
        kind: _EHR,
        text: "|".join(said),
        told: form.name,
    }


def _plain(value: Any) -> str:
    return str(value).replace("|", "/")


def _unpacked(form: Form, home: str, block: Declared) -> Declared:
    *_, text, told = _COLUMNS[home]
    items = {i.heading: i for i in form.items}

    def value(said: Any) -> Any:
        if isinstance(said, str):
            return _read(text, items[said])
        if "column" not in said:
            return said
        return said | _read(text, items[said["column"]])

    tests = [_test(items[heading], test) for heading, test in block.get("where", {}).items()]
    where: dict[str, Any] = {told: form.name}
    if len(tests) == 1:
        where[text] = tests[0]
    return block | {"where": where, "variables": {v: value(said) for v, said in block["variables"].items()}}


def _read(text: str, item: Item) -> Declared:
    return {"column": text, "extract": rf"(?:^|\|){item.name}=([^|]*)", "extract_optional": True}


def _test(item: Item, test: Any) -> Any:
    words = test["not"] if isinstance(test, dict) else test
    pattern = rf"(?:^|\|){item.name}=(?:{'|'.join(re.escape(_plain(w)) for w in words)})(?:\||$)"
    return {"not": {"matches": pattern}} if isinstance(test, dict) else {"matches": pattern}


def _table(file: Path, rows: list[Row]) -> None:
    if not rows:
        return
    with file.open("w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
