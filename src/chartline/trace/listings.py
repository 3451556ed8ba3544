"""What the report is told from left of the wall: bars, queries, answers and withheld patients, as plain lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from chartline.core.condition import parse_condition
from chartline.core.query import Query
from chartline.core.study_days import NO_STUDY_DAYS, StudyDays
from chartline.counts.members import Roster, all_members, as_counted, endpoint_of, table_names
from chartline.counts.model import AttritionTable, Counts
from chartline.derive.describe_response import recovery_sentences
from chartline.derive.describe_treatment import describe_treatment
from chartline.derive.endpoint import resolve_endpoint
from chartline.derive.grading_scale import describe_scale
from chartline.derive.milestones import milestone_words
from chartline.derive.model import Adam
from chartline.derive.mrd_rules import load_mrd_rules
from chartline.derive.response_rules import load_rules
from chartline.derive.rule_set import RuleSet
from chartline.derive.rule_sets import rule_sets_of
from chartline.mapping.amendments import Action
from chartline.protocol.analyses import Analysis
from chartline.protocol.describe import describe_protocol
from chartline.protocol.model import Protocol, graded_flags
from chartline.protocol.names import in_sentence, mrd_compared
from chartline.report.source import (
    AmendmentLine,
    AssertionLine,
    InputFile,
    PatientBar,
    QueryLine,
    RegradedLine,
    ReportSource,
    RuleSetLine,
    WithheldLine,
)
from chartline.results.model import Results
from chartline.state.standing import Standing
from chartline.trace.build import items_of
from chartline.trace.code_lists import code_lines
from chartline.trace.patient_lines import MOST_LISTED, PatientLines, eligible_of
from chartline.trace.response_lines import response_words, with_responders
from chartline.trace.syndromes import syndrome_labels, syndrome_methods

if TYPE_CHECKING:
    from chartline.assertions.model import Verdict
    from chartline.results.multiverse import Multiverse
    from chartline.study import Outcome, StudyData


def report_source(run: Outcome, lines: PatientLines) -> ReportSource:
    """Return everything a report is made from. Patients are listed where the protocol allows it and they are not too
    many to be read (`patient_lines.MOST_LISTED`)."""
    study = run.study
    protocol, eligible = with_responders(study.protocol), eligible_of(run.counts)
    unlisted = eligible if eligible > MOST_LISTED and protocol.report.patient_level else 0
    if unlisted:
        few = protocol.report.model_copy(update={"patient_level": False})
        protocol = protocol.model_copy(update={"report": few})
    attrition = run.counts["attrition"]
    assert isinstance(attrition, AttritionTable)
    return ReportSource(
        protocol=protocol,
        results=run.results,
        counts=run.counts,
        curves=run.curves,
        methods=methods_text(study.protocol, study.data.study_days),
        attrition=attrition,
        unlisted=unlisted,
        queries=tuple(query_line(q) for q in study.queries),
        amendments=tuple(_amendment(a) for a in study.applied),
        syndrome_labels=syndrome_labels(study.protocol),
        assertions=assertion_lines(run.assertions),
        **{f.name: getattr(lines, f.name) for f in fields(lines)},
        **_provenance(study),
        **response_words(study.protocol),
        origins=origin_words(study.protocol),
        rule_sets=rule_set_lines(rule_sets_of(study.protocol)),
        codes=code_lines(study),
        mrd_definitions={name: load_mrd_rules(name).definition for name in mrd_compared(study.protocol)},
    )


def multiverse_source(study: StudyData, multiverse: Multiverse) -> ReportSource:
    """Return what the report of a multiverse alone is made from."""
    results = Results(multiverse.rows, study.protocol_digest, study.data_digest)
    return ReportSource(protocol=study.protocol, results=results, multiverse=multiverse, **_provenance(study))


def _provenance(study: StudyData) -> dict[str, Any]:
    return {
        "inputs": tuple(InputFile(name, sha) for name, sha in sorted(study.inputs.items())),
        "versions": (
            *((f"{file}, signed by", who) for file, who in study.signatures.items()),
            *locked_line(study.standing),
            ("chartline", version("chartline")),
            ("protocol digest", study.protocol_digest),
            ("data digest", study.data_digest),
        ),
    }


def locked_line(standing: Standing) -> tuple[tuple[str, str], ...]:
    """Return who locked the data, as a line of the provenance; () where nothing is locked."""
    lock = standing.lock
    return () if lock is None else (("Data locked", f"by {lock.by} on {lock.day}: {lock.body['reason']}"),)


def assertion_lines(verdicts: Sequence[Verdict]) -> tuple[AssertionLine, ...]:
    """Return what does not hold, as lines of the report."""
    return tuple(
        AssertionLine(v.assertion.sentence, v.on, v.n, tuple((b.subject, b.numbers) for b in v.breaches))
        for v in verdicts
        if v.verdict == "breached"
    )


def rule_sets_sentence(used: Sequence[RuleSet]) -> str:
    """Return how many rule sets were read in their sources, and the names of those that were read in none."""
    n = {status: sum(r.status == status for r in used) for status in ("verified", "partly verified")}
    unverified = [r.label for r in used if r.status == "unverified"]
    names = f" ({'; '.join(unverified)})" if unverified else ""
    return (
        f"The definitions are from {len(used)} rule set{'s' if len(used) > 1 else ''}; read rule by rule in their "
        f"source: {n['verified']}; in part: {n['partly verified']}; not at all: {len(unverified)}{names}. The section "
        "Rule sets names each with its "
        "version and what was checked."
    )


def rule_set_lines(used: Sequence[RuleSet]) -> tuple[RuleSetLine, ...]:
    """Return the rule sets as lines of the report, in order."""
    return tuple(RuleSetLine(r.label, r.version, r.source.strip(), r.status, r.verified.strip()) for r in used)


def origin_words(protocol: Protocol) -> dict[str, str]:
    """Return endpoint -> the milestone that its times are counted from, in words."""
    words = milestone_words(protocol)
    return {e.id: words[resolve_endpoint(e, protocol).origin] for e in protocol.endpoints}


def methods_text(protocol: Protocol, study_days: StudyDays = NO_STUDY_DAYS) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the methods section, with the defaults of shipped endpoints and rule sets filled in."""
    rules, mrd = load_rules(protocol.response.criteria), load_mrd_rules(protocol.mrd.definition)
    endpoints = []
    for declared in protocol.endpoints:
        e = resolve_endpoint(declared, protocol)
        full = {"label": e.label, "origin": e.origin, "events": e.events, "censor_at": e.censor_at, "last": e.last}
        endpoints.append(declared.model_copy(update={**full, "population": e.population}))
    text = describe_protocol(
        protocol,
        endpoints,
        f"the rules of {rules.reference}",
        describe_scale(protocol.laboratory.grading),
        f"{mrd.reference}: {in_sentence(mrd.definition.strip()).removesuffix('.')}",
        rules.recorded,
        study_days,
        recovery_sentences(protocol.response),
    )
    treated = describe_treatment(protocol)
    return (
        *((heading, tuple(sentences)) for heading, sentences in text),
        *([("Syndromes", syndromes)] if (syndromes := syndrome_methods(protocol)) else []),
        *([("Doses, earlier therapy and transplantation", tuple(treated))] if treated else []),
        *([("Definitions", (rule_sets_sentence(used),))] if (used := rule_sets_of(protocol)) else []),
    )


def patient_bars(adsl: pl.DataFrame, responders: tuple[str, ...]) -> tuple[PatientBar, ...]:
    """Return one bar a subject of the analysis: eligible and with a known end of follow-up. Days from first dose.

    Who has neither died nor a last contact, as in a database, is followed to the end of observation.
    The first of `responders` has a marker of its own, the others share one.
    """
    days = {
        name: (pl.col(column) - pl.col("TRTSDT")).dt.total_days().alias(name)
        for name, column in {
            "end": "LKADT",
            "observed": "OBSENDT",
            "death": "DTHDT",
            "dosed": "TRTEDT",
            "response": "FRSPDT",
            "mrd_negative": "MRDNEGDT",
            "transplant": "HSCTDT",
            "new_therapy": "NEWTXDT",
            "relapse": "RELDT",
        }.items()
    }
    rows = adsl.filter(pl.col("ELIGFL") == "Y").select("USUBJID", "BOR", "FRSP", "DTHFL", **days).sort("USUBJID")
    return tuple(bar for row in rows.iter_rows(named=True) if (bar := _bar(row, responders)) is not None)


def _bar(row: dict[str, Any], responders: tuple[str, ...]) -> PatientBar | None:
    known = [d for d in (row["end"], row["death"]) if d is not None] or [row["observed"]]
    if known == [None] or max(known) < 0:
        return None
    end = max(known)
    dosed = min(row["dosed"], end) if row["dosed"] is not None else 0
    segments = [("treatment", 0, dosed), ("follow_up", dosed, end)]
    transplant = row["transplant"]
    if transplant is not None and dosed <= transplant <= end:
        segments[1:] = [("follow_up", dosed, transplant), ("after_transplant", transplant, end)]
    first = "response_first" if row["FRSP"] in responders[:1] else "response_other"
    markers = [(first, row["response"])] if row["FRSP"] else []
    markers += [(k, row[k]) for k in ("mrd_negative", "transplant", "new_therapy", "relapse", "death")]
    return PatientBar(
        subject=row["USUBJID"],
        response=row["BOR"] or "",
        end=end,
        alive=row["DTHFL"] != "Y",
        segments=tuple(segments),
        markers=tuple((k, d) for k, d in markers if d is not None and 0 <= d <= end),
    )


def query_line(q: Query) -> QueryLine:
    """Return a query as a line of the report."""
    return QueryLine(q.id, q.centre, q.subject, q.rule, q.severity.value, q.addresses, q.saw, q.message, q.ask)


def withheld_lines(adam: Adam, counts: Counts, protocol: Protocol) -> tuple[WithheldLine, ...]:
    """Return, per subject, the labels of the declared analyses that count it as withheld, and the open queries."""
    told = [a for a in protocol.analyses if hasattr(a, "endpoint") or not a.sensitivity]
    # The counts say which analyses lack anyone; usually few do, and only their members are looked up.
    told = [a for a in told if any(getattr(counts.get(n), "withheld", 0) for n in table_names(a)[:1])]
    if not told:
        return ()
    roster = Roster(adam, protocol)
    members = all_members({a.id: roster.of(a) for a in told}).filter(pl.col("ROLE") == "withheld")
    analyses: dict[str, list[Analysis]] = {}
    of_id = {a.id: a for a in told}
    for subject, analysis in members.sort("USUBJID", maintain_order=True).select("USUBJID", "ANALYSIS").iter_rows():
        analyses.setdefault(subject, []).append(of_id[analysis])
    return tuple(
        WithheldLine(subject, tuple(dict.fromkeys(a.label for a in of)), _queries(adam, protocol, subject, of))
        for subject, of in analyses.items()
    )


def regraded_lines(adam: Adam, protocol: Protocol) -> tuple[RegradedLine, ...]:
    """Return the eligible subjects, flag by flag, whose safety flag depends on the version of the grading scale."""
    out: list[RegradedLine] = []
    adsl = adam["ADSL"].filter(pl.col("ELIGFL") == "Y").sort("USUBJID")
    for flag in graded_flags(protocol) if protocol.laboratory_variants else ():
        names = [flag, *(f"{flag}_{variant}" for variant in protocol.laboratory_variants)]
        differs = pl.any_horizontal(~pl.col(n).eq_missing(pl.col(flag)) for n in names[1:])
        for subject, *values in adsl.filter(differs).select("USUBJID", *names).iter_rows():
            other = next(n for n, v in zip(names, values, strict=True) if v != values[0])
            shown = tuple(v or "" for v in values)
            out.append(RegradedLine(subject, flag, shown, _because(adam, subject, other)))
    return tuple(out)


def _because(adam: Adam, subject: str, variable: str) -> str:
    """Return the first sentence that explains a variable of a subject."""
    rows = adam.trace.filter(pl.col("ITEM") == f"ADSL.{variable}", pl.col("USUBJID") == subject)
    return str(rows["BECAUSE"].drop_nulls().head(1).str.join("").item())


def _queries(adam: Adam, protocol: Protocol, subject: str, analyses: list[Analysis]) -> tuple[str, ...]:
    """Return the ids of the open queries that withhold anything these analyses read of a subject."""
    read = {
        item
        for a in analyses
        for item in (*items_of(as_counted(a, protocol)), *_population_items(as_counted(a, protocol), protocol))
    }
    hidden = adam.withheld.filter((pl.col("USUBJID") == subject) & pl.col("ITEM").is_in(sorted(read)))
    listed = hidden.sort("ITEM", "QUERY")["QUERY"].drop_nulls()
    return tuple(dict.fromkeys(q for ids in listed for q in ids.split(", ")))


def _population_items(analysis: Analysis, protocol: Protocol) -> list[str]:
    endpoint = getattr(analysis, "endpoint", None)
    name = endpoint_of(protocol, endpoint).population if endpoint else getattr(analysis, "population", None)
    return [f"ADSL.{v}" for v in sorted(parse_condition(protocol.sets[name].where).variables)] if name else []


def _amendment(a: Any) -> AmendmentLine:
    of = a.amendment
    now = "(right as it stands)" if of.action is Action.CONFIRM else a.now
    return AmendmentLine(of.centre, of.subject, of.address, a.was, now, of.reason, of.answered_by, of.answered_on)
