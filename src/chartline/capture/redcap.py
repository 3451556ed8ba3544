"""The REDCap data dictionary: the 18 columns that REDCap takes, in its order; and which instruments repeat.

In: a `Capture`. Out: rows and files. The rules of a dictionary (names, types, choices, validation, branching) are
written down in `tests/redcap_rules.py`, and tried on real dictionaries. REDCap does not keep in a
dictionary which instruments repeat: that is a second file, as its API imports it, and one line for a person to follow.

A date that may be a month or a year alone, and a number that may be "<0.01", are text fields: REDCap's date and number
fields would refuse them, and somebody would make up the rest.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from chartline.capture.cell_rules import range_words
from chartline.capture.model import Capture, Form, Item
from chartline.capture.reading import OTHER_CODE, choice_codes, is_yes_no, other_name

COLUMNS = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
_EARLIEST = "1900-01-01"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = dict[str, str]


def dictionary_text(capture: Capture) -> str:
    """Return the data dictionary as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _no_formula(text) for name, text in row.items()} for row in dictionary_rows(capture))
    return out.getvalue()


def dictionary_rows(capture: Capture) -> Iterator[Row]:
    """Yield one row a field: the record id, then every item in the order of the forms."""
    for n, form in enumerate(capture.forms):
        if n == 0:
            yield _row(
                form, "record_id", "text", "Number of the patient in this study", note="No name and no hospital number."
            )
        for i, item in enumerate(form.items):
            section = f"One entry for {form.each}. {form.when}." if i == 0 else ""
            yield _field(form, item, section, capture.last_day)
            if item.other:
                only = f"[{item.name}] = '{OTHER_CODE}'"
                label = f"{item.label}: in your own words"
                yield _row(form, other_name(item), "text", label, branching=only, required=item.required)


def instruments_text(capture: Capture) -> str:
    """Return which instruments repeat, in the form in which REDCap's API imports it."""
    repeat = [{"form_name": f.name, "custom_form_label": _instance(f)} for f in capture.forms if f.repeats]
    return json.dumps(repeat, indent=2, ensure_ascii=False) + "\n"


def _instance(form: Form) -> str:
    """What tells one entry of a repeating instrument from another: its first item."""
    return f"[{form.items[0].name}]"


def _field(form: Form, item: Item, section: str, last_day: str) -> Row:
    kind, validation = _type_of(item)
    low, high = _range(item, validation, last_day)
    return _row(
        form,
        item.name,
        kind,
        item.label,
        section=section,
        choices=_choices(item) if kind == "dropdown" else "",
        note=_note(item, validation),
        validation=validation,
        low=low,
        high=high,
        identifier=item.identifier,
        branching=_branching(form, item),
        required=item.required,
    )


def _row(
    form: Form,
    name: str,
    kind: str,
    label: str,
    *,
    section: str = "",
    choices: str = "",
    note: str = "",
    validation: str = "",
    low: str = "",
    high: str = "",
    identifier: bool = False,
    branching: str = "",
    required: bool = False,
) -> Row:
    given = (name, form.name, section, kind, label, choices, note, validation, low, high)
    flags = ("y" if identifier else "", branching, "y" if required else "")
    return dict(zip(COLUMNS, (*given, *flags), strict=False))


def _type_of(item: Item) -> tuple[str, str]:
    """Return field type and validation type."""
    if item.type == "choice":
        return ("yesno" if is_yes_no(item) else "dropdown"), ""
    if item.type == "date":
        return "text", "" if item.partial else "date_ymd"
    if item.type in ("number", "integer") and not item.bounds:
        return "text", item.type
    return "text", ""


def _choices(item: Item) -> str:
    codes = choice_codes(item)
    pairs = [f"{codes[c.term]}, {_one_line(c.label).replace('|', '/')}" for c in item.choices]
    return " | ".join([*pairs, *([f"{OTHER_CODE}, Other"] if item.other else [])])


def _range(item: Item, validation: str, last_day: str) -> tuple[str, str]:
    if validation == "date_ymd":
        return _EARLIEST, last_day
    if validation in ("number", "integer"):
        return tuple("" if x is None else f"{x:.12g}" for x in (item.low, item.high))  # type: ignore[return-value]
    return "", ""


def _note(item: Item, validation: str) -> str:
    parts = [item.unit, item.help]
    if item.bounds:
        parts.append(f"a number{range_words(item)}; <5 and 5 to 10 may be written too")
    if item.type == "date" and not validation:
        parts.append("yyyy-mm-dd; yyyy-mm or yyyy where the rest is not known.")
    return _one_line("; ".join(p for p in parts if p))


def _branching(form: Form, item: Item) -> str:
    if item.asked_if is None:
        return ""
    name, terms = item.asked_if
    if not terms:
        return f"[{name}] <> ''"
    codes = choice_codes(form.item(name))
    return " or ".join(f"[{name}] = '{codes[t]}'" for t in terms)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _no_formula(text: str) -> str:
    """A spreadsheet that opens the file must not take a label for a formula; REDCap trims the blank."""
    return f" {text}" if text.startswith(_FORMULA) else text
