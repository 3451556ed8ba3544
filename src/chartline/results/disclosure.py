"""Which results may leave: the rule of small cells, on results (`report.smallest_cell`, or a stricter one).

In: results and the least number of patients that is shown. Out: the ids of the results that are hidden.

    own         a number of patients from 1 to below the threshold hides every result of its group: the number itself,
                how many are left of the total, the total, and every share, median and estimate beside it
    one patient a least or greatest value, or the day of the first event, is the value of one patient
    following   in every line of a table (the levels of one variable, all others held), a hidden number must not follow
                from the total and the others: at least two are hidden, and together they are no small cell either; else
                the next smallest goes too, and where none is left, the total
    attrition   a small number of excluded patients follows from the steps around it: all steps are hidden then, and the
                number of screened patients where it differs from that of the eligible by a small number

A number that follows from two different analyses (CR and CRi, and both together) is not found; that is the
custodian's to judge. A threshold of 1 hides nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from chartline.results.model import Result

ONE_PATIENT = frozenset({"min", "max", "first_time", "onset_min", "onset_max"})
_KEY = re.compile(r";(?=[A-Z][A-Z0-9_]*=)")  # a level may hold a semicolon of its own

Place = tuple[str, str, float | None]  # analysis, group, at


def group_parts(group: str) -> tuple[tuple[str, str], ...]:
    """Return the variables and levels of a group: "SITEID=A;SEX=F" -> (("SITEID", "A"), ("SEX", "F"))."""
    pairs = (part.partition("=") for part in _KEY.split(group) if "=" in part)
    return tuple((name, level) for name, _, level in pairs)


def hidden_results(results: Iterable[Result], smallest: int) -> frozenset[str]:
    """Return the ids of the results that the rule hides. `smallest` is the least number of patients that is shown."""
    rows = list(results)
    if smallest <= 1:
        return frozenset()
    places = {_place(r) for r in rows if _small_in(r, smallest)}
    places |= _attrition(rows, smallest)
    places |= _following(rows, places, smallest)
    return frozenset(r.id for r in rows if _place(r) in places or r.statistic in ONE_PATIENT)


def is_small(n: int | None, smallest: int) -> bool:
    """Return whether a number of patients is a small cell. None, nobody having been counted, is not; nor is 0."""
    return n is not None and 0 < n < smallest


def _place(r: Result) -> Place:
    return r.analysis, r.group, r.at


def _small_in(r: Result, smallest: int) -> bool:
    left = r.N - r.n if r.N is not None and r.n is not None else None
    own = int(r.value) if r.is_count and r.value is not None else None
    return any(is_small(n, smallest) for n in (r.n, r.N, left, own))


def _attrition(rows: list[Result], smallest: int) -> set[Place]:
    steps = [r for r in rows if r.analysis == "attrition" and r.group]
    out: set[Place] = set()
    if any(r.statistic in ("n_no", "n_unknown") and is_small(r.n, smallest) for r in steps):
        out |= {_place(r) for r in steps}
    ends = {r.statistic: r.n or 0 for r in rows if r.analysis == "attrition" and not r.group}
    if is_small(ends.get("screened", 0) - ends.get("eligible", 0), smallest):
        out |= {("attrition", "", None), ("screened", "", None)}
    return out


def _following(rows: list[Result], hidden: set[Place], smallest: int) -> set[Place]:
    """Return what else must go so that no hidden number follows from its line."""
    cells = {_place(r): (r.n or 0, r.N) for r in rows if r.is_count and r.statistic == "n"}
    gone = set(hidden)
    changed = True
    while changed:
        changed = False
        for parts, total in _lines(cells):
            also = _also(parts, total, cells, gone, smallest)
            if also - gone:
                gone |= also
                changed = True
    return gone - hidden


def _lines(cells: dict[Place, tuple[int, int | None]]) -> Iterator[tuple[list[Place], Place]]:
    """Yield the places that differ in the level of one variable only, and the place of their total."""
    lines: dict[tuple[Place, str], list[Place]] = defaultdict(list)
    for place in cells:
        analysis, group, at = place
        parts = group_parts(group)
        for name, _ in parts:
            rest = ";".join(f"{n}={level}" for n, level in parts if n != name)
            lines[(analysis, rest, at), name].append(place)
    for (total, _), parts_of in lines.items():
        yield parts_of, total


def _also(
    parts: list[Place],
    total: Place,
    cells: dict[Place, tuple[int, int | None]],
    gone: set[Place],
    smallest: int,
) -> set[Place]:
    lost = [p for p in parts if p in gone]
    summed = sum(cells[p][0] for p in parts)
    shown = [cells[p][1] for p in parts if p not in gone]
    if total in cells and total not in gone:
        shown.append(cells[total][0])
    if not lost or summed not in shown:  # else the parts do not make up a total that is shown
        return set()
    out: set[Place] = set()
    kept = sorted((p for p in parts if p not in gone and cells[p][0]), key=lambda p: (cells[p][0], p[1]))
    while len(lost) + len(out) < 2 or is_small(sum(cells[p][0] for p in (*lost, *out)), smallest):
        if not kept:
            return out | set(parts) | {total}
        out.add(kept.pop(0))
    return out
