"""counts.json: all that crosses the wall, as text a person can read on one page and a machine reads back exactly.

One table a line, in the order of the names; cells in ascending order; floats as the shortest text that reads back as
the same number. No Polars here: a pooling site needs this module and `model.py` only.
"""

from __future__ import annotations

import json
from typing import Any

from chartline.counts.model import (
    AttritionStep,
    AttritionTable,
    CountKey,
    Counts,
    CrossTab,
    EventTable,
    Pattern,
    ValueTable,
)
from chartline.errors import StudyError

FORMAT = "counts/1"


class CountsError(StudyError):
    """A counts file is not one that this version wrote."""

    code = "counts"
    exit_code = 11


def counts_to_json(counts: Counts) -> str:
    """Return the counts as JSON text; equal counts give equal text."""
    tables = [f"{_text(name)}: {_text(_plain(counts[name]))}" for name in sorted(counts)]
    return f'{{"chartline": "{FORMAT}", "tables": {{\n' + ",\n".join(tables) + "\n}}\n"


def counts_from_json(text: str, where: str = "") -> Counts:
    """Return the counts that `counts_to_json` wrote. Raises `CountsError`, naming `where`, for anything else."""
    try:
        content = json.loads(text)
        if content["chartline"] != FORMAT:
            raise ValueError(f"the format is {content['chartline']}")
        return {name: _table(table) for name, table in content["tables"].items()}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        raise CountsError(
            f"The counts cannot be read: {e}",
            where=where,
            expected=f"a file in the format {FORMAT}, as a run of chartline writes it",
            do="ask the site for the counts.json of a finished run",
        ) from None


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _plain(table: EventTable | CrossTab | ValueTable | AttritionTable) -> dict[str, Any]:
    key = {"analysis": table.key.analysis, "protocol_digest": table.key.protocol_digest, "unit": table.key.unit}
    return {"type": type(table).__name__, "key": key, **_content(table)}


def _content(table: EventTable | CrossTab | ValueTable | AttritionTable) -> dict[str, Any]:
    if isinstance(table, EventTable):
        rows = [[_pairs(p), day, list(row)] for (p, day), row in sorted(table.rows.items())]
        return {"causes": list(table.causes), "withheld": table.withheld, "missing": table.missing, "rows": rows}
    if isinstance(table, CrossTab):
        cells = [[*levels, n] for levels, n in sorted(table.cells.items())]
        return {"dims": list(table.dims), "withheld": table.withheld, "cells": cells}
    if isinstance(table, ValueTable):
        values = [[_pairs(p), v, n] for (p, v), n in sorted(table.values.items())]
        missing = [[_pairs(p), n] for p, n in sorted(table.missing.items())]
        return {"withheld": table.withheld, "values": values, "missing": missing}
    steps = [
        [s.id, s.label, s.n_in, s.n_no, s.n_unknown, s.n_out, *([s.n_open] if s.n_open else [])] for s in table.steps
    ]
    return {"screened": table.screened, "steps": steps}


def _table(plain: dict[str, Any]) -> EventTable | CrossTab | ValueTable | AttritionTable:
    key, kind = CountKey(**plain["key"]), plain["type"]
    if kind == "EventTable":
        rows = {(_pattern(p), day): tuple(row) for p, day, row in plain["rows"]}
        return EventTable(
            key=key, causes=tuple(plain["causes"]), rows=rows, withheld=plain["withheld"], missing=plain["missing"]
        )
    if kind == "CrossTab":
        cells = {tuple(levels): n for *levels, n in plain["cells"]}
        return CrossTab(key=key, dims=tuple(plain["dims"]), cells=cells, withheld=plain["withheld"])
    if kind == "ValueTable":
        values = {(_pattern(p), float(v)): n for p, v, n in plain["values"]}
        missing = {_pattern(p): n for p, n in plain["missing"]}
        return ValueTable(key=key, values=values, missing=missing, withheld=plain["withheld"])
    if kind == "AttritionTable":
        steps = tuple(AttritionStep(*s) for s in plain["steps"])
        return AttritionTable(key=key, screened=plain["screened"], steps=steps)
    raise ValueError(f"there is no count type {kind}")


def _pairs(pattern: Pattern) -> list[list[str]]:
    return [list(pair) for pair in pattern]


def _pattern(pairs: list[list[str]]) -> Pattern:
    return tuple((name, level) for name, level in pairs)
