"""What the charts say about one item of a syndrome, near one day 0.

In: occurrences (each a day 0 of a subject), ADLB, FA, ADAE, deaths. Out: rows that speak of an item within its window,

    CENTRE USUBJID OCC   the subject, and which of its days 0
    UNIT                 the item in its window, a number given by the caller
    STATE                2 the item is so, 0 it is not, 1 the row cannot decide (no limit of normal, a date in doubt)
    DAY                  the day it speaks of (null: not known)
    RANK                 how near a value came to its threshold, the highest being the nearest
    DOM SEQ VAR TEXT     its cell, and the cell in words

A row outside the window is no evidence at all. An item is so where any of its rows is, unknown where none is and one
is in doubt, not so where a row within the window says so, and unknown where there is no row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from chartline.core.clinical import statement
from chartline.core.compare import exactly, holds
from chartline.core.dates import first_day, last_day
from chartline.core.reasons import number_text
from chartline.derive.milestones import KEY
from chartline.derive.syndrome_rules import (
    Bound,
    Days,
    Death,
    Event,
    Evidence,
    Finding,
    Item,
    LabDays,
    LabRatio,
    LabRepeat,
    LabRise,
    LabValue,
    Measure,
    Ongoing,
)
from chartline.errors import ProtocolError
from chartline.mapping import words
from chartline.mapping.units import factor

COLUMNS = [*KEY, "OCC", "UNIT", "STATE", "DAY", "RANK", "DOM", "SEQ", "VAR", "TEXT"]
_OCCURRENCE = [*KEY, "OCC"]
_NUMBER = r"^\s*(<=|>=|<|>)?\s*(\d+(?:\.\d+)?)\s*%?\s*$"


@dataclass(frozen=True)
class Charts:
    """The tables that items are read from: ADLB, the domain FA, ADAE, and one row a subject of `deaths_of`."""

    adlb: pl.LazyFrame
    fa: pl.LazyFrame
    adae: pl.LazyFrame
    deaths: pl.LazyFrame


@dataclass(frozen=True)
class Unit:
    """An item in one window."""

    number: int
    item: Item
    days: Days


def evidence_rows(unit: Unit, occurrences: pl.LazyFrame, charts: Charts) -> list[pl.LazyFrame]:
    """Return the rows (COLUMNS) of every kind of evidence of a unit.

    `occurrences` has KEY, OCC, ANCHOR (day 0; null: not known), END (day of death, null: alive) and SUMMARY (true
    where day 0 is a source's summary of a cycle, which has no date). Raises `ProtocolError` for a unit of measurement
    that the test does not have.
    """
    return [_READ[type(e)](e, unit.days, occurrences, charts).with_columns(UNIT=pl.lit(unit.number)).select(COLUMNS)
            for e in unit.item.any_of]  # fmt: skip


def judged_values(rule: LabValue, adlb: pl.LazyFrame) -> pl.LazyFrame:
    """Return the rows of ADLB with the rule's tests, LIMIT and IS: whether the value is so (null: not known)."""
    rows = adlb.filter(pl.col("LBTESTCD").is_in(rule.lab))
    if rule.times == "baseline":
        # The baseline itself, and what was before it, cannot have risen from it.
        rows = rows.filter((pl.col("ADT") > pl.col("BASEDT")).fill_null(pl.col("LBSUMM").fill_null("WORST") == "WORST"))
    unit = {"ULN": pl.col("ANRHI"), "baseline": pl.col("BASE")}.get(rule.times)
    limit = _standard(rule, rule.lab) if unit is None else rule.threshold * unit
    rows = rows.with_columns(limit.alias("LIMIT"), pl.lit(None, pl.String).alias("BASE_OP"))
    so = holds("AVAL", rule.operator, pl.col("LIMIT"))
    if rule.if_baseline is not None:
        so = holds("BASE", rule.if_baseline.operator, _standard(rule.if_baseline, rule.lab)) & so
    return rows.with_columns(so.alias("IS"))


def _standard(bound: Bound, tests: tuple[str, ...]) -> pl.Expr:
    """The threshold of each row's test in its standard unit."""
    limits = {test: bound.threshold * _factor(bound.unit, test) for test in tests}
    return pl.col("LBTESTCD").replace_strict(limits, default=None, return_dtype=pl.Float64)


def _factor(unit: str, test: str) -> float:
    standard = words.tests()[test][1]
    by = factor(unit, standard, test)
    if by is None:
        raise ProtocolError(
            f"A threshold of {test} is in {unit}, which has no factor to {standard}",
            where="derive/syndromes",
            expected=f"a unit of {test}",
            do="correct the unit in the rule set",
        )
    return by


def _values(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    assert isinstance(rule, LabValue)
    rows = _placed(judged_values(rule, charts.adlb), days, occurrences)
    if rule.take == "last":
        inside = rows.filter("IN").sort("ADT", "SEQ")
        rows = inside.unique([*_OCCURRENCE, "LBTESTCD"], keep="last", maintain_order=True)
    return _from_labs(rows, rule.operator)


def _ratios(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    assert isinstance(rule, LabRatio)
    above, below = (charts.adlb.filter(pl.col("LBTESTCD") == test) for test in rule.ratio)
    pairs = above.join(below.select(*KEY, "ADT", "AVAL", "AVAL_OP", "ANRHI"), on=[*KEY, "ADT"], suffix="_2")
    ratio = (pl.col("AVAL") / pl.col("ANRHI")) / (pl.col("AVAL_2") / pl.col("ANRHI_2"))
    exact = pl.when(pl.col("AVAL_OP").is_null() & pl.col("AVAL_OP_2").is_null()).then(exactly(ratio))
    rows = pairs.with_columns(exact.alias("R"), pl.lit(None, pl.String).alias("R_OP"))
    rows = rows.with_columns(holds("R", rule.operator, rule.threshold).alias("IS"))
    shown = pl.format("R of {} on {}", number_text(pl.col("R").round(2)), pl.col("ADT").cast(pl.String))
    rows = _placed(rows, days, occurrences).with_columns(shown.fill_null("R cannot be computed").alias("TEXT"))
    return _stated(rows, pl.col("ADT"), pl.col("R"), ("LB", "LBSTRESN"))


def _rises(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    assert isinstance(rule, LabRise)
    values = charts.adlb.filter((pl.col("LBTESTCD") == rule.rise) & pl.col("ADT").is_not_null())
    pairs = values.join(values.select(*KEY, "ADT", "AVAL", "AVAL_OP"), on=KEY, suffix="_2")
    since = (pl.col("ADT") - pl.col("ADT_2")).dt.total_days()
    pairs = pairs.filter(since.is_between(1, rule.within_days))
    low = pl.when(pl.col("AVAL_OP_2").is_null()).then(rule.threshold * pl.col("AVAL_2"))
    rows = pairs.with_columns(low.alias("LIMIT"))
    rows = rows.with_columns(holds("AVAL", rule.operator, pl.col("LIMIT")).alias("IS"))
    return _from_labs(_placed(rows, days, occurrences), rule.operator)


def _durations(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    """One row a day 0 with any value in its window: the days known to be so, and those that can be so at most."""
    assert isinstance(rule, LabDays) and days[1] is not None
    one = LabValue(lab=(rule.days_of,), operator=rule.operator, threshold=rule.threshold, unit=rule.unit)
    inside = _placed(judged_values(one, charts.adlb), days, occurrences).filter("IN")
    day = inside.group_by(*_OCCURRENCE, "ANCHOR", "END", "ADT").agg(
        pl.when(pl.col("IS").any()).then(True).when(pl.col("IS").null_count() == 0).then(False).first().alias("IS"),
        pl.col("SEQ").min(),
    )
    day = day.sort(*_OCCURRENCE, "ADT").filter(~_unstable(rule.recovery_days))
    gap = (pl.col("ADT").shift(-1) - pl.col("ADT")).dt.total_days().over(_OCCURRENCE)
    after = pl.col("IS").shift(-1).over(_OCCURRENCE)
    joined = pl.when((gap <= rule.gap_days) & (after == pl.col("IS"))).then(gap).otherwise(1)
    span = day.with_columns(joined.alias("SPAN"))
    last = pl.min_horizontal(pl.lit(days[1]), (pl.col("END") - pl.col("ANCHOR")).dt.total_days())
    rows = span.group_by(_OCCURRENCE).agg(
        pl.col("SPAN").filter(pl.col("IS")).sum().alias("SO"),
        pl.col("SPAN").filter(~pl.col("IS")).sum().alias("NOT"),
        (last - days[0] + 1).first().alias("WINDOW"),
        pl.col("ADT").filter(pl.col("IS")).min().alias("ADT"),
        pl.col("SEQ").first(),
    )
    most = pl.col("WINDOW") - pl.col("NOT")
    state = pl.when(pl.col("SO") >= rule.days).then(2).when(most < rule.days).then(0).otherwise(1)
    label = words.tests()[rule.days_of][0]
    text = pl.format(f"{label} so on {{}} days at least, {{}} at most", "SO", most)
    return rows.with_columns(
        state.cast(pl.Int8).alias("STATE"),
        pl.col("ADT").alias("DAY"),
        pl.col("SO").cast(pl.Float64).alias("RANK"),
        DOM=pl.lit("LB"),
        VAR=pl.lit("LBSTRESN"),
        TEXT=text,
    )


def _unstable(recovery_days: int) -> pl.Expr:
    """Whether a day, of days in order, is not so, with fewer than so many days between two that are."""
    so = pl.when(pl.col("IS")).then("ADT")
    before, after = (e.over(_OCCURRENCE) for e in (so.forward_fill(), so.backward_fill()))
    between = (after - before).dt.total_days() - 1
    return (~pl.col("IS") & (between < recovery_days)).fill_null(False)


def _repeats(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    """One row a day 0 with any value in its window: on how many days it is known to be so, and may be.

    One value alone that is so was not confirmed, nor denied; where as many days have a value, it was denied.
    """
    assert isinstance(rule, LabRepeat)
    one = LabValue(lab=(rule.repeated,), operator=rule.operator, threshold=rule.threshold, unit=rule.unit)
    placed = _placed(judged_values(one, charts.adlb), days, occurrences).filter(pl.col("IN").fill_null(True))
    inside, so = pl.col("IN"), pl.col("IS")
    rows = placed.sort(*_OCCURRENCE, "ADT", "SEQ", nulls_last=True).group_by(_OCCURRENCE, maintain_order=True).agg(
        pl.col("ADT").filter(inside & so).n_unique().alias("SO"),
        pl.col("ADT").filter(so.fill_null(True)).n_unique().alias("MOST"),
        pl.col("ADT").filter(inside).n_unique().alias("SEEN"),
        pl.col("ADT").filter(inside & so).unique(maintain_order=True).alias("DAYS"),
        pl.col("SEQ").sort_by(so, descending=True, nulls_last=True, maintain_order=True).first(),
    )  # fmt: skip
    rows = rows.filter((pl.col("SEEN") > 0) | (pl.col("MOST") > 0))
    denied = (pl.col("MOST") < rule.values) & ((pl.col("SEEN") >= rule.values) | (pl.col("MOST") == 0))
    state = pl.when(pl.col("SO") >= rule.values).then(2).when(denied).then(0).otherwise(1)
    label = words.tests()[rule.repeated][0]
    return rows.with_columns(
        state.cast(pl.Int8).alias("STATE"),
        pl.col("DAYS").list.get(rule.values - 1, null_on_oob=True).alias("DAY"),
        pl.col("SO").cast(pl.Float64).alias("RANK"),
        DOM=pl.lit("LB"),
        VAR=pl.lit("LBSTRESN"),
        TEXT=pl.format(f"{label} so on {{}} of {{}} days with a value", "SO", "SEEN"),
    )


def _findings(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    assert isinstance(rule, Finding)
    answer = pl.col("FAORRES").str.strip_chars().str.to_uppercase()
    so = pl.when(answer.is_in(rule.yes)).then(True).when(answer.is_in(rule.no)).then(False)
    return _from_findings(charts.fa, rule.finding, so, pl.lit(0.0), days, occurrences)


def _measures(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    assert isinstance(rule, Measure)
    text = pl.col("FAORRES").str.replace(r"^\s+", "")
    rows = charts.fa.with_columns(
        text.str.extract(_NUMBER, 2).cast(pl.Float64, strict=False).alias("NUMBER"),
        text.str.extract(_NUMBER, 1).alias("NUMBER_OP"),
    )
    so = holds("NUMBER", rule.operator, rule.threshold)
    rank = _nearness(pl.col("NUMBER"), pl.lit(rule.threshold), rule.operator)
    return _from_findings(rows, rule.measure, so, rank, days, occurrences)


def _from_findings(
    fa: pl.LazyFrame, codes: tuple[str, ...], so: pl.Expr, rank: pl.Expr, days: Days, occurrences: pl.LazyFrame
) -> pl.LazyFrame:
    found = fa.filter(pl.col("FATESTCD").is_in(codes) & pl.col("FAORRES").is_not_null())
    rows = found.with_columns(so.alias("IS"), rank.alias("NEAR"))
    placed = _between("FADTC", rows, days, occurrences)
    value = pl.col("FAORRES").str.strip_chars()
    words = {"Y": "recorded as present", "N": "recorded as absent"}
    said = value.replace_strict(words, default=pl.format("recorded as {}", value), return_dtype=pl.String)
    text = pl.format("{} on {}", said, "FADTC").fill_null(pl.format("{} without a date", said))
    return _stated(placed.with_columns(text.alias("TEXT")), pl.col("ADT"), pl.col("NEAR"), ("FA", "FAORRES"))


def _events(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    assert isinstance(rule, Event)
    term = pl.col("AETERM").str.strip_chars().str.to_lowercase()
    so = pl.lit(True) if rule.grade is None else pl.col("AETOXGR") == rule.grade
    rows = charts.adae.filter(term.is_in(rule.event)).with_columns(so.alias("IS"))
    placed = _between("ASTDTC", rows, days, occurrences)
    onset = pl.format("from {}", "ASTDTC").fill_null("without an onset date")
    text = pl.format("adverse event {} {}", pl.col("AETERM"), onset)
    if rule.grade is not None:
        text = pl.concat_str(text, pl.format(", grade {}", "AETOXGR").fill_null(", grade not recorded"))
    return _stated(placed.with_columns(text.alias("TEXT")), pl.col("ADT"), pl.lit(0.0), ("AE", "AETERM"))


def _ongoing(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    """An outcome that is no recovery needs no end, and is not one where the event ends with the patient's death."""
    assert isinstance(rule, Ongoing)
    term = pl.col("AETERM").str.strip_chars().str.to_lowercase()
    onset = (days[0], rule.by_day)
    rows = _between("ASTDTC", charts.adae.filter(term.is_in(rule.ongoing)), onset, occurrences)
    over = (pl.col("AENDT") - pl.col("ANCHOR")).dt.total_days()
    outcome = pl.col("AEOUT").str.strip_chars().str.to_uppercase()
    so = pl.when(outcome.is_in(_NOT_OVER)).then(pl.lit(True)).otherwise(over > rule.by_day)
    ended = pl.format("ended {}", pl.col("AENDT").cast(pl.String))
    end = pl.when(outcome.is_in(_NOT_OVER)).then(outcome.str.to_lowercase()).otherwise(ended)
    text = pl.format("adverse event {}, {}", pl.col("AETERM"), end.fill_null("without an end"))
    placed = rows.with_columns(so.alias("IS"), text.alias("TEXT"))
    return _stated(placed, pl.coalesce("AENDT", "ADT"), pl.lit(0.0), ("AE", "AETERM"))


_NOT_OVER = ("NOT RECOVERED/NOT RESOLVED", "FATAL")
_NO_CAUSE = ("", "unknown", "not known", "not recorded")


def deaths_of(milestones: pl.DataFrame, ss: pl.DataFrame) -> pl.LazyFrame:
    """Return KEY, DEAD (null: not known), DIED, ALIVE (last seen so), CAUSE, SEQ: the row of SS it is read from."""
    said = statement(ss.lazy().sort("CENTRE", "SEQ"), "DTHCAUS")
    rows = milestones.lazy().select(
        *KEY, pl.col("death_KNOWN").alias("DEAD"), pl.col("death").alias("DIED"), pl.col("last_alive").alias("ALIVE"),
        "death_SEQ", "last_alive_SEQ",
    )  # fmt: skip
    return rows.join(said, on=KEY, how="left", maintain_order="left").select(
        *KEY, "DEAD", "DIED", "ALIVE", pl.col("DTHCAUS").str.strip_chars().alias("CAUSE"),
        pl.coalesce("DTHCAUS__SEQ", "death_SEQ", "last_alive_SEQ").alias("SEQ"),
    )  # fmt: skip


def _deaths(rule: Evidence, days: Days, occurrences: pl.LazyFrame, charts: Charts) -> pl.LazyFrame:
    assert isinstance(rule, Death) and days[1] is not None
    cause = pl.col("CAUSE").str.to_lowercase()
    named = pl.any_horizontal([cause.str.contains(word, literal=True) for word in rule.death_of])
    of_it = pl.when(cause.is_in(rule.death_of)).then(True).when(~named & ~cause.is_in(_NO_CAUSE)).then(pl.lit(False))
    died, seen = ((pl.col(c) - pl.col("ANCHOR")).dt.total_days() for c in ("DIED", "ALIVE"))
    outside = (died < days[0]) | (pl.max_horizontal(died, seen) > days[1])
    dead = pl.col("DEAD") | pl.col("DIED").is_not_null()
    so = (
        pl.when(outside | (~dead & (seen >= days[1]))).then(pl.lit(False))
        .when(died.is_between(*days)).then(of_it)
        .when(dead).then(of_it & pl.lit(None, dtype=pl.Boolean))
    )  # fmt: skip
    told = pl.format("died on {}, of: {}", pl.col("DIED").cast(pl.String), pl.col("CAUSE").fill_null("not recorded"))
    alive = pl.format("alive on {}", pl.col("ALIVE").cast(pl.String))
    text = pl.when(dead).then(told).otherwise(alive).fill_null("died without a date")
    rows = charts.deaths.join(occurrences, on=KEY).with_columns(
        so.alias("IS"), text.alias("TEXT"), IN=True, AROUND=False
    )
    rows = rows.filter(pl.col("IS").is_not_null() | dead)  # who was lost before the window's end says nothing
    return _stated(rows, pl.col("DIED"), pl.lit(0.0), ("SS", "DTHCAUS"))


def _placed(rows: pl.LazyFrame, days: Days, occurrences: pl.LazyFrame) -> pl.LazyFrame:
    """Join values to the days 0 of their subject; IN: whether they lie in the window (null: no date, or no day 0)."""
    joined = rows.join(occurrences, on=KEY)
    since = (pl.col("ADT") - pl.col("ANCHOR")).dt.total_days()
    inside = since >= days[0] if days[1] is None else since.is_between(*days)
    # Where day 0 is a summary of a cycle, summaries of the treatment speak of its neighbourhood as long as they say no.
    summary = pl.col("SUMMARY") & (pl.col("LBSUMM") == "WORST").fill_null(False)
    return joined.with_columns(inside.alias("IN"), summary.alias("AROUND"))


def _between(dtc: str, rows: pl.LazyFrame, days: Days, occurrences: pl.LazyFrame) -> pl.LazyFrame:
    """The same for dates that may be partial: in the window, or not, only where every day they can mean is."""
    joined = rows.join(occurrences, on=KEY).with_columns(first_day(dtc).alias("LO"), last_day(dtc).alias("HI"))
    low, high = ((pl.col(c) - pl.col("ANCHOR")).dt.total_days() for c in ("LO", "HI"))
    last = 10**6 if days[1] is None else days[1]
    inside = (
        pl.when((low >= days[0]) & (high <= last)).then(True).when((high < days[0]) | (low > last)).then(pl.lit(False))
    )
    day = pl.when(pl.col("LO") == pl.col("HI")).then(pl.col("LO"))
    return joined.with_columns(inside.alias("IN"), day.alias("ADT"), AROUND=pl.lit(False))


def _from_labs(rows: pl.LazyFrame, operator: str) -> pl.LazyFrame:
    tests = words.tests()
    label = pl.col("LBTESTCD").replace_strict({t: n for t, (n, _) in tests.items()}, default=pl.col("LBTESTCD"))
    unit = pl.col("LBTESTCD").replace_strict({t: u for t, (_, u) in tests.items()}, default=pl.lit(""))
    value = pl.concat_str([pl.col("AVAL_OP").fill_null(""), number_text("AVAL")])
    when = pl.coalesce(
        pl.format("on {}", pl.col("ADT").cast(pl.String)),
        pl.format("as the worst of cycle {}", "LBCYCLE"),
        pl.lit("without a date"),
    )
    against = pl.format(" against {}", number_text("LIMIT")).fill_null(", its limit not known")
    rows = rows.with_columns(pl.format("{} {} {} {}{}", label, value, unit, when, against).alias("TEXT"))
    near = _nearness(pl.col("AVAL"), pl.col("LIMIT"), operator)
    return _stated(rows, pl.col("ADT"), near, ("LB", "LBSTRESN"))


def _nearness(value: pl.Expr, limit: pl.Expr, operator: str) -> pl.Expr:
    return value / limit if operator in (">", ">=") else -value / limit


def _stated(rows: pl.LazyFrame, day: pl.Expr, rank: pl.Expr, cell: tuple[str, str]) -> pl.LazyFrame:
    """STATE from IS and IN. A value that is not so and cannot be placed says nothing (see AROUND)."""
    so, inside = pl.col("IS"), pl.col("IN")
    hit = so & inside
    state = (
        pl.when(hit)
        .then(2)
        .when(hit.is_null())
        .then(1)
        .when(inside.fill_null(pl.col("AROUND")))
        .then(0)
        .cast(pl.Int8)
        .alias("STATE")
    )
    named = rows.with_columns(
        state, day.alias("DAY"), rank.cast(pl.Float64).alias("RANK"), DOM=pl.lit(cell[0]), VAR=pl.lit(cell[1])
    )
    return named.filter(pl.col("STATE").is_not_null())


_READ: dict[type, Callable[[Evidence, Days, pl.LazyFrame, Charts], pl.LazyFrame]] = {
    LabValue: _values,
    LabRatio: _ratios,
    LabRise: _rises,
    LabDays: _durations,
    LabRepeat: _repeats,
    Finding: _findings,
    Measure: _measures,
    Event: _events,
    Ongoing: _ongoing,
    Death: _deaths,
}
