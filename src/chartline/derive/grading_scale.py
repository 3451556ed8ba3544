"""Grading scales as data: `derive/grading/<name>.yaml` is the head of a rule set, `<name>.csv` its rules.

One row of the CSV is one condition of one grade, beside the scale's own text of that grade:

    test direction        the laboratory test, and whether the term is about low (L) or high (H) values: hypo- and
                          hyperkalaemia are two terms of one test
    term grade text       the scale's words; a row without a grade says that such a value is not graded here
    baseline              any; high, not_high, low, not_low: the baseline against the limits of normal (unknown: normal)
    operator limit        "> 3 x ULN", "< 100 g/L", ">= 1.5 x baseline", "> ULN + 20 g/L", in the test's standard unit
    also_stated_as        the limit as the scale states it in another unit; it judges values recorded in that unit
    beyond                ULN or LLN, which the value must be beyond as well
    circumstance          symptoms or anticoagulation, without which the condition does not hold

A value has the highest grade any of whose conditions is true. Where a condition that could make the grade higher
cannot be judged (no limit of normal, say) the grade is missing, with the reason, and not 0. Both sides are rounded to
12 significant digits, as admiral does, so that 5 x 40.2 is 201.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import polars as pl

from chartline.core.compare import SIGNIFICANT, exactly, holds
from chartline.core.plans import run
from chartline.derive.rule_set import RuleSet, available_rule_sets, load_rule_set
from chartline.mapping.units import factor, normal
from chartline.mapping.words import tests

FOLDER = "grading"
DIRECTIONS = {"L": "low", "H": "high"}
_STATES = {  # the baseline column: the states of a baseline in which a row holds
    "any": ("HIGH", "LOW", "NORMAL"),
    "high": ("HIGH",),
    "not_high": ("LOW", "NORMAL"),
    "low": ("LOW",),
    "not_low": ("HIGH", "NORMAL"),
}
_LIMIT = re.compile(
    r"(?:(?P<times>[\d.]+) x )?(?P<reference>ULN|LLN|baseline)(?: \+ (?P<plus>[\d.]+) (?P<of>\S+))?$"
    r"|(?P<value>[\d.]+)(?: (?P<unit>\S+))?$"
)
_COLUMNS = {"ULN": "ANRHI", "LLN": "ANRLO", "baseline": "BASE"}
_LACKING = {
    "ULN": "no upper limit of normal",
    "LLN": "no lower limit of normal",
    "baseline": "no baseline value",
    "": "the value itself is only a bound",
}
_ELSEWHERE = "the scale grades such a value under another term"
_PLAIN = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_GRADED = {"ATOXGRL": pl.Int64, "ATOXGRH": pl.Int64, "WHYL": pl.String, "WHYH": pl.String}


class GradingScale(RuleSet):
    """The head of a scale; its rules are `rules_of`, its texts of clinical terms `clinical_terms`."""

    chartline: Literal["grading-scale/1"]

    @property
    def thresholds(self) -> pl.DataFrame:
        """Return the CSV of the scale, as it stands in the file."""
        return _table(self.name)


def load_scale(name: str) -> GradingScale:
    """Return a shipped scale. Raises `ProtocolError` where there is none of that name."""
    return load_rule_set(FOLDER, name, GradingScale, "laboratory.grading")


def available_scales() -> tuple[str, ...]:
    """Return the names of the shipped scales."""
    return available_rule_sets(FOLDER)


def describe_scale(name: str) -> str:
    """Return how a reader knows a scale, e.g. "NCI CTCAE v5.0 (27 November 2017)". Raises as `load_scale`."""
    return load_scale(name).source.strip()


@cache
def _table(name: str) -> pl.DataFrame:
    text = (files("chartline") / "derive" / FOLDER / f"{name}.csv").read_bytes()
    columns = pl.read_csv(text, infer_schema=False)
    return columns.with_columns(pl.col("grade").cast(pl.Int64), pl.exclude("grade").fill_null(""))


@dataclass(frozen=True)
class Condition:
    """One row of a scale: limit = times x reference + plus, in the standard unit of the test.

    `also` is the limit where the value was recorded in `unit`; `grade` is None where such a value is not graded.
    """

    direction: str
    grade: int | None
    states: tuple[str, ...]  # of the baseline
    operator: str
    times: float
    reference: str  # ULN, LLN, baseline, or "" for an absolute limit
    plus: float
    unit: str | None
    also: float | None
    beyond: str
    circumstance: str

    def limit(self) -> pl.Expr:
        """Return the limit as an expression over ANRLO, ANRHI, BASE and UNIT."""
        own = pl.lit(self.plus)
        if self.reference:
            own = exactly(pl.col(_COLUMNS[self.reference]) * self.times + self.plus)
        if self.unit is None:
            return own
        return pl.when((pl.col("UNIT") == self.unit).fill_null(False)).then(self.also).otherwise(own)

    def met(self, bounded: bool) -> pl.Expr:
        """Return whether a value meets it (null: cannot be judged); `bounded`: some values are "<5" or ">5"."""
        met = _holds(self.operator, self.limit(), bounded)
        if self.beyond:
            side = ">" if self.beyond == "ULN" else "<"
            met = met & _holds(side, exactly(pl.col(_COLUMNS[self.beyond])), bounded)
        return met if len(self.states) == len(_STATES["any"]) else pl.col("STATE").is_in(self.states) & met

    def lacking(self) -> pl.Expr:
        """Return why it cannot be judged: the limit that is not there."""
        why = [pl.when(self.limit().is_null()).then(pl.lit(_LACKING[self.reference]))]
        if self.beyond:
            why.append(pl.when(pl.col(_COLUMNS[self.beyond]).is_null()).then(pl.lit(_LACKING[self.beyond])))
        return pl.coalesce([*why, pl.lit(_LACKING[""])])


def _holds(operator: str, limit: pl.Expr, bounded: bool) -> pl.Expr:
    """AVAL, already exact, against an exact limit."""
    return holds("AVAL", operator, limit) if bounded else _PLAIN[operator](pl.col("AVAL"), limit)


@cache
def rules_of(name: str) -> dict[str, tuple[Condition, ...]]:
    """Return the conditions of a scale by test, in the order of the file."""
    out: dict[str, list[Condition]] = {}
    for r in load_scale(name).thresholds.iter_rows(named=True):
        unit, also = _also(r["also_stated_as"], r["test"])
        condition = Condition(
            r["direction"], r["grade"], _STATES[r["baseline"]], r["operator"], *read_limit(r["limit"], r["test"]),
            unit, also, r["beyond"], r["circumstance"],
        )  # fmt: skip
        out.setdefault(r["test"], []).append(condition)
    return {test: tuple(conditions) for test, conditions in out.items()}


def read_limit(text: str, test: str) -> tuple[float, str, float]:
    """Return (times, reference, plus) of a limit's text: ("ULN", "LLN", "baseline" or "" for an absolute one).

    Raises `ValueError` for a text that is no limit, or in another unit than the test's standard one.
    """
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise ValueError(f"not a limit: {text}")
    unit = found["of"] or found["unit"]
    if unit and unit != tests()[test][1]:
        raise ValueError(f"{test}: {text} is not in {tests()[test][1]}")
    if found["reference"]:
        return float(found["times"] or 1), found["reference"], float(found["plus"] or 0)
    return 0.0, "", float(found["value"])


def _also(text: str, test: str) -> tuple[str | None, float | None]:
    """Return (unit in one spelling, limit converted to the standard unit) of a limit stated in another unit."""
    if not text:
        return None, None
    value, unit = text.split(" ")
    by = factor(unit, tests()[test][1], test)
    assert by is not None
    return normal(unit), float(f"{float(value) * by:.{SIGNIFICANT}g}")  # as a converted value is rounded


def grade(rows: pl.DataFrame, name: str, *, circumstances: bool = True) -> pl.DataFrame:
    """Return ATOXGRL, ATOXGRH (grade of the low and of the high term, Int64) and WHYL, WHYH of each row, in order.

    `rows` has LBTESTCD, AVAL, AVAL_OP, ANRLO, ANRHI, BASE, BNRIND (HIGH, LOW, NORMAL: the baseline; null is taken as
    normal, as CTCAE gives no rule for it) and LBORRESU, the unit it was recorded in. A null grade has its reason in
    WHY, but where the scale has no such term both are null. `circumstances`: whether symptoms and anticoagulation,
    which a laboratory does not report, are assumed (the worst case) or not.
    """
    recorded = {u: normal(u) for u in rows["LBORRESU"].unique().drop_nulls()}
    needed = rows.select(
        "LBTESTCD", exactly(pl.col("AVAL")).alias("AVAL"), "AVAL_OP", "ANRLO", "ANRHI", "BASE",
        pl.col("BNRIND").fill_null("NORMAL").alias("STATE"),
        pl.col("LBORRESU").replace_strict(recorded, default=None, return_dtype=pl.String).alias("UNIT"),
    ).with_row_index("ROW_ID")  # fmt: skip
    rules = rules_of(name)
    parts = [pl.DataFrame(schema={"ROW_ID": pl.UInt32, **_GRADED})]
    for (test,), part in needed.partition_by("LBTESTCD", as_dict=True).items():
        conditions = tuple(c for c in rules.get(test, ()) if circumstances or not c.circumstance)
        parts.append(_graded(part, conditions))
    return pl.concat(parts).sort("ROW_ID").select(list(_GRADED))


def _graded(rows: pl.DataFrame, conditions: tuple[Condition, ...]) -> pl.DataFrame:
    """The grades and reasons of one test's values. Without conditions the scale has no such term: null, no reason."""
    bounded = rows["AVAL_OP"].null_count() < rows.height
    columns = [rows["ROW_ID"].to_frame()]
    for direction in DIRECTIONS:
        own = [c for c in conditions if c.direction == direction]
        term = _term(rows, own, bounded)
        columns.append(term.rename({c: f"{c}{direction}" for c in term.columns}))
    return pl.concat(columns, how="horizontal").select("ROW_ID", *_GRADED)


def _term(rows: pl.DataFrame, own: list[Condition], bounded: bool) -> pl.DataFrame:
    """ATOXGR and WHY of one term: the highest grade met, unless a higher one is in doubt."""
    if not own:
        nothing = {"ATOXGR": pl.Int64(), "WHY": pl.String()}
        return pl.DataFrame({n: pl.Series([None] * rows.height, dtype=t) for n, t in nothing.items()})
    met = run(rows.lazy().select(c.met(bounded).alias(str(i)) for i, c in enumerate(own)))
    graded = [(pl.col(str(i)), c.grade) for i, c in enumerate(own) if c.grade is not None]
    top = pl.max_horizontal(pl.when(m).then(g).otherwise(0) for m, g in graded)
    doubt = pl.max_horizontal(pl.when(m.is_null()).then(g).otherwise(0) for m, g in graded)
    elsewhere = [pl.col(str(i)).fill_null(False) for i, c in enumerate(own) if c.grade is None]
    grade = pl.when(doubt <= top, *[~e for e in elsewhere]).then(top)
    out = run(met.lazy().select(grade.cast(pl.Int64).alias("ATOXGR")))
    if out["ATOXGR"].null_count() == 0:
        return out.with_columns(pl.lit(None, pl.String).alias("WHY"))
    unknown = pl.concat([rows, met, out], how="horizontal")
    highest = sorted(range(len(own)), key=lambda i: -(own[i].grade or 0))
    lacking = pl.coalesce([pl.when(pl.col(str(i)).is_null()).then(own[i].lacking()) for i in highest])
    moved = [pl.when(e).then(pl.lit(_ELSEWHERE)) for e in elsewhere]
    why = pl.when(pl.col("ATOXGR").is_null()).then(pl.coalesce([*moved, lacking]))
    return run(unknown.lazy().select("ATOXGR", why.alias("WHY")))
