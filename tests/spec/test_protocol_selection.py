"""A selection in a database: what a protocol may declare, and what is refused with its line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from chartline.errors import ProtocolError
from chartline.protocol.load import load_protocol
from chartline.protocol.model import Protocol

HEAD = """\
chartline: protocol/1
study: {id: T, title: T}
data: {centres: [{id: A, folder: a, mapping: a.yaml}]}
treatment: {drug: INO, label: ino}
concept_sets:
  ino: {label: Inotuzumab, concepts: [{vocabulary: RxNorm, code: "1942950", descendants: true}]}
  local: {label: Local, source_values: ["INO %"]}
"""


def _load(folder: Path, selection: str) -> Protocol:
    path = folder / "protocol.yaml"
    path.write_text(HEAD + selection)
    return load_protocol(path)


def test_a_selection_says_who_is_read(tmp_path: Path) -> None:
    p = _load(
        tmp_path,
        """\
selection:
  index: {table: drug_exposure, concepts: ino, from: 2017-02-01, to: 2022-10-31}
  age: {min: 18}
  require: [{label: Treated before, table: drug_exposure, concepts: local, to_day: -1}]
""",
    )
    assert p.selection is not None
    assert (p.selection.index.start, p.selection.index.end) == (dt.date(2017, 2, 1), dt.date(2022, 10, 31))
    assert p.selection.index.which == "first"
    assert p.selection.age is not None and (p.selection.age.min, p.selection.age.max) == (18, None)
    rule = p.selection.require[0]
    assert (rule.from_day, rule.to_day, rule.at_least, rule.distinct_days) == (None, -1, 1, False)


def test_nobody_is_selected_where_nothing_is_declared(tmp_path: Path) -> None:
    assert _load(tmp_path, "").selection is None


DEATH = "index: {table: death, concepts: ino}"
REFUSED = [
    ("index: {table: drug_exposure, concepts: imo}", "There is no concept set `imo`", "line 9", "did you mean `ino`"),
    ("index: {table: drugs, concepts: ino}", "drug_exposure", "line 9", "drug_exposure"),
    ("index: {table: drug_era, concepts: local}", "source values alone", "line 9", "a set with concepts"),
    (
        "index: {table: drug_exposure, concepts: ino, from: 2020-01-02, to: 2020-01-01}",
        "`from` 2020-01-02 is after `to` 2020-01-01", "line 9", "",
    ),
    ("index: {table: death, concepts: ino}\n  age: {}", "needs `min` or `max`", "line 10", ""),
    (f"{DEATH}\n  age: {{min: 19, max: 18}}", "`min` 19 is more than `max` 18", "line 10", ""),
    (
        "index: {table: death, concepts: ino}\n  exclude:\n"
        "    - {label: L, table: death, concepts: ino}\n    - {label: M, table: death, concepts: nothing}",
        "There is no concept set `nothing`", "line 12", "known: ino, local",
    ),
    (
        f"{DEATH}\n  require: [{{label: L, table: death, concepts: ino, from_day: 1, to_day: 0}}]",
        "`from_day` 1 is after `to_day` 0", "line 10", "",
    ),
    (
        "index: {table: death, concepts: ino}\n  prior_lines: {concepts: ino, at_least: 3, at_most: 2}",
        "`at_most` 2 is less than `at_least` 3", "line 10", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("selection", "says", "line", "expected"), REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, selection: str, says: str, line: str, expected: str
) -> None:
    with pytest.raises(ProtocolError) as refused:
        _load(tmp_path, f"selection:\n  {selection}\n")
    text = str(refused.value)
    assert says in text and line in text and expected in text, text


SETS = [
    "bad: {label: Nothing}",
    "bad: {label: Only excluded, concepts: [{id: 1, exclude: true}]}",
    "bad: {label: Both, concepts: [{id: 1, vocabulary: RxNorm, code: '1'}]}",
    "bad: {label: Half, concepts: [{vocabulary: RxNorm}]}",
]


@pytest.mark.parametrize("bad", SETS)
def test_a_concept_set_that_says_nothing_is_refused_with_its_line(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ProtocolError, match="line 8"):
        _load(tmp_path, f"  {bad}\n")
