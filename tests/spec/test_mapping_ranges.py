"""Cells that say a range or a word instead of a number: read only as declared, compared only as far as they say."""

from __future__ import annotations

import polars as pl
import pytest

from chartline.errors import MappingError
from chartline.mapping.values import MANY, Reading, read_cells
from derive_cases import derive, row
from mapping_tables import mapped, values

WORDS = {
    "0": ["nil", "no blasts seen"],
    "<5": ["less than 5 percent", "occasional blasts"],
    ">=90": "packed marrow",
    "5-10": "five to ten percent",
}


def blasts(cell: str, **spec: object) -> tuple[tuple[object, ...], list[str]]:
    """The marrow blasts read from a cell (lower end, sign, upper end), and the rules that ask about it."""
    variables = {"RSDTC": "day", "BMBLAST": {"column": "marrow", "codes": "blasts"} | spec}
    lists = {"code_lists": {"blasts": WORDS}, "missing": ["hypocellular"]}
    anchored = [{"domain": "RS", "variables": variables, "anchor": ["RSDTC"]}]
    data, queries = mapped(f"id | day | marrow\nP1 | 2020-01-28 | {cell}", anchored, **lists)
    return values(data, "RS", "BMBLAST", "BMBLAST_OP", "BMBLAST_HI")[0], [q.rule for q in queries]


@pytest.mark.parametrize(
    ("cell", "want"),
    [
        ("4", (4, None, None)),
        ("<5", (5, "<", None)),
        (">= 90", (90, ">=", None)),
        ("<0.01 %", (0.01, "<", None)),
        ("5-10", (5, ">=", 10)),
        ("5 to 10 %", (5, ">=", 10)),
        ("2.5%–5%", (2.5, ">=", 5)),
        ("Nil", (0, None, None)),
        ("no blasts seen", (0, None, None)),
        ("less than 5 percent", (5, "<", None)),
        ("occasional blasts", (5, "<", None)),
        ("Packed marrow", (90, ">=", None)),
        ("five to ten percent", (5, ">=", 10)),
        ("hypocellular", (None, None, None)),  # a word for no value
    ],
)
def test_numbers_bounds_ranges_and_declared_words(cell: str, want: tuple[object, ...]) -> None:
    assert blasts(cell) == (want, [])


@pytest.mark.parametrize("cell", ["a few blasts", "10-5", "5-5", "5-10-20", "-5-10", "5 - ", "2020-10-05!d", "to 10"])
def test_what_the_mapping_does_not_know_is_asked(cell: str) -> None:
    assert blasts(cell) == ((None, None, None), ["not_a_number"])


def test_a_decimal_comma_stands_at_both_ends() -> None:
    assert blasts("0,5-1,5", decimal=",") == ((0.5, ">=", 1.5), [])
    assert blasts("0.5-1.5", decimal=",") == ((None, None, None), ["not_a_number"])


def test_a_declared_code_is_no_number() -> None:
    """REDCap keeps the choice `<5 %` as 1: the word of the list wins over the digit."""
    assert blasts("1", codes={"<5": "1", "5-25": "2"}) == ((5, "<", None), [])
    assert blasts("2", codes={"<5": "1", "5-25": "2"}) == ((5, ">=", 25), [])
    assert blasts("3", codes={"<5": "1", "5-25": "2"}) == ((3, None, None), [])


def test_both_ends_are_converted() -> None:
    records = [{"domain": "RS", "variables": {"RSDTC": "day", "MRDVAL": {"column": "mrd", "unit": "fraction"}}}]
    data, queries = mapped("id | day | mrd\nP1 | 2020-01-28 | 0.0001-0.001", records)
    assert (values(data, "RS", "MRDVAL", "MRDVAL_OP", "MRDVAL_HI"), queries) == ([(0.01, ">=", 0.1)], [])


def test_a_number_that_is_no_range_asks() -> None:
    records = [{"domain": "DM", "variables": {"AGE": "age"}}]
    _, queries = mapped("id | age\nP1 | 40-45", records)
    assert [q.rule for q in queries] == ["not_a_number"]


@pytest.mark.parametrize(
    ("variable", "codes"),
    [("BMBLAST", {"few": "occasional"}), ("BMBLAST", {"10-5": "some"}), ("MRDCELLS", {"5-10": "some"})],
)
def test_a_word_must_stand_for_a_number_of_its_variable(variable: str, codes: dict[str, str]) -> None:
    records = [{"domain": "RS", "variables": {"RSDTC": "d", "EMD": "e", variable: {"column": "x", "codes": codes}}}]
    with pytest.raises(MappingError, match=f"is not a number that {variable} can be"):
        mapped("id | d | e | x\nP1 | 2020-01-28 | | 1", records)


def test_many_cells_are_read_as_few_are() -> None:
    reading = Reading("number", codes=(("nil", "0"), ("occasional", "<5")), percent=True, range=True)
    cells = ["5-10", "nil", "occasional", "7", "5 to 10 %", "what", None, ">=90"]
    few = read_cells(reading, pl.Series(cells), None)
    many = read_cells(reading, pl.Series(cells * (MANY // len(cells))), None)
    for a, b in ((few.value, many.value), (few.op, many.op), (few.high, many.high), (few.present, many.present)):
        assert a is not None and b is not None
        assert a.to_list() == b.head(len(cells)).to_list()
    assert few.problems == [(5, "not_a_number")] and len(many.problems) == MANY // len(cells)


# Response from such a marrow: no blood blasts, no extramedullary disease, no counts.
@pytest.mark.parametrize(
    ("marrow", "best", "said"),
    [
        ("0-4", "CRi", "with 0-4 % blasts"),
        ("<5", "CRi", "with <5 % blasts"),
        ("5-10", "NR", "with 5-10 % blasts"),  # none of these numbers is below 5
        ("3-10", "NR", "with 3-10 % blasts"),  # remission is not shown
        (">=90", "NR", "with >=90 % blasts"),
    ],
)
def test_a_response_is_what_every_number_of_the_range_says(marrow: str, best: str, said: str) -> None:
    ex = "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-01|1"
    adam = derive({"EX": ex, "RS": f"USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-28|1|{marrow}|0|ABSENT"})
    assert row(adam["ADSL"], "BOR") == (best,)
    sentences = adam.trace.filter((adam.trace["ITEM"] == "ADSL.BOR") & adam.trace["BECAUSE"].is_not_null())["BECAUSE"]
    assert said in sentences[0]


@pytest.mark.parametrize(
    ("before", "marrow", "best"),
    [
        ("50", "25", "PR/SD"),
        ("50-60", "25", "PR/SD"),  # from any number of 50 to 60 it fell by half
        ("50-60", "26", "NR"),
        (">=50", "25", "PR/SD"),
        ("<50", "20", "NR"),  # from 30 % it would not have fallen by half
    ],
)
def test_a_fall_is_shown_only_from_what_the_first_value_is_at_least(before: str, marrow: str, best: str) -> None:
    rs = f"P1|2019-12-30|0|{before}|0|ABSENT\nP1|2020-01-28|1|{marrow}|0|ABSENT"
    adam = derive(
        {"EX": "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-01|1", "RS": f"USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\n{rs}"}
    )
    assert row(adam["ADSL"], "BOR") == (best,)
