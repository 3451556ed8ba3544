"""Changes to files as chance, haste and malice make them. In: content and a source of chance. Out: changed content.

Each mutation is a function of (content, chance); the same content and seed give the same change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from ruamel.yaml import YAML

Bytes = Callable[[bytes, Random], bytes]

# What people and programs write into a cell where something else should stand.
STRANGE = [
    *("", " ", "-", "?", "NA", "N/A", "NULL", "nan", "inf", "-inf", "None", "TRUE", "0", "-1", "-0", "1e999"),
    *("99999999999999999999", "0.1.2", "1,5", "1.234,5", "<5", "> 5", "5-10", "5 - 10 %", "~5", "5%", "1/2", "٣"),
    *("31/02/2020", "00/00/0000", "2020-13-01", "2020-02-30", "0000-00-00", "9999-12-31", "1900-01-00", "1/1/20"),
    *("2020-04", "2020", "Apr 2020", "04/2020", "2020-04-03T25:00:00", "12:00", "-2020-01-01", "10000-01-01", "44452"),
    *("CR", "cr", " CR ", "CRi/CR", "A-01", "A-99", "a-01", "A-01 ", "=1+1", "+1", "@x", "'", '"', '""', "\t"),
    *("\u202e5", "\ufeff5", "\u00a05", "5\u00a0", "Zoë", "Zoe\u0308", "🩸", "\x0b", "\x7f", "a\nb", "a\r\nb"),
    *("{}", "!x!", "x" * 5_000),
]  # fmt: skip
_VALUES: list[Any] = [
    *STRANGE,
    *(None, True, False, 0, -1, 1, 7, 0.5, -0.0, 1e308, 1e-320, 2**31, 2**63, 2**64, 10**30, -(10**30), 10**400),
    *([], {}, [[]], [None], {"a": None}, {"": ""}, ["x", "x"], [1, "x", None], {"kind": "survival"}, {"all": []}),
]  # fmt: skip


def _flip(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _set(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data))
    return (
        data[:at] + bytes([chance.choice(b"\0\t\n\r \"'&,;:<>=[]{}\\/-0159AZaz\x7f\x80\xc3\xe9\xff")]) + data[at + 1 :]
    )


def _insert(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(STRANGE).encode() + data[at:]


def _delete(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + 1 + int(chance.expovariate(0.2)) :]


def _double(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data))
    end = at + 1 + int(chance.expovariate(0.05))
    return data[:end] + data[at:end] * chance.choice([1, 1, 1, 50]) + data[end:]


def _cut(data: bytes, chance: Random) -> bytes:
    return data[: chance.randrange(len(data))]


BYTES: list[Bytes] = [_flip, _flip, _set, _set, _insert, _insert, _delete, _delete, _double, _cut]


def by_lines(data: bytes, chance: Random) -> bytes:
    """A line doubled, dropped, moved or joined to the next."""
    lines = data.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    what = chance.randrange(5)
    if what == 0:
        lines.insert(other, lines[one])
    elif what == 1:
        del lines[one]
    elif what == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif what == 3:
        lines[one] += lines.pop(other) if other != one else b""
    else:
        lines[one] = b""
    return b"\n".join(lines)


def by_columns(data: bytes, chance: Random) -> bytes:
    """Two columns of a CSV file without quotation marks swapped, with or without their headings; or one shifted."""
    rows = [line.split(b",") for line in data.split(b"\n")]
    width = len(rows[0])
    one, other = chance.randrange(width), chance.randrange(width)
    first = chance.choice([0, 0, 1])
    for row in rows[first:]:
        if len(row) == width:
            row[one], row[other] = row[other], row[one]
    return b"\n".join(b",".join(row) for row in rows)


def by_cell(data: bytes, chance: Random) -> bytes:
    """A value of a CSV file (its headings among them) replaced by a strange one, or by one of another place."""
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    cells = lines[at].split(b",")
    taken = chance.choice(lines).split(b",")
    value = chance.choice([chance.choice(STRANGE).encode(), chance.choice(taken)])
    if any(mark in value for mark in b'",\n\r'):
        value = b'"' + value.replace(b'"', b'""') + b'"'
    cells[chance.randrange(len(cells))] = value
    lines[at] = b",".join(cells)
    return b"\n".join(lines)


_CELL = re.compile(rb'<c r="([A-Z]+\d+)"[^>]*?(/>|>.*?</c>)', re.S)


def by_sheet_cell(data: bytes, chance: Random) -> bytes:
    """A cell of a sheet's XML replaced: text, number, date, error, formula, nothing; or put elsewhere."""
    cells = list(_CELL.finditer(data))
    if not cells:
        return data
    cell, other = chance.choice(cells), chance.choice(cells)
    text = chance.choice(STRANGE).encode().replace(b"&", b"&amp;").replace(b"<", b"&lt;")
    number = chance.choice(
        [b"0", b"-1", b"0.1", b"44452", b"60", b"1e5", b"1e400", b"-657435", b"2958466", b"nan", b"", b"x"]
    )
    style = b"%d" % chance.randrange(12)
    where = cell[1] if chance.random() < 0.9 else other[1]
    new = chance.choice(
        [
            b'<c r="%b" t="inlineStr"><is><t>%b</t></is></c>' % (where, text),
            b'<c r="%b" s="%b"><v>%b</v></c>' % (where, style, number),
            b'<c r="%b" t="b"><v>%b</v></c>' % (where, chance.choice([b"0", b"1", b"2"])),
            b'<c r="%b" t="e"><v>#N/A</v></c>' % where,
            b'<c r="%b" t="s"><v>%d</v></c>' % (where, chance.choice([0, 1, 99_999, -1])),
            b'<c r="%b" t="d"><v>2020-04-03</v></c>' % where,
            b'<c r="%b" t="str"><f>A1</f><v>%b</v></c>' % (where, text),
            b'<c r="%b"><f>A1</f></c>' % where,
            b"",
            other[0],
        ]
    )
    return data[: cell.start()] + new + data[cell.end() :]


def by_value(data: bytes, chance: Random) -> bytes:
    """A value somewhere in a line of JSON changed: another type, gone, doubled, under another name."""
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    if not lines[at].strip():
        return data
    document = json.loads(lines[at])
    change_node(document, chance)
    lines[at] = json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def by_key(data: bytes, chance: Random) -> bytes:
    """A key or value somewhere in YAML changed. JSON is YAML, and keeps what YAML's own writer would tidy up."""
    document = json.loads(_as_json(data))
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        change_node(document, chance)
    return json.dumps(document, default=str).encode()


@lru_cache(100)
def _as_json(data: bytes) -> str:
    """YAML as JSON, its dates as text. Half of the time of a run went into reading the same file again."""
    try:
        json.loads(data)
    except ValueError:
        return json.dumps(YAML(typ="safe").load(data), default=str)
    return data.decode()


def change_node(document: Any, chance: Random) -> None:
    """Change one node below `document` in place."""
    places = list(_places(document))
    if not places:
        return
    parent, key = chance.choice(places)
    what = chance.randrange(7)
    if what == 0:
        del parent[key]
    elif what in (1, 2):
        parent[key] = chance.choice(_VALUES)
    elif what == 3:
        other, there = chance.choice(places)
        parent[key] = json.loads(json.dumps(other[there], default=str))
    elif what == 4 and isinstance(parent, dict):
        parent[chance.choice([*STRANGE, *parent])] = parent.pop(key)
    elif what == 5 and isinstance(parent, list):
        parent.insert(key, parent[chance.randrange(len(parent))])
    else:
        parent[key] = _near(parent[key], chance)


def _near(value: Any, chance: Random) -> Any:
    """Something like a value: the neighbour of a number, a text with one letter more or less, a list turned round."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return chance.choice([value + 1, value - 1, -value, value * 10, str(value), [value]])
    if isinstance(value, str):
        at = chance.randrange(len(value) + 1)
        more = value[:at] + chance.choice("x 1-.é{}[]") + value[at:]
        return chance.choice([value[:at] + value[at + 1 :], more, value.upper()])
    if isinstance(value, list):
        return value[::-1]
    return [value]


def _places(node: Any) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in list(items):
        yield node, key
        yield from _places(child)
