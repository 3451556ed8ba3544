"""Table 1: baseline characteristics of everyone and by centre; missing values counted in their own row."""

from __future__ import annotations

from chartline.report import format as fmt
from chartline.report.cells import centre_labels, extremes, group_of, level_in_words, levels, middle, variable_label
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource

_CENTRE = ("SITEID", "CENTRE")


def build(source: ReportSource) -> list[Block]:
    report = source.protocol.report
    columns = ["", *_columns(source)]
    rows: list[tuple[Cell, ...]] = []
    tested = any(source.result(_analysis(v), "p") is not None for v in report.table1)
    for variable in report.table1:
        own = _rows(source, variable, columns)
        rows += _with_test(source, variable, own) if tested else own
    if not rows:
        return []
    by = report.table1_by or ""
    total = _size(source, "")
    header = ["Characteristic", _headed("All", "N", total)]
    header += [_headed(level_in_words(source, by, c), "n", _size(source, c)) for c in columns[1:]]
    header += ["P"] if tested else []
    by_centre = len(columns) > 1 and report.table1_by in _CENTRE
    return [
        Heading("Baseline characteristics"),
        Table(
            number="Table",
            caption="Baseline characteristics" + (" by centre." if by_centre else "."),
            header=tuple(header),
            rows=tuple(rows),
            align="l" + "r" * (len(header) - 1),
            widths=(1.8, *(1.3,) * (len(header) - 1)),
            notes=(
                "Numbers of patients are n (%). Percentages are of patients with a value; IQR, interquartile range; "
                "patients without one are counted as missing.",
                *(_tests(source) if tested else ()),
            ),
            wide=len(header) > 8,
        ),
    ]


def _with_test(source: ReportSource, variable: str, rows: list[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
    """Add the P value to the first row of a variable."""
    p = source.result(_analysis(variable), "p")
    first = Cell(fmt.value(p), p.id) if p is not None else Cell("")
    return [(*row, Cell("") if i else first) for i, row in enumerate(rows)]


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
    """Return the levels of `table1_by` that occur, centres in the protocol's order."""
    by = source.protocol.report.table1_by
    if not by:
        return []
    seen: dict[str, None] = {}
    for variable in source.protocol.report.table1:
        for r in source.results.of(_analysis(variable)):
            if r.group.startswith(f"{by}="):
                seen[r.group.split(";")[0].removeprefix(f"{by}=")] = None
    order = [c for c in centre_labels(source) if c in seen] if by in _CENTRE else []
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
