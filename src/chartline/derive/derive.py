"""ClinicalData + Cohort -> Adam: the order of the derivations. No rule of its own.

Everything is derived for every screened subject with a first dose; analysis sets choose among them afterwards. A
subject's rows are derived from that subject's records alone, so any split of the subjects gives the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from chartline.cohort.model import Cohort
from chartline.core.clinical import ClinicalData
from chartline.core.condition import parse_condition
from chartline.core.query import Query
from chartline.core.reasons import all_reasons
from chartline.derive.adverse_events import derive_adverse_events
from chartline.derive.endpoint import Endpoint, resolve_endpoint
from chartline.derive.exposure import derive_exposure
from chartline.derive.labs import derive_labs, treatment_window
from chartline.derive.milestones import KEY, derive_milestones
from chartline.derive.model import WITHHELD_SCHEMA, Adam
from chartline.derive.mrd import derive_mrd
from chartline.derive.response import derive_response, merge_assessments, with_first_response
from chartline.derive.response_tables import response_columns, response_reasons, response_table, stop_doubts
from chartline.derive.safety import derive_safety
from chartline.derive.subject import adsl_labels, adsl_topics, assemble, later_events
from chartline.derive.time_to_event import derive_times
from chartline.derive.transplant import derive_transplant
from chartline.derive.withhold import blocked_by, undecided_eligibility, withheld_rows, withhold_variables
from chartline.protocol.model import Protocol


def derive_all(data: ClinicalData, cohort: Cohort, protocol: Protocol, queries: Sequence[Query]) -> Adam:
    """Derive every table. `queries` are the open ones; what a blocking one touches is withheld, visibly."""
    treated = cohort.subjects.filter(pl.col("TRTSDT").is_not_null()).select(KEY)
    milestones = derive_milestones(data, treated, protocol)
    adex, exposure, trace = derive_exposure(data, cohort.subjects, protocol.treatment)
    assessments = merge_assessments(data, treated)
    responses = derive_response(data, milestones, protocol, assessments)
    milestones = with_first_response(milestones, responses[""])
    mrd, why_mrd = derive_mrd(assessments, responses[""].best, adex, milestones, protocol.mrd)
    transplant, why_transplant = derive_transplant(milestones, adex, responses[""].best)
    later, why_later = later_events(milestones)
    window = treatment_window(milestones, protocol.laboratory)
    adlb = derive_labs(data, window, protocol.laboratory)
    adae = derive_adverse_events(data, window, milestones, protocol.ae_groups, protocol.partial_dates)
    safety, why_safety = derive_safety(adlb, adae, window, protocol.safety_flags, protocol.ae_groups)
    adsl = assemble(cohort.subjects, [exposure, *response_columns(responses), mrd, transplant, later, safety])
    topics = adsl_topics(protocol)
    adsl, withheld = withhold_variables(adsl, topics, [*queries, *stop_doubts(responses[""], protocol, queries)])
    withheld.append(undecided_eligibility(adsl, queries))
    tables = {
        "ADSL": adsl, "ADEX": adex, "ADRS": response_table(responses, protocol), "ADLB": adlb, "ADAE": adae,
    }  # fmt: skip
    endpoints = {e.id: resolve_endpoint(e, protocol) for e in protocol.endpoints}
    tables["ADTTE"], left_out, why_times = _times(endpoints, adsl, milestones, protocol, queries, withheld)
    trace += [*response_reasons(responses, protocol), *why_mrd, *why_transplant, *why_later, *why_safety, *why_times]
    return Adam(
        tables=tables,
        trace=all_reasons(trace),
        withheld=pl.concat([pl.DataFrame(schema=WITHHELD_SCHEMA), *withheld, *left_out]),
        labels=adsl_labels(protocol) | {code: e.label for code, e in endpoints.items()},
        topics=topics | {code: e.topics for code, e in endpoints.items()},
    )


def _times(
    endpoints: dict[str, Endpoint],
    adsl: pl.DataFrame,
    milestones: pl.DataFrame,
    protocol: Protocol,
    queries: Sequence[Query],
    withheld: list[pl.DataFrame],
) -> tuple[pl.DataFrame, list[pl.DataFrame], list[pl.LazyFrame]]:
    """Return (ADTTE, exclusions, trace) over all endpoints."""
    known = pl.concat([pl.DataFrame(schema=WITHHELD_SCHEMA), *withheld])
    inside = [_membership(e, adsl, protocol).alias(code) for code, e in endpoints.items()]
    members = adsl.select(*KEY, *inside)
    left_out, populations = [], {}
    for code, endpoint in endpoints.items():
        item = f"ADTTE.{code}"
        unknown = members.filter(pl.col(code).is_null())
        left_out.append(_unknown_members(item, unknown, known, endpoint, protocol))
        population = members.filter(code).select(KEY)
        blocked = blocked_by(queries, endpoint.topics)
        left_out.append(withheld_rows(item, blocked, set(population["USUBJID"]) if blocked else set()))
        populations[code] = population.filter(~pl.col("USUBJID").is_in(list(blocked))) if blocked else population
    rows, excluded, trace = derive_times(endpoints, milestones, populations)
    return rows, [*left_out, excluded], trace


def _membership(endpoint: Endpoint, adsl: pl.DataFrame, protocol: Protocol) -> pl.Expr:
    """Whether a subject is in an endpoint's population (null: unknown)."""
    if endpoint.population is None:
        return pl.col("TRTSDT").is_not_null()
    condition = parse_condition(protocol.sets[endpoint.population].where, f"sets.{endpoint.population}")
    return condition.expr(dict(adsl.schema))


def _unknown_members(
    item: str, unknown: pl.DataFrame, withheld: pl.DataFrame, endpoint: Endpoint, protocol: Protocol
) -> pl.DataFrame:
    """Name those of whom it is unknown whether they belong to the population, with the queries that hide it."""
    if unknown.is_empty() or endpoint.population is None:
        return pl.DataFrame(schema=WITHHELD_SCHEMA)
    label = protocol.sets[endpoint.population].label
    variables = parse_condition(protocol.sets[endpoint.population].where).variables
    ids = (
        withheld.filter(pl.col("ITEM").is_in([f"ADSL.{v}" for v in variables]))
        .group_by("USUBJID")
        .agg(pl.col("QUERY").unique(maintain_order=True).str.join(", "))
    )
    text = f"not known whether in the set '{label}'"
    return (
        unknown.select("USUBJID", pl.lit(item).alias("ITEM"))
        .join(ids, on="USUBJID", how="left", maintain_order="left")
        .with_columns(pl.col("QUERY").replace("", None), pl.lit(text).alias("REASON"))
        .select(list(WITHHELD_SCHEMA))
    )
