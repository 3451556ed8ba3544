"""Reading declarations (protocols, mappings, rule sets) from YAML, with the line of whatever is wrong.

YAML 1.2 rules: `N`, `no` and `off` are text. A file is parsed once: its values are built from the parser's events, and
so is the line of whatever is wrong.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chartline.core.faults import told
from chartline.errors import StudyError

M = TypeVar("M", bound=BaseModel)

# Far above any declaration, far below what fills memory: aliases can make a few lines stand for millions of values.
_MOST_BYTES = 8 << 20
_MOST_VALUES = 500_000
_MOST_LEVELS = 50


def load_declaration(path: Path, model: type[M], error: type[StudyError], as_text: bool = False) -> M:
    """Return the declaration in `path` as `model`; raise `error` naming file, line and what was expected.

    `as_text` leaves every plain value as it is written (`01`, `1_000`, `1.0`) and lets the model alone give it a type.
    """
    return parse_declaration(read_text(path, error), model, error, str(path), as_text)


def read_text(path: Path, error: type[StudyError]) -> str:
    """Return a text file's content; raise `error` where it is missing, a folder, or not UTF-8."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise error(
                f"{path.name} is far too large ({path.stat().st_size >> 20} MB)", where=str(path),
                expected=f"a declaration of at most {_MOST_BYTES >> 20} MB", do="check the name of the file",
            )  # fmt: skip
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise error(
            f"There is no file {path.name}",
            where=str(path.parent.resolve()),
            expected=f"one of: {', '.join(near)}" if near else "a YAML file",
            do="check the name, or name the folder that holds it",
        ) from None
    except IsADirectoryError:
        raise error(f"{path.name} is a folder, not a file", where=str(path), do="name the file in it") from None
    except UnicodeDecodeError as e:
        raise error(f"{path.name} is not UTF-8 text (byte {e.start})", where=str(path), do="save it as UTF-8") from None
    except PermissionError:
        raise error(f"{path.name} may not be read", where=str(path), do="give read permission") from None
    except OSError as e:
        raise error(f"{path.name} cannot be read: {e.strerror}", where=str(path), do="check the name") from None


def parse_declaration(text: str, model: type[M], error: type[StudyError], name: str, as_text: bool = False) -> M:
    """Return `text` (YAML) as `model`; see `load_declaration`. The same text is the same object: models are frozen."""
    from ruamel.yaml.error import YAMLError

    kind = "base" if as_text else "safe"
    known: list[M] = _known(model, text, kind)
    if known:
        return known[0]
    try:
        plain = _simple(text, kind)
        if plain is None:
            plain = _yaml(kind).load(text)
    except YAMLError as e:
        mark = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        problem = (getattr(e, "problem", None) or "not valid YAML").partition(" with value ")[0]  # which is the file
        raise error(
            f"{Path(name).name} is not valid YAML: {problem}",
            where=f"{name}{line}",
            do="check indentation, quotes and colons",
        ) from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as e:
        # a number of thousands of digits, `!!bool perhaps`, and whatever else a document can ask of its reader
        raise error(
            f"{Path(name).name} holds what no declaration holds: {e}", where=name, do="see docs/ for what it may say"
        ) from None
    if not isinstance(plain, dict):
        raise error(f"{Path(name).name} holds no declaration", where=name, expected="keys and values", do="see docs/")
    try:
        known.append(model.model_validate(plain))
    except ValidationError as e:
        raise _explain(e, text, model, error, name) from None
    return known[0]


@lru_cache(32)  # a command reads a study more than once, and of all of its files YAML takes the longest for its size
def _known(model: type[M], text: str, kind: str) -> list[M]:
    """Return what was made of this text; nothing where it is new, or wrong."""
    return []


def _yaml(kind: str) -> Any:
    """A YAML reader that leaves dates as text: the model reads them, and can say which one cannot be."""
    from ruamel.yaml import YAML

    reader = YAML(typ=kind, pure=True)
    if kind != "base":
        reader.Constructor = _text_dates(reader.Constructor)
    return reader


def _text_dates(constructor: Any) -> Any:
    text_dates: Any = type("TextDates", (constructor,), {})
    text_dates.add_constructor("tag:yaml.org,2002:timestamp", constructor.construct_yaml_str)
    return text_dates


@lru_cache(2)  # where something is wrong, its line is looked for in what was just read
def _events(text: str) -> tuple[Any, ...]:
    """Return the parser's events. Raises YAMLError for no YAML, ValueError for more than `_Extent` takes."""
    from ruamel.yaml import YAML

    extent, events = _Extent(), []
    # Pure: the parser in C, which ruamel takes where it is installed, reads some texts otherwise (`{unit?: x}`).
    for event in YAML(typ="safe", pure=True).parse(text):
        extent.take(event)
        events.append(event)
    return tuple(events)


def _simple(text: str, kind: str) -> Any:
    """Return a document straight from the parser's events, in a third of the time that ruamel's own `load` takes.

    None where it holds more than mappings, lists, scalars and their anchors: tags, merge and repeated keys, keys that
    are not scalars, several documents. `load` knows what to do with those, and how to complain.
    """
    from ruamel.yaml.error import YAMLError

    events = _events(text)
    builder = _Builder(str if kind == "base" else _scalar_reader())
    try:
        for event in events:
            builder.take(event)
    except (_NotSimple, YAMLError):
        return None
    return builder.top[0] if len(builder.top) == 1 else None


class _NotSimple(Exception):
    """The document holds something that `_Builder` leaves to others."""


class _Extent:
    """Counts the values of a document with all aliases written out, and its levels, before they are built."""

    def __init__(self) -> None:
        self._values = 0
        self._open: list[tuple[str | None, int]] = []  # the anchors of what is open, and the values before it
        self._sizes: dict[str, int] = {}

    def take(self, event: Any) -> None:
        """Note one event. Raises ValueError where the document is larger or deeper than any declaration."""
        name = type(event).__name__
        if name == "AliasEvent":
            if any(anchor == event.anchor for anchor, _ in self._open):
                raise ValueError(f"`*{event.anchor}` stands inside of what it stands for")
            self._values += self._sizes.get(event.anchor, 1)
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            self._open.append((event.anchor, self._values))
            self._values += 1
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            anchor, before = self._open.pop()
            if anchor:
                self._sizes[anchor] = self._values - before
        elif name == "ScalarEvent":
            if not event.value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in event.value):
                raise ValueError("half of a character (a lone surrogate)")
            self._values += 1
            if event.anchor:
                self._sizes[event.anchor] = 1
        if self._values > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES:,} values, its aliases written out")
        if len(self._open) > _MOST_LEVELS:
            raise ValueError(f"lists and mappings nested in more than {_MOST_LEVELS} levels")


class _Builder:
    """Builds dicts and lists from parser events. `read` gives unquoted scalars their type."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self.top: list[Any] = []  # the documents
        self._read = read
        self._around: list[Any] = [self.top]  # the containers around the next event, the outermost first
        self._keys: list[tuple[Any] | None] = [None]  # in each, the key that waits for its value
        self._anchors: dict[str, Any] = {}

    def take(self, event: Any) -> None:
        name = type(event).__name__
        if name == "ScalarEvent":
            self._add(event, self._read(event.value) if event.implicit[0] else event.value)
        elif name == "MappingStartEvent":
            self._open(event, {})
        elif name == "SequenceStartEvent":
            self._open(event, [])
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            del self._around[-1], self._keys[-1]
        elif name == "AliasEvent":
            node = self._anchors.get(event.anchor)
            if event.anchor not in self._anchors or any(node is one for one in self._around):  # unknown, or in itself
                raise _NotSimple
            self._put(node)

    def _open(self, event: Any, node: Any) -> None:
        self._add(event, node)
        self._around.append(node)
        self._keys.append(None)

    def _add(self, event: Any, node: Any) -> None:
        if event.tag or event.anchor in self._anchors:
            raise _NotSimple
        if event.anchor:
            self._anchors[event.anchor] = node
        self._put(node)

    def _put(self, node: Any) -> None:
        """Put a node where it belongs: next in a list, or as key or value of a mapping."""
        around, key = self._around[-1], self._keys[-1]
        if isinstance(around, list):
            around.append(node)
        elif key is not None:
            around[key[0]] = node
            self._keys[-1] = None
        elif isinstance(node, dict | list) or node == "<<" or node in around:
            raise _NotSimple
        else:
            self._keys[-1] = (node,)


def _scalar_reader() -> Callable[[str], Any]:
    """Return text -> value by YAML's rules for unquoted scalars; every text is looked at once."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode

    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _text_dates(reader.Constructor)
    known: dict[str, Any] = {}

    def read(text: str) -> Any:
        if text not in known:
            tag = reader.resolver.resolve(ScalarNode, text, (True, False))
            known[text] = reader.constructor.construct_object(ScalarNode(tag, text))
        return known[text]

    return read


def _explain(e: ValidationError, text: str, model: type[BaseModel], error: type[StudyError], name: str) -> StudyError:
    # A misspelt key is both unknown and missing: the unknown one is the one to show.
    root = _composed(text)
    first = min(e.errors(), key=lambda d: (d["type"] == "missing", _line(root, d["loc"])))
    loc = [p for p in first["loc"] if p != "[key]"]
    line = _line(root, first["loc"])
    standing = [part for part, _ in _standing(root, loc)]  # pydantic names classes of its own between the keys
    path = [*standing, loc[-1]] if first["type"] == "missing" else standing
    where = f"{name} line {line}, at {_path(path)}"
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
    what, expected = told(first)
    return error(f"{what}{more}", where=where, expected=expected, do="correct the value")


def line_of(path: Path, loc: tuple[Any, ...]) -> int:
    """Return the line of what stands at `loc` (keys and numbers) in a file that was read before."""
    return _line(_composed(path.read_text(encoding="utf-8-sig")), loc)


def _path(loc: list[Any]) -> str:
    out = ""
    for part in loc:
        out += f"[{part}]" if isinstance(part, int) else f"{'.' if out else ''}{part}"
    return out or "the top"


@dataclass
class _Node:
    """Something in a document: its 0-based line, and what stands in it. The keys of a mapping are nodes too."""

    line: int
    text: str = ""
    elements: list[_Node] = field(default_factory=list)
    pairs: list[tuple[_Node, _Node]] = field(default_factory=list)


def _composed(text: str) -> _Node:
    """Return the nodes of a document, which know their places; what values stand there is no matter here."""
    top = _Node(0)
    around, anchors = [top], dict[str, _Node]()
    for event in _events(text):
        name = type(event).__name__
        if name in ("MappingEndEvent", "SequenceEndEvent"):
            node = around.pop()
            if name == "MappingEndEvent":
                node.pairs, node.elements = list(zip(node.elements[::2], node.elements[1::2], strict=True)), []
        elif name == "AliasEvent":
            around[-1].elements.append(anchors.get(event.anchor, top))
        elif name in ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent"):
            node = _Node(event.start_mark.line, getattr(event, "value", ""))
            around[-1].elements.append(node)
            if event.anchor:
                anchors[event.anchor] = node
            if name != "ScalarEvent":
                around.append(node)
    return top.elements[0] if top.elements else top


def _line(node: _Node, loc: tuple[Any, ...]) -> int:
    """Return the 1-based line of the deepest part of `loc` that stands below a node."""
    standing = _standing(node, loc)
    return standing[-1][1].line + 1 if standing else 1


def _standing(node: _Node, loc: Iterable[Any]) -> list[tuple[Any, _Node]]:
    """Return the parts of `loc` that stand below a node, each with its place; not discriminators and missing keys."""
    out: list[tuple[Any, _Node]] = []
    for part in loc:
        pair = next((pair for pair in node.pairs if pair[0].text == str(part)), None)
        if isinstance(part, int) and part < len(node.elements):
            node = place = node.elements[part]
        elif pair:
            place, node = pair
        else:
            continue  # stay at the parent
        out.append((part, place))
    return out


def _keys_at(model: type[BaseModel], loc: list[Any]) -> list[str]:
    """Return the keys allowed at `loc`, found in the JSON Schema of the model."""
    schema = _schema(model)
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
            elif not isinstance(part, int):  # names of a declared form are no properties, but patterns
                following.extend(s.get("patternProperties", {}).values())
        tagged = [s for s in _alternatives(candidates, definitions) if _tag(s) == part]
        candidates = following or tagged or candidates
    keys = {k for s in _alternatives(candidates, definitions) for k in s.get("properties", {})}
    return sorted(keys)


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


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
