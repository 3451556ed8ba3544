"""What checks know of laboratory tests: bounds, units, the slips by which their numbers go wrong.

In: a value in the test's standard unit and what is usual for the patient. Out: a sentence that names the likely
slip as a question, or nothing; cells; what a doubtful value puts at stake. Factors are unit arithmetic: bilirubin
1 mg/dL = 17.1 umol/L and creatinine 1 mg/dL = 88.4 umol/L (molar masses 584.7 and 113.1 g/mol), 1 x 10^9/L = 1,000
per uL, 1 lakh per uL = 100 x 10^9/L, 1 g/dL = 10 g/L.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import exp, inf, log
from typing import Any

import polars as pl

from chartline.checks.bounds import quoted, recorded
from chartline.checks.model import Cell
from chartline.checks.tallies import first_rows
from chartline.checks.wording import unit_words, value_words
from chartline.core.plans import run
from chartline.core.query import Topic
from chartline.mapping.units import factor, known_units

LIVER_TESTS = ("ALT", "AST", "BILI", "ALP", "GGT")
RECOVERY_TESTS = ("ANC", "PLT")  # the counts that tell CR from CRi

_POINT = "a decimal point was lost or moved"
_COUNTS = ((1000.0, "a count per µL was written as × 10⁹/L"), (100.0, "a count in × 10⁹/L was written as lakh per µL"))
_SLIPS: dict[str, tuple[tuple[float, str], ...]] = {
    "BILI": ((17.1, "a number in µmol/L was written as mg/dL"), (1 / 17.1, "a number in mg/dL was written as µmol/L")),
    "CREA": ((88.4, "a number in µmol/L was written as mg/dL"), (1 / 88.4, "a number in mg/dL was written as µmol/L")),
    "HB": ((10.0, "a number in g/L was written as g/dL"), (0.1, "a number in g/dL was written as g/L")),
    "PLT": (*_COUNTS, (0.01, "a count in lakh per µL was written as × 10⁹/L")),
    "WBC": _COUNTS,
    "ANC": _COUNTS,
}
_ANY = ((10.0, _POINT), (100.0, _POINT), (0.1, _POINT), (0.01, _POINT))
_UNITS_SAID = ("/ul", "lakh/ul", "g/dl")  # of several spellings the one that is shown
_SHOWN = 3
TELLING = 3  # by so many times two units differ at the least, to be told apart by the numbers
_NEAR = log(2.5)  # how far from the patient's usual value the explained one may lie
_ALIKE = log(1.7)  # a second explanation is named only if it fits nearly as well as the first


@dataclass(frozen=True)
class LaboratoryTest:
    """One row of `vocabulary/tests.csv`: the standard unit and the bounds outside which no value is believed."""

    code: str
    label: str
    unit: str
    low: float = -inf
    high: float = inf

    def cell(self, block: int, row: int, value: object) -> Cell:
        """Return the cell of a result of this test."""
        return Cell("LB", "LBSTRESN", block, row, value, label=self.label, unit=self.unit)

    def cells(self, r: Mapping[str, Any]) -> tuple[Cell, ...]:
        """Return the cells of results, from a record with the lists BLOCK, ROW, VALUE and VALUE_OP."""
        at = zip(r["BLOCK"], r["ROW"], r["VALUE"], r["VALUE_OP"], strict=True)
        return tuple(self.cell(block, row, quoted(value, sign)) for block, row, value, sign in at)


def first_results(values: pl.LazyFrame) -> pl.LazyFrame:
    """Return the first results of each centre and test, to show where they stand."""
    rows = values.select("CENTRE", "LBTESTCD", "VALUE", "VALUE_OP", "BLOCK", "ROW")
    return first_rows(rows, ["CENTRE", "LBTESTCD"], _SHOWN)


def cells_of_first(first: pl.LazyFrame, centre: str, test: str) -> tuple[Cell, ...]:
    """Return the cells of the `first_results` of a centre and test."""
    own = run(first_results(first.filter((pl.col("CENTRE") == centre) & (pl.col("LBTESTCD") == test))))
    return laboratory_test(test).cells(own.to_dict(as_series=False))


def panel_code(*more: str) -> pl.Expr:
    """Return CODE, by which a row of `Context.panels` is alike another of its centre: a hash of the results, and of
    what else must agree. Rows that agree have the same; that others have it too is possible, and must be looked at."""
    return pl.concat_str(pl.col("CENTRE").cast(pl.String), *more, "PANEL", separator=" ").hash(0).alias("CODE")


@cache
def laboratory_tests() -> dict[str, LaboratoryTest]:
    """Return the laboratory tests of the vocabulary by code."""
    with (files("chartline") / "vocabulary" / "tests.csv").open(encoding="utf-8") as f:
        return {r["testcd"]: _test(r) for r in csv.DictReader(f)}


def _test(r: Mapping[str, str]) -> LaboratoryTest:
    return LaboratoryTest(
        r["testcd"], r["label"], r["unit"], float(r["plausible_low"] or -inf), float(r["plausible_high"] or inf)
    )


def laboratory_test(code: str) -> LaboratoryTest:
    """Return a test; one that the vocabulary does not know has its code as label, no unit and no bounds."""
    return laboratory_tests().get(code) or LaboratoryTest(code, code, "")


def likely_slips(
    test: LaboratoryTest, value: float, usual: float | None, whose: str = "the patient's other values"
) -> str:
    """Return a sentence naming the (at most two) slips that would make `value` fit what is usual; '' if none does."""
    if usual is None or usual <= 0 or value <= 0:
        return ""
    own = _SLIPS.get(test.code, ())
    known = (*own, *(s for s in _ANY if s[0] not in unit_factors(test.code)))
    fits = sorted((abs(log(value / f / usual)), value / f, words) for f, words in known)[:2]
    fits = [d for d in fits if d[0] <= min(_NEAR, fits[0][0] + _ALIKE)]
    said = [f"if {words} ({value_words(float(f'{v:.4g}'), test.unit)})" for _, v, words in fits]
    return f"It would fit {whose} {', or '.join(said)}." if said else ""


def unit_factors(code: str) -> tuple[float, ...]:
    """Return the factors by which a wrong unit multiplies a value of this test."""
    return tuple(f for f, _ in _SLIPS.get(code, ()))


@cache
def other_units(code: str) -> tuple[tuple[float, str], ...]:
    """Return (factor, sentence) of each unit in which a number of this test may stand by mistake.

    `factor` is by how much the mistake multiplies the value in the standard unit: 1/17.1 where mg/dL of bilirubin were
    carried as umol/L, 17.1 where umol/L were taken for mg/dL. Units and factors are those of `mapping/units.py`; one
    below `TELLING` is less than what people differ by.
    """
    test = laboratory_test(code)
    if test.unit in ("", "1"):
        return ()
    named: dict[float, str] = {}
    for unit in sorted(known_units(test.unit, code), key=lambda u: (u not in _UNITS_SAID, u)):
        by = factor(unit, test.unit, code)
        if by is not None and not 1 / TELLING < by < TELLING:
            named.setdefault(by, unit)
    own, out = unit_words(test.unit), []
    for by, unit in named.items():
        written = unit_words(unit)
        out.append((1 / by, f"numbers in {written} were carried as {own}"))
        out.append((by, f"numbers in {own} were taken for {written}"))
    return tuple(out)


def nearest_unit(code: str, ratio: float) -> tuple[float, str]:
    """Return the (factor, sentence) of `other_units` that is nearest to a ratio; (1, "") where the test has none."""
    return min(other_units(code), key=lambda u: abs(log(ratio / u[0])), default=(1.0, ""))


def is_unit_ratio(ratio: pl.Expr, within: float) -> pl.Expr:
    """Return, by row of a frame with LBTESTCD, whether a ratio is within `within` times the factor of another unit."""
    tests = [(code, sorted({f for f, _ in other_units(code)})) for code in laboratory_tests()]
    near = [
        (pl.col("LBTESTCD") == code) & pl.any_horizontal(ratio.is_between(f / within, f * within) for f in factors)
        for code, factors in tests
        if factors
    ]
    return pl.any_horizontal(near)


def middle(a: float, b: float) -> float:
    """Return the geometric mean of two neighbours."""
    return exp((log(a) + log(b)) / 2)


def value_cells(r: Mapping[str, Any]) -> tuple[Cell, ...]:
    """Return the cells of a value and of its reported unit, from a row with VALUE, VALUE_OP and lists BLOCK, ROW and
    LBORRESU."""
    test = laboratory_test(r["LBTESTCD"])
    cells: list[Cell] = []
    for block, row, unit in zip(r["BLOCK"], r["ROW"], r["LBORRESU"], strict=True):
        cells.append(test.cell(block, row, recorded(r, "VALUE")))
        if unit is not None:
            cells.append(Cell("LB", "LBORRESU", block, row, unit))
    return tuple(cells)


def at_stake(code: str) -> frozenset[Topic]:
    """Return the topic that a graded value of a test bears on."""
    return frozenset({Topic.LIVER if code in LIVER_TESTS else Topic.BLOOD_COUNTS})
