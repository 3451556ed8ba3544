"""Mapping file -> Mapping. In: path of a YAML file. Out: a frozen Mapping, or MappingError with the line at fault.

All scalars are loaded as text and typed by the model, so nothing that a data manager writes changes on the way:
`01` keeps its zero, `N` and `no` stay words, `1_000` and `0x1F` are not numbers.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chartline.errors import MappingError
from chartline.mapping import model
from chartline.mapping.model import Mapping

_NAMED = {name: getattr(model, name) for name in ("UnitColumn", "ValueSpec", "Match")}


def load_mapping(path: Path) -> Mapping:
    """Read and check one mapping file; raise MappingError naming file, line and the nearest allowed key."""
    text = _read(path)
    data = _parse(text, path)
    if not isinstance(data, dict):
        raise MappingError("The mapping file is empty or not a list of keys.", where=str(path), expected="chartline: mapping/1")
    try:
        mapping = Mapping.model_validate(data)
    except ValidationError as e:
        raise _explain(e, text, path) from None
    return mapping


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MappingError("The mapping file does not exist.", where=str(path), do="correct its path in the protocol") from None
    except (OSError, UnicodeDecodeError) as e:
        raise MappingError(f"The mapping file cannot be read: {e}", where=str(path), expected="a text file in UTF-8") from None


def _parse(text: str, path: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="base").load(text)
    except MarkedYAMLError as e:
        line = f"{path}, line {e.problem_mark.line + 1}" if e.problem_mark else str(path)
        raise MappingError(f"The mapping is not valid YAML: {e.problem}", where=line, do="correct the line") from None
    except YAMLError as e:
        raise MappingError(f"The mapping is not valid YAML: {e}", where=str(path)) from None


def _explain(error: ValidationError, text: str, path: Path) -> MappingError:
    """Name the first fault (and count the others): what, key path, line, nearest allowed key."""
    faults = error.errors(include_url=False, include_context=False)
    first = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    loc = tuple(p for p in first["loc"] if p not in _TAGS)
    line = line_of(text, loc)
    more = f" ({len(faults)} faults in all)" if len(faults) > 1 else ""
    expected, do = "", "correct the line"
    if first["type"] == "extra_forbidden":
        allowed = _allowed_keys(first["loc"])
        near = difflib.get_close_matches(str(loc[-1]), allowed, 1, 0.5)
        what = f"`{loc[-1]}` is not a key that is known here{more}."
        expected = ", ".join(allowed)
        do = f"did you mean `{near[0]}`?" if near else "remove the key"
    else:
        what = f"`{_dotted(loc)}`: {first['msg'].removeprefix('Value error, ')}{more}"
    return MappingError(what, where=f"{path}, line {line} ({_dotted(loc)})", expected=expected, do=do)


_TAGS = {"text", "list", "[key]", *_NAMED}


def _dotted(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(p + 1) if isinstance(p, int) else p for p in loc)


def line_of(text: str, loc: tuple[int | str, ...]) -> int:
    """Return the line (from 1) of the key at `loc`, or of its nearest parent that exists."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    node = YAML(typ="base").compose(text)
    line = node.start_mark.line + 1
    for part in loc:
        if isinstance(node, MappingNode):
            hit = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if hit is None:
                break
            line, node = hit[0].start_mark.line + 1, hit[1]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _allowed_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Walk the models along a location and return the keys of the model that refused the last part."""
    here: Any = Mapping
    for part in loc[:-1]:
        if part in _NAMED:
            here = _NAMED[str(part)]
        elif isinstance(part, str) and hasattr(here, "model_fields"):
            field = next((f for n, f in here.model_fields.items() if part in (n, f.alias)), None)
            here = _model_in(field.annotation) if field else here
    return [f.alias or n for n, f in here.model_fields.items()] if hasattr(here, "model_fields") else []


def _model_in(annotation: Any) -> Any:
    """Return the one model inside an annotation such as `tuple[Records, ...] | None`."""
    if hasattr(annotation, "model_fields"):
        return annotation
    for arg in getattr(annotation, "__args__", ()):
        found = _model_in(arg)
        if found is not None:
            return found
    return None
