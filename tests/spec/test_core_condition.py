"""Conditions: a small closed language that runs on data, prints as English and keeps unknown apart from no."""

from __future__ import annotations

import polars as pl
import pytest

from chartline.core.condition import parse_condition
from chartline.errors import ProtocolError

SUBJECTS = pl.DataFrame(
    {
        "AGE": [17, 18, None],
        "STATUS": ["RELAPSED", "REFRACTORY", "RELAPSED"],
        "TRTSDT": ["2017-01-31", "2017-02-01", None],
    }
).with_columns(pl.col("TRTSDT").str.to_date())


def truth(text: str) -> list[bool | None]:
    return SUBJECTS.select(parse_condition(text).expr(SUBJECTS.schema)).to_series().to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AGE >= 18", [False, True, None]),
        ("AGE < 18", [True, False, None]),
        ("AGE == 18", [False, True, None]),
        ("AGE != 18", [True, False, None]),
        ("STATUS in ('RELAPSED',)", [True, False, True]),
        ("STATUS not in ('RELAPSED',)", [False, True, False]),
        ("AGE between (17, 18)", [True, True, None]),
        ("TRTSDT between ('2017-02-01', '2022-10-31')", [False, True, None]),
        ("TRTSDT > '2017-01-31'", [False, True, None]),
        ("AGE is missing", [False, False, True]),
        ("AGE is present", [True, True, False]),
    ],
)
def test_a_comparison_with_a_missing_value_is_unknown(text: str, expected: list[bool | None]) -> None:
    assert truth(text) == expected


def test_unknown_spreads_as_in_kleenes_logic() -> None:
    # third subject: AGE unknown, STATUS RELAPSED
    assert truth("AGE >= 18 and STATUS == 'REFRACTORY'")[2] is False  # unknown and no = no
    assert truth("AGE >= 18 or STATUS == 'RELAPSED'")[2] is True  # unknown or yes = yes
    assert truth("AGE >= 18 and STATUS == 'RELAPSED'")[2] is None
    assert truth("not (AGE >= 18)")[2] is None


def test_a_condition_prints_as_english() -> None:
    c = parse_condition("AGE >= 18 and (STATUS in ('RELAPSED', 'REFRACTORY') or TRTSDT is missing)")
    assert c.english({"AGE": "age", "STATUS": "disease status"}) == (
        "age is at least 18 and (disease status is one of RELAPSED, REFRACTORY or TRTSDT is missing)"
    )
    assert c.variables == {"AGE", "STATUS", "TRTSDT"}


@pytest.mark.parametrize(
    "text",
    [
        "AGE => 18",
        "AGE + 1 > 18",
        "open('x')",
        "AGE >= 18 if STATUS else 1",
        "18",
        "AGE",
        "__import__('os')",
        "",
        "A.b > 1",
        "AGE < 18 < STATUS",
        "AGE in STATUS",
        "AGE between (1, 2, 3)",
        "AGE == True",
        "lambda: 1",
    ],
)
def test_nothing_else_parses(text: str) -> None:
    with pytest.raises(ProtocolError) as e:
        parse_condition(text, where="protocol.yaml line 3")
    assert "protocol.yaml line 3" in str(e.value)
    assert "between (a, b)" in e.value.expected


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("MHCAT == 'ECOG'", {"MHCAT": "ECOG"}),
        ("RSVISIT == 'DAY 29' and MRDSPEC == 'BLOOD' and RSCYCLE >= 1", {"RSVISIT": "DAY 29", "MRDSPEC": "BLOOD"}),
        ("MHCAT == 'A' or MHCAT == 'B'", {}),
        ("not (MHCAT == 'A')", {}),
        ("MHCAT in ('A', 'B')", {}),
        ("RSCYCLE == 1", {}),  # a number is no word
        ("MHCAT is present", {}),
    ],
)
def test_words_that_every_row_has(text: str, fixed: dict[str, str]) -> None:
    assert parse_condition(text).fixed == fixed
