"""SourceData + signed mapping -> ClinicalData. In: one centre's tables and its mapping. Out: its domains, and queries.

    mapping -> blocks (blocks.py) -> rows of each table (rows.py) -> cells read in stacks (stack.py, values.py)
            -> one frame a domain (assemble.py) -> units and limits (labs.py)

Nothing here loops over subjects or rows except to write queries. What does not fit its declaration is a Query with
the cell's address; the value is missing and the row is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import polars as pl

from chartline.core.clinical import ClinicalData, Origins, clinical_data, statement, variables
from chartline.core.query import Query, Severity, Topic
from chartline.mapping.assemble import Emission, assemble, dtype_of
from chartline.mapping.blocks import NUMBER_OF_RESULT, RANGE_VARIABLES, Block, CellSpec, Plan, UnitSpec, plan
from chartline.mapping.labs import Fault, convert, finish_labs, reference_ranges
from chartline.mapping.lookups import Steps, read_lookups, steps_of_test
from chartline.mapping.mixed_dates import mixed_date_queries
from chartline.mapping.model import Mapping
from chartline.mapping.problems import (
    Seat,
    is_loinc_shaped,
    loinc_hint,
    merged,
    nearest,
    problem_query,
    serial_hint,
)
from chartline.mapping.rows import Rows, Touches, select_rows
from chartline.mapping.stack import Request, Stack
from chartline.mapping.topics import severity_of, topics_of
from chartline.mapping.unmapped import unmapped_query
from chartline.mapping.values import Reading
from chartline.mapping.views import TableView, view_tables, wild
from chartline.sources.asked import Wanted
from chartline.sources.base import SourceData


def map_centre(data: SourceData, mapping: Mapping) -> tuple[ClinicalData, list[Query]]:
    """Map one centre. Raise MappingError where mapping and files do not fit; every data problem is a Query."""
    return _Mapper(data, mapping).run()


def check_fit(data: SourceData, mapping: Mapping) -> None:
    """Raise MappingError where the mapping and the files do not fit: a table or column renamed, missing or unmapped."""
    view_tables(data.tables, mapping, plan(mapping).used)


def wanted_of(mapping: Mapping, answered: Iterable[str] = ()) -> dict[str, Wanted]:
    """Return the tables of a centre that its mapping reads, with their columns, and the columns of cells that were
    `answered` about (addresses)."""
    used, cells = plan(mapping).used, frozenset(address.rpartition("!")[2] for address in answered)
    return {name: Wanted(wild(table.ignore), cells | used[name]) for name, table in mapping.tables.items()}


class _Mapper:
    """The state of one call of `map_centre`."""

    def __init__(self, data: SourceData, mapping: Mapping) -> None:
        self.data, self.mapping, self.centre = data, mapping, mapping.centre
        self.plan: Plan = plan(mapping)
        self.views = view_tables(data.tables, mapping, self.plan.used)
        cells = [c for b in self.plan.blocks for c in _cells(b)] + list(self.plan.subjects.values())
        keys = {c.reading.lookup for c in cells if c.reading.lookup is not None}
        self.lookups = read_lookups(self.views, keys)
        self.stack = Stack(self.lookups)
        self.rows: dict[str, Rows] = {}
        self.emissions: list[Emission] = []
        self.queries: list[Query] = []

    def run(self) -> tuple[ClinicalData, list[Query]]:
        self._select_rows()
        self._ask()
        self.stack.run()
        frames = self._frames()
        for domain, frame in frames.items():
            frames[domain] = _shaped(frame)
        self._cell_queries()
        requests = [r for rs in self.stack.requests.values() for r in rs]
        self.queries += mixed_date_queries(requests, self.rows, self.centre, lambda r: self._bears_on(r, 0)[0])
        queries = _once(merged(self.queries))
        return clinical_data(frames, self._origins()), queries + self._notes(queries)

    # rows -------------------------------------------------------------------------------------------------------

    def _select_rows(self) -> None:
        for name, view in self.views.items():
            cell = self.plan.subjects.get(name)
            lookup = self.lookups[cell.reading.lookup] if cell is not None and cell.reading.lookup else None
            self.rows[name], queries = select_rows(view, name, self.mapping, cell, lookup, self._touches(name))
            self.queries += queries

    def _touches(self, table: str) -> Touches:
        """Return column -> what the values made from it bear on."""

        def touches(column: str) -> tuple[frozenset[Topic], Severity]:
            topics: frozenset[Topic] = frozenset()
            severity = Severity.WARN
            for b in self.plan.blocks:
                if b.table != table:
                    continue
                for name, cell in b.cells.items():
                    if column in cell.columns:
                        variable = name.split("#")[0]
                        own = topics_of(b.domain, variable, b.constants.get("LBTESTCD"))
                        topics |= own
                        if severity_of(b.domain, variable, own) is Severity.BLOCK:
                            severity = Severity.BLOCK
            return topics, severity

        return touches

    # cells ------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Find the rows of every block and ask the stack for its cells."""
        sets: dict[object, tuple[pl.Series, pl.Series]] = {}
        chosen: dict[str, list[pl.Series]] = {}
        for block in self.plan.blocks:
            view = self.views.get(block.table)
            if view is None:
                continue
            key = (block.table, repr(block.where))
            if key not in sets:
                sets[key] = self._rows_of(block, view, chosen)
            rows, subject = sets[key]
            if len(rows) == 0:
                continue
            e = Emission(len(self.emissions), block, rows, subject)
            for name, cell in block.cells.items():
                e.asked[name] = self.stack.ask(view, block.table, cell, rows, key, (e.number, name))
            self._ask_units(e, view, key)
            self.emissions.append(e)
        self._unmapped_rows(chosen)

    def _rows_of(
        self, block: Block, view: TableView, chosen: dict[str, list[pl.Series]]
    ) -> tuple[pl.Series, pl.Series]:
        rows = self.rows[block.table]
        at = rows.kept
        if block.where:
            holds = view.holds(block.where)
            at = at.filter(holds if len(at) == view.height else holds.gather(at))
        chosen.setdefault(block.table, []).append(at)
        subject = rows.subject if len(at) == view.height else rows.subject.gather(at)
        return at, subject

    def _ask_units(self, e: Emission, view: TableView, key: object) -> None:
        for name, unit in e.block.units.items():
            helper = f"{name}#unit"
            requests = [self.stack.ask(view, e.block.table, c, e.rows, key, (e.number, helper)) for c in unit.cells]
            if requests:
                e.asked[helper] = requests[0]
            if len(requests) > 1:
                e.otherwise[helper] = requests[1:]

    def _unmapped_rows(self, chosen: dict[str, list[pl.Series]]) -> None:
        """Tell rows that no block's `where` takes: they would be lost in silence."""
        for name, rows in self.rows.items():
            if not self.mapping.tables[name].records:
                continue
            at, sets = rows.kept, chosen.get(name, [])
            if any(len(taken) == len(at) for taken in sets):
                continue
            taken = pl.concat(sets).unique() if sets else at.clear()
            left = at.filter(~at.is_in(taken.implode()))
            if len(left):
                columns: dict[str, Steps | None] = {}
                for column, test in (one for b in self.plan.blocks if b.table == name for one in b.where):
                    columns[column] = steps_of_test(test) or columns.get(column)
                self.queries.append(unmapped_query(self.views[name], left, taken, columns, self.centre))

    # frames -----------------------------------------------------------------------------------------------------

    def _frames(self) -> dict[str, pl.DataFrame]:
        by_domain: dict[str, list[Emission]] = defaultdict(list)
        for e in self.emissions:
            by_domain[e.block.domain].append(e)
        frames = {d: self._answer_units(d, assemble(d, es, self.stack, self.centre)) for d, es in by_domain.items()}
        sheet = frames.pop("RANGE", None)
        ranges, faults = reference_ranges(sheet, self.mapping.reference_ranges)
        if sheet is not None:
            self._unit_queries("RANGE", sheet, faults)
        for domain, frame in frames.items():
            if domain == "LB":
                done, faults = finish_labs(frame, ranges, _sexes(frames.get("DM")))
                self._unit_queries(domain, done, faults)
                frames[domain] = done
            else:
                frames[domain] = self._converted(domain, frame)
        return frames

    def _converted(self, domain: str, frame: pl.DataFrame) -> pl.DataFrame:
        for name in [c.removesuffix("#unit") for c in frame.columns if c.endswith("#unit")]:
            frame, faults = convert(frame, name, variables()[domain][name].unit)
            self._unit_queries(domain, frame, faults)
        return frame

    def _answer_units(self, domain: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Lay the units that answers stated beside the values they amended (few)."""
        for e in self.emissions:
            stated = self.data.tables[e.block.table].stated_units if e.block.domain == domain else {}
            for (row, column), unit in stated.items():
                for name, cell in e.block.cells.items():
                    takes = name == "LBORRES" or dtype_of(domain, name) is pl.Float64
                    if column in cell.columns and "#" not in name and takes:
                        frame = _with_answer_unit(frame, name, e.number, row, unit)
        return frame

    def _unit_queries(self, domain: str, frame: pl.DataFrame, faults: list[Fault]) -> None:
        for rule, i, name in faults:
            e = self.emissions[frame["BLOCK"][i]]
            row = frame["ROW"][i]
            cell = e.block.cells.get(name, CellSpec((), Reading("text")))
            unit = e.block.units.get(name) or e.block.units.get("LBORRES")
            columns = unit.cells[-1].columns if unit is not None and unit.cells else cell.columns
            view = self.views[e.block.table]
            shown = view.shown(row, columns) if unit is None else _unit_shown(view, row, unit, columns)
            test = frame["LBTESTCD"][i] if "LBTESTCD" in frame.columns else None
            topics = topics_of(domain, "LBORRES" if domain == "LB" else name, test)
            severity = severity_of(domain, name, topics)
            value = f"value {view.shown(row, cell.columns)}" if cell.columns and cell.columns != columns else ""
            seat = Seat(
                self.centre,
                frame["USUBJID"][i] or "",
                view.address(row, columns),
                shown,
                _label(domain, name, test),
                " + ".join(columns),
                topics,
                severity,
            )
            self.queries.append(problem_query(rule, seat, value))

    # queries ----------------------------------------------------------------------------------------------------

    def _cell_queries(self) -> None:
        for request, position, code in self.stack.problems():
            if self._may_stand_elsewhere(request):
                continue
            row = request.rows[position]
            topics, severity = self._bears_on(request, position)
            number, name = request.users[0]
            block = self.emissions[number].block
            variable = name.split("#")[0]
            shown = request.view.shown(row, request.cell.columns)
            rule, hint = self._rule_and_hint(request, row, code, shown)
            label = f"Unit of {variable}" if name.endswith("#unit") else _label(block.domain, variable, _about(block))
            seat = Seat(
                self.centre,
                self.rows[request.table].subject[row] or "",
                request.view.address(row, request.cell.columns),
                shown,
                label,
                " + ".join(request.cell.columns),
                topics,
                severity,
            )
            self.queries.append(problem_query(rule, seat, hint))

    def _may_stand_elsewhere(self, request: Request) -> bool:
        """Whether a cell is a unit that another column may say: where none does, the value is asked about."""
        return all(name in self.emissions[number].otherwise for number, name in request.users)

    def _bears_on(self, request: Request, position: int) -> tuple[frozenset[Topic], Severity]:
        """Return the topics of all variables made from a cell, and the worst severity."""
        topics: frozenset[Topic] = frozenset()
        worst = Severity.WARN
        for number, name in request.users:
            e = self.emissions[number]
            variable = name.split("#")[0]
            test = e.block.constants.get("LBTESTCD")
            if test is None and "LBTESTCD" in e.asked:
                test = self.stack.read(e.asked["LBTESTCD"]).value[position]
            own = topics_of(e.block.domain, variable, test)
            topics |= own
            if severity_of(e.block.domain, variable, own) is Severity.BLOCK:
                worst = Severity.BLOCK
        return topics, worst

    def _rule_and_hint(self, request: Request, row: int, code: str, shown: str) -> tuple[str, str]:
        reading = request.cell.reading
        if code == "value_not_in_code_list":
            hints = [
                nearest(
                    shown,
                    [
                        *(t for _, t in reading.codes or ()),
                        *(w for w, _ in reading.codes or ()),
                        *(reading.terms or ()),
                    ],
                )
            ]
            if any(name == "LBTESTCD" for _, name in request.users):
                code = "code_not_known"
                hints = [loinc_hint(shown) if is_loinc_shaped(shown) else "", *hints]
            if request.cell.display:
                hints.insert(0, f"the row says '{request.view.shown(row, (request.cell.display,))}'")
            return code, "; ".join(h for h in hints if h)
        if code == "not_a_number" and reading.codes:
            return code, nearest(shown, [w for w, _ in reading.codes])
        if code in ("not_a_date", "ambiguous_partial"):
            return code, "; ".join(h for h in (serial_hint(shown), f"declared order {reading.order}") if h)
        if code == "not_in_expected_form":
            return code, f"expected {reading.extract}"
        return code, ""

    def _notes(self, queries: list[Query]) -> list[Query]:
        """Return what the reader saw (hidden rows, merged cells) as notes, unless a query asks about the cell."""
        asked = {a for q in queries if q.rule == "error_cell" for a in q.addresses}
        return [
            Query(n.rule, Severity.NOTE, self.centre, "", (n.address,), n.message, n.message, "")
            for n in self.data.notes
            if n.address not in asked
        ]

    def _origins(self) -> Origins:
        blocks = []
        for e in self.emissions:
            view = self.views[e.block.table]
            made = {n: tuple(c for c in cell.columns if c in view.columns) for n, cell in e.block.cells.items()}
            if NUMBER_OF_RESULT in made:
                made["LBSTRESN"] = made.pop(NUMBER_OF_RESULT)
            unit = e.block.units.get("LBORRES")
            if unit is not None and unit.cells:
                made["LBORRESU"] = unit.columns
            blocks.append((view.table, made))
        return Origins(tuple(blocks))


def _cells(block: Block) -> list[CellSpec]:
    return [*block.cells.values(), *(cell for unit in block.units.values() for cell in unit.cells)]


def _once(queries: list[Query]) -> list[Query]:
    """A unit whose cell could not be read at all is asked about there, not again as a unit that does not fit."""
    unread = {q.addresses for q in queries if q.rule != "unknown_unit"}
    return [q for q in queries if q.rule != "unknown_unit" or q.addresses not in unread]


def _unit_shown(view: TableView, row: int, unit: UnitSpec, columns: tuple[str, ...]) -> str:
    """Return what stands for the unit of a value: a key with what it leads to, and every column that may say it."""
    if not unit.cells:
        return unit.constant or view.shown(row, columns)
    said = []
    for cell in unit.cells:
        steps = cell.reading.lookup
        led = view.led_to(cell.columns[0], steps)[row] if steps is not None else None
        said.append(view.shown(row, cell.columns) + (f" ({led})" if led else ""))
    if len(said) == 1:
        return said[0]
    return ", ".join(f"{column} {text}" for column, text in zip(unit.columns, said, strict=True))


def _about(block: Block) -> str | None:
    """Return what a block's records are about, where that is a constant: its test or its category."""
    return next((block.constants[n] for n in ("LBTESTCD", "MHCAT", "FATESTCD") if n in block.constants), None)


def _label(domain: str, name: str, test: str | None) -> str:
    known = RANGE_VARIABLES if domain == "RANGE" else variables()[domain]
    return known[name].label + (f" ({test})" if test else "")


def _shaped(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop helper columns and number the rows from 1."""
    kept = [c for c in frame.get_columns() if "#" not in c.name]
    number = pl.int_range(1, frame.height + 1, dtype=pl.Int64, eager=True)
    return pl.DataFrame([*kept, number.alias("SEQ")])


def _sexes(dm: pl.DataFrame | None) -> pl.DataFrame:
    if dm is None or "SEX" not in dm.columns:
        return pl.DataFrame(schema={"USUBJID": pl.String, "SEX": pl.String})
    ordered = dm.with_columns(pl.int_range(pl.len()).alias("SEQ"))
    return statement(ordered, "SEX").select("USUBJID", "SEX")


def _with_answer_unit(frame: pl.DataFrame, name: str, block: int, row: int, unit: str) -> pl.DataFrame:
    helper = f"{name}#answer_unit"
    old = pl.col(helper) if helper in frame.columns else pl.lit(None, pl.String)
    here = (pl.col("BLOCK") == block) & (pl.col("ROW") == row)
    frame = frame.with_columns(pl.when(here).then(pl.lit(unit)).otherwise(old).alias(helper))
    if f"{name}#unit" in frame.columns:
        return frame.with_columns((pl.col(f"{name}#has_unit") | here).alias(f"{name}#has_unit"))
    return frame.with_columns(pl.lit(None, pl.String).alias(f"{name}#unit"), here.alias(f"{name}#has_unit"))
