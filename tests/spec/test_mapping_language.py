"""A mapping that cannot be right is refused with the place at fault and what was expected."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from chartline.errors import MappingError
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.mapping.model import Mapping
from mapping_tables import mapped, mapping, source, table

GOOD = """\
chartline: mapping/1
centre: Z
signed_on: 2024-02-01
missing: [NA, no, "-"]
code_lists:
  yes_no: {Y: [Y, yes, 1], N: [N, no, 0]}
  odd: {A: [01, 1_000, 0x1F, 1.0]}
tables:
  S:
    subject: id
    records:
      - domain: AE
        where: {visit: 01}
        variables:
          AETERM: event
          AESER: {column: serious, codes: yes_no}
"""
AE = [{"domain": "AE", "variables": {"AETERM": "t"}}]


def load(tmp_path: Path, text: str) -> Mapping:
    file = tmp_path / "m.yaml"
    file.write_text(text, encoding="utf-8")
    return load_mapping(file)


def test_words_stay_as_they_are_written(tmp_path: Path) -> None:
    m = load(tmp_path, GOOD)
    assert m.missing == ("NA", "no", "-")
    assert m.code_lists["yes_no"] == {"Y": ("Y", "yes", "1"), "N": ("N", "no", "0")}
    assert m.code_lists["odd"] == {"A": ("01", "1_000", "0x1F", "1.0")}
    assert m.tables["S"].records[0].where == {"visit": "01"}


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("signed_on", "signd_on", 3, "signed_on"),
        ("codes: yes_no", "codez: yes_no", 16, "codes"),
        ("    records:", "    recrds:", 11, "records"),
        ("2024-02-01", "sometime", 3, "date"),
        ("mapping/1", "mapping/2", 1, "mapping/1"),
        ("{column: serious, codes: yes_no}", "{codes: yes_no}", 16, "exactly one of column"),
        ("{visit: 01}", "{visit: {matches: '('}}", 13, "regular expression"),
        ("{column: serious, codes: yes_no}", "{column: serious, extract: abc}", 16, "one group"),
        ("{column: serious, codes: yes_no}", "{column: serious, extract: '(?=a)(b)'}", 16, "not supported"),
        ("{column: serious, codes: yes_no}", "{column: serious, extract: 'a([^;]+{)'}", 16, "expects a valid decimal"),
        ("{visit: 01}", r"{visit: {matches: '(a)\1'}}", 13, "not supported"),
        ("centre: Z", "centre: [", 4, "YAML"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, told: str) -> None:
    assert old in GOOD
    with pytest.raises(MappingError) as e:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert re.search(rf"line {line}\b", str(e.value))
    assert told in str(e.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="no file"):
        load_mapping(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"domain": "AX", "variables": {"AETERM": "t"}}, "no domain `AX`"),
        ({"domain": "AE", "variables": {"AETREM": "t"}}, "did you mean `AETERM`"),
        ({"domain": "AE", "variables": {"AETERM": "t", "AESER": {"column": "t", "codes": "yesno"}}}, "no code list"),
        ({"domain": "DM", "variables": {"SEX": {"column": "t", "codes": {"Male": "m"}}}}, "no term `Male` of SEX"),
        ({"domain": "DM", "variables": {"SEX": {"column": "t", "codes": {"M": "x", "F": "X"}}}}, "two terms"),
        ({"domain": "AE", "variables": {"AESER": "t"}}, "can never exist"),
        ({"domain": "LB", "variables": {"LBSTRESN": "t"}}, "map LBORRES instead"),
        ({"domain": "AE", "anchor": ["AEOUT"], "variables": {"AETERM": "t"}}, "no anchor `AEOUT`"),
        (
            {
                "domain": "AE",
                "variables": {"AETERM": {"column": "t", "lookup": {"table": "X", "key": "k", "value": "v"}}},
            },
            "no table `X`",
        ),
        ({"domain": "AE", "variables": {"AETERM": "t", "AETOXGR": {"constant": "high"}}}, "not a integer"),
        ({"domain": "AE", "variables": {"AETERM": {"column": "t", "unit": "mg"}}}, "takes no unit"),
    ],
)
def test_declarations_that_cannot_be(record: dict[str, object], told: str) -> None:
    with pytest.raises(MappingError) as e:
        mapped("id | t\nP1 | x", [record])
    assert told in str(e.value)


def test_records_without_a_subject() -> None:
    with pytest.raises(MappingError, match="no `subject`"):
        map_centre(source(table("S", "t\nx")), mapping({"S": {"records": AE}}))


def test_a_column_that_is_neither_mapped_nor_ignored() -> None:
    with pytest.raises(MappingError, match=r"2 columns .* neither mapped nor ignored: `note`, `x\[1\]`"):
        mapped("id | t | note | x[1]\nP1 | x | y | z", AE)
    data, _ = mapped(
        "id | t | note | x[1]\nP1 | x | y | z", AE, table_keys={"ignore": {"not*": "free text", "x[*": "no"}}
    )
    assert data["AE"].height == 1


def test_a_renamed_column_is_named_with_its_likely_new_name() -> None:
    with pytest.raises(MappingError) as e:
        mapped("id | Adverse event\nP1 | x", [{"domain": "AE", "variables": {"AETERM": "Adverse events"}}])
    assert "`Adverse events` (nearest in the file: `Adverse event`)" in str(e.value)


def test_headings_of_any_length_leave_a_message_that_can_be_read() -> None:
    """Of a broken file: twenty headings of two thousand letters; and the column that the mapping names is not there."""
    heads = " | ".join(f"{number} {'x' * 2000}" for number in range(20))
    for variables in ({"AETERM": "t"}, {"AETERM": "1 " + "x" * 1999}):
        with pytest.raises(MappingError, match=r"x{100}[.]{3}`") as e:
            mapped(f"id | t | {heads}\nP1 | a" + " | b" * 20, [{"domain": "AE", "variables": variables}])
        assert len(str(e.value)) < 15_000


def test_a_missing_and_an_unmapped_table() -> None:
    tables = {"S": {"subject": "id", "records": AE}}
    with pytest.raises(MappingError, match="names a table that the file does not have: `S`"):
        map_centre(source(table("Sheet1", "id | t\nP1 | x")), mapping(tables))
    both = source(table("S", "id | t\nP1 | x"), table("T", "a\n1"))
    with pytest.raises(MappingError, match="neither mapped nor ignored: `T`"):
        map_centre(both, mapping(tables))
    assert map_centre(both, mapping(tables, ignore_tables={"T*": "not used"}))[0]["AE"].height == 1
    absent = tables | {"Form": {"subject": "id", "optional": True, "records": AE}}
    assert map_centre(source(table("S", "id | t\nP1 | x")), mapping(absent))[0]["AE"].height == 1


def test_optional_columns_read_as_blank_where_the_source_leaves_them_out() -> None:
    records = [{"domain": "SS", "variables": {"DTHDTC": "deceased.date", "LKADTC": "last"}}]
    data, queries = mapped("id | last\nP1 | 2020-01-01", records, table_keys={"optional_columns": ["deceased*"]})
    assert data["SS"].select("DTHDTC", "LKADTC").rows() == [(None, "2020-01-01")]
    assert queries == []


def test_ten_thousand_columns_are_told_in_one_readable_error() -> None:
    narrow = table("S", "id | t\nP1 | x")
    wide = narrow.frame.with_columns(pl.lit("1").alias(f"c{i}") for i in range(10_000))
    big = narrow.with_frame(wide, None)
    with pytest.raises(MappingError) as e:
        map_centre(source(big), mapping({"S": {"subject": "id", "records": AE}}))
    assert "10000 columns" in str(e.value) and len(str(e.value)) < 2000
