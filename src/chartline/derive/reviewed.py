"""What reviewers set, laid into the derivation; and beside it what was derived without them.

In: the overrides of a study. Out of the `with_reviewed_...` functions: the same frames with the reviewers' values, from
which everything after is derived as ever. Out of `reviews`: the table OVERRIDES, one row per value that a reviewer set
or that follows from one:

    CENTRE USUBJID ITEM KIND (set, follows) VALUE DERIVED WHY SAW SETBY SETON REASON BECAUSE LINE PLACE

DERIVED and WHY are value and sentence without any override; BECAUSE says who set what it follows from, when and why.
They come from a second derivation of the overridden subjects alone, so nothing has to know what follows from what.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.overrides import ASSESSMENT, EVENT_ITEMS, NO_RELAPSE, RELAPSE, Override, overrides_of
from chartline.core.plans import run
from chartline.core.query import Query, Severity, Topic
from chartline.core.reasons import TRACE_SCHEMA
from chartline.derive.model import Adam
from chartline.protocol.base import Milestone

OVERRIDES_SCHEMA: dict[str, pl.DataType] = {
    **{name: pl.String() for name in ("CENTRE", "USUBJID", "ITEM", "KIND", "VALUE", "DERIVED", "WHY", "SAW")},
    **{name: pl.String() for name in ("SETBY", "SETON", "REASON", "BECAUSE")},
    "LINE": pl.Int64(),
    "PLACE": pl.String(),
}
_TOPICS = {ASSESSMENT: Topic.RESPONSE, RELAPSE: Topic.RELAPSE}
DOMAIN = "OVERRIDES"  # SRCDOM of a trace row that leads to a line of the file of overrides


def with_reviewed_categories(visits: pl.LazyFrame, chosen: tuple[Override, ...]) -> pl.LazyFrame:
    """Return assessments with the categories that reviewers set, each sentence with both."""
    if not chosen:
        return visits
    rows = [(o.subject, o.date, o.value, o.said) for o in chosen]
    told = pl.DataFrame(rows, schema=["USUBJID", "RSDTC", "REVIEWED", "SAID"], orient="row").lazy()
    both = pl.concat_str("SAID", pl.lit("; derived "), "AVALC", pl.lit(" because "), "BECAUSE")
    joined = visits.join(told, on=["USUBJID", "RSDTC"], how="left", maintain_order="left")
    set_by = pl.col("REVIEWED").is_not_null()
    return joined.with_columns(
        pl.coalesce("REVIEWED", "AVALC").alias("AVALC"),
        pl.when(set_by).then(both).otherwise("BECAUSE").alias("BECAUSE"),
    ).drop("REVIEWED", "SAID")


def with_reviewed_relapse(milestones: pl.DataFrame, chosen: tuple[Override, ...]) -> pl.DataFrame:
    """Return milestones with the relapse that reviewers set: a day, or that there was none."""
    if not chosen:
        return milestones
    name = Milestone.RELAPSE
    rows = [(o.subject, None if o.value == NO_RELAPSE else o.value, True) for o in chosen]
    schema = {"USUBJID": pl.String, "REVDTC": pl.String, "REVIEWED": pl.Boolean}
    told = pl.DataFrame(rows, schema=schema, orient="row").lazy()
    joined = milestones.lazy().join(told, on="USUBJID", how="left", maintain_order="left")
    reviewed, day = pl.col("REVIEWED").fill_null(False), pl.col("REVDTC").str.to_date()
    columns = []
    for column in (c for c in milestones.columns if c == name or c.startswith(f"{name}_")):
        end = column.removeprefix(name)
        if end in ("_SEQ", "_DOM"):
            continue
        new = {"_DTC": pl.col("REVDTC"), "_KNOWN": pl.col("REVDTC").is_not_null(), "_F": pl.lit(None, pl.String)}
        columns.append(pl.when(reviewed).then(new.get(end, day)).otherwise(column).alias(column))
    return run(joined.with_columns(columns).drop("REVDTC", "REVIEWED"))


def with_reviewed_events(data: ClinicalData) -> ClinicalData:
    """Return the data with the attributions and grades of adverse events that reviewers set."""
    events = data["AE"]
    for item in EVENT_ITEMS:
        chosen = overrides_of(data.overrides, item)
        if not chosen:
            continue
        rows = [(o.subject, o.term, o.date, o.value) for o in chosen]
        told = pl.DataFrame(rows, schema=["USUBJID", "AETERM", "_DATE", "_VALUE"], orient="row")
        joined = events.with_columns(pl.col("AESTDTC").fill_null("").alias("_DATE")).join(
            told, on=["USUBJID", "AETERM", "_DATE"], how="left", maintain_order="left"
        )
        value = pl.coalesce(pl.col("_VALUE").cast(events.schema[item]), item).alias(item)
        events = joined.with_columns(value).drop("_DATE", "_VALUE")
    return data if events is data["AE"] else replace(data, domains={**data.domains, "AE": events})


def without_overrides(data: ClinicalData) -> ClinicalData:
    """Return the data of the overridden subjects, as if nothing had been overridden."""
    who = pl.col("USUBJID").is_in(list({o.subject for o in data.overrides}))
    return replace(data, domains={d: f.filter(who) for d, f in data.domains.items()}, overrides=())


def with_reviews(adam: Adam, before: Adam, overrides: tuple[Override, ...]) -> Adam:
    """Return `adam` with the table OVERRIDES, and with a trace that says what was derived without the reviewers.

    `before` are the tables of the overridden subjects without any override.
    """
    centres = dict(before["ADSL"].select("USUBJID", "CENTRE").iter_rows())
    rows = [_set(o, before, centres) for o in overrides if o.subject in centres]
    own = {(r["USUBJID"], r["ITEM"]) for r in rows}
    for r in _changed(adam, before, set(centres)).iter_rows(named=True):
        if (r["USUBJID"], r["ITEM"]) not in own:
            of = _behind(r["ITEM"], [o for o in overrides if o.subject == r["USUBJID"]], adam)
            rows.append(_row(of, centres, r["ITEM"], "follows", (r["VALUE"], r["DERIVED"], r["WHY"])))
    table = pl.DataFrame(rows, schema=OVERRIDES_SCHEMA, orient="row")
    return replace(adam, tables={**adam.tables, DOMAIN: table}, trace=_told(adam.trace, table))


def _behind(item: str, own: list[Override], adam: Adam) -> list[Override]:
    """From which of a subject's overrides a value follows: those about one of its topics; all where none is."""
    topics = adam.topics.get(item.partition(".")[2], frozenset())
    return [o for o in own if _topic(o.item) in topics] or own


def _topic(item: str) -> Topic:
    return _TOPICS.get(item.partition("_")[0], Topic.ADVERSE_EVENTS)


def _row(
    of: list[Override], centres: dict[str, str], item: str, kind: str, told: tuple[str | None, str | None, str | None]
) -> dict[str, object]:
    value, derived, why = told
    first = of[0]
    return {
        "CENTRE": centres[first.subject], "USUBJID": first.subject, "ITEM": item, "KIND": kind,
        "VALUE": value, "DERIVED": derived, "WHY": why, "SAW": first.derived or None if kind == "set" else None,
        "SETBY": "; ".join(dict.fromkeys(o.by for o in of)), "SETON": max(o.on for o in of),
        "REASON": "; ".join(dict.fromkeys(o.reason for o in of)), "BECAUSE": " and ".join(o.said for o in of),
        "LINE": first.line, "PLACE": first.where,
    }  # fmt: skip


def _set(o: Override, before: Adam, centres: dict[str, str]) -> dict[str, object]:
    """The row of what a reviewer set, with what stood there without."""
    mine = pl.col("USUBJID") == o.subject
    if o.item.startswith(ASSESSMENT):
        found = before["ADRS"].filter(mine, pl.col("PARAMCD") == o.item, pl.col("ADT") == pl.lit(o.date).str.to_date())
        told = found.select("AVALC", "BECAUSE").rows()
        derived, why = told[0] if told else (None, None)
        return _row([o], centres, f"ADRS.{o.item} {o.date}", "set", (o.value, derived, why))
    if o.item == RELAPSE:
        day = before["ADSL"].filter(mine)["RELDT"][0]
        flag = before["ADSL"].filter(mine)["RELFL"][0]
        derived = day.isoformat() if day is not None else {"N": NO_RELAPSE, "Y": "without a date"}.get(flag)
        sentences = before.trace.filter(mine, pl.col("ITEM") == "ADSL.RELDT")["BECAUSE"]
        return _row([o], centres, "ADSL.RELDT", "set", (o.value, derived, sentences[0] if len(sentences) else None))
    events = before["ADAE"].filter(mine, pl.col("AETERM") == o.term, pl.col("ASTDTC").fill_null("") == o.date)
    recorded = events[o.item].cast(pl.String)
    derived = recorded[0] if len(recorded) else None
    why = "recorded by the treating team" if derived is not None else "not recorded"
    return _row([o], centres, f"ADAE.{o.item} {o.term} {o.date}".rstrip(), "set", (o.value, derived, why))


def _changed(adam: Adam, before: Adam, subjects: set[str]) -> pl.DataFrame:
    """USUBJID ITEM VALUE DERIVED WHY of every explained value that is another one with the overrides."""

    def values(trace: pl.DataFrame, value: str, why: str) -> pl.LazyFrame:
        own = trace.lazy().filter(pl.col("USUBJID").is_in(list(subjects)))
        first = own.unique(["USUBJID", "ITEM"], keep="first", maintain_order=True)
        return first.select("USUBJID", "ITEM", pl.col("VALUE").alias(value), pl.col("BECAUSE").alias(why))

    both = values(adam.trace, "VALUE", "NOW").join(
        values(before.trace, "DERIVED", "WHY"), on=["USUBJID", "ITEM"], how="full", coalesce=True
    )
    return run(both.filter(pl.col("VALUE").ne_missing(pl.col("DERIVED"))).sort("USUBJID", "ITEM"))


def _told(trace: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The trace in which every changed value has both sentences, and a row that leads to the override."""
    sentence = pl.col("WHY").fill_null("nothing is recorded")
    is_word = sentence.str.contains(r"^\p{Lu}\p{Ll}")  # and no abbreviation: small inside a sentence
    inside = pl.when(is_word).then(pl.concat_str(sentence.str.head(1).str.to_lowercase(), sentence.str.slice(1)))
    was = pl.concat_str(pl.col("DERIVED").fill_null("nothing"), pl.lit(" because "), inside.otherwise(sentence))
    known = table.lazy().select(
        "CENTRE", "USUBJID", "ITEM", pl.col("VALUE").alias("TO"), "LINE",
        pl.when(pl.col("KIND") == "set")
        .then(pl.concat_str(pl.col("VALUE"), pl.lit(", "), "BECAUSE", pl.lit("; derived "), was))
        .alias("HERE"),
        pl.concat_str(
            pl.lit("; follows from a value "), "BECAUSE", pl.lit("; without it derived "), was
        ).alias("FOLLOWS"),
    )  # fmt: skip
    rows = trace.lazy().join(known.drop("CENTRE"), on=["USUBJID", "ITEM"], how="left", maintain_order="left")
    first = pl.col("BECAUSE") == pl.col("BECAUSE").first().over("USUBJID", "ITEM")
    own = pl.col("BECAUSE").str.contains("set by ", literal=True)  # a category's own sentence has both
    told = (
        pl.when(pl.col("FOLLOWS").is_null() | own.fill_null(False) | ~first.fill_null(False))
        .then("BECAUSE")
        .otherwise(pl.coalesce("HERE", pl.concat_str("BECAUSE", "FOLLOWS"), "BECAUSE"))
    )
    marked = rows.with_columns(told.alias("BECAUSE"))
    changed = marked.filter(pl.col("FOLLOWS").is_not_null()).unique(
        ["USUBJID", "ITEM"], keep="first", maintain_order=True
    )
    # An assessment and an adverse event have no row of their own in the trace.
    new = known.join(trace.lazy(), on=["USUBJID", "ITEM"], how="anti", maintain_order="left").with_columns(
        pl.col("TO").alias("VALUE"), pl.coalesce("HERE", "FOLLOWS").alias("BECAUSE")
    )
    leads = [
        part.with_columns(
            pl.lit(DOMAIN).alias("SRCDOM"), pl.col("LINE").alias("SRCSEQ"), pl.lit("value").alias("SRCVAR")
        ).select(list(TRACE_SCHEMA))
        for part in (changed, new)
    ]
    return run(pl.concat([marked.select(list(TRACE_SCHEMA)), *leads]))


def override_queries(table: pl.DataFrame) -> list[Query]:
    """Ask again where the derived value has meanwhile changed, equals the reviewer's, or is not there at all."""
    return [q for r in table.filter(pl.col("KIND") == "set").iter_rows(named=True) if (q := _query(r)) is not None]


def _query(r: dict[str, str]) -> Query | None:
    what = r["ITEM"].partition(".")[2]
    derived, saw, value = r["DERIVED"], r["SAW"], r["VALUE"]
    assessment = what.startswith(ASSESSMENT)
    if derived is None and assessment:
        rule, message = "override_without_effect", f"{what} was set to {value}, and no such assessment is counted."
    elif derived == value:
        rule, message = "override_needless", f"{what} was set to {value}, which is derived by now without it."
    elif saw is not None and saw != (derived or ""):
        rule = "override_outdated"
        message = f"{what} was set to {value} when {saw} was derived; {derived or 'nothing'} is derived by now."
    else:
        return None
    topic = _topic(what.partition(" ")[0])
    return Query(
        rule=rule, severity=Severity.WARN, centre=r["CENTRE"], subject=r["USUBJID"], addresses=(r["PLACE"],),
        saw=f"set to {value} by {r['SETBY']} on {r['SETON']}: {r['REASON']}", message=message,
        ask="Review the override, and confirm it with what is derived now, or take it out.", topics=frozenset({topic}),
    )  # fmt: skip
