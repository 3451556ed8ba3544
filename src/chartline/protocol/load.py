"""protocol.yaml -> Protocol. Everything a protocol refers to is resolved here, before any patient is read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from chartline.core.clinical import variables
from chartline.core.condition import parse_condition
from chartline.core.declared import load_declaration
from chartline.core.digest import digest_value
from chartline.errors import ProtocolError
from chartline.protocol.model import (
    AeComponent,
    Analysis,
    Categories,
    FollowUp,
    LabComponent,
    Proportion,
    Protocol,
    Summary,
    Survival,
    Tally,
)
from chartline.protocol.names import COHORT_VARIABLES, DERIVED_VARIABLES


def load_protocol(path: Path) -> Protocol:
    """Return the protocol in `path` (the file, or a study folder that holds `protocol.yaml`).

    Raises `ProtocolError` with the line for anything unknown, missing or unresolved.
    """
    file = protocol_file(path)
    protocol = load_declaration(file, Protocol, ProtocolError)
    _resolve(protocol, str(file))
    return protocol


def protocol_file(path: Path) -> Path:
    """Return the protocol's file: `path` itself, or `protocol.yaml` in that folder."""
    return path / "protocol.yaml" if path.is_dir() else path


def protocol_digest(protocol: Protocol) -> str:
    """Return the sha256 of what the protocol declares (not of how its file is written)."""
    return digest_value(protocol.model_dump(mode="json", by_alias=True))


def adsl_variables(protocol: Protocol) -> list[str]:
    """Return the names of every ADSL variable this study will have."""
    variants = [f"{v}_{name}" for name in protocol.response_variants for v in ("BOR", "RESPFL")]
    return [
        *COHORT_VARIABLES,
        *protocol.characteristics,
        *DERIVED_VARIABLES,
        *variants,
        *protocol.safety_flags,
    ]


def _resolve(p: Protocol, file: str) -> None:
    """Raise for the first reference that leads nowhere."""
    cohort_names = [*COHORT_VARIABLES, *p.characteristics]
    adsl = adsl_variables(p)
    for name, c in p.characteristics.items():
        _known(c.source, variables(), "domain", f"characteristics.{name}", file)
        _known(
            c.value,
            [*variables()[c.source], "USUBJID", "CENTRE"],
            "variable",
            f"characteristics.{name}",
            file,
        )
        _condition(c.where, variables()[c.source], f"characteristics.{name}.where", file)
        for band, condition in c.bands.items():
            _condition(condition, cohort_names, f"characteristics.{name}.bands.{band}", file)
    for criterion in p.eligibility:
        _condition(criterion.require, cohort_names, f"eligibility {criterion.id}", file)
    for v in p.duplicates.match:
        _known(v, cohort_names, "variable", "duplicates.match", file)
    for key, source in (("transplant", p.transplant), ("new_therapy", p.new_therapy)):
        if source:
            _known(source.source, variables(), "domain", key, file)
            _condition(source.where, variables()[source.source], f"{key}.where", file)
    _condition(p.response.assessments, variables()["RS"], "response.assessments", file)
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
    groups = [part.group] if isinstance(part, AeComponent) else [part.unless_all_unrelated]
    for group in groups:
        if group:
            _known(group, p.ae_groups, "AE group", where, file)


def _analysis(a: Analysis, p: Protocol, adsl: list[str], file: str) -> None:
    where = f"analysis {a.id}"
    if not isinstance(a, Survival | FollowUp) and a.population is not None:
        _known(a.population, p.sets, "analysis set", where, file)
    if isinstance(a, Proportion):
        _condition(a.numerator, adsl, where, file)
    if isinstance(a, Summary | Categories):
        _known(a.variable, adsl, "variable", where, file)
    if isinstance(a, Survival | FollowUp):
        _known(a.endpoint, [e.id for e in p.endpoints], "endpoint", where, file)
    if isinstance(a, Tally) and (a.count is None) == (a.population is None):
        raise ProtocolError("A tally counts either a population or one of screened, eligible", where=f"{file}, {where}")
    if a.by:
        _known(a.by, adsl, "variable", where, file)


def _resolve_outputs(p: Protocol, adsl: list[str], file: str) -> None:
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
    for key in ("curves", "response", "exposure", "transplant", "safety"):
        for analysis in getattr(r, key):
            _known(analysis, ids, "analysis", f"report.{key}", file)
    for v in (*r.table1, *([r.table1_by] if r.table1_by else [])):
        _known(v, adsl, "variable", "report.table1", file)
    for key in r.key_numbers:
        _known(key, p.headline, "headline key", "report.key_numbers", file)


def _condition(text: str | None, names: Iterable[str], where: str, file: str) -> None:
    if text is None:
        return
    for name in sorted(parse_condition(text, where=f"{file}, {where}").variables):
        _known(name, names, "variable", f"{where}: `{text}`", file)


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
