"""Everything a protocol refers to is found here, and is of the kind it must be, before any patient is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from chartline.core.clinical import variables
from chartline.core.condition import parse_condition
from chartline.core.index import START_OF
from chartline.errors import ProtocolError
from chartline.protocol.analyses import (
    Categories,
    CompareValues,
    Covariate,
    EValue,
    FineGray,
    FollowUp,
    LeaveOneOut,
    LostToFollowUp,
    Multiplicity,
    Multistate,
    PredictedSurvival,
    Proportion,
    Summary,
    Survival,
    Tally,
    Toxicity,
)
from chartline.protocol.base import DATED, ORIGINS, Milestone, own_variables
from chartline.protocol.events import DatedEvent, Endpoint
from chartline.protocol.lab_terms import lab_terms
from chartline.protocol.literals import EXPECTED, fits
from chartline.protocol.model import Protocol
from chartline.protocol.names import COHORT_VARIABLES, DERIVED_VARIABLES, adsl_types
from chartline.protocol.place import Place, check_known
from chartline.protocol.reporting import Headline, Published
from chartline.protocol.resolve_treatment import resolve_treatment
from chartline.protocol.selection import resolve_selection
from chartline.protocol.toxicity import AeComponent, LabComponent
from chartline.protocol.treatment_names import treatment_variables

# What each list of the report can print.
_PRINTS: dict[str, tuple[type, ...]] = {
    "curves": (Survival, FollowUp),
    "response": (Proportion,),
    "exposure": (Summary, Proportion),
    "transplant": (Proportion, Summary, Categories),
    "safety": (Proportion,),
}
_OWN = re.compile(
    r"attrition|selection|lab_grades|ae_grades|safety_components|syndromes|syndrome_severities|(set|table1|cycles)\..*"
    r"|.*\.(ever|lost_days|earliest|latest|partial|landmark_[^.]*(\.\d+)?)"
)
_DOMAIN_TYPES = {"number": "number", "integer": "number", "date": "text", "flag": "flag"}


def resolve(p: Protocol, file: str) -> None:
    """Raise `ProtocolError` for the first reference that leads nowhere or cannot be meant."""
    top, adsl = Place(file), adsl_types(p)
    _ids(p.data.centres, "centre", top.at("data", "centres"))
    _ids(p.eligibility, "criterion", top.at("eligibility"))
    _ids(p.endpoints, "endpoint", top.at("endpoints"))
    _ids(p.analyses, "analysis", top.at("analyses"))
    _own_names(p, top)
    cohort = {name: adsl[name] for name in (*COHORT_VARIABLES, *p.characteristics) if name in adsl}
    domains = {d: {n: _DOMAIN_TYPES.get(v.type, "text") for n, v in vs.items()} for d, vs in variables().items()}
    for name, c in p.characteristics.items():
        place = top.at("characteristics", name)
        check_known(c.source, variables(), "domain", place.at("from"))
        check_known(c.value, [*variables()[c.source], "USUBJID", "CENTRE"], "variable", place.at("value"))
        _condition(c.where, domains[c.source], place.at("where"))
        for group, condition in c.groups.items():
            _condition(condition, {name: "number"}, place.at("groups", group))
        for band, condition in c.bands.items():
            _condition(condition, cohort, place.at("bands", band))
    for i, criterion in enumerate(p.eligibility):
        _condition(criterion.require, cohort, top.at("eligibility", i, "require", name=criterion.id))
    for v in p.duplicates.match:
        check_known(v, cohort, "variable", top.at("duplicates", "match"))
    if p.index:
        check_known(p.index.source, START_OF, "domain", top.at("index", "from"))
    for key, source in (("transplant", p.transplant), ("new_therapy", p.new_therapy), ("index", p.index)):
        if source:
            check_known(source.source, variables(), "domain", top.at(key, "from"))
            _condition(source.where, domains[source.source], top.at(key, "where"))
    if p.prior_therapy and p.prior_therapy.lines.source in domains:
        _condition(p.prior_therapy.lines.where, domains[p.prior_therapy.lines.source], top.at("prior_therapy", "lines"))
    resolve_treatment(p, top)
    resolve_selection(p, top)
    for name, event in p.milestones.items():
        _dated_event(name, event, p, domains, top.at("milestones", name))
    _has_doses(p, top)
    _condition(p.response.assessments, domains["RS"], top.at("response", "assessments"))
    for name, s in p.sets.items():
        _condition(s.where, adsl, top.at("sets", name, "where"))
    for i, e in enumerate(p.endpoints):
        if e.population:
            check_known(e.population, p.sets, "analysis set", top.at("endpoints", i, "population", name=e.id))
        for key, asked in _milestones_of(e):
            _milestones(asked, [*Milestone, *p.milestones], top.at("endpoints", i, key, name=e.id))
    for name, flag in p.safety_flags.items():
        for i, part in enumerate(flag.any_of):
            _safety(part, p, top.at("safety_flags", name, "any_of", i))
    for i, a in enumerate(p.analyses):
        _analysis(a, p, adsl, top.at("analyses", i, name=a.id))
    _resolve_outputs(p, adsl, top)


def _ids(declared: Sequence[Any], what: str, place: Place) -> None:
    """Ids are unique, and those of analyses none of the names that results have besides."""
    seen: set[str] = set()
    for i, one in enumerate(declared):
        own = what == "analysis" and _OWN.fullmatch(one.id)
        if one.id in seen or own:
            raise ProtocolError(
                f"`{one.id}` is a name of the results" if own else f"The {what} id `{one.id}` is used twice",
                where=str(place.at(i, name=one.id)),
                expected="an id that nothing else has",
                do="give it another id",
            )
        seen.add(one.id)


def _own_names(p: Protocol, top: Place) -> None:
    """No safety flag or syndrome is called like another variable of ADSL, which it would replace in silence."""
    taken = {*COHORT_VARIABLES, *DERIVED_VARIABLES, *treatment_variables(p), *p.characteristics}
    own = [("safety_flags", name, {name}) for name in p.safety_flags]
    own += [("syndromes", name, {name, f"{name}_DT", f"{name}_CAT", f"{name}_SEV"}) for name in p.syndromes]
    for key, name, variables_of in own:
        if both := sorted(taken & variables_of):
            raise ProtocolError(
                f"`{both[0]}` is a variable that the study already has",
                where=str(top.at(key, name)),
                expected="a name that no other variable, flag or syndrome has",
                do="give it another name",
            )
        taken |= variables_of


def _has_doses(p: Protocol, top: Place) -> None:
    """What is counted from doses cannot be asked of a study whose day 0 is another event."""
    on_treatment = [
        top.at("safety_flags", name)
        for name, flag in p.safety_flags.items()
        if any(isinstance(part, LabComponent) or part.window == "on_treatment" for part in flag.any_of)
    ]
    on_treatment += [top.at("report", "lab_tests")] if p.report.lab_tests else []
    on_treatment += [
        top.at("milestones", name) for name, e in p.milestones.items() if e.no_response_by and e.no_response_by.cycle
    ]
    if p.index and on_treatment:
        raise ProtocolError(
            f"Day 0 is {p.index.label}, so there are no doses and no cycles, and nobody is on treatment",
            where=str(on_treatment[0]),
            expected="adverse events `after_first_dose`, a landmark in `days`, or `treatment` instead of `index`",
            do="remove it, or name the index drug in `treatment`",
        )


def _safety(part: LabComponent | AeComponent, p: Protocol, place: Place) -> None:
    group = part.group if isinstance(part, AeComponent) else part.unless_all_unrelated
    if group:
        check_known(group, p.ae_groups, "AE group", place)
    for test in part.tests if isinstance(part, LabComponent) else ():
        check_known(test, lab_terms(), "laboratory test", place.at("tests"))


def _analysis(a: Any, p: Protocol, adsl: Mapping[str, str], place: Place) -> None:
    """Whatever an analysis names: sets, endpoints, variables, conditions, other analyses."""
    if getattr(a, "population", None) is not None:
        check_known(a.population, p.sets, "analysis set", place.at("population"))
    if hasattr(a, "numerator"):
        _condition(a.numerator, adsl, place.at("numerator"))
    if isinstance(a, Toxicity):
        check_known(a.flag, p.safety_flags, "safety flag", place.at("flag"))
    if isinstance(a, LostToFollowUp) and p.data.cut_off is None:
        raise ProtocolError(
            "Without a cut-off day nobody is lost to follow-up",
            where=str(place),
            expected="`data.cut_off`",
            do="name the day, or remove the analysis",
        )
    if hasattr(a, "endpoint"):
        check_known(a.endpoint, [e.id for e in p.endpoints], "endpoint", place.at("endpoint"))
    if hasattr(a, "variable"):
        check_known(a.variable, adsl, "variable", place.at("variable"))
        if isinstance(a, Summary | CompareValues) and adsl[a.variable] != "number":
            raise ProtocolError(
                f"{a.variable} is not a number, so it has no median",
                where=str(place.at("variable")),
                expected="a number, or kind: categories",
                do="count its levels with kind: categories",
            )
    if isinstance(a, Tally) and (a.count is None) == (a.population is None):
        raise ProtocolError(
            "A tally counts either a population or one of screened, eligible",
            where=str(place),
            expected="`count` or `population`, not both",
            do="write one of them",
        )
    for key, name in _groupings(a):
        _grouping(name, adsl, place.at(key))
        if name == getattr(a, "variable", None):
            raise ProtocolError(
                f"{a.id} cannot be counted by its own variable {name}",
                where=str(place.at(key)),
                expected="another variable",
                do=f"take out `{key}`, or name another variable",
            )
    _covariates(a, adsl, place)
    if isinstance(a, Multistate):
        _milestones((a.origin,), [*ORIGINS, *p.milestones], place.at("origin"))
        _milestones(a.states, [*DATED, *p.milestones], place.at("states"))
        _milestones(a.absorbing, [*DATED, *p.milestones], place.at("absorbing"))
    for key in ("event", "time_dependent"):
        if getattr(a, key, None) is not None:
            _milestones((getattr(a, key),), [*DATED, *p.milestones], place.at(key))
    _other_analyses(a, p, place)


def _groupings(a: Any) -> Iterator[tuple[str, str]]:
    """The variables whose levels an analysis tells apart, by the key that names them."""
    for key in ("by", "cluster", "frailty", "over", "first", "second"):
        if getattr(a, key, None):
            yield key, getattr(a, key)
    for name in getattr(a, "strata", ()):
        yield "strata", name


def _covariates(a: Any, adsl: Mapping[str, str], place: Place) -> None:
    """The covariates of a model, each a number or a category, each once."""
    seen: list[str] = []
    for i, c in enumerate(getattr(a, "terms", ())):
        at = place.at("covariates", i)
        _covariate(c, adsl, at)
        if c.variable in seen or c.variable in getattr(a, "strata", ()):
            what = "a covariate twice" if c.variable in seen else "a covariate and a stratum at once"
            raise ProtocolError(
                f"{c.variable} is {what}",
                where=str(at),
                expected="each variable once",
                do="take it out of one of them",
            )
        seen.append(c.variable)
    for name in a.time_effects if isinstance(a, FineGray) else ():
        at = place.at("time_effects")
        check_known(name, [v for v in seen if adsl[v] == "number"], "number among the covariates", at)


def _covariate(c: Covariate, adsl: Mapping[str, str], place: Place) -> None:
    check_known(c.variable, adsl, "variable", place)
    kind = adsl[c.variable]
    wrong = (
        "a reference level" if kind == "number" and c.reference else "`per`" if kind != "number" and c.per != 1 else ""
    )
    wrong = "a spline" if kind != "number" and c.spline else wrong
    if kind == "date" or wrong:
        raise ProtocolError(
            f"{c.variable} is a {kind}, which can{'not be a covariate' if kind == 'date' else f'not have {wrong}'}",
            where=str(place),
            expected="numbers may have `per` and `spline`, categories and flags a `reference`",
            do="correct the covariate",
        )


def _milestones(asked: Iterable[str], known: Iterable[str], place: Place) -> None:
    for milestone in asked:
        check_known(str(milestone), [str(m) for m in known], "milestone of this use", place)


def _milestones_of(e: Endpoint) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The milestones that an endpoint names, by the key that names them."""
    for key in ("origin", "last"):
        yield key, (getattr(e, key),) if getattr(e, key) else ()
    for key in ("events", "censor_at"):
        yield key, getattr(e, key) or ()


def _dated_event(
    name: str, event: DatedEvent, p: Protocol, domains: Mapping[str, Mapping[str, str]], place: Place
) -> None:
    """A study's own milestone: its name and variables are free, its rows and the milestones it rests on are known."""
    taken = {*COHORT_VARIABLES, *DERIVED_VARIABLES, *p.characteristics, *p.safety_flags}
    if name in [str(m) for m in Milestone] or taken & set(own_variables(name)):
        raise ProtocolError(
            f"The milestone `{name}` is called like a milestone or variable that the study already has",
            where=str(place),
            expected=f"a name of its own; {' and '.join(own_variables(name))} become variables of ADSL",
            do="give it another name",
        )
    above = list(takewhile(lambda other: other != name, p.milestones))
    if event.source is not None:
        check_known(event.source, variables(), "domain", place.at("from"))
        _condition(event.where, domains[event.source], place.at("where"))
    flag = event.without.flag if event.without is not None else None
    if flag is not None:
        check_known(flag, domains["LB"], "variable", place.at("without", "flag"))
    named = {"after": (event.after,), "first_of": event.first_of, "unless_after": (event.unless_after,)}
    for key, asked in named.items():
        for milestone in asked:
            if milestone is not None:
                known = [*(str(m) for m in Milestone), *above]
                check_known(str(milestone), known, "milestone declared before it", place.at(key))


_MADE_OF = {
    "leave_one_out": ("proportion", "summary", "survival"),
    "e_value": ("cox", "logistic"),
    "predicted_survival": ("cox",),
}


def _other_analyses(a: Any, p: Protocol, place: Place) -> None:
    """The analyses that an analysis is computed from, which must be declared before it."""
    one = isinstance(a, LeaveOneOut | EValue | PredictedSurvival)
    of = [a.of] if one else [*a.of] if isinstance(a, Multiplicity) else []
    before = [other.id for other in takewhile(lambda other: other.id != a.id, p.analyses)] if of else []
    for name in of:
        check_known(name.split("/")[0], before, "analysis declared before it", place.at("of"))
        kind, kinds = p.analysis(name.split("/")[0]).kind, _MADE_OF.get(a.kind, ())
        if kinds and kind not in kinds:
            raise ProtocolError(
                f"{a.id} cannot be made of {name}, which is of kind {kind}",
                where=str(place.at("of")),
                expected=f"an analysis of kind {', '.join(kinds)}",
                do="name another analysis",
            )
    if isinstance(a, PredictedSurvival):
        _profiles(a, p.analysis(a.of), adsl_types(p), place)


def _profiles(a: PredictedSurvival, model: Any, types: Mapping[str, str], place: Place) -> None:
    """Each described patient has every covariate of the model and no other; the model is one that predicts."""
    if model.time_dependent or model.frailty or model.missing == "impute" or model.ties == "exact":
        raise ProtocolError(
            f"{model.id} predicts no curve: it has a time-dependent covariate, a frailty, imputation or exact ties",
            where=str(place.at("of")),
            expected="a Cox regression of complete cases with Efron or Breslow ties",
            do="name another analysis",
        )
    needed = [t.variable for t in model.terms]
    for name, values in a.profiles.items():
        if sorted(values) != sorted(needed):
            raise ProtocolError(
                f"The patient `{name}` is described by {', '.join(values) or 'nothing'}",
                where=str(place.at("profiles", name)),
                expected=f"a value of each covariate of {model.id}: {', '.join(needed)}",
                do="describe the patient by these",
            )
        for variable, value in values.items():
            if (types[variable] == "number") == isinstance(value, str):
                raise ProtocolError(
                    f"{variable} of the patient `{name}` is {value!r}",
                    where=str(place.at("profiles", name, variable)),
                    expected="a number" if types[variable] == "number" else "one of its levels, in quotes",
                    do="correct the value",
                )


def _resolve_outputs(p: Protocol, adsl: Mapping[str, str], top: Place) -> None:
    ids = [a.id for a in p.analyses]
    for key, h in p.headline.items():
        _landmark(h, p, ids, top.at("headline", key))
    for i, item in enumerate(p.published):
        place = top.at("published", i, name=item.item)
        if item.headline:
            check_known(item.headline, p.headline, "headline key", place.at("headline"))
        elif item.analysis:
            _landmark(item, p, ids, place)
    r = p.report
    for key, kinds in _PRINTS.items():
        place = top.at("report", key)
        for analysis in getattr(r, key):
            check_known(analysis, ids, "analysis", place)
            if not isinstance(p.analysis(analysis), kinds):
                fit = ", ".join(a.id for a in p.analyses if isinstance(a, kinds)) or "(none declared)"
                raise ProtocolError(
                    f"report.{key} cannot print {analysis}, which is of kind {p.analysis(analysis).kind}",
                    where=str(place),
                    expected=f"one of: {fit}",
                    do="take it out, or list it where its kind is printed",
                )
    for v in r.table1:
        check_known(v, adsl, "variable", top.at("report", "table1"))
    for test in r.lab_tests:
        check_known(test, lab_terms(), "laboratory test", top.at("report", "lab_tests"))
    if r.table1_by:
        _grouping(r.table1_by, adsl, top.at("report", "table1_by"))
        if r.table1_by in r.table1:
            raise ProtocolError(
                f"{r.table1_by} makes the columns of Table 1, so it cannot be one of its rows",
                where=str(top.at("report", "table1_by")),
                expected="another variable",
                do="take it out of table1, or name another in table1_by",
            )
    for name in r.safety_components:
        check_known(name, p.safety_flags, "safety flag", top.at("report", "safety_components"))
    for name in r.syndromes:
        check_known(name, [*p.syndromes, *p.safety_flags], "syndrome or safety flag", top.at("report", "syndromes"))
    for key, names in r:
        listed = names if isinstance(names, tuple) else ()
        twice = next((name for i, name in enumerate(listed) if name in listed[:i]), None)
        if twice:
            raise ProtocolError(
                f"{twice} stands twice in `{key}`", where=str(top.at("report", key)), do="take one of the two out"
            )
    for key in r.key_numbers:
        check_known(key, p.headline, "headline key", top.at("report", "key_numbers"))


def _landmark(asked: Headline | Published, p: Protocol, ids: list[str], place: Place) -> None:
    """The analysis of a number, and its landmark, which must be one that the analysis computes."""
    assert asked.analysis is not None
    check_known(asked.analysis, ids, "analysis", place.at("analysis"))
    a: Any = p.analysis(asked.analysis)
    at_months = getattr(a, "at_months", ())
    if asked.statistic in ("survival", "incidence", "event_free", "state") and asked.at not in at_months:
        wanted = "no landmark" if asked.at is None else f"{asked.at:g} months"
        raise ProtocolError(
            f"{place.loc[1] if place.loc[0] == 'headline' else place.name} asks for {asked.statistic} at {wanted}, "
            f"which {a.id} does not estimate",
            where=str(place),
            expected=f"`at`, one of: {', '.join(f'{m:g}' for m in at_months) or '(no at_months declared)'}",
            do=f"correct `at`, or add it to at_months of {a.id}",
        )


def _grouping(name: str, adsl: Mapping[str, str], place: Place) -> None:
    check_known(name, adsl, "variable", place)
    if adsl[name] in ("number", "date"):
        raise ProtocolError(
            f"{name} is a {adsl[name]}, so it makes no groups",
            where=str(place),
            expected=f"a variable with categories: {', '.join(n for n, t in adsl.items() if t in ('text', 'flag'))}",
            do="group by one of these",
        )


def _condition(text: str | None, types: Mapping[str, str], place: Place) -> None:
    """Raise for a variable that is not there, and for a comparison that can never be true."""
    if text is None:
        return
    try:
        condition = parse_condition(text)
    except ProtocolError as e:
        raise ProtocolError(e.what, where=str(place), expected=e.expected, do=e.do) from None
    for name in sorted(condition.variables):
        check_known(name, types, "variable", place)
    for name, literal in condition.comparisons:
        if not fits(literal, types[name]):
            raise ProtocolError(
                f"{name} is compared with {literal!r}, which it can never be",
                where=str(place),
                expected=EXPECTED[types[name]],
                do="correct the comparison",
            )
