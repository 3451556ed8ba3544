"""Every statistic of a run as an OMOP `summarised_result`, as the R package omopgenerics defines and imports it.

Source: omopgenerics 1.3.6, `newSummarisedResult`, `suppress` and `importSummarisedResult` with their vignettes. One
CSV file of 13 columns holds the results and, as rows whose variable_name is `settings`, what each result_id is:

    result_id          one an analysis; its settings say which, its definition, population, units and methods
    cdm_name           the study
    group              cohort_name: the analysis set ("treated"); overall where an analysis has none
    strata             the levels of a subgroup ("centre" / "Centre A"), in snake_case names joined by ` &&& `
    variable           the analysis as readers see it, and the level of the variable that it counts
    estimate           the statistic, `_lower` and `_upper` its interval; what counts patients ends in `count`, so that
                       omopgenerics can suppress it further
    additional         the time or quantile a statistic belongs to

A count beside a statistic is said once: `numerator_count` and `denominator_count` are repeated under the statistic's
own name only where they differ. A statistic that could not be computed has an NA value and its reason beside it. Hidden
numbers are `-`, as omopgenerics writes them, and `min_cell_count` says under which threshold.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chartline.cohort.select import DUPLICATE, DUPLICATE_LABEL
from chartline.exchange.text import csv_text, number_text, snake_case
from chartline.protocol.names import adsl_labels
from chartline.results.disclosure import group_parts, hidden_results, is_small
from chartline.results.model import Result
from chartline.results.wording import group_words

if TYPE_CHECKING:
    from chartline.exchange.model import FinishedRun

COLUMNS = (
    *("result_id", "cdm_name", "group_name", "group_level", "strata_name", "strata_level", "variable_name"),
    *("variable_level", "estimate_name", "estimate_type", "estimate_value", "additional_name", "additional_level"),
)
JOINED = " &&& "
SUPPRESSED = "-"
_OVERALL = "overall"
_NAMES = {"n": "count", "missing": "missing_count"}  # statistics whose name here is OHDSI's own
_TABLES = {  # tables that every run has, or has where the protocol asks for what they count; no analysis names them
    "attrition": "Attrition",
    "lab_grades": "Laboratory grades at baseline and worst on treatment",
    "ae_grades": "Adverse events by worst grade",
    "safety_components": "Components of the safety flags",
    "syndromes": "Syndromes by their criteria",
    "syndrome_severities": "Severity of the syndromes",
}
_OF_UNIT = {"proportion": "proportion", "share": "proportion", "%": "percentage"}
_WHOLE = re.compile(r"(?<![\w.])\d+(?![\w.])")

Row = tuple[str | int | None, ...]


@dataclass(frozen=True)
class _Analysis:
    """What its settings say."""

    id: str
    kind: str
    label: str
    definition: str
    population: str  # name of the analysis set, or ""
    variable: str  # whose levels it counts, or ""


def summarised_result(run: FinishedRun) -> str:
    """Return the CSV file: results, then the settings of each result_id."""
    hidden = hidden_results(run.results, run.smallest_cell)
    by_analysis: dict[str, list[Result]] = defaultdict(list)
    for result in run.results:
        by_analysis[result.analysis].append(result)
    rows: list[Row] = []
    settings: list[Row] = []
    for result_id, (name, results) in enumerate(by_analysis.items(), 1):
        analysis = _analysis(run, name, results)
        own = list(_rows(run, result_id, analysis, results, hidden))
        rows += own
        settings += _settings(run, result_id, analysis, results, own)
    return csv_text(COLUMNS, [*rows, *settings])


def _analysis(run: FinishedRun, name: str, results: list[Result]) -> _Analysis:
    whole, _, part = name.partition(".")
    declared: Any = next((a for a in run.protocol.analyses if a.id in (name, whole)), None)
    label = (
        _TABLES.get(name) or next((r.label for r in results if r.label), "") or str(getattr(declared, "label", name))
    )
    of_endpoint = next(
        (e.population for e in run.protocol.endpoints if e.id == getattr(declared, "endpoint", "")), None
    )
    population = getattr(declared, "population", None) or of_endpoint or (part if whole == "set" else "")
    variable = getattr(declared, "variable", "") if getattr(declared, "kind", "") == "categories" else part.upper()
    return _Analysis(
        id=name,
        kind=getattr(declared, "kind", whole),
        label=label,
        definition=getattr(declared, "definition", ""),
        population=population,
        variable=variable,
    )


def _settings(
    run: FinishedRun, result_id: int, analysis: _Analysis, results: list[Result], rows: list[Row]
) -> Iterator[Row]:
    """Yield one row a setting; every value is a text, as omopgenerics asks."""
    columns = {
        at: _united(row[at] for row in rows)
        for at in map(COLUMNS.index, ("group_name", "strata_name", "additional_name"))
    }
    group, strata, additional = columns.values()
    said = {
        "result_type": f"chartline_{analysis.kind}",
        "package_name": "chartline",
        "package_version": run.version,
        "group": group,
        "strata": strata,
        "additional": additional,
        "min_cell_count": str(run.smallest_cell if run.smallest_cell > 1 else 0),
        "study_id": run.study,
        "study_title": run.protocol.study.title,
        "study_notice": run.protocol.study.notice,
        "analysis_id": analysis.id,
        "analysis_definition": analysis.definition,
        "analysis_methods": _each({r.statistic: r.method for r in results if r.method}),
        "analysis_units": _each({r.statistic: r.unit for r in results if r.unit and not r.is_count}),
        "confidence_level": ", ".join(sorted({number_text(r.level) for r in results if r.level is not None})),
        "protocol_digest": run.protocol_digest,
        "data_digest": run.data_digest,
    }
    required = ("result_type", "package_name", "package_version", "group", "strata", "additional", "min_cell_count")
    for name, value in said.items():
        if value or name in required:
            overall = (_OVERALL, _OVERALL)
            yield (result_id, run.study, *overall, *overall, "settings", None, name, "character", value, *overall)


def _united(names: Iterable[Any]) -> str:
    """Return the names of a name-level column, each once, as omopgenerics lists them in the settings."""
    each = dict.fromkeys(part for name in names for part in str(name).split(JOINED))
    return JOINED.join(n for n in each if n != _OVERALL)


def _each(said: dict[str, str]) -> str:
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{statistic}: {words}" for statistic, words in said.items())


def _rows(
    run: FinishedRun, result_id: int, analysis: _Analysis, results: list[Result], hidden: frozenset[str]
) -> Iterator[Row]:
    group = ("cohort_name", snake_case(analysis.population)) if analysis.population else (_OVERALL, _OVERALL)
    said: dict[tuple[Any, ...], dict[str, str | None]] = defaultdict(dict)
    for r in results:
        strata, level = _strata(run, analysis, r)
        additional = _additional(r)
        known = said[strata, level, additional]
        for name, kind, value in _estimates(r, known):
            if known.get(name) == value and name in known:
                continue
            known[name] = value
            shown = SUPPRESSED if r.id in hidden or _tells_small(kind, value, run.smallest_cell) else value
            yield (result_id, run.study, *group, *strata, analysis.label, level, name, kind, shown, *additional)


def _tells_small(kind: str, value: str | None, smallest: int) -> bool:
    """Return whether a count is a small cell, or a sentence may name one ("3 patients without a value left out")."""
    if value is None or kind not in ("integer", "character"):
        return False
    return any(is_small(int(n), smallest) for n in _WHOLE.findall(value))


def _estimates(r: Result, known: dict[str, str | None]) -> Iterator[tuple[str, str, str | None]]:
    """Yield name, type and value of what a result says. `known` is what was said of its group before."""
    name = _NAMES.get(r.statistic, f"{r.statistic}_count") if r.is_count else r.statistic
    kind = "integer" if r.is_count else _OF_UNIT.get(r.unit, "numeric")
    yield name, kind, None if r.value is None else number_text(r.value)
    for bound, value in (("lower", r.lower), ("upper", r.upper)):
        if value is not None:
            yield f"{name}_{bound}", kind, number_text(value)
    beside: dict[str, int | None] = {
        "denominator_count": r.N,
        "missing_count": r.missing or None,
        "withheld_count": r.withheld or None,
    }
    if not r.is_count:
        beside["numerator_count"] = r.n
    for count, n in beside.items():
        if n is None or known.get(count) == str(n) or (count == "numerator_count" and known.get("count") == str(n)):
            continue
        yield count if count not in known else f"{r.statistic}_{count}", "integer", str(n)
    if r.reason:
        yield f"{name}_reason", "character", r.reason
    if r.warnings:
        yield f"{name}_warning", "character", "; ".join(r.warnings)


def _strata(run: FinishedRun, analysis: _Analysis, r: Result) -> tuple[tuple[str, str], str | None]:
    """Return the name and level of the strata, and the level of the variable that is counted."""
    labels = adsl_labels(run.protocol)
    level, names, levels = None, [], []
    for variable, code in group_parts(r.group):
        words = _level(run, variable, code)
        if variable == analysis.variable:
            level = words
            continue
        name = snake_case(labels.get(variable, variable))
        names.append(name if name not in names else snake_case(variable))
        levels.append(words)
    return (JOINED.join(names) or _OVERALL, JOINED.join(levels) or _OVERALL), level


def _level(run: FinishedRun, variable: str, code: str) -> str:
    """Return a level in words; where it names a variable, a criterion or an event, by that one's label."""
    named = {"STEP": _criteria, "FLAG": _variables, "SET": _variables}.get(variable)
    words = named(run).get(code, "") if named else ""
    if not words:
        words = group_words(run.protocol, f"{variable}={code}") if ";" not in code else code
    return words.replace("&&&", "&") or "Missing"


def _criteria(run: FinishedRun) -> dict[str, str]:
    return {DUPLICATE: DUPLICATE_LABEL} | {c.id: c.label for c in run.protocol.eligibility}


def _variables(run: FinishedRun) -> dict[str, str]:
    """Labels of variables; those of a run's own tables where the protocol gives a syndrome none."""
    derived = {item.removeprefix("ADSL."): said["label"] for item, said in run.definitions["values"].items()}
    return derived | {name: label for name, label in adsl_labels(run.protocol).items() if label}


def _additional(r: Result) -> tuple[str, str]:
    if r.at is None:
        return _OVERALL, _OVERALL
    if r.at_unit == "months":
        return f"time{JOINED}time_unit", f"{number_text(r.at)}{JOINED}months"
    return snake_case(f"at_{r.at_unit}") if r.at_unit else "at", number_text(r.at)
