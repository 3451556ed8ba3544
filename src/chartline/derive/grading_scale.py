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

import re
from functools import cache
from importlib.resources import files

import polars as pl

from chartline.core.plans import run
from chartline.derive.compare import OPERATORS, holds
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


class GradingScale(RuleSet):
    """The head of a scale; its rules are `rules_of`, its texts of clinical terms `clinical_terms`."""

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


@cache
def rules_of(name: str) -> pl.DataFrame:
    """Return the rules of a scale ready to be joined: one row a condition and state of the baseline.

    LBTESTCD STATE DIRECTION GRADE OPERATOR TIMES REFERENCE PLUS (limit = TIMES x REFERENCE + PLUS, in the standard
    unit) UNIT ALSO (the limit where the value was recorded in UNIT) BEYOND CIRCUMSTANCE.
    """
    rows = []
    for r in load_scale(name).thresholds.iter_rows(named=True):
        times, reference, plus = read_limit(r["limit"], r["test"])
        unit, also = _also(r["also_stated_as"], r["test"])
        for state in _STATES[r["baseline"]]:
            rows.append(
                (r["test"], state, r["direction"], r["grade"], r["operator"], times, reference, plus, unit, also,
                 r["beyond"], r["circumstance"])
            )  # fmt: skip
    schema = {
        **dict.fromkeys(("LBTESTCD", "STATE", "DIRECTION"), pl.String), "GRADE": pl.Int64, "OPERATOR": pl.String,
        "TIMES": pl.Float64, "REFERENCE": pl.String, "PLUS": pl.Float64, "UNIT": pl.String, "ALSO": pl.Float64,
        "BEYOND": pl.String, "CIRCUMSTANCE": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


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
    return normal(unit), float(value) * by


def grade(rows: pl.DataFrame, name: str, *, circumstances: bool = True) -> pl.DataFrame:
    """Return ATOXGRL, ATOXGRH (grade of the low and of the high term, Int64) and WHYL, WHYH of each row, in order.

    `rows` has LBTESTCD, AVAL, AVAL_OP, ANRLO, ANRHI, BASE, BNRIND (HIGH, LOW, NORMAL: the baseline; null is taken as
    normal, as CTCAE gives no rule for it) and LBORRESU, the unit it was recorded in. A null grade has its reason in
    WHY, but where the scale has no such term both are null. `circumstances`: whether symptoms and anticoagulation,
    which a laboratory does not report, are assumed (the worst case) or not.
    """
    scale = rules_of(name)
    if not circumstances:
        scale = scale.filter(pl.col("CIRCUMSTANCE") == "")
    needed = (
        rows.lazy()
        .select(
            "LBTESTCD", "AVAL", "AVAL_OP", "ANRLO", "ANRHI", "BASE", "LBORRESU",
            pl.col("BNRIND").fill_null("NORMAL").alias("STATE"),
        )
        .with_row_index("ROW_ID")
    )  # fmt: skip
    judged = (
        needed.join(scale.lazy(), on=["LBTESTCD", "STATE"])
        .with_columns(_limit(rows).alias("LIMIT"))
        .with_columns(_met(scale).alias("OVER"), _beyond().alias("ALSO_OVER"))
        .select("ROW_ID", "DIRECTION", "GRADE", (pl.col("OVER") & pl.col("ALSO_OVER")).alias("MET"), _lacking())
    )
    graded = judged.group_by("ROW_ID").agg(
        *[_grade(d).alias(f"ATOXGR{d}") for d in DIRECTIONS], *[_why(d).alias(f"WHY{d}") for d in DIRECTIONS]
    )
    out = needed.select("ROW_ID").join(graded, on="ROW_ID", how="left", maintain_order="left")
    return run(out.select(pl.col("ATOXGRL", "ATOXGRH").cast(pl.Int64), "WHYL", "WHYH"))


def _limit(rows: pl.DataFrame) -> pl.Expr:
    """The limit in the standard unit: as the scale states it in the unit that the value was recorded in."""
    recorded = {u: normal(u) for u in rows["LBORRESU"].unique().drop_nulls()}
    unit = pl.col("LBORRESU").replace_strict(recorded, default=None, return_dtype=pl.String)
    reference = pl.col("REFERENCE")
    anchors = [pl.when(reference == name).then(column) for name, column in _COLUMNS.items()]
    limit = pl.coalesce(pl.when(reference == "").then(0.0), *anchors) * pl.col("TIMES") + pl.col("PLUS")
    return pl.when((unit == pl.col("UNIT")).fill_null(False)).then("ALSO").otherwise(limit)


def _met(scale: pl.DataFrame) -> pl.Expr:
    """AVAL against LIMIT with the row's own OPERATOR; null where either is missing."""
    used = [o for o in OPERATORS if o in set(scale["OPERATOR"])]
    return pl.coalesce([pl.when(pl.col("OPERATOR") == o).then(holds("AVAL", o, pl.col("LIMIT"))) for o in used])


def _beyond() -> pl.Expr:
    above, below = holds("AVAL", ">", pl.col("ANRHI")), holds("AVAL", "<", pl.col("ANRLO"))
    return pl.when(pl.col("BEYOND") == "ULN").then(above).when(pl.col("BEYOND") == "LLN").then(below).otherwise(True)


def _lacking() -> pl.Expr:
    """Why a condition cannot be judged: the limit that is not there."""
    what = pl.when(pl.col("LIMIT").is_null()).then("REFERENCE").when(pl.col("ALSO_OVER").is_null()).then("BEYOND")
    return what.otherwise(pl.lit("")).replace_strict(_LACKING, default=None, return_dtype=pl.String).alias("LACKING")


def _of(direction: str) -> tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]:
    """Whether a row is of the term; the highest grade met, the highest in doubt, whether one excludes grading."""
    own, met = pl.col("DIRECTION") == direction, pl.col("MET")
    top = pl.col("GRADE").filter(own & met).max().fill_null(0)
    doubt = pl.col("GRADE").filter(own & met.is_null()).max().fill_null(0)
    excluded = (own & met.fill_null(False) & pl.col("GRADE").is_null()).any()
    return own, top, doubt, excluded


def _grade(direction: str) -> pl.Expr:
    own, top, doubt, excluded = _of(direction)
    return pl.when(own.any() & (doubt <= top) & ~excluded).then(top)


def _why(direction: str) -> pl.Expr:
    own, top, doubt, excluded = _of(direction)
    unknown = own & pl.col("MET").is_null()
    lacking = pl.col("LACKING").filter(unknown).sort_by(pl.col("GRADE").filter(unknown), descending=True).first()
    graded_elsewhere = pl.lit("the scale grades such a value under another term")
    return pl.when(excluded).then(graded_elsewhere).when(own.any() & (doubt > top)).then(lacking)
