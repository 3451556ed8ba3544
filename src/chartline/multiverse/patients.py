"""The patient side of a multiverse: what each specification counts, each step made once for all that share it.

A specification needs of ADSL what its analyses read and of ADTTE its endpoints. So an analysis is counted on those
columns alone: where two specifications derive them alike, it is counted once, whatever else they derive. What only
other analyses read (syndromes, variants, compared MRD definitions) is not derived at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import polars as pl

from chartline.core.condition import parse_condition
from chartline.core.kept import Kept, only, parts_of
from chartline.core.query import Query
from chartline.counts.count import count_parts
from chartline.counts.members import pattern_of
from chartline.counts.model import Counts, add_counts
from chartline.derive.derive import Subjects, Times, derive_endpoints, derive_subjects
from chartline.derive.endpoint import Endpoint, resolve_endpoint
from chartline.derive.milestones import KEY
from chartline.derive.model import WITHHELD_SCHEMA, Adam
from chartline.derive.response_rules import counts_window_of
from chartline.multiverse.centres import Worlds, select_worlds
from chartline.protocol.analyses import Categories, FollowUp, Proportion, Summary, Survival, Tally
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_labels
from chartline.study import StudyData

T = TypeVar("T")
_CHECKED = (
    *("treatment", "index_rows", "data", "response.assessments", "response.responders"),
    *("eligibility", "prior_therapy", "transplant", "characteristics", "checks", "own_checks", "laboratory.grading"),
    *(
        "study.id",
        "ends_with_observation",
        "duplicates",
        "new_therapy",
        "safety_flags",
        "laboratory.baseline_days",
        "report.table1",
    ),
    "response.criteria",
)
_SELECTED = ("treatment", "index_rows", "data", "partial_dates", "characteristics", "duplicates", "eligibility")
_SIMPLE = (Tally, Proportion, Summary, Categories, Survival, FollowUp)  # kinds whose every column is known here
_NO_TIMES = Times(
    pl.DataFrame(schema={"PARAMCD": pl.String, "USUBJID": pl.String, "AVAL": pl.Int64, "CNSR": pl.Int64,
                         "CAUSE": pl.String, "STARTDT": pl.Date, "ENTRYDT": pl.Date, "SEENDT": pl.Date,
                         "MISSFL": pl.String}),
    pl.DataFrame(schema=WITHHELD_SCHEMA), [],
)  # fmt: skip


def count_specification(
    study: StudyData, protocol: Protocol, analyses: Sequence[str], without: tuple[str, ...], keep: Kept
) -> dict[str, dict[str, Counts]]:
    """Return, for each analysis, its counts in each world: with all centres (""), and without each of `without`."""
    queries = keep(_blocking, study, only(protocol, *_CHECKED), counts_window_of(protocol.response))
    worlds = keep(select_worlds, study.data, only(protocol, *_SELECTED), queries, without)
    declared = [protocol.analysis(name) for name in analyses]
    endpoints = [_endpoints(a, protocol, keep) for a in declared]
    columns = [_columns(a, protocol, e) for a, e in zip(declared, endpoints, strict=True)]
    subjects = derive_subjects(worlds.data, worlds.cohort, _read_by(columns, protocol, keep), worlds.queries, keep)
    return {
        a.id: _worlds_of(a, e, names, subjects, protocol, worlds, keep)
        for a, e, names in zip(declared, endpoints, columns, strict=True)
    }


def is_simple(analysis: Any) -> bool:
    """Whether all that an analysis reads is known here; of another kind everything is read."""
    return isinstance(analysis, _SIMPLE)


def _blocking(study: StudyData, protocol: Protocol, counts_window: tuple[int, int] | None) -> list[Query]:
    """The open queries that withhold anybody, under the protocol's checks."""
    from chartline.checks.confirmed import check_and_close

    checked = check_and_close(
        study.found, study.data, protocol, counts_window, study.applied, centre_checks=study.centre_checks
    )
    return [q for q in checked if q.blocks]


def _worlds_of(
    analysis: Any, endpoints: dict[str, Endpoint], names: tuple[str, ...] | None,
    subjects: Subjects, protocol: Protocol, worlds: Worlds, keep: Kept,
) -> dict[str, Counts]:  # fmt: skip
    adsl, withheld = keep(_part, subjects.tables["ADSL"], subjects.withheld, names)
    times = tuple(
        keep(
            _times, code, e, adsl, subjects.milestones, subjects.assessed,
            only(protocol, "sets", "milestones", "index_rows"), worlds.queries, withheld,
        )
        for code, e in endpoints.items()
    )  # fmt: skip
    asked = parts_of(
        sets=protocol.sets, characteristics=protocol.characteristics, data=protocol.data,
        endpoints=tuple(e for e in protocol.endpoints if e.id in endpoints),
        partial_dates=protocol.partial_dates if endpoints else None,
        milestones=protocol.milestones if endpoints else None,
    )  # fmt: skip
    parts = keep(_counted, adsl, withheld, times, asked, analysis, worlds.parts)
    return keep(_added, parts, worlds.worlds)


def _endpoints(analysis: Any, protocol: Protocol, keep: Kept) -> dict[str, Endpoint]:
    """The endpoint that an analysis reads, if any, with its shipped defaults."""
    own = getattr(analysis, "endpoint", None)
    policy = only(protocol, "partial_dates", "milestones")
    return {e.id: keep(resolve_endpoint, e, policy) for e in protocol.endpoints if e.id == own}


def _columns(analysis: Any, protocol: Protocol, endpoints: dict[str, Endpoint]) -> tuple[str, ...] | None:
    """The variables of ADSL that an analysis reads; None where that is not known."""
    if not is_simple(analysis):
        return None
    sets = [getattr(analysis, "population", None), *(e.population for e in endpoints.values())]
    conditions = [protocol.sets[name].where for name in sets if name]
    conditions += [getattr(analysis, "numerator", ""), "ELIGFL is present"]
    read = {v for c in conditions if c for v in parse_condition(c).variables}
    return tuple(sorted({*read, *pattern_of(analysis), getattr(analysis, "variable", "TRTSDT"), "TRTSDT"}))


def _read_by(columns: Sequence[tuple[str, ...] | None], protocol: Protocol, keep: Kept) -> Protocol:
    """The protocol without syndromes, variants and compared MRD definitions of which none of these variables is read.

    Their variables are named by them: VODSEAT..., BOR_<variant>, <flag>_<variant>.
    """
    if any(names is None for names in columns):
        return protocol
    read = tuple(sorted({v for names in columns for v in names or ()}))
    compared = not mrd_labels(protocol).keys().isdisjoint(read)
    return protocol.model_copy(
        update={
            "syndromes": keep(_beginning, protocol.syndromes, read),
            "response_variants": keep(_ending, protocol.response_variants, read),
            "laboratory_variants": keep(_ending, protocol.laboratory_variants, read),
            "analyses": tuple(a for a in protocol.analyses if compared or a.kind != "mrd"),
        }
    )


def _beginning(declared: dict[str, T], read: tuple[str, ...]) -> dict[str, T]:
    """What begins the name of a variable that is read."""
    return {name: d for name, d in declared.items() if any(v.startswith(name) for v in read)}


def _ending(declared: dict[str, T], read: tuple[str, ...]) -> dict[str, T]:
    """What ends the name of a variable that is read."""
    return {name: d for name, d in declared.items() if any(v.endswith(f"_{name}") for v in read)}


def _part(
    adsl: pl.DataFrame, withheld: pl.DataFrame, names: tuple[str, ...] | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Some variables of ADSL and who is withheld from them; all for None."""
    if names is None:
        return adsl, withheld
    columns = [*KEY, *(n for n in names if n not in KEY)]
    return adsl.select(columns), withheld.filter(pl.col("ITEM").is_in([f"ADSL.{n}" for n in columns]))


def _times(
    code: str, endpoint: Endpoint, adsl: pl.DataFrame, milestones: pl.DataFrame, assessed: pl.DataFrame,
    protocol: Protocol, queries: list[Query], withheld: pl.DataFrame,
) -> Times:  # fmt: skip
    return derive_endpoints({code: endpoint}, adsl, milestones, assessed, protocol, queries, withheld)


def _counted(
    adsl: pl.DataFrame, withheld: pl.DataFrame, times: tuple[Times, ...],
    protocol: Protocol, analysis: Any, parts: pl.DataFrame,
) -> dict[str, Counts]:  # fmt: skip
    tables = {"ADSL": adsl, "ADTTE": pl.concat([t.rows for t in times or (_NO_TIMES,)])}
    adam = Adam(tables, pl.DataFrame(), pl.concat([withheld, *(t.left_out for t in times)]), {})
    return count_parts(adam, protocol, analysis, parts)


def _added(parts: dict[str, Counts], worlds: dict[str, tuple[str, ...]]) -> dict[str, Counts]:
    """Pool the parts of each world; an empty world has counts of nobody."""
    return {world: add_counts([parts[""], *(parts[p] for p in of if p in parts)]) for world, of in worlds.items()}
