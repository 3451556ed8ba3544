"""JSON files of FHIR, one resource a line or one document, decoded strictly. In: a file. Out: what stands in it.

Both who reads resources and who copies them begin here, so that neither takes what the other refuses: a name that
stands twice in one object (it would hide one of two values), NaN, a number beyond all computers, nesting without end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from chartline.errors import SourceError
from chartline.sources.folder import SourceFile, seems
from chartline.sources.headings import number_text

LINES = (".ndjson", ".jsonl")
Decode = Callable[[str], Any]


def json_documents(file: SourceFile, decode: Decode) -> tuple[bool, Iterator[tuple[int, Any]]]:
    """Return whether a file holds one document a line, and its documents, each with its line (from 1).

    Raises SourceError, also while the documents are taken, for what is not JSON in UTF-8, and names the line.
    """
    text = _text(file)
    if file.name.lower().endswith(LINES):
        return True, _by_line(file, text, decode)
    try:
        document = _decoded(text, decode)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # one resource per line under the name .json
            return True, _by_line(file, text, decode)
        raise _malformed(file, error.lineno, error) from error
    return False, iter([(1, document)])


def _by_line(file: SourceFile, text: str, decode: Decode) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, _decoded(line, decode)
            except json.JSONDecodeError as error:
                raise _malformed(file, number, error) from error


def _text(file: SourceFile) -> str:
    data = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{file.name} is not JSON: it seems to be {seems(data)}",
            where=str(file.path),
            expected="JSON in UTF-8, as FHIR requires",
        ) from error


def _decoded(text: str, decode: Decode) -> Any:
    try:
        return decode(text)
    except RecursionError as error:
        raise json.JSONDecodeError("nested too deeply", text, 0) from error


def _malformed(file: SourceFile, line: int, error: json.JSONDecodeError) -> SourceError:
    return SourceError(
        f"{file.name}, line {line} is not valid JSON: {error.msg} (character {error.colno})",
        where=f"{file.name}!line {line}",
        do="export the file again; it was perhaps cut short",
    )


def _no_number(text: str) -> NoReturn:
    raise json.JSONDecodeError(f"{text} is not a JSON number", text, 0)


def _float_text(text: str) -> str:
    value = float(text)
    return number_text(value) if math.isfinite(value) else text  # a number too large for a computer stays as it is


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise json.JSONDecodeError("a number too large for a computer", text, 0)
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:  # thousands of digits
        raise json.JSONDecodeError("a number too large for a computer", text, 0) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a name that it has twice would hide one of two values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise json.JSONDecodeError(f"{twice!r} stands twice in one object", "", 0)
    return found


# Numbers as the texts that a cell of a table holds; or as numbers, to be written again.
DECODE_AS_TEXT: Decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float_text, parse_int=str, parse_constant=_no_number
).decode
DECODE: Decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_finite, parse_int=_whole, parse_constant=_no_number
).decode
