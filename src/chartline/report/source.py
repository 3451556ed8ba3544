"""What the pipeline hands to the report: results and counts, plus plain lines from left of the wall.

The report reads no patient table. Lines that name a patient or a cell (`PatientBar`, `QueryLine`, `AmendmentLine`,
`WithheldLine`, `RegradedLine`, `SyndromeLine`, `LiverPoint`, `AssertionLine`) are made by the pipeline; patients are
named only where the protocol allows it.

Where results are looked for (analysis id, group):

    a declared analysis          its id; "" for everyone, "SITEID=A" for a level of `by`
    a level of a category        "<VARIABLE>=<level>" with statistic "n"; with a centre "SITEID=A;<VARIABLE>=<level>"
    Table 1, variable AGE        analysis "table1.age"; numbers as a summary, text as categories, bands as "AGE=<label>"
    laboratory grades            counts "lab_grades": a CrossTab over (TEST, BASE, GRADE), one patient once a test
    adverse events               counts "ae_grades": a CrossTab over (TERM, GRADE), one patient once a term
    components of a composite    counts "safety_components": a CrossTab over (FLAG, PLACE, COMPONENT, VALUE)
    syndromes                    counts "syndromes": a CrossTab over (SET, VERDICT), one patient once a set
    their severity               counts "syndrome_severities": a CrossTab over (SET, SEVERITY) of those who met them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from chartline.counts.model import AttritionTable, Counts
from chartline.results.model import Result, Results
from chartline.results.multiverse import Multiverse

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol
    from chartline.protocol.reporting import Headline, Published


class CurveLike(Interface):
    """A right-continuous step function on days, as `stats` gives it: survival, an incidence, a state's probability.

    `initial` is its value before the first day: 1 of a survival curve, 0 of an incidence.
    """

    @property
    def initial(self) -> float: ...

    @property
    def times_days(self) -> Sequence[float]: ...
    @property
    def survival(self) -> Sequence[float]: ...
    @property
    def lower(self) -> Sequence[float | None]: ...
    @property
    def upper(self) -> Sequence[float | None]: ...
    @property
    def censor_days(self) -> Sequence[float]: ...
    def n_risk(self, days: float) -> int: ...
    def n_events(self, days: float) -> int: ...


@dataclass(frozen=True)
class PatientBar:
    """One row of the swimmer plot. Times are days from first dose."""

    subject: str
    response: str  # "CR", "CRi", ... as printed; "" none
    end: int
    alive: bool
    segments: tuple[tuple[str, int, int], ...] = ()  # (kind, from, to): treatment, follow_up, after_transplant
    markers: tuple[tuple[str, int], ...] = ()  # (kind, day), kinds as in `blocks/swimmer.py`


@dataclass(frozen=True)
class QueryLine:
    """One open query."""

    id: str
    centre: str
    subject: str
    rule: str
    severity: str  # block, warn, note
    places: tuple[str, ...]
    saw: str
    message: str
    ask: str


@dataclass(frozen=True)
class BoardLine:
    """The queries of one centre ("" for all) by where they stand, as the study's log has them.

    `middle` and `oldest` are days (yyyy-mm-dd) on which the queries that wait for somebody were first asked: the middle
    one and the first; "" where none waits.
    """

    centre: str
    blocking: int
    checking: int
    reopened: int  # of the two before
    answered: int
    accepted: int
    closed_true: int
    closed_data: int
    middle: str
    oldest: str


@dataclass(frozen=True)
class AmendmentLine:
    """One answer of a centre that replaced a value."""

    centre: str
    subject: str
    address: str
    was: str
    now: str
    reason: str
    by: str
    on: str


@dataclass(frozen=True)
class OverrideLine:
    """A value that a reviewer set, or that follows from one, with what was derived without."""

    subject: str
    what: str  # "Response, assessment of 2020-01-28"; "Relapse-free survival"
    follows: bool
    derived: str
    value: str
    reason: str
    by: str
    on: str


@dataclass(frozen=True)
class WithheldLine:
    """A patient left out of analyses because of open blocking queries."""

    subject: str
    analyses: tuple[str, ...]  # labels of the analyses
    queries: tuple[str, ...]  # ids


@dataclass(frozen=True)
class RuleSetLine:
    """A rule set that a derivation reads: where it comes from, and what of it was read there."""

    label: str
    version: str
    source: str
    status: str  # verified, partly verified, unverified
    checked: str


@dataclass(frozen=True)
class ResponseSet:
    """A response rule set as a report names it, with the ADSL variable that holds its best response."""

    variable: str  # BOR, BOR_ELN
    label: str
    version: str
    source: str
    responders: tuple[str, ...]
    categories: tuple[tuple[str, str, str], ...]  # (code, meaning, where it comes from), best first


@dataclass(frozen=True)
class ResponseLine:
    """A patient's best response under each rule set, by their variable; missing where withheld."""

    subject: str
    best: Mapping[str, str]


@dataclass(frozen=True)
class DiscordantLine:
    """A patient of whom two statements differ: what was derived and what was recorded, each with its sentence."""

    subject: str
    derived: str
    recorded: str
    why_derived: str
    why_recorded: str


@dataclass(frozen=True)
class RegradedLine:
    """A patient whose safety flag is another under another version of the grading scale."""

    subject: str
    flag: str  # its ADSL name
    values: tuple[str, ...]  # Y, N or "" under the main choice, then under each variant
    because: str  # why it differs, the sentence of the first variant that does


@dataclass(frozen=True)
class SyndromeLine:
    """A patient and a set of criteria."""

    subject: str
    syndrome: str  # its name in the protocol
    verdict: str  # MET, NOT MET, NOT ASSESSABLE
    day: str  # on which it was met; "" otherwise
    how: str  # by which pathway
    severity: str
    missing: tuple[str, ...]  # labels of the items that are not known
    because: str


@dataclass(frozen=True)
class LiverPoint:
    """A patient's peaks on treatment, as multiples of the upper limit of normal."""

    subject: str
    alt: float
    bilirubin: float


@dataclass(frozen=True)
class AssertionLine:
    """An assertion that does not hold in one comparison: of `n` compared, the breaches (patient or "", numbers)."""

    sentence: str
    on: str
    n: int
    breaches: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CodeLine:
    """One code of a concept set of the protocol, as the databases know it."""

    concept_set: str  # label
    vocabulary: str  # "" where nobody said
    code: str
    concept_id: int | None
    name: str
    descendants: bool
    excluded: bool
    concepts: int | None  # how many it stands for, with its descendants; None where no database was asked
    note: str
    databases: tuple[str, ...] = ()  # labels of the centres of which this holds; () for all


@dataclass(frozen=True)
class InputFile:
    """One file that was read."""

    name: str
    sha256: str


@dataclass(frozen=True)
class ReportSource:
    """Everything a report is made from."""

    protocol: Protocol
    results: Results
    counts: Counts = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, CurveLike]] = field(
        default_factory=dict
    )  # analysis -> group ("" is everyone) -> curve
    methods: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (heading, sentences)
    attrition: AttritionTable | None = None
    multiverse: Multiverse | None = None
    patients: tuple[PatientBar, ...] = ()
    unlisted: int = 0  # patients, where they are too many to be listed one by one
    queries: tuple[QueryLine, ...] = ()
    board: tuple[BoardLine, ...] = ()  # () where the study has no log
    amendments: tuple[AmendmentLine, ...] = ()
    overrides: tuple[OverrideLine, ...] = ()
    withheld: tuple[WithheldLine, ...] = ()
    regraded: tuple[RegradedLine, ...] = ()
    syndromes: tuple[SyndromeLine, ...] = ()
    syndrome_labels: Mapping[str, str] = field(default_factory=dict)  # name in the protocol -> label of its criteria
    liver: tuple[LiverPoint, ...] = ()
    assertions: tuple[AssertionLine, ...] = ()
    rule_sets: tuple[RuleSetLine, ...] = ()
    codes: tuple[CodeLine, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()  # ("chartline", "0.1.0"), ...
    response_sets: tuple[ResponseSet, ...] = ()  # the main one first; each rule set once
    responses: tuple[ResponseLine, ...] = ()  # patients whose best response differs between them
    discordant: Mapping[str, tuple[DiscordantLine, ...]] = field(
        default_factory=dict
    )  # INVBOR, DRELFL, HSCTSTAT -> lines
    origins: Mapping[str, str] = field(default_factory=dict)  # endpoint -> what its times are counted from, in words
    levels: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # variable -> code -> label, in the order of the rule set: "BOR" -> "NR" -> "No response"

    mrd_definitions: Mapping[str, str] = field(default_factory=dict)  # name of the rule set -> MRD-negative in words

    def asked(self, what: Headline | Published) -> Result | None:
        """Return the result that a line of the protocol names, or None."""
        if not what.analysis or not what.statistic:
            return None
        return self.result(what.analysis, what.statistic, what.at, what.group)

    def result(self, analysis: str, statistic: str, at: float | None = None, group: str = "") -> Result | None:
        """Return one result by its key, or None (a dictionary look-up, not a search)."""
        parts = [analysis, *([group] if group else []), statistic]
        key = "/".join(parts) + (f"@{at:g}" if at is not None else "")
        try:
            return self.results[key]
        except KeyError:
            return None

    def declared(self, analysis_id: str) -> object | None:
        """Return the protocol's analysis with this id, or None."""
        return next((a for a in self.protocol.analyses if a.id == analysis_id), None)
