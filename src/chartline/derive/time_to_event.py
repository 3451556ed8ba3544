"""ADTTE: per endpoint one row, or one exclusion with its reason, for every subject of its population.

    CENTRE USUBJID PARAMCD PARAM STARTDT ADT AVAL (days) CNSR (0 event; 1 censored at the end; 2, 3 ... censored at
    the first, second ... milestone of `censor_at`) EVNTDESC CNSDTDSC CAUSE (milestone of the event) ADTF (what was
    imputed of ADT) SRCDOM SRCVAR SRCSEQ BECAUSE

A time is end - start in whole days; 0 stays 0. A negative time, an event that is known but undated, and a missing
origin or last contact are exclusions, never clamped and never censored away.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.core.index import IndexRows
from chartline.core.plans import run
from chartline.core.reasons import reason
from chartline.derive.endpoint import Endpoint
from chartline.derive.milestones import KEY, day_of, sources_of, words_of
from chartline.derive.model import WITHHELD_SCHEMA
from chartline.protocol.base import Milestone

# What ADTTE keeps of the milestone that ends the time: column -> suffix among the milestones.
_OF_END = {"ADT": "DAY", "ADTF": "F", "SRCSEQ": "SEQ", "RECORDED": "DTC"}
_SCHEMA: dict[str, pl.DataType] = {
    "CENTRE": pl.String(),
    "USUBJID": pl.String(),
    "PARAMCD": pl.String(),
    "PARAM": pl.String(),
    "STARTDT": pl.Date(),
    "ADT": pl.Date(),
    "AVAL": pl.Int64(),
    "CNSR": pl.Int64(),
    "EVNTDESC": pl.String(),
    "CNSDTDSC": pl.String(),
    "CAUSE": pl.String(),
    "ADTF": pl.String(),
    "SRCDOM": pl.String(),
    "SRCVAR": pl.String(),
    "SRCSEQ": pl.Int64(),
    "BECAUSE": pl.String(),
}


def derive_times(
    endpoints: Mapping[str, Endpoint],
    milestones: pl.DataFrame,
    populations: Mapping[str, pl.DataFrame],
    index: IndexRows,
) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.LazyFrame]]:
    """Return (ADTTE, exclusions USUBJID ITEM QUERY REASON, trace) of PARAMCD -> endpoint.

    `populations` has KEY of each endpoint's members; `index` says what day 0 is and where it stands.
    """
    if not endpoints:
        return pl.DataFrame(schema=_SCHEMA), pl.DataFrame(schema=WITHHELD_SCHEMA), []
    plans = [_plan(code, e, milestones.lazy(), populations[code].lazy(), index) for code, e in endpoints.items()]
    rows = run(_told(pl.concat(plans), index))
    heights = dict(rows.group_by("PARAMCD").len().iter_rows())
    for code, population in populations.items():
        if heights.get(code, 0) != population.height:
            raise AssertionError(f"{code}: {heights.get(code, 0)} rows of {population.height} members")
    kept, out = rows.filter(pl.col("REASON").is_null()), rows.filter(pl.col("REASON").is_not_null())
    item = pl.concat_str(pl.lit("ADTTE."), "PARAMCD").alias("ITEM")
    excluded = out.select("USUBJID", item, pl.lit(None, pl.String).alias("QUERY"), "REASON")
    return kept.select(list(_SCHEMA)), excluded, _reasons(kept, item)


def _plan(
    code: str, endpoint: Endpoint, milestones: pl.LazyFrame, population: pl.LazyFrame, index: IndexRows
) -> pl.LazyFrame:
    """What differs between endpoints: which milestone ENDs each member's time, and what is known of it."""
    ends = list(dict.fromkeys([*endpoint.events, *endpoint.censor_at, endpoint.last]))
    origin = pl.col(endpoint.origin)
    days = [day_of(m, endpoint.partial_dates, not_before=origin).alias(f"{m}_DAY") for m in ends]
    rows = population.join(milestones, on=KEY, how="left", maintain_order="left")
    rows = rows.with_columns(origin.alias("STARTDT"), *days).with_columns(_end(endpoint).alias("END"))
    word = words_of(index)
    words = {"ORGWORD": word[endpoint.origin], "LASTWORD": word[endpoint.last]}
    words["NOTHING"] = " or ".join(word[m] for m in endpoint.events)
    domain, variable = sources_of(index)[endpoint.origin]
    return rows.select(
        *KEY,
        pl.lit(code).alias("PARAMCD"),
        pl.lit(endpoint.label).alias("PARAM"),
        "STARTDT",
        "END",
        _censored(endpoint).alias("CNSR"),
        *[_pick(ends, suffix).alias(name) for name, suffix in _OF_END.items()],
        _undated(endpoint, word).alias("UNDATED"),
        f"{Milestone.LAST_ALIVE}_VAR",
        *[pl.lit(text).alias(name) for name, text in words.items()],
        pl.lit(domain).alias("ORGDOM"),
        pl.lit(variable).alias("ORGVAR"),
        pl.col(f"{endpoint.origin}_SEQ").alias("ORGSEQ"),
    )


def _told(rows: pl.LazyFrame, index: IndexRows) -> pl.LazyFrame:
    """Add to the plans of all endpoints what is said alike of each: AVAL, REASON, descriptions, source, sentence."""
    time = (pl.col("ADT") - pl.col("STARTDT")).dt.total_days()
    rows = rows.with_columns(time.alias("AVAL"), pl.col("END").replace_strict(_by_name(words_of(index))).alias("WORD"))
    return rows.with_columns(_exclusion().alias("REASON"), *_described(sources_of(index)), _sentence().alias("BECAUSE"))


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


def _pick(ends: list[Milestone], suffix: str) -> pl.Expr:
    return pl.coalesce([pl.when(pl.col("END") == str(m)).then(pl.col(f"{m}_{suffix}")) for m in ends])


def _undated(endpoint: Endpoint, word: Mapping[Milestone, str]) -> pl.Expr:
    """Which milestone of the endpoint is known to have happened, but not when; null where none is."""
    texts = [
        pl.when(pl.col(f"{m}_KNOWN").fill_null(False) & pl.col(f"{m}_DTC").is_null()).then(
            pl.lit(f"{word[m]} is recorded without a date")
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
    day, start = pl.col("ADT").cast(pl.String), pl.col("STARTDT").cast(pl.String)
    return pl.coalesce(
        pl.when(pl.col("STARTDT").is_null()).then(pl.format("no date of {}", "ORGWORD")),
        "UNDATED",
        pl.when(pl.col("ADT").is_null()).then(pl.format("no event, and no date of {}", "LASTWORD")),
        pl.when(pl.col("AVAL") < 0).then(pl.format("{} on {} is before {} on {}", "WORD", day, "ORGWORD", start)),
    )


def _described(sources: Mapping[Milestone, tuple[str, str]]) -> list[pl.Expr]:
    end, is_event = pl.col("END"), pl.col("CNSR") == 0
    variable = end.replace_strict({str(m): v for m, (_, v) in sources.items()})
    death_as_contact = pl.when(end == str(Milestone.LAST_ALIVE)).then(f"{Milestone.LAST_ALIVE}_VAR")
    return [
        pl.when(is_event).then("WORD").alias("EVNTDESC"),
        pl.when(~is_event).then("WORD").alias("CNSDTDSC"),
        pl.when(is_event).then(end).alias("CAUSE"),
        end.replace_strict({str(m): d for m, (d, _) in sources.items()}).alias("SRCDOM"),
        pl.coalesce(death_as_contact, variable).alias("SRCVAR"),
    ]


def _by_name(words: Mapping[Milestone, str]) -> dict[str, str]:
    return {str(m): word for m, word in words.items()}


def _sentence() -> pl.Expr:
    """`Event: relapse on 2019-10-05, 25 days after first response on 2019-09-10`."""
    time = pl.format("{} days after {} on {}", "AVAL", "ORGWORD", pl.col("STARTDT").cast(pl.String))
    time = time.str.replace(r"^1 days", "1 day")
    imputed = pl.when(pl.col("ADTF").is_not_null()).then(pl.format(" (recorded as {}; the day is imputed)", "RECORDED"))
    day = pl.concat_str([pl.col("ADT").cast(pl.String), imputed.fill_null("")])
    alive = pl.format("Censored when last known alive on {}, {}: no {} recorded", day, time, "NOTHING")
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
