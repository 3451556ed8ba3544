"""What the response derivation hands on: ADRS, the columns of ADSL, the reasons, and doubts about the stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from chartline.core.plans import run
from chartline.core.query import Query, Topic
from chartline.core.reasons import reason
from chartline.derive.milestones import KEY
from chartline.derive.response import Assessed
from chartline.derive.response_rules import load_rules, responders_of
from chartline.protocol.base import Milestone
from chartline.protocol.model import Protocol

_BEST = ["BOR", "RESPFL", "BORDT", "FRSPDT", "FRSP", "FRSPCYC"]
_SHOWN = [
    "BMBLAST",
    "PBBLAST",
    "EMD",
    "INVRESP",
    "RSCYCLE",
    "RSVISIT",
    "BASE",
    "BASEDT",
    "CNTDT",
    "ANC",
    "PLT",
    "ANL01FL",
]
_STOPS = {
    Milestone.RELAPSE: Topic.RELAPSE,
    Milestone.TRANSPLANT: Topic.TRANSPLANT,
    Milestone.NEW_THERAPY: Topic.NEW_THERAPY,
}
Responses = Mapping[str, Assessed]


def response_columns(responses: Responses) -> list[pl.DataFrame]:
    """Return the ADSL columns: all of the main response, BOR_<name> and RESPFL_<name> of each variant."""
    out = [responses[""].best.select(*KEY, *_BEST)]
    for name, r in responses.items():
        if name:
            out.append(r.best.select(*KEY, *[pl.col(c).alias(f"{c}_{name}") for c in ("BOR", "RESPFL")]))
    return out


def response_table(responses: Responses, protocol: Protocol) -> pl.DataFrame:
    """Return ADRS: PARAMCD OVR (one row an assessment) and BOR (one row a subject), each also per variant."""
    parts = []
    for name, r in responses.items():
        choice = protocol.response_variants[name] if name else protocol.response
        rules = load_rules(choice.criteria)
        end = f"_{name}" if name else ""
        visits = r.visits.lazy().select(
            *KEY, pl.lit(f"OVR{end}").alias("PARAMCD"), pl.lit(f"Response ({rules.label})").alias("PARAM"),
            "ADT", "AVALC", *_SHOWN, "SEQ", "BECAUSE",
        )  # fmt: skip
        best = r.best.lazy().select(
            *KEY, pl.lit(f"BOR{end}").alias("PARAMCD"), pl.lit(f"Best response ({rules.label})").alias("PARAM"),
            pl.col("BORDT").alias("ADT"), pl.col("BOR").alias("AVALC"), pl.lit("Y").alias("ANL01FL"),
        )  # fmt: skip
        parts += [visits, best]
    return run(pl.concat(parts, how="diagonal").sort(*KEY, "PARAMCD", "ADT", nulls_last=True))


def response_reasons(responses: Responses, protocol: Protocol) -> list[pl.LazyFrame]:
    """Return why each subject has its best and its first response, down to blasts, disease and counts."""
    out = []
    for name, r in responses.items():
        choice = protocol.response_variants[name] if name else protocol.response
        end = f"_{name}" if name else ""
        recorded, responders = load_rules(choice.criteria).recorded, responders_of(choice)
        best = _with_visit(r, pl.col("BORDT"), responders, recorded)
        out += _cells(best, [f"BOR{end}", *([] if name else ["BORDT"])], name, recorded)
        first = _with_visit(r, pl.coalesce("FRSPDT", "BORDT"), responders, recorded)
        out += _cells(first, [f"RESPFL{end}", *([] if name else ["FRSPDT", "FRSP", "FRSPCYC"])], name, recorded)
    return out


def _with_visit(r: Assessed, day: pl.Expr, responders: tuple[str, ...], recorded: bool) -> pl.DataFrame:
    """One row a subject with the assessment of `day` and the sentence about it."""
    counted = r.visits.lazy().filter(pl.col("ANL01FL") == "Y").rename({"BECAUSE": "VISITWHY"})
    left = r.best.lazy().with_columns(day.alias("ON"))
    visit = counted.drop("STOPDT", "STOPWORD").with_columns(pl.col("ADT").alias("ON"))
    rows = left.join(visit, on=[*KEY, "ON"], how="left", maintain_order="left")
    response = pl.col("AVALC").is_in(responders)
    before = pl.format(" before {} on {}", "STOPWORD", pl.col("STOPDT").cast(pl.String)).fill_null("")
    lacking = "no response recorded" if recorded else "no marrow that can be judged on treatment"
    none = pl.format(f"not evaluable: {lacking}{{}}", before)
    sentence = (
        pl.when(pl.col("AVALC").is_null())
        .then(none)
        .when(response)
        .then(pl.format("Counted as {}: {}", "AVALC", "VISITWHY"))
        .otherwise(pl.format("not a response ({}): best {}", "AVALC", "VISITWHY"))
    )
    return run(rows.with_columns(sentence.alias("WHY"), response.fill_null(False).alias("RESPONSE")))


def _cells(rows: pl.DataFrame, names: list[str], variant: str, recorded: bool) -> list[pl.LazyFrame]:
    sources = [("RS", v) for v in ("BMBLAST", "PBBLAST", "EMD")] + [("LB", t) for t in ("ANC", "PLT")]
    if recorded:
        sources = [("RS", "INVRESP")]
    out = []
    for name in names:
        value = pl.col(name.removesuffix(f"_{variant}") if variant else name)
        for domain, variable in sources:
            seq = pl.col(f"{variable}__SEQ" if domain == "RS" else f"{variable}_SEQ")
            told = rows.lazy() if variable == sources[0][1] else rows.lazy().filter(seq.is_not_null())
            if domain == "LB":  # counts decide only between responses
                told = told.filter("RESPONSE")
            where = (domain, seq, variable if domain == "RS" else "LBSTRESN")
            out.append(reason(told, f"ADSL.{name}", value, pl.col("WHY"), where))
    return out


def stop_doubts(r: Assessed, protocol: Protocol, queries: Sequence[Query]) -> list[Query]:
    """Return, as queries about the response, those that doubt a stop which left assessments out.

    Assessments count only before relapse, transplantation and new therapy. Where an open query doubts the date of
    such a stop, and the stop did leave an assessment out, the response itself is in doubt.
    """
    stopped = r.visits.filter((pl.col("STOPDT") <= pl.col("ADT")).fill_null(False))
    subjects = set(stopped["USUBJID"])
    topics = frozenset(_STOPS[m] for m in protocol.response.before if m in _STOPS)
    return [
        replace(q, topics=frozenset({Topic.RESPONSE, Topic.COUNTS, Topic.MRD}))
        for q in queries
        if q.blocks and q.subject in subjects and q.topics & topics
    ]
