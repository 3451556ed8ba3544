"""Values of an object that are computed when first asked for, and kept: `functools.cached_property` without its lock.

The lock, which Python 3.11 takes at each first look, costs as much as the sum of a hundred numbers, and the statistics
of few patients are a hundred such looks and sums. Two threads that look at the same time both compute, and get the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):
    """A method as an attribute: called once, its value then found in the object before this class is asked."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
