"""The members of analyses of toxicity: each patient's course of events, the recovery from the first, cycle by cycle.

In: the patients of a set as `counts/members.py` may show them, the episodes of one safety flag (ADTOX). Out: members
whose LEVEL holds

    a course     EVENTS (days from the first dose, each once, joined by blanks) END (last day at risk) HOW (dead, alive)
    a recovery   DAYS (from the first onset) HOW (recovered, dead, alive: not seen to recover by then)
    a cycle      its number

and the levels of the variable that is counted apart. A course is counted like any level: patients with the same days
are one cell, so the counts add, and recurrent events keep the patient they belong to without naming him.
"""

from __future__ import annotations

import polars as pl

USES = ("TRTSDT", "ONTRTEDT", "DTHFL", "DTHDT", "LKADT")
SEPARATOR = "\x1f"  # between levels, as in members.py
MISSING = "missing"
COURSE = ("EVENTS", "END", "HOW")
RECOVERY = ("DAYS", "HOW")
_KEY = ("CENTRE", "USUBJID")


def at_risk(people: pl.LazyFrame, flag: str, window: str) -> pl.LazyFrame:
    """Add END and LASTSEEN, days from the first dose, and HOW; STANDS is missing where they or the flag are unknown."""
    seen = pl.coalesce("DTHDT", "LKADT")
    end = seen if window == "after_first_dose" else pl.min_horizontal(seen, pl.col("ONTRTEDT"))
    undated = (pl.col("DTHFL") == "Y").fill_null(False) & pl.col("DTHDT").is_null()
    days = {"END": end, "LASTSEEN": seen}
    people = people.with_columns((d - pl.col("TRTSDT")).dt.total_days().alias(n) for n, d in days.items())
    unknown = pl.col(flag).is_null() | seen.is_null() | pl.col("END").is_null() | (pl.col("END") < 0) | undated
    dead = (pl.col("DTHDT") - pl.col("TRTSDT")).dt.total_days() <= pl.col("END")
    return people.with_columns(
        pl.when(pl.col("STANDS").is_not_null()).then("STANDS").when(unknown).then(pl.lit(MISSING)).alias("STANDS"),
        pl.when(dead.fill_null(False)).then(pl.lit("dead")).otherwise(pl.lit("alive")).alias("HOW"),
    )


def courses(people: pl.LazyFrame, episodes: pl.LazyFrame, by: tuple[str, ...]) -> pl.LazyFrame:
    """Return the members with their course; ROLE is event (VALUE: the first day), censored (the end), or STANDS."""
    rows = _with_days(people, episodes)
    known = pl.col("STANDS").is_null()
    has = pl.col("FIRST").is_not_null()
    role = pl.coalesce("STANDS", pl.when(has).then(pl.lit("event")).otherwise(pl.lit("censored")))
    value = pl.when(known).then(pl.coalesce("FIRST", "END"))
    level = [
        pl.when(known).then(pl.col("EVENTS").fill_null("")).otherwise(pl.lit("")),
        pl.when(known).then(pl.col("END").cast(pl.String)).otherwise(pl.lit("")),
        pl.when(known).then("HOW").otherwise(pl.lit(MISSING)),
    ]
    return _members(rows, role, value, level, by)


def recoveries(people: pl.LazyFrame, episodes: pl.LazyFrame, by: tuple[str, ...]) -> pl.LazyFrame:
    """Return, of those with an event at risk, how long the first took to recover, whatever the end of the window."""
    rows = _with_days(people, episodes).filter(pl.col("STANDS").is_null() & pl.col("FIRST").is_not_null())
    first = episodes.join(rows.select(*_KEY, "FIRST"), left_on=[*_KEY, "ASTDY"], right_on=[*_KEY, "FIRST"])
    ended = first.group_by(_KEY).agg(
        pl.when(pl.col("AENDT").is_not_null().all()).then((pl.col("AENDT") - pl.col("ASTDT")).dt.total_days().max())
        .alias("TOOK"),
        (pl.col("SEENTO") - pl.col("ASTDT")).dt.total_days().max().alias("WATCHED"),
    )  # fmt: skip
    rows = rows.join(ended, on=_KEY, how="left", maintain_order="left")
    dead = pl.col("DTHDT").is_not_null()
    left = (pl.col("LASTSEEN") - pl.col("FIRST")).clip(0)
    watched = pl.when(dead).then(left).otherwise(pl.coalesce("WATCHED", left))
    recovered = pl.col("TOOK").is_not_null()
    days = pl.when(recovered).then("TOOK").otherwise(watched)
    how = pl.when(recovered).then(pl.lit("recovered")).when(dead).then(pl.lit("dead")).otherwise(pl.lit("alive"))
    role = pl.when(recovered).then(pl.lit("event")).otherwise(pl.lit("censored"))
    return _members(rows, role, days, [days.cast(pl.String), how], by)


def by_cycle(people: pl.LazyFrame, episodes: pl.LazyFrame, adex: pl.LazyFrame) -> pl.LazyFrame:
    """Return the members of every cycle that a patient began while at risk; LEVEL is the cycle.

    A patient's cycles with an event come last: the trace shows of each patient the last row.
    """
    begun = adex.select(*_KEY, "CYCLE", "CYSTDT").drop_nulls().unique().join(people, on=_KEY)
    begun = begun.filter((pl.col("CYSTDT") - pl.col("TRTSDT")).dt.total_days() <= pl.col("END"))
    inside = episodes.join(people.select(*_KEY, "END"), on=_KEY).filter(
        pl.col("ACYCLE").is_not_null(), (pl.col("ASTDY") <= pl.col("END")).fill_null(True)
    )
    hit = inside.select(*_KEY, pl.col("ACYCLE").alias("CYCLE"), pl.lit(True).alias("HIT")).unique()
    lost = episodes.filter(pl.col("ACYCLE").is_null()).select(*_KEY, pl.lit(True).alias("UNPLACED")).unique()
    rows = begun.join(hit, on=[*_KEY, "CYCLE"], how="left").join(lost, on=_KEY, how="left")
    role = (
        pl.when(pl.col("STANDS").is_not_null())
        .then("STANDS")
        .when(pl.col("HIT").is_not_null())
        .then(pl.lit("counted"))
        .when(pl.col("UNPLACED").is_not_null())
        .then(pl.lit(MISSING))
        .otherwise(pl.lit("not_counted"))
    )
    rows = rows.with_columns(role.alias("STANDS")).sort(*_KEY, pl.col("STANDS") == "counted", "CYCLE")
    return _members(rows, pl.col("STANDS"), pl.col("CYCLE"), [pl.col("CYCLE").cast(pl.String)], ())


def _with_days(people: pl.LazyFrame, episodes: pl.LazyFrame) -> pl.LazyFrame:
    """Add EVENTS and FIRST: the days on which an event began while at risk. Who has an undated one is missing."""
    inside = episodes.join(people.select(*_KEY, "END"), on=_KEY).filter(pl.col("ASTDY").is_between(0, pl.col("END")))
    days = inside.group_by(_KEY).agg(
        pl.col("ASTDY").unique().sort().cast(pl.String).str.join(" ").alias("EVENTS"),
        pl.col("ASTDY").min().alias("FIRST"),
    )
    undated = episodes.filter(pl.col("ASTDT").is_null()).select(*_KEY, pl.lit(MISSING).alias("UNDATED")).unique()
    rows = people.join(days, on=_KEY, how="left", maintain_order="left")
    rows = rows.join(undated, on=_KEY, how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce("STANDS", "UNDATED").alias("STANDS"))


def _members(
    rows: pl.LazyFrame, role: pl.Expr, value: pl.Expr, level: list[pl.Expr], by: tuple[str, ...]
) -> pl.LazyFrame:
    return rows.select(
        *_KEY,
        role.alias("ROLE"),
        value.cast(pl.Int64).alias("VALUE"),
        pl.concat_str([*level, *(pl.col(f"BY_{v}") for v in by)], separator=SEPARATOR).alias("LEVEL"),
        pl.lit(None, pl.String).alias("CAUSE"),
        pl.lit(None, pl.Int64).alias("ENTRY"),
    )
