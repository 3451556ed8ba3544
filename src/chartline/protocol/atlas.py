"""A cohort definition as ATLAS exports it (Circe's JSON): what of it is read.

In: a file. Out: a frozen `Definition`, whose fields are Circe's own names. What has no field here is not read, and a
definition that says it is refused with its place (`PrimaryCriteria.CriteriaList[0].DrugExposure.DoseUnit`): a condition
that was left out in silence would select other persons. A field that is absent, null or an empty list says nothing and
is passed over, as ATLAS writes many of them.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from chartline.core.declared import read_text
from chartline.core.faults import told
from chartline.errors import ProtocolError

# What decides when somebody leaves a cohort, and never whether or when anybody enters it: read over, not read.
_EXIT = ("EndStrategy", "CensoringCriteria", "CollapseSettings")
# Descriptions, which decide nothing.
_SAID = ("Title", "cdmVersionRange", "description", "name", "createdBy", "createdDate", "modifiedBy", "modifiedDate")
# Where these are false, it is the same as if they were absent; so is an `...Exclude` of a list.
_FALSE_SAYS_NOTHING = ("RestrictVisit", "UseIndexEnd", "UseEventEnd", "Abnormal", "includeMapped")


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(_Read):
    """A test of a number or a day: less, at most, equal, more, at least, or between with both ends inside."""

    Op: Literal["lt", "lte", "eq", "gt", "gte", "bt"]
    Extent: float | None = None

    @model_validator(mode="after")
    def _has_its_ends(self) -> Range:
        if self.Op == "bt" and self.Extent is None:
            raise ValueError("`bt` needs an `Extent`")
        return self


class NumberRange(Range):
    Value: float


class WholeRange(Range):
    """Of ages: whole years."""

    Value: int
    Extent: int | None = None


class DayRange(Range):
    Value: dt.date
    Extent: dt.date | None = None  # type: ignore[assignment]


class Concept(BaseModel):
    """One concept; of its description only the name is kept."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    CONCEPT_ID: int
    CONCEPT_NAME: str = ""


class ConceptItem(_Read):
    concept: Concept
    includeDescendants: bool = False
    isExcluded: bool = False


class Expression(_Read):
    items: tuple[ConceptItem, ...] = ()


class ConceptSet(_Read):
    id: int
    name: str
    expression: Expression


# Circe's name of a table -> the table of the CDM.
TABLES = {
    "ConditionOccurrence": "condition_occurrence", "DrugExposure": "drug_exposure",
    "ProcedureOccurrence": "procedure_occurrence", "Measurement": "measurement", "Observation": "observation",
    "DeviceExposure": "device_exposure", "VisitOccurrence": "visit_occurrence", "Death": "death",
    "ConditionEra": "condition_era", "DrugEra": "drug_era",
}  # fmt: skip
Table = Literal[
    "ConditionOccurrence", "DrugExposure", "ProcedureOccurrence", "Measurement", "Observation", "DeviceExposure",
    "VisitOccurrence", "Death", "ConditionEra", "DrugEra",
]  # fmt: skip


class Criterion(_Read):
    """Rows of one table. Which keys a table may have is Circe's matter; a key that is read here means the same of all
    tables."""

    CodesetId: int | None = None
    First: bool = False
    OccurrenceStartDate: DayRange | None = None
    EraStartDate: DayRange | None = None
    ValueAsNumber: NumberRange | None = None
    ValueAsConcept: tuple[Concept, ...] = ()
    Unit: tuple[Concept, ...] = ()
    Age: WholeRange | None = None
    AgeAtStart: WholeRange | None = None
    Gender: tuple[Concept, ...] = ()
    CorrelatedCriteria: Group | None = None


class Bound(_Read):
    """A side of a window: so many days before (-1) or after (1) the index event; no days: as far as is observed."""

    Days: int | None = None
    Coeff: Literal[-1, 1]


class Window(_Read):
    Start: Bound
    End: Bound

    @model_validator(mode="after")
    def _opens_outwards(self) -> Window:
        if (self.Start.Days is None and self.Start.Coeff == 1) or (self.End.Days is None and self.End.Coeff == -1):
            raise ValueError("a window cannot begin when observation ends, nor end when it begins")
        return self


class Occurrence(_Read):
    Type: Literal[0, 1, 2]  # exactly, at most, at least
    Count: int = Field(ge=0)
    IsDistinct: bool = False
    CountColumn: Literal["DOMAIN_CONCEPT", "START_DATE"] | None = None


class Windowed(_Read):
    """So many rows of a table in a window around the index event."""

    Criteria: dict[Table, Criterion] = Field(min_length=1, max_length=1)
    StartWindow: Window
    Occurrence: Occurrence
    IgnoreObservationPeriod: bool = False


class Demographic(_Read):
    Age: WholeRange | None = None
    Gender: tuple[Concept, ...] = ()
    OccurrenceStartDate: DayRange | None = None


class Group(_Read):
    """Several conditions, of which all, any, or so many must hold."""

    Type: Literal["ALL", "ANY", "AT_LEAST", "AT_MOST"] = "ALL"
    Count: int | None = Field(None, ge=0)
    CriteriaList: tuple[Windowed, ...] = ()
    DemographicCriteriaList: tuple[Demographic, ...] = ()
    Groups: tuple[Group, ...] = ()

    @model_validator(mode="after")
    def _counts(self) -> Group:
        if self.Type.startswith("AT_") and self.Count is None:
            raise ValueError(f"`{self.Type}` needs a `Count`")
        return self

    @property
    def is_empty(self) -> bool:
        """Whether it asks nothing: it then holds of every event."""
        return not (self.CriteriaList or self.DemographicCriteriaList or self.Groups)


class Rule(_Read):
    name: str
    description: str = ""
    expression: Group


class Limit(_Read):
    Type: Literal["First", "Last", "All"] = "All"


class Observed(_Read):
    PriorDays: int = Field(0, ge=0)
    PostDays: int = Field(0, ge=0)


class Primary(_Read):
    CriteriaList: tuple[dict[Table, Criterion], ...] = Field(min_length=1)
    ObservationWindow: Observed = Observed()
    PrimaryCriteriaLimit: Limit = Limit()


class Definition(_Read):
    """Who enters a cohort, and on which day."""

    ConceptSets: tuple[ConceptSet, ...] = ()
    PrimaryCriteria: Primary
    AdditionalCriteria: Group | None = None
    QualifiedLimit: Limit = Limit()
    ExpressionLimit: Limit = Limit()
    InclusionRules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _concept_sets_are_there(self) -> Definition:
        there = {one.id for one in self.ConceptSets}
        if missing := sorted(_codesets(self.model_dump()) - there):
            raise ValueError(f"there is no concept set {missing[0]}, which a condition names")
        return self


def _codesets(said: Any) -> set[int]:
    """Return the numbers of all concept sets that conditions name."""
    if isinstance(said, dict):
        own = {said["CodesetId"]} if said.get("CodesetId") is not None else set()
        return own.union(*(_codesets(inner) for inner in said.values()))
    return set().union(*map(_codesets, said)) if isinstance(said, list | tuple) else set()


def read_definition(file: Path) -> Definition:
    """Return the definition in `file`. Raises ProtocolError for what is no definition, or says what is not read."""
    text = read_text(file, ProtocolError)
    try:
        raw = json.loads(text)
        if isinstance(raw, dict) and "PrimaryCriteria" not in raw and "expression" in raw:
            inner = raw["expression"]  # as the web service gives it: the definition inside its description
            raw = json.loads(inner) if isinstance(inner, str) else inner
    except (ValueError, RecursionError) as e:
        raise ProtocolError(
            f"{file.name} is not valid JSON: {e}", where=str(file), do="export it from ATLAS again (Export, JSON)"
        ) from None
    if not isinstance(raw, dict) or "PrimaryCriteria" not in raw:
        raise ProtocolError(
            f"{file.name} is not a cohort definition", where=str(file),
            expected="JSON with `PrimaryCriteria`, `ConceptSets`, ...", do="export it from ATLAS (Export, JSON)",
        )  # fmt: skip
    said = {key: value for key, value in raw.items() if key not in (*_EXIT, *_SAID)}
    try:
        return Definition.model_validate(_without_silence(said))
    except ValidationError as e:
        raise _refusal(e, file) from None


def _without_silence(value: Any) -> Any:
    """Leave out what says nothing: nulls, empty lists, a false that is the same as absent, an exclusion of nothing."""
    if isinstance(value, list):
        return [_without_silence(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_silence(inner) for key, inner in value.items()}
    kept = {key: inner for key, inner in kept.items() if inner is not None and inner != []}
    return {
        key: inner
        for key, inner in kept.items()
        if not (inner is False and (key in _FALSE_SAYS_NOTHING or key.endswith("Exclude")))
        and not (key == "CensorWindow" and inner == {})
        and not (key.endswith("Exclude") and key.removesuffix("Exclude") not in kept)
    }


def _refusal(error: ValidationError, file: Path) -> ProtocolError:
    first = error.errors()[0]
    place = _place(first["loc"])
    others = len(error.errors()) - 1
    more = f"; {others} more such place(s)" if others else ""
    unknown_table = first["loc"][-1:] == ("[key]",)
    if first["type"] == "extra_forbidden" or unknown_table:
        name = first["loc"][-2 if unknown_table else -1]
        return ProtocolError(
            f"The cohort definition {'asks about' if unknown_table else 'says'} `{name}`, which is not supported",
            where=f"{file}: {place}{more}",
            expected="only what docs/protocol.md lists under `A cohort definition of ATLAS`",
            do="take this condition out of the definition in ATLAS, and ask for it in the protocol's eligibility",
        )
    what, expected = told(first)
    return ProtocolError(
        f"The cohort definition cannot be read: {what}", where=f"{file}: {place}{more}",
        expected=expected or "a definition as ATLAS exports it", do="export the cohort from ATLAS again (Export, JSON)",
    )  # fmt: skip


def _place(loc: tuple[int | str, ...]) -> str:
    """`('CriteriaList', 0, 'DrugExposure')` as `CriteriaList[0].DrugExposure`."""
    parts = (part for part in loc if part != "[key]")
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
