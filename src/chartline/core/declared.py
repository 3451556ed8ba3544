"""Reading declarations (protocols, mappings, rule sets) from YAML, with the line of whatever is wrong.

YAML 1.2 rules: `N`, `no` and `off` are text. The fast C parser reads the file; only when something is wrong is it read
again with positions, to name the line.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chartline.errors import StudyError

M = TypeVar("M", bound=BaseModel)


def load_declaration(path: Path, model: type[M], error: type[StudyError], as_text: bool = False) -> M:
    """Return the declaration in `path` as `model`; raise `error` naming file, line and what was expected.

    `as_text` leaves every plain value as it is written (`01`, `1_000`, `1.0`) and lets the model alone give it a type.
    """
    return parse_declaration(read_text(path, error), model, error, str(path), as_text)


def read_text(path: Path, error: type[StudyError]) -> str:
    """Return a text file's content; raise `error` where it is missing, a folder, or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise error(
            f"There is no file {path.name}",
            where=str(path.parent),
            expected=f"one of: {', '.join(near)}" if near else "a YAML file",
            do="check the name, or name the folder that holds it",
        ) from None
    except IsADirectoryError:
        raise error(f"{path.name} is a folder, not a file", where=str(path), do="name the file in it") from None
    except UnicodeDecodeError as e:
        raise error(f"{path.name} is not UTF-8 text (byte {e.start})", where=str(path), do="save it as UTF-8") from None
    except PermissionError:
        raise error(f"{path.name} may not be read", where=str(path), do="give read permission") from None


def parse_declaration(text: str, model: type[M], error: type[StudyError], name: str, as_text: bool = False) -> M:
    """Return `text` (YAML) as `model`; see `load_declaration`."""
    from ruamel.yaml.error import YAMLError

    try:
        plain = _yaml("base" if as_text else "safe").load(text)
    except YAMLError as e:
        mark = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        problem = getattr(e, "problem", None) or "not valid YAML"
        raise error(
            f"{Path(name).name} is not valid YAML: {problem}",
            where=f"{name}{line}",
            do="check indentation, quotes and colons",
        ) from None
    if not isinstance(plain, dict):
        raise error(f"{Path(name).name} holds no declaration", where=name, expected="keys and values", do="see docs/")
    try:
        return model.model_validate(plain)
    except ValidationError as e:
        raise _explain(e, text, model, error, name) from None


def _yaml(kind: str) -> Any:
    """A YAML reader that leaves dates as text: the model reads them, and can say which one cannot be."""
    from ruamel.yaml import YAML

    reader = YAML(typ=kind)
    if kind == "base":
        return reader
    text_dates: Any = type("TextDates", (reader.Constructor,), {})
    text_dates.add_constructor("tag:yaml.org,2002:timestamp", reader.Constructor.construct_yaml_str)
    reader.Constructor = text_dates
    return reader


def _explain(e: ValidationError, text: str, model: type[BaseModel], error: type[StudyError], name: str) -> StudyError:
    # A misspelt key is both unknown and missing: the unknown one is the one to show.
    first = min(e.errors(), key=lambda d: (d["type"] == "missing", _line(text, d["loc"])))
    loc = [p for p in first["loc"] if p != "[key]"]
    line = _line(text, first["loc"])
    where = f"{name} line {line}, at {_path(loc)}"
    more = f" ({e.error_count() - 1} more after it)" if e.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        key = str(loc[-1])
        known = _keys_at(model, loc[:-1])
        near = difflib.get_close_matches(key, known, n=1)
        return error(
            f"The key `{key}` is not known here{more}",
            where=where,
            expected=("did you mean `" + near[0] + "`? " if near else "") + f"known keys: {', '.join(known)}",
            do="correct or remove it",
        )
    if first["type"] == "missing":
        return error(f"The key `{loc[-1]}` is missing{more}", where=where, expected="this key is required", do="add it")
    got = first.get("input")
    shown = f"; found `{got}`" if isinstance(got, str | int | float | bool) else ""
    message = first["msg"].removeprefix("Value error, ")
    return error(f"{message}{shown}{more}", where=where, do="correct the value")


def _path(loc: list[Any]) -> str:
    out = ""
    for part in loc:
        out += f"[{part}]" if isinstance(part, int) else f"{'.' if out else ''}{part}"
    return out or "the top"


def _line(text: str, loc: tuple[Any, ...]) -> int:
    """Return the 1-based line of the deepest part of `loc` that stands in the text."""
    node: Any = _yaml("rt").load(text)
    line = 0
    for part in loc:
        data = getattr(node, "lc", None)
        try:
            position = data.data[part] if data is not None else None
            node = node[part]
        except (KeyError, IndexError, TypeError):
            continue  # a discriminator or a missing key: stay at the parent
        if position is not None:
            line = position[0]
    return line + 1


def _keys_at(model: type[BaseModel], loc: list[Any]) -> list[str]:
    """Return the keys allowed at `loc`, found in the JSON Schema of the model."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    candidates = [schema]
    for part in loc:
        following: list[dict[str, Any]] = []
        for s in _alternatives(candidates, definitions):
            if isinstance(part, int):
                if "items" in s:
                    following.append(s["items"])
                following.extend(s.get("prefixItems", [])[part : part + 1])
            elif part in s.get("properties", {}):
                following.append(s["properties"][part])
            elif isinstance(s.get("additionalProperties"), dict):
                following.append(s["additionalProperties"])
        tagged = [s for s in _alternatives(candidates, definitions) if _tag(s) == part]
        candidates = following or tagged or candidates
    keys = {k for s in _alternatives(candidates, definitions) for k in s.get("properties", {})}
    return sorted(keys)


def _alternatives(schemas: list[dict[str, Any]], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for s in schemas:
        if "$ref" in s:
            out += _alternatives([definitions[s["$ref"].rsplit("/", 1)[1]]], definitions)
        elif "anyOf" in s or "oneOf" in s:
            out += _alternatives(s.get("anyOf", []) + s.get("oneOf", []), definitions)
        else:
            out.append(s)
    return out


def _tag(s: dict[str, Any]) -> Any:
    return s.get("properties", {}).get("kind", {}).get("const")
