"""Closed, three-valued conditions that run on Polars and print as English.

A condition is written as a small expression, the same in protocols, endpoints and rules::

    AGE >= 18 and STATUS in ("RELAPSED", "REFRACTORY")
    TRTSDT between ("2017-02-01", "2022-10-31")
    not (PHENOTYPE is missing) or DIAGNOSIS == "B-ALL"

Allowed: names of variables, numbers, quoted text, `== != < <= > >=`, `in`, `not in`, `between (a, b)`
(both ends included), `is missing`, `is present`, `and`, `or`, `not`, brackets. A quoted ISO day compared with a
date variable is read as a date. Nothing else parses, so a condition can neither call nor compute.

Truth has three values: a comparison with a missing value is *unknown* (null), and unknown propagates as in
Kleene's logic (`unknown and False` is False; `unknown or True` is True). Callers never turn unknown into False.
"""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import polars as pl

from chartline.errors import ProtocolError

_OPERATORS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("eq", "is"),
    ast.NotEq: ("ne", "is not"),
    ast.Lt: ("lt", "is below"),
    ast.LtE: ("le", "is at most"),
    ast.Gt: ("gt", "is above"),
    ast.GtE: ("ge", "is at least"),
}
_GRAMMAR = (
    "names, numbers, quoted text, == != < <= > >=, in, not in, between (a, b), is missing, is present, and, or, not"
)
_ISO_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True)
class Condition:
    """A parsed condition. `text` is what the user wrote; `variables` are the names it reads."""

    text: str
    _tree: ast.expr

    @cached_property
    def variables(self) -> frozenset[str]:
        return frozenset(n.id for n in ast.walk(self._tree) if isinstance(n, ast.Name) and n.id not in _WORDS)

    @cached_property
    def comparisons(self) -> tuple[tuple[str, object], ...]:
        """Every (variable, literal) that is compared."""
        out: list[tuple[str, object]] = []
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name):
                right = node.comparators[0]
                items = right.elts if isinstance(right, ast.Tuple) else [right]
                out += [(node.left.id, _literal(i)) for i in items if not isinstance(i, ast.Name)]
        return tuple(out)

    @cached_property
    def compared(self) -> frozenset[str]:
        """The variables that are compared with a value or with each other, not only asked whether they are there."""
        names: set[str] = set()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Compare):
                sides = [n.id for n in (node.left, *node.comparators) if isinstance(n, ast.Name)]
                names |= set(sides) - ({sides[0]} if {_MISSING, _PRESENT} & set(sides) else set())
        return frozenset(names - _WORDS)

    @property
    def fixed(self) -> dict[str, str]:
        """The words that every row for which it holds has: those of `NAME == "word"`, alone or joined by `and`."""
        joined = isinstance(self._tree, ast.BoolOp) and isinstance(self._tree.op, ast.And)
        parts = self._tree.values if joined and isinstance(self._tree, ast.BoolOp) else [self._tree]
        equal = [p for p in parts if isinstance(p, ast.Compare) and isinstance(p.ops[0], ast.Eq)]
        sides = ((p.left, p.comparators[0]) for p in equal)
        words = ((n.id, w.value) for n, w in sides if isinstance(n, ast.Name) and isinstance(w, ast.Constant))
        return {name: word for name, word in words if isinstance(word, str)}

    def expr(self, dtypes: Mapping[str, pl.DataType] | None = None) -> pl.Expr:
        """Return the Polars boolean expression; null means unknown. `dtypes` lets ISO text meet dates."""
        return _to_expr(self._tree, dtypes or {})

    def english(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the condition as English, with variables shown by their labels."""
        return _to_english(self._tree, labels or {})


_MISSING, _PRESENT, _BETWEEN = "__missing__", "__present__", "__between__"
_WORDS = {_MISSING, _PRESENT, _BETWEEN}


@cache
def parse_condition(text: str, where: str = "") -> Condition:
    """Parse `text`; raise `ProtocolError` naming the part that is not allowed."""
    source = re.sub(r"\bis\s+missing\b", f"== {_MISSING}", text)
    source = re.sub(r"\bis\s+present\b", f"== {_PRESENT}", source)
    source = re.sub(r"\bbetween\s*\(", f"in ({_BETWEEN}, ", source)
    try:
        tree = ast.parse(source.strip(), mode="eval").body
        _to_expr(tree, {})
    except (SyntaxError, _NotAllowed) as e:
        raise ProtocolError(
            f"The condition `{text}` cannot be read: {e.args[0]}",
            where=where,
            expected=_GRAMMAR,
            do="rewrite the condition",
        ) from None
    return Condition(text, tree)


class _NotAllowed(Exception):
    pass


def _literal(node: ast.expr) -> object:
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float | str)
        and not isinstance(node.value, bool)
    ):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        if isinstance(value, int | float):
            return -value
    raise _NotAllowed(f"`{ast.unparse(node)}` is not a number or quoted text")


def _for_dtype(value: object, dtype: pl.DataType | None) -> object:
    if dtype == pl.Date and isinstance(value, str) and _ISO_DAY.match(value):
        return dt.date.fromisoformat(value)
    return value


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    raise _NotAllowed(f"`{ast.unparse(node)}` is not the name of a variable")


def _to_expr(node: ast.expr, dtypes: Mapping[str, pl.DataType]) -> pl.Expr:
    if isinstance(node, ast.BoolOp):
        parts = [_to_expr(v, dtypes) for v in node.values]
        out = parts[0]
        for part in parts[1:]:
            out = out & part if isinstance(node.op, ast.And) else out | part
        return out
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ~_to_expr(node.operand, dtypes)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _comparison(node.left, node.ops[0], node.comparators[0], dtypes)
    raise _NotAllowed(f"`{ast.unparse(node)}` is not a comparison")


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr, dtypes: Mapping[str, pl.DataType]) -> pl.Expr:
    name = _name(left)
    column = pl.col(name)
    if isinstance(op, ast.Eq) and isinstance(right, ast.Name):
        if right.id == _MISSING:
            return column.is_null()
        if right.id == _PRESENT:
            return column.is_not_null()
    if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Tuple):
        items = right.elts
        if items and isinstance(items[0], ast.Name) and items[0].id == _BETWEEN:
            if len(items) != 3:
                raise _NotAllowed("`between` takes two ends")
            lo, hi = (pl.lit(_for_dtype(_literal(i), dtypes.get(name))) for i in items[1:])
            inside = (column >= lo) & (column <= hi)
            return ~inside if isinstance(op, ast.NotIn) else inside
        values = [_for_dtype(_literal(i), dtypes.get(name)) for i in items]
        member = column.is_in(values)  # null stays null: unknown
        return ~member if isinstance(op, ast.NotIn) else member
    if type(op) in _OPERATORS:
        if isinstance(right, ast.Name):
            return getattr(column, _OPERATORS[type(op)][0])(pl.col(_name(right)))  # type: ignore[no-any-return]
        return getattr(column, _OPERATORS[type(op)][0])(pl.lit(_for_dtype(_literal(right), dtypes.get(name))))  # type: ignore[no-any-return]
    raise _NotAllowed(f"`{ast.unparse(left)} ... {ast.unparse(right)}` uses an operator that is not allowed")


def _to_english(node: ast.expr, labels: Mapping[str, str]) -> str:
    if isinstance(node, ast.BoolOp):
        word = " and " if isinstance(node.op, ast.And) else " or "
        parts = [_to_english(v, labels) for v in node.values]
        parts = [f"({p})" if isinstance(v, ast.BoolOp) else p for v, p in zip(node.values, parts, strict=True)]
        return word.join(parts)
    if isinstance(node, ast.UnaryOp):
        return f"not ({_to_english(node.operand, labels)})"
    assert isinstance(node, ast.Compare)
    name, op, right = _name(node.left), node.ops[0], node.comparators[0]
    label = labels.get(name, name)
    if isinstance(right, ast.Name) and right.id in (_MISSING, _PRESENT):
        return f"{label} is {'missing' if right.id == _MISSING else 'recorded'}"
    if isinstance(right, ast.Tuple):
        negated = "not " if isinstance(op, ast.NotIn) else ""
        items = right.elts
        if items and isinstance(items[0], ast.Name):
            return f"{label} is {negated}between {_show(items[1])} and {_show(items[2])}"
        shown = [_show(i) for i in items]
        return f"{label} is {negated}{shown[0] if len(shown) == 1 else 'one of ' + ', '.join(shown)}"
    value = labels.get(right.id, right.id) if isinstance(right, ast.Name) else _show(right)
    return f"{label} {_OPERATORS[type(op)][1]} {value}"


def _show(node: ast.expr) -> str:
    return str(_literal(node))
