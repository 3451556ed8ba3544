"""Blood counts around a marrow: which day proves recovery, and what stood in the way where none does.

In: LB counts, CM support. Out of `count_evidence`: one row per assessment and count day within the widest window,
with the counts of that day and the days since each kind of support. Out of `recovery`: one row an assessment with
`<list>_all`, `<list>_any` for each list of count rules, and the sentence COUNTS about the day that tells most.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.compare import holds, limits_text
from chartline.core.dates import first_day, last_day
from chartline.core.plans import run
from chartline.core.reasons import number_of, number_text
from chartline.derive.milestones import KEY
from chartline.derive.response_rules import (
    CountRule,
    ResponseRules,
    Support,
    Unsupported,
    counts_window_of,
    free_days_of,
)
from chartline.protocol.response import Response

TESTS = {"ANC": "neutrophils", "PLT": "platelets", "HB": "haemoglobin", "WBC": "white cells"}
_DAY = [*KEY, "ADT", "CNTDT"]


def count_evidence(
    data: ClinicalData, assessments: pl.LazyFrame, window: tuple[int, int], supports: dict[str, Support]
) -> pl.DataFrame:
    """Return KEY, ADT (marrow), CNTDT, DAYS (CNTDT - ADT), per test value, _OP and SEQ, per support <name>_FL and
    <name>_GAP (days from the last day of that support up to the count; null: none recorded)."""
    rows = (
        data["LB"]
        .lazy()
        .filter(
            pl.col("LBTESTCD").is_in(list(TESTS))
            & pl.col("LBSTRESN").is_not_null()
            & (pl.col("LBDTC").str.len_chars() == 10)
        )
    )
    near = (
        rows.with_columns(first_day("LBDTC").alias("CNTDT"))
        .join(assessments.select(*KEY, "ADT"), on=KEY)
        .with_columns((pl.col("CNTDT") - pl.col("ADT")).dt.total_days().alias("DAYS"))
        .filter(pl.col("DAYS").is_between(*window))
        .sort("CENTRE", "SEQ")
    )
    values = []
    for test in TESTS:
        # Two results of one day: the lower one, which is the harder proof of recovery.
        of = pl.col("LBTESTCD") == test
        lowest = pl.col("LBSTRESN").filter(of).arg_min()
        values += [
            pl.col("LBSTRESN").filter(of).min().alias(test),
            pl.col("LBSTRESN_OP").filter(of).get(lowest).alias(f"{test}_OP"),
            pl.col("SEQ").filter(of).get(lowest).alias(f"{test}_SEQ"),
        ]
    flags = [(pl.col(s.flag) == "Y").any().alias(f"{name}_FL") for name, s in supports.items()]
    days = run(near.group_by(*_DAY, maintain_order=True).agg(pl.col("DAYS").first(), *values, *flags)).lazy()
    out = days
    for name, support in supports.items():
        out = out.join(_last_support(data, days, name, support), on=_DAY, how="left", maintain_order="left")
    return run(out)


def _last_support(data: ClinicalData, days: pl.LazyFrame, name: str, support: Support) -> pl.LazyFrame:
    """Days from the last day of support up to each count day; a partial date is read as its whole interval."""
    end = last_day("CMENDTC")
    if support.without_end == "one day":
        end = pl.coalesce(end, last_day("CMSTDTC"))
    given = data["CM"].lazy().filter(pl.col("CMCAT") == support.medication)
    given = given.select(*KEY, first_day("CMSTDTC").alias("FROM"), end.alias("TO"))
    met = days.select(_DAY).join(given, on=KEY).filter(pl.col("FROM") <= pl.col("CNTDT"))
    last = pl.min_horizontal(pl.coalesce("TO", "CNTDT"), "CNTDT")
    gap = (pl.col("CNTDT") - last).dt.total_days()
    return met.group_by(_DAY).agg(gap.min().alias(f"{name}_GAP"))


def recovery(evidence: pl.LazyFrame, rules: ResponseRules, choice: Response) -> pl.LazyFrame:
    """Return one row an assessment: KEY, ADT, `<list>_all` and `<list>_any`, CNTDT, the counts' SEQ, COUNTS."""
    window, shown = counts_window_of(choice), ["CNTDT", "COUNTS", *[c for t in TESTS for c in (t, f"{t}_SEQ")]]
    if window is None:  # criteria that ask for no counts
        return evidence.with_columns(pl.lit("").alias("COUNTS")).select(*KEY, "ADT", *shown).clear()
    met = [
        _met(rule, rules, choice).alias(f"{name}.{i}")
        for name, listed in rules.counts.items()
        for i, rule in enumerate(listed)
    ]
    inside = evidence.filter(pl.col("DAYS").is_between(*window)).with_columns(met)
    main = next(iter(rules.counts))
    verdicts = []
    for name, listed in rules.counts.items():
        parts = [pl.col(f"{name}.{i}") for i in range(len(listed))]
        verdicts += [pl.all_horizontal(parts).alias(f"{name}_all"), pl.any_horizontal(parts).alias(f"{name}_any")]
    inside = inside.with_columns(verdicts)
    score = pl.sum_horizontal(pl.col(f"{main}.{i}").cast(pl.Int64) for i in range(len(rules.counts[main])))
    inside = inside.with_columns(score.alias("SCORE")).with_columns(
        _sentence(rules, rules.counts[main], main, choice).alias("COUNTS")
    )
    flags = [pl.col(f"{name}_{which}").any() for name in rules.counts for which in ("all", "any")]
    # The day shown: the most rules met, then the earliest.
    ordered = inside.sort("SCORE", "CNTDT", descending=[True, False])
    return ordered.group_by(*KEY, "ADT", maintain_order=True).agg(*flags, *[pl.col(c).first() for c in shown])


def _met(rule: CountRule | Unsupported, rules: ResponseRules, choice: Response) -> pl.Expr:
    unsupported = ~_supported(rule, rules, choice)
    if isinstance(rule, Unsupported):
        return unsupported
    return holds(rule.test, rule.operator, rule.threshold).fill_null(False) & unsupported


def _supported(rule: CountRule | Unsupported, rules: ResponseRules, choice: Response) -> pl.Expr:
    if rule.without is None:
        return pl.lit(False)
    near = pl.col(f"{rule.without}_GAP") <= free_days_of(choice, rules.support[rule.without])
    return pl.col(f"{rule.without}_FL").fill_null(False) | near.fill_null(False)


def _sentence(
    rules: ResponseRules, listed: tuple[CountRule | Unsupported, ...], name: str, choice: Response
) -> pl.Expr:
    """`neutrophils 1.4 (>=1) and platelets 112 (>=100) x 10^9/L on 2022-03-07, 9 days after the marrow, without ..`."""
    counted = [r for r in listed if isinstance(r, CountRule)]
    shown = []
    for r in counted:
        count, limit = TESTS[r.test], limits_text(r.test, [(r.operator, r.threshold)])
        shown.append(pl.format(f"{count} {{}}{{}}", _value(r.test), limit).fill_null(f"{count} not counted"))
    values = pl.concat_str(shown, separator=" and ")
    unit = counted[0].unit.replace("10^9/L", "x 10^9/L")
    days = pl.col("DAYS")
    when = (
        pl.when(days == 0)
        .then(pl.lit("the day of the marrow"))
        .when(days > 0)
        .then(pl.format("{} after the marrow", number_of(days, "day")))
        .otherwise(pl.format("{} before the marrow", number_of(-days, "day")))
    )
    notes = []
    for rule in listed:
        if rule.without:
            support = rules.support[rule.without]
            note = f"{support.label} in the {free_days_of(choice, support)} days before"
            notes.append(pl.when(_supported(rule, rules, choice)).then(pl.lit(note)))
    given = pl.concat_str([*notes, pl.lit(None, dtype=pl.String)], separator=" and ", ignore_nulls=True)
    help_given = pl.when(given == "").then(pl.lit("without support")).otherwise(pl.format("with {}", given))
    text = pl.format("{} {} on {}, {}, {}", values, pl.lit(unit), pl.col("CNTDT").cast(pl.String), when, help_given)
    return pl.when(pl.col(f"{name}_all")).then(text).otherwise(pl.format("counts not recovered: best {}", text))


def _value(test: str) -> pl.Expr:
    return pl.when(pl.col(test).is_not_null()).then(
        pl.concat_str([pl.col(f"{test}_OP").fill_null(""), number_text(test)])
    )
