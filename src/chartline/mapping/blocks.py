"""Mapping -> blocks: every block of records written out, names filled in, each value with its reading.

In: a Mapping. Out: Blocks (pure declarations, no data yet), and per table the columns that are used. Faults that
need no data to be seen (an unknown domain, variable, code list, term or unit) are MappingErrors here.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from chartline.core.clinical import Variable, variables
from chartline.errors import MappingError
from chartline.mapping import units
from chartline.mapping.lookups import Steps, Where, steps_of, steps_of_test
from chartline.mapping.model import (
    CodeWords,
    DatePatch,
    Mapping,
    Match,
    Records,
    Table,
    TrueDates,
    UnitColumn,
    Value,
    ValueSpec,
)
from chartline.mapping.values import Reading, number_or_range, read_distinct
from chartline.mapping.words import terms, tests

RANGE_VARIABLES = {
    "TESTCD": Variable("RANGE", "TESTCD", "code", "Test", "", False),
    "SEX": Variable("RANGE", "SEX", "code", "Sex", "", False),
    "LO": Variable("RANGE", "LO", "number", "Lower limit", "", True),
    "HI": Variable("RANGE", "HI", "number", "Upper limit", "", True),
    "UNIT": Variable("RANGE", "UNIT", "text", "Unit", "", False),
}
NUMBER_OF_RESULT = "LBORRES#number"  # the number read from LBORRES, before its unit is applied
_COLUMN_ALONE = ValueSpec.model_construct()  # how a value is read that is given as the name of its column
# Variables that mapping itself makes, so that nobody maps them by hand.
_DERIVED = {("LB", "LBSTRESN"): "LBORRES", ("LB", "LBORRESU"): "the unit of LBORRES"}


@dataclass(frozen=True)
class CellSpec:
    """Where one variable of a block stands and how it is read."""

    columns: tuple[str, ...]  # one column; or year, month, day (absent parts left out)
    reading: Reading
    precision: tuple[str, str] | None = None  # column, pattern of rows known to the month only
    date_parts: bool = False
    display: str | None = None  # column with the code in words


@dataclass(frozen=True)
class UnitSpec:
    """The unit of a number of a block: a constant, or the first of some cells that says one."""

    constant: str | None = None
    cells: tuple[CellSpec, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the cells, in the order in which they are asked."""
        return tuple(column for cell in self.cells for column in cell.columns)


@dataclass(frozen=True)
class Block:
    """One kind of record made from one table."""

    domain: str
    table: str
    where: Where
    cells: dict[str, CellSpec]
    constants: dict[str, str]
    units: dict[str, UnitSpec]
    anchors: tuple[str, ...]
    place: str  # where in the mapping, for messages


@dataclass
class Plan:
    """All blocks of a mapping, in mapping order, and what they touch."""

    blocks: list[Block] = field(default_factory=list)
    subjects: dict[str, CellSpec] = field(default_factory=dict)
    used: dict[str, set[str]] = field(default_factory=dict)  # table -> columns


def plan(mapping: Mapping) -> Plan:
    """Write out every block; raise MappingError naming the block at fault."""
    out = Plan(used={name: set() for name in mapping.tables})
    for name, table in mapping.tables.items():
        for exclusion in table.exclude_rows:
            _note_where(mapping, name, tuple(exclusion.where.items()), out, f"tables.{name}.exclude_rows")
        _plan_subject(mapping, name, table, out)
        for i, records in enumerate(table.records, 1):
            place = f"tables.{name}.records.{i}"
            out.blocks.extend(_block(mapping, name, records, names, place) for names in _names(records))
    for block in out.blocks:
        _note_used(mapping, block, out)
    return out


def _as_number(mapping: Mapping, value: Value, cell: CellSpec) -> CellSpec:
    """A laboratory result is read twice: as the text reported, and as a number."""
    decimal = value.decimal if isinstance(value, ValueSpec) else None
    return replace(cell, reading=replace(cell.reading, type="number", codes=None, decimal=decimal or mapping.decimal))


def _names(records: Records) -> Iterator[dict[str, str]]:
    each = records.for_each
    if each is None:
        yield {}
    elif isinstance(each, dict):
        for combination in itertools.product(*each.values()):
            yield dict(zip(each, combination, strict=True))
    else:
        yield from each


def _fill(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text


def _plan_subject(mapping: Mapping, name: str, table: Table, out: Plan) -> None:
    needs = any(r.domain != "RANGE" for r in table.records) or table.one_row_per_subject or table.repeated_rows
    if table.subject is None:
        if needs:
            raise MappingError(
                f"Table `{name}` has records but no `subject`.",
                where=f"tables.{name}",
                do="name the column of the subject's id",
            )
        return
    variable = Variable("", "USUBJID", "text", "Subject", "", False)
    cell = _cell(mapping, table.subject, variable, {}, f"tables.{name}.subject")
    if cell is None:
        raise MappingError("The subject cannot be a constant.", where=f"tables.{name}.subject", do="name a column")
    out.subjects[name] = cell
    out.used[name].update(cell.columns)
    _note_lookup(mapping, cell, out, f"tables.{name}.subject")


def _block(mapping: Mapping, table: str, records: Records, names: dict[str, str], place: str) -> Block:
    known = RANGE_VARIABLES if records.domain == "RANGE" else variables().get(records.domain)
    if known is None:
        raise _unknown("domain", records.domain, [*variables(), "RANGE"], place)
    cells: dict[str, CellSpec] = {}
    constants: dict[str, str] = {}
    unit_of: dict[str, UnitSpec] = {}
    for raw_name, value in records.variables.items():
        name = _fill(raw_name, names)
        if name not in known:
            raise _unknown("variable", name, list(known), place, f" of domain {records.domain}")
        if (records.domain, name) in _DERIVED:
            raise MappingError(
                f"{name} is made by the mapping itself.",
                where=place,
                do=f"map {_DERIVED[records.domain, name]} instead",
            )
        cell = _cell(mapping, value, known[name], names, f"{place}.variables.{raw_name}")
        if cell is None:
            assert isinstance(value, ValueSpec) and value.constant is not None
            text = _fill(value.constant, names)
            if text:  # an empty constant, as a blank item of for_each, is no value
                constants[name] = _constant(mapping, known[name], value, text, place)
        else:
            cells[name] = cell
            if name == "LBORRES":
                cells[NUMBER_OF_RESULT] = _as_number(mapping, value, cell)
        if isinstance(value, ValueSpec) and value.unit is not None:
            unit_of[name] = _unit(mapping, value.unit, names, f"{place}.variables.{raw_name}")
    where = tuple((_fill(column, names), _fill_test(test, names)) for column, test in records.where.items())
    block = Block(
        records.domain, table, where, cells, constants, unit_of, _anchors(records, known, cells, place), place
    )
    _check_units(block, known)
    return block


def _fill_test(test: object, names: dict[str, str]) -> object:
    if isinstance(test, str):
        return _fill(test, names)
    if isinstance(test, tuple):
        return tuple(_fill(t, names) for t in test)
    assert isinstance(test, Match)
    texts = ("matches", "not_", "is_")
    changes = {k: _fill_test(getattr(test, k), names) for k in texts if getattr(test, k) is not None}
    return test.model_copy(update=changes) if names and changes else test


def _cell(mapping: Mapping, value: Value, variable: Variable, names: dict[str, str], place: str) -> CellSpec | None:
    """Return where and how a value is read; None for a constant."""
    spec = _COLUMN_ALONE if isinstance(value, str) else value
    if spec.constant is not None:
        return None
    if spec.date_parts is not None:
        if variable.type != "date":
            raise MappingError(f"{variable.name} is not a date.", where=place, do="use `column`")
        parts = spec.date_parts
        columns = tuple(_fill(c, names) for c in (parts.year, parts.month, parts.day) if c is not None)
    else:
        column = value if isinstance(value, str) else spec.column
        assert column is not None
        columns = (_fill(column, names),)
    closed = terms(variable.domain, variable.name, variable.type)
    codes = _codes(mapping, spec.codes, names, place)
    _check_terms(codes, closed, variable, place)
    reading = Reading(
        type=variable.type,
        missing=frozenset(w.strip().lower() for w in (*mapping.missing, *spec.missing)),
        codes=codes,
        terms=closed,
        extract=None if spec.extract is None else _fill(spec.extract, names),
        extract_optional=spec.extract_optional,
        lookup=None if spec.lookup is None else steps_of(spec.lookup),
    )
    reading = _counted_in_days(mapping, variable, spec, reading, place)
    if variable.type == "date":
        patch, dates = spec.dates or DatePatch(), mapping.dates
        true_dates = patch.true_dates or dates.true_dates
        order = patch.order or dates.order
        partial = dates.partial if patch.partial is None else patch.partial
        reading = replace(reading, order=order, partial=partial, swap=true_dates is TrueDates.SWAP)
    elif variable.type in ("number", "integer"):
        percent = variable.unit == "%" or spec.unit == "%"
        reading = replace(reading, decimal=spec.decimal or mapping.decimal, percent=percent, range=variable.range)
        _check_numbers(codes, variable, place)
    precision = spec.precision and (_fill(spec.precision.month_where.column, names), spec.precision.month_where.matches)
    display = None if spec.display is None else _fill(spec.display, names)
    return CellSpec(columns, reading, precision or None, spec.date_parts is not None, display)


def _counted_in_days(mapping: Mapping, variable: Variable, spec: ValueSpec, reading: Reading, place: str) -> Reading:
    """Say from which day a date is counted, where the column holds days and not dates."""
    if spec.days_after is None:
        _refuse_date(mapping, variable, place)
        return reading
    if variable.type != "date":
        raise MappingError(f"{variable.name} is not a date.", where=place, do="remove `days_after`")
    if spec.days_after not in mapping.days_from:
        raise _unknown("event", spec.days_after, list(mapping.days_from), place, " in `days_from`")
    day_zero = mapping.days_from[spec.days_after].day
    return replace(reading, day_zero=day_zero, decimal=spec.decimal or mapping.decimal)


def _refuse_date(mapping: Mapping, variable: Variable, place: str) -> None:
    """A date of the calendar has no distance from one of a fictitious calendar."""
    if variable.type == "date" and mapping.days_from:
        raise MappingError(
            f"{variable.name} is a date, and this centre counts days: nothing lies between them.",
            where=place,
            expected="`days_after` for every date, because the mapping has `days_from`",
            do="say from which event it is counted, leave it out, or map what is wanted of it (an age, a year) as such",
        )


def _codes(
    mapping: Mapping, codes: str | CodeWords | None, names: dict[str, str], place: str
) -> tuple[tuple[str, str], ...] | None:
    if codes is None:
        return None
    if isinstance(codes, str):
        name = _fill(codes, names)
        if name not in mapping.code_lists:
            raise _unknown("code list", name, list(mapping.code_lists), place)
        codes = mapping.code_lists[name]
    out: dict[str, str] = {}
    for term, words in codes.items():
        for word in words:
            if out.setdefault(word.strip().lower(), term) != term:
                raise MappingError(
                    f"The word `{word}` stands for two terms of one code list.",
                    where=place,
                    do="keep it under one term",
                )
    return tuple(out.items())


def _check_terms(
    codes: tuple[tuple[str, str], ...] | None, closed: tuple[str, ...] | None, variable: Variable, place: str
) -> None:
    for _, term in codes or ():
        if closed is not None and term not in closed:
            raise _unknown("term", term, list(closed), place, f" of {variable.name}")


def _check_numbers(codes: tuple[tuple[str, str], ...] | None, variable: Variable, place: str) -> None:
    """The words of a number stand for numbers: "0", "<5" or, where the variable may be a range, "5-10"."""
    for _, term in codes or ():
        if variable.type != "number" or number_or_range(term, percent=True, ranges=variable.range).value is None:
            raise MappingError(
                f"`{term}` is not a number that {variable.name} can be.",
                where=place,
                expected="a number, a bound as <5" + (", or a range as 5-10" if variable.range else ""),
                do="give the number that the words mean, or list them under `missing`",
            )


def _constant(mapping: Mapping, variable: Variable, spec: ValueSpec, value: str, place: str) -> str:
    if spec.days_after is not None:
        reading = _counted_in_days(mapping, variable, spec, Reading("date"), place)
        day = read_distinct(reading, [(value, None)])[value, None].value
        if day is None:
            raise MappingError(f"The constant `{value}` of {variable.name} is not a number of days.", where=place)
        return str(day)
    _refuse_date(mapping, variable, place)
    closed = terms(variable.domain, variable.name, variable.type)
    if closed is not None and value not in closed:
        raise _unknown("term", value, list(closed), place, f" of {variable.name}")
    if variable.type in ("number", "integer"):
        try:
            float(value) if variable.type == "number" else int(value)
        except ValueError:
            raise MappingError(
                f"The constant `{value}` of {variable.name} is not a {variable.type}.", where=place
            ) from None
    return value


def _unit(mapping: Mapping, unit: str | UnitColumn, names: dict[str, str], place: str) -> UnitSpec:
    if isinstance(unit, str):
        return UnitSpec(constant=_fill(unit, names))
    cells: list[CellSpec] = []
    said: UnitColumn | None = unit
    while said is not None:
        missing = frozenset(w.strip().lower() for w in (*mapping.missing, *said.missing))
        lookup = None if said.lookup is None else steps_of(said.lookup)
        reading = Reading("text", missing=missing, codes=_codes(mapping, said.codes, names, place), lookup=lookup)
        cells.append(CellSpec((_fill(said.column, names),), reading))
        said = said.otherwise
    return UnitSpec(cells=tuple(cells))


def _check_units(block: Block, known: dict[str, Variable]) -> None:
    """A unit that is declared must have a factor to the standard unit."""
    for name, unit in block.units.items():
        if known[name].type != "number" and name != "LBORRES":
            raise MappingError(f"{name} is not a number and takes no unit.", where=block.place, do="remove `unit`")
        if block.domain == "RANGE":
            raise MappingError(f"{name} takes no unit of its own.", where=block.place, do="map the unit as UNIT")
        if unit.constant is None:
            continue
        test = block.constants.get("LBTESTCD", "") if block.domain == "LB" else ""
        standard = tests()[test][1] if test else "" if block.domain == "LB" else known[name].unit
        x_uln = block.domain == "LB" and units.normal(unit.constant) == units.normal(units.X_ULN)
        fits = units.factor(unit.constant, standard, test) is not None if standard else units.is_known(unit.constant)
        if not (fits or x_uln):
            what = f"`{unit.constant}` is not a unit that can be read for {test or name}."
            raise MappingError(
                what, where=block.place, expected=", ".join(units.known_units(standard, test)), do="correct the unit"
            )
    if block.domain == "LB" and "LBORRES" in block.cells and "LBORRES" not in block.units:
        raise MappingError("LBORRES has no unit.", where=block.place, do="add `unit` to LBORRES")


def _anchors(records: Records, known: dict[str, Variable], cells: dict[str, CellSpec], place: str) -> tuple[str, ...]:
    for name in records.anchor:
        if name not in cells:
            raise _unknown("anchor", name, list(cells), place)
    anchors = records.anchor or tuple(n for n in cells if n in known and known[n].anchor)
    if not anchors:
        raise MappingError(
            f"A record of {records.domain} can never exist here: no variable that makes a record stands in a column.",
            where=place,
            expected=f"one of {', '.join(n for n, v in known.items() if v.anchor)} from a column, or `anchor`",
            do="map such a variable, or name the one that makes a record in `anchor`",
        )
    return anchors


def _note_used(mapping: Mapping, block: Block, out: Plan) -> None:
    used = out.used[block.table]
    _note_where(mapping, block.table, block.where, out, block.place)
    cells = [*block.cells.values(), *(cell for unit in block.units.values() for cell in unit.cells)]
    for cell in cells:
        used.update(cell.columns)
        used.update(c for c in (cell.precision[0] if cell.precision else None, cell.display) if c)
        _note_lookup(mapping, cell, out, block.place)


def _note_where(mapping: Mapping, table: str, where: Where, out: Plan, place: str) -> None:
    for column, test in where:
        out.used[table].add(column)
        _note_steps(mapping, steps_of_test(test) or (), out, place)


def _note_lookup(mapping: Mapping, cell: CellSpec, out: Plan, place: str) -> None:
    if cell.reading.lookup is not None:
        _note_steps(mapping, cell.reading.lookup, out, place)


def _note_steps(mapping: Mapping, steps: Steps, out: Plan, place: str) -> None:
    for table, key, value, where in steps:
        if table not in mapping.tables:
            raise _unknown("table", table, list(mapping.tables), place)
        out.used[table].update((key, value))
        _note_where(mapping, table, where, out, place)


def _unknown(what: str, name: str, allowed: list[str], place: str, of: str = "") -> MappingError:
    near = difflib.get_close_matches(name, allowed, 1, 0.5)
    return MappingError(
        f"There is no {what} `{name}`{of}.",
        where=place,
        expected=", ".join(allowed),
        do=f"did you mean `{near[0]}`?" if near else f"use a {what} of the list",
    )
