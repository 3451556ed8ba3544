"""What the chart states of earlier treatment agrees with the lines of therapy and procedures it lists.

Number of lines, primary refractory or relapsed, an agent given or not, an earlier transplantation: each where the
protocol says which characteristic states it (`prior_therapy.recorded`). And a first remission is not longer than the
time from the start of the first line to the start of the next (or day 0), by more than `tolerance` months: a remission
cannot have begun before its treatment did. Nothing is asked where lines are missing or a value is not known. A line
that began after day 0 is asked beside the date of the first dose, for either may be wrong, unless one list holds the
lines before and after it; one that began between the first dose and the second says that the first dose is misdated,
which `dose_gap` asks.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import value_text
from chartline.core.condition import parse_condition
from chartline.core.dates import DAYS_PER_MONTH, first_day, last_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.words import names_any
from chartline.protocol.treatment import PriorTherapy

RULE = Rule(
    id="history_discordant",
    group=Group.TREATMENT,
    sentence="What is stated of earlier treatment agrees with the lines of therapy and procedures listed.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check the list of earlier treatments, and give what is right.",
    parameters={"tolerance": 1},
)
_LINE = {"MH": ("MHTERM", "MHSTDTC"), "CM": ("CMTRT", "CMSTDTC")}


def find(context: Context, *, tolerance: float) -> list[Finding]:
    """Return one finding a subject and statement that its list contradicts."""
    prior = context.protocol.prior_therapy
    if prior is None or prior.lines.source not in _LINE:
        return []
    listed = _listed(context, prior)
    findings = [_late(r) for r in listed.filter(pl.col("LATE") > 0).iter_rows(named=True)]
    for derived, characteristic in prior.recorded.items():
        rows = _stated(context, characteristic).join(listed, on=SUBJECT, maintain_order="left")
        for r in rows.iter_rows(named=True):
            if (message := _conflict(derived, r, prior)) is not None:
                findings.append(_finding(r, context, characteristic, message))
    if prior.first_remission:
        rows = _stated(context, prior.first_remission).join(listed, on=SUBJECT, maintain_order="left")
        months = pl.col("STATED").cast(pl.Float64, strict=False)
        for r in rows.filter(months > pl.col("LONGEST") / DAYS_PER_MONTH + tolerance).iter_rows(named=True):
            message = (
                f"The first remission is given as {value_words(r['STATED'])} months, but only "
                f"{r['LONGEST'] / DAYS_PER_MONTH:.1f} months lie between the start of the first line and what came "
                "next."
            )
            findings.append(_finding(r, context, prior.first_remission, message))
    return findings


def _listed(context: Context, prior: PriorTherapy) -> pl.DataFrame:
    """One row a subject with lines: how many, how many of them after day 0, what they say, and the cells."""
    domain = prior.lines.source
    name, start = _LINE[domain]
    rows = context.data[domain].lazy().filter(parse_condition(prior.lines.where).expr(context.data[domain].schema))
    response = pl.col("MHBESTRSP") if domain == "MH" else pl.lit(None, pl.String)
    number = pl.col("MHSEQN") if domain == "MH" else pl.lit(None, pl.Int64)
    begun = first_day(start)
    lines = (
        rows.join(_day0(context), on=SUBJECT)
        .join(context.second_dose.lazy(), on=SUBJECT, how="left", maintain_order="left")
        .with_columns((begun > pl.col("DAY0")).fill_null(False).alias("AFTER"))
        .with_columns((pl.col("AFTER") & (begun >= pl.col("DAY")).fill_null(True)).alias("LATER"))
        .with_columns(
            response.is_in(prior.remission).alias("REMISSION"), begun.alias("LO"), last_day(start).alias("HI")
        )
        .sort(*SUBJECT, number, "LO", "SEQ", nulls_last=True)
    )
    if context.lines_go_on:
        lines = lines.filter(~pl.col("AFTER"))
    named = {a: names_any(name, agent.words) for a, agent in prior.agents.items()}
    until = pl.when(pl.len() > 1).then(pl.col("HI").get(1, null_on_oob=True)).otherwise(pl.col("DAY0").first())
    of_lines = lines.group_by(SUBJECT, maintain_order=True).agg(
        pl.len().alias("LINES"),
        pl.col("LATER").sum().alias("LATE"),
        pl.col("AFTER").any(),
        *[pl.col(c).filter("LATER").first().alias(f"LATE{c}") for c in ("BLOCK", "ROW", start)],
        *[pl.col(f"DOSE{c}").first() for c in ("BLOCK", "ROW", "DTC")],
        pl.lit(start).alias("LSTART"),
        pl.when(pl.col("REMISSION").any())
        .then(pl.lit("relapsed"))
        .when(pl.col("REMISSION").is_not_null().all())
        .then(pl.lit("refractory"))
        .alias("RRSTAT"),
        (until - pl.col("LO").first()).dt.total_days().alias("LONGEST"),
        *[
            pl.when(any_.any()).then(pl.lit("Y")).when(any_.is_not_null().all()).then(pl.lit("N")).alias(a)
            for a, any_ in named.items()
        ],
        pl.col(name).fill_null("?").str.join(", ").alias("NAMES"),
        pl.lit(domain).alias("LDOMAIN"),
        pl.lit(name).alias("LVARIABLE"),
        pl.col("BLOCK").first().alias("LBLOCK"),
        pl.col("ROW").first().alias("LROW"),
        pl.col(name).first().alias("LVALUE"),
    )
    of_lines = of_lines.rename({f"LATE{start}": "LATEDTC"})
    return run(of_lines.join(_transplanted(context), on=SUBJECT, how="left", maintain_order="left"))


def _day0(context: Context) -> pl.LazyFrame:
    """One row a subject: DAY0, and the cell it stands in."""
    cells = [pl.col(c).alias(f"DOSE{name}") for c, name in (("BLOCK", "BLOCK"), ("ROW", "ROW"), ("VALUE", "DTC"))]
    return context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("DAY0"), *cells)


def _transplanted(context: Context) -> pl.LazyFrame:
    """Y where a transplantation on or before day 0 is listed; N where it is not. Null without the declaration."""
    declared = context.protocol.transplant
    day0 = _day0(context).select(*SUBJECT, "DAY0")
    if declared is None or declared.source != "PR":
        return day0.select(*SUBJECT, pl.lit(None, pl.String).alias("PRHSCTFL"))
    done = parse_condition(declared.where).expr(context.data["PR"].schema) & (pl.col("PROCCUR").fill_null("Y") != "N")
    before = (
        pl.when(last_day("PRSTDTC") <= pl.col("DAY0"))
        .then(pl.lit(True))
        .when(first_day("PRSTDTC") > pl.col("DAY0"))
        .then(pl.lit(False))
        .otherwise(pl.col("PRTIMING") == "BEFORE")
    )
    found = context.data["PR"].lazy().filter(done).join(day0, on=SUBJECT).filter(before).select(SUBJECT).unique()
    return day0.join(
        found.with_columns(pl.lit("Y").alias("PRHSCTFL")), on=SUBJECT, how="left", maintain_order="left"
    ).select(*SUBJECT, pl.col("PRHSCTFL").fill_null("N"))


def _stated(context: Context, characteristic: str) -> pl.DataFrame:
    """One row a subject: what the characteristic says (STATED, as text) and its cell."""
    c = context.protocol.characteristics[characteristic]
    rows = context.data[c.source]
    if c.where:
        rows = rows.filter(parse_condition(c.where).expr(rows.schema))
    value = (
        value_text(c.value) if f"{c.value}_OP" in rows.columns else pl.col(c.value).cast(pl.String)
    ).str.strip_chars()
    return (
        rows.filter(value.is_not_null())
        .select(*SUBJECT, value.alias("STATED"), "BLOCK", "ROW")
        .unique(SUBJECT, keep="first", maintain_order=True)
    )


def _conflict(derived: str, r: dict[str, Any], prior: PriorTherapy) -> str | None:
    """Return the sentence about a statement and what is listed; None where they agree or one is not known."""
    said, lists = r["STATED"], f"the list has {r['NAMES']}"
    if derived == "SALVAGE":
        number = float(said) if said.replace(".", "", 1).isdigit() else None
        if number is not None and number != r["LINES"]:
            return f"{said} earlier lines are stated, but {r['LINES']} are listed ({r['NAMES']})."
        return None
    if derived == "RRSTAT":
        words = [w for w in ("refractory", "relapsed") if w in said.lower()]
        if len(words) == 1 and r["RRSTAT"] is not None and words[0] != r["RRSTAT"]:
            found = "with" if r["RRSTAT"] == "relapsed" else "without"
            return f"The disease is stated as {words[0]}, but {lists}, {found} a remission."
        return None
    doubtful = derived == "PRHSCTFL" and r["AFTER"]  # day 0 itself is asked
    if said not in ("Y", "N") or r[derived] is None or r[derived] == said or doubtful:
        return None
    label = prior.agents[derived].label if derived in prior.agents else "Transplantation before day 0"
    return f"{label} is stated as {'yes' if said == 'Y' else 'no'}, but {'it is' if said == 'N' else 'none is'} listed."


def _late(r: dict[str, Any]) -> Finding:
    lines = "line" if r["LATE"] == 1 else "lines"
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        (
            Cell("EX", "EXSTDTC", r["DOSEBLOCK"], r["DOSEROW"], r["DOSEDTC"], label="First dose"),
            Cell(r["LDOMAIN"], r["LSTART"], r["LATEBLOCK"], r["LATEROW"], r["LATEDTC"], label="Start of a line"),
        ),
        f"{r['LATE']} {lines} of earlier therapy began after the first dose.",
        asks="Please check the date of the first dose, and those of the earlier treatments.",
    )


def _finding(r: dict[str, Any], context: Context, characteristic: str, message: str) -> Finding:
    c = context.protocol.characteristics[characteristic]
    stated = Cell(c.source, c.value, r["BLOCK"], r["ROW"], r["STATED"], label=c.label)
    line = Cell(r["LDOMAIN"], r["LVARIABLE"], r["LBLOCK"], r["LROW"], r["LVALUE"], label="First line listed")
    return Finding(r["CENTRE"], r["USUBJID"], (stated, line), message)
