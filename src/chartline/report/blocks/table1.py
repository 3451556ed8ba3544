"""Table 1: baseline characteristics of everyone and by centre; missing values counted in their own row.

What compares the columns, standardised differences and P values, stands on the first row of a variable.
"""

from __future__ import annotations

from chartline.protocol.names import levels_in_order
from chartline.report import format as fmt
from chartline.report.cells import extremes, group_of, level_in_words, levels, middle, variable_label
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource

_CENTRE = ("SITEID", "CENTRE")
_COMPARED = {"smd": "SMD", "p": "P"}


def build(source: ReportSource) -> list[Block]:
    report = source.protocol.report
    columns = ["", *_columns(source)]
    rows: list[tuple[Cell, ...]] = []
    compared = _compared(source)
    for variable in report.table1:
        own = _rows(source, variable, columns)
        for statistic in compared:
            own = _with(source, variable, statistic, own)
        rows += own
    if not rows:
        return []
    by = report.table1_by or ""
    total = _size(source, "")
    header = ["Characteristic", _headed("All", "N", total)]
    header += [_headed(level_in_words(source, by, c), "n", _size(source, c)) for c in columns[1:]]
    header += [_COMPARED[statistic] for statistic in compared]
    by_centre = len(columns) > 1 and report.table1_by in _CENTRE
    return [
        Heading("Baseline characteristics"),
        Table(
            number="Table",
            caption="Baseline characteristics" + (" by centre." if by_centre else "."),
            header=tuple(header),
            rows=tuple(rows),
            align="l" + "r" * (len(header) - 1),
            widths=(1.8, *(1.3,) * len(columns), *(0.7,) * len(compared)),
            notes=(
                "Numbers of patients are n (%). Percentages are of patients with a value; IQR, interquartile range; "
                "patients without one are counted as missing.",
                *_differences(source, columns),
                *(_tests(source) if "p" in compared else ()),
            ),
            wide=len(header) > 8,
        ),
    ]


def _compared(source: ReportSource) -> list[str]:
    """Return the statistics that compare the columns and have a column: those asked for, if any can be computed."""
    report = source.protocol.report
    asked = [*(["smd"] if report.table1_differences else []), *(["p"] if report.table1_tests != "none" else [])]
    found = {s: [source.result(_analysis(v), s) for v in report.table1] for s in asked}
    return [s for s in asked if any(r is not None and (s == "p" or r.value is not None) for r in found[s])]


def _with(source: ReportSource, variable: str, statistic: str, rows: list[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
    """Add a statistic to the first row of a variable."""
    r = source.result(_analysis(variable), statistic)
    first = Cell(fmt.value(r), r.id) if r is not None else Cell("")
    return [(*row, Cell("") if i else first) for i, row in enumerate(rows)]


def _differences(source: ReportSource, columns: list[str]) -> tuple[str, ...]:
    """Return what the standardised differences are, and why there are none; nothing where nobody asks."""
    report = source.protocol.report
    found = {v: r for v in report.table1 if (r := source.result(_analysis(v), "smd")) is not None}
    if not report.table1_differences:
        return ()
    why: dict[str, list[str]] = {}
    for variable, r in found.items():
        if r.value is None:
            why.setdefault(r.reason, []).append(variable_label(source, variable)[0].partition(", ")[0])
    if all(r.value is None for r in found.values()):
        return (f"No standardised differences: {'; '.join(why) or 'there are no columns to compare'}.",)
    against = " against ".join(level_in_words(source, report.table1_by or "", c) for c in columns[:0:-1])
    not_known = "".join(f" Not estimable: {fmt.joined(names)} ({reason})." for reason, names in why.items())
    return (
        f"SMD, standardised mean difference ({against}), in standard deviations of the patients with a value: the "
        "difference of the means of a number; of the percentages of the last level (or of yes) where there are two "
        f"levels; the Mahalanobis distance of the percentages, without sign, where there are more.{not_known}",
    )


def _tests(source: ReportSource) -> tuple[str, ...]:
    """Return which test was used for which variables and why, or why there is none."""
    said: dict[str, dict[str, list[str]]] = {}
    for variable in source.protocol.report.table1:
        p = source.result(_analysis(variable), "p")
        if p is not None:
            test, _, why = (p.method if p.value is not None else f"No test: {p.reason}").partition(": ")
            said.setdefault(test, {}).setdefault(why, []).append(variable_label(source, variable)[0].partition(", ")[0])
    tests = []
    for test, of in said.items():
        variables = "; ".join(f"{fmt.joined(names)} ({why})" for why, names in of.items())
        tests.append(f"{test[:1].upper()}{test[1:]}: {variables}")
    return (f"P values compare the columns, not adjusted for multiple testing. {'. '.join(tests)}.",)


def _headed(label: str, letter: str, size: int) -> str:
    """Return a column's head: its name and below it the number, on one line (no-break spaces)."""
    return f"{label}\n({letter}\u00a0=\u00a0{fmt.whole(size)})"


def _columns(source: ReportSource) -> list[str]:
    """Return the levels of `table1_by` that occur, in the protocol's order where it declares one."""
    by = source.protocol.report.table1_by
    if not by:
        return []
    seen: dict[str, None] = {}
    for variable in source.protocol.report.table1:
        for r in source.results.of(_analysis(variable)):
            if r.group.startswith(f"{by}="):
                seen[r.group.split(";")[0].removeprefix(f"{by}=")] = None
    order = [c for c in levels_in_order(source.protocol, by) if c in seen]
    return [*order, *(c for c in seen if c not in order)]


def _analysis(variable: str) -> str:
    return f"table1.{variable.lower()}"


def _size(source: ReportSource, column: str) -> int:
    """Return the number of patients in a column: the largest denominator its results state, with the missing."""
    by = source.protocol.report.table1_by or ""
    group = group_of(by, column)
    sizes = [
        (r.N or 0)
        for variable in source.protocol.report.table1
        for r in source.results.of(_analysis(variable))
        if r.group == group or r.group.startswith(f"{group};" if group else f"{variable}=")
    ]
    return max(sizes, default=0)


def _rows(source: ReportSource, variable: str, columns: list[str]) -> list[tuple[Cell, ...]]:
    label, unit = variable_label(source, variable)
    analysis = _analysis(variable)
    rows = []
    if source.result(analysis, "median") is not None:
        rows += _summary_rows(source, variable, f"{label}, {unit}" if unit else label, columns)
    declared = source.protocol.characteristics.get(variable)
    found = levels(source, analysis, variable, declared.categories if declared else ())
    if found:
        rows += _category_rows(source, variable, label, [lv for lv, _ in found], columns, bool(rows))
    return rows


def _group(source: ReportSource, column: str) -> str:
    return group_of(source.protocol.report.table1_by or "", column)


def _summary_rows(source: ReportSource, variable: str, label: str, columns: list[str]) -> list[tuple[Cell, ...]]:
    """Return the rows of a number: its name, median with quartiles, range, and the missing if there are any."""
    analysis = _analysis(variable)
    rows = [[Cell(label)], [Cell("Median (IQR)", indent=1)], [Cell("Range", indent=1)], [Cell("Missing", indent=1)]]
    any_missing = False
    for column in columns:
        group = _group(source, column)
        r = source.result(analysis, "median", group=group)
        bound = r.id if r else ""
        n = r.missing if r else 0
        any_missing |= bool(n)
        texts = ("", middle(source, analysis, group), extremes(source, analysis, group), fmt.whole(n))
        for row, text in zip(rows, texts, strict=True):
            row.append(Cell(text, bound if text else ""))
    return [tuple(row) for row in (rows if any_missing else rows[:3])]


def _category_rows(
    source: ReportSource, variable: str, label: str, names: list[str], columns: list[str], under: bool
) -> list[tuple[Cell, ...]]:
    """Return one row a level; a yes-or-no variable has one row, of the yes."""
    if set(names) <= {"Y", "N"}:
        return [_level_row(source, variable, "Y", Cell(label, indent=int(under)), columns)]
    rows: list[tuple[Cell, ...]] = [] if under else [(Cell(label), *(Cell("") for _ in columns))]
    words = {n: level_in_words(source, variable, n) for n in names}
    return rows + [_level_row(source, variable, n, Cell(words[n], indent=1), columns) for n in names]


def _level_row(source: ReportSource, variable: str, name: str, label: Cell, columns: list[str]) -> tuple[Cell, ...]:
    by = source.protocol.report.table1_by or ""
    cells = [label]
    for column in columns:
        r = source.result(_analysis(variable), "n", group=group_of(by, column, variable, name))
        if r is None:
            cells.append(Cell("0"))
            continue
        n, known = r.n or 0, (r.N or 0) - r.missing
        cells.append(Cell(fmt.whole(n) if name == "" else fmt.n_percent(n, known), r.id))
    return tuple(cells)
