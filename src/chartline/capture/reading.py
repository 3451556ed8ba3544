"""The mapping that reads a filled workbook or REDCap project back, signed by what wrote the form.

A mapping is signed because somebody who knows says that it means what the centre meant. Here the question itself was
written by the study: the template says what each column is, so the template signs, by its version and by the digest of
everything that it asks. A workbook whose headings were changed no longer fits, and is refused with the column's name.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from chartline.capture.model import Capture, Form, Item, Record
from chartline.mapping.model import Mapping

SUBJECT = "Patient"
HEADER_ROW, FIRST_ROW = 2, 3
OTHER_CODE = "99"
_REDCAP_OWN = {
    "redcap_*": "keys of REDCap",
    "*_complete": "state of the form",
    "*_timestamp": "when a survey was filled in",
}
Column = Callable[[Item], str]
Words = Callable[[Item], "dict[str, str] | None"]  # term -> the word that stands for it; None: as it stands


def workbook_mapping(capture: Capture, centre: str, label: str, workbook: str, sheets: dict[str, str], day: dt.date,
                     version: str, left: dict[str, str]) -> dict[str, Any]:  # fmt: skip
    """Return the mapping of the workbook as plain values. `sheets`: form -> its sheet; `left`: sheets not read."""
    tables = {}
    for form in capture.forms:
        tables[sheets[form.name]] = _table(form, SUBJECT, lambda i: i.heading, _labels, _open_in_workbook)
    read = {sheet: {"header_row": HEADER_ROW, "first_row": FIRST_ROW} for sheet in sheets.values()}
    return {
        **_head(capture, centre, label, "workbook template", day, version),
        "sources": [{"kind": "xlsx", "path": workbook, "sheets": read, "other_sheets": left}],
        "dates": {"order": "ISO", "partial": True, "true_dates": "as_is"},
        "subject_prefix": f"{centre}-",
        "tables": tables,
    }


def redcap_mapping(
    capture: Capture, centre: str, label: str, records: str, dictionary: str, day: dt.date, version: str
) -> dict[str, Any]:
    """Return the mapping of an export of the REDCap project as plain values."""
    tables = {}
    for form in capture.forms:
        table = _table(form, "record_id", lambda i: i.name, _codes, _open_in_redcap)
        table["ignore"] = dict(_REDCAP_OWN)
        if form.of_centre:
            table["ignore"]["record_id"] = "the record on which the centre's limits were entered"
        tables[form.name] = table
    return {
        **_head(capture, centre, label, "REDCap dictionary", day, version),
        "sources": [{"kind": "redcap", "records": records, "dictionary": dictionary}],
        "dates": {"order": "ISO", "partial": True},
        "subject_prefix": f"{centre}-",
        "tables": tables,
    }


def _head(capture: Capture, centre: str, label: str, what: str, day: dt.date, version: str) -> dict[str, Any]:
    return {
        "chartline": "mapping/1",
        "centre": centre,
        "label": label or f"Centre {centre}",
        "signed_by": f"chartline {version}, {what} of {capture.study}, digest {capture.digest}",
        "signed_on": day.isoformat(),
    }


def _table(
    form: Form, subject: str, column: Column, words: Words, other: Callable[[Form, Item], Any]
) -> dict[str, Any]:
    out: dict[str, Any] = {} if form.of_centre else {"subject": subject}
    if not form.repeats:
        out["one_row_per_subject"] = True
    out["records"] = [block for r in form.records for block in _blocks(form, r, column, words, other)]
    return out


def _blocks(
    form: Form, record: Record, column: Column, words: Words, other: Callable[[Form, Item], Any]
) -> Iterator[Any]:
    """One block a record; of an item that takes other words than its list, one for the list and one for the rest."""
    ways: list[list[tuple[str, Any, dict[str, Any]]]] = []
    for variable, name in record.items.items():
        item = form.item(name)
        listed = words(item)
        value: dict[str, Any] = {"column": column(item)}
        if listed is not None:
            value["codes"] = {term: [word] for term, word in listed.items()}
        if item.type == "date" and not item.partial:
            value["dates"] = {"partial": False}
        if variable in record.units:
            kind, unit = record.units[variable]
            value["unit"] = _unit(form.item(unit), column, words) if kind == "item" else unit
        plain = value["column"] if len(value) == 1 else value
        if item.other and listed is not None:
            known = list(listed.values())
            rest = {column(item): {"not": known}}
            ways.append([(variable, plain, {column(item): known}), (variable, other(form, item), rest)])
        else:
            ways.append([(variable, plain, {})])
    constants = {v: {"constant": text} for v, text in record.constants.items()}
    for way in itertools.product(*ways):
        block: dict[str, Any] = {"domain": record.domain}
        where = {c: test for _, _, asked in way for c, test in asked.items()}
        if where:
            block["where"] = where
        if record.anchor:
            block["anchor"] = list(record.anchor)
        block["variables"] = {**constants, **{v: value for v, value, _ in way}}
        yield block


def _unit(item: Item, column: Column, words: Words) -> dict[str, Any]:
    """The column of a unit, with its codes where the word in it is not the unit itself."""
    listed = words(item) or {}
    codes = {unit: [word] for unit, word in listed.items() if unit != word}
    return {"column": column(item), **({"codes": codes} if codes else {})}


def _labels(item: Item) -> dict[str, str] | None:
    """In a workbook the word is the label; a list that shows the terms themselves is read as it stands."""
    if item.type != "choice" or (item.other and all(c.term == c.label for c in item.choices)):
        return None
    return {c.term: c.label for c in item.choices}


def _open_in_workbook(form: Form, item: Item) -> Any:
    return item.heading


def choice_codes(item: Item) -> dict[str, str]:
    """Return term -> code of a REDCap choice: 1, 2, ... in order; yes is 1 and no is 0."""
    if is_yes_no(item):
        return {"Y": "1", "N": "0"}
    return {c.term: str(n + (n >= int(OTHER_CODE))) for n, c in enumerate(item.choices, 1)}


def is_yes_no(item: Item) -> bool:
    return [c.term for c in item.choices] == ["Y", "N"] and not item.other


def _codes(item: Item) -> dict[str, str] | None:
    return choice_codes(item) if item.type == "choice" else None


def other_name(item: Item) -> str:
    """The REDCap field for an answer that is not in the list."""
    return f"{item.name[:20].rstrip('_')}_other"


def _open_in_redcap(form: Form, item: Item) -> Any:
    return other_name(item)


# as a file ---------------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/]*(?: [A-Za-z0-9_/]+)*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_UNPRINTED = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")  # JSON leaves them as they are, YAML may not
WIDTH = 118


def mapping_text(declared: dict[str, Any], comment: str) -> str:
    """Return a mapping as YAML that a person can read: short parts on one line, long ones below each other.

    Raises whatever is wrong with it as a declaration (`Mapping`), so that no file is written that cannot be read.
    """
    Mapping.model_validate(declared)
    lines = [f"# {line}" for line in comment.splitlines()]
    for key, value in declared.items():
        lines += _entry(f"{key}:", value, 0)
    return "\n".join(lines) + "\n"


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    short = f"{pad}{head} {_flow(value)}"
    if not isinstance(value, dict | list) or not value or (depth and len(short) <= WIDTH):
        yield short
        return
    yield f"{pad}{head}"
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _entry(f"{_flow(key)}:", inner, depth + 1)
        return
    for inner in value:
        flow = f"{pad}  - {_flow(inner)}"
        if not isinstance(inner, dict) or len(flow) <= WIDTH:
            yield flow
            continue
        first, *rest = (line for k, v in inner.items() for line in _entry(f"{_flow(k)}:", v, depth + 2))
        yield f"{pad}  - {first.strip()}"
        yield from rest


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool | int):
        return json.dumps(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else _UNPRINTED.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(text, ensure_ascii=False))
