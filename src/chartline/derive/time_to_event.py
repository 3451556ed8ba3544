"""ADTTE: per endpoint one row, or one exclusion with its reason, for every subject of its population.

    CENTRE USUBJID PARAMCD PARAM STARTDT ENTRYDT (where a subject comes under observation after STARTDT: left
    truncation) ADT AVAL (days) CNSR (0 event; 1 censored at the end; 2, 3 ... censored at the first, second ...
    milestone of `censor_at`) EVNTDESC CNSDTDSC CAUSE (milestone of the event) ADTF (what was imputed of ADT) SEENDT (of
    an event that only an assessment finds: the day of the last one before it) MISSFL (Y where two or more assessments
    were missed between the two) SRCDOM SRCVAR SRCSEQ BECAUSE

A time is end - start in whole days; 0 stays 0. A negative time, an event that is known but undated, and a missing
origin or last contact are exclusions, never clamped and never censored away.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.core.plans import run
from chartline.core.reasons import number_of, reason
from chartline.derive.endpoint import FOUND, Endpoint
from chartline.derive.milestones import KEY, day_of, source_of
from chartline.derive.model import WITHHELD_SCHEMA

# What ADTTE keeps of the milestone that ends the time: column -> suffix among the milestones.
_OF_END = {"ADT": "DAY", "ADTF": "F", "SRCSEQ": "SEQ", "RECORDED": "DTC", "SRCDOM": "DOM", "SRCVAR": "VAR"}
_MISSED = 2  # so many assessments missed before an event put its day in doubt
_SCHEMA: dict[str, pl.DataType] = {
    "CENTRE": pl.String(),
    "USUBJID": pl.String(),
    "PARAMCD": pl.String(),
    "PARAM": pl.String(),
    "STARTDT": pl.Date(),
    "ENTRYDT": pl.Date(),
    "ADT": pl.Date(),
    "AVAL": pl.Int64(),
    "CNSR": pl.Int64(),
    "EVNTDESC": pl.String(),
    "CNSDTDSC": pl.String(),
    "CAUSE": pl.String(),
    "ADTF": pl.String(),
    "SEENDT": pl.Date(),
    "MISSFL": pl.String(),
    "SRCDOM": pl.String(),
    "SRCVAR": pl.String(),
    "SRCSEQ": pl.Int64(),
    "BECAUSE": pl.String(),
}


def derive_times(
    endpoints: Mapping[str, Endpoint],
    milestones: pl.DataFrame,
    populations: Mapping[str, pl.DataFrame],
    assessed: pl.DataFrame,
    words: Mapping[str, str],
) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.LazyFrame]]:
    """Return (ADTTE, exclusions USUBJID ITEM QUERY REASON, trace) of PARAMCD -> endpoint.

    `populations` has KEY of each endpoint's members, `assessed` KEY and ADT of every assessment, `words` each milestone
    as inside a sentence.
    """
    if not endpoints:
        return pl.DataFrame(schema=_SCHEMA), pl.DataFrame(schema=WITHHELD_SCHEMA), []
    plans = [_plan(code, e, milestones.lazy(), populations[code].lazy(), words) for code, e in endpoints.items()]
    rows = run(_told(_with_assessments(pl.concat(plans), assessed.lazy()), words))
    heights = dict(rows.group_by("PARAMCD").len().iter_rows())
    for code, population in populations.items():
        if heights.get(code, 0) != population.height:
            raise AssertionError(f"{code}: {heights.get(code, 0)} rows of {population.height} members")
    kept, out = rows.filter(pl.col("REASON").is_null()), rows.filter(pl.col("REASON").is_not_null())
    item = pl.concat_str(pl.lit("ADTTE."), "PARAMCD").alias("ITEM")
    excluded = out.select("USUBJID", item, pl.lit(None, pl.String).alias("QUERY"), "REASON")
    return kept.select(list(_SCHEMA)), excluded, _reasons(kept, item)


def _plan(
    code: str, endpoint: Endpoint, milestones: pl.LazyFrame, population: pl.LazyFrame, words: Mapping[str, str]
) -> pl.LazyFrame:
    """What differs between endpoints: which milestone ENDs each member's time, and what is known of it."""
    ends = list(dict.fromkeys([*endpoint.events, *endpoint.censor_at, endpoint.last]))
    origin = pl.col(endpoint.origin)
    days = [day_of(m, endpoint.partial_dates, not_before=origin).alias(f"{m}_DAY") for m in ends]
    rows = population.join(milestones, on=KEY, how="left", maintain_order="left")
    entry = pl.lit(None, pl.Date) if endpoint.enter_at is None else pl.col(endpoint.enter_at)
    entry = pl.when(entry > origin).then(entry)  # who is observed from the origin on enters there
    rows = rows.with_columns(origin.alias("STARTDT"), entry.alias("ENTRYDT"), *days).with_columns(
        _end(endpoint).alias("END")
    )
    said = {"ORGWORD": words[endpoint.origin], "LASTWORD": words[endpoint.last]}
    said["NOTHING"] = " or ".join(words[m] for m in endpoint.events)
    every = endpoint.assessed_every_days
    return rows.select(
        *KEY,
        pl.lit(code).alias("PARAMCD"),
        pl.lit(endpoint.label).alias("PARAM"),
        "STARTDT",
        "ENTRYDT",
        pl.lit(None if endpoint.enter_at is None else words[endpoint.enter_at], pl.String).alias("ENTRYWORD"),
        _never_entered(endpoint).alias("UNENTERED"),
        "END",
        _censored(endpoint).alias("CNSR"),
        *[_pick(ends, suffix).alias(name) for name, suffix in _OF_END.items()],
        _undated(endpoint, words).alias("UNDATED"),
        *[pl.lit(word).alias(name) for name, word in said.items()],
        pl.lit(every, pl.Int64).alias("EVERY"),
        pl.lit(endpoint.missed_assessments).alias("MISSED"),
        source_of(endpoint.origin, "DOM").alias("ORGDOM"),
        source_of(endpoint.origin, "VAR").alias("ORGVAR"),
        pl.col(f"{endpoint.origin}_SEQ").alias("ORGSEQ"),
    )


def _with_assessments(rows: pl.LazyFrame, assessed: pl.LazyFrame) -> pl.LazyFrame:
    """Add SEENDT and MISSFL, and move an event that was found late where the endpoint asks for the middle.

    With one assessment due every n days, the last one on day a and the event found on day e, those of a + n, a + 2n ...
    before e were missed: two or more where e - a > 2n. Without any assessment before, a is the origin.
    """
    found = (pl.col("CNSR") == 0) & pl.col("END").is_in([str(m) for m in FOUND])
    events = rows.filter(found).select(*KEY, "PARAMCD", pl.col("ADT").alias("FOUNDDT"), pl.col("STARTDT").alias("FROM"))
    before = assessed.join(events, on=KEY).filter(
        (pl.col("ADT") < pl.col("FOUNDDT")) & (pl.col("ADT") >= pl.col("FROM"))
    )
    last = before.group_by(*KEY, "PARAMCD").agg(pl.col("ADT").max().alias("SEENDT"))
    rows = rows.join(last, on=[*KEY, "PARAMCD"], how="left", maintain_order="left")
    seen = pl.when(found).then(pl.coalesce("SEENDT", "STARTDT"))
    gap = (pl.col("ADT") - pl.col("SEENDT")).dt.total_days()
    missed = found & (gap > _MISSED * pl.col("EVERY"))
    rows = rows.with_columns(seen.alias("SEENDT")).with_columns(pl.when(missed).then(pl.lit("Y")).alias("MISSFL"))
    moved = (pl.col("MISSFL") == "Y") & (pl.col("MISSED") == "midpoint")
    middle = pl.col("SEENDT") + pl.duration(days=gap // 2)
    return rows.with_columns(
        pl.when(moved).then(middle).otherwise("ADT").alias("ADT"), pl.when(moved).then("ADT").alias("DETECTED")
    )


def _told(rows: pl.LazyFrame, words: Mapping[str, str]) -> pl.LazyFrame:
    """Add to the plans of all endpoints what is said alike of each: AVAL, REASON, descriptions, source, sentence."""
    time = (pl.col("ADT") - pl.col("STARTDT")).dt.total_days()
    rows = rows.with_columns(time.alias("AVAL"), pl.col("END").replace_strict(dict(words)).alias("WORD"))
    return rows.with_columns(_exclusion().alias("REASON"), *_described(), _sentence().alias("BECAUSE"))


def _end(endpoint: Endpoint) -> pl.Expr:
    """Which milestone ends the time: the first event, unless an intercurrent event censors before it."""
    event = pl.min_horizontal([pl.col(f"{m}_DAY") for m in endpoint.events])
    # An intercurrent event before the origin censors nothing.
    later = {m: pl.when(pl.col(f"{m}_DAY") >= pl.col("STARTDT")).then(f"{m}_DAY") for m in endpoint.censor_at}
    ends: list[pl.Expr] = []
    for m, day in later.items():
        first = day == pl.min_horizontal(list(later.values()))
        ends.append(pl.when(first & (event.is_null() | (day < event))).then(pl.lit(str(m))))
    ends += [pl.when(pl.col(f"{m}_DAY") == event).then(pl.lit(str(m))) for m in endpoint.events]
    return pl.coalesce([*ends, pl.lit(str(endpoint.last))])


def _never_entered(endpoint: Endpoint) -> pl.Expr:
    """Whether nobody knows when, or that, a subject came under observation, although it must for this endpoint."""
    return pl.lit(False) if endpoint.enter_at is None else pl.col(endpoint.enter_at).is_null()


def _pick(ends: list[str], suffix: str) -> pl.Expr:
    def of(m: str) -> pl.Expr:
        return source_of(m, suffix) if suffix in ("DOM", "VAR") else pl.col(f"{m}_{suffix}")

    return pl.coalesce([pl.when(pl.col("END") == str(m)).then(of(m)) for m in ends])


def _undated(endpoint: Endpoint, words: Mapping[str, str]) -> pl.Expr:
    """Which milestone of the endpoint is known to have happened, but not when; null where none is."""
    texts = [
        pl.when(pl.col(f"{m}_KNOWN").fill_null(False) & pl.col(f"{m}_DTC").is_null()).then(
            pl.lit(f"{words[m]} is recorded without a date")
        )
        for m in (*endpoint.events, *endpoint.censor_at)
    ]
    return pl.coalesce(texts)


def _censored(endpoint: Endpoint) -> pl.Expr:
    """CNSR: 0 for an event, else what censors."""
    is_event = pl.col("END").is_in([str(m) for m in endpoint.events])
    if endpoint.last in endpoint.events:
        is_event = is_event & pl.col(f"{endpoint.last}_DAY").is_not_null()
    censored: pl.Expr = pl.lit(1)
    if endpoint.censor_at:
        code_of = {str(endpoint.last): 1} | {str(m): i for i, m in enumerate(endpoint.censor_at, 2)}
        censored = pl.col("END").replace_strict(code_of, default=1, return_dtype=pl.Int64)
    return pl.when(is_event).then(0).otherwise(censored).cast(pl.Int64)


def _exclusion() -> pl.Expr:
    """Why a member has no time, in words; null where it has one."""
    day, start, entry = (pl.col(name).cast(pl.String) for name in ("ADT", "STARTDT", "ENTRYDT"))
    return pl.coalesce(
        pl.when(pl.col("STARTDT").is_null()).then(pl.format("no date of {}", "ORGWORD")),
        "UNDATED",
        pl.when(pl.col("ADT").is_null()).then(pl.format("no event, and no date of {}", "LASTWORD")),
        pl.when(pl.col("AVAL") < 0).then(pl.format("{} on {} is before {} on {}", "WORD", day, "ORGWORD", start)),
        pl.when(pl.col("UNENTERED")).then(pl.format("no date of {}", "ENTRYWORD")),
        pl.when(pl.col("ADT") <= pl.col("ENTRYDT")).then(
            pl.format("{} on {} is not after {} on {}: never at risk", "WORD", day, "ENTRYWORD", entry)
        ),
    )


def _described() -> list[pl.Expr]:
    end, is_event = pl.col("END"), pl.col("CNSR") == 0
    return [
        pl.when(is_event).then("WORD").alias("EVNTDESC"),
        pl.when(~is_event).then("WORD").alias("CNSDTDSC"),
        pl.when(is_event).then(end).alias("CAUSE"),
    ]


def _sentence() -> pl.Expr:
    """`Event: relapse on 2019-10-05, 25 days after first response on 2019-09-10`."""
    time = pl.format("{} after {} on {}", number_of("AVAL", "day"), "ORGWORD", pl.col("STARTDT").cast(pl.String))
    truncated = pl.format(" (at risk from {} on {})", "ENTRYWORD", pl.col("ENTRYDT").cast(pl.String))
    time = pl.concat_str([time, truncated.fill_null("")])
    imputed = pl.when(pl.col("ADTF").is_not_null()).then(pl.format(" (recorded as {}; the day is imputed)", "RECORDED"))
    late = pl.when(pl.col("DETECTED").is_not_null()).then(
        pl.format(
            " (found on {} after missed assessments, the last on {}; the day is the middle)", "DETECTED", "SEENDT"
        )
    )
    day = pl.concat_str([pl.col("ADT").cast(pl.String), imputed.fill_null(""), late.fill_null("")])
    alive = pl.format("Censored when {} on {}, {}: no {} recorded", "LASTWORD", day, time, "NOTHING")
    return (
        pl.when(pl.col("CNSR") == 0)
        .then(pl.format("Event: {} on {}, {}", "WORD", day, time))
        .when(pl.col("CNSR") == 1)
        .then(alive)
        .otherwise(pl.format("Censored at {} on {}, {}", "WORD", day, time))
    )


def _reasons(kept: pl.DataFrame, item: pl.Expr) -> list[pl.LazyFrame]:
    ends = (pl.col("SRCDOM"), pl.col("SRCSEQ"), pl.col("SRCVAR"))
    origins = (pl.col("ORGDOM"), pl.col("ORGSEQ"), pl.col("ORGVAR"))
    return [reason(kept, item, pl.col("AVAL"), pl.col("BECAUSE"), where) for where in (ends, origins)]
