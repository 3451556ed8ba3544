"""Where values came from: their cells' addresses and contents, many at once."""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import Origins
from chartline.sources.base import KeyLabels, SourceTable

DOSES = SourceTable(
    "doses.csv", "doses", pl.DataFrame({"day": ["2020-04-03", ""], "mg": ["1.5", None]}),
    {"day": "day", "mg": "mg"}, ["row 2", "row 3"],
)  # fmt: skip
MEASURED = SourceTable(
    "measurement", "measurement", pl.DataFrame({"value": ["7", "8", "9"]}), {"value": "value"},
    KeyLabels(pl.Series(["measurement_id=4", "measurement_id=5", "measurement_id=6"])),
)  # fmt: skip
ORIGINS = Origins(
    (
        (DOSES, {"EXDOSE": ("mg",), "EXSTDTC": ("day", "mg")}),
        (MEASURED, {"LBORRES": ("value",)}),
    )
)


def cells(*refs: tuple[int | None, str | None, int | None]) -> list[tuple[str | None, str | None]]:
    schema = {"BLOCK": pl.UInt32, "VARIABLE": pl.String, "ROW": pl.UInt32}
    return ORIGINS.cells(pl.DataFrame(refs, schema=schema, orient="row")).rows()


def test_each_value_has_its_own_cell_in_the_order_that_was_asked() -> None:
    assert cells((1, "LBORRES", 2), (0, "EXDOSE", 0), (1, "LBORRES", 0)) == [
        ("measurement!measurement_id=6!value", "9"),
        ("doses.csv!row 2!mg", "1.5"),
        ("measurement!measurement_id=4!value", "7"),
    ]


def test_a_blank_cell_is_said_to_be_blank() -> None:
    assert cells((0, "EXDOSE", 1)) == [("doses.csv!row 3!mg", "(blank)")]


def test_a_value_of_two_cells_has_both() -> None:
    assert cells((0, "EXSTDTC", 0), (0, "EXSTDTC", 1)) == [
        ("doses.csv!row 2!day + doses.csv!row 2!mg", "2020-04-03 + 1.5"),
        ("doses.csv!row 3!day + doses.csv!row 3!mg", "(blank) + (blank)"),
    ]


def test_a_constant_has_the_address_of_its_row_and_no_content() -> None:
    assert cells((0, "EXTRT", 1)) == [("doses.csv!row 3", "")]


def test_what_was_not_mapped_from_a_source_has_no_cell() -> None:
    assert cells((2, "LBORRES", 0), (None, None, None)) == [(None, None), (None, None)]
    assert cells() == []
