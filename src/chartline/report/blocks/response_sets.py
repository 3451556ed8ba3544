"""The response under each rule set that the protocol derives by, and where the charts disagree with the rules.

What each category means and where it comes from; best responses side by side with the patients who change; the treating
team's response, the recorded relapse and the recorded status at transplantation beside the derived ones, with every
patient of whom they differ.
"""

from __future__ import annotations

from typing import Any

from chartline.protocol.names import shipped_labels
from chartline.report import format as fmt
from chartline.report.cells import level_in_words, levels
from chartline.report.document import Block, Cell, Heading, Paragraph, Table
from chartline.report.source import DiscordantLine, ReportSource, ResponseSet

_LISTED = {"INVBOR": "response", "INVRSPFL": "response", "DRELFL": "relapse"}


def build(source: ReportSource) -> list[Block]:
    if not source.response_sets:
        return []
    out: list[Block] = [*_side_by_side(source), *_changing(source), *_meanings(source)]
    for analysis in _concordances(source):
        out += _concordance(source, analysis)
    out += _listed(source, "INVBOR", "Patients whose response differs between the rules and the treating team.")
    out += _listed(source, "DRELFL", "Patients whose relapse differs between the assessments and the record.")
    out += _listed(
        source, "HSCTSTAT", "Patients whose status at transplantation differs between the assessments and the record."
    )
    return [Heading("Response criteria"), Paragraph(_named(source)), *out]


def _named(source: ReportSource) -> str:
    main, *others = source.response_sets
    text = f"Response is by {_title(main)}. A response is {fmt.joined(main.responders, 'or')}."
    if others:
        text += f" It was derived again by {fmt.joined([_title(s) for s in others])}."
    return text


def _title(s: ResponseSet) -> str:
    return f"{s.label} (rule set version {s.version})"


def _meanings(source: ReportSource) -> list[Block]:
    rows: list[tuple[Cell, ...]] = []
    spans: set[int] = set()
    for s in source.response_sets:
        spans.add(len(rows))
        rows.append((Cell(f"{s.label}, version {s.version}"), Cell(""), Cell("")))
        rows += [(Cell(code, indent=1), Cell(meaning), Cell(origin)) for code, meaning, origin in s.categories]
    notes = tuple(f"{s.label}: {s.source}" for s in source.response_sets)
    return [
        Table(
            number="Table",
            caption="Response categories of each rule set, best first.",
            header=("", "Meaning", "Where it comes from"),
            rows=tuple(rows),
            align="lll",
            widths=(1.3, 2.7, 5),
            span_rows=frozenset(spans),
            notes=notes,
        )
    ]


def _side_by_side(source: ReportSource) -> list[Block]:
    """The best responses under each rule set, as far as the protocol counts them."""
    counted = {a.variable: a for a in source.protocol.analyses if a.kind == "categories"}
    sets = [s for s in source.response_sets if s.variable in counted]
    if len(sets) < 2:
        return []
    found = {s.variable: dict(levels(source, counted[s.variable].id, s.variable)) for s in sets}
    rows = []
    for code, meaning in _codes(sets).items():
        if any(code in found[s.variable] for s in sets):
            rows.append((Cell(f"{meaning} ({code})"), *[_count(found[s.variable], s, code) for s in sets]))
    return [
        Table(
            number="Table",
            caption="Response under each rule set: patients by best response.",
            header=("", *(f"{s.label}\n(version {s.version})" for s in sets)),
            rows=(*rows, *_rates(source, sets)),
            align="l" + "r" * len(sets),
            widths=(3, *(1.4,) * len(sets)),
            notes=("A dash stands where a rule set has no such category.",),
        )
    ]


def _codes(sets: list[ResponseSet]) -> dict[str, str]:
    """Every category of some rule set -> its meaning; those that only one has stand where it ranks them."""
    out: list[tuple[str, str]] = []
    for s in sets:
        at = 0
        for code, meaning, _ in s.categories:
            known = [c for c, _ in out]
            at = known.index(code) + 1 if code in known else at
            if code not in known:
                out.insert(at, (code, meaning))
                at += 1
    return dict(out)


def _count(found: dict[str, Any], s: ResponseSet, code: str) -> Cell:
    if code in found:
        return Cell(fmt.ratio(found[code].n, found[code].N), found[code].id)
    return Cell("0" if code in {c for c, *_ in s.categories} else fmt.DASH)


def _rates(source: ReportSource, sets: list[ResponseSet]) -> list[tuple[Cell, ...]]:
    """The row of the response rates, where the protocol declares one of every rule set."""
    cells = []
    for s in sets:
        flag = s.variable.replace("BOR", "RESPFL", 1)
        of = next((a for a in source.protocol.analyses if getattr(a, "numerator", "") == f"{flag} == 'Y'"), None)
        result = source.result(of.id, "proportion") if of is not None and of.kind == "proportion" else None
        if result is None:
            return []
        cells.append(Cell(fmt.with_span(result, fmt.value(result)), result.id))
    return [(Cell("Response (95% CI)", bold=True), *cells)]


def _changing(source: ReportSource) -> list[Block]:
    if not source.protocol.report.patient_level or not source.responses:
        return []
    rows = [
        (Cell(r.subject), *[Cell(r.best.get(s.variable, fmt.DASH)) for s in source.response_sets])
        for r in source.responses
    ]
    return [
        Table(
            number="Table",
            caption="Patients whose best response changes between rule sets.",
            header=("Patient", *(s.label for s in source.response_sets)),
            rows=tuple(rows),
            align="l" * (1 + len(source.response_sets)),
        )
    ]


def _concordances(source: ReportSource) -> list[Any]:
    """The agreements that the protocol declares between what was derived and what was recorded."""
    return [a for a in source.protocol.analyses if a.kind == "agreement" and {a.first, a.second} & set(_LISTED)]


def _concordance(source: ReportSource, analysis: Any) -> list[Block]:
    first, second = analysis.first, analysis.second
    cells = {}
    for r in source.results.of(analysis.id):
        parts = dict(p.split("=", 1) for p in r.group.split(";")) if r.group else {}
        if r.statistic == "n" and set(parts) == {first, second}:
            cells[parts[first], parts[second]] = r
    if not cells:
        return []
    down, across = (_in_order(source, v, {pair[i] for pair in cells}) for i, v in enumerate((first, second)))
    rows = []
    for a in down:
        of = [cells.get((a, b)) for b in across]
        rows.append(
            (Cell(_level(source, first, a)), *[Cell(fmt.whole(r.n or 0), r.id) if r else Cell("0") for r in of])
        )
    labels = shipped_labels(source.protocol)
    names = (labels.get(first, first), labels.get(second, second))
    return [
        Table(
            number="Table",
            caption=f"{analysis.label}.",
            header=(f"{names[0]} (rows), {names[1][:1].lower()}{names[1][1:]} (columns)", *(
                _level(source, second, b) for b in across
            )),
            rows=tuple(rows),
            align="l" + "r" * len(across),
            widths=(3, *(1,) * len(across)),
            notes=_agreement(source, analysis.id),
        )
    ]  # fmt: skip


def _in_order(source: ReportSource, variable: str, found: set[str]) -> list[str]:
    """Levels as the rule set ranks them, Yes before No."""
    known = [*source.levels.get(variable, ()), "Y", "N"]
    return sorted(found, key=lambda lv: (known.index(lv) if lv in known else len(known), lv))


def _level(source: ReportSource, variable: str, level: str) -> str:
    return level if level in source.levels.get(variable, {}) else level_in_words(source, variable, level)


def _agreement(source: ReportSource, analysis: str) -> tuple[str, ...]:
    said = []
    for statistic, words in (("agreement", "Agreement"), ("kappa", "kappa")):
        r = source.result(analysis, statistic)
        if r is not None and r.value is not None:
            share = f" ({fmt.ratio(r.n, r.N)})" if statistic == "agreement" else ""
            said.append(f"{words} {fmt.with_span(r, fmt.value(r))}{share}")
    return (f"{'; '.join(said)}. 95% confidence intervals.",) if said else ()


def _listed(source: ReportSource, variable: str, caption: str) -> list[Block]:
    lines = source.discordant.get(variable, ())
    if not source.protocol.report.patient_level or not lines:
        return []
    return [
        Table(
            number="Table",
            caption=caption,
            header=("Patient", "Derived", "Because", "Recorded", "Because"),
            rows=tuple(_discordant(source, line) for line in lines),
            align="lllll",
            widths=(0.8, 0.9, 4.2, 0.9, 2.2),
        )
    ]


def _discordant(source: ReportSource, line: DiscordantLine) -> tuple[Cell, ...]:
    return (
        Cell(line.subject),
        Cell(_level(source, "BOR", line.derived)),
        Cell(line.why_derived),
        Cell(_level(source, "BOR", line.recorded)),
        Cell(line.why_recorded),
    )
