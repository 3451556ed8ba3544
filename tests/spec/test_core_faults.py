"""A declared value that cannot stand where it stands is told in words, with an example; never as a pattern."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from chartline.core.declared import parse_declaration
from chartline.core.faults import Shape
from chartline.errors import MappingError, ProtocolError
from chartline.mapping.model import Mapping
from chartline.protocol.analyses import ANALYSIS_ID
from chartline.protocol.base import OWN_NAME
from chartline.protocol.events import ENDPOINT_ID
from chartline.protocol.model import Protocol
from chartline.protocol.own_checks import CHECK_ID
from chartline.sources.spec import PASSWORD_NAME

STUDIES = Path(__file__).parents[1] / "data" / "omop_synthea"
SHAPES = (ANALYSIS_ID, OWN_NAME, ENDPOINT_ID, CHECK_ID, PASSWORD_NAME)


def told(name: str, old: str, new: str) -> tuple[str, str, str]:
    """What a study with one change is refused with: what, where (without the line), expected."""
    text = (STUDIES / name).read_text(encoding="utf-8")
    assert text.count(old) >= 1
    model, error, as_text = (
        (Protocol, ProtocolError, False) if name == "protocol.yaml" else (Mapping, MappingError, True)
    )
    with pytest.raises(error) as e:
        parse_declaration(text.replace(old, new, 1), model, error, name, as_text)  # type: ignore[type-var]
    return e.value.what, e.value.where.partition(", at ")[2], e.value.expected


@pytest.mark.parametrize(
    ("old", "new", "what", "where", "expected"),
    [
        ("id: OS,", "id: os,", "`os` is not an id of an endpoint", "endpoints[0].id",
         "a capital letter, then at most 7 capitals, digits or _, such as `OS`"),
        ("{id: os, kind", "{id: Os-1, kind", "`Os-1` is not an id of an analysis", "analyses[2].id",
         "a small letter, then small letters, digits, _ or a point, such as `cr_cri_rate`"),
        ("lowhb:", "LowHb:", "`LowHb` is not a name for a milestone", "milestones.LowHb",
         "a small letter, then at most 5 small letters or digits, such as `agvhd`"),
        ("checks:", "own_checks: [{id: Hb low, domain: LB, expect: LBSTRESN > 4, says: Low.}]\nchecks:",
         "`Hb low` is not a name of a check", "own_checks[0].id",
         "a small letter, then small letters, digits or _, such as `hb_in_g_per_l`"),
        ("cut_off: 2022-10-10", "cut_off: 10.10.2022", "`10.10.2022` is not a date", "data.cut_off",
         "year, month and day as `2023-12-31`"),
        ("cut_off: 2022-10-10", "cut_off: 2022-13-10", "`2022-13-10` is not a date", "data.cut_off",
         "year, month and day as `2023-12-31`"),
        ("cut_off: 2022-10-10", "cut_off: 2022", "`2022` is not a date", "data.cut_off",
         "year, month and day as `2023-12-31`"),
        ("label: Died", "label: 5", "`5` is not text", "analyses[1].label", "in quotes"),
        ("before: 180", "before: half a year", "`half a year` is not a whole number", "selection.observed_days.before",
         "a whole number, such as `14`"),
        ("before: 180", "before: -180", "`-180` is out of bounds", "selection.observed_days.before",
         "a number of 0 or more"),
        ("descendants: true", "descendants: perhaps", "`perhaps` is not true or false",
         "concept_sets.sinusitis.concepts[0].descendants", "`true` or `false`"),
        ("at_months: [60, 180]", "at_months: 60", "`60` is not a list", "analyses[2].at_months", "a list, such as"),
        ("kind: survival", "kind: survivl", "`survivl` is no `kind`", "analyses[2]", "did you mean `survival`?"),
        ("kind: survival, ", "", "The key `kind` is missing", "analyses[2]", "this key is required"),
        ("table: condition_occurrence", "table: condition_ocurence",
         "`condition_ocurence` is not one of the words that may stand here", "selection.index.table",
         "did you mean `condition_occurrence`?"),
    ],
)  # fmt: skip
def test_a_protocol(old: str, new: str, what: str, where: str, expected: str) -> None:
    said = told("protocol.yaml", old, new)
    assert said[:2] == (what, where)
    assert expected in said[2]


@pytest.mark.parametrize(
    ("old", "new", "what", "expected"),
    [
        ('path: "."', 'database: "postgresql://db/omop", password: "the word"',
         "`the word` is not a name of an environment variable", "such as `OMOP_PASSWORD`"),
        ("signed_on: 2026-11-26", "signed_on: 26/11/2026", "`26/11/2026` is not a date", "as `2023-12-31`"),
        ("kind: omop", "kind: omp", "`omp` is not one of the words that may stand here", "did you mean `omop`?"),
    ],
)  # fmt: skip
def test_a_mapping(old: str, new: str, what: str, expected: str) -> None:
    said = told("mapping.yaml", old, new)
    assert said[0] == what
    assert expected in said[2]


@pytest.mark.parametrize("model", [Protocol, Mapping])
def test_every_pattern_of_a_declaration_has_its_words(model: type[BaseModel]) -> None:
    """The names of `patternProperties` are patterns too: those of keys."""
    written = json.dumps(model.model_json_schema())
    patterns = {json.loads(f'"{p}"') for p in re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', written)}
    patterns |= set(re.findall(r'"patternProperties": \{"([^"]*)"', written))
    assert patterns
    assert patterns <= {shape.pattern for shape in SHAPES}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.noun)
def test_a_shape_is_told_without_its_pattern(shape: Shape) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[str, shape, Field(description="A name.")])
    assert adapter.validate_python(shape.example) == shape.example
    for odd in ("", "1a", "a b", shape.example + "\n"):  # `$` alone would let the last pass
        with pytest.raises(ValueError, match=re.escape(f"Must be {shape.noun}: {shape.words}")) as e:
            adapter.validate_python(odd)
        assert shape.pattern not in str(e.value)


def test_an_example_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="OS is no example"):
        Shape("^[a-z]+$", "a name", "small letters", "OS")


def test_a_key_twice_is_told_without_the_file() -> None:
    with pytest.raises(ProtocolError) as e:
        parse_declaration("study: {id: A}\nstudy: {id: B}\n", Protocol, ProtocolError, "p.yaml")
    assert e.value.what == 'p.yaml is not valid YAML: found duplicate key "study"'
