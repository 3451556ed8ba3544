"""Everything a protocol refers to is found here, and is of the kind it must be, before any patient is read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from chartline.core.clinical import lab_tests, variables
from chartline.core.condition import parse_condition
from chartline.errors import ProtocolError
from chartline.protocol.analyses import (
    CompareValues,
    Covariate,
    EValue,
    FollowUp,
    Intercurrent,
    LeaveOneOut,
    Multiplicity,
    Multistate,
    PredictedSurvival,
    Proportion,
    Summary,
    Survival,
    Tally,
)
from chartline.protocol.base import DATED, ORIGINS, Milestone
from chartline.protocol.model import AeComponent, LabComponent, Protocol
from chartline.protocol.names import COHORT_VARIABLES, adsl_types

# What each list of the report can print.
_PRINTS: dict[str, tuple[type, ...]] = {
    "curves": (Survival, FollowUp),
    "response": (Proportion,),
    "exposure": (Summary,),
    "transplant": (Proportion, Summary),
    "safety": (Proportion,),
}
_DOMAIN_TYPES = {"number": "number", "integer": "number", "date": "text", "flag": "flag"}


def resolve(p: Protocol, file: str) -> None:
    """Raise `ProtocolError` for the first reference that leads nowhere or cannot be meant."""
    adsl = adsl_types(p)
    cohort = {name: adsl[name] for name in (*COHORT_VARIABLES, *p.characteristics)}
    domains = {d: {n: _DOMAIN_TYPES.get(v.type, "text") for n, v in vs.items()} for d, vs in variables().items()}
    for name, c in p.characteristics.items():
        _known(c.source, variables(), "domain", f"characteristics.{name}", file)
        _known(c.value, [*variables()[c.source], "USUBJID", "CENTRE"], "variable", f"characteristics.{name}", file)
        _condition(c.where, domains[c.source], f"characteristics.{name}.where", file)
        for band, condition in c.bands.items():
            _condition(condition, cohort, f"characteristics.{name}.bands.{band}", file)
    for criterion in p.eligibility:
        _condition(criterion.require, cohort, f"eligibility {criterion.id}", file)
    for v in p.duplicates.match:
        _known(v, cohort, "variable", "duplicates.match", file)
    for key, source in (("transplant", p.transplant), ("new_therapy", p.new_therapy)):
        if source:
            _known(source.source, variables(), "domain", key, file)
            _condition(source.where, domains[source.source], f"{key}.where", file)
    _condition(p.response.assessments, domains["RS"], "response.assessments", file)
    for name, s in p.sets.items():
        _condition(s.where, adsl, f"sets.{name}", file)
    for e in p.endpoints:
        if e.population:
            _known(e.population, p.sets, "analysis set", f"endpoint {e.id}", file)
    for name, flag in p.safety_flags.items():
        for part in flag.any_of:
            _safety(part, p, f"safety_flags.{name}", file)
    for a in p.analyses:
        _analysis(a, p, adsl, file)
    _resolve_outputs(p, adsl, file)


def _safety(part: LabComponent | AeComponent, p: Protocol, where: str, file: str) -> None:
    group = part.group if isinstance(part, AeComponent) else part.unless_all_unrelated
    if group:
        _known(group, p.ae_groups, "AE group", where, file)
    for test in part.tests if isinstance(part, LabComponent) else ():
        _known(test, lab_tests(), "laboratory test", where, file)


def _analysis(a: Any, p: Protocol, adsl: Mapping[str, str], file: str) -> None:
    """Whatever an analysis names: sets, endpoints, variables, conditions, other analyses."""
    where = f"analysis {a.id}"
    if getattr(a, "population", None) is not None:
        _known(a.population, p.sets, "analysis set", where, file)
    if hasattr(a, "numerator"):
        _condition(a.numerator, adsl, where, file)
    if hasattr(a, "endpoint"):
        _known(a.endpoint, [e.id for e in p.endpoints], "endpoint", where, file)
    if hasattr(a, "variable"):
        _known(a.variable, adsl, "variable", where, file)
        if isinstance(a, Summary | CompareValues) and adsl[a.variable] != "number":
            raise ProtocolError(
                f"{a.variable} is not a number, so it has no median",
                where=f"{file}, {where}",
                expected="a number, or kind: categories",
                do="count its levels with kind: categories",
            )
    if isinstance(a, Tally) and (a.count is None) == (a.population is None):
        raise ProtocolError("A tally counts either a population or one of screened, eligible", where=f"{file}, {where}")
    for name in _groupings(a):
        _grouping(name, adsl, where, file)
        if name == getattr(a, "variable", None):
            raise ProtocolError(f"{a.id} cannot be counted by its own variable {name}", where=file, do="take out `by`")
    for covariate in getattr(a, "terms", ()):
        _covariate(covariate, adsl, where, file)
    if isinstance(a, Multistate):
        _milestones((a.origin,), ORIGINS, where, file)
        _milestones((*a.states, *a.absorbing), DATED, where, file)
    on_the_way = a.event if isinstance(a, Intercurrent) else getattr(a, "time_dependent", None)
    if on_the_way is not None:
        _milestones((on_the_way,), DATED, where, file)
    _other_analyses(a, p, where, file)


def _groupings(a: Any) -> list[str]:
    """The variables whose levels an analysis tells apart."""
    names = [getattr(a, name, None) for name in ("by", "cluster", "frailty", "over", "first", "second")]
    return [n for n in (*names, *getattr(a, "strata", ())) if n]


def _covariate(c: Covariate, adsl: Mapping[str, str], where: str, file: str) -> None:
    _known(c.variable, adsl, "variable", where, file)
    kind = adsl[c.variable]
    wrong = (
        "a reference level" if kind == "number" and c.reference else "`per`" if kind != "number" and c.per != 1 else ""
    )
    wrong = "a spline" if kind != "number" and c.spline else wrong
    if kind == "date" or wrong:
        raise ProtocolError(
            f"{c.variable} is a {kind}, which can{'not be a covariate' if kind == 'date' else f'not have {wrong}'}",
            where=f"{file}, {where}",
            expected="numbers may have `per` and `spline`, categories and flags a `reference`",
            do="correct the covariate",
        )


def _milestones(asked: Iterable[Milestone], known: Iterable[Milestone], where: str, file: str) -> None:
    for milestone in asked:
        _known(str(milestone), [str(m) for m in known], "milestone of this use", where, file)


def _other_analyses(a: Any, p: Protocol, where: str, file: str) -> None:
    """The analyses that an analysis is computed from, which must be declared before it."""
    of = (
        [a.of]
        if isinstance(a, LeaveOneOut | EValue | PredictedSurvival)
        else [*a.of]
        if isinstance(a, Multiplicity)
        else []
    )
    before: list[Any] = []
    for other in p.analyses:
        if other.id == a.id:
            break
        before.append(other)
    for name in of:
        _known(name.split("/")[0], [o.id for o in before], "analysis declared before it", where, file)
        kind = p.analysis(name.split("/")[0]).kind
        kinds = _MADE_OF.get(a.kind, ())
        if kinds and kind not in kinds:
            raise ProtocolError(
                f"{a.id} cannot be made of {name}, which is of kind {kind}",
                where=f"{file}, {where}",
                expected=f"an analysis of kind {', '.join(kinds)}",
                do="name another analysis",
            )
    if isinstance(a, PredictedSurvival):
        _profiles(a, p.analysis(a.of), where, file)


def _profiles(a: PredictedSurvival, model: Any, where: str, file: str) -> None:
    """Each described patient has every covariate of the model and no other; the model is one that predicts."""
    if model.time_dependent or model.frailty or model.missing == "impute" or model.ties == "exact":
        raise ProtocolError(
            f"{model.id} predicts no curve: it has a time-dependent covariate, a frailty, imputation or exact ties",
            where=f"{file}, {where}",
            expected="a Cox regression of complete cases with Efron or Breslow ties",
            do="name another analysis",
        )
    needed = [t.variable for t in model.terms]
    for name, values in a.profiles.items():
        if sorted(values) != sorted(needed):
            raise ProtocolError(
                f"The patient `{name}` is described by {', '.join(values) or 'nothing'}",
                where=f"{file}, {where}",
                expected=f"a value of each covariate of {model.id}: {', '.join(needed)}",
                do="describe the patient by these",
            )


_MADE_OF = {
    "leave_one_out": ("proportion", "summary", "survival"),
    "e_value": ("cox", "logistic"),
    "predicted_survival": ("cox",),
}


def _resolve_outputs(p: Protocol, adsl: Mapping[str, str], file: str) -> None:
    ids = [a.id for a in p.analyses]
    for key, h in p.headline.items():
        _known(h.analysis, ids, "analysis", f"headline.{key}", file)
        a = p.analysis(h.analysis)
        if h.statistic == "survival" and h.at not in a.at_months:
            raise ProtocolError(
                f"The headline {key} asks for survival at {h.at} months, which {a.id} does not estimate",
                where=file,
                expected=f"one of at_months: {', '.join(map(str, a.at_months))}",
                do=f"add {h.at} to at_months of {a.id}",
            )
    for item in p.published:
        if item.headline:
            _known(item.headline, p.headline, "headline key", f"published '{item.item}'", file)
    r = p.report
    for key, kinds in _PRINTS.items():
        for analysis in getattr(r, key):
            _known(analysis, ids, "analysis", f"report.{key}", file)
            if not isinstance(p.analysis(analysis), kinds):
                fit = ", ".join(a.id for a in p.analyses if isinstance(a, kinds)) or "(none declared)"
                raise ProtocolError(
                    f"report.{key} cannot print {analysis}, which is of kind {p.analysis(analysis).kind}",
                    where=file,
                    expected=f"one of: {fit}",
                    do="take it out, or list it where its kind is printed",
                )
    for v in r.table1:
        _known(v, adsl, "variable", "report.table1", file)
    for test in r.lab_tests:
        _known(test, lab_tests(), "laboratory test", "report.lab_tests", file)
    if r.table1_by:
        _grouping(r.table1_by, adsl, "report.table1_by", file)
        if r.table1_by in r.table1:
            raise ProtocolError(
                f"{r.table1_by} makes the columns of Table 1, so it cannot be one of its rows",
                where=f"{file}, report.table1",
                do="take it out of table1",
            )
    for key in r.key_numbers:
        _known(key, p.headline, "headline key", "report.key_numbers", file)


def _grouping(name: str, adsl: Mapping[str, str], where: str, file: str) -> None:
    _known(name, adsl, "variable", where, file)
    if adsl[name] in ("number", "date"):
        raise ProtocolError(
            f"{name} is a {adsl[name]}, so it makes no groups",
            where=f"{file}, {where}",
            expected=f"a variable with categories: {', '.join(n for n, t in adsl.items() if t in ('text', 'flag'))}",
            do="group by one of these",
        )


def _condition(text: str | None, types: Mapping[str, str], where: str, file: str) -> None:
    """Raise for a variable that is not there, and for a comparison that can never be true."""
    if text is None:
        return
    condition = parse_condition(text, where=f"{file}, {where}")
    for name in sorted(condition.variables):
        _known(name, types, "variable", f"{where}: `{text}`", file)
    for name, literal in condition.comparisons:
        expected = _EXPECTED[types[name]]
        if not _fits(literal, types[name]):
            raise ProtocolError(
                f"{name} is compared with {literal!r}, which it can never be",
                where=f"{file}, {where}: `{text}`",
                expected=expected,
                do="correct the comparison",
            )


_EXPECTED = {"number": "a number", "date": "a day as '2020-01-31'", "flag": "'Y' or 'N'", "text": "quoted text"}


def _fits(literal: object, kind: str) -> bool:
    if kind == "number":
        return not isinstance(literal, str)
    if kind == "date":
        return isinstance(literal, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", literal) is not None
    return literal in ("Y", "N") if kind == "flag" else isinstance(literal, str)


def _known(name: str, names: Iterable[str], what: str, where: str, file: str) -> None:
    known = list(names)
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    raise ProtocolError(
        f"There is no {what} `{name}`",
        where=f"{file}, {where}",
        expected=(f"did you mean `{near[0]}`? " if near else "") + f"known: {', '.join(known) or '(none declared)'}",
        do="correct the name, or declare it",
    )
