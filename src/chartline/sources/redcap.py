"""REDCap projects to SourceTables, one per instrument.

In: the records (raw CSV export) and the data dictionary, or one CDISC ODM file. Out: for each instrument a
table with the record's keys (record id, event, repeat instrument and instance, as far as the project has
them) and the instrument's own fields. A row is labelled by its row in the records file, headings in row 1:
`DATA.csv!row 258!dth_date`. Each table carries its code lists, so that a mapping can be checked against
them.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from chartline.errors import MappingError, SourceError
from chartline.sources.base import SourceData, SourceNote, SourceTable, add_table
from chartline.sources.csvtext import Records, read_records
from chartline.sources.folder import CentreFolder, SourceFile
from chartline.sources.instruments import (
    REPEAT,
    Field,
    RedcapTable,
    belongs,
    choices_of,
    columns_of,
    filled,
    parse_choices,
    plain_label,
)
from chartline.sources.redcap_pull import FILES, RECORD, is_half_placed
from chartline.sources.spec import SourceSpec

# The dictionary's columns as the project page downloads them, and as the API exports them.
_HEADINGS = {
    "name": ("Variable / Field Name", "field_name"),
    "form": ("Form Name", "form_name"),
    "type": ("Field Type", "field_type"),
    "choices": (
        "Choices, Calculations, OR Slider Labels",
        "Choices OR Calculations",
        "select_choices_or_calculations",
    ),
}
_LABEL = ("Field Label", "field_label")  # not needed to read; a person who drafts a mapping wants it


def read_redcap(centre: CentreFolder, spec: SourceSpec) -> SourceData:
    """Read one REDCap project.

    Raises SourceError for an unreadable file, MappingError where records and dictionary do not belong
    together.
    """
    if is_half_placed(centre.root):
        raise SourceError(
            "A pull from REDCap stopped while it put its files in place: they may not belong together",
            where=str(centre.root),
            do="run `chartline redcap pull` again; it finishes what it began",
        )
    centre.aside += [RECORD, f"{FILES}/*"]
    if spec.odm is not None:
        from chartline.sources.odm import read_odm  # XML: only where a project travels so

        return read_odm(centre.file(spec.odm))
    records_file, dictionary_file = centre.file(spec.records or ""), centre.file(spec.dictionary or "")
    fields = _fields(dictionary_file, read_records(dictionary_file, ",", spec.encoding))
    records = read_records(records_file, spec.delimiter, spec.encoding)
    return _Project(records_file, records, fields).tables()


def choices(dictionary: SourceFile, encoding: str = "utf-8") -> dict[str, dict[str, str]]:
    """Return the code lists of a data dictionary: field -> code -> label."""
    return choices_of(_fields(dictionary, read_records(dictionary, ",", encoding)))


def _fields(file: SourceFile, records: Records) -> list[Field]:
    found = {
        part: next((name for name in names if name in records.frame.columns), None) for part, names in _HEADINGS.items()
    }
    missing = [_HEADINGS[part][0] for part, name in found.items() if name is None]
    if missing:
        raise MappingError(
            f"{file.name} is not a REDCap data dictionary: no column {', '.join(map(repr, missing))}",
            where=file.name,
            do="download the data dictionary as CSV in English, or use the API's metadata export",
        )
    found["label"] = next((name for name in _LABEL if name in records.frame.columns), None)
    rows = records.frame.select(pl.col(name).alias(part) for part, name in found.items() if name)
    return [
        Field(
            row["name"],
            row["form"],
            row["type"],
            parse_choices(row["type"], row["choices"]),
            plain_label(row.get("label")),
        )
        for row in rows.iter_rows(named=True)
        if row["name"] and row["form"]
    ]


class _Project:
    """Records and dictionary of one project."""

    def __init__(self, file: SourceFile, records: Records, fields: list[Field]) -> None:
        self.file, self.records, self.fields = file, records, fields
        self.frame = records.frame.with_row_index("#")
        self.record_id = fields[0].name if fields else ""
        columns = records.frame.columns
        self._check_columns(columns)
        self.forms = columns_of(fields, columns)
        self.keys = [self.record_id, *(name for name in columns if name.startswith("redcap_"))]
        self.repeats = REPEAT in columns
        self._check_instruments()

    def tables(self) -> SourceData:
        tables: dict[str, SourceTable] = {}
        mine = self.frame.select(
            "#",
            *(
                belongs(form, self._own(columns), self.repeats).fill_null(False).alias(form)
                for form, columns in self.forms.items()
            ),
        )
        for form, columns in self.forms.items():
            add_table(tables, self._table(form, columns, mine[form]))
        seen = mine.select(pl.any_horizontal(pl.exclude("#"))).to_series()
        notes = [*self.records.notes, *self._not_exported(), *self._strays(), *self._empty(seen)]
        return SourceData(tables, tuple(notes))

    def _own(self, columns: list[str]) -> list[str]:
        """The columns of a form that can show that it was filled: all but the record id."""
        return [name for name in columns if name != self.record_id]

    def _table(self, form: str, columns: list[str], mine: pl.Series) -> RedcapTable:
        names = [*self.keys, *self._own(columns)]
        mine_only = {name for name in columns} | {name.split("___")[0] for name in columns}
        return RedcapTable(
            file=self.file.name,
            name=form,
            frame=pl.DataFrame([self.frame[name] for name in names]).filter(mine),
            places={name: name for name in names},
            row_labels=[self.records.label(i) for i in self.frame["#"].filter(mine)],
            choices={name: codes for name, codes in choices_of(self.fields).items() if name in mine_only},
            labels={one.name: one.label for one in self.fields if one.label},
        )

    def _check_columns(self, columns: list[str]) -> None:
        known = {name for names in columns_of(self.fields, columns).values() for name in names}
        strange = [name for name in columns if name not in known and not name.startswith("redcap_")]
        if strange or self.record_id not in columns:
            what = f"columns that its dictionary does not have: {', '.join(strange[:10])}"
            raise MappingError(
                f"{self.file.name} has {what if strange else f'no column {self.record_id!r} (record id)'}",
                where=self.file.name,
                expected="records and dictionary of the same project, exported on the same day",
                do="export the records again as raw CSV (codes and variable names, not labels)",
            )

    def _check_instruments(self) -> None:
        if not self.repeats:
            return
        strange = set(self.frame[REPEAT].drop_nulls().unique()) - set(self.forms)
        if strange:
            raise MappingError(
                f"{self.file.name} has rows of instruments that its dictionary does not have: "
                f"{', '.join(sorted(strange))}",
                where=f"{self.file.name}, column {REPEAT}",
                expected=f"one of: {', '.join(self.forms)}",
                do="export the records again as raw CSV (codes and variable names, not labels)",
            )

    def _not_exported(self) -> Iterator[SourceNote]:
        """Fields of the dictionary that the export leaves out, one note per instrument."""
        there = {name.split("___")[0] for name in self.frame.columns} | set(self.frame.columns)
        for form in self.forms:
            lost = [f.name for f in self.fields if f.form == form and f.name not in there and f.type != "descriptive"]
            if lost:
                message = f"The dictionary has fields that the export leaves out: {', '.join(lost)}."
                yield SourceNote("field_not_exported", f"{self.file.name}!{form}", message)

    def _strays(self) -> Iterator[SourceNote]:
        """Values that stand in a row of another, repeating instrument: REDCap never writes such a row."""
        if not self.repeats:
            return
        strays = self.frame.select(
            "#",
            *(
                (pl.col(REPEAT).is_not_null() & (pl.col(REPEAT) != form) & filled(form, self._own(columns))).alias(form)
                for form, columns in self.forms.items()
            ),
        )
        for form in self.forms:
            rows = self.frame["#"].filter(strays[form])
            if len(rows):
                label = self.records.label(rows[0])
                message = f"{len(rows)} row(s) of another instrument hold values of {form!r}; these are not read."
                yield SourceNote("value_outside_instrument", f"{self.file.name}!{label}", message)

    def _empty(self, seen: pl.Series) -> Iterator[SourceNote]:
        """Records that have no value in any instrument, and so are in no table."""
        if seen.all():
            return
        rows = pl.DataFrame([self.frame[self.record_id], self.frame["#"], seen.alias("seen")])
        state = rows.group_by(self.record_id, maintain_order=True).agg(pl.col("#").first(), pl.col("seen").any())
        for row in state.filter(~pl.col("seen")).iter_rows(named=True):
            address = f"{self.file.name}!{self.records.label(row['#'])}!{self.record_id}"
            yield SourceNote("empty_record", address, f"Record {row[self.record_id]} has no value in any form.")
