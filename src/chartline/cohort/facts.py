"""Facts of every screened record that eligibility is judged on: birth, sex, age, index dates,
characteristics.

In: ClinicalData and the protocol. Out: `Facts`, one row a record, with the SEQ of the row behind each value
in `<NAME>__SEQ`, so that a reason can name its cell. A value that cannot be read as the declared type is
null here and left to `checks/`; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from chartline.core.clinical import ClinicalData, statement
from chartline.core.condition import parse_condition
from chartline.core.dates import PartialPolicy, age_in_years, first_day, is_partial, last_day, one_day
from chartline.core.index import index_days
from chartline.core.plans import run
from chartline.core.reasons import number_text, reason
from chartline.protocol.model import Protocol
from chartline.protocol.reporting import Characteristic

KEY = ["CENTRE", "USUBJID"]


@dataclass(frozen=True)
class Facts:
    """`frame`: one row a record; `sources`: variable -> (domain, SEQ column of `frame`, source variable)
    behind it; `phrases`: variable -> a text expression on `frame` that says the value in words.
    """

    frame: pl.DataFrame
    sources: dict[str, list[tuple[str, str, str]]]
    phrases: dict[str, pl.Expr]


def subject_facts(data: ClinicalData, protocol: Protocol) -> Facts:
    """Return the facts of every record that has a row in DM or EX, ordered by centre (as in the protocol)
    and id.
    """
    index = index_days(data, protocol.index_rows).lazy()
    plan = (
        _records(data, protocol)
        .join(_person(data), on=KEY, how="left", maintain_order="left")
        .join(index, on=KEY, how="left", maintain_order="left")
    )
    plan = plan.with_columns(_age())
    domain, day = protocol.index_rows.source
    sources = {
        "BRTHDT": [("DM", "BRTHDTC__SEQ", "BRTHDTC")],
        "SEX": [("DM", "SEX__SEQ", "SEX")],
        "AGE": [("DM", "AGE__SEQ", "BRTHDTC"), (domain, "TRTSSEQ", day)],
        "TRTSDT": [(domain, "TRTSSEQ", day)],
        "TRTEDT": [("EX", "TRTESEQ", "EXSTDTC")],
    }
    phrases = _phrases(protocol)
    for name, c in protocol.characteristics.items():
        values = _characteristic(data, name, c, protocol.partial_dates)
        plan = plan.join(values, on=KEY, how="left", maintain_order="left")
        if c.take == "count":
            plan = plan.with_columns(pl.col(name).fill_null(0))
        sources[name] = [(c.source, f"{name}__SEQ", c.value)]
        phrases[name] = _characteristic_phrase(name, c)
    return Facts(run(plan), sources, phrases)


def fact_reasons(facts: Facts, protocol: Protocol) -> list[pl.LazyFrame]:
    """Return the trace of each fact: one row a record and source cell."""
    out = []
    names = ["BRTHDT", "SEX", "AGE", "TRTSDT", "TRTEDT", *protocol.characteristics]
    for name in names:
        for source, seq, variable in facts.sources[name]:
            place = (source, pl.col(seq), variable)
            out.append(reason(facts.frame, f"ADSL.{name}", pl.col(name), facts.phrases[name], place))
    return out


def _records(data: ClinicalData, protocol: Protocol) -> pl.LazyFrame:
    rank = {c.id: i for i, c in enumerate(protocol.data.centres)}
    both = pl.concat([data["DM"].lazy().select(KEY), data["EX"].lazy().select(KEY)]).unique()
    order = pl.col("CENTRE").replace_strict(rank, default=len(rank), return_dtype=pl.Int64)
    return both.with_columns(order.alias("CENTRE_ORDER")).sort("CENTRE_ORDER", "CENTRE", "USUBJID")


def _person(data: ClinicalData) -> pl.LazyFrame:
    said = statement(data["DM"].lazy().sort("CENTRE", "SEQ"), "BRTHDTC", "SEX", "AGE")
    complete = ~is_partial("BRTHDTC")
    return said.rename({"AGE": "AGEREC", "AGE__SEQ": "AGEREC__SEQ"}).with_columns(
        pl.when(complete).then(first_day("BRTHDTC")).alias("BRTHDT")
    )


def _age() -> list[pl.Expr]:
    """Age in completed years at first dose.

    From the date of birth wherever it leaves no doubt (a partial date may); else the age as recorded, where
    it is one that the partial date allows.
    """
    oldest = age_in_years(first_day("BRTHDTC"), "TRTSDT")
    youngest = age_in_years(last_day("BRTHDTC"), "TRTSDT")
    certain = pl.when(oldest == youngest).then(oldest)
    recorded = pl.col("AGEREC").floor().cast(pl.Int64, strict=False)
    allowed = pl.col("BRTHDTC").is_null() | recorded.is_between(youngest, oldest)
    age = pl.coalesce(certain, pl.when(allowed).then(recorded))
    seq = pl.when(certain.is_not_null()).then("BRTHDTC__SEQ").otherwise("AGEREC__SEQ")
    return [
        age.alias("AGE"),
        pl.when(age.is_not_null()).then(seq).alias("AGE__SEQ"),
        certain.alias("AGECERT"),
    ]


def _phrases(protocol: Protocol) -> dict[str, pl.Expr]:
    event = protocol.index_rows.event
    undated = f"no dated dose of {protocol.treatment.label}" if protocol.treatment else f"no date of {event}"
    first = pl.format(f"{event} on {{}}", pl.col("TRTSDT").cast(pl.String))
    born = pl.format("(born {})", pl.col("BRTHDTC"))
    from_birth = pl.format("age {} at {} {}", "AGE", first, born)
    recorded = pl.format("age {} as recorded (no complete date of birth)", "AGE")
    age = pl.when(pl.col("AGECERT").is_not_null()).then(from_birth).otherwise(recorded)
    return {
        "BRTHDT": pl.format("born {}", "BRTHDTC").fill_null("date of birth not recorded"),
        "SEX": pl.format("sex recorded as {}", "SEX").fill_null("sex not recorded"),
        "AGE": age.fill_null(f"age at {event} not known"),
        "TRTSDT": first.fill_null(undated),
        "TRTEDT": pl.format("last dose on {}", pl.col("TRTEDT").cast(pl.String)).fill_null(undated),
    }


def _characteristic(data: ClinicalData, name: str, c: Characteristic, policy: PartialPolicy) -> pl.LazyFrame:
    """Return CENTRE, USUBJID, `name`, `name`__SEQ, `name`__RAW and for a date `name`F, for those who have a
    row.
    """
    rows = data[c.source].lazy()
    if c.where:
        rows = rows.filter(parse_condition(c.where).expr(dict(data[c.source].schema)))
    if c.take == "count":
        counted = rows.group_by(KEY).agg(pl.len().cast(pl.Int64).alias(name), pl.col("SEQ").min())
        return counted.rename({"SEQ": f"{name}__SEQ"}).with_columns(pl.lit(None, pl.String).alias(f"{name}__RAW"))
    typed = rows.filter(pl.col(c.value).is_not_null()).select(
        *KEY, "SEQ", *_typed(name, c, policy), pl.col(c.value).cast(pl.String).alias(f"{name}__RAW")
    )
    # In groups the number decides which row is taken; what it is called afterwards does not.
    grouped = pl.coalesce(_group(name, label, condition) for label, condition in c.groups.items()) if c.groups else None
    order = {"max": [name, "SEQ"], "min": [name, "SEQ"]}.get(c.take, ["SEQ"])
    pick = pl.all().last() if c.take in ("max", "last") else pl.all().first()
    chosen = typed.sort(order, nulls_last=c.take != "max").group_by(KEY, maintain_order=True).agg(pick)
    if grouped is not None:
        chosen = chosen.with_columns(grouped.alias(name))
    return chosen.rename({"SEQ": f"{name}__SEQ"})


def _group(name: str, label: str, condition: str) -> pl.Expr:
    holds = parse_condition(condition).expr({name: pl.Float64()})
    return pl.when(holds).then(pl.lit(label))


def _typed(name: str, c: Characteristic, policy: PartialPolicy) -> list[pl.Expr]:
    raw = pl.col(c.value).cast(pl.String).str.strip_chars()
    number = raw.cast(pl.Float64, strict=False)
    if c.type == "date":
        return [one_day(raw, policy).alias(name), imputation_flag(raw).alias(f"{name}F")]
    typed = {
        "text": number if c.groups else raw,
        "number": number,
        "integer": pl.when(number == number.floor()).then(number).cast(pl.Int64, strict=False),
        "flag": pl.when(raw.is_in(["Y", "N"])).then(raw),
    }[c.type]
    return [typed.alias(name)]


def imputation_flag(text: str | pl.Expr) -> pl.Expr:
    """Return what was imputed of a partial date, as ADaM's --DTF: D (day), M (month and day); else null."""
    n = (pl.col(text) if isinstance(text, str) else text).str.len_chars()
    return pl.when(n == 4).then(pl.lit("M")).when(n != 10).then(pl.lit("D"))


def _characteristic_phrase(name: str, c: Characteristic) -> pl.Expr:
    value = number_text(name) if c.type in ("number", "integer") else pl.col(name).cast(pl.String)
    unit = f" {c.unit}" if c.unit and not c.groups else ""
    what = "in any of its groups" if c.groups else f"a {c.type}"
    unreadable = pl.format(f"{c.label} recorded as '{{}}', which is not {what}", f"{name}__RAW")
    said = pl.format(f"{c.label}: {{}}{unit}", value)
    if c.groups:
        said = pl.format(f"{{}} ({{}}{f' {c.unit}' if c.unit else ''})", said, f"{name}__RAW")
    return pl.coalesce(said, unreadable, pl.lit(f"{c.label} not recorded"))
