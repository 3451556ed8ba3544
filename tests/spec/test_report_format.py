"""How numbers look in a report. Expected texts are arithmetic on paper."""

from __future__ import annotations

import pytest

from chartline.report import format as fmt
from chartline.results.model import Result


def _rate(n: int, total: int, **more: object) -> Result:
    fields = {"lower": 0.40644925, "upper": 0.7630159, "level": 0.95} | more
    return Result("r", "proportion", n / total, unit="proportion", n=n, N=total, method="exact", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (59.375, 1, "59.4"),
        (12.5, 0, "13"),  # halves go up, not to the even neighbour
        (0.05, 1, "0.1"),
        (2.675, 2, "2.68"),  # as the digits are written, not as the binary number is stored
        (-1.25, 1, "−1.3"),
        (-0.01, 1, "0.0"),
        (9999, 0, "9999"),
        (1234567, 0, "1\u202f234\u202f567"),
    ],
)
def test_numbers_have_fixed_decimals_and_halves_go_up(value: float, decimals: int, text: str) -> None:
    assert fmt.number(value, decimals) == text


@pytest.mark.parametrize(("n", "text"), [(1.0, "1 month"), (6.0, "6 months"), (2.5, "2.5 months"), (0.5, "0.5 months")])
def test_one_month_is_singular(n: float, text: str) -> None:
    assert fmt.so_many_months(n) == text


def test_a_rate_stands_with_its_fraction_and_interval() -> None:
    r = _rate(19, 32)
    assert fmt.ratio(r.n, r.N) == "19/32"
    assert fmt.with_interval(r) == "59.4% (95% CI 40.6 to 76.3)"
    assert fmt.span(r) == "40.6–76.3"


def test_a_percentage_is_taken_in_decimal() -> None:
    assert fmt.percent(0.28125) == "28.1%"
    assert fmt.percent(0.145) == "14.5%"  # 0.145 * 100 is 14.499999999999998 in binary
    assert fmt.percent(0.0005) == "0.1%"


def test_a_median_that_is_not_reached_prints_nr() -> None:
    r = Result(
        "os", "median", None, unit="months", lower=3.5, upper=None, level=0.95, method="KM", reason="not reached"
    )
    assert fmt.value(r) == "NR"
    assert fmt.with_interval(r) == "NR (95% CI 3.5 to NR)"


def test_a_rate_of_nobody_is_not_estimable() -> None:
    r = Result("r", "proportion", None, unit="proportion", n=0, N=0, method="exact", reason="no patient")
    assert fmt.value(r) == "not estimable"
    assert fmt.interval(r) == ""


def test_months_have_one_decimal_and_counts_none() -> None:
    assert fmt.with_unit(Result("os", "median", 6.0123, unit="months", method="KM")) == "6.0 months"
    assert fmt.with_unit(Result("c", "median", 2.0, unit="cycles", method="q")) == "2 cycles"
    assert fmt.value(Result("n", "n", 32, unit="patients", is_count=True)) == "32"


def test_table_cells_of_counts() -> None:
    assert fmt.n_percent(24, 32) == "24 (75)"
    assert fmt.n_percent(0, 32) == "0"
    assert fmt.n_percent(0, 0) == "–"


def test_an_interval_with_a_negative_end_is_written_with_to() -> None:
    assert fmt.between("3.5", "12.3") == "3.5–12.3"
    assert fmt.between("−1.2", "3.4") == "−1.2 to 3.4"


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"n": 37}, "37"),
        (
            {"n": 19, "N": 32, "estimate": 0.59375, "lower": 0.4064, "upper": 0.763, "unit": "proportion"},
            "59.4% (19/32; 40.6 to 76.3)",
        ),
        (
            {"n": 2, "N": 14, "estimate": 2 / 14, "lower": 0.0178, "upper": 0.428, "unit": "proportion", "missing": 12},
            "14.3% (2/14, 12 unknown; 1.8 to 42.8)",
        ),
        (
            {"n": 2, "N": 16, "estimate": 0.125, "unit": "proportion", "missing": 1, "not_evaluable": 5},
            "12.5% (2/16, 1 unknown, 5 not evaluable)",
        ),
        ({"n": 5, "N": 32, "estimate": 0.281, "unit": "proportion", "missing": 3}, "28.1% (3 unknown)"),  # a curve
        (
            {"n": 15, "N": 19, "estimate": 6.01, "lower": 3.515, "upper": None, "unit": "months"},
            "6.0 months (3.5 to NR)",
        ),
        ({"estimate": None, "unit": "months"}, "NR"),
    ],
)
def test_headline_lines(entry: dict[str, object], line: str) -> None:
    assert fmt.format_headline(entry) == line
