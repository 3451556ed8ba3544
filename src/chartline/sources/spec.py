"""SourceSpec: where a centre's data lie and how each file is laid out. A mapping declares a list of these.

In: YAML in the mapping file. Out: frozen pydantic models. Nothing here is ever guessed from a file: a
delimiter, an encoding, a header row is declared, because a wrong guess shifts a column and nobody sees it.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from chartline.core.faults import Shape

PASSWORD_NAME = Shape(
    r"^[A-Za-z_][A-Za-z0-9_]*$",
    "a name of an environment variable",
    "a letter or _, then letters, digits or _ (the password itself stands in no file)",
    "OMOP_PASSWORD",
)


class SourceKind(StrEnum):
    """The dialects chartline reads."""

    XLSX = "xlsx"  # spreadsheets: xlsx, xlsm; xls, xlsb and ods with less insight
    DELIMITED = "delimited"  # csv, tsv, semicolon
    REDCAP = "redcap"  # records csv + data dictionary csv, or CDISC ODM
    FHIR = "fhir"  # ndjson, Bundle or single resources in JSON
    OMOP = "omop"  # a folder of CSV or Parquet tables, one DuckDB file, or a PostgreSQL server


class TableFormat(StrEnum):
    """Which copy to read where an OMOP folder holds a table twice."""

    CSV = "csv"
    PARQUET = "parquet"


_FROZEN = ConfigDict(frozen=True, extra="forbid")


class SheetSpec(BaseModel):
    """Where the table lies in one sheet. Rows are numbered as the spreadsheet shows them, from 1."""

    model_config = _FROZEN

    header_row: int = Field(1, ge=1, description="Row that holds the column headings.", examples=[5])
    first_row: int | None = Field(
        None, ge=1, description="First row of data; the row after the headings if not given.", examples=[6]
    )
    group_row: int | None = Field(
        None,
        ge=1,
        description="Row above the headings with merged group titles. A title is carried over its "
        "merged range, and tells repeated headings apart: `Group / Heading`.",
        examples=[4],
    )

    @model_validator(mode="after")
    def _in_order(self) -> SheetSpec:
        if self.first_row is not None and self.first_row <= self.header_row:
            raise ValueError(f"first_row {self.first_row} must come after header_row {self.header_row}")
        if self.group_row is not None and self.group_row >= self.header_row:
            raise ValueError(f"group_row {self.group_row} must come before header_row {self.header_row}")
        return self

    @property
    def data_row(self) -> int:
        """The first row of data, counted from 1."""
        return self.first_row or self.header_row + 1


_SERVER = ("database", "schemas", "password")
# Options that only some kinds have; any other combination is a mistake in the mapping and is refused.
_OPTIONS: dict[SourceKind, frozenset[str]] = {
    SourceKind.XLSX: frozenset({"path", "sheets", "other_sheets"}),
    SourceKind.DELIMITED: frozenset({"path", "table", "delimiter", "encoding", "header_row"}),
    SourceKind.REDCAP: frozenset({"records", "dictionary", "odm", "delimiter", "encoding"}),
    SourceKind.FHIR: frozenset({"path", "resources"}),
    SourceKind.OMOP: frozenset({"path", "tables", "format", "delimiter", "encoding", *_SERVER}),
}
_PATHS = ("path", "records", "dictionary", "odm")


class SourceSpec(BaseModel):
    """One source of one centre: a workbook, a delimited file, a REDCap, FHIR or OMOP export."""

    model_config = _FROZEN

    kind: SourceKind = Field(description="The dialect.", examples=["xlsx"])
    path: str | None = Field(
        None,
        description="File, folder or glob, relative to the centre's folder. `.` is the folder itself. "
        "Not for redcap, which names its files one by one.",
        examples=["review.xlsx", "*.ndjson", "cdm"],
    )
    sheets: dict[str, SheetSpec] = Field(
        default_factory=dict,
        description="xlsx: the sheets to read, and where their headings are.",
        examples=[{"Labs": {"header_row": 5, "group_row": 4}}],
    )
    other_sheets: dict[str, str] = Field(
        default_factory=dict,
        description="xlsx: sheets that are not read, each with the reason. Any other sheet is an error.",
        examples=[{"README": "a note to the reader"}],
    )
    table: str | None = Field(
        None,
        description="delimited: the table's name; the file's name without its ending if not given.",
        examples=["labs"],
    )
    delimiter: str = Field(
        ",",
        min_length=1,
        max_length=1,
        description='delimited, redcap, omop: what separates two values. Write a tab as "\\t".',
        examples=[";"],
    )
    encoding: str = Field(
        "utf-8",
        description="delimited, redcap, omop: how letters are stored. utf-8 may have a byte order mark.",
        examples=["cp1252"],
    )
    header_row: int = Field(1, ge=1, description="delimited: record that holds the column headings.", examples=[3])
    records: str | None = Field(None, description="redcap: the records, exported raw as CSV.", examples=["DATA.csv"])
    dictionary: str | None = Field(
        None, description="redcap: the data dictionary as CSV.", examples=["DataDictionary.csv"]
    )
    odm: str | None = Field(
        None,
        description="redcap: a CDISC ODM export, instead of records and dictionary.",
        examples=["project.xml"],
    )
    resources: tuple[str, ...] = Field(
        (),
        description="fhir: the resource types to read; all if not given.",
        examples=[["Patient", "Observation"]],
    )
    tables: tuple[str, ...] = Field(
        (),
        description="omop: the tables to read; all that are found if not given.",
        examples=[["person", "death"]],
    )
    format: TableFormat | None = Field(
        None,
        description="omop: which copy to read where a table is there as CSV and as Parquet.",
        examples=["csv"],
    )

    database: str | None = Field(
        None,
        description="omop: a PostgreSQL server instead of `path`, without a password.",
        examples=["postgresql://reader@db.example.org:5432/omop"],
    )
    schemas: tuple[str, ...] = Field(
        ("public",),
        min_length=1,
        description="omop with `database`: the schemas of its tables; of a table that is in two, the first is read.",
        examples=[["cdm", "vocabulary"]],
    )
    password: Annotated[str, PASSWORD_NAME] | None = Field(
        None,
        description="omop with `database`: the name of the environment variable that holds the password.",
        examples=["OMOP_PASSWORD"],
    )

    @model_validator(mode="after")
    def _server(self) -> SourceSpec:
        said = self.model_fields_set
        if self.database is None:
            if odd := sorted({"schemas", "password"} & said):
                raise ValueError(f"{', '.join(odd)}: an option of `database`, which is not given")
            return self
        if odd := sorted({"path", "format", "delimiter", "encoding"} & said):
            raise ValueError(f"{', '.join(odd)}: a database is a server, not a file")
        url = urlsplit(self.database)
        if url.scheme not in ("postgresql", "postgres") or not url.path.strip("/"):
            raise ValueError("database must be like postgresql://user@host:5432/name")
        if url.password is not None or "password" in url.query:
            raise ValueError("database holds a password; put it in an environment variable and name it in `password`")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> SourceSpec:
        strange = sorted(self.model_fields_set - {"kind"} - _OPTIONS[self.kind])
        if strange:
            raise ValueError(f"{', '.join(strange)}: not an option of kind {self.kind}")
        if self.kind is SourceKind.REDCAP:
            pair = (self.records is not None, self.dictionary is not None)
            if any(pair) != all(pair) or (self.odm is not None) == any(pair):
                raise ValueError("redcap needs either records and dictionary, or odm")
        elif self.path is None and self.database is None:
            raise ValueError(f"{self.kind} needs a path")
        if self.kind is SourceKind.XLSX and not self.sheets:
            raise ValueError("xlsx needs at least one sheet in `sheets`")
        return self

    @field_validator("delimiter")
    @classmethod
    def _one_byte(cls, value: str) -> str:
        if not value.isascii() or value in '"\r\n\0':
            raise ValueError("must be one ASCII character, not a quotation mark or a line end")
        return value

    @model_validator(mode="after")
    def _stays_in_the_folder(self) -> SourceSpec:
        for name in _PATHS:
            value = getattr(self, name)
            if value is None:
                continue
            if PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts:
                raise ValueError(f"{name} {value!r} must lie inside the centre's folder")
        return self
