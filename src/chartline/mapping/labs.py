"""Numbers with units, and laboratory results: to standard units, with limits of normal.

In: the frame of a domain with the helper columns of `apply.py` (`<VAR>#unit`, `<VAR>#answer_unit`,
`LBORRES#number`). Out: the frame with converted values, and which rows have a unit that could not be used.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from chartline.errors import MappingError
from chartline.mapping import units
from chartline.mapping.blocks import NUMBER_OF_RESULT
from chartline.mapping.model import ReferenceRange
from chartline.mapping.words import tests

Fault = tuple[str, int, str]  # rule, position in the frame, variable
_RANGES = {"TEST": pl.String, "SEX": pl.String, "LO": pl.Float64, "HI": pl.Float64}


def factors(unit: pl.Series, test: pl.Series | None, standard: str) -> pl.Series:
    """Return the factor of each row to the standard unit (of its test); null where there is none."""
    if unit.null_count() == len(unit):
        return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(unit))
    none = pl.Series([None], dtype=pl.String)
    pairs = pl.DataFrame({"unit": unit, "test": none.new_from_index(0, len(unit)) if test is None else test})
    known = pairs.unique()
    found = [
        None
        if u is None or (test is not None and t is None)
        else units.factor(u, tests()[t][1] if t else standard, t or "")
        for u, t in known.iter_rows()
    ]
    table = known.with_columns(pl.Series("factor", found, dtype=pl.Float64))
    return pairs.join(table, on=["unit", "test"], how="left", maintain_order="left", nulls_equal=True)["factor"]


def convert(frame: pl.DataFrame, variable: str, standard: str) -> tuple[pl.DataFrame, list[Fault]]:
    """Bring a number variable to its standard unit where the mapping gives it a unit."""
    unit = _unit(frame, variable)
    by = factors(unit, None, standard)
    declared = frame[f"{variable}#has_unit"]
    faults = _where(frame[variable].is_not_null() & declared & by.is_null(), "unknown_unit", variable)
    by = by.set(~declared, 1.0)
    ends = [c for c in (variable, f"{variable}_HI") if c in frame.columns]
    return frame.with_columns(units.times(pl.col(c), pl.lit(by)).alias(c) for c in ends), faults


def _unit(frame: pl.DataFrame, variable: str) -> pl.Series:
    unit = frame[f"{variable}#unit"]
    answer = f"{variable}#answer_unit"
    return unit if answer not in frame.columns else frame[answer].zip_with(frame[answer].is_not_null(), unit)


def _where(mask: pl.Series, rule: str, variable: str) -> list[Fault]:
    return [(rule, i, variable) for i in mask.fill_null(False).arg_true().to_list()] if mask.any() else []


def finish_labs(frame: pl.DataFrame, ranges: pl.DataFrame, sexes: pl.DataFrame) -> tuple[pl.DataFrame, list[Fault]]:
    """Return LB with LBORRESU, LBSTRESN (+_OP) and limits in the standard unit of each test.

    `ranges`: TEST, SEX (null = both), LO, HI in standard units; `sexes`: USUBJID, SEX. Limits of the row win.
    """
    if NUMBER_OF_RESULT not in frame.columns:
        return frame, []
    test = (
        frame["LBTESTCD"]
        if "LBTESTCD" in frame.columns
        else pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    )
    frame = frame.with_columns(test.alias("LBTESTCD"))
    faults: list[Fault] = []
    for limit in ("LBSTNRLO", "LBSTNRHI"):
        frame, more = _limit(frame, limit, test)
        faults += more
    frame = _filled(frame, ranges, sexes)
    unit = _unit(frame, "LBORRES")
    times_uln = unit.str.to_lowercase().eq_missing(units.X_ULN.lower())
    by = factors(unit, test, "")
    by = frame["LBSTNRHI"].zip_with(times_uln, by) if times_uln.any() else by
    number = frame[NUMBER_OF_RESULT]
    lost = number.is_not_null() & by.is_null() & test.is_not_null()
    faults += _where(lost & ~times_uln, "unknown_unit", "LBORRES") + _where(
        lost & times_uln, "no_upper_limit", "LBORRES"
    )
    result = units.times(pl.col(NUMBER_OF_RESULT), pl.lit(by))
    op = f"{NUMBER_OF_RESULT}_OP"
    operator = pl.col(op) if op in frame.columns else pl.lit(None, pl.String)
    frame = frame.with_columns(result.alias("LBSTRESN"), unit.alias("LBORRESU"))
    kept = pl.when(pl.col("LBSTRESN").is_not_null()).then(operator)
    return frame.with_columns(kept.alias("LBSTRESN_OP")), faults


def _limit(frame: pl.DataFrame, limit: str, test: pl.Series) -> tuple[pl.DataFrame, list[Fault]]:
    if limit not in frame.columns:
        return frame.with_columns(pl.lit(None, pl.Float64).alias(limit)), []
    own = f"{limit}#unit"
    unit = frame["LBORRES#unit"]
    if own in frame.columns:
        unit = frame[own].zip_with(frame[f"{limit}#has_unit"], unit)
    if f"{limit}#answer_unit" in frame.columns:
        answer = frame[f"{limit}#answer_unit"]
        unit = answer.zip_with(answer.is_not_null(), unit)
    by = factors(unit, test, "")
    lost = frame[limit].is_not_null() & by.is_null() & test.is_not_null() & frame[NUMBER_OF_RESULT].is_null()
    return frame.with_columns(units.times(pl.col(limit), pl.lit(by)).alias(limit)), _where(lost, "unknown_unit", limit)


def _filled(frame: pl.DataFrame, ranges: pl.DataFrame, sexes: pl.DataFrame) -> pl.DataFrame:
    """Fill limits that the row lacks: first those of the subject's sex, then those for both sexes."""
    if ranges.is_empty():
        return frame
    by_sex = ranges.filter(pl.col("SEX").is_not_null())
    both = ranges.filter(pl.col("SEX").is_null()).drop("SEX")
    out = (
        frame.join(sexes.rename({"SEX": "#SEX"}), on="USUBJID", how="left", maintain_order="left")
        .join(by_sex, left_on=["LBTESTCD", "#SEX"], right_on=["TEST", "SEX"], how="left", maintain_order="left")
        .join(both, left_on="LBTESTCD", right_on="TEST", how="left", maintain_order="left", suffix="_both")
    )
    return out.with_columns(
        pl.coalesce("LBSTNRLO", "LO", "LO_both").alias("LBSTNRLO"),
        pl.coalesce("LBSTNRHI", "HI", "HI_both").alias("LBSTNRHI"),
    ).drop("#SEX", "LO", "HI", "LO_both", "HI_both")


def reference_ranges(sheet: pl.DataFrame | None, told: Iterable[ReferenceRange]) -> tuple[pl.DataFrame, list[Fault]]:
    """Return TEST, SEX, LO, HI in standard units, from a mapped sheet and from what the centre told (sheet first)."""
    faults: list[Fault] = []
    parts = []
    if sheet is not None:
        frame, faults = _from_sheet(sheet)
        parts.append(frame)
    rows = []
    for r in told:
        if r.test not in tests():
            raise MappingError(f"There is no test `{r.test}`.", where="reference_ranges", expected=", ".join(tests()))
        by = units.factor(r.unit, tests()[r.test][1], r.test)
        if by is None:
            expected = ", ".join(units.known_units(tests()[r.test][1], r.test))
            raise MappingError(
                f"`{r.unit}` is not a unit that can be read for {r.test}.", where="reference_ranges", expected=expected
            )
        rows.append((r.test, r.sex, r.lln, r.uln, by))
    told_frame = pl.DataFrame(rows, schema={**_RANGES, "by": pl.Float64}, orient="row")
    parts.append(_converted(told_frame))
    return pl.concat(parts).unique(["TEST", "SEX"], keep="first", maintain_order=True), faults


def _converted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "TEST",
        "SEX",
        units.times(pl.col("LO"), pl.col("by")).alias("LO"),
        units.times(pl.col("HI"), pl.col("by")).alias("HI"),
    )


def _from_sheet(sheet: pl.DataFrame) -> tuple[pl.DataFrame, list[Fault]]:
    blank = {
        c: pl.lit(None, t) for c, t in (("SEX", pl.String), ("LO", pl.Float64), ("HI", pl.Float64), ("UNIT", pl.String))
    }
    frame = sheet.with_columns(**{c: e for c, e in blank.items() if c not in sheet.columns})
    by = factors(frame["UNIT"], frame["TESTCD"], "")
    has_limit = frame["LO"].is_not_null() | frame["HI"].is_not_null()
    faults = _where(by.is_null() & has_limit & frame["TESTCD"].is_not_null(), "unknown_unit", "UNIT")
    frame = frame.with_columns(by.alias("by"), pl.col("TESTCD").alias("TEST")).filter(pl.col("TEST").is_not_null())
    return _converted(frame).drop_nulls("TEST").filter(pl.any_horizontal(pl.col("LO", "HI").is_not_null())), faults
