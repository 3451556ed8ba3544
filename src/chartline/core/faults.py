"""What is wrong with a declared value, in words: what was found, what must stand there, an example.

In: one error of pydantic. Out: two texts that no reader needs a regular expression, or Python, for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler


@dataclass(frozen=True)
class Shape:
    """What a name must look like, for `Annotated[str, Shape(...)]`: the pattern, and the same in words.

    `noun` says what it is the name of ("the id of an endpoint"), `words` what it is made of, `example` is one.
    """

    pattern: str
    noun: str
    words: str
    example: str

    def __post_init__(self) -> None:
        if not re.fullmatch(self.pattern, self.example):
            raise ValueError(f"{self.example} is no example of {self.pattern}")

    def check(self, value: str) -> str:
        """Return `value`; raise `ShapeError` where it has not this shape."""
        if not re.fullmatch(self.pattern, value):
            raise ShapeError(self)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return AfterValidator(self.check).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern}


class ShapeError(ValueError):
    """A name that has not the shape it must have."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        super().__init__(f"Must be {shape.noun}: {shape.words}, such as `{shape.example}`")


def told(error: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is wrong with a value, and what was expected instead, of one of pydantic's `errors()`."""
    kind, found, context = error["type"], error.get("input"), error.get("ctx", {})
    one = f"`{found}`" if isinstance(found, str | int | float) else "What stands here"
    if isinstance(fault := context.get("error"), ShapeError):
        return f"{one} is not {fault.shape.noun}", f"{fault.shape.words}, such as `{fault.shape.example}`"
    if kind == "value_error":
        return error["msg"].removeprefix("Value error, ") + (f"; found {one}" if one[0] == "`" else ""), ""
    if kind == "too_short":
        return (
            f"`{error['loc'][-1]}` has too few entries",
            f"{context['min_length']} or more, found {context['actual_length']}",
        )
    if kind in ("enum", "literal_error"):
        return f"{one} is not one of the words that may stand here", _near(found, context["expected"])
    if kind == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        return f"`{context['tag']}` is no `{key}`", _near(context["tag"], context["expected_tags"])
    if kind == "union_tag_not_found":
        return f"The key `{context['discriminator'].strip(chr(39))}` is missing", "this key is required"
    for start, noun, expected in _NOUNS:
        if kind.startswith(start):
            return f"{one} is not {noun}", expected
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"{one} is out of bounds", f"a number {words.format(context[bound])}"
    return error["msg"] + (f"; found {one}" if one[0] == "`" else ""), ""


# The start of pydantic's types of error, what the value is not, and what is.
_NOUNS = (
    ("date_", "a date", "year, month and day as `2023-12-31`"),
    ("bool_", "true or false", "`true` or `false`"),
    ("int_", "a whole number", "a whole number, such as `14`"),
    ("float_", "a number", "a number, such as `14` or `0.5`"),
    ("finite_number", "a finite number", "a number that is not infinite"),
    ("string_type", "text", 'text; a number that is meant as text stands in quotes: `"14"`'),
    ("string_too_short", "a text", "one letter or more"),
    ("tuple_", "a list", "a list, such as `[one, another]`, with one entry or many"),
    ("list_", "a list", "a list, such as `[one, another]`, with one entry or many"),
    ("dict_", "keys and values", "keys and values, such as `key: value`, one a line or in `{ }`"),
    ("model_", "keys and values", "keys and values, such as `key: value`, one a line or in `{ }`"),
)  # fmt: skip
_BOUNDS = {"ge": "of {:g} or more", "gt": "above {:g}", "le": "of {:g} or less", "lt": "below {:g}"}


def _near(found: Any, allowed: str) -> str:
    near = difflib.get_close_matches(str(found), re.findall(r"'([^']*)'", allowed), n=1)
    return (f"did you mean `{near[0]}`? " if near else "") + f"one of {allowed}"
