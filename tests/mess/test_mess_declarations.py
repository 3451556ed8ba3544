"""Protocols and mappings that no person wrote: each is refused in words, in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from chartline.core.declared import parse_declaration
from chartline.errors import MappingError, ProtocolError
from chartline.mapping.load import load_mapping
from chartline.mapping.model import Mapping
from chartline.protocol.model import Protocol

NINEFOLD = list(enumerate((", ".join([f"*a{i}"] * 9) for i in range(11)), 1))
BOMBS = {
    "aliases of aliases": "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{before}]\n" for i, before in NINEFOLD),
    "merges of merges": "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{before}]}}\n" for i, before in NINEFOLD),
    "lists in lists": "a: " + "[" * 2_000 + "]" * 2_000,
    "mappings in mappings": "".join("  " * level + "a:\n" for level in range(2_000)),
    "a list in itself": "a: &a [*a]\n",
    "a merge of itself": "a: &a\n  <<: *a\n",
}  # fmt: skip
STRANGE = {
    "a number of 5,000 digits": "study: " + "9" * 5_000,
    "infinity": "study: .inf",
    "an object of Python": "study: !!python/object/apply:os.system [ls]",
    "a truth value that is none": "study: !!bool perhaps",
    "a number that is none": "study: !!int many",
    "a decimal number that is none": "study: !!float many",
    "bytes that are none": "study: !!binary aaa=",
    "an ordered map of one scalar": "study: !!omap [1]",
    "pairs of nothing": "study: !!pairs 5",
    "a set": "study: !!set {a, b}",
    "a date that is none": "study: 2020-99-99",
    "half of a character": 'study: {id: "\\ud800"}',
    "a character in two halves, as JSON writes it": 'study: {id: "\\ud83e\\ude78"}',
    "a list as a key": "? [a]\n: 1",
    "a merge of a number": "study: {<<: 5}",
    "an alias of nothing": "study: *b",
    "a key twice": "study: 1\nstudy: 2",
    "a NUL character": "study: a\0b",
    "two documents": "study: 1\n---\nstudy: 2",
    "nothing": "",
    "a word": "study",
}


@pytest.mark.parametrize("what", [*BOMBS, *STRANGE])
@pytest.mark.parametrize("model", [Protocol, Mapping])
@pytest.mark.parametrize("as_text", [True, False])
def test_refused_with_its_place(what: str, model: type[Protocol | Mapping], as_text: bool) -> None:
    with pytest.raises(ProtocolError) as error:
        parse_declaration({**BOMBS, **STRANGE}[what], model, ProtocolError, "p.yaml", as_text)
    assert "p.yaml" in error.value.where
    assert len(error.value.what) < 6_000


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("aliases of aliases", "500,000 values"),
        ("merges of merges", "500,000 values"),
        ("lists in lists", "50 levels"),
        ("mappings in mappings", "50 levels"),
        ("a list in itself", "inside of"),
        ("a merge of itself", "inside of"),
    ],
)
def test_bombs_are_counted_before_they_are_built(what: str, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        parse_declaration(BOMBS[what], Protocol, ProtocolError, "p.yaml")


def test_the_line_of_a_fault_in_a_list_in_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "centre: A\nsources:\n- kind: delimited\n  path: a.csv\n- kind: delimited\n  paht: b.csv\n"
    )
    with pytest.raises(MappingError) as error:
        load_mapping(tmp_path / "m.yaml")
    assert "m.yaml line 6, at sources[1].paht" in error.value.where


class _Asked(BaseModel):
    asked: dict[str, str]


@pytest.mark.parametrize("as_text", [True, False])
def test_one_parser_whatever_else_is_installed(as_text: bool) -> None:
    # YAML 1.2 allows it; the parser in C that `ruamel.yaml.clib` brings does not.
    text = "asked: {better?: yes, un?der way: no}"
    assert parse_declaration(text, _Asked, ProtocolError, "p.yaml", as_text).asked == {
        "better?": "yes",
        "un?der way": "no",
    }


def test_a_file_far_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "m.yaml").open("wb") as file:
        file.truncate(1 << 40)  # a terabyte that takes no room
    with pytest.raises(MappingError, match="far too large"):
        load_mapping(tmp_path / "m.yaml")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"centre: \xeb", b"\0" * 100])
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.yaml").write_bytes(content)
    with pytest.raises(MappingError):
        load_mapping(tmp_path / "m.yaml")


def test_a_folder_and_a_link_in_a_loop(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for path in (tmp_path, tmp_path / "loop.yaml", tmp_path / "m.yaml" / "x.yaml"):
        with pytest.raises(MappingError):
            load_mapping(path)
