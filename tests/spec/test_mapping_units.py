"""Laboratory results: as reported, and in the standard unit of the test, exactly as on paper."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from chartline.core.query import Severity, Topic
from chartline.errors import MappingError
from chartline.mapping import units
from chartline.mapping.apply import map_centre
from mapping_tables import mapped, mapping, source, table, values


def lab(test: str, unit: object, **more: object) -> dict[str, object]:
    return {
        "domain": "LB",
        "variables": {"LBTESTCD": {"constant": test}, "LBORRES": {"column": "v", "unit": unit}, **more},
    }


@pytest.mark.parametrize(
    ("test", "unit", "reported", "standard"),
    [
        ("BILI", "mg/dL", "0.7", 11.97),  # 0.7 x 17.1 on paper; 11.969999999999999 in binary
        ("BILI", "mg/dL", "1.2", 20.52),
        ("CREA", "mg/dL", "1.2", 106.08),
        ("HB", "g/dL", "7.6", 76.0),
        ("PLT", "lakh/uL", "0.88", 88.0),
        ("PLT", "/cumm", "88000", 88.0),
        ("ANC", "/cumm", "590", 0.59),
        ("ANC", "cells/mm3", "590", 0.59),
        ("WBC", "10^3/uL", "2.4", 2.4),
        ("WBC", "K/uL", "2.4", 2.4),
        ("WBC", "x10^9/L", "2.4", 2.4),
        ("WBC", "10*9/L", "2.4", 2.4),
        ("WBC", "10⁹/L", "2.4", 2.4),
        ("WBC", "10*6/L", "2400", 2.4),
        ("ALT", "IU/L", "33", 33.0),
    ],
)
def test_conversion_is_the_decimal_a_person_gets(test: str, unit: str, reported: str, standard: float) -> None:
    data, queries = mapped(f"id | v\nP1 | {reported}", [lab(test, unit)])
    assert values(data, "LB", "LBORRES", "LBORRESU", "LBSTRESN") == [(reported, unit, standard)]
    assert queries == []


@pytest.mark.parametrize("by", ["17.1", "88.4", "0.001", "100", "10"])
def test_products_equal_decimal_arithmetic(by: str) -> None:
    texts = [f"{i / 100:.2f}" for i in range(1, 5000, 7)]
    got = pl.DataFrame({"v": [float(t) for t in texts]}).select(units.times(pl.col("v"), pl.lit(float(by))))["v"]
    assert got.to_list() == [float(Decimal(t) * Decimal(by)) for t in texts]


def test_the_unit_may_stand_in_the_row_and_an_unknown_one_is_queried() -> None:
    unit = {"column": "u", "codes": {"mg/dL": "8840", "umol/L": "8749", "mg": "8576"}}
    data, queries = mapped(
        "id | v | u\nP1 | 1.0 | 8840\nP2 | 17.1 | 8749\nP3 | 1 | 8576\nP4 | 1 | 1\nP5 | 1 |", [lab("BILI", unit)]
    )
    assert data["LB"]["LBSTRESN"].to_list() == [17.1, 17.1, None, None, None]
    asked = {(q.rule, q.subject): q for q in queries}
    assert set(asked) == {
        ("unknown_unit", "P3"),
        ("value_not_in_code_list", "P4"),
        ("unknown_unit", "P5"),
    }
    assert asked["unknown_unit", "P3"].severity is Severity.BLOCK
    assert asked["unknown_unit", "P3"].topics == {Topic.LIVER}
    assert asked["unknown_unit", "P3"].addresses == ("book.xlsx!S!C4",)


def test_a_declared_unit_that_nobody_knows_stops_the_mapping() -> None:
    with pytest.raises(MappingError, match="`furlong` is not a unit"):
        mapped("id | v\nP1 | 1", [lab("BILI", "furlong")])
    with pytest.raises(MappingError, match="`mg/dL` is not a unit that can be read for ALT"):
        mapped("id | v\nP1 | 1", [lab("ALT", "mg/dL")])
    with pytest.raises(MappingError, match="LBORRES has no unit"):
        mapped("id | v\nP1 | 1", [{"domain": "LB", "variables": {"LBTESTCD": {"constant": "ALT"}, "LBORRES": "v"}}])


def test_limits_of_the_row_are_converted_with_the_unit_of_the_result_or_their_own() -> None:
    same = mapped("id | v | hi\nP1 | 1.0 | 1.2", [lab("BILI", "mg/dL", LBSTNRHI="hi")])[0]
    own = mapped("id | v | hi\nP1 | 1.0 | 20.52", [lab("BILI", "mg/dL", LBSTNRHI={"column": "hi", "unit": "umol/L"})])[
        0
    ]
    assert values(same, "LB", "LBSTRESN", "LBSTNRHI") == values(own, "LB", "LBSTRESN", "LBSTNRHI") == [(17.1, 20.52)]


def ranged(labs: str, told: list[dict[str, object]], unit: str = "g/dL") -> list[tuple[object, ...]]:
    ranges = table(
        "R", "test | sex | lo | hi | unit\nHB | M | 13 | 17 | g/dL\nHB | F | 12 | 15 | g/dL\nALT | | | 40 | U/L"
    )
    people = table("P", "id | sex\nP1 | M\nP2 | F\nP3 |")
    test = "HB" if unit == "g/dL" else "ALT"
    data, _ = map_centre(
        source(table("S", labs), people, ranges),
        mapping(
            {
                "P": {"subject": "id", "records": [{"domain": "DM", "variables": {"SEX": "sex"}}]},
                "S": {"subject": "id", "records": [lab(test, unit)]},
                "R": {
                    "records": [
                        {
                            "domain": "RANGE",
                            "variables": {"TESTCD": "test", "SEX": "sex", "LO": "lo", "HI": "hi", "UNIT": "unit"},
                        }
                    ]
                },
            },
            reference_ranges=told,
        ),
    )
    return values(data, "LB", "USUBJID", "LBSTRESN", "LBSTNRLO", "LBSTNRHI")


def test_limits_come_from_the_reference_sheet_by_sex() -> None:
    assert ranged("id | v\nP1 | 10\nP2 | 10\nP3 | 10", []) == [
        ("P1", 100.0, 130.0, 170.0),
        ("P2", 100.0, 120.0, 150.0),
        ("P3", 100.0, None, None),  # sex unknown: no limit is guessed
    ]


def test_limits_told_fill_what_the_sheet_lacks() -> None:
    told = [{"test": "HB", "lln": 110, "uln": 160, "unit": "g/L"}]
    assert ranged("id | v\nP1 | 10\nP3 | 10", told) == [("P1", 100.0, 130.0, 170.0), ("P3", 100.0, 110.0, 160.0)]


def test_multiples_of_the_upper_limit() -> None:
    assert ranged("id | v\nP1 | 2.5", [], unit="xULN") == [("P1", 100.0, None, 40.0)]
    data, queries = mapped("id | v\nP1 | 2.5", [lab("ALT", "xULN")])
    assert data["LB"]["LBSTRESN"].to_list() == [None]
    assert [q.rule for q in queries] == ["no_upper_limit"]


def test_a_censored_result_keeps_its_operator_through_conversion() -> None:
    data, _ = mapped("id | v\nP1 | <0.2", [lab("BILI", "mg/dL")])
    assert values(data, "LB", "LBORRES", "LBSTRESN", "LBSTRESN_OP") == [("<0.2", 3.42, "<")]


def test_other_numbers_are_converted_to_the_unit_of_the_variable() -> None:
    records = [{"domain": "RS", "variables": {"MRDVAL": {"column": "v", "unit": {"column": "u"}}}}]
    data, queries = mapped("id | v | u\nP1 | 0.0005 | fraction\nP2 | 0.05 | %\nP3 | 5 | apples", records)
    assert data["RS"]["MRDVAL"].to_list() == [0.05, 0.05, None]
    assert [(q.rule, q.subject) for q in queries] == [("unknown_unit", "P3")]
