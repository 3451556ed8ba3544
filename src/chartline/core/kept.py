"""Calls that are made once for the same arguments: how many specifications of a study share what they have in common.

    keep = Kept()
    labs = keep(derive_labs, data, window, protocol.laboratory)

A second call of the same function with the same arguments returns what the first one returned. Arguments are the same
where they are equal, or, if they cannot be hashed (frames, dicts, lists), where they are one object. A result whose
frames equal those of an earlier result of that function *is* the earlier result, so that what is made from it is not
made again either. Reasons (lazy frames) are not compared: whoever keeps calls wants numbers, not sentences.

A function that is kept must say all it reads in its arguments. `only` sees to it where the argument is a protocol: it
hands over the named parts, and reading another part fails. `call` is `Kept` without a memory, for a single run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import polars as pl

T = TypeVar("T")
Keep = Callable[..., Any]


def call(function: Callable[..., T], *arguments: Any) -> T:
    """Return `function(*arguments)`."""
    return function(*arguments)


class Kept:
    """Remembers every call; see above."""

    def __init__(self) -> None:
        self._known: dict[tuple[Hashable, ...], Any] = {}
        self._made: dict[Callable[..., Any], list[Any]] = {}
        self._arguments: list[tuple[Any, ...]] = []  # an object's id is its own only while it lives

    def __call__(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(*arguments)`, made now or before."""
        key = (function, *map(_key, arguments))
        if key not in self._known:
            self._arguments.append(arguments)
            self._known[key] = self._first_equal(function, function(*arguments))
        return cast(T, self._known[key])

    def _first_equal(self, function: Callable[..., T], result: T) -> T:
        made = self._made.setdefault(function, [])
        for earlier in made:
            if _same(earlier, result):
                return cast(T, earlier)
        made.append(result)
        return result


def only(of: T, *names: str) -> T:
    """Return an object that has the named parts and no other: `only(protocol, "mrd", "response.before")`."""
    parts: dict[str, list[str]] = {}
    for name in names:
        first, _, rest = name.partition(".")
        parts.setdefault(first, []).extend([rest] if rest else [])
    given = {n: only(getattr(of, n), *rest) if rest else getattr(of, n) for n, rest in parts.items()}
    return cast(T, parts_of(**given))


def parts_of(**parts: Any) -> Any:
    """Return an object that has these parts and no other."""
    return _Only(parts)


class _Only:
    def __init__(self, parts: dict[str, Any]) -> None:
        self.__dict__ |= parts
        self._key = tuple((name, _key(part)) for name, part in parts.items())

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"`{name}` is read, and not among what this step was given: {', '.join(vars(self))}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Only) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)


def _key(argument: Any) -> Hashable:
    if type(argument) is tuple:
        return tuple(map(_key, argument))
    try:
        hash(argument)
    except TypeError:
        return (id, id(argument))
    return cast(Hashable, argument)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, pl.DataFrame):
        return a.schema == b.schema and a.equals(b)
    if isinstance(a, pl.LazyFrame):
        return True
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(_same, a.values(), b.values()))
    if is_dataclass(a):
        return all(_same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    return bool(a == b)
