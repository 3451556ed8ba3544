"""Response of the disease, from raw values, by a declared rule set.

In: RS rows (several of one date are one assessment), LB counts, CM support, milestones. Out: ADRS, one row an
assessment with its category and the inputs and the count it rests on, then one BOR row a subject; and per subject
BOR, RESPFL, BORDT, FRSPDT, FRSP, FRSPCYC. The date of a response is the date of the marrow, also where the counts
recovered only later within the window. How long a response must be held, and what shows relapse, is in `durability.py`
and `relapse.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.compare import value_text
from chartline.core.condition import parse_condition
from chartline.core.dates import PartialPolicy, first_day
from chartline.core.kept import Keep, call
from chartline.core.overrides import ASSESSMENT, Override, overrides_of
from chartline.core.plans import run
from chartline.derive.durability import held_or_not
from chartline.derive.findings import category_of, visit_findings
from chartline.derive.milestones import KEY, stop_day, stop_word
from chartline.derive.relapse import with_next_relapse
from chartline.derive.response_counts import count_evidence, recovery
from chartline.derive.response_rules import ResponseRules, counts_window_of, load_rules, responders_of
from chartline.derive.reviewed import with_reviewed_categories
from chartline.protocol.base import Milestone
from chartline.protocol.model import Protocol
from chartline.protocol.response import Response

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
    data: ClinicalData, milestones: pl.DataFrame, protocol: Protocol, assessments: pl.DataFrame, keep: Keep = call
) -> dict[str, Assessed]:
    """Return the response under the protocol's choices (key "") and under each variant (key: its name).

    With `Kept` as `keep`, a choice that two variants, or two specifications, have in common is derived once.
    """
    choices = {"": protocol.response, **protocol.response_variants}
    windows = [w for w in map(counts_window_of, choices.values()) if w]
    widest = (min((w[0] for w in windows), default=0), max((w[1] for w in windows), default=0))
    supports = tuple(sorted({r.criteria for r in choices.values()}))
    chosen = {n: overrides_of(data.overrides, f"{ASSESSMENT}_{n}" if n else ASSESSMENT) for n in choices}
    judged, evidence = keep(_prepared, data, milestones, assessments, widest, supports)
    assessed = tuple(keep(_assessed, judged, evidence, milestones, c, chosen[n]) for n, c in choices.items())
    responses: dict[str, Assessed] = keep(_by_name, tuple(choices), assessed)
    return responses


def _by_name(names: tuple[str, ...], assessed: tuple[Assessed, ...]) -> dict[str, Assessed]:
    return dict(zip(names, assessed, strict=True))


def _prepared(
    data: ClinicalData,
    milestones: pl.DataFrame,
    assessments: pl.DataFrame,
    window: tuple[int, int],
    criteria: tuple[str, ...],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is alike under every choice: the assessments beside their baseline, and the counts around each."""
    known = milestones.lazy().select(*KEY, pl.col("first_dose").alias("TRTSDT"))
    dated = assessments.lazy().join(known, on=KEY)
    candidates = dated.filter(pl.col("ADT") > pl.col("TRTSDT"))
    supports = {name: s for c in criteria for name, s in load_rules(c).support.items()}
    evidence = count_evidence(data, candidates, window, supports)
    judged = dated.join(run(_baseline(dated)).lazy(), on=KEY, how="left", maintain_order="left")
    return run(judged), evidence


def _assessed(
    judged: pl.DataFrame,
    evidence: pl.DataFrame,
    milestones: pl.DataFrame,
    choice: Response,
    chosen: tuple[Override, ...],
) -> Assessed:
    visits = _visits(judged.lazy(), milestones.lazy(), choice, evidence.lazy(), dict(judged.schema))
    rows = run(with_reviewed_categories(visits, tuple(o for o in chosen if o.rules == choice.criteria)))
    return Assessed(rows, run(_best(rows.lazy(), milestones.lazy(), choice)))


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
    rows = _on_treatment(with_next_relapse(assessments, rules), milestones, choice, types)
    rows = rows.join(recovery(evidence, rules, choice), on=[*KEY, "ADT"], how="left", maintain_order="left")
    rows = rows.with_columns(category_of(rules).alias("AVALC"))
    rows = rows.with_columns(_sentence(choice, rules).alias("BECAUSE"))
    return held_or_not(rows, milestones, rules)


def _baseline(assessments: pl.LazyFrame) -> pl.LazyFrame:
    """Findings at the last assessment up to and including the first dose that has them."""
    before = assessments.filter(pl.col("ADT") <= pl.col("TRTSDT"))

    def last(name: str, of: str) -> pl.Expr:
        return pl.col(name).filter(pl.col(of).is_not_null()).last()

    return before.group_by(KEY, maintain_order=True).agg(
        last("BMBLAST", "BMBLAST").alias("BASE"),
        last("BMBLAST_OP", "BMBLAST").alias("BASE_OP"),
        last("ADT", "BMBLAST").alias("BASEDT"),
        last("PBBLAST", "PBBLAST").alias("PBBLAST_BASE"),
        last("PBBLAST_OP", "PBBLAST").alias("PBBLAST_BASE_OP"),
        last("EMD", "EMD").alias("EMD_BASE"),
    )


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
    responses = counted.filter(pl.col("AVALC").is_in(responders_of(choice))).sort(*KEY, "ADT")
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


def _sentence(choice: Response, rules: ResponseRules) -> pl.Expr:
    """Say why an assessment has its category, as a haematologist would."""
    if rules.recorded:
        said = pl.format("recorded by the treating team as {} on {}", "INVRESP", "RSDTC")
        return said.fill_null(pl.format("no response recorded on {}", "RSDTC"))
    response = pl.col("AVALC").is_in(responders_of(choice))
    morphology = pl.format("marrow {} {}", pl.col("RSDTC"), visit_findings(rules))
    counts = pl.lit("")
    if window := counts_window_of(choice):
        none = f"no blood counts from {window[0]} to {window[1]} days after the marrow"
        counts = pl.when(response).then(pl.format("; {}", pl.col("COUNTS").fill_null(none))).otherwise(counts)
    fall = pl.when(~response & pl.col("BASE").is_not_null()).then(
        pl.format(" (before treatment {} % on {})", value_text("BASE"), pl.col("BASEDT").cast(pl.String))
    )
    return pl.concat_str([morphology, counts, fall.fill_null("")])


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
