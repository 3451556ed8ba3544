"""What calamine cannot see in an xlsx file: hidden rows and columns, error cells, formulas without a value,
comments, numbers shown as per cent.

In: the unpacked parts of an xlsx file. Out: one SheetFacts per sheet. Reads them with the standard library (ECMA-376
part 1, SpreadsheetML); a sheet is only parsed if its bytes hold something worth parsing,
which keeps the usual sheet cheap. Rows and columns are counted from 0 here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.parsers import expat

_WORTH_PARSING = re.compile(rb"""hidden=|\bt=["']e["']|[<:]f[\s/>]""")
_PERCENT_IDS = {9, 10}  # built-in number formats '0%' and '0.00%' (ECMA-376 18.8.30)
_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')  # quoted text, escaped characters, colours and conditions

Place = tuple[int, int]


@dataclass
class SheetFacts:
    """What one sheet holds besides plain values. `overlay` has the error text or '=formula' of a cell."""

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)  # first, last
    errors: dict[Place, str] = field(default_factory=dict)
    formulas: dict[Place, str] = field(default_factory=dict)  # without a cached value
    percents: set[Place] = field(default_factory=set)
    comments: dict[Place, str] = field(default_factory=dict)


Parts = Mapping[str, bytes]


def sheet_parts(parts: Parts) -> dict[str, str]:
    """Return the name of each worksheet -> the name of its part. Raises KeyError or ParseError if the workbook is
    damaged."""
    book = _book(parts)
    related = _relations(parts, book)
    return {
        name: related[key][1]
        for name, key in _sheet_keys(parts[book])
        if key in related and related[key][0] == "worksheet"
    }


def inspect_workbook(parts: Parts, sheets: Container[str]) -> dict[str, SheetFacts]:
    """Return the facts of these sheets by their names. Raises KeyError or ParseError if the workbook is damaged."""
    related = _relations(parts, _book(parts)).values()
    styles = next((target for kind, target in related if kind == "styles"), None)
    percents = _percent_styles(parts[styles]) if styles else frozenset()
    return {name: _sheet(parts, part, percents) for name, part in sheet_parts(parts).items() if name in sheets}


def _book(parts: Parts) -> str:
    found = next((target for kind, target in _relations(parts, "").values() if kind == "officeDocument"), None)
    if found is None:
        raise KeyError("no workbook in it")
    return found


def _relations(parts: Parts, part: str) -> dict[str, tuple[str, str]]:
    """Return the parts that a part points to: id -> (kind, name of the part)."""
    folder, base = posixpath.split(part)
    name = posixpath.join(folder, "_rels", f"{base}.rels")
    if name not in parts:
        return {}
    found = {}
    for node in ElementTree.fromstring(parts[name]):
        target = node.get("Target", "")
        path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        found[node.get("Id", "")] = (node.get("Type", "").rpartition("/")[2], path)
    return found


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _sheet_keys(book: bytes) -> Iterator[tuple[str, str]]:
    for node in ElementTree.fromstring(book).iter():
        if _local(node.tag) == "sheet":
            key = next((value for name, value in node.attrib.items() if _local(name) == "id"), "")
            yield node.attrib["name"], key


def _percent_styles(styles: bytes) -> frozenset[str]:
    """Return the cell styles (their index, as text) whose number format shows a per cent sign."""
    root = ElementTree.fromstring(styles)
    formats = {
        int(node.attrib["numFmtId"])
        for node in root.iter()
        if _local(node.tag) == "numFmt" and "%" in _NOT_SHOWN.sub("", node.get("formatCode", ""))
    }
    cells = next((node for node in root if _local(node.tag) == "cellXfs"), ())
    return frozenset(str(i) for i, node in enumerate(cells) if int(node.get("numFmtId", 0)) in formats | _PERCENT_IDS)


def _sheet(parts: Parts, part: str, percents: frozenset[str]) -> SheetFacts:
    facts = SheetFacts()
    data = parts[part]
    if percents or _WORTH_PARSING.search(data):
        _SheetParser(facts, percents).parse(data)
    for kind, target in _relations(parts, part).values():
        if kind == "comments":
            facts.comments.update(_comments(parts[target]))
    return facts


def _comments(data: bytes) -> Iterator[tuple[Place, str]]:
    for node in ElementTree.fromstring(data).iter():
        if _local(node.tag) == "comment":
            text = "".join(part.text or "" for part in node.iter() if _local(part.tag) == "t")
            yield place_of(node.attrib["ref"]), " ".join(text.split())


def place_of(ref: str) -> Place:
    """Return a cell's row and column from 0: 'C13' -> (12, 2)."""
    letters = ref.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return int(ref[len(letters) :]) - 1, column - 1


def _yes(value: str | None) -> bool:
    return value in ("1", "true")


class _SheetParser:
    """Walk one sheet with expat, which is several times faster than building elements."""

    def __init__(self, facts: SheetFacts, percents: frozenset[str]) -> None:
        self.facts, self.percents = facts, percents
        self.row, self.column = -1, -1
        self.cell: dict[str, str] = {}
        self.text: dict[str, str] = {}  # what <f> and <v> of the current cell hold
        self.inside = ""

    def parse(self, data: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(data, True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "c":
            self.column += 1
            self.cell, self.text = attributes, {}
        elif tag in ("f", "v"):
            self.inside = tag
            self.text[tag] = ""
        elif tag == "row":
            self.row = int(attributes["r"]) - 1 if "r" in attributes else self.row + 1
            self.column = -1
            if _yes(attributes.get("hidden")):
                self.facts.hidden_rows.add(self.row)
        elif tag == "col" and _yes(attributes.get("hidden")):
            self.facts.hidden_columns.append((int(attributes["min"]) - 1, int(attributes["max"]) - 1))

    def _characters(self, text: str) -> None:
        if self.inside:
            self.text[self.inside] += text

    def _end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        if tag == self.inside:
            self.inside = ""
        elif tag == "c":
            self._cell()

    def _cell(self) -> None:
        kind, value = self.cell.get("t", "n"), self.text.get("v", "")
        if kind == "e":
            self.facts.errors[self._place()] = value or "#ERROR"
        elif "f" in self.text and not value and kind != "str":  # t="str" with no text is a true empty result
            self.facts.formulas[self._place()] = f"={self.text['f'] or '(shared formula)'}"
        elif kind == "n" and value and self.cell.get("s") in self.percents:
            self.facts.percents.add(self._place())

    def _place(self) -> Place:
        """Where the cell is; a file may leave that out of all its cells, which then follow on."""
        return place_of(self.cell["r"]) if "r" in self.cell else (self.row, self.column)
