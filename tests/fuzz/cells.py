"""One value of a centre's file changed at its address. In: a file's content, the address of a value as chartline
writes it, and the text that shall stand there. Out: the file's new content; nothing else in it means anything else.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any
from xml.sax.saxutils import escape

from small_study import unzipped, zipped

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def with_value(content: bytes, address: str, text: str) -> bytes:
    """Return the file's content with `text` at `address` (`book.xlsx!Sheet!C13`, `data.csv!row 258!dth_date`,
    `person.csv!person_id=5!year_of_birth`, `Patient.ndjson!line 3!gender`)."""
    file, row, column = address.split("!")
    if file.endswith(".xlsx"):
        return _in_workbook(content, row, column, text)
    if file.endswith(".csv"):
        return _in_csv(content, row, column, text)
    return _in_ndjson(content, row, column, text)


def _in_workbook(content: bytes, sheet: str, cell: str, text: str) -> bytes:
    parts = unzipped(content)
    names = re.findall(r'<sheet [^>]*?name="([^"]*)"', parts["xl/workbook.xml"].decode())
    part = f"xl/worksheets/sheet{names.index(escape(sheet)) + 1}.xml"
    old = re.compile(rf'<c r="{cell}"([^>]*?)(/>|>.*?</c>)'.encode(), re.S)
    new = f'<c r="{cell}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'
    if _NUMBER.fullmatch(text) and b"<v>" in old.search(parts[part])[0]:  # type: ignore[index]
        new = f'<c r="{cell}"><v>{text}</v></c>'
    parts[part], n = old.subn(new.encode(), parts[part])
    assert n == 1
    return zipped(parts)


def _in_csv(content: bytes, row: str, column: str, text: str) -> bytes:
    lines = list(csv.reader(io.StringIO(content.decode(), newline="")))
    heads = lines[0]
    if row.startswith("row "):
        number = int(row[4:]) - 1
    else:
        key, _, value = row.partition("=")
        number = next(n for n, line in enumerate(lines) if n and line[heads.index(key)] == value)
    lines[number][heads.index(column)] = text
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue().encode()


def _in_ndjson(content: bytes, row: str, path: str, text: str) -> bytes:
    lines = content.split(b"\n")
    number = int(row[5:]) - 1
    resource = json.loads(lines[number])
    *way, last = re.findall(r"[^.\[\]]+|\[[^\]]*\]", path)
    node = resource
    for step in way:
        node = _below(node, step)
    old = node[last]
    node[last] = json.loads(text) if isinstance(old, int | float) and _NUMBER.fullmatch(text) else text
    lines[number] = json.dumps(resource, ensure_ascii=False).encode()
    return b"\n".join(lines)


def _below(node: Any, step: str) -> Any:
    """The member of an object, the element of an array by its number, or by its url or its first code."""
    if not step.startswith("["):
        return node[step]
    key = step[1:-1]
    if key.isdigit():
        return node[int(key)]
    return next(
        one for one in node if one.get("url") == key or one.get("code", {}).get("coding", [{}])[0].get("code") == key
    )
