"""Proposals of a flat table -> the records of a mapping. In: columns with what they mean. Out: plain data for YAML.

First one record block for each record a row can make (`C1 ANC` is one, `C2 ANC` another); then blocks that differ
only in some words are folded into one with `for_each`, so that a reviewer reads each pattern once.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chartline.draft.headings import Head
from chartline.draft.model import Target
from chartline.draft.study import Study

Spec = dict[str, Any]


@dataclass
class Used:
    """A column that is read: what it means, and how (unit, codes, dates, decimal) as its mapping entry says."""

    column: str
    target: Target
    head: Head
    extra: Spec = field(default_factory=dict)
    unit: str | Spec = ""
    order: int = 0

    @property
    def spec(self) -> Any:
        """How a mapping names it: its column, with its index in braces where the heading is the column."""
        column = self.head.template if self.head.text == self.column else self.column
        entry: Spec = {"column": column, **self.extra}
        return entry if len(entry) > 1 else column


@dataclass
class _Block:
    domain: str
    variables: dict[str, Any]
    names: dict[str, str]
    order: int
    where: Spec = field(default_factory=dict)
    anchor: tuple[str, ...] = ()


def build_records(used: Iterable[Used], study: Study, ask: Callable[[str, str], None]) -> list[Spec]:
    """Return the records of one table. `ask` takes a column and a question that its reading leaves open."""
    return _Builder(list(used), study, ask).run()


class _Builder:
    def __init__(self, used: list[Used], study: Study, ask: Callable[[str, str], None]) -> None:
        self.used, self.study, self.ask = used, study, ask
        self.groups: dict[tuple[str, tuple[tuple[str, int], ...]], list[Used]] = defaultdict(list)
        for u in used:
            self.groups[u.head.group].append(u)
        self.blocks: list[_Block] = []

    def run(self) -> list[Spec]:
        for (_, index), members in self.groups.items():
            names = {k: str(v) for k, v in index}
            by: dict[str, list[Used]] = defaultdict(list)
            for u in members:
                by[u.target.context].append(u)
            for context, mine in by.items():
                make = getattr(self, "_" + context.lower().replace(" ", "_"))
                make(mine, names, members)
        self.blocks.sort(key=lambda b: b.order)
        return [_record(b, names) for b, names in _folded(self.blocks)]

    def _add(
        self,
        domain: str,
        variables: dict[str, Any],
        names: dict[str, str],
        mine: list[Used],
        where: Spec | None = None,
        anchor: tuple[str, ...] = (),
    ) -> None:
        if mine:
            self.blocks.append(_Block(domain, variables, names, min(u.order for u in mine), where or {}, anchor))

    @staticmethod
    def _cells(mine: Iterable[Used]) -> dict[str, Any]:
        return {u.target.variable: _with_unit(u) for u in mine}

    # one row a subject ----------------------------------------------------------------------------------------------

    def _dm(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        self._add("DM", self._cells(mine), names, mine)

    def _ss(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        self._add("SS", self._cells(mine), names, mine)

    def _range(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        self._add("RANGE", self._cells(mine), names, mine)

    # history --------------------------------------------------------------------------------------------------------

    def _mh(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        by_item: dict[str, list[Used]] = defaultdict(list)
        for u in mine:
            by_item[u.target.item].append(u)
        for item, columns in by_item.items():
            boxes = [u for u in columns if "where" in u.extra]
            for u in boxes:  # one record for each box that is ticked
                extra = {k: v for k, v in u.extra.items() if k != "where"}
                head = {"MHCAT": {"constant": item}, "MHTERM": {"constant": self.study.label(item)}}
                self._add("MH", {**head, "MHORRES": {"column": u.column, **extra}}, names, [u], u.extra["where"])
            rest = [u for u in columns if u not in boxes]
            if rest:
                self._history(item, rest, names)

    def _history(self, item: str, mine: list[Used], names: dict[str, str]) -> None:
        cells = self._cells(mine)
        variables: dict[str, Any] = {"MHCAT": {"constant": item}}
        if "MHTERM" not in cells:
            variables["MHTERM"] = {"constant": self.study.label(item)}
        unit = next((u.unit for u in mine if u.target.variable == "MHORRES" and isinstance(u.unit, str) and u.unit), "")
        variables |= {u.target.variable: u.spec for u in mine}
        if unit:
            variables["MHORRESU"] = {"constant": unit}
        anchored = {"MHTERM", "MHORRES"} & set(cells)
        self._add("MH", variables, names, mine, anchor=() if anchored else tuple(cells))

    def _mh_prior_line(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        cells = self._cells(mine)
        variables: dict[str, Any] = {"MHCAT": {"constant": "PRIOR LINE"}}
        if "line" in names and "MHSEQN" not in cells:
            variables["MHSEQN"] = {"constant": "{line}"}
        anchored = {"MHTERM", "MHORRES"} & set(cells)
        self._add("MH", {**variables, **cells}, names, mine, anchor=() if anchored else tuple(cells))

    # treatment ------------------------------------------------------------------------------------------------------

    def _ex(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        cells = self._cells(mine)
        variables: dict[str, Any] = {}
        if "EXTRT" not in cells:
            variables["EXTRT"] = {"constant": self.study.drug or "UNKNOWN DRUG"}
        for index, variable in (("cycle", "EXCYCLE"), ("day", "EXCYDAY")):
            if index in names and variable not in cells:
                variables[variable] = {"constant": f"{{{index}}}"}
        self._add("EX", {**variables, **cells}, names, mine)

    def _cm(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        cells = self._cells(mine)
        anchored = {"CMCAT", "CMTRT", "CMSTDTC"} & set(cells)
        self._add("CM", cells, names, mine, anchor=() if anchored else tuple(cells))

    def _pr(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        for item in dict.fromkeys(u.target.item for u in mine):
            of = [u for u in mine if u.target.item == item]
            cells = self._cells(of)
            variables: dict[str, Any] = {"PRTRT": {"constant": self.study.hsct}, "PRTIMING": {"constant": item}}
            anchored = {"PROCCUR", "PRSTDTC"} & set(cells)
            self._add("PR", {**variables, **cells}, names, of, anchor=() if anchored else tuple(cells))

    # findings -------------------------------------------------------------------------------------------------------

    def _rs(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        for baseline in (True, False):
            of = [u for u in mine if ("baseline" in u.head.modifiers) is baseline]
            if not of:
                continue
            cells = self._cells(of)
            variables: dict[str, Any] = {}
            if "cycle" in names and "RSCYCLE" not in cells:
                variables["RSCYCLE"] = {"constant": "{cycle}"}
                if "RSVISIT" not in cells:
                    variables["RSVISIT"] = {"constant": "END OF CYCLE {cycle}"}
            elif baseline:
                variables |= {"RSVISIT": {"constant": "BASELINE"}, "RSCYCLE": {"constant": "0"}}
            elif names and self._follow_up(of[0].head):
                variables["RSCYCLE"] = {"constant": "0"}
            anchors = {"BMBLAST", "PBBLAST", "EMD", "CSFBLAST", "INVRESP", "MRDVAL", "MRDCLASS"} & set(cells)
            self._add("RS", {**variables, **cells}, names, of, anchor=() if anchors else tuple(cells))

    def _follow_up(self, head: Head) -> bool:
        return self.study.words.canonical(head.stem) in self.study.words.marks["follow_up"]

    def _lb(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        if any(u.target.variable == "LBTESTCD" for u in mine):
            self._long_lab(mine, names)
            return
        for repeat in (False, True):
            of = [u for u in mine if ("repeat" in u.head.modifiers) is repeat]
            self._wide_lab(of, names, members, repeat)

    def _long_lab(self, mine: list[Used], names: dict[str, str]) -> None:
        cells = {u.target.variable: _with_unit(u) for u in mine if u.target.variable != "LBORRESU"}
        unit = next((u for u in mine if u.target.variable == "LBORRESU"), None)
        if "LBORRES" in cells:
            result = cells["LBORRES"] if isinstance(cells["LBORRES"], dict) else {"column": cells["LBORRES"]}
            if unit is None:
                self.ask(result["column"], "laboratory results in one column, and no column of units")
                del cells["LBORRES"]
            else:
                result["unit"] = {"column": unit.column, **({"codes": c} if (c := unit.extra.get("codes")) else {})}
                cells["LBORRES"] = result
        anchored = {"LBORRES"} & set(cells)
        self._add("LB", cells, names, mine, anchor=() if anchored else tuple(cells))

    def _wide_lab(self, mine: list[Used], names: dict[str, str], members: list[Used], repeat: bool) -> None:
        results = [u for u in mine if u.target.variable == "LBORRES"]
        date = next((u for u in mine if u.target.variable == "LBDTC"), None)
        support = {u.target.variable: u.spec for u in mine if u.target.variable in ("LBGCSF", "LBPLTTX", "LBRBCTX")}
        limits = {(u.target.item, u.target.variable): _with_unit(u) for u in mine if u.target.variable in _LIMITS}
        for u in results:
            variables: dict[str, Any] = {"LBTESTCD": {"constant": u.target.item}}
            summary = next((s for m, s in _SUMMARIES if m in u.head.modifiers), None)
            if summary and not (summary == "BASELINE" and date is not None):
                variables["LBSUMM"] = {"constant": summary}
                if "cycle" in names and summary == "WORST":
                    variables["LBCYCLE"] = {"constant": "{cycle}"}
            elif date is not None:
                variables["LBDTC"] = date.spec
            else:
                near = self._nearest_date(members, repeat)
                if near is None:
                    self.ask(u.column, "laboratory results without a date: when was the sample taken?")
                else:
                    variables["LBDTC"] = near.spec
                    self.ask(u.column, f"is `{near.column}` the date of this sample? It is used so.")
            variables["LBORRES"] = _with_unit(u)
            for variable in _LIMITS:
                if (u.target.item, variable) in limits:
                    variables[variable] = limits[u.target.item, variable]
            if summary is None:
                variables |= support
            self._add("LB", variables, names, [u])
        if support and not results:
            dated = {"LBDTC": date.spec} if date is not None else {}
            near = self._nearest_date(members, repeat) if date is None else None
            if near is not None:
                dated = {"LBDTC": near.spec}
            self._add("LB", {**dated, **support}, names, mine, anchor=tuple(support))

    def _nearest_date(self, members: list[Used], repeat: bool) -> Used | None:
        """The date of the marrow or assessment of the same group, where laboratory values have none of their own."""
        pool = [*members, *self.used]
        return next((u for u in pool if u.target.variable in ("LBDTC", "RSDTC")), None) if not repeat else None

    # events ---------------------------------------------------------------------------------------------------------

    def _ae(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        cells = self._cells(mine)
        self._add("AE", cells, names, mine, anchor=() if "AETERM" in cells else tuple(cells))

    def _fa(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        date = next((u for u in mine if u.target.variable == "FADTC"), None)
        items = [u for u in mine if u.target.variable == "FAORRES"]
        where: Spec = {}
        if date is None:
            date = next((u for u in members if u.target.variable == "AESTDTC"), None)
            first = next((u for u in items if "codes" not in u.extra), items[0] if items else None)
            if date is not None and first is not None:  # on the form of every event: only the rows where it is filled
                where = {first.column: {"present": True}}
        for u in items:
            variables: dict[str, Any] = {
                "FAOBJ": {"constant": "VOD/SOS"},
                "FATESTCD": {"constant": u.target.item},
                "FAORRES": u.spec,
            }
            if date is not None:
                variables["FADTC"] = date.spec
            self._add("FA", variables, names, [u], where)


_LIMITS = ("LBSTNRLO", "LBSTNRHI")
_SUMMARIES = (("worst", "WORST"), ("baseline", "BASELINE"))


def _with_unit(u: Used) -> Any:
    if not u.unit:
        return u.spec
    spec = u.spec if isinstance(u.spec, dict) else {"column": u.spec}
    return {**spec, "unit": u.unit}


def fold_blocks(blocks: Iterable[Mapping[str, Any]]) -> list[Spec]:
    """Return records given as {domain, variables, where} with what repeats folded into `for_each`."""
    made = [
        _Block(b["domain"], b["variables"], {}, i, b.get("where", {}), tuple(b.get("anchor", ())))
        for i, b in enumerate(blocks)
    ]
    return [_record(b, names) for b, names in _folded(made)]


# folding ------------------------------------------------------------------------------------------------------------

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


def _folded(blocks: list[_Block]) -> Iterable[tuple[_Block, list[dict[str, str]]]]:
    """Yield each pattern once, with the names of its repeats (empty where it stands alone)."""
    done: list[tuple[_Block, list[dict[str, str]]]] = []
    by_shape: dict[Any, list[_Block]] = defaultdict(list)
    for b in blocks:
        key = (b.domain, _shape(b.variables), _shape(b.where), b.anchor, tuple(b.names), _fixed(b))
        by_shape[key].append(b)
    for same in by_shape.values():
        done.append(_fold(same))
    done.sort(key=lambda pair: pair[0].order)
    return done


def _fixed(b: _Block) -> Any:
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


def _fold(same: list[_Block]) -> tuple[_Block, list[dict[str, str]]]:
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
    return _Block(first.domain, variables, first.names, first.order, where, first.anchor), names


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


def _record(b: _Block, names: list[dict[str, str]]) -> Spec:
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
