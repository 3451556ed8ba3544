"""The JSON Schemas of the two declarations, for editors. In: which. Out: a schema that can be written as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from chartline.errors import ProtocolError
from chartline.mapping.model import Mapping
from chartline.protocol.model import Protocol

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DECLARATIONS: dict[str, type[BaseModel]] = {"protocol": Protocol, "mapping": Mapping}


def declaration_schema(what: str) -> dict[str, Any]:
    """Return the JSON Schema of `protocol` or `mapping`. Raises `ProtocolError` for another name."""
    declared = _DECLARATIONS.get(what)
    if declared is None:
        raise ProtocolError(f"There is no declaration `{what}`", expected="protocol or mapping", do="name one of them")
    return {"$schema": _DRAFT, **declared.model_json_schema(by_alias=True)}
