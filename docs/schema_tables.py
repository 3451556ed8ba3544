"""JSON Schema -> Markdown: the tables of keys in docs/protocol.md and docs/mapping.md.

In: a pydantic model's schema. Out: one table per object, with type, default, meaning and an example of every key.
Exists so that the pages cannot say anything else than what the loader accepts.
"""

from __future__ import annotations

import io
import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]


class Reference:
    """The schema of one declaration; remembers which of its objects a page has shown."""

    def __init__(self, schema: Schema) -> None:
        self._objects: dict[str, Schema] = {schema["title"]: schema, **schema.get("$defs", {})}
        self.shown: set[str] = set()

    @property
    def objects(self) -> set[str]:
        """Names of every object with keys (enumerations are shown where they are used)."""
        return {name for name, s in self._objects.items() if "properties" in s}

    def table(self, name: str) -> list[str]:
        """Return the Markdown lines of one object's keys."""
        schema = self._objects[name]
        self.shown.add(name)
        required = set(schema.get("required", ()))
        out = [f'<a id="{name.lower()}"></a>', ""]
        if "description" in schema:
            out += [" ".join(schema["description"].split()), ""]
        out += ["| key | type | if not given | meaning | example |", "|---|---|---|---|---|"]
        for key, s in self._keys(name):
            default = "**required**" if key in required else self._default(s)
            cells = (f"`{key}`", self.type(s), default, _text(self.description(s)), self._example(key, s))
            out.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        return out

    def description(self, s: Schema) -> str:
        """Return a key's description; pydantic leaves it out where it is that of the object it refers to."""
        target = self._objects.get(s.get("$ref", "").rsplit("/", 1)[-1], {})
        return s.get("description") or target.get("description", "")

    def bare(self) -> list[str]:
        """Return `object.key` of every key without a description or an example."""
        keys = [(f"{name}.{key}", s) for name in self._objects for key, s in self._keys(name)]
        return [name for name, s in keys if not (self.description(s) and s.get("examples"))]

    def _keys(self, name: str) -> list[tuple[str, Schema]]:
        return list(self._objects[name].get("properties", {}).items())

    def type(self, s: Schema) -> str:
        """Return a schema's type in words; objects are links to their table."""
        if "$ref" in s:
            return self._named(s["$ref"].rsplit("/", 1)[1])
        if "const" in s:
            return f"`{s['const']}`"
        if "enum" in s:
            return "one of " + ", ".join(f"`{v}`" for v in s["enum"])
        alternatives = [a for a in (*s.get("anyOf", ()), *s.get("oneOf", ())) if a.get("type") != "null"]
        if alternatives:
            return " or ".join(dict.fromkeys(self.type(a) for a in alternatives))
        if s.get("type") == "array":
            return self._array(s)
        if s.get("type") == "object":
            inner = s.get("additionalProperties")
            return f"name → {self.type(inner)}" if isinstance(inner, dict) else "map"
        return _PLAIN.get(s.get("format", ""), _PLAIN.get(s.get("type", ""), "anything"))

    def _named(self, name: str) -> str:
        schema = self._objects[name]
        return self.type(schema) if "properties" not in schema else f"[{name}](#{name.lower()})"

    def _array(self, s: Schema) -> str:
        if "prefixItems" in s:
            return "[" + ", ".join(self.type(i) for i in s["prefixItems"]) + "]"
        return f"list of {self.type(s.get('items', {}))}"

    def _default(self, s: Schema) -> str:
        if "default" not in s:
            return "as its own defaults"
        value = s["default"]
        if value is None:
            return "none"
        if value in ("", [], {}):
            return "empty"
        return f"`{flow(value)}`"

    def _example(self, key: str, s: Schema) -> str:
        return "<br>".join(f"`{flow({key: e}, bare=True)}`" for e in s.get("examples", ()))


_PLAIN = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "date": "date"}


class InOrder(GenerateJsonSchema):
    """Keys and examples in the order in which the model was written."""

    def sort(self, value: Schema, parent_key: str | None = None) -> Schema:
        return value


def _text(description: str) -> str:
    """One line in which a `<` starts no HTML element."""
    return " ".join(description.split()).replace("<", "&lt;")


def flow(value: Any, *, bare: bool = False) -> str:
    """Return a value as one line of YAML; `bare` leaves out the braces of the outermost map."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width = True, 10_000
    yaml.representer.sort_base_mapping_type_on_output = False
    stream = io.StringIO()
    yaml.dump(json.loads(json.dumps(value)), stream)
    text = stream.getvalue().removesuffix("...\n").strip()
    return text[1:-1] if bare and text.startswith("{") else text
