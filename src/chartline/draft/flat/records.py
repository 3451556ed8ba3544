"""Proposals of a flat table -> the records of a mapping. In: columns with what they mean. Out: plain data for YAML.

First one record block for each record a row can make (`C1 ANC` is one, `C2 ANC` another); then blocks that differ
only in some words are folded into one with `for_each`, so that a reviewer reads each pattern once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chartline.draft.flat.headings import Head
from chartline.draft.fold import Block, Spec, folded
from chartline.draft.model import Target
from chartline.draft.study import Study


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


def build_records(
    used: Iterable[Used], study: Study, ask: Callable[[str, str], None]
) -> tuple[list[Spec], dict[str, Target]]:
    """Return the records of one table, and the columns that no record of it can hold: a date of which nothing says what
    happened on it, a limit of normal of no test. `ask` takes a column and a question that its reading leaves open."""
    builder = _Builder(list(used), study, ask)
    records = builder.run()
    read = {name for b in builder.blocks for name in _named(b)}
    return records, {u.column: u.target for u in builder.used if u.column not in read}


def _named(b: Block) -> Iterator[str]:
    """Yield the texts of a block, the columns that it reads among them, with its place in their group filled in."""
    for text in (*_texts(b.variables), *b.where):
        for name, value in b.names.items():
            text = text.replace(f"{{{name}}}", value)
        yield text


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, str):
        yield tree


class _Builder:
    def __init__(self, used: list[Used], study: Study, ask: Callable[[str, str], None]) -> None:
        self.used, self.study, self.ask = used, study, ask
        self.groups: dict[tuple[str, tuple[tuple[str, int], ...]], list[Used]] = defaultdict(list)
        for u in used:
            self.groups[u.head.group].append(u)
        self.blocks: list[Block] = []

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
        return folded(self.blocks)

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
            self.blocks.append(Block(domain, variables, names, min(u.order for u in mine), where or {}, anchor))

    @staticmethod
    def _cells(mine: Iterable[Used]) -> dict[str, Any]:
        return {u.target.variable: _with_unit(u) for u in mine}

    # one row a subject ----------------------------------------------------------------------------------------------

    def _dm(self, mine: list[Used], names: dict[str, str], members: list[Used]) -> None:
        cells = self._cells(mine)
        anchored = {"BRTHDTC", "AGE", "SEX", "BSA"} & set(cells)
        self._add("DM", cells, names, mine, anchor=() if anchored else tuple(cells))

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
        if {"EXSTDTC", "EXDOSM2", "EXDOSE"} & set(cells):  # a remark is no dose
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
        results = [u for u in mine if u.target.variable == "LBORRES" and u.target.item]  # `Result` alone is of no test
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
