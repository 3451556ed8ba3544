"""What the database itself decides, by codes, before any row is read: concept sets, and the selection of persons.

The tables are those of the OMOP CDM 5.3 and 5.4 that hold dated, coded events of a person. Days are counted from the
index date, the day of the index event; `from_day` and `to_day` are inclusive, and null where there is no bound.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic.json_schema import SkipJsonSchema

from chartline.errors import ProtocolError
from chartline.protocol.atlas import Definition
from chartline.protocol.base import Declared
from chartline.protocol.place import Place, check_known

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol

ClinicalTable = Literal[
    "drug_exposure",
    "drug_era",
    "condition_occurrence",
    "condition_era",
    "procedure_occurrence",
    "measurement",
    "observation",
    "device_exposure",
    "specimen",
    "visit_occurrence",
    "episode",
    "death",
]


@dataclass(frozen=True)
class EventColumns:
    """The columns of a clinical table that a selection reads: standard concept, day, and the site's own code."""

    concept: str
    day: str
    source_value: str | None


# Source: OHDSI Common Data Model 5.4, field-level specification. Of an episode, its object: the disease or regimen.
EVENT_COLUMNS: dict[str, EventColumns] = {
    "drug_exposure": EventColumns("drug_concept_id", "drug_exposure_start_date", "drug_source_value"),
    "drug_era": EventColumns("drug_concept_id", "drug_era_start_date", None),
    "condition_occurrence": EventColumns("condition_concept_id", "condition_start_date", "condition_source_value"),
    "condition_era": EventColumns("condition_concept_id", "condition_era_start_date", None),
    "procedure_occurrence": EventColumns("procedure_concept_id", "procedure_date", "procedure_source_value"),
    "measurement": EventColumns("measurement_concept_id", "measurement_date", "measurement_source_value"),
    "observation": EventColumns("observation_concept_id", "observation_date", "observation_source_value"),
    "device_exposure": EventColumns("device_concept_id", "device_exposure_start_date", "device_source_value"),
    "specimen": EventColumns("specimen_concept_id", "specimen_date", "specimen_source_value"),
    "visit_occurrence": EventColumns("visit_concept_id", "visit_start_date", "visit_source_value"),
    "episode": EventColumns("episode_object_concept_id", "episode_start_date", "episode_source_value"),
    "death": EventColumns("cause_concept_id", "death_date", "cause_source_value"),
}
assert set(EVENT_COLUMNS) == set(get_args(ClinicalTable))
# Which episodes are lines of therapy: OMOP CDM, Oncology Extension, the concept "Treatment Regimen" of the vocabulary
# Episode. A cycle of a regimen (32532) names the same regimen as its object.
TREATMENT_REGIMEN = 32531


class Concept(Declared):
    """One concept: by its OMOP `id`, or by `vocabulary` and `code`, or `vocabulary` and `name`, which are looked up in
    the table `concept`."""

    id: int | None = Field(None, description="OMOP concept_id.", examples=[3029572])
    vocabulary: str | None = Field(
        None, description="Vocabulary of `code`, as in `concept.vocabulary_id`.", examples=["RxNorm"]
    )
    code: str | None = Field(
        None, description="Code in that vocabulary, as in `concept.concept_code`. In quotes.", examples=["1942950"]
    )
    name: str = Field(
        "",
        description="What it is, for readers. Without `id` and `code`: its `concept.concept_name` in that vocabulary, "
        "letter by letter, for vocabularies whose codes nobody knows by heart (Episode, HemOnc, Cancer Modifier).",
        examples=["inotuzumab ozogamicin"],
    )
    descendants: bool = Field(
        False,
        description="With all its descendants, by `concept_ancestor`. Where the database has no such table, the "
        "concept stands alone, and that is said.",
        examples=[True],
    )
    exclude: bool = Field(
        False,
        description="The concept, and its descendants if asked for, is taken out of the set.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _by_id_or_code(self) -> Concept:
        coded, named = self.code is not None, self.id is None and self.code is None and bool(self.name)
        if (self.id is not None) + coded + named != 1 or (self.vocabulary is not None) != (coded or named):
            raise ValueError(
                "a concept is named by its `id`, by `vocabulary` and `code`, or by `vocabulary` and `name`"
            )
        return self


class ConceptSet(Declared):
    """Codes that mean one thing."""

    label: str = Field(description="What the set means, for readers.", examples=["Inotuzumab ozogamicin"])
    concepts: tuple[Concept, ...] = Field(
        (),
        description="The concepts of the set, less those with `exclude`.",
        examples=[[{"vocabulary": "RxNorm", "code": "1942950", "name": "inotuzumab ozogamicin", "descendants": True}]],
    )
    source_values: tuple[str, ...] = Field(
        (),
        description="Patterns of the site's own code (`drug_source_value` and the like), for sites without standard "
        "concepts: `%` stands for any letters, `_` for one; capitals count. A record belongs to the set by its "
        "concept or by its source value.",
        examples=[["INO %"]],
    )

    @model_validator(mode="after")
    def _holds_something(self) -> ConceptSet:
        if not self.source_values and all(concept.exclude for concept in self.concepts):
            raise ValueError("a concept set needs at least one concept without `exclude`, or a source value")
        if odd := next((p for p in self.source_values if "\\" in p or not p), None):
            raise ValueError(f"the pattern {odd!r} of a source value is empty, or holds a backslash")
        return self


class IndexRule(Declared):
    """The record whose day is the index date of a person."""

    table: ClinicalTable = Field(description="Table of its records.", examples=["drug_exposure"])
    concepts: str = Field(description="Concept set of its records.", examples=["inotuzumab"])
    start: dt.date | None = Field(
        None, alias="from", description="First day that an index date may be.", examples=["2017-02-01"]
    )
    end: dt.date | None = Field(
        None, alias="to", description="Last day that an index date may be.", examples=["2022-10-31"]
    )
    which: Literal["first", "first_between"] = Field(
        "first",
        description="`first`: the person's first record ever, which must lie between `from` and `to`. "
        "`first_between`: the first record between them, whatever came before.",
        examples=["first"],
    )

    @model_validator(mode="after")
    def _in_order(self) -> IndexRule:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(f"`from` {self.start} is after `to` {self.end}")
        return self


class AgeRule(Declared):
    """Age in whole years at the index date. Where the day or the month of birth is not known, only who cannot be of
    that age is ruled out; how many could not be decided is told."""

    min: int | None = Field(None, ge=0, description="Lowest age.", examples=[18])
    max: int | None = Field(None, ge=0, description="Highest age.", examples=[75])

    @model_validator(mode="after")
    def _in_order(self) -> AgeRule:
        if self.min is None and self.max is None:
            raise ValueError("an age rule needs `min` or `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"`min` {self.min} is more than `max` {self.max}")
        return self


class ObservedDays(Declared):
    """The index date lies in an observation period that reaches so many days before and after it."""

    before: int = Field(0, ge=0, description="Days observed before the index date.", examples=[365])
    after: int = Field(0, ge=0, description="Days observed after the index date.", examples=[30])


class Requirement(Declared):
    """Records that a person must have, or must not have, around the index date."""

    label: str = Field(description="The requirement as a reader sees it.", examples=["B-cell ALL"])
    table: ClinicalTable = Field(description="Table of the records.", examples=["condition_occurrence"])
    concepts: str = Field(description="Concept set of the records.", examples=["b_all"])
    from_day: int | None = Field(
        None, description="First day that counts, from the index date; no bound if not given.", examples=[-365]
    )
    to_day: int | None = Field(
        None, description="Last day that counts, from the index date; no bound if not given.", examples=[0]
    )
    at_least: int = Field(1, ge=1, description="So many records.", examples=[2])
    distinct_days: bool = Field(False, description="Records of one day count once.", examples=[True])

    @model_validator(mode="after")
    def _in_order(self) -> Requirement:
        if self.from_day is not None and self.to_day is not None and self.from_day > self.to_day:
            raise ValueError(f"`from_day` {self.from_day} is after `to_day` {self.to_day}")
        return self


class PriorLines(Declared):
    """How many treatments a person had before the index date, as far as codes tell."""

    concepts: str = Field(description="Concept set of the treatments.", examples=["all_drugs"])
    count: Literal["drugs", "regimens"] = Field(
        "drugs",
        description="`drugs`: different concepts of the set, a descendant being its ancestor, with a record of "
        "`drug_exposure` before the index date. `regimens`: treatment regimens of `episode` (not their "
        "cycles, which name the same regimen) that began before it.",
        examples=["drugs"],
    )
    at_least: int = Field(1, ge=0, description="Fewest.", examples=[1])
    at_most: int | None = Field(None, ge=0, description="Most; no bound if not given.", examples=[4])

    @property
    def counted(self) -> str:
        """What is counted, as it follows the last number of a sentence."""
        one = (self.at_least if self.at_most is None else self.at_most) == 1
        return self.count.removesuffix("s") if one else self.count

    @model_validator(mode="after")
    def _in_order(self) -> PriorLines:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"`at_most` {self.at_most} is less than `at_least` {self.at_least}")
        return self


class Selection(Declared):
    """Who is read from an OMOP database: whoever a step rules out is counted there, and no row of theirs is read.

    The steps are taken in this order: index event, age, observed days, required records, excluded records, prior
    lines. What a step cannot decide rules nobody out; the eligibility criteria see those persons.
    """

    index: IndexRule = Field(
        description="The index event.",
        examples=[{"table": "drug_exposure", "concepts": "inotuzumab", "from": "2017-02-01", "to": "2022-10-31"}],
    )
    age: AgeRule | None = Field(None, description="Age at the index date.", examples=[{"min": 18}])
    observed_days: ObservedDays | None = Field(
        None, description="Observation around the index date.", examples=[{"before": 0, "after": 0}]
    )
    require: tuple[Requirement, ...] = Field(
        (),
        description="Records that a person must have.",
        examples=[[{"label": "B-cell ALL", "table": "condition_occurrence", "concepts": "b_all", "to_day": 0}]],
    )
    exclude: tuple[Requirement, ...] = Field(
        (),
        description="Records that a person must not have.",
        examples=[[{"label": "Earlier transplant", "table": "procedure_occurrence", "concepts": "hsct", "to_day": -1}]],
    )
    prior_lines: PriorLines | None = Field(
        None, description="Treatments before the index date.", examples=[{"concepts": "all_drugs", "at_least": 1}]
    )


class AtlasSelection(Declared):
    """A cohort definition of ATLAS in the place of a selection, with the meaning that it has there."""

    circe: str = Field(
        description="File of the definition as ATLAS exports it (Export, JSON), relative to the protocol.",
        examples=["cohort.json"],
    )
    # What the file says, once the protocol is loaded: a protocol is whole without its files. Nobody writes it.
    definition: SkipJsonSchema[Definition | None] = Field(None, description="What the file says.")


def form_of_selection(said: Any) -> str:
    """Return which of the two forms a selection has."""
    atlas = "circe" in said if isinstance(said, dict) else isinstance(said, AtlasSelection)
    return "AtlasSelection" if atlas else "Selection"


AnySelection = Annotated[
    Annotated[Selection, Tag("Selection")] | Annotated[AtlasSelection, Tag("AtlasSelection")],
    Discriminator(form_of_selection),
]


def resolve_selection(p: Protocol, top: Place) -> None:
    """Raise `ProtocolError` for a concept set that is not declared, or that can find nothing in its table."""
    selection, place = p.selection, top.at("selection")
    if not isinstance(selection, Selection):
        return
    _set_of(selection.index.concepts, selection.index.table, p, place.at("index"))
    for key in ("require", "exclude"):
        for i, rule in enumerate(getattr(selection, key)):
            _set_of(rule.concepts, rule.table, p, place.at(key, i, name=rule.label))
    if selection.prior_lines is not None:
        table = "drug_exposure" if selection.prior_lines.count == "drugs" else "episode"
        _set_of(selection.prior_lines.concepts, table, p, place.at("prior_lines"))


def _set_of(name: str, table: str, p: Protocol, place: Place) -> None:
    check_known(name, p.concept_sets, "concept set", place.at("concepts"))
    codes = [concept for concept in p.concept_sets[name].concepts if not concept.exclude]
    if EVENT_COLUMNS[table].source_value is None and not codes:
        raise ProtocolError(
            f"`{name}` has source values alone, and {table} has no source values",
            where=str(place),
            expected="a set with concepts, or another table",
            do="add concepts to the set, or read the table that the eras were made from",
        )
