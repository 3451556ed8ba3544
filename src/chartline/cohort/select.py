"""Who is in the study: facts -> duplicates -> the protocol's criteria in order -> Cohort.

A criterion has three outcomes. Unknown (a fact is missing, or an open blocking query puts it in doubt) is
never turned into "no": it is counted apart, and the subject goes no further.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from chartline.cohort.duplicates import find_duplicates, with_verdict
from chartline.cohort.facts import KEY, Facts, fact_reasons, subject_facts
from chartline.cohort.model import Cohort
from chartline.core.clinical import ClinicalData
from chartline.core.condition import Condition, parse_condition
from chartline.core.plans import run
from chartline.core.query import Query, Topic
from chartline.core.reasons import all_reasons, reason
from chartline.counts.model import AttritionStep, AttritionTable, CountKey
from chartline.protocol.model import Criterion, Protocol

DUPLICATE = "duplicate"
DUPLICATE_LABEL = "Same person recorded at two centres"
# Which facts a blocking query of a topic puts in doubt.
_DOUBTS = {
    Topic.ELIGIBILITY: ("AGE", "BRTHDT"),
    Topic.FIRST_DOSE: ("TRTSDT",),
    Topic.IDENTITY: ("TRTSDT",),
}


def select_cohort(
    data: ClinicalData,
    protocol: Protocol,
    queries: Sequence[Query],
    protocol_digest: str,
    twins: pl.DataFrame | None = None,
) -> Cohort:
    """Judge every screened record. `queries` are the open ones; those that block make what they touch
    unknown. Where `data` are a part of the study's subjects, `twins` say who of them is a duplicate among all
    (`duplicates.judge_twins`).
    """
    facts = subject_facts(data, protocol)
    if twins is None:
        frame = find_duplicates(facts.frame, data, protocol.duplicates)
    else:
        frame = with_verdict(facts.frame, twins)
    doubts = _doubted(queries)
    judged = [_judge(frame, facts, c, doubts) for c in protocol.eligibility]
    frame = frame.with_columns(
        (pl.col("DUPOF").is_null()).alias("MET0"),
        pl.col("DUPWHY").alias("WHY0"),
        *[e for i, (met, why) in enumerate(judged, 1) for e in (met.alias(f"MET{i}"), why.alias(f"WHY{i}"))],
    )
    steps = [(DUPLICATE, DUPLICATE_LABEL, DUPLICATE_LABEL)]
    steps += [(c.id, c.label, c.excluded_as or c.label) for c in protocol.eligibility]
    frame = frame.with_columns(_reached(len(steps))).with_columns(_verdict(steps))
    decisions = _decisions(frame, steps)
    trace = all_reasons(
        fact_reasons(Facts(frame, facts.sources, facts.phrases), protocol) + _reasons(frame, facts, protocol)
    )
    return Cohort(_subjects(frame, protocol), decisions, _attrition(frame, steps, protocol_digest), trace)


def _doubted(queries: Sequence[Query]) -> dict[str, dict[str, str]]:
    """Return fact -> subject -> ids of the open blocking queries that put it in doubt."""
    out: dict[str, dict[str, str]] = {}
    for q in queries:
        for topic in sorted(q.topics & set(_DOUBTS)) if q.blocks and q.subject else ():
            for fact in _DOUBTS[topic]:
                known = out.setdefault(fact, {})
                if q.id not in known.get(q.subject, ""):
                    known[q.subject] = ", ".join(filter(None, [known.get(q.subject), q.id]))
    return out


def _names(condition: Condition, facts: Facts) -> list[str]:
    """The condition's variables, in the order of the facts."""
    return [n for n in facts.frame.columns if n in condition.variables]


def _judge(
    frame: pl.DataFrame, facts: Facts, criterion: Criterion, doubts: dict[str, dict[str, str]]
) -> tuple[pl.Expr, pl.Expr]:
    condition = parse_condition(criterion.require, where=f"eligibility.{criterion.id}")
    names = _names(condition, facts)
    met = condition.expr(dict(frame.schema))
    said = pl.concat_str([facts.phrases.get(n, pl.col(n).cast(pl.String)) for n in names], separator="; ")
    ids: dict[str, str] = {}
    for name in names:
        ids |= doubts.get(name, {})
    if not ids:
        return met, said
    query = pl.col("USUBJID").replace_strict(ids, default=None, return_dtype=pl.String)
    known = pl.when(query.is_null()).then(met)
    return known, pl.coalesce(pl.format("{}, in doubt: open query {}", said, query), said)


def _reached(n: int) -> list[pl.Expr]:
    """REACH<i>: every step before i was met."""
    met = [pl.col(f"MET{i}").fill_null(False) for i in range(n)]
    return [pl.all_horizontal(pl.lit(True), *met[:i]).alias(f"REACH{i}") for i in range(n + 1)]


def _verdict(steps: list[tuple[str, str, str]]) -> list[pl.Expr]:
    n = len(steps)
    failed = [pl.col(f"REACH{i}") & ~pl.col(f"MET{i}") for i in range(n)]
    unknown = [pl.col(f"REACH{i}") & pl.col(f"MET{i}").is_null() for i in range(n)]
    flag = pl.when(pl.col(f"REACH{n}")).then(pl.lit("Y")).when(pl.any_horizontal(failed)).then(pl.lit("N"))
    why = [pl.when(failed[i]).then(pl.lit(s[2])) for i, s in enumerate(steps)]
    why += [pl.when(unknown[i]).then(pl.lit(f"Cannot be decided: {s[1]}")) for i, s in enumerate(steps)]
    return [flag.alias("ELIGFL"), pl.coalesce(why).alias("ELIGREAS")]


def _decisions(frame: pl.DataFrame, steps: list[tuple[str, str, str]]) -> pl.DataFrame:
    parts = [
        frame.lazy()
        .filter(f"REACH{i}")
        .select(
            *KEY,
            pl.lit(s[0]).alias("CRITERION"),
            pl.col(f"MET{i}").alias("MET"),
            pl.col(f"WHY{i}").alias("BECAUSE"),
        )
        for i, s in enumerate(steps)
    ]
    return run(pl.concat(parts))


def _reasons(frame: pl.DataFrame, facts: Facts, protocol: Protocol) -> list[pl.LazyFrame]:
    eligible = pl.col("ELIGREAS").fill_null("met every criterion")
    out = [
        reason(frame, f"ELIG.{DUPLICATE}", _yes_no("MET0"), pl.col("WHY0")),
        reason(frame, "ADSL.ELIGFL", pl.col("ELIGFL"), eligible),
    ]
    for i, criterion in enumerate(protocol.eligibility, 1):
        reached = frame.lazy().filter(f"REACH{i}")
        for name in _names(parse_condition(criterion.require), facts):
            for domain, seq, variable in facts.sources.get(name, []):
                place = (domain, pl.col(seq), variable)
                out.append(reason(reached, f"ELIG.{criterion.id}", _yes_no(f"MET{i}"), pl.col(f"WHY{i}"), place))
    return out


def _yes_no(column: str) -> pl.Expr:
    met = pl.col(column)
    return pl.when(met).then(pl.lit("met")).when(~met).then(pl.lit("not met")).otherwise(pl.lit("unknown"))


def _subjects(frame: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    flags = [f"{n}F" for n, c in protocol.characteristics.items() if c.type == "date"]
    names = ["BRTHDT", "SEX", "AGE", "TRTSDT", "TRTEDT", *protocol.characteristics, *flags]
    return frame.select(*KEY, *names, "ELIGFL", "ELIGREAS", "DUPOF")


def _attrition(frame: pl.DataFrame, steps: list[tuple[str, str, str]], digest: str) -> AttritionTable:
    """Count each step; `AttritionTable` asserts that the sums agree."""
    numbers = frame.select(
        *[pl.col(f"REACH{i}").sum().alias(f"in{i}") for i in range(len(steps) + 1)],
        *[(pl.col(f"REACH{i}") & ~pl.col(f"MET{i}")).sum().alias(f"no{i}") for i in range(len(steps))],
        *[(pl.col(f"REACH{i}") & pl.col(f"MET{i}").is_null()).sum().alias(f"un{i}") for i in range(len(steps))],
    ).row(0, named=True)
    rows = tuple(
        AttritionStep(s[0], s[1], numbers[f"in{i}"], numbers[f"no{i}"], numbers[f"un{i}"], numbers[f"in{i + 1}"])
        for i, s in enumerate(steps)
    )
    key = CountKey(analysis="attrition", protocol_digest=digest)
    return AttritionTable(key=key, screened=frame.height, steps=rows)
