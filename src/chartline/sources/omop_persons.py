"""The rows of some persons of an OMOP database, as source tables: whoever is not among them is not read.

In: an open database, the persons (None: everybody), the tables that the mapping reads. Out: SourceData as `read_omop`
gives it, whatever the dialect. Tables and columns that the mapping ignores come with their headings alone. Tables
without a person are read as far as the rows of the persons lead to them: concepts in use, their ancestors, the
episodes' events, care sites and providers that are named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import polars as pl

from chartline.errors import SourceError
from chartline.sources.asked import Wanted
from chartline.sources.base import KeyLabels, SourceData, SourceNote, SourceTable, add_table
from chartline.sources.cdm import CdmDatabase, CdmTable, Rows

ROWS = "rows of "  # and the name of a database: what a digest of rows is called among the files
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
    tables: Mapping[str, Wanted] | None = None,
    listed: Collection[str] = (),
) -> SourceData:
    """Return the tables of the database with the rows of these persons (`person_id`, Int64).

    `tables`: those whose rows are wanted, with the columns, all if None; of what is not wanted the headings. `listed`:
    those that are tables of the centre at all, all if empty. Memory is that of the rows. `files` of the answer holds
    one digest, of the persons' cells that travelled: a database has no bytes of its own to be compared with. Raises
    SourceError.
    """
    own = {name: table for name, table in database.tables.items() if not listed or name in listed}
    asked = [table for table in reading_order(own.values()) if tables is None or table.name in tables]
    by_person = [table for table in asked if persons is None or table.person_column is not None]
    columns = {table.name: columns_of(table, None if tables is None else tables[table.name]) for table in asked}
    with ThreadPoolExecutor(database.at_once) as threads:
        found = threads.map(lambda t: database.rows(t, persons, t.person_column or "", columns[t.name]), by_person)
        read = {table.name: rows for table, rows in zip(by_person, found, strict=True)}
    for table in asked:
        if table.name not in read:
            read[table.name] = database.rows(table, *_led_to(table, read), columns[table.name])
    return source_data(database.name, own, read)


def columns_of(table: CdmTable, wanted: Wanted | None) -> list[str]:
    """Return the columns of a table (in small letters) whose values are read: those that are wanted (None: all), and
    those by which its rows are found and named."""
    named = (table.key, table.person_column, leads_to(table)[0])
    columns = [c for c in table.columns if wanted is None or c in named or wanted.takes(c)]
    return columns or list(table.columns)[:1]  # a row without any column is none


def source_data(database: str, tables: Mapping[str, CdmTable], read: Mapping[str, Rows]) -> SourceData:
    """Return what was read of a database of this name; of a table or column without rows here the heading."""
    found: dict[str, SourceTable] = {}
    notes: list[SourceNote] = []
    for name, table in tables.items():
        rows = _with_headings(read[name], table) if name in read else _headings(table)
        notes += rows.notes
        add_table(found, source_table(table.file, name, rows, notes, inside=table.inside))
    owned = {name: table.person_column for name, table in tables.items() if table.person_column and name in read}
    cells = {name: found[name].frame.select(c.lower() for c in read[name].frame.columns) for name in owned}
    return SourceData(found, tuple(notes), {f"{ROWS}{database}": _digest(owned, cells)})


_VOCABULARY = ("concept", "concept_synonym", "concept_ancestor", "concept_relationship", "drug_strength")


def _with_headings(rows: Rows, table: CdmTable) -> Rows:
    """Return the rows with all columns of their table, empty where no value was asked for."""
    there = rows.frame.columns
    names = dict.fromkeys([*table.columns.values(), *there])
    if len(names) == len(there):
        return rows
    return replace(rows, frame=rows.frame.select(n if n in there else pl.lit(None, pl.String).alias(n) for n in names))


def _headings(table: CdmTable) -> Rows:
    return Rows(pl.DataFrame(schema=dict.fromkeys(table.columns.values(), pl.String)), [])


def reading_order(tables: Iterable[CdmTable]) -> list[CdmTable]:
    """Return tables in the order in which they are read: those to which the rows of others lead after these."""
    return sorted(tables, key=lambda t: (t.person_column is None, t.name in _VOCABULARY))


def leads_to(table: CdmTable) -> tuple[str, str]:
    """Return the column by which a table without persons is reached, and what the columns are called that lead to it
    (see `is_lead`); two times '' where it is read as a whole."""
    column, leads = _LED_TO.get(table.name, ("", ""))
    return (column, leads) if column in table.columns else ("", "")


def is_lead(table: str, column: str, leads: str) -> bool:
    """Whether the values of a column (in small letters) of a table lead to another: by name, or by the end of it."""
    ending = leads.removeprefix("*")
    return table not in _VOCABULARY and (column == leads or (ending != leads and column.endswith(ending)))


def _led_to(table: CdmTable, read: Mapping[str, Rows]) -> tuple[pl.Series | None, str]:
    """Return the keys by which a table without persons is reached, and its column; no keys: it is read as a whole."""
    column, leads = leads_to(table)
    if not column:
        return None, ""
    values = [
        rows.frame[own].cast(pl.Int64, strict=False)
        for name, rows in read.items()
        for own in rows.frame.columns if is_lead(name, own.lower(), leads)
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
) -> Sequence[str]:
    key = "person_id" if name == "death" else f"{name}_id"
    prefix = f"{name}!" if inside else ""
    if key not in frame.columns:
        return [f"{prefix}{row}" for row in plain]
    labels = frame.select(pl.lit(f"{prefix}{key}=") + pl.col(key)).to_series()
    unusable = (frame[key].is_null() | ~frame[key].is_first_distinct()).arg_true()
    if len(unusable):  # the plain labels are made where they are asked for
        labels = labels.scatter(unusable, [f"{prefix}{plain[row]}" for row in unusable])
        message = f"{len(unusable)} row(s) repeat a {key} or have none; they are named by their row."
        notes.append(SourceNote("repeated_key", f"{file}!{labels[unusable[0]]}!{key}", message))
    return KeyLabels(labels)


def _digest(persons: Mapping[str, str], cells: Mapping[str, pl.DataFrame]) -> str:
    """Return the sum of the sha256 of each person's rows of each table, in whatever order they came: digests of parts
    of the persons add up to that of all. `persons` is the column of each table that holds the person.

    Rows of no person (concepts, care sites) are led to by these and are not in it, or each part would count them again;
    nor are columns that the mapping does not read. A row as one text takes ten times its room: few are made at once.
    """
    total = 0
    for name, frame in cells.items():
        filled = [pl.col(c).fill_null("\x00") for c in sorted(frame.columns)]
        row = pl.lit(f"{name}\x1e") + pl.concat_str(filled, separator="\x1f")
        for some in _by_person(frame, persons[name]):
            own = some.group_by(persons[name]).agg(row.sort().str.join("\x1d").cast(pl.Binary).alias("rows"))
            total += sum(int.from_bytes(hashlib.sha256(rows).digest(), "big") for rows in own["rows"])
    return f"{total % _ALL:064x}"


def _by_person(frame: pl.DataFrame, person: str) -> Iterable[pl.DataFrame]:
    """Cut a table into pieces of about `_AT_ONCE` rows in which each person stands with all of hers."""
    pieces = frame.height // _AT_ONCE + 1
    return (frame.filter(pl.col(person).hash() % pieces == n) for n in range(pieces)) if pieces > 1 else (frame,)


def add_digests(digests: Iterable[str]) -> str:
    """Return the digest of all persons from those of parts of them."""
    return f"{sum(int(d, 16) for d in digests) % _ALL:064x}"


_ALL = 1 << 256
_AT_ONCE = 100_000  # rows
