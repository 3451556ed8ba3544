"""The rows of some persons of an OMOP database, as source tables: whoever is not among them is not read.

In: an open database, the persons (None: everybody), the tables that the mapping reads. Out: SourceData as `read_omop`
gives it, whatever the dialect. Tables that the mapping ignores come with their headings alone. Tables without a person
are read as far as the rows of the persons lead to them: concepts in use, their ancestors, the episodes' events, care
sites and providers that are named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from chartline.errors import SourceError
from chartline.sources.base import SourceData, SourceNote, SourceTable, add_table
from chartline.sources.cdm import CdmDatabase, CdmTable, Rows

# table -> (its column, the columns of other tables whose values lead to it; `*` is every column of that ending)
_LED_TO: dict[str, tuple[str, str]] = {
    "episode_event": ("episode_id", "episode_id"),
    "note_nlp": ("note_id", "note_id"),
    "provider": ("provider_id", "provider_id"),
    "care_site": ("care_site_id", "care_site_id"),
    "location": ("location_id", "location_id"),
    "concept": ("concept_id", "*_concept_id"),
    "concept_synonym": ("concept_id", "*_concept_id"),
    "concept_ancestor": ("descendant_concept_id", "*_concept_id"),
    "concept_relationship": ("concept_id_1", "*_concept_id"),
    "drug_strength": ("drug_concept_id", "drug_concept_id"),
}


def read_persons(
    database: CdmDatabase,
    persons: pl.Series | None,
    tables: Collection[str] | None = None,
    listed: Collection[str] = (),
) -> SourceData:
    """Return the tables of the database with the rows of these persons (`person_id`, Int64).

    `tables`: those whose rows are wanted, all if None; of the others the headings. `listed`: those that are tables of
    the centre at all, all if empty. Memory is that of the rows. `files` of the answer holds one
    digest, of the rows that travelled: a database has no bytes of its own to be compared with. Raises SourceError.
    """
    read: dict[str, Rows] = {}
    own = {name: table for name, table in database.tables.items() if not listed or name in listed}
    order = sorted(own.values(), key=lambda t: (t.person_column is None, t.name in _VOCABULARY))
    for table in order:
        if tables is not None and table.name not in tables:
            read[table.name] = _headings(table)
        elif persons is None:
            read[table.name] = database.rows(table, None, "")
        elif table.person_column is not None:
            read[table.name] = database.rows(table, persons, table.person_column)
        else:
            read[table.name] = database.rows(table, *_led_to(table, read))
    found: dict[str, SourceTable] = {}
    notes: list[SourceNote] = []
    for name, table in own.items():
        notes += read[name].notes
        add_table(found, source_table(table.file, name, read[name], notes, inside=table.inside))
    return SourceData(found, tuple(notes), {f"rows of {database.name}": _digest(found)})


_VOCABULARY = ("concept", "concept_synonym", "concept_ancestor", "concept_relationship", "drug_strength")


def _headings(table: CdmTable) -> Rows:
    return Rows(pl.DataFrame(schema=dict.fromkeys(table.columns.values(), pl.String)), [])


def _led_to(table: CdmTable, read: Mapping[str, Rows]) -> tuple[pl.Series | None, str]:
    """Return the keys by which a table without persons is reached, and its column; no keys: it is read as a whole."""
    column, leads = _LED_TO.get(table.name, ("", ""))
    if column not in table.columns:
        return None, ""
    ending = leads.removeprefix("*")
    values = [
        rows.frame[own].cast(pl.Int64, strict=False)
        for name, rows in read.items() if name not in _VOCABULARY
        for own in rows.frame.columns if own.lower() == leads or (ending != leads and own.lower().endswith(ending))
    ]  # fmt: skip
    keys = pl.concat(v.alias("key") for v in values) if values else pl.Series("key", [], dtype=pl.Int64)
    return keys.drop_nulls().unique().sort(), column


def source_table(file: str, name: str, rows: Rows, notes: list[SourceNote], *, inside: bool) -> SourceTable:
    """Return rows as a source table, columns in small letters, each row labelled by its primary key where that is
    there and unique; what is not is noted. Raises SourceError for columns that differ only in capitals."""
    names = {own: own.lower() for own in rows.frame.columns}
    if len(set(names.values())) < len(names):
        raise SourceError(f"{file} has two columns that differ only in capitals", where=f"table {name}")
    frame = rows.frame if list(names) == list(names.values()) else rows.frame.rename(names)
    places = {new: old for old, new in names.items()}
    return SourceTable(file, name, frame, places, _labels(file, name, rows.labels, frame, notes, inside=inside))


def _labels(
    file: str, name: str, plain: Sequence[str], frame: pl.DataFrame, notes: list[SourceNote], *, inside: bool
) -> list[str]:
    key = "person_id" if name == "death" else f"{name}_id"
    prefix = f"{name}!" if inside else ""
    if key not in frame.columns:
        return [f"{prefix}{row}" for row in plain]
    labels: list[str] = frame.select(pl.lit(f"{prefix}{key}=") + pl.col(key)).to_series().to_list()
    unusable = (frame[key].is_null() | ~frame[key].is_first_distinct()).arg_true().to_list()
    for row in unusable:  # the plain labels are made where they are asked for
        labels[row] = f"{prefix}{plain[row]}"
    if unusable:
        message = f"{len(unusable)} row(s) repeat a {key} or have none; they are named by their row."
        notes.append(SourceNote("repeated_key", f"{file}!{labels[unusable[0]]}!{key}", message))
    return labels


def _digest(tables: Mapping[str, SourceTable]) -> str:
    """Return the sha256 of all cells, table by table, in the order of their rows."""
    sha = hashlib.sha256()
    for name in sorted(tables):
        frame = tables[name].frame
        sha.update(f"\n{name} {frame.height}\n".encode())
        sha.update(frame.write_csv(quote_style="non_numeric").encode())
    return sha.hexdigest()
