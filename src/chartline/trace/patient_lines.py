"""What a report says of single patients, as plain lines; of all patients of a run, or of parts that are pooled.

In: the derived tables. Out: `PatientLines`. A report of many patients does not list them one by one: nobody reads a
swimmer plot of a thousand rows, and a report never holds them all. The rule is `MOST_LISTED` eligible patients, and the
report says where it applies (`report/blocks/unlisted.py`). Who is withheld and what reviewers set is told in any case,
for a report counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from chartline.core.study_days import NO_STUDY_DAYS, StudyDays
from chartline.counts.model import AttritionTable, Counts
from chartline.derive.model import Adam
from chartline.derive.response_rules import responders_of
from chartline.protocol.model import Protocol, graded_flags
from chartline.report.source import (
    DiscordantLine,
    LiverPoint,
    OverrideLine,
    PatientBar,
    RegradedLine,
    ResponseLine,
    SyndromeLine,
    WithheldLine,
)

MOST_LISTED = 400  # five figures of the swimmer plot
Line = TypeVar("Line")


@dataclass(frozen=True)
class PatientLines:
    """The lines of `report/source.py` that are about one patient each."""

    withheld: tuple[WithheldLine, ...] = ()
    overrides: tuple[OverrideLine, ...] = ()
    patients: tuple[PatientBar, ...] = ()
    regraded: tuple[RegradedLine, ...] = ()
    syndromes: tuple[SyndromeLine, ...] = ()
    liver: tuple[LiverPoint, ...] = ()
    responses: tuple[ResponseLine, ...] = ()
    discordant: Mapping[str, tuple[DiscordantLine, ...]] = field(default_factory=dict)


def eligible_of(counts: Counts) -> int:
    """Return how many subjects are in the study, by the counts."""
    attrition = counts["attrition"]
    assert isinstance(attrition, AttritionTable)
    return attrition.eligible


def patient_lines(
    adam: Adam, counts: Counts, protocol: Protocol, study_days: StudyDays = NO_STUDY_DAYS
) -> PatientLines:
    """Return the lines of the patients of `adam`; of more than `MOST_LISTED` only those that are told in any case."""
    from chartline.trace.listings import patient_bars, regraded_lines, withheld_lines
    from chartline.trace.override_lines import override_lines
    from chartline.trace.response_lines import changing_lines, discordant_lines
    from chartline.trace.syndromes import liver_points, syndrome_lines

    told = PatientLines(withheld=withheld_lines(adam, counts, protocol), overrides=override_lines(adam))
    if eligible_of(counts) > MOST_LISTED:
        return told
    return PatientLines(
        withheld=told.withheld,
        overrides=told.overrides,
        patients=patient_bars(adam["ADSL"], responders_of(protocol.response)),
        regraded=regraded_lines(adam, protocol),
        syndromes=syndrome_lines(adam, study_days),
        liver=liver_points(adam),
        responses=changing_lines(adam, protocol),
        discordant=discordant_lines(adam),
    )


def pool_lines(parts: Sequence[PatientLines], protocol: Protocol) -> PatientLines:
    """Return the lines of several parts of the subjects, in the order in which one part of all would have them."""
    flags = {flag: i for i, flag in enumerate(graded_flags(protocol))}
    by_overrides = (o for p in parts for o in p.overrides)
    by_flag = (line for p in parts for line in p.regraded)
    by_set = (line for p in parts for line in p.syndromes)
    return PatientLines(
        withheld=_by_subject(p.withheld for p in parts),
        overrides=tuple(sorted(by_overrides, key=lambda o: (o.subject, o.follows))),
        patients=_by_subject(p.patients for p in parts),
        regraded=tuple(sorted(by_flag, key=lambda line: (flags[line.flag], line.subject))),
        syndromes=tuple(sorted(by_set, key=lambda line: (line.syndrome, line.subject))),
        liver=_by_subject(p.liver for p in parts),
        responses=_by_subject(p.responses for p in parts),
        discordant={
            name: _by_subject(p.discordant.get(name, ()) for p in parts)
            for name in {n for p in parts for n in p.discordant}
        },
    )


def _by_subject(parts: Iterable[Sequence[Line]]) -> tuple[Line, ...]:
    return tuple(sorted((line for p in parts for line in p), key=lambda line: line.subject))  # type: ignore[attr-defined]
