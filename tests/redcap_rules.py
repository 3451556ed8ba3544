"""REDCap's rules of a data dictionary, written down from what its help and training pages publish.

A dictionary that breaks one of them is refused at upload, or makes a form that cannot be used. `faults` names each with
its row. The rules are tried on real dictionaries (tests/spec/test_capture_redcap.py), so that they are not stricter
than REDCap.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

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
TYPES = {
    *("text", "notes", "dropdown", "radio", "checkbox", "file", "calc", "sql", "descriptive", "slider"),
    *("yesno", "truefalse"),
}
VALIDATIONS = {
    *("date_dmy", "date_mdy", "date_ymd", "datetime_dmy", "datetime_mdy", "datetime_ymd"),
    *("datetime_seconds_dmy", "datetime_seconds_mdy", "datetime_seconds_ymd", "email", "integer", "alpha_only"),
    *("number", "number_1dp", "number_2dp", "number_3dp", "number_4dp", "number_comma_decimal", "phone", "time"),
    *("time_mm_ss", "zipcode", "ssn", "mrn_10d", "mrn_generic", "postalcode_canada", "autocomplete", "signature"),
    *("number_1dp_comma_decimal", "number_2dp_comma_decimal", "number_3dp_comma_decimal"),
    *("number_4dp_comma_decimal", "vmrn", "phone_australia", "postalcode_australia"),
    *("postalcode_french", "postalcode_germany", "time_hh_mm_ss", "phone_uk"),
}
_CHOSEN = ("dropdown", "radio", "checkbox")
_NAME = re.compile(r"[a-z](?:[a-z0-9]|_(?!_))*(?<!_)")
_LIMITS = {
    "number": r"-?\d+(\.\d+)?(e[+-]?\d+)?",
    "integer": r"-?\d+",
    "date_ymd": r"\d{4}-\d{2}-\d{2}",
}
Row = dict[str, str]


def faults(header: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return every broken rule as one sentence, with the field."""
    if tuple(header[:18]) != COLUMNS:
        return [f"the columns are {header[:18]}"]
    return [f"{row[COLUMNS[0]] or '(blank)'}: {said}" for row in rows for said in _of_field(row, rows)] + list(
        _of_project(rows)
    )


def _of_project(rows: Sequence[Row]) -> Iterator[str]:
    names = Counter(row[COLUMNS[0]] for row in rows)
    yield from (f"{name}: named {n} times" for name, n in names.items() if n > 1)
    seen: list[str] = []
    for row in rows:
        form = row[COLUMNS[1]]
        if form in seen and seen[-1] != form:
            yield f"{form}: its fields do not stand together"
        if not seen or seen[-1] != form:
            seen.append(form)
    if rows and rows[0][COLUMNS[3]] != "text":
        yield f"{rows[0][COLUMNS[0]]}: the first field is the record id and must be a text field"


def _of_field(row: Row, rows: Sequence[Row]) -> Iterator[str]:
    name, form, _, kind, label, choices, _, validation, low, high, identifier, branching, required = (
        row[c] for c in COLUMNS[:13]
    )
    if not _NAME.fullmatch(name):
        yield "a name is small letters, digits and single underscores, begins with a letter and ends with none"
    if len(name) > 100:
        yield "a name has at most 100 characters"
    if not re.fullmatch(r"[a-z0-9_]+", form) or not form[:1].isalpha():
        yield f"the form name {form!r} is no name"
    if kind not in TYPES:
        yield f"there is no field type {kind!r}"
    if kind != "descriptive" and not label.strip():
        yield "a field needs a label"
    yield from _of_choices(kind, choices)
    if validation and validation not in VALIDATIONS:
        yield f"there is no validation {validation!r}"
    if validation and kind not in ("text", "slider", "dropdown", "radio", "file", "sql"):
        yield f"a {kind} field has no validation"
    for limit in (low, high):
        if limit and not validation and kind != "slider":
            yield "a limit needs a validation"
        if limit and validation in _LIMITS and not re.fullmatch(_LIMITS[validation], limit):
            yield f"the limit {limit!r} is no {validation}"
    if low and high and validation in ("number", "integer") and float(low) > float(high):
        yield "the lowest value is above the highest"
    if identifier not in ("", "y") or required not in ("", "y"):
        yield "identifier and required are y or blank"
    yield from _of_branching(branching, rows)


def _of_choices(kind: str, choices: str) -> Iterator[str]:
    if kind in _CHOSEN and not choices.strip():
        yield "a list needs choices"
    if kind in ("yesno", "truefalse") and choices.strip():
        yield f"the choices of {kind} are fixed"
    if kind not in _CHOSEN:
        return
    codes = []
    for choice in choices.split("|"):
        code, comma, _ = (part.strip() for part in choice.partition(","))
        if not comma or not code:  # a label may be blank
            yield f"the choice {choice.strip()!r} is not `code, label`"
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", code):
            yield f"the code {code!r} has other signs than letters, digits, point, stroke and underscore"
        codes.append(code)
    if len({c.lower() for c in codes}) < len(codes):
        yield "two choices have one code"


def _of_branching(text: str, rows: Sequence[Row]) -> Iterator[str]:
    kinds = {row[COLUMNS[0]]: row for row in rows}
    for name, box in re.findall(r"\[([a-z0-9_]+)(?:\(([^)]*)\))?\]", text):
        if name not in kinds:
            yield f"branching reads [{name}], which is no field"
        elif box and kinds[name][COLUMNS[3]] != "checkbox":
            yield f"branching reads a box of [{name}], which is none"
    for name, code in re.findall(r"\[([a-z0-9_]+)\]\s*=\s*['\"]([^'\"]+)['\"]", text):
        offered = kinds.get(name, {}).get(COLUMNS[5], "")
        if kinds.get(name, {}).get(COLUMNS[3]) in _CHOSEN:
            known = {c.partition(",")[0].strip() for c in offered.split("|")}
            if code not in known:
                yield f"branching compares [{name}] with {code!r}, which it does not offer"
    open_, shut = (sum(text.count(sign) for sign in signs) for signs in ("([", ")]"))
    if open_ != shut or text.count("'") % 2 or text.count('"') % 2:
        yield "brackets or quotation marks do not match"
