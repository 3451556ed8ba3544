"""Mapping: how one centre's files are read. Declared by a data manager, total, signed; nothing in it is guessed.

In: YAML (see `load.py`). Out: frozen models. Every field carries its description and an example, because
`docs/mapping.md` and the JSON Schema for editors are generated from here. A word in a mapping is what the file
shows: `01` stays `01`, `N` and `no` stay text.
"""

from __future__ import annotations

import datetime as dt
import re
from enum import StrEnum
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from chartline.protocol.own_checks import OwnCheck, named_once
from chartline.sources.spec import SourceSpec


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, regex_engine="python-re")


def _one_group(pattern: str) -> str:
    if re.compile(_regex(pattern)).groups != 1:
        raise ValueError(f"`{pattern}` must have exactly one group ( ), the part that is the value")
    return pattern


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as e:
        raise ValueError(f"`{pattern}` is not a regular expression: {e}") from None
    if re.search(r"\(\?(?:<?[=!]|P=)|(?<!\\)\\[1-9]", pattern):
        raise ValueError(f"`{pattern}` uses look-around or a back-reference, which is not supported")
    try:  # the engine that reads the cells refuses what Python lets pass, such as `{` alone
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as e:
        why = str(e).rpartition("error: ")[2].splitlines()[0]
        raise ValueError(f"`{pattern}` is not a regular expression: {why}") from None
    return pattern


def _as_word(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_words(value: Any) -> Any:
    """`Y: Yes` is `Y: [Yes]`."""
    return [value] if isinstance(value, str | int) else value


# What stands in a file, as it stands there. Editors read `1` in YAML as a number, so the schema allows numbers.
_WORD = {"anyOf": [{"type": "string"}, {"type": "number"}]}
_WORDS = {"anyOf": [*_WORD["anyOf"], {"type": "array", "items": _WORD}]}
Word = Annotated[str, BeforeValidator(_as_word), WithJsonSchema(_WORD)]
CodeWords = dict[str, Annotated[tuple[Word, ...], BeforeValidator(_as_words), WithJsonSchema(_WORDS)]]


class DateOrder(StrEnum):
    """Order of day, month and year in dates that stand as text."""

    DMY = "DMY"
    MDY = "MDY"
    YMD = "YMD"
    ISO = "ISO"


class TrueDates(StrEnum):
    """What a true date cell of a spreadsheet is worth."""

    AS_IS = "as_is"
    SWAP = "swap_day_month"


class DatePatch(_Declared):
    """How the dates of one column are written, where they differ from the centre's."""

    order: DateOrder | None = Field(None, description="Order of day, month and year in text.", examples=["DMY"])
    partial: bool | None = Field(
        None, description="Whether a month or a year alone is a date. If not, it is queried.", examples=[True]
    )
    true_dates: TrueDates | None = Field(
        None,
        description="`as_is`, or `swap_day_month` for a column that was once re-saved under another locale: day and "
        "month of each true date cell are swapped, text is left, and every swapped cell is reported.",
        examples=["swap_day_month"],
    )


class Dates(_Declared):
    """How this centre writes dates."""

    order: DateOrder = Field(
        DateOrder.ISO,
        description="Order of day, month and year in dates that stand as text. Separators may be - / . or a space; "
        "English month names are understood; a year has four digits. ISO is strict: only yyyy-mm-dd, yyyy-mm or yyyy.",
        examples=["DMY"],
    )
    partial: bool = Field(
        True, description="Whether a month or a year alone is a date. If not, it is queried.", examples=[True]
    )
    true_dates: TrueDates = Field(
        TrueDates.AS_IS, description="What a true date cell of a spreadsheet is worth.", examples=["as_is"]
    )


class DayZero(_Declared):
    """An event from which the centre counts days, because its calendar date is not known or was not given."""

    label: str = Field(min_length=1, description="The event, as a reader sees it.", examples=["diagnosis"])
    day: dt.date = Field(
        description="The day that stands for the event of every subject. It is fictitious, and no reader meets it: "
        "only differences between days counted from the same event mean anything.",
        examples=["2000-01-01"],
    )


class Lookup(_Declared):
    """Read the cell as a key into another table."""

    table: str = Field(description="The other table.", examples=["person"])
    key: str = Field(description="Its column that holds the key.", examples=["person_id"])
    value: str = Field(description="Its column that holds the value wanted.", examples=["person_source_value"])
    where: Where = Field(
        {},
        description="Rows of the other table that are meant, where its key may be that of one table or another: "
        "`episode_event.event_id`.",
        examples=[
            {
                "episode_event_field_concept_id": {
                    "lookup": {"table": "concept", "key": "concept_id", "value": "concept_name"},
                    "is": "measurement.measurement_id",
                }
            }
        ],
    )

    def __hash__(self) -> int:
        return hash((self.table, self.key, self.value, tuple(self.where.items())))


# One step, or several: each reads what the step before it found as the key into its own table.
LookupPath = Annotated[
    Annotated[Lookup, Tag("Lookup")] | Annotated[tuple[Lookup, ...], Field(min_length=1), Tag("list")],
    Discriminator(lambda v: "list" if isinstance(v, list | tuple) else "Lookup"),
]


class DateParts(_Declared):
    """A date whose parts stand in columns of their own. Missing day or month: a partial date."""

    year: str = Field(description="Column of the year.", examples=["year_of_birth"])
    month: str | None = Field(None, description="Column of the month, 1-12.", examples=["month_of_birth"])
    day: str | None = Field(None, description="Column of the day.", examples=["day_of_birth"])


class ColumnMatch(_Declared):
    column: str = Field(description="Column of the same row.", examples=["condition_source_value"])
    matches: str = Field(description="Regular expression searched in it.", examples=["month only"])

    _check = field_validator("matches")(_regex)


class Precision(_Declared):
    """Where a source stores a month-only date on a made-up day and says so in another column."""

    month_where: ColumnMatch = Field(
        description="Rows whose date is known to the month only; the stored day is dropped.",
        examples=[{"column": "condition_source_value", "matches": "month only"}],
    )


class UnitColumn(_Declared):
    """The unit stands in a column of the row."""

    column: str = Field(description="Column that holds the unit.", examples=["unit_concept_id"])
    codes: str | CodeWords | None = Field(
        None,
        description="Code list (its name, or unit -> words) from the source's codes to units.",
        examples=[{"mg/dL": ["8840"]}],
    )
    lookup: LookupPath | None = Field(
        None,
        description="Read the unit as a key into another table: an OMOP `unit_concept_id` becomes the UCUM code that "
        "`concept` has for it, so that no unit need be written by hand.",
        examples=[{"table": "concept", "key": "concept_id", "value": "concept_code"}],
    )
    missing: tuple[Word, ...] = Field(
        (),
        description="Further words that mean 'no unit' in this column, as OMOP's concept 0.",
        examples=[["0"]],
    )
    otherwise: UnitColumn | None = Field(
        None,
        description="Column that says the unit where this one gives none: it is blank, its word is not in `codes`, or "
        "its key is not in the table of `lookup`. Where neither gives a unit, the value is queried and no number made.",
        examples=[{"column": "unit_source_value"}],
    )


def _text_or(spec: str) -> Discriminator:
    return Discriminator(lambda v: "text" if isinstance(v, str | int) else spec)


class ValueSpec(_Declared):
    """How one value is read: from a column, from date parts, or a constant."""

    column: str | None = Field(None, description="Column that holds the value.", examples=["Date of birth"])
    constant: Word | None = Field(None, description="A value that is the same for every row.", examples=["DIAGNOSIS"])
    date_parts: DateParts | None = Field(
        None,
        description="Columns of year, month and day.",
        examples=[{"year": "year_of_birth", "month": "month_of_birth", "day": "day_of_birth"}],
    )
    codes: str | CodeWords | None = Field(
        None,
        description="Code list that the words of the column belong to: the name of one in `code_lists`, or written "
        "here. A word that is not in it is queried with the nearest word, never replaced. Of a number, the list says "
        "which number, bound or range a word means; plain numbers are read besides.",
        examples=["yes_no", {"M": ["male"], "F": ["female"]}, {"0": ["nil"], "<5": ["occasional blasts"]}],
    )
    extract: str | None = Field(
        None,
        description="Regular expression with one group: the part of the cell that is the value. A cell without it "
        "is queried.",
        examples=["lod=([0-9.e-]+)"],
    )
    extract_optional: bool = Field(
        False, description="A cell without the part of `extract` simply has no value.", examples=[True]
    )
    unit: (
        Annotated[Annotated[str, Tag("text")] | Annotated[UnitColumn, Tag("UnitColumn")], _text_or("UnitColumn")] | None
    ) = Field(
        None,
        description="Unit of the number, as text or as the column that holds it. `xULN` is a multiple of the "
        "centre's upper limit of normal of the test.",
        examples=["mg/dL", {"column": "unit", "codes": {"mg/dL": ["8840"]}}],
    )
    days_after: str | None = Field(
        None,
        description="The cell is a whole number of days after an event: its name in `days_from`. Negative days are "
        "before it. `constant: 0` is the day of the event itself.",
        examples=["diagnosis"],
    )
    dates: DatePatch | None = Field(
        None, description="Date rules of this column, where they differ from the centre's.", examples=[{"order": "ISO"}]
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="Decimal mark of numbers that stand as text in this column.", examples=[","]
    )
    missing: tuple[Word, ...] = Field(
        (), description="Further words that mean 'no value' in this column.", examples=[["unknown"]]
    )
    lookup: LookupPath | None = Field(
        None,
        description="Read the cell as a key into another table; the value found is then read as declared here. A list "
        "leads on from table to table: each step's value is the key of the next.",
        examples=[
            {"table": "concept", "key": "concept_id", "value": "concept_name"},
            [
                {"table": "episode", "key": "episode_id", "value": "episode_object_concept_id"},
                {"table": "concept", "key": "concept_id", "value": "concept_name"},
            ],
        ],
    )
    display: str | None = Field(
        None,
        description="Column that says in words what a code means; a query about an unknown code quotes it.",
        examples=["code.text"],
    )
    precision: Precision | None = Field(
        None,
        description="Rows whose stored day is not real.",
        examples=[{"month_where": {"column": "source_value", "matches": "month only"}}],
    )

    @field_validator("extract")
    @classmethod
    def _has_one_group(cls, value: str | None) -> str | None:
        return None if value is None else _one_group(value)

    @model_validator(mode="after")
    def _one_origin(self) -> ValueSpec:
        if sum(x is not None for x in (self.column, self.constant, self.date_parts)) != 1:
            raise ValueError("a value needs exactly one of column, constant, date_parts")
        if self.constant is not None and self.model_fields_set - {"constant", "days_after"}:
            raise ValueError("a constant takes no other key, or `days_after`")
        if self.days_after is not None and (self.date_parts or self.dates or self.precision):
            raise ValueError("`days_after` goes with `column` or `constant`, and with neither `dates` nor `precision`")
        return self


Value = Annotated[Annotated[str, Tag("text")] | Annotated[ValueSpec, Tag("ValueSpec")], _text_or("ValueSpec")]


_word_or_list = Discriminator(lambda v: "list" if isinstance(v, list | tuple) else "text")


class Match(_Declared):
    """A test on one column, other than being one of some words; with `lookup`, on what its key leads to."""

    lookup: LookupPath | None = Field(
        None,
        description="The cell is a key into another table, and the test is of the value found there: a concept by its "
        "name. A key that leads nowhere has no value.",
        examples=[{"table": "concept", "key": "concept_id", "value": "concept_name"}],
    )
    is_: Annotated[Annotated[Word, Tag("text")] | Annotated[tuple[Word, ...], Tag("list")], _word_or_list] | None = (
        Field(
            None,
            alias="is",
            description="With `lookup`: the word, or one of the words, that the value is.",
            examples=["Disease Recurrence", ["Disease Recurrence", "Disease Progression"]],
        )
    )

    matches: str | None = Field(None, description="Regular expression searched in the cell.", examples=["^TOTAL"])
    present: bool | None = Field(
        None, description="true: the cell has a value; false: it is blank or a missing word.", examples=[True]
    )
    not_: (
        Annotated[
            Annotated[Word, Tag("text")] | Annotated[tuple[Word, ...], Tag("list")] | Annotated[Match, Tag("Match")],
            Discriminator(lambda v: _test_kind(v)),
        ]
        | None
    ) = Field(
        None, alias="not", description="The opposite of a word, of several words, or of a test.", examples=["PRIOR"]
    )

    @field_validator("matches")
    @classmethod
    def _is_regex(cls, value: str | None) -> str | None:
        return None if value is None else _regex(value)

    @model_validator(mode="after")
    def _one_test(self) -> Match:
        if sum(x is not None for x in (self.matches, self.present, self.not_, self.is_)) != 1:
            raise ValueError("a test needs exactly one of matches, present, not, is")
        if self.is_ is not None and self.lookup is None:
            raise ValueError("`is` goes with `lookup`; without one, write the word alone")
        if isinstance(self.not_, Match) and self.not_.lookup is not None:
            raise ValueError("`lookup` stands beside `not`, not under it")
        return self


def _test_kind(value: Any) -> str:
    if isinstance(value, str | int):
        return "text"
    return "list" if isinstance(value, list | tuple) else "Match"


Test = Annotated[
    Annotated[Word, Tag("text")] | Annotated[tuple[Word, ...], Tag("list")] | Annotated[Match, Tag("Match")],
    Discriminator(_test_kind),
]
Where = dict[str, Test]
Lookup.model_rebuild()  # it takes tests, which may look up in their turn


class Records(_Declared):
    """One record of a domain for each row of the table (or for each row and each item of `for_each`)."""

    domain: str = Field(
        description="Domain of the records, see the vocabulary; or RANGE for the rows of a sheet of reference limits "
        "(variables TESTCD, SEX, LO, HI, UNIT).",
        examples=["LB"],
    )
    variables: dict[str, Value] = Field(
        min_length=1,
        description="Variable -> where its value stands. Text alone is the name of a column.",
        examples=[{"AETERM": "Event", "AESTDTC": {"column": "Start", "dates": {"order": "DMY"}}}],
    )
    for_each: tuple[dict[str, Word], ...] | dict[str, tuple[Word, ...]] | None = Field(
        None,
        description="Repeat this block: a list of {name: text}, or name -> list (every combination). `{name}` is "
        "replaced in every text of the block, also inside names of columns.",
        examples=[{"cycle": ["1", "2"], "day": ["1", "8", "15"]}, [{"test": "HB", "column": "HB (g/dL)"}]],
    )
    where: Where = Field(
        {},
        description="Rows the block is for: column -> word, list of words, or a test. All must hold. Words are "
        "compared with the trimmed cell exactly.",
        examples=[{"Type": "G-CSF"}, {"Result": {"present": True}}],
    )
    anchor: tuple[str, ...] = Field(
        (),
        description="Variables of which at least one must be present for a record to exist, where the usual ones of "
        "the domain do not fit.",
        examples=[["LBPLTTX", "LBGCSF"]],
    )


class Exclusion(_Declared):
    where: Where = Field(
        min_length=1, description="Rows that are not data.", examples=[{"Patient ID": {"matches": "^TOTAL"}}]
    )
    reason: str = Field(min_length=1, description="Why.", examples=["row of totals"])


class Table(_Declared):
    """What one table of the source holds."""

    subject: Value | None = Field(
        None,
        description="Column of the subject's id; or a value with `extract` or `lookup`. Only a table that is used "
        "for look-ups or reference limits has none.",
        examples=["Patient ID", {"column": "subject.reference", "extract": "^Patient/(.+)$"}],
    )
    optional: bool = Field(
        False, description="The table may be absent (no such resource was exported).", examples=[True]
    )
    optional_columns: tuple[str, ...] = Field(
        (),
        description="Columns (with * as wild card) that may be absent, for sources that leave out empty columns.",
        examples=[["note*"]],
    )
    one_row_per_subject: bool = Field(
        False,
        description="A second row of the same subject is queried, naming the cells that differ; the first is kept.",
        examples=[True],
    )
    repeated_rows: str | None = Field(
        None,
        min_length=1,
        description="Why a subject has several rows that say the same of the subject, e.g. one a sample. The first row "
        "is kept, the number of the others told; one that differs in a column that is read is queried as a second row.",
        examples=["one row a sample"],
    )
    exclude_rows: tuple[Exclusion, ...] = Field(
        (),
        description="Rows that are not data, each with the reason.",
        examples=[[{"where": {"Patient ID": {"matches": "^TOTAL"}}, "reason": "row of totals"}]],
    )
    ignore: dict[str, str] = Field(
        {},
        description="Columns (with * as wild card) that are not read -> reason.",
        examples=[{"Remark*": "free text"}],
    )
    records: tuple[Records, ...] = Field(
        (), description="The records made from each row.", examples=[[{"domain": "DM", "variables": {"SEX": "Sex"}}]]
    )

    @model_validator(mode="after")
    def _repeated_or_one(self) -> Table:
        if self.repeated_rows is not None and self.one_row_per_subject:
            raise ValueError("a table has one row a subject, or `repeated_rows`, not both")
        return self


class ReferenceRange(_Declared):
    """Limits of normal of one test, as the centre told them."""

    test: str = Field(description="Code of the test.", examples=["ALT"])
    unit: str = Field(description="Unit of the limits.", examples=["U/L"])
    sex: Literal["M", "F"] | None = Field(
        None, description="Sex the limits are for; both if not given.", examples=["M"]
    )
    lln: float | None = Field(None, description="Lower limit of normal.", examples=[13])
    uln: float | None = Field(None, description="Upper limit of normal.", examples=[40])

    @model_validator(mode="after")
    def _some_limit(self) -> ReferenceRange:
        if self.lln is None and self.uln is None:
            raise ValueError("a reference range needs lln, uln or both")
        return self


class Mapping(_Declared):
    """How one centre's files are read."""

    chartline: Literal["mapping/1"] = Field(description="Version of this language.", examples=["mapping/1"])
    centre: str = Field(min_length=1, description="Id of the centre.", examples=["A"])
    label: str = Field("", description="Name of the centre shown to readers.", examples=["Centre A"])
    signed_by: str = Field(
        "", description="Who confirmed that the mapping says what the centre meant.", examples=["data manager"]
    )
    signed_on: dt.date | None = Field(None, description="When it was confirmed.", examples=["2026-11-23"])
    sources: tuple[SourceSpec, ...] = Field(
        (),
        description="The centre's files and how each is laid out.",
        examples=[[{"kind": "delimited", "path": "labs.csv"}]],
    )
    ignore_files: dict[str, str] = Field(
        {},
        description="Files of the folder (with * as wild card) that are not read -> reason.",
        examples=[{"*.txt": "notes"}],
    )
    ignore_tables: dict[str, str] = Field(
        {},
        description="Tables (with * as wild card) that are not mapped -> reason.",
        examples=[{"visit_occurrence": "visits hold nothing the study needs"}],
    )
    missing: tuple[Word, ...] = Field(
        (),
        description="Words that mean 'no value' in every column, in any case of letters. Blank always does.",
        examples=[["NA", "-", "not done"]],
    )
    dates: Dates = Field(Dates(), description="How this centre writes dates.", examples=[{"order": "DMY"}])
    days_from: dict[str, DayZero] = Field(
        {},
        description="Events from which days are counted where the files hold no dates, each with the fictitious day "
        "that stands for it.",
        examples=[{"diagnosis": {"label": "diagnosis", "day": "2000-01-01"}}],
    )
    decimal: Literal[".", ","] = Field(
        ".", description="Decimal mark of numbers that stand as text. Thousands are never marked.", examples=[","]
    )
    code_lists: dict[str, CodeWords] = Field(
        {},
        description="Name -> (chartline's term -> words of the source). Words are compared trimmed and in any case "
        "of letters, otherwise exactly; only the words listed are read.",
        examples=[{"yes_no": {"Y": ["Y", "Yes", "1"], "N": ["N", "No", "0"]}}],
    )
    subject_prefix: str = Field(
        "", description="Put before each subject id where ids are not unique over the centres.", examples=["A-"]
    )
    subject_pattern: str | None = Field(
        None,
        description="Regular expression that every subject id matches; a row with another id is queried and left out.",
        examples=["^A-[0-9]{2}$"],
    )
    reference_ranges: tuple[ReferenceRange, ...] = Field(
        (),
        description="Limits of normal told by the centre, used where a row carries none.",
        examples=[[{"test": "ALT", "uln": 40, "unit": "U/L"}]],
    )
    own_checks: Annotated[tuple[OwnCheck, ...], AfterValidator(named_once)] = Field(
        (),
        description="Data checks that only this centre needs.",
        examples=[[{"id": "hb_unit", "domain": "LB", "expect": "LBSTRESN >= 40", "says": "{LBSTRESN} looks low."}]],
    )
    tables: dict[str, Table] = Field(
        min_length=1,
        description="Table of the source -> what it holds. Every table and every column is mapped or ignored.",
        examples=[{"Patients": {"subject": "Patient ID", "records": [{"domain": "DM", "variables": {"SEX": "Sex"}}]}}],
    )

    @field_validator("days_from")
    @classmethod
    def _told_apart(cls, value: dict[str, DayZero]) -> dict[str, DayZero]:
        if len({event.label for event in value.values()}) < len(value):
            raise ValueError("two events have one label, so that no reader could tell their days apart")
        return value

    @field_validator("subject_pattern")
    @classmethod
    def _is_regex(cls, value: str | None) -> str | None:
        return None if value is None else _regex(value)

    @property
    def signature(self) -> str:
        """Who signed, and when; "nobody" where nobody did."""
        if not self.signed_by:
            return "nobody"
        return f"{self.signed_by}, {self.signed_on}" if self.signed_on else self.signed_by
