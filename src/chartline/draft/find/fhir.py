"""FHIR resources of a folder: JSON and ndjson that holds resources, one at a time or in Bundles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath

from chartline.draft.find.found import Found, Spec
from chartline.errors import StudyError
from chartline.sources.folder import SourceFile

_JSON = (".ndjson", ".jsonl", ".json")


def take_fhir(files: list[SourceFile], found: Found) -> list[SourceFile]:
    """Read FHIR resources; return the files that are none."""
    good: list[SourceFile] = []
    rest: list[SourceFile] = []
    for file in files:
        if not file.name.lower().endswith(_JSON):
            rest.append(file)
            continue
        problem = _not_fhir(file)
        if problem:
            found.fail(file.name, problem)
        else:
            good.append(file)
    found.read_what_can_be(_specs, "fhir", [f.name for f in good])
    return rest


def _specs(names: Sequence[str]) -> list[Spec]:
    return [{"kind": "fhir", "path": _json_path(names)}]


def _json_path(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    if all("/" not in n for n in names):
        endings = {PurePosixPath(n).suffix for n in names}
        return f"*{next(iter(endings))}" if len(endings) == 1 else "."
    return "**json"


def _not_fhir(file: SourceFile) -> StudyError | str:
    try:
        text = file.read().decode("utf-8-sig")
    except StudyError as error:
        return error
    except UnicodeDecodeError:
        return "it is not JSON in UTF-8"
    if '"resourceType"' not in text:
        return "it is JSON, but holds no FHIR resource"
    first = text.lstrip()[:1]
    if first == "[":
        return "it is a list, not a FHIR resource, a Bundle or one resource a line"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            return f"line {error.lineno} is not valid JSON: {error.msg}"
    return ""
