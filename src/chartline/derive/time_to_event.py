"""ADTTE: per endpoint one row, or one exclusion with its reason, for every subject of its population.

    CENTRE USUBJID PARAMCD PARAM STARTDT ADT AVAL (days) CNSR (0 event; 1 censored at the end; 2, 3 ... censored at
    the first, second ... milestone of `censor_at`) EVNTDESC CNSDTDSC CAUSE (milestone of the event) ADTF (what was
    imputed of ADT) SRCDOM SRCVAR SRCSEQ BECAUSE

A time is end - start in whole days; 0 stays 0. A negative time, an event that is known but undated, and a missing
origin or last contact are exclusions, never clamped and never censored away.
"""

from __future__ import annotations

import polars as pl

from chartline.core.reasons import reason
from chartline.derive.endpoint import Endpoint
from chartline.derive.milestones import KEY, SOURCES, WORDS, day_of
from chartline.protocol.model import Milestone

_COLUMNS = [
    *KEY, "PARAMCD", "PARAM", "STARTDT", "ADT", "AVAL", "CNSR", "EVNTDESC", "CNSDTDSC", "CAUSE", "ADTF",
    "SRCDOM", "SRCVAR", "SRCSEQ", "BECAUSE",
]  # fmt: skip


def derive_endpoint(
    code: str, endpoint: Endpoint, milestones: pl.DataFrame, population: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.DataFrame]]:
    """Return (ADTTE rows, exclusions USUBJID ITEM QUERY REASON, trace). `population` is KEY of its members."""
    rows = population.join(milestones, on=KEY, how="left", maintain_order="left")
    origin = pl.col(endpoint.origin)
    ends = [*endpoint.events, *endpoint.censor_at, endpoint.last]
    days = [day_of(m, endpoint.partial_dates, not_before=origin).alias(f"{m}_DAY") for m in dict.fromkeys(ends)]
    rows = rows.with_columns(origin.alias("STARTDT"), *days).with_columns(_end(endpoint).alias("END"))
    rows = rows.with_columns(_pick(ends, "DAY").alias("ADT")).with_columns(
        (pl.col("ADT") - pl.col("STARTDT")).dt.total_days().alias("AVAL")
    )
    rows = rows.with_columns(_exclusion(endpoint).alias("REASON"))
    excluded = rows.filter(pl.col("REASON").is_not_null()).select(
        "USUBJID", pl.lit(f"ADTTE.{code}").alias("ITEM"), pl.lit(None, pl.String).alias("QUERY"), "REASON"
    )
    kept = rows.filter(pl.col("REASON").is_null()).with_columns(_described(code, endpoint, ends))
    kept = kept.with_columns(_sentence(endpoint).alias("BECAUSE"))
    if kept.height + excluded.height != population.height:
        raise AssertionError(f"{code}: {kept.height} rows and {excluded.height} exclusions of {population.height}")
    return kept.select(_COLUMNS), excluded, _reasons(kept, code, endpoint)


def _end(endpoint: Endpoint) -> pl.Expr:
    """Which milestone ends the time: the first event, unless an intercurrent event censors before it."""
    event = pl.min_horizontal([pl.col(f"{m}_DAY") for m in endpoint.events])
    # An intercurrent event before the origin censors nothing.
    later = {m: pl.when(pl.col(f"{m}_DAY") >= pl.col("STARTDT")).then(f"{m}_DAY") for m in endpoint.censor_at}
    out = pl.when(pl.lit(False)).then(pl.lit(None, dtype=pl.String))
    for m, day in later.items():
        first = day == pl.min_horizontal(list(later.values()))
        out = out.when(first & (event.is_null() | (day < event))).then(pl.lit(str(m)))
    for m in endpoint.events:
        out = out.when(pl.col(f"{m}_DAY") == event).then(pl.lit(str(m)))
    return out.otherwise(pl.lit(str(endpoint.last)))


def _pick(ends: list[Milestone], suffix: str) -> pl.Expr:
    return pl.coalesce([pl.when(pl.col("END") == str(m)).then(pl.col(f"{m}_{suffix}")) for m in dict.fromkeys(ends)])


def _exclusion(endpoint: Endpoint) -> pl.Expr:
    """Why a member has no time, in words; null where it has one."""
    origin, last = WORDS[endpoint.origin], WORDS[endpoint.last]
    undated = [
        pl.when(pl.col(f"{m}_KNOWN").fill_null(False) & pl.col(f"{m}_DTC").is_null()).then(
            pl.lit(f"{WORDS[m]} is recorded without a date")
        )
        for m in (*endpoint.events, *endpoint.censor_at)
    ]
    end = pl.col("END").replace_strict({str(m): w for m, w in WORDS.items()})
    negative = pl.format(
        f"{{}} on {{}} is before {origin} on {{}}",
        end,
        pl.col("ADT").cast(pl.String),
        pl.col("STARTDT").cast(pl.String),
    )
    return pl.coalesce(
        pl.when(pl.col("STARTDT").is_null()).then(pl.lit(f"no date of {origin}")),
        *undated,
        pl.when(pl.col("ADT").is_null()).then(pl.lit(f"no event, and no date of {last}")),
        pl.when(pl.col("AVAL") < 0).then(negative),
    )


def _described(code: str, endpoint: Endpoint, ends: list[Milestone]) -> list[pl.Expr]:
    end = pl.col("END")
    word = end.replace_strict({str(m): w for m, w in WORDS.items()})
    is_event = end.is_in([str(m) for m in endpoint.events])
    code_of = {str(endpoint.last): 1} | {str(m): i for i, m in enumerate(endpoint.censor_at, 2)}
    if endpoint.last in endpoint.events:
        is_event = is_event & pl.col(f"{endpoint.last}_DAY").is_not_null()
    censored = end.replace_strict(code_of, default=1, return_dtype=pl.Int64)
    variable = end.replace_strict({str(m): SOURCES[m][1] for m in Milestone})
    death_as_contact = pl.when(end == str(Milestone.LAST_ALIVE)).then(f"{Milestone.LAST_ALIVE}_VAR")
    return [
        pl.lit(code).alias("PARAMCD"),
        pl.lit(endpoint.label).alias("PARAM"),
        pl.when(is_event).then(0).otherwise(censored).cast(pl.Int64).alias("CNSR"),
        pl.when(is_event).then(word).alias("EVNTDESC"),
        pl.when(~is_event).then(word).alias("CNSDTDSC"),
        pl.when(is_event).then(end).alias("CAUSE"),
        _pick(ends, "F").alias("ADTF"),
        end.replace_strict({str(m): SOURCES[m][0] for m in Milestone}).alias("SRCDOM"),
        pl.coalesce(death_as_contact, variable).alias("SRCVAR"),
        _pick(ends, "SEQ").alias("SRCSEQ"),
    ]


def _sentence(endpoint: Endpoint) -> pl.Expr:
    """`Event: relapse on 2019-10-05, 25 days after first response on 2019-09-10`."""
    start = pl.format(f"{WORDS[endpoint.origin]} on {{}}", pl.col("STARTDT").cast(pl.String))
    time = pl.format("{} days after {}", "AVAL", start).str.replace(r"^1 days", "1 day")
    imputed = pl.when(pl.col("ADTF").is_not_null()).then(
        pl.format(" (recorded as {}; the day is imputed)", _pick(list(endpoint.milestones), "DTC"))
    )
    day = pl.concat_str([pl.col("ADT").cast(pl.String), imputed.fill_null("")])
    nothing = " or ".join(WORDS[m] for m in endpoint.events)
    censored = pl.when(pl.col("CNSR") == 1).then(
        pl.format(f"Censored when last known alive on {{}}, {{}}: no {nothing} recorded", day, time)
    )
    event = pl.format("Event: {} on {}, {}", pl.col("EVNTDESC"), day, time)
    return pl.coalesce(event, censored, pl.format("Censored at {} on {}, {}", "CNSDTDSC", day, time))


def _reasons(kept: pl.DataFrame, code: str, endpoint: Endpoint) -> list[pl.DataFrame]:
    item, value, because = f"ADTTE.{code}", pl.col("AVAL"), pl.col("BECAUSE")
    domain, variable = SOURCES[endpoint.origin]
    return [
        reason(kept, item, value, because, (pl.col("SRCDOM"), pl.col("SRCSEQ"), pl.col("SRCVAR"))),
        reason(kept, item, value, because, (domain, pl.col(f"{endpoint.origin}_SEQ"), variable)),
    ]
