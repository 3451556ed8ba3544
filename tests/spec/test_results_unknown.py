"""Beside n/N stands of how many patients nobody knows whether they belong to n, where the results tell it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from chartline.protocol.model import Protocol
from chartline.report.blocks import key_numbers, summary
from chartline.report.document import KeyNumbers, Paragraph
from chartline.report.format import format_headline
from chartline.report.source import ReportSource
from chartline.results.headline import build_headline
from chartline.results.model import Result, Results
from report_cases import TINY, count, tiny_source

BEST: dict[str, Any] = {"id": "best", "kind": "categories", "label": "Best response", "population": "treated"}


def study(numerator: str = "RESPFL == 'Y'", *, missing: int = 0, best: dict[str, Any] = BEST) -> ReportSource:
    """The tiny study (3 responders of 4), with a table of best responses in which one patient is not evaluable."""
    declared = copy.deepcopy(TINY)
    orr = next(a for a in declared["analyses"] if a["id"] == "orr")
    orr["numerator"] = numerator
    declared["sets"]["old"] = {"label": "Old", "where": "AGE >= 50"}
    declared["response_variants"] = {"ELN": {}}
    declared["analyses"] = [*declared["analyses"], {"variable": "BOR", **best}]
    variable = best.get("variable", "BOR")
    rows = [replace(r, missing=missing) if r.id == "orr/proportion" else r for r in tiny_source().results]
    rows += [count("best", 3, 4, f"{variable}=CR"), count("best", 1, 4, f"{variable}=NE")]
    results = Results(rows, "p" * 64, "d" * 64)
    return tiny_source(protocol=Protocol.model_validate(declared), results=results)


def told(source: ReportSource) -> tuple[str, str, str]:
    """The large number's note, the sentence of the summary, the line on a terminal."""
    (numbers,) = key_numbers.build(source)
    assert isinstance(numbers, KeyNumbers)
    sentence = next(b.text for b in summary.build(source) if isinstance(b, Paragraph) and "CR or CRi in" in b.text)
    entry = build_headline(source.results, source.protocol)["headline"]["orr"]
    return numbers.items[0][2], sentence, format_headline(entry)


def test_a_response_that_was_not_evaluable_is_said_beside_the_rate() -> None:
    note, sentence, line = told(study())
    assert note == "3/4 (1 not evaluable); 95% CI 19.4 to 99.4"
    assert sentence == "Response. CR or CRi in 3/4 (75.0%, 95% CI 19.4 to 99.4; 1 not evaluable)."
    assert line == "75.0% (3/4, 1 not evaluable; 19.4 to 99.4)"


def test_a_value_that_is_missing_is_said_too() -> None:
    note, sentence, line = told(study(missing=1))
    assert note.startswith("3/4 (1 unknown, 1 not evaluable); ")
    assert sentence.endswith("; 1 unknown, 1 not evaluable).")
    assert line.startswith("75.0% (3/4, 1 unknown, 1 not evaluable; ")


@pytest.mark.parametrize(
    ("numerator", "best"),
    [
        ("BOR == 'CR'", {}),
        ("BOR == 'CR' or RESPFL == 'Y'", {}),
        ("RESPFL_ELN == 'Y'", {"variable": "BOR_ELN"}),
    ],
)
def test_what_asks_about_the_response_alone_is_a_response_rate(numerator: str, best: dict[str, Any]) -> None:
    assert told(study(numerator, best=BEST | best))[0].startswith("3/4 (1 not evaluable)")


@pytest.mark.parametrize(
    ("numerator", "best"),
    [
        ("HSCTFL == 'Y'", {}),  # no response
        ("RESPFL == 'Y' and HSCTFL == 'Y'", {}),  # who was not transplanted is known not to be counted
        ("BOR == 'NE'", {}),  # they are what is counted
        ("RESPFL_ELN == 'Y'", {}),  # by other rules than the table's
        ("RESPFL == 'Y'", {"population": "old"}),  # of other patients
        ("RESPFL == 'Y'", {"variable": "SEX"}),  # no table of best responses
    ],
)
def test_where_the_results_do_not_tell_nothing_is_said(numerator: str, best: dict[str, Any]) -> None:
    note, sentence, line = told(study(numerator, best=BEST | best))
    assert note == "3/4; 95% CI 19.4 to 99.4"
    assert sentence == "Response. CR or CRi in 3/4 (75.0%, 95% CI 19.4 to 99.4)."
    assert line == "75.0% (3/4; 19.4 to 99.4)"


def test_a_rate_of_a_centre_has_those_of_its_centre() -> None:
    source = study(best=BEST | {"by": "SITEID"})
    protocol = source.protocol
    headline = {"orr": protocol.headline["orr"].model_copy(update={"group": "SITEID=A"})}
    rate = next(r for r in source.results if r.id == "orr/proportion")
    rows = [*source.results, replace(rate, group="SITEID=A"), count("best", 2, 4, "SITEID=A;BOR=NE")]
    source = replace(
        source,
        protocol=protocol.model_copy(update={"headline": headline}),
        results=Results(rows, "p" * 64, "d" * 64),
    )
    (numbers,) = key_numbers.build(source)
    assert isinstance(numbers, KeyNumbers)
    assert numbers.items[0][2].startswith("3/4 (2 not evaluable)")


def test_only_where_some_are_is_it_in_the_file() -> None:
    entry = build_headline(study().results, study().protocol)["headline"]["orr"]
    assert entry["not_evaluable"] == 1
    plain = tiny_source()
    assert "not_evaluable" not in build_headline(plain.results, plain.protocol)["headline"]["orr"]


def test_of_a_time_it_is_said_how_many_have_none() -> None:
    source = study()
    rows: list[Result] = [replace(r, missing=2) if r.id.startswith("os/") else r for r in source.results]
    source = replace(source, results=Results(rows, "p" * 64, "d" * 64))
    (numbers,) = key_numbers.build(source)
    assert isinstance(numbers, KeyNumbers)
    assert numbers.items[1][2] == "95% CI 3.3 to NR; 2 unknown"
    (sentence,) = (b.text for b in summary.build(source) if isinstance(b, Paragraph) and "survival: median" in b.text)
    assert "(95% CI 3.3 to NR; 2 unknown)" in sentence
    entry = next(e for e in build_headline(source.results, source.protocol)["headline"].values() if e["missing"] == 2)
    assert format_headline(entry).endswith(" to NR; 2 unknown)")
