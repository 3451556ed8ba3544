"""Blocks that differ only in some words -> one record with `for_each`, so that a reviewer reads each pattern once."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Spec = dict[str, Any]


@dataclass
class Block:
    """One record of a row. `names` are its place in a group of columns; `order` is where its first column stands."""

    domain: str
    variables: dict[str, Any]
    names: dict[str, str]
    order: int
    where: Spec = field(default_factory=dict)
    anchor: tuple[str, ...] = ()


_NAME_OF = {
    "LBTESTCD": "test",
    "FATESTCD": "item",
    "MHCAT": "category",
    "MHTERM": "term",
    "MHORRESU": "unit",
    "LBDTC": "date",
    "LBSTNRLO": "low",
    "LBSTNRHI": "high",
}


def folded(blocks: Iterable[Block]) -> list[Spec]:
    """Return the records of a mapping, each pattern once with its repeats in `for_each`."""
    done: list[tuple[Block, list[dict[str, str]]]] = []
    by_shape: dict[Any, list[Block]] = defaultdict(list)
    for b in blocks:
        key = (b.domain, _shape(b.variables), _shape(b.where), b.anchor, tuple(b.names), _fixed(b))
        by_shape[key].append(b)
    for same in by_shape.values():
        done.append(_fold(same))
    done.sort(key=lambda pair: pair[0].order)
    return [_record(b, names) for b, names in done]


def _fixed(b: Block) -> Any:
    """What must be equal for two blocks to be one pattern: all but the cycle, or all but items of one finding."""
    if not b.names and b.domain in ("LB", "FA", "MH"):
        return tuple(sorted(v["constant"] for k, v in b.variables.items() if k in ("LBSUMM", "FAOBJ")))
    return repr(b.variables)


def _shape(tree: Any) -> Any:
    if isinstance(tree, dict):
        return tuple((k, _shape(v)) for k, v in sorted(tree.items())) if not _is_codes(tree) else repr(tree)
    return "text"


def _is_codes(tree: dict[str, Any]) -> bool:
    return any(isinstance(v, list | tuple) for v in tree.values())


def _fold(same: list[Block]) -> tuple[Block, list[dict[str, str]]]:
    first = same[0]
    if len(same) == 1:
        return first, [first.names] if first.names else []
    leaves = [_leaves({"variables": b.variables, "where": b.where}) for b in same]
    differ = [path for path in leaves[0] if len({one[path] for one in leaves}) > 1]
    vectors: dict[tuple[str, ...], str] = {}
    for path in differ:
        vector = tuple(one[path] for one in leaves)
        if vector not in vectors:
            vectors[vector] = _free(_name(path), {*vectors.values(), *first.names})
    names = [{**b.names, **{name: vector[i] for vector, name in vectors.items()}} for i, b in enumerate(same)]
    filled = {path: "{" + vectors[tuple(one[path] for one in leaves)] + "}" for path in differ}
    variables = _put(first.variables, filled, ("variables",))
    where = _put(first.where, filled, ("where",))
    return Block(first.domain, variables, first.names, first.order, where, first.anchor), names


def _name(path: tuple[str, ...]) -> str:
    if path[0] == "where":
        return "column"
    if path[-1] == "unit":
        return "unit"
    if path[-1] == "codes":
        return "words"
    return _NAME_OF.get(path[1], "column" if path[1] in ("LBORRES", "FAORRES", "MHORRES") else path[1].lower())


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(f"{name}{n}" for n in itertools.count(2) if f"{name}{n}" not in taken)


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if isinstance(tree, dict) and not _is_codes(tree):
        out: dict[tuple[str, ...], str] = {}
        for k, v in tree.items():
            if path and path[-1] == "where":
                out[(*path, "#column")] = k
            out |= _leaves(v, (*path, k if not path or path[-1] != "where" else "#test"))
        return out
    return {path: tree if isinstance(tree, str) else repr(tree)}


def _put(tree: Any, filled: Mapping[tuple[str, ...], str], path: tuple[str, ...]) -> Any:
    if path in filled:
        return filled[path]
    if isinstance(tree, dict) and not _is_codes(tree):
        if path[-1] == "where":
            return {filled.get((*path, "#column"), k): _put(v, filled, (*path, "#test")) for k, v in tree.items()}
        return {k: _put(v, filled, (*path, k)) for k, v in tree.items()}
    return tree


def _record(b: Block, names: list[dict[str, str]]) -> Spec:
    out: Spec = {"domain": b.domain}
    if names:
        product = _product(names)
        out["for_each"] = product if product is not None else names
    if b.where:
        out["where"] = b.where
    if b.anchor:
        out["anchor"] = list(b.anchor)
    out["variables"] = b.variables
    return out


def _product(names: list[dict[str, str]]) -> dict[str, list[str]] | None:
    """Return {name: values} where the repeats are every combination of some values, in that order."""
    keys = list(names[0])
    values = {k: list(dict.fromkeys(n[k] for n in names)) for k in keys}
    combined = [dict(zip(keys, c, strict=True)) for c in itertools.product(*values.values())]
    return values if combined == names else None
