"""From findings to queries: addresses, quotations, merging.

In: the findings of one rule. Out: its queries, each with every address once, the most doubtful first, quoting what
stands in the cells (the centre's words) and, where that differs, how chartline reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chartline.checks.model import Cell, Finding, Rule
from chartline.core.clinical import Origins, variables
from chartline.core.query import Query, Severity
from chartline.core.study_days import NO_STUDY_DAYS, StudyDays

_RANK = {Severity.NOTE: 0, Severity.WARN: 1, Severity.BLOCK: 2}
_FALLBACK = {"LBSTRESN": "LBORRES"}  # where only the reported text of a result has a column of its own
_UNITS = {
    **{"umol/L": "µmol/L", "umol/l": "µmol/L", "10^9/L": "× 10⁹/L", "mg/m2": "mg/m²", "m2": "m²"},
    **{
        "mg/dl": "mg/dL",
        "g/dl": "g/dL",
        "mmol/l": "mmol/L",
        "meq/l": "mEq/L",
        "/ul": "per µL",
        "lakh/ul": "lakh per µL",
    },
    **{"10^6/l": "× 10⁶/L", "ukat/l": "µkat/L", "u/ml": "U/mL", "l/min": "L/min", "ml/s": "mL/s"},
}
_CALENDAR = " (day, month and year)"  # what rules ask of a date, which a centre that counts days has not


def unit_words(unit: str) -> str:
    """Return a unit as people write it."""
    return _UNITS.get(unit, unit)


def value_words(value: object, unit: str = "") -> str:
    """Return a value as people write it: shortest number, 'blank' for a missing one."""
    if value is None:
        return "blank"
    text = str(value)
    if isinstance(value, float):
        text = f"{value:.0f}" if value.is_integer() else f"{value:.6g}"
    return f"{text} {unit_words(unit)}".rstrip()


def term_words(term: str) -> str:
    """Return a code as people write it: 'ALLOGENEIC HSCT' is 'Allogeneic HSCT', acronyms stay."""
    words = [w.lower() if len(w) > 4 and w.isalpha() else w for w in term.split()]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def _columns(origins: Origins, cell: Cell) -> tuple[str, ...]:
    columns = origins.blocks[cell.block][1]
    return tuple(columns.get(cell.variable) or columns.get(_FALLBACK.get(cell.variable, ""), ()))


def places(origins: Origins, cell: Cell) -> tuple[str, ...]:
    """Return the canonical addresses of a cell, one a source column; none where the mapping states the value."""
    if cell.block >= len(origins.blocks):  # data that were not mapped from a source have no address but this
        return (f"{cell.domain}!row {cell.row}!{cell.variable}",)
    table = origins.blocks[cell.block][0]
    return tuple(table.address(cell.row, c) for c in _columns(origins, cell))


def all_places(origins: Origins, cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the addresses of cells in order, each once; that of the first cell's row where none has a column."""
    cells = tuple(cells)
    found = _unique(p for c in cells for p in places(origins, c))
    return found or tuple(origins.blocks[c.block][0].address(c.row, "") for c in cells[:1])


def quotation(origins: Origins, cell: Cell, centre: str = "", study_days: StudyDays = NO_STUDY_DAYS) -> str:
    """Return 'Date of relapse: 10-Jun-2020 (read as 2020-06-10)'; 'Date of relapse: day 35' where days were counted."""
    label = cell.label or variables()[cell.domain][cell.variable].label
    ours = value_words(cell.value, cell.unit)
    if _is_date(cell):
        ours = study_days.text(centre, ours)
    raw = _raw(origins, cell)
    if raw in ("", ours) or _same(raw, cell.value) or ours == f"day {raw}":
        return f"{label}: {ours}"
    return f"{label}: {raw} (read as {ours})"


def _is_date(cell: Cell) -> bool:
    variable = variables()[cell.domain].get(cell.variable)
    return variable is not None and variable.type == "date"


def _same(raw: str, value: object) -> bool:
    """Whether the cell shows just the value (`5.0` is 5), so that saying how it is read adds nothing."""
    if not isinstance(value, float | int):
        return raw == value
    try:
        return float(raw) == float(value)
    except ValueError:
        return False


def _raw(origins: Origins, cell: Cell) -> str:
    if cell.block >= len(origins.blocks) or not _columns(origins, cell):
        return ""
    table = origins.blocks[cell.block][0]
    return " + ".join(table.raw(cell.row, c) or "(blank)" for c in _columns(origins, cell))


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(i for i in items if i))


def queries_of(
    rule: Rule, findings: Sequence[Finding], origins: Origins, study_days: StudyDays = NO_STUDY_DAYS
) -> list[Query]:
    """Return the queries of one rule. Findings of one subject that share an address become one query."""
    home: dict[tuple[str, str, str], list[Finding]] = {}
    groups: dict[int, list[Finding]] = {}
    for finding in findings:
        keys = [(finding.centre, finding.subject, p) for p in all_places(origins, finding.cells)]
        joined: list[Finding] = []
        for other in {id(home[k]): home[k] for k in keys if k in home}.values():
            joined += groups.pop(id(other))
        joined.append(finding)
        groups[id(joined)] = joined
        home.update({(*k[:2], p): joined for k in keys for f in joined for p in all_places(origins, f.cells)})
    return [_query(rule, group, origins, study_days) for group in groups.values()]


def _query(rule: Rule, group: Sequence[Finding], origins: Origins, study_days: StudyDays) -> Query:
    cells = list(dict.fromkeys(c for f in group for c in f.cells))
    severity = max((f.severity or rule.severity for f in group), key=_RANK.__getitem__)
    topics = frozenset().union(*(rule.topics if f.topics is None else f.topics for f in group))
    centre = group[0].centre
    asked = _unique(f.asks or rule.asks for f in group)
    if centre in study_days.events and any(map(_is_date, cells)):
        asked = (
            *(a.replace(_CALENDAR, "") for a in asked),
            "A date is answered as a number of days, as the file has it.",
        )
    return Query(
        rule=rule.id,
        severity=severity,
        centre=centre,
        subject=group[0].subject,
        addresses=all_places(origins, cells),
        saw="; ".join(_unique(quotation(origins, c, centre, study_days) for c in cells)),
        message=study_days.text(centre, " ".join(_unique(f.message for f in group))),
        ask=" ".join(asked),
        topics=topics,
    )
