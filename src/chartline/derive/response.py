"""Response of the disease, from raw values, by a declared rule set.

In: RS rows (several of one date are one assessment), LB counts, CM support, milestones. Out: ADRS, one row an
assessment with its category and the inputs and the count it rests on, then one BOR row a subject; and per subject
BOR, RESPFL, BORDT, FRSPDT, FRSP, FRSPCYC. The date of a response is the date of the marrow, also where the counts
recovered only later within the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.condition import parse_condition
from chartline.core.dates import PartialPolicy, first_day
from chartline.core.plans import run, run_all
from chartline.core.reasons import number_text
from chartline.derive.compare import holds, value_text
from chartline.derive.milestones import KEY, stop_day, stop_word
from chartline.derive.response_counts import count_evidence, recovery
from chartline.derive.response_rules import (
    CountsRequirement,
    Fall,
    Finding,
    Measure,
    Requirement,
    ResponseRules,
    load_rules,
)
from chartline.protocol.base import Milestone
from chartline.protocol.model import Protocol, Response

_INPUTS = ("BMBLAST", "PBBLAST", "EMD", "INVRESP", "RSCYCLE", "RSVISIT", "MRDVAL")


@dataclass(frozen=True)
class Assessed:
    """`visits`: every assessment with its category; `best`: one row a subject."""

    visits: pl.DataFrame
    best: pl.DataFrame


def merge_assessments(data: ClinicalData, subjects: pl.DataFrame) -> pl.DataFrame:
    """Return one row per subject and complete assessment date, the first non-missing value of each variable,
    with `<variable>__SEQ` of the row that gave it."""
    recorded = data["RS"].lazy().join(subjects.lazy().select(KEY), on=KEY, how="semi")
    rows = recorded.filter(pl.col("RSDTC").str.len_chars() == 10).sort("CENTRE", "SEQ")
    variables = [
        c
        for c in data["RS"].columns
        if c not in (*KEY, "SEQ", "BLOCK", "ROW", "RSDTC") and not c.endswith(("_OP", "_HI"))
    ]
    columns = []
    for name in variables:
        present = pl.col(name).is_not_null()
        columns += [pl.col(name).filter(present).first(), pl.col("SEQ").filter(present).first().alias(f"{name}__SEQ")]
        beside = [c for c in (f"{name}_OP", f"{name}_HI") if c in data["RS"].columns]
        columns += [pl.col(c).filter(present).first() for c in beside]
    merged = rows.group_by(*KEY, "RSDTC", maintain_order=True).agg(pl.col("SEQ").first(), *columns)
    return run(merged.with_columns(first_day("RSDTC").alias("ADT")).sort(*KEY, "ADT"))


def derive_response(
    data: ClinicalData, milestones: pl.DataFrame, protocol: Protocol, assessments: pl.DataFrame
) -> dict[str, Assessed]:
    """Return the response under the protocol's choices (key "") and under each variant (key: its name)."""
    choices = {"": protocol.response, **protocol.response_variants}
    known = milestones.lazy().select(*KEY, pl.col("first_dose").alias("TRTSDT"))
    dated = assessments.lazy().join(known, on=KEY)
    candidates = dated.filter(pl.col("ADT") > pl.col("TRTSDT"))
    low = min(r.counts_window_days[0] for r in choices.values())
    high = max(r.counts_window_days[1] for r in choices.values())
    supports = {k: s for r in choices.values() for k, s in load_rules(r.criteria).support.items()}
    evidence = count_evidence(data, candidates, (low, high), supports)
    judged = dated.join(run(_baseline(dated)).lazy(), on=KEY, how="left", maintain_order="left")
    types = dict(assessments.schema)
    visits = run_all(_visits(judged, milestones.lazy(), r, evidence.lazy(), types) for r in choices.values())
    pairs = list(zip(visits, choices.values(), strict=True))
    bests = run_all(_best(rows.lazy(), milestones.lazy(), r) for rows, r in pairs)
    return {name: Assessed(rows, best) for name, rows, best in zip(choices, visits, bests, strict=True)}


def _on_treatment(
    assessments: pl.LazyFrame, milestones: pl.LazyFrame, choice: Response, types: dict[str, pl.DataType]
) -> pl.LazyFrame:
    """Assessments that the protocol's condition keeps, with ANL01FL: after the first dose and before the stop."""
    stop = milestones.select(*KEY, stop_day(choice.before).alias("STOPDT"), stop_word(choice.before).alias("STOPWORD"))
    condition = parse_condition(choice.assessments, "response.assessments").expr(types)
    rows = assessments.filter(condition).join(stop, on=KEY)
    before = pl.col("STOPDT").is_null() | (pl.col("ADT") < pl.col("STOPDT"))
    counted = before & (pl.col("ADT") > pl.col("TRTSDT"))
    return rows.with_columns(pl.when(counted).then(pl.lit("Y")).otherwise(pl.lit("N")).alias("ANL01FL"))


def _visits(
    assessments: pl.LazyFrame,
    milestones: pl.LazyFrame,
    choice: Response,
    evidence: pl.LazyFrame,
    types: dict[str, pl.DataType],
) -> pl.LazyFrame:
    rules = load_rules(choice.criteria)
    rows = _on_treatment(assessments, milestones, choice, types)
    rows = rows.join(recovery(evidence, rules, choice), on=[*KEY, "ADT"], how="left", maintain_order="left")
    rows = rows.with_columns(_category(rules).alias("AVALC"))
    return rows.with_columns(visit_sentence(choice).alias("BECAUSE"))


def _baseline(assessments: pl.LazyFrame) -> pl.LazyFrame:
    """Marrow blasts at the last assessment up to and including the first dose."""
    before = assessments.filter((pl.col("ADT") <= pl.col("TRTSDT")) & pl.col("BMBLAST").is_not_null())
    return before.group_by(KEY, maintain_order=True).agg(
        pl.col("BMBLAST").last().alias("BASE"), pl.col("ADT").last().alias("BASEDT")
    )


def _category(rules: ResponseRules) -> pl.Expr:
    """The first category whose every requirement is shown."""
    shown = [pl.when(pl.all_horizontal(_shown(r) for r in c.requires)).then(pl.lit(c.code)) for c in rules.categories]
    return pl.coalesce([*shown, pl.lit(rules.not_evaluable)])


def _shown(requirement: Requirement) -> pl.Expr:
    if isinstance(requirement, CountsRequirement):
        return pl.col(f"{requirement.counts}_{requirement.which}").fill_null(False)
    if isinstance(requirement, Finding):
        return pl.col(requirement.variable).is_in(requirement.one_of).fill_null(False)
    if isinstance(requirement, Fall):
        ceiling = pl.col("BASE") * (1 - requirement.fall_percent / 100)
        return holds(requirement.variable, "<=", ceiling).fill_null(False)
    assert isinstance(requirement, Measure)
    met = holds(requirement.variable, requirement.operator, requirement.threshold)
    return met.fill_null(pl.col(requirement.variable).is_null() & pl.lit(requirement.if_available))


def _best(rows: pl.LazyFrame, milestones: pl.LazyFrame, choice: Response) -> pl.LazyFrame:
    """BOR and first response of every treated subject, each with the row of its assessment."""
    rules = load_rules(choice.criteria)
    rank = {code: i for i, code in enumerate(rules.best)}
    counted = rows.filter(pl.col("ANL01FL") == "Y").with_columns(
        pl.col("AVALC").replace_strict(rank, return_dtype=pl.Int64).alias("RANK")
    )
    best = (
        counted.sort("RANK", "ADT")
        .group_by(KEY, maintain_order=True)
        .agg(pl.col("AVALC").first().alias("BOR"), pl.col("ADT").first().alias("BORDT"))
    )
    responses = counted.filter(pl.col("AVALC").is_in(choice.responders)).sort(*KEY, "ADT")
    first = responses.group_by(KEY, maintain_order=True).agg(
        pl.col("ADT").first().alias("FRSPDT"),
        pl.col("AVALC").first().alias("FRSP"),
        pl.col("RSCYCLE").first().alias("FRSPCYC"),
        pl.col("SEQ").first().alias("FRSPSEQ"),
    )
    treated = milestones.filter(pl.col("first_dose").is_not_null()).select(
        *KEY, stop_day(choice.before).alias("STOPDT"), stop_word(choice.before).alias("STOPWORD")
    )
    out = treated.join(best, on=KEY, how="left", maintain_order="left").join(
        first, on=KEY, how="left", maintain_order="left"
    )
    bor = pl.col("BOR").fill_null(rules.not_evaluable)
    flag = pl.when(pl.col("FRSPDT").is_not_null()).then(pl.lit("Y")).otherwise(pl.lit("N"))
    # A subject that could not be assessed has no date of best response.
    dated = pl.when(bor != rules.not_evaluable).then("BORDT")
    return out.with_columns(bor.alias("BOR"), flag.alias("RESPFL"), dated.alias("BORDT"))


def visit_sentence(choice: Response) -> pl.Expr:
    """Say why an assessment has its category, as a haematologist would."""
    findings = [
        pl.format("marrow {} {}", pl.col("RSDTC"), _blasts()),
        _blood_blasts(),
        _extramedullary(),
    ]
    morphology = pl.concat_str(findings, separator=", ")
    first, last = choice.counts_window_days
    none = f"no blood counts from {first} to {last} days after the marrow"
    said = pl.format("; {}", pl.col("COUNTS").fill_null(none))
    counts = pl.when(pl.col("AVALC").is_in(choice.responders)).then(said).otherwise(pl.lit(""))
    fall = pl.when(~pl.col("AVALC").is_in(choice.responders) & pl.col("BASE").is_not_null()).then(
        pl.format(" (before treatment {} % on {})", number_text("BASE"), pl.col("BASEDT").cast(pl.String))
    )
    return pl.concat_str([morphology, counts, fall.fill_null("")])


def _blasts() -> pl.Expr:
    return pl.format("with {} % blasts", value_text("BMBLAST")).fill_null("without a blast count")


def _blood_blasts() -> pl.Expr:
    some = pl.format("{} % blood blasts", value_text("PBBLAST"))
    none = (pl.col("PBBLAST") == 0) & pl.col("PBBLAST_OP").is_null()
    return pl.when(none).then(pl.lit("no blood blasts")).otherwise(some).fill_null("blood blasts not recorded")


def _extramedullary() -> pl.Expr:
    words = {"ABSENT": "no extramedullary disease"}
    state = pl.format("extramedullary disease {}", pl.col("EMD").str.to_lowercase())
    return pl.col("EMD").replace_strict(words, default=state).fill_null("extramedullary disease not recorded")


def with_first_response(milestones: pl.DataFrame, response: Assessed) -> pl.DataFrame:
    """Add the milestone `first_response`, dated on the marrow that showed it."""
    name, day = Milestone.FIRST_RESPONSE, pl.col("FRSPDT")
    first = response.best.lazy().select(
        *KEY,
        day.cast(pl.String).alias(f"{name}_DTC"),
        pl.col("FRSPSEQ").alias(f"{name}_SEQ"),
        day.is_not_null().alias(f"{name}_KNOWN"),
        pl.lit(None, dtype=pl.String).alias(f"{name}_F"),
        *[day.alias(column) for column in (name, *[f"{name}_{policy}" for policy in PartialPolicy])],
    )
    return run(milestones.lazy().join(first, on=KEY, how="left", maintain_order="left"))
