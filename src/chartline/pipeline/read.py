"""read_study: centres' files, mappings and answers -> ClinicalData and queries. The patient side up to its checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chartline.core.clinical import ClinicalData, combine
from chartline.core.digest import digest_file
from chartline.core.query import Query, Severity
from chartline.core.study_days import StudyDays
from chartline.errors import AmendmentError, MappingError
from chartline.protocol.load import load_protocol, protocol_digest, protocol_file
from chartline.protocol.model import Centre, Protocol
from chartline.study import StudyData

if TYPE_CHECKING:
    import polars as pl

    from chartline.core.overrides import Override
    from chartline.mapping.amendments import Amendment, Applied, Outdated
    from chartline.mapping.model import Mapping as CentreMapping
    from chartline.protocol.own_checks import OwnCheck
    from chartline.sources.asked import Asked, Chosen
    from chartline.sources.base import SourceData
    from chartline.state.standing import Standing

Tell = Callable[[str], None]


def silent(step: str) -> None:
    """Tell nobody."""


def read_study(
    study: Path,
    *,
    answers: Path | None = None,
    use_answers: bool = True,
    more: Sequence[Amendment] = (),
    unsigned: bool = False,
    tell: Tell = silent,
) -> StudyData:
    """Read, amend, map and check every centre. Raises `StudyError` for protocol, source and mapping faults.

    Laid over the data, in this order: the answers that the protocol names, the amendments that the study's state keeps,
    and `more`. `answers` is read instead of the first two; with `use_answers` False none of them. `unsigned` looks at
    mappings that nobody signed as well, with a query; without it they are refused. Raises `LockError` where the study
    is locked and is not what it was.
    """
    from chartline.checks.confirmed import check_and_close
    from chartline.derive.graded_values import grade_by
    from chartline.derive.reads import reads_of
    from chartline.derive.response_rules import counts_window_of
    from chartline.state.lock import check_inputs

    tell("Reading the protocol")
    said = declare_study(study, answers=answers, use_answers=use_answers, more=more, unsigned=unsigned)
    protocol, mappings = said.protocol, said.mappings
    charts = _Charts(dict(said.inputs))
    for centre in protocol.data.centres:
        tell(f"Reading {centre.label or centre.id}")
        answered = said.amendments_of(centre.id)
        charts.add(centre, said.home, mappings[centre.id], answered, said.asked_of(centre.id))
    check_inputs(said.standing.lock, charts.inputs, said.home)
    data = _combined(charts, said.overrides)
    charts.queries += answers_left_over(said.amendments, protocol)
    tell("Checking the data")
    window, grade = counts_window_of(protocol.response), grade_by(protocol)
    asked = check_and_close(
        charts.queries, data, protocol, window, charts.applied, grade, said.centre_checks, reads_of(protocol)
    )
    return StudyData(
        protocol, protocol_digest(protocol), data, tuple(in_order(asked)), tuple(charts.applied), charts.inputs,
        charts.signatures, tuple(charts.queries), said.centre_checks, charts.sources, tuple(charts.outdated),
        said.standing, own_answers=said.own_answers and not more,
    )  # fmt: skip


@dataclass(frozen=True)
class Declaration:
    """What a study declares and keeps, before any chart is read. `inputs` are the digests of its own files."""

    home: Path
    protocol: Protocol
    mappings: Mapping[str, CentreMapping]
    amendments: tuple[Amendment, ...]
    overrides: tuple[Override, ...]
    inputs: Mapping[str, str]
    standing: Standing
    own_answers: bool

    def amendments_of(self, centre: str) -> list[Amendment]:
        """Return the amendments that speak about a centre."""
        return [a for a in self.amendments if a.centre == centre]

    def asked_of(self, centre: str, chosen: Chosen | None = None) -> Asked:
        """Return what the study wants of a centre's OMOP database: the selected persons, of the tables and columns that
        are mapped or were answered about; of the persons that are `chosen` already, if given."""
        from chartline.mapping.apply import wanted_of
        from chartline.sources.asked import Asked

        wanted = wanted_of(self.mappings[centre], (a.address for a in self.amendments_of(centre)))
        return Asked(self.protocol.selection, self.protocol.concept_sets, wanted, chosen)

    def centre(self, name: str) -> Centre:
        """Return what the protocol says of a centre."""
        return next(c for c in self.protocol.data.centres if c.id == name)

    @property
    def centre_checks(self) -> dict[str, tuple[OwnCheck, ...]]:
        """The checks that centres wrote in their mappings, by centre."""
        return {centre: mapping.own_checks for centre, mapping in self.mappings.items() if mapping.own_checks}


def declare_study(
    study: Path,
    *,
    answers: Path | None = None,
    use_answers: bool = True,
    more: Sequence[Amendment] = (),
    unsigned: bool = False,
) -> Declaration:
    """Read all of a study but its charts; for the arguments and errors see `read_study`."""
    from chartline.derive.override_file import read_overrides
    from chartline.mapping.amendments import digest_amendments, read_amendments
    from chartline.state.lock import check_files
    from chartline.state.store import read_standing

    home = protocol_file(study).parent
    standing = read_standing(home)
    own_answers = use_answers and answers is None
    check_files(standing.lock, home, own_answers=own_answers)
    protocol, mappings = _declared(study, unsigned)
    answers_file = _answers_file(protocol, home, answers, use_answers)
    kept = tuple(standing.amendments.values()) if own_answers else ()
    amendments = (*(read_amendments(answers_file) if answers_file else ()), *kept, *more)
    overrides_file = home / protocol.data.overrides if protocol.data.overrides else None
    overrides = read_overrides(overrides_file, protocol) if overrides_file else ()
    inputs = {"protocol": digest_file(protocol_file(study))}
    inputs |= {"answers": digest_file(answers_file)} if answers_file else {}
    inputs |= {"amendments": digest_amendments(kept)} if kept else {}
    inputs |= {"overrides": digest_file(overrides_file)} if overrides_file else {}
    return Declaration(home, protocol, mappings, amendments, overrides, inputs, standing, own_answers)


def checked_protocol(study: Path) -> Protocol:
    """Load the protocol, and refuse endpoints and rule sets that are not there."""
    from chartline.derive.endpoint import check_endpoints
    from chartline.derive.rule_sets import check_rule_sets

    protocol = load_protocol(study)
    check_endpoints(protocol, str(protocol_file(study)))
    check_rule_sets(protocol, str(protocol_file(study)))
    return protocol


def _declared(study: Path, unsigned: bool) -> tuple[Protocol, dict[str, CentreMapping]]:
    """Return the protocol and the mapping of each centre, each fit for the other."""
    from chartline.checks.engine import check_settings
    from chartline.mapping.load import load_mapping
    from chartline.mapping.possible import check_remission
    from chartline.mapping.signed import require_signature

    protocol, file = checked_protocol(study), protocol_file(study)
    files = {centre.id: file.parent / centre.mapping for centre in protocol.data.centres}
    mappings = {centre: load_mapping(path) for centre, path in files.items()}
    for centre, mapping in () if unsigned else mappings.items():
        require_signature(mapping, str(files[centre]))
    own = {centre: (str(files[centre]), mapping.own_checks) for centre, mapping in mappings.items()}
    check_settings(protocol, str(file), own)
    check_remission(protocol, mappings.values(), str(file))
    for centre, mapping in mappings.items():
        if mapping.centre != centre:
            raise MappingError(
                f"The mapping is for centre {mapping.centre}, the protocol names it for centre {centre}",
                where=str(files[centre]),
                do="name the right mapping in the protocol",
            )
    return protocol, mappings


@dataclass
class _Charts:
    """What was read of all centres so far."""

    inputs: dict[str, str]  # path relative to the study -> sha256
    parts: list[ClinicalData] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    outdated: list[Outdated] = field(default_factory=list)
    sources: dict[str, SourceData] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)
    events: dict[str, Mapping[str, date]] = field(default_factory=dict)

    def add(
        self, centre: Centre, home: Path, mapping: CentreMapping, amendments: Sequence[Amendment], asked: Asked
    ) -> None:
        """Read, amend and map one centre."""
        from chartline.checks.outdated import outdated_queries
        from chartline.mapping.signed import unsigned_queries

        data, found, source, applied, outdated = read_centre_data(home / centre.folder, mapping, amendments, asked)
        self.parts.append(data)
        self.sources[centre.id] = source
        self.applied += applied
        self.outdated += outdated
        self.queries += [*found, *outdated_queries(outdated, applied), *unsigned_queries(mapping, centre.mapping)]
        self.inputs[centre.mapping] = digest_file(home / centre.mapping)
        self.inputs |= {f"{centre.folder}/{file}": digest for file, digest in source.files.items()}
        self.signatures[centre.mapping] = mapping.signature
        if mapping.days_from:
            self.events[centre.id] = {event.label: event.day for event in mapping.days_from.values()}


def _combined(charts: _Charts, overrides: tuple[Override, ...]) -> ClinicalData:
    """Return the data of all centres, with the reviewers' overrides."""
    import polars as pl

    from chartline.derive.override_file import check_overrides, dated_overrides

    said = (f"by {o.by} on {o.on}: {o.reason}" for o in overrides)  # whose dates are real
    data = replace(combine(charts.parts), study_days=StudyDays(charts.events, tuple(said)))
    data = replace(data, overrides=dated_overrides(overrides, data))
    check_overrides(data.overrides, data)
    subjects_are_unique(pl.concat(data[d].select("CENTRE", "USUBJID").unique() for d in data.domains))
    return data


def read_centre_data(
    folder: Path,
    mapping: CentreMapping,
    amendments: Sequence[Amendment],
    asked: Asked,
    unamended: SourceData | None = None,
) -> tuple[ClinicalData, list[Query], SourceData, list[Applied], list[Outdated]]:
    """Read, amend and map one centre; what is outdated is left out, and the rest read again without it.

    `unamended` is what somebody else has read of it.
    """
    from chartline.mapping.amendments import apply_amendments
    from chartline.mapping.answered_subjects import check_subjects
    from chartline.mapping.apply import check_fit, map_centre
    from chartline.sources.read import read_centre

    if unamended is None:
        unamended = read_centre(folder, mapping.sources, mapping.ignore_files, asked)
    try:
        source, applied, outdated = apply_amendments(unamended, amendments)
    except AmendmentError:
        check_fit(unamended, mapping)  # a renamed column is the mapping's fault, not the answer's
        raise
    data, found = map_centre(source, mapping)
    misplaced = check_subjects(applied, source, data, mapping)
    if misplaced:
        outdated += misplaced
        left = {o.amendment.amendment_id for o in outdated}
        source, applied, _ = apply_amendments(unamended, [a for a in amendments if a.amendment_id not in left])
        data, found = map_centre(source, mapping)
    return data, found, source, applied, outdated


def _answers_file(protocol: Protocol, home: Path, answers: Path | None, use: bool) -> Path | None:
    if not use:
        return None
    if answers is not None:
        return answers
    return home / protocol.data.answers if protocol.data.answers else None


def answers_left_over(amendments: Sequence[Any], protocol: Protocol) -> list[Query]:
    """An answer of a centre that this study does not have is not used, and that is said."""
    lost = Counter(a.centre for a in amendments)
    for centre in protocol.data.centres:
        lost.pop(centre.id, None)
    return [
        Query(
            rule="answer_without_centre",
            severity=Severity.NOTE,
            centre=centre,
            subject="",
            addresses=(protocol.data.answers or "answers",),
            saw=f"{n} answers of centre {centre}",
            message=f"The protocol has no centre {centre}, so its {n} answers are not used.",
            ask="Nothing, if the centre was left out on purpose; otherwise correct the centre's name in the answers.",
        )
        for centre, n in sorted(lost.items())
    ]


def subjects_are_unique(subjects: pl.DataFrame) -> None:
    """Raise `MappingError` where one subject id is used at two centres: it would silently merge two people.

    `subjects` has CENTRE and USUBJID, any number of times.
    """
    import polars as pl

    both = (
        subjects.select("CENTRE", "USUBJID")
        .unique()
        .group_by("USUBJID")
        .agg(pl.col("CENTRE").sort())
        .filter(pl.col("CENTRE").list.len() > 1)
        .sort("USUBJID")
    )
    if both.height:
        first = both.row(0, named=True)
        raise MappingError(
            f"The subject id {first['USUBJID']} is used by centres {' and '.join(first['CENTRE'])}"
            f" ({both.height} such ids)",
            expected="subject ids that are unique over the study",
            do="give one centre's mapping a `subject_prefix`",
        )


def in_order(queries: Sequence[Query]) -> list[Query]:
    """Sort queries by centre, severity, subject and rule; of one id the first stays."""
    weight = {Severity.BLOCK: 0, Severity.WARN: 1, Severity.NOTE: 2}
    unique = {q.id: q for q in reversed(queries)}
    return sorted(unique.values(), key=lambda q: (q.centre, weight[q.severity], q.subject, q.rule, q.id))
