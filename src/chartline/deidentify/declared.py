"""What the centre's mapping says that the door must know: how dates stand in each column, and whose a row is.

In: a mapping, signed or drafted. Out: Options. A mapping names a column by its table (a sheet, a file, a form of
REDCap); where the door knows the table by another name, as the records of REDCap, which are one file, the column alone
names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chartline.deidentify.model import Options
from chartline.mapping.blocks import plan
from chartline.mapping.model import DateOrder, Mapping
from chartline.mapping.values import Reading


def with_mapping(options: Options, mapping: Mapping, order: DateOrder | None = None) -> Options:
    """Return the options with what the mapping says of dates and patients. `order` is the centre's own word, for the
    columns of which the mapping says nothing. Raises MappingError where the mapping is at fault."""
    read = plan(mapping)
    by_sheet = {name for source in mapping.sources for name in source.sheets}
    dates: dict[str, Reading] = {}
    for block in read.blocks:
        for cell in block.cells.values():
            if cell.reading.type == "date" and not cell.date_parts and cell.reading.day_zero is None:
                dates |= dict.fromkeys(_names(block.table, cell.columns[0], by_sheet), cell.reading)
    subjects = {name for t, cell in read.subjects.items() for name in _names(t, cell.columns[0], by_sheet)}
    swapped = {name for name, reading in dates.items() if reading.swap}
    return replace(
        options,
        order=order or mapping.dates.order,
        orders={name: reading.order for name, reading in dates.items()},
        swapped=options.swapped | (swapped - options.unswapped),
        unswapped=options.unswapped | (dates.keys() - swapped - options.swapped),
        subjects=frozenset(subjects),
    )


def _names(table: str, column: str, by_sheet: set[str]) -> Iterator[str]:
    yield f"{table}!{column}"
    if table not in by_sheet:
        yield column
