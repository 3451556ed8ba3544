"""The milestones that a protocol declares itself (`milestones`): further dated events of each subject.

In: ClinicalData, the milestones of `milestones.py` with the first response, ADEX, the assessments, the protocol. Out:
the same frame with, per declared milestone m, the columns that every milestone has and

    <m>_DOM <m>_VAR   domain and variable of the row behind it (<m>_SEQ)
    <m>_WHY           of a treatment failure: the landmark, in words

`<m>_KNOWN` is null where it is not known whether it happened: a condition that the row does not decide, a landmark that
nobody saw the patient reach.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.condition import parse_condition
from chartline.core.dates import PartialPolicy, first_day, last_day
from chartline.core.index import START_OF
from chartline.core.plans import run
from chartline.core.query import Topic
from chartline.core.reasons import reason
from chartline.derive.milestone_topics import milestone_topics
from chartline.derive.milestones import KEY, bounds_of, day_of, first_row_after, source_of
from chartline.derive.response_rules import load_rules
from chartline.protocol.base import Milestone, own_variables
from chartline.protocol.events import DatedEvent
from chartline.protocol.model import Protocol
from chartline.protocol.names import in_sentence
from chartline.protocol.response import ResponseLandmark, Unsupported

_SUFFIXES = ("DTC", "SEQ", "LO", "HI", "F", *map(str, PartialPolicy))


def derive_dated_events(
    data: ClinicalData, milestones: pl.DataFrame, adex: pl.DataFrame, visits: pl.DataFrame, protocol: Protocol
) -> pl.DataFrame:
    """Return the milestones with the protocol's own beside them.

    `visits` are the assessments of the response (`response.Assessed`). Reads of the protocol `milestones`,
    `partial_dates` and `response.criteria`.
    """
    for name, event in protocol.milestones.items():
        plan = milestones.lazy()
        if event.source is not None:
            plan = _first_row(data, plan, name, event, protocol.partial_dates)
        elif event.first_of:
            plan = _first_of(plan, name, event)
        else:
            assert event.no_response_by is not None
            unknown = load_rules(protocol.response.criteria).not_evaluable
            judged = visits.lazy().filter((pl.col("ANL01FL") == "Y") & (pl.col("AVALC") != unknown))
            plan = _failure(plan, name, event, event.no_response_by, adex.lazy(), judged)
        milestones = run(plan)
    return milestones


def _first_row(
    data: ClinicalData, plan: pl.LazyFrame, name: str, event: DatedEvent, policy: PartialPolicy
) -> pl.LazyFrame:
    """The first row of a domain for which the condition is true; unknown where it may be true of one and is of none."""
    domain = event.source
    assert domain is not None and event.where is not None
    types = dict(data[domain].schema)
    true = parse_condition(event.where).expr(types)
    rows = data[domain].lazy()
    if domain == "LB":  # a summary value without a day is no dated event
        rows = rows.filter(pl.col("LBDTC").str.len_chars() == 10)
    if event.without is not None:
        rows = _unsupported(rows, data, event.without)
    treated = plan.with_columns(pl.col(event.after).alias("AFTER"))
    found = first_row_after(rows.filter(true), domain, types, treated, policy, name)
    maybe = first_row_after(rows.filter(true.is_null()), domain, types, treated, policy, "MAYBE")
    plan = plan.join(found, on=KEY, how="left", maintain_order="left")
    plan = plan.join(maybe.select(*KEY, "MAYBE_KNOWN"), on=KEY, how="left", maintain_order="left")
    undated = pl.col(f"{event.after}_KNOWN").fill_null(False) & pl.col(event.after).is_null()
    open_ = pl.col("MAYBE_KNOWN").fill_null(False) | undated
    known = pl.when(pl.col(f"{name}_KNOWN")).then(pl.lit(True)).when(~open_).then(pl.lit(False))
    bounds = [e.alias(f"{name}_{suffix}") for suffix, e in bounds_of(f"{name}_DTC").items()]
    source = [pl.lit(domain).alias(f"{name}_DOM"), pl.lit(START_OF[domain]).alias(f"{name}_VAR")]
    plan = plan.with_columns(known.alias(f"{name}_KNOWN"), *bounds, *source).drop("MAYBE_KNOWN")
    after = None if event.after == Milestone.FIRST_DOSE else pl.col(event.after)
    return plan.with_columns(day_of(name, policy, not_before=after).alias(name))


def _unsupported(rows: pl.LazyFrame, data: ClinicalData, without: Unsupported) -> pl.LazyFrame:
    """Rows of LB without support in the declared days before; a partial date of support is its whole interval."""
    if without.flag is not None:
        rows = rows.filter(pl.col(without.flag).fill_null("N") != "Y")
    end = last_day("CMENDTC")
    if without.without_end == "one day":
        end = pl.coalesce(end, last_day("CMSTDTC"))
    given = data["CM"].lazy().filter(pl.col("CMCAT") == without.medication)
    given = given.select(*KEY, first_day("CMSTDTC").alias("FROM"), end.alias("TO"))
    day = first_day("LBDTC")
    gap = (day - pl.coalesce("TO", day)).dt.total_days()
    near = (pl.col("FROM") <= day) & (gap <= without.days)
    supported = rows.join(given, on=KEY).filter(near).select(*KEY, "SEQ").unique()
    return rows.join(supported, on=[*KEY, "SEQ"], how="anti", maintain_order="left")


def _first_of(plan: pl.LazyFrame, name: str, event: DatedEvent) -> pl.LazyFrame:
    """The first of other milestones, with all that is known of it; not where `unless_after` had happened by then.

    With `after`, only those strictly after that milestone; of those on an unknown day it is unknown.
    """
    after = event.after if "after" in event.model_fields_set else None
    days = {m: pl.col(m) if after is None else pl.when(pl.col(m) > pl.col(after)).then(m) for m in event.first_of}
    day = pl.min_horizontal(list(days.values()))
    had = pl.lit(False) if event.unless_after is None else (pl.col(event.unless_after) <= day).fill_null(False)
    is_first = [(days[m] == day) & ~had for m in event.first_of]

    def of(suffix: str) -> pl.Expr:
        pairs = zip(is_first, event.first_of, strict=True)
        return pl.coalesce([pl.when(hit).then(pl.col(f"{m}_{suffix}")) for hit, m in pairs])

    def source(suffix: str) -> pl.Expr:
        pairs = zip(is_first, event.first_of, strict=True)
        return pl.coalesce([pl.when(hit).then(source_of(m, suffix)) for hit, m in pairs] + [pl.lit(None, pl.String)])

    # One that happened on an unknown day may have been the first, and before or after the other.
    undated = pl.any_horizontal([_undated(m) for m in event.first_of])
    unknown = pl.any_horizontal([pl.col(f"{m}_KNOWN").is_null() for m in event.first_of])
    never = pl.lit(False)
    if after is not None:  # what is before the milestone, or of who never had it, is none
        undated = undated | _undated(after)
        never = pl.col(after).is_null() & ~_undated(after)
    known = (
        pl.when(day.is_not_null() & ~had)
        .then(pl.lit(True))
        .when(~undated & ~unknown | day.is_not_null() | never)
        .then(pl.lit(False))
    )
    columns = [of(suffix).alias(f"{name}_{suffix}") for suffix in _SUFFIXES]
    columns += [pl.when(~had).then(day).alias(name), known.alias(f"{name}_KNOWN")]
    return plan.with_columns(*columns, source("DOM").alias(f"{name}_DOM"), source("VAR").alias(f"{name}_VAR"))


def _undated(milestone: str) -> pl.Expr:
    return pl.col(f"{milestone}_KNOWN").fill_null(False) & pl.col(milestone).is_null()


def _failure(
    plan: pl.LazyFrame, name: str, event: DatedEvent, by: ResponseLandmark, adex: pl.LazyFrame, judged: pl.LazyFrame
) -> pl.LazyFrame:
    """Known alive at the landmark without a response by it; null where nobody saw whether the landmark was reached."""
    plan = _landmark(plan, by, adex)
    end = plan.select(*KEY, "LANDMARK")
    inside = judged.join(end, on=KEY).filter(pl.col("ADT") <= pl.col("LANDMARK")).sort("ADT")
    last = inside.group_by(KEY).agg(pl.col("ADT").last().alias("SEENDT"), pl.col("SEQ").last().alias("SEENSEQ"))
    plan = plan.join(last, on=KEY, how="left", maintain_order="left")
    landmark = pl.col("LANDMARK")
    undated = pl.col(f"{Milestone.DEATH}_KNOWN").fill_null(False) & pl.col(Milestone.DEATH).is_null()
    responded = (pl.col(Milestone.FIRST_RESPONSE) <= landmark).fill_null(False)
    died = (pl.col(Milestone.DEATH) <= landmark).fill_null(False)
    alive = (pl.col(Milestone.LAST_ALIVE) >= landmark).fill_null(False) & ~undated
    if event.dated == "first_dose":  # a death before the landmark is a failure, and who was never assessed is none
        failed = pl.when(responded).then(False).when(died | (alive & pl.col("SEENDT").is_not_null())).then(True)
    else:
        failed = pl.when(responded | died).then(False).when(alive).then(True)
    established = event.dated == "assessment"
    day = pl.coalesce("SEENDT", "LANDMARK") if established else landmark
    seq = pl.coalesce("SEENSEQ", "LANDSEQ") if established else pl.col("LANDSEQ")
    seen = pl.col("SEENDT").is_not_null() & established
    if event.dated == "first_dose":
        day, seq = pl.col(Milestone.FIRST_DOSE), pl.col(f"{Milestone.FIRST_DOSE}_SEQ")
    plan = plan.with_columns(failed.alias(f"{name}_KNOWN")).with_columns(
        pl.when(f"{name}_KNOWN").then(day).alias(name), pl.when(f"{name}_KNOWN").then(seq).alias(f"{name}_SEQ")
    )
    days = [pl.col(name).alias(f"{name}_{suffix}") for suffix in ("LO", "HI", *map(str, PartialPolicy))]
    return plan.with_columns(
        pl.col(name).cast(pl.String).alias(f"{name}_DTC"),
        *days,
        pl.lit(None, pl.String).alias(f"{name}_F"),
        pl.when(seen).then(pl.lit("RS")).otherwise(source_of(Milestone.FIRST_DOSE, "DOM")).alias(f"{name}_DOM"),
        pl.when(seen).then(pl.lit("RSDTC")).otherwise(source_of(Milestone.FIRST_DOSE, "VAR")).alias(f"{name}_VAR"),
        pl.format("no response by the landmark on {}", landmark.cast(pl.String)).alias(f"{name}_WHY"),
    ).drop("LANDMARK", "LANDSEQ", "SEENDT", "SEENSEQ")


def _landmark(plan: pl.LazyFrame, by: ResponseLandmark, adex: pl.LazyFrame) -> pl.LazyFrame:
    """Add LANDMARK, its day, and LANDSEQ, the dose it is counted from."""
    first, last = Milestone.FIRST_DOSE, Milestone.LAST_DOSE
    if by.days is not None:
        day = pl.col(first).dt.offset_by(f"{by.days}d")
        return plan.with_columns(day.alias("LANDMARK"), pl.col(f"{first}_SEQ").alias("LANDSEQ"))
    later = adex.filter((pl.col("CYCLE") > by.cycle) & pl.col("ASTDT").is_not_null()).sort("ASTDT", "SEQ")
    following = later.group_by(KEY).agg(pl.col("ASTDT").first().alias("NEXTDT"), pl.col("SEQ").first().alias("NEXTSEQ"))
    plan = plan.join(following, on=KEY, how="left", maintain_order="left")
    after_last = pl.col(last).dt.offset_by(f"{by.after_last_dose_days}d")
    return plan.with_columns(
        pl.coalesce("NEXTDT", after_last).alias("LANDMARK"),
        pl.coalesce("NEXTSEQ", f"{last}_SEQ").alias("LANDSEQ"),
    ).drop("NEXTDT", "NEXTSEQ")


def dated_event_variables(milestones: pl.DataFrame, protocol: Protocol) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (<NAME>FL, <NAME>DT and its imputation flag of every declared milestone, trace)."""
    columns, trace = [], []
    for name, event in protocol.milestones.items():
        flag, date = own_variables(name)
        happened = pl.when(f"{name}_KNOWN").then(pl.lit("Y")).when(~pl.col(f"{name}_KNOWN")).then(pl.lit("N"))
        columns += [happened.alias(flag), pl.col(name).alias(date), pl.col(f"{name}_F").alias(f"{date}F")]
        where = (pl.col(f"{name}_DOM"), pl.col(f"{name}_SEQ"), pl.col(f"{name}_VAR"))
        sentence = _sentence(name, event)
        trace += [
            reason(milestones, f"ADSL.{n}", v, sentence, where) for n, v in ((flag, happened), (date, pl.col(name)))
        ]
    return milestones.select(*KEY, *columns), trace


def _sentence(name: str, event: DatedEvent) -> pl.Expr:
    word, day = in_sentence(event.label), pl.col(name).cast(pl.String)
    recorded = pl.format(f"{word} recorded as {{}}, taken as {{}}", f"{name}_DTC", day)
    dated = pl.when(pl.col(f"{name}_F").is_not_null()).then(recorded).otherwise(pl.format(f"{word} on {{}}", day))
    if event.no_response_by is not None:
        dated = pl.format("{}: {}", dated, f"{name}_WHY")
    return pl.coalesce(
        pl.when(pl.col(name).is_not_null()).then(dated),
        pl.when(f"{name}_KNOWN").then(pl.lit(f"{word} recorded without a date")),
        pl.when(~pl.col(f"{name}_KNOWN")).then(pl.lit(f"no {word}")),
        pl.lit(f"not known whether {word} happened"),
    )


def dated_event_topics(protocol: Protocol) -> dict[str, frozenset[Topic]]:
    """Return the topics of the ADSL variables of every declared milestone."""
    return {v: milestone_topics(name, protocol) for name in protocol.milestones for v in own_variables(name)}
