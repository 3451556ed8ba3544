"""The dated events of each subject from which endpoints and stops are built.

In: ClinicalData, the treated subjects (CENTRE, USUBJID, TRTSDT, TRTEDT) and the protocol. Out: one row a subject
and per milestone m of `protocol.model.Milestone` the columns

    <m>_DTC   the date as recorded (ISO, perhaps partial)
    <m>_KNOWN whether it happened (null: not known), even where no date is given
    <m>_SEQ   the row behind it, in the domain and variable that `SOURCES` names
    <m>       the day that stands for it under the protocol's policy for partial dates
    <m>_LO _HI _mid _first _last _latest   first and last day it can mean, and the day under each policy
    <m>_F     what was imputed: D (day), M (month and day)

`first_response` is added by `response.py`, the milestones that a protocol declares by `dated_events.py`. `relapse_DOM`
is the domain of the relapse: SS as recorded, RS where `relapse.py` derived it. The first dose is never imputed.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.cohort.facts import imputation_flag
from chartline.core.clinical import ClinicalData, statement
from chartline.core.condition import parse_condition
from chartline.core.dates import PartialPolicy, first_day, is_partial, last_day, one_day
from chartline.core.index import START_OF, index_days
from chartline.core.plans import run
from chartline.errors import ProtocolError
from chartline.protocol.base import Milestone
from chartline.protocol.model import Protocol
from chartline.protocol.names import in_sentence
from chartline.protocol.treatment import EventSource

KEY = ["CENTRE", "USUBJID"]
SOURCES: dict[Milestone, tuple[str, str]] = {
    Milestone.BIRTH: ("DM", "BRTHDTC"),
    Milestone.FIRST_DOSE: ("EX", "EXSTDTC"),
    Milestone.LAST_DOSE: ("EX", "EXSTDTC"),
    Milestone.FIRST_RESPONSE: ("RS", "RSDTC"),
    Milestone.RELAPSE: ("SS", "RELDTC"),
    Milestone.TRANSPLANT: ("PR", "PRSTDTC"),
    Milestone.NEW_THERAPY: ("CM", "CMSTDTC"),
    Milestone.DEATH: ("SS", "DTHDTC"),
    Milestone.LAST_ALIVE: ("SS", "LKADTC"),
    Milestone.LAST_ASSESSED: ("RS", "RSDTC"),
    Milestone.OBSERVED_FROM: ("SS", "OBSSTDTC"),
    Milestone.OBSERVED_UNTIL: ("SS", "OBSENDTC"),
}
WORDS: dict[Milestone, str] = {
    Milestone.BIRTH: "birth",
    Milestone.FIRST_DOSE: "first dose",
    Milestone.LAST_DOSE: "last dose",
    Milestone.FIRST_RESPONSE: "first response",
    Milestone.RELAPSE: "relapse",
    Milestone.TRANSPLANT: "transplantation",
    Milestone.NEW_THERAPY: "new therapy",
    Milestone.DEATH: "death",
    Milestone.LAST_ALIVE: "last known alive",
    Milestone.LAST_ASSESSED: "last assessed",
    Milestone.OBSERVED_FROM: "start of observation",
    Milestone.OBSERVED_UNTIL: "end of observation",
}
# Milestones whose day is never imputed, or (birth) not kept within anything.
_COMPLETE = (
    *(Milestone.BIRTH, Milestone.FIRST_DOSE, Milestone.LAST_DOSE, Milestone.FIRST_RESPONSE),
    *(Milestone.LAST_ASSESSED, Milestone.OBSERVED_FROM, Milestone.OBSERVED_UNTIL),
)


def milestone_words(protocol: Protocol) -> dict[str, str]:
    """Return every milestone of a study in words, as inside a sentence; `first_dose` is what its day 0 is called."""
    own = {name: in_sentence(event.label) for name, event in protocol.milestones.items()}
    return {str(m): word for m, word in WORDS.items()} | {"first_dose": protocol.index_rows.event} | own


def derive_milestones(data: ClinicalData, subjects: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return the milestones, one row a subject (columns above, besides KEY)."""
    plan = subjects.lazy().select(KEY).join(_doses(data, protocol), on=KEY, how="left", maintain_order="left")
    for known in (_statements(data), _birth(data), _last_assessed(data, protocol), _observed(data, protocol)):
        plan = plan.join(known, on=KEY, how="left", maintain_order="left")
    frame = run(plan)
    plan = frame.lazy()
    for milestone, source in (
        (Milestone.TRANSPLANT, protocol.transplant),
        (Milestone.NEW_THERAPY, protocol.new_therapy),
    ):
        events = first_event_after(data, source, frame.lazy(), protocol.partial_dates, milestone)
        plan = plan.join(events, on=KEY, how="left", maintain_order="left")
    happened = [pl.col(f"{m}_KNOWN").fill_null(False) for m in (Milestone.TRANSPLANT, Milestone.NEW_THERAPY)]
    return add_days(run(plan.with_columns(happened)), protocol.partial_dates)


def add_days(frame: pl.DataFrame, policy: PartialPolicy) -> pl.DataFrame:
    """Add the bounds of every milestone (`<m>_LO`, `<m>_HI`, `<m>_<policy>`), then `<m>` and `<m>_F`."""
    present = [m for m in Milestone if f"{m}_DTC" in frame.columns]
    # All milestones below each other: the dates are read once, not once a milestone.
    texts = pl.concat([frame.lazy().select(pl.col(f"{m}_DTC").alias("DTC")) for m in present])
    read = texts.select(e.alias(name) for name, e in bounds_of("DTC").items())
    n, columns = frame.height, run(read).get_columns()
    bounds = [c.slice(i * n, n).alias(f"{m}_{c.name}") for i, m in enumerate(present) for c in columns]
    return run(frame.with_columns(bounds).lazy().with_columns(day_of(m, policy).alias(m) for m in present))


def bounds_of(dtc: str) -> dict[str, pl.Expr]:
    """Return, by the suffix of its column, what is known of a milestone's day from its date as recorded."""
    days = {str(p): one_day(dtc, p) for p in PartialPolicy}
    return {"LO": first_day(dtc), "HI": last_day(dtc), **days, "F": imputation_flag(dtc)}


def day_of(milestone: str, policy: PartialPolicy, not_before: pl.Expr | None = None) -> pl.Expr:
    """Return the day that stands for a milestone under `policy`.

    The imputed day of a partial date is kept within what the subject's other dates allow: a relapse, transplant or
    new therapy not before the first dose (nor `not_before`) and not after death or last contact; a death not before
    the last contact. A complete date is never moved.
    """
    day = pl.col(f"{milestone}_{policy}")
    if milestone in _COMPLETE:
        return day
    first_dose = pl.col(f"{Milestone.FIRST_DOSE}_LO")
    contact = _complete(Milestone.LAST_ALIVE)
    floor = first_dose if not_before is None else pl.max_horizontal(first_dose, not_before)
    ceiling = observed_until()
    if milestone == Milestone.DEATH:
        floor, ceiling = pl.max_horizontal(first_dose, contact), pl.lit(None, dtype=pl.Date)
    if milestone == Milestone.LAST_ALIVE:
        ceiling = _complete(Milestone.DEATH)
    bounds = (pl.col(f"{milestone}_LO"), pl.col(f"{milestone}_HI"))
    return pl.when(pl.col(f"{milestone}_F").is_not_null()).then(_within(day, bounds, floor, ceiling)).otherwise(day)


def observed_until() -> pl.Expr:
    """Return the last day on which anything can have been seen: that of death or last contact, where complete."""
    return pl.max_horizontal(_complete(Milestone.DEATH), _complete(Milestone.LAST_ALIVE))


def day_between(dtc: str, policy: PartialPolicy, floor: pl.Expr, ceiling: pl.Expr) -> pl.Expr:
    """Return the day that stands for a date under `policy`; an imputed one is kept between floor and ceiling."""
    day = one_day(dtc, policy)
    kept = _within(day, (first_day(dtc), last_day(dtc)), floor, ceiling)
    return pl.when(is_partial(dtc)).then(kept).otherwise(day)


def _within(day: pl.Expr, bounds: tuple[pl.Expr, pl.Expr], floor: pl.Expr, ceiling: pl.Expr) -> pl.Expr:
    """Move `day` between floor and ceiling as far as its bounds allow; where they do not meet it stays."""
    low, high = pl.max_horizontal(bounds[0], floor), pl.min_horizontal(bounds[1], ceiling)
    return pl.when(low <= high).then(pl.max_horizontal(low, pl.min_horizontal(high, day))).otherwise(day)


def _complete(milestone: Milestone) -> pl.Expr:
    return pl.when(pl.col(f"{milestone}_F").is_null()).then(f"{milestone}_LO")


def _birth(data: ClinicalData) -> pl.LazyFrame:
    said = statement(data["DM"].lazy().sort("CENTRE", "SEQ"), "BRTHDTC")
    m, born = Milestone.BIRTH, pl.col("BRTHDTC")
    return said.select(
        *KEY, born.alias(f"{m}_DTC"), pl.col("BRTHDTC__SEQ").alias(f"{m}_SEQ"), born.is_not_null().alias(f"{m}_KNOWN")
    )


def _doses(data: ClinicalData, protocol: Protocol) -> pl.LazyFrame:
    """Day 0 and the last dose; `first_dose_DOM` and `_VAR` say where day 0 stands."""
    doses = index_days(data, protocol.index_rows).lazy()
    domain, variable = protocol.index_rows.source
    columns = [
        pl.lit(domain).alias(f"{Milestone.FIRST_DOSE}_DOM"),
        pl.lit(variable).alias(f"{Milestone.FIRST_DOSE}_VAR"),
    ]
    for m, day, seq in (
        (Milestone.FIRST_DOSE, "TRTSDT", "TRTSSEQ"),
        (Milestone.LAST_DOSE, "TRTEDT", "TRTESEQ"),
    ):
        columns += [pl.col(day).cast(pl.String).alias(f"{m}_DTC"), pl.col(seq).alias(f"{m}_SEQ")]
        columns += [pl.col(day).is_not_null().alias(f"{m}_KNOWN")]
    return doses.select(*KEY, *columns)


def _last_assessed(data: ClinicalData, protocol: Protocol) -> pl.LazyFrame:
    """The last complete date of an assessment from the first dose on; the first dose where there is none."""
    m, day = Milestone.LAST_ASSESSED, first_day("RSDTC")
    treated = index_days(data, protocol.index_rows).lazy().select(*KEY, "TRTSDT", "TRTSSEQ")
    rows = data["RS"].lazy().filter(pl.col("RSDTC").str.len_chars() == 10).with_columns(day.alias("DAY"))
    rows = rows.join(treated, on=KEY).filter(pl.col("DAY") >= pl.col("TRTSDT")).sort("DAY", "SEQ")
    last = rows.group_by(KEY).agg(pl.col("DAY").last(), pl.col("SEQ").last())
    known = treated.join(last, on=KEY, how="left", maintain_order="left")
    seen = pl.col("DAY").is_not_null()
    domain, variable = protocol.index_rows.source
    return known.select(
        *KEY,
        pl.coalesce("DAY", "TRTSDT").cast(pl.String).alias(f"{m}_DTC"),
        pl.coalesce("SEQ", "TRTSSEQ").alias(f"{m}_SEQ"),
        pl.when(seen).then(pl.lit("RS")).otherwise(pl.lit(domain)).alias(f"{m}_DOM"),
        pl.when(seen).then(pl.lit("RSDTC")).otherwise(pl.lit(variable)).alias(f"{m}_VAR"),
        pl.lit(True).alias(f"{m}_KNOWN"),
    )


def _observed(data: ClinicalData, protocol: Protocol) -> pl.LazyFrame:
    """The observation period that holds day 0; where none does, the first one after it.

    A period without an end goes on. What lies before day 0 and is over says nothing of the time after it.
    """
    treated = index_days(data, protocol.index_rows).lazy().select(*KEY, "TRTSDT")
    periods = data["SS"].lazy().filter(pl.col("OBSSTDTC").is_not_null()).select(*KEY, "SEQ", "OBSSTDTC", "OBSENDTC")
    open_ = pl.col("OBSENDTC").is_null() | (last_day("OBSENDTC") >= pl.col("TRTSDT"))
    first = periods.join(treated, on=KEY).filter(open_).sort(first_day("OBSSTDTC"), "SEQ")
    columns = []
    for m, variable in ((Milestone.OBSERVED_FROM, "OBSSTDTC"), (Milestone.OBSERVED_UNTIL, "OBSENDTC")):
        columns += [pl.col(variable).first().alias(f"{m}_DTC"), pl.col("SEQ").first().alias(f"{m}_SEQ")]
        columns += [pl.col(variable).first().is_not_null().alias(f"{m}_KNOWN")]
    return first.group_by(KEY).agg(columns)


def _statements(data: ClinicalData) -> pl.LazyFrame:
    """Relapse, death and last contact, from the statements of SS (first non-missing wins)."""
    stated = data["SS"].lazy().sort("CENTRE", "SEQ")
    said = statement(stated, "RELAPSE", "RELDTC", "LKADTC", "DTHFL", "DTHDTC")
    columns = []
    for m, flag, date in (
        (Milestone.RELAPSE, "RELAPSE", "RELDTC"),
        (Milestone.DEATH, "DTHFL", "DTHDTC"),
    ):
        flagged = pl.when(pl.col(flag).is_not_null()).then(pl.col(flag) == "Y")
        happened = flagged.when(pl.col(date).is_not_null()).then(pl.lit(True))
        columns += [
            happened.alias(f"{m}_KNOWN"),
            pl.when(happened).then(date).alias(f"{m}_DTC"),
            pl.coalesce(pl.when(happened).then(f"{date}__SEQ"), f"{flag}__SEQ").alias(f"{m}_SEQ"),
        ]
    columns.append(pl.lit("SS").alias(f"{Milestone.RELAPSE}_DOM"))
    # A death is also a day on which the patient was last known alive; the later of the two counts.
    death = pl.when(pl.col("DTHFL").is_null() | (pl.col("DTHFL") == "Y")).then("DTHDTC")
    later = death.is_not_null() & (pl.col("LKADTC").is_null() | (first_day(death) > last_day("LKADTC")))
    alive = Milestone.LAST_ALIVE
    columns += [
        pl.when(later).then(death).otherwise("LKADTC").alias(f"{alive}_DTC"),
        pl.when(later).then("DTHDTC__SEQ").otherwise("LKADTC__SEQ").alias(f"{alive}_SEQ"),
        pl.when(later).then(pl.lit("DTHDTC")).otherwise(pl.lit("LKADTC")).alias(f"{alive}_VAR"),
        (pl.col("LKADTC").is_not_null() | later).alias(f"{alive}_KNOWN"),
    ]
    return said.select(*KEY, *columns)


def first_event_after(
    data: ClinicalData,
    source: EventSource | None,
    subjects: pl.LazyFrame,
    policy: PartialPolicy,
    milestone: str,
) -> pl.LazyFrame:
    """Return the first event of `source` after the first dose: KEY, <m>_DTC, <m>_SEQ, <m>_KNOWN."""
    names = [f"{milestone}_DTC", f"{milestone}_SEQ", f"{milestone}_KNOWN"]
    empty = {"CENTRE": pl.String(), "USUBJID": pl.String(), names[0]: pl.String(), names[1]: pl.Int64()}
    if source is None:
        return pl.LazyFrame(schema=empty | {names[2]: pl.Boolean()})
    types = dict(data[source.source].schema)
    rows = data[source.source].lazy().filter(parse_condition(source.where).expr(types))
    subjects = subjects.with_columns(first_day(f"{Milestone.FIRST_DOSE}_DTC").alias("AFTER"))
    return first_row_after(rows, source.source, types, subjects, policy, milestone)


def first_row_after(
    rows: pl.LazyFrame,
    domain: str,
    types: Mapping[str, pl.DataType],
    subjects: pl.LazyFrame,
    policy: PartialPolicy,
    milestone: str,
) -> pl.LazyFrame:
    """Return the first of some rows of a domain after the subject's day AFTER: KEY, <m>_DTC, <m>_SEQ, <m>_KNOWN.

    A record flagged as not done is none. A partial date that straddles that day goes by the recorded timing (PRTIMING:
    before or after the first dose), else by the policy's day. A record without a date counts as known but undated where
    its timing says AFTER (or where the domain has no timing, as for medication).
    """
    if domain not in START_OF:
        raise ProtocolError(
            f"Rows of {domain} have no start date",
            where=str(milestone),
            expected=f"one of the domains {', '.join(START_OF)}",
            do="name the domain that holds the event",
        )
    start = START_OF[domain]
    done = pl.col("PROCCUR").fill_null("Y") != "N" if "PROCCUR" in types else pl.lit(True)
    if "PRTIMING" in types:
        said = {"AFTER": True, "BEFORE": False}
        undecided = pl.col("PRTIMING").replace_strict(said, default=None, return_dtype=pl.Boolean)
    else:
        undecided = pl.when(pl.col(start).is_null()).then(pl.lit(True))
    after = (
        pl.when(first_day(start) > pl.col("AFTER"))
        .then(pl.lit(True))
        .when(last_day(start) <= pl.col("AFTER"))
        .then(pl.lit(False))
        .otherwise(pl.coalesce(undecided, one_day(start, policy) > pl.col("AFTER")))
    )
    found = (
        rows.filter(done)
        .join(subjects.select(*KEY, "AFTER"), on=KEY)
        .filter(after)
        .with_columns(one_day(start, policy).alias("DAY"))
        .sort("CENTRE", "USUBJID", "DAY", "SEQ", nulls_last=True)
    )
    return found.group_by(KEY, maintain_order=True).agg(
        pl.col(start).first().alias(f"{milestone}_DTC"),
        pl.col("SEQ").first().alias(f"{milestone}_SEQ"),
        pl.lit(True).alias(f"{milestone}_KNOWN"),
    )


def source_of(milestone: str, suffix: str) -> pl.Expr:
    """Return the domain (DOM) or variable (VAR) of the row behind a milestone."""
    at = ("DOM", "VAR").index(suffix)
    named = {str(m): pl.lit(where[at]) for m, where in SOURCES.items()}
    if milestone == Milestone.LAST_ALIVE and suffix == "VAR":  # a death is also a last contact
        return pl.coalesce(f"{milestone}_VAR", named[milestone])
    if milestone == Milestone.RELAPSE:  # recorded, or derived from an assessment
        derived = pl.col(f"{milestone}_DOM") == "RS"
        return pl.when(derived).then(pl.lit(("RS", "RSDTC")[at])).otherwise(named[milestone])
    if milestone in named and milestone not in (Milestone.FIRST_DOSE, Milestone.LAST_ASSESSED):
        return named[milestone]
    return pl.col(f"{milestone}_{suffix}")


def stop_day(before: tuple[Milestone, ...]) -> pl.Expr:
    """Return the first day of the milestones that end an observation window (null where none happened).

    Raises `ProtocolError` for birth, before which nothing is observed.
    """
    if Milestone.BIRTH in before:
        raise ProtocolError(
            "Birth cannot end a window",
            where="before",
            expected="milestones after the first dose",
            do="remove `birth` from `before` of `response` or `laboratory`",
        )
    present = [pl.col(m) for m in before]
    return pl.min_horizontal(*present) if present else pl.lit(None, dtype=pl.Date)


def stop_word(before: tuple[Milestone, ...]) -> pl.Expr:
    """Return which milestone that is, in words."""
    day = stop_day(before)
    words: list[pl.Expr] = [pl.when(pl.col(m) == day).then(pl.lit(WORDS[m])) for m in before]
    return pl.coalesce([*words, pl.lit(None, dtype=pl.String)])
