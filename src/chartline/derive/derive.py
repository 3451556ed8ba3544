"""ClinicalData + Cohort -> Adam: the order of the derivations. No rule of its own.

Everything is derived for every screened subject with a first dose; analysis sets choose among them afterwards. A
subject's rows are derived from that subject's records alone, so any split of the subjects gives the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from chartline.cohort.model import Cohort
from chartline.core.clinical import ClinicalData
from chartline.core.condition import parse_condition
from chartline.core.dates import PartialPolicy
from chartline.core.kept import Keep, call, only
from chartline.core.overrides import RELAPSE, overrides_of
from chartline.core.query import Query, Topic
from chartline.core.reasons import all_reasons
from chartline.counts.model import BOUNDS
from chartline.derive.adverse_events import derive_adverse_events
from chartline.derive.cycles import derive_cycles
from chartline.derive.dated_events import dated_event_variables, derive_dated_events
from chartline.derive.endpoint import Endpoint, resolve_endpoint
from chartline.derive.exposure import derive_exposure
from chartline.derive.labs import derive_labs, on_treatment_until, treatment_window
from chartline.derive.milestones import KEY, derive_milestones, milestone_words
from chartline.derive.model import WITHHELD_SCHEMA, Adam
from chartline.derive.mrd import derive_mrd
from chartline.derive.mrd_samples import mrd_samples
from chartline.derive.prior_therapy import derive_prior_therapy
from chartline.derive.regraded import derive_regraded
from chartline.derive.relapse import derive_relapse, with_derived_relapse, without_relapse
from chartline.derive.response import Assessed, derive_response, merge_assessments, with_first_response
from chartline.derive.response_details import derive_details
from chartline.derive.response_tables import (
    Responses,
    response_columns,
    response_reasons,
    response_table,
    stop_doubts,
)
from chartline.derive.reviewed import (
    with_reviewed_events,
    with_reviewed_relapse,
    with_reviews,
    without_overrides,
)
from chartline.derive.safety import derive_safety
from chartline.derive.safety_components import derive_components
from chartline.derive.subject import adsl_labels, adsl_topics, assemble, later_events
from chartline.derive.syndrome import derive_syndromes
from chartline.derive.time_to_event import derive_times
from chartline.derive.toxicity import derive_toxicity
from chartline.derive.transplant import derive_transplant
from chartline.derive.transplant_status import derive_transplant_status
from chartline.derive.withhold import Topics, blocked_by, undecided_eligibility, withheld_rows, withhold_variables
from chartline.protocol.analyses import DateBounds, toxicity_flags
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_compared


@dataclass(frozen=True)
class Subjects:
    """What is derived before the times: every table but ADTTE, and what the times are made from.

    `assessed` has KEY and ADT of every dated assessment, whether it counts for the response or not; `withheld` has the
    rows of WITHHELD_SCHEMA about ADSL; `reasons` plans the trace, at some cost, when it is called.
    """

    tables: dict[str, pl.DataFrame]
    milestones: pl.DataFrame
    assessed: pl.DataFrame
    withheld: pl.DataFrame
    topics: dict[str, frozenset[Topic]]
    reasons: Callable[[], list[pl.LazyFrame]]


@dataclass(frozen=True)
class Times:
    """ADTTE of some endpoints, who is left out of them (WITHHELD_SCHEMA), and the plan of their trace."""

    rows: pl.DataFrame
    left_out: pl.DataFrame
    reasons: list[pl.LazyFrame]


def derive_all(data: ClinicalData, cohort: Cohort, protocol: Protocol, queries: Sequence[Query]) -> Adam:
    """Derive every table. `queries` are the open ones; what a blocking one touches is withheld, visibly.

    Where reviewers set a value, everything is derived from it, and their subjects a second time without.
    """
    adam = _derived(data, cohort, protocol, queries)
    if not data.overrides:
        return adam
    own = cohort.subjects.filter(pl.col("USUBJID").is_in([o.subject for o in data.overrides]))
    before = _derived(without_overrides(data), replace(cohort, subjects=own), protocol, queries)
    return with_reviews(adam, before, data.overrides)


def _derived(data: ClinicalData, cohort: Cohort, protocol: Protocol, queries: Sequence[Query]) -> Adam:
    subjects = derive_subjects(data, cohort, protocol, queries)
    endpoints = {e.id: resolve_endpoint(e, protocol) for e in protocol.endpoints}
    adsl, withheld = subjects.tables["ADSL"], subjects.withheld
    times = derive_endpoints(endpoints, adsl, subjects.milestones, subjects.assessed, protocol, queries, withheld)
    bounds = _bounds(endpoints, adsl, subjects, protocol, queries, withheld)
    return Adam(
        tables=subjects.tables | {"ADTTE": times.rows} | bounds,
        trace=all_reasons([*subjects.reasons(), *times.reasons]),
        withheld=pl.concat([withheld, times.left_out]),
        labels=adsl_labels(protocol) | {code: e.label for code, e in endpoints.items()},
        topics=subjects.topics | {code: e.topics for code, e in endpoints.items()},
    )


def derive_subjects(
    data: ClinicalData, cohort: Cohort, protocol: Protocol, queries: Sequence[Query], keep: Keep = call
) -> Subjects:
    """Derive everything but the times. With `Kept` as `keep`, a step is made again only where what it reads differs."""
    data = keep(with_reviewed_events, data) if data.overrides else data
    index = only(protocol, "index_rows", "transplant", "new_therapy", "partial_dates")
    responding = only(protocol, "response", "response_variants")
    treated = keep(_treated, cohort.subjects)
    milestones = keep(derive_milestones, data, treated, index)
    adex, exposure, why_exposure = keep(derive_exposure, data, cohort.subjects, protocol.treatment)
    assessments = keep(merge_assessments, data, treated)
    milestones, responses, (relapse, why_relapse) = _responses(data, milestones, responding, assessments, keep)
    milestones = keep(with_first_response, milestones, responses[""])
    details, why_details = keep(derive_details, responses[""], milestones, protocol.response, protocol.index_rows)
    dated = only(protocol, "milestones", "partial_dates", "response.criteria")
    milestones = keep(derive_dated_events, data, milestones, adex, responses[""].visits, dated)
    own, why_own = keep(dated_event_variables, milestones, only(protocol, "milestones"))
    compared = tuple(mrd_compared(protocol))
    samples = keep(mrd_samples, data, assessments)
    mrd, why_mrd = keep(derive_mrd, samples, responses[""].best, adex, milestones, protocol.mrd, compared)
    transplant, why_transplant = keep(derive_transplant, milestones, adex, responses[""].best, protocol.index_rows)
    adcyc, cycles, why_cycles = keep(derive_cycles, adex, responses[""].best, protocol.treatment)
    told = only(protocol, "treatment", "index_rows", "prior_therapy", "transplant", "mrd", "response")
    prior, why_prior = keep(derive_prior_therapy, data, cohort.subjects, cohort.trace, told)
    status, why_status = keep(derive_transplant_status, data, milestones, transplant, responses[""], samples, told)
    later, why_later = keep(later_events, milestones)
    window = keep(treatment_window, milestones, protocol.laboratory)
    adlb = keep(derive_labs, data, window, protocol.laboratory)
    adae = keep(derive_adverse_events, data, window, milestones, protocol.ae_groups, protocol.partial_dates)
    attributed = overrides_of(data.overrides, "AEREL")
    safety, why_safety = keep(derive_safety, adlb, adae, window, protocol.safety_flags, protocol.ae_groups, attributed)
    components = keep(derive_components, adlb, adae, window, protocol.safety_flags, protocol.ae_groups)
    syndromes, adsyn, why_syndromes = keep(derive_syndromes, data, adlb, adae, adex, milestones, protocol.syndromes)
    windows = tuple(keep(treatment_window, milestones, rule) for rule in protocol.laboratory_variants.values())
    grading = only(protocol, "laboratory_variants", "safety_flags", "ae_groups")
    regraded, why_regraded = keep(derive_regraded, data, windows, grading, window, adae, attributed)
    named = toxicity_flags(protocol.analyses)
    adtox = keep(derive_toxicity, adlb, adae, adex, window, named, protocol.safety_flags, protocol.ae_groups)
    until, why_until = keep(on_treatment_until, window, milestones, protocol.laboratory)
    declared = (
        "response_variants",
        "laboratory_variants",
        "characteristics",
        "safety_flags",
        "syndromes",
        "milestones",
        "treatment",
        "prior_therapy",
        "transplant",
    )
    of_response = ("response.relapse", "response.criteria", "response.intensity")
    topics = keep(adsl_topics, only(protocol, *of_response, *declared), compared)
    parts = (details, mrd, transplant, later, relapse, until, safety, regraded, syndromes, own, cycles, prior, status)
    assembled = keep(_assembled, cohort.subjects, exposure, responses, *parts)
    adsl, withheld = keep(_withheld, assembled, topics, queries, responses[""], only(protocol, "response.before"))
    adrs = keep(response_table, responses, responding)
    return Subjects(
        tables={
            "ADSL": adsl, "ADEX": adex, "ADRS": adrs, "ADLB": adlb, "ADAE": adae, "ADTOX": adtox,
            "ADSYN": adsyn, "ADCOMP": components,
        }
        | ({"ADCYC": adcyc} if adcyc.columns else {}),
        milestones=milestones,
        assessed=keep(_assessed, assessments),
        withheld=withheld,
        topics=topics,
        reasons=lambda: [
            *why_exposure, *response_reasons(responses, protocol), *why_details, *why_mrd, *why_transplant, *why_later,
            *why_relapse, *why_safety, *why_regraded, *why_until, *why_syndromes, *why_own,
            *why_cycles, *why_prior, *why_status,
        ],
    )  # fmt: skip


def _responses(
    data: ClinicalData, milestones: pl.DataFrame, protocol: Protocol, assessments: pl.DataFrame, keep: Keep
) -> tuple[pl.DataFrame, Responses, tuple[pl.DataFrame, list[pl.LazyFrame]]]:
    """Return (milestones, responses, relapse by the rule set with its trace).

    Where the milestone `relapse` is the derived one, the first response is found as if there were no relapse (none can
    come before it), the relapse after it, and then the responses again, which count before that relapse.
    """
    derived = protocol.response.relapse == "derived"
    set_to = overrides_of(data.overrides, RELAPSE)
    recorded = milestones
    milestones = keep(with_reviewed_relapse, milestones, set_to)
    known = keep(without_relapse, milestones) if derived else milestones
    responses = derive_response(data, known, protocol, assessments, keep)
    relapse, why = keep(derive_relapse, assessments, responses[""].best, recorded, protocol.response)
    if derived:
        milestones = keep(with_reviewed_relapse, keep(with_derived_relapse, recorded, relapse), set_to)
        responses = derive_response(data, milestones, protocol, assessments, keep)
    return milestones, responses, (relapse, why)


def _bounds(
    endpoints: dict[str, Endpoint],
    adsl: pl.DataFrame,
    subjects: Subjects,
    protocol: Protocol,
    queries: Sequence[Query],
    withheld: pl.DataFrame,
) -> dict[str, pl.DataFrame]:
    """Return ADTTEB where an analysis asks for it: the times with partial dates at either end of what they can mean."""
    asked = [a.endpoint for a in protocol.analyses if isinstance(a, DateBounds)]
    parts = []
    for bound, policy in zip(BOUNDS, (PartialPolicy.FIRST, PartialPolicy.LATEST), strict=True):
        own = {code: replace(endpoints[code], partial_dates=policy) for code in asked}
        times = derive_endpoints(own, adsl, subjects.milestones, subjects.assessed, protocol, queries, withheld)
        parts.append(times.rows.with_columns(pl.lit(bound).alias("BOUND")))
    return {"ADTTEB": pl.concat(parts)} if asked else {}


def _treated(subjects: pl.DataFrame) -> pl.DataFrame:
    return subjects.filter(pl.col("TRTSDT").is_not_null()).select(KEY)


def _assessed(assessments: pl.DataFrame) -> pl.DataFrame:
    return assessments.select(*KEY, "ADT")


def _assembled(
    subjects: pl.DataFrame, exposure: pl.DataFrame, responses: Responses, *later: pl.DataFrame
) -> pl.DataFrame:
    return assemble(subjects, [exposure, *response_columns(responses), *later]).drop("DRELSEQ")


def _withheld(
    adsl: pl.DataFrame, topics: Topics, queries: Sequence[Query], response: Assessed, protocol: Protocol
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return ADSL without what open queries touch, and the rows that say so."""
    adsl, rows = withhold_variables(adsl, topics, [*queries, *stop_doubts(response, protocol, queries)])
    undecided = undecided_eligibility(adsl, queries)
    return adsl, pl.concat([pl.DataFrame(schema=WITHHELD_SCHEMA), *rows, undecided])


def derive_endpoints(
    endpoints: dict[str, Endpoint],
    adsl: pl.DataFrame,
    milestones: pl.DataFrame,
    assessed: pl.DataFrame,
    protocol: Protocol,
    queries: Sequence[Query],
    withheld: pl.DataFrame,
) -> Times:
    """Return the times of the endpoints (PARAMCD -> endpoint) over their populations.

    Reads of `adsl` TRTSDT and what the populations' conditions name, and of the protocol its sets, milestones and
    day 0.
    """
    inside = [_membership(e, adsl, protocol).alias(code) for code, e in endpoints.items()]
    members = adsl.select(*KEY, *inside)
    left_out, populations = [], {}
    for code, endpoint in endpoints.items():
        item = f"ADTTE.{code}"
        unknown = members.filter(pl.col(code).is_null())
        left_out.append(_unknown_members(item, unknown, withheld, endpoint, protocol))
        population = members.filter(code).select(KEY)
        blocked = blocked_by(queries, endpoint.topics)
        left_out.append(withheld_rows(item, blocked, set(population["USUBJID"]) if blocked else set()))
        populations[code] = population.filter(~pl.col("USUBJID").is_in(list(blocked))) if blocked else population
    rows, excluded, reasons = derive_times(endpoints, milestones, populations, assessed, milestone_words(protocol))
    return Times(rows, pl.concat([pl.DataFrame(schema=WITHHELD_SCHEMA), *left_out, excluded]), reasons)


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
