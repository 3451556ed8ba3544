"""Safety: composite endpoints, worst laboratory grade by test, adverse events by term and worst grade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chartline.counts.model import CrossTab
from chartline.protocol.lab_terms import term_name, terms_of
from chartline.protocol.names import scale_words
from chartline.report import format as fmt
from chartline.report.cells import rate, test_labels
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource

GRADES = ("1", "2", "3", "4", "5")


def build(source: ReportSource) -> list[Block]:
    tables = [t for t in (_composites(source), _laboratory(source), _adverse_events(source)) if t is not None]
    return [Heading("Safety"), *tables] if tables else []


def _composites(source: ReportSource) -> Table | None:
    rows = []
    for analysis in source.protocol.report.safety:
        declared: Any = source.declared(analysis)
        r = source.result(analysis, "proportion")
        if r is not None and declared is not None:
            rows.append((Cell(declared.label), *rate(r), Cell(declared.definition)))
    if not rows:
        return None
    return Table(
        number="Table",
        caption="Safety endpoints.",
        header=("", "n/N", "%", "95% CI", "Definition"),
        rows=tuple(rows),
        align="lrrrl",
        widths=(2.5, 0.8, 0.9, 1.5, 4.3),
        notes=("CI, confidence interval. VOD/SOS, veno-occlusive disease or sinusoidal obstruction syndrome.",),
    )


def _laboratory(source: ReportSource) -> Table | None:
    """Worst on-treatment grade a test, and how many got worse than at baseline."""
    table = source.counts.get("lab_grades")
    if not isinstance(table, CrossTab):
        return None
    labels = test_labels()
    rows = []
    for test in map(term_name, terms_of(source.protocol.report.lab_tests)):
        cells = {k: n for k, n in _by(table, TEST=test).items() if n}
        if cells:
            rows.append((Cell(labels.get(test, test)), *_lab_row(cells)))
    if not rows:
        return None
    return Table(
        number="Table",
        caption="Worst laboratory grade on treatment, by test.",
        header=(
            "Test",
            "Tested",
            *(f"Grade {g}" for g in "1234"),
            "Any grade",
            "Grade 3–4",
            "Worse than baseline",
            "Worse, to grade 3–4",
        ),
        rows=tuple(rows),
        align="lrrrrrrrrr",
        widths=(2.05, 0.85, 0.95, 0.95, 0.95, 0.95, 1.15, 1.15, 1.25, 1.3),
        notes=(
            f"Patients, n (%) of those tested on treatment. {_grading(source)} Worse than baseline: the worst "
            "grade exceeds the grade at baseline; without a baseline value a patient counts only among the tested.",
        ),
    )


def _grading(source: ReportSource) -> str:
    scale = source.protocol.laboratory.grading
    return f"Grades: {scale_words(scale)}." if scale else ""


def _by(table: CrossTab, **levels: str) -> dict[tuple[str, ...], int]:
    """Return the cells with these levels, keyed by the remaining dimensions."""
    keep = [i for i, d in enumerate(table.dims) if d not in levels]
    out: dict[tuple[str, ...], int] = {}
    for key, n in table.cells.items():
        if all(key[table.dims.index(d)] == v for d, v in levels.items()):
            rest = tuple(key[i] for i in keep)
            out[rest] = out.get(rest, 0) + n
    return out


def _lab_row(cells: dict[tuple[str, ...], int]) -> list[Cell]:
    """`cells` is keyed (baseline grade, worst grade); "" is not known."""
    tested = sum(n for (_, worst), n in cells.items() if worst != "")

    def count(test: Callable[[int], bool], worse: bool = False) -> int:
        return sum(
            n
            for (base, worst), n in cells.items()
            if worst != "" and test(int(worst)) and (not worse or (base != "" and int(worst) > int(base)))
        )

    counts = [count(lambda g, k=k: g == k) for k in (1, 2, 3, 4)]  # type: ignore[misc]
    counts += [count(lambda g: g >= 1), count(lambda g: g >= 3)]
    counts += [count(lambda g: g >= 1, worse=True), count(lambda g: g >= 3, worse=True)]
    shown = [fmt.whole(n) for n in counts[:4]] + [fmt.n_percent(n, tested) for n in counts[4:]]
    return [Cell(fmt.whole(tested)), *(Cell(s) for s in shown)]


def _adverse_events(source: ReportSource) -> Table | None:
    table = source.counts.get("ae_grades")
    if not isinstance(table, CrossTab) or not table.cells:
        return None
    total = _safety_size(source)
    grades = [g for g in GRADES if any(key[table.dims.index("GRADE")] == g for key in table.cells)]
    unknown = any(key[table.dims.index("GRADE")] == "" for key in table.cells)
    terms: dict[str, dict[str, int]] = {}
    for (term, grade), n in _pairs(table).items():
        terms.setdefault(term, {})[grade] = n
    rows = []
    for term, by_grade in sorted(terms.items(), key=lambda t: (-sum(t[1].values()), t[0].lower())):
        any_grade = sum(by_grade.values())
        severe = sum(n for g, n in by_grade.items() if g in ("3", "4", "5"))
        cells = [fmt.whole(by_grade.get(g, 0)) for g in grades] + ([fmt.whole(by_grade.get("", 0))] if unknown else [])
        cells += [fmt.n_percent(any_grade, total) if total else fmt.whole(any_grade)]
        cells += [fmt.n_percent(severe, total) if total else fmt.whole(severe)]
        rows.append((Cell(term[:1].upper() + term[1:]), *(Cell(c) for c in cells)))
    header = (
        "Term",
        *(f"Grade {g}" for g in grades),
        *(["No grade"] if unknown else []),
        "Any grade",
        "Grade 3 or more",
    )
    return Table(
        number="Table",
        caption="Adverse events by worst grade.",
        header=header,
        rows=tuple(rows),
        align="l" + "r" * (len(header) - 1),
        widths=(3.4, *(0.8,) * (len(header) - 3), 1.15, 1.25),
        notes=(_counted(total),),
    )


def _counted(total: int) -> str:
    of = f" of {fmt.whole(total)}" if total else ""
    return f"Patients, n (%){of}; a patient is counted once a term, at the worst grade."


def _pairs(table: CrossTab) -> dict[tuple[str, str], int]:
    term, grade = table.dims.index("TERM"), table.dims.index("GRADE")
    out: dict[tuple[str, str], int] = {}
    for key, n in table.cells.items():
        pair = (key[term], key[grade])
        out[pair] = out.get(pair, 0) + n
    return out


def _safety_size(source: ReportSource) -> int:
    found = [r.N for a in source.protocol.report.safety if (r := source.result(a, "proportion")) is not None and r.N]
    return max(found, default=0)
