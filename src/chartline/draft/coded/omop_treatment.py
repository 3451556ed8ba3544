"""OMOP, what was given and done: doses of the index drug, other drugs, earlier lines, transplants, transfusions."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import polars as pl

from chartline.draft.coded.kinds import Kind, is_index_drug, keys_of, procedure_group, rows_of
from chartline.draft.coded.omop_concepts import Cdm, use
from chartline.draft.coded.omop_index import draft_index
from chartline.draft.coded.records import dose_of_text, make_category
from chartline.draft.coded.table import KeyedTable
from chartline.draft.model import Target
from chartline.draft.words import DRUG

_REGIMEN = "32531"  # OHDSI: Treatment Regimen


def draft_drug(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    who = cdm.subject(k)
    key, source = "drug_concept_id", "drug_source_value"
    index: list[Kind] = []
    rest: list[Kind] = []
    for kind in cdm.kinds(k, key, source) if k.has(key) else []:
        (index if kind.is_index or is_index_drug(kind, k.centre) else rest).append(kind)
    if index and k.centre.study.drug:
        k.select(key)
        _doses(k, index, key)
    elif index:
        draft_index(cdm, k, index)
    if rest and index:
        _other_drugs(cdm, k, rest, {"not": keys_of(index)})
    elif rest:
        _other_drugs(cdm, k, rest, None)
    if k.has("quantity") and k.columns["quantity"].role == "open":
        k.columns["quantity"].ignore("amounts are read of the index drug alone", 0.85)
    return k.finish(who)


def _doses(k: KeyedTable, index: list[Kind], key: str) -> None:
    rows = rows_of(index)
    said = "doses of the index drug"
    variables: dict[str, Any] = {"EXTRT": {"constant": k.centre.study.drug}}
    if k.has("drug_exposure_start_date"):
        variables["EXSTDTC"] = use(k, "drug_exposure_start_date", Target("EX", "", "EXSTDTC"), said)
    variables |= dose_of_text(k, "sig", rows)
    if k.has("quantity") and k.filled("quantity", rows):
        unit = k.first("dose_unit_source_value", rows=rows)
        dose = use(k, "quantity", Target("EX", "", "EXDOSE"), said)
        variables["EXDOSE"] = {"column": dose, "unit": {"column": unit}} if unit else dose
        if unit:
            k.select(unit)
        else:
            k.centre.draft.ask(k.table.name, "quantity", "is the quantity a dose in mg? It is read so")
    k.add("EX", variables, {key: keys_of(index)})


def _other_drugs(cdm: Cdm, k: KeyedTable, rest: list[Kind], test: Any) -> None:
    key, source = "drug_concept_id", "drug_source_value"
    rows = rows_of(rest)
    said = "other drugs"
    variables: dict[str, Any] = {}
    parts = k.parts(source, rows) if k.has(source) else []
    category = Target("CM", "", "CMCAT")
    if len(parts) == 2 and k.centre.codes.recognised(category, parts[0].values) >= 0.5:
        for part, variable in zip(parts, ("CMCAT", "CMTRT"), strict=True):
            target = Target("CM", "", variable)
            variables[variable] = k.extract(source, part, target)
            k.use(source, target, 0.85, "kind and drug, divided by a colon", said)
    else:
        variables |= _name(cdm, k, key, source, rows, said)
    for name, variable in (("drug_exposure_start_date", "CMSTDTC"), ("drug_exposure_end_date", "CMENDTC")):
        if k.has(name):
            variables[variable] = use(k, name, Target("CM", "", variable), said)
    if "sig" in k.columns and k.filled("sig", rows):
        texts = k.profile("sig", rows).values
        if not any(re.search(r"\d", t) for t in texts):
            variables["CMINDC"] = "sig"
            k.use("sig", Target("CM", "", "CMINDC"), 0.65, "its texts are reasons and no doses", said)
            asked = f"are its texts the reason of the treatment ({', '.join(texts[:3])})?"
            k.centre.draft.ask(k.table.name, "sig", f"{asked} They are read so")
    if variables:
        k.add("CM", variables, {key: test} if test is not None else {})


def _name(cdm: Cdm, k: KeyedTable, key: str, source: str, rows: pl.Series, said: str) -> dict[str, Any]:
    """What was given, in words: as the source wrote it, or the name of the concept."""
    spec = cdm.named(k, key, source, rows)
    if spec is None:
        return {}
    written = isinstance(spec, str)
    reason = "what was given, as the source wrote it" if written else "what was given: the name of the concept"
    k.use(source if written else key, Target("CM", "", "CMTRT"), 0.85, reason, said)
    return {"CMTRT": spec}


# procedures -----------------------------------------------------------------------------------------------------------


def draft_procedure(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    who = cdm.subject(k)
    key, source = "procedure_concept_id", "procedure_source_value"
    groups: dict[str, list[Kind]] = defaultdict(list)
    for kind in cdm.kinds(k, key, source) if k.has(key) else []:
        groups[procedure_group(kind, k.centre)].append(kind)
    if groups["PR"]:
        _transplants(k, groups["PR"], key, source)
    if groups["CM"]:
        _transfusions(cdm, k, groups["CM"])
    k.leave_rows(key, groups[""])
    return k.finish(who)


def _transplants(k: KeyedTable, kinds: list[Kind], key: str, source: str) -> None:
    rows = rows_of(kinds)
    said = "transplantation"
    k.select(key)
    variables: dict[str, Any] = {"PRTRT": {"constant": k.centre.study.hsct}}
    if k.has("procedure_date"):
        variables["PRSTDTC"] = use(k, "procedure_date", Target("PR", "", "PRSTDTC"), said)
    timing = Target("PR", "", "PRTIMING")
    for part in k.parts(source, rows) if k.has(source) else []:
        found = k.name_part(part, "PR")
        if found is None and not part.name and k.centre.codes.recognised(timing, part.values) == 1.0:
            found = (timing, 0.85, "its words say before or after the index treatment")
        if found is not None and found[0].variable not in variables:
            target = found[0] if found[0] == timing else found[0]._replace(item="")
            variables[target.variable] = k.extract(source, part, target)
            k.use(source, target, found[1], found[2], said)
    if "PRTIMING" not in variables:
        k.centre.draft.ask(k.table.name, source, "nothing says whether a transplantation was before or after the index "
                           "treatment")  # fmt: skip
    k.add("PR", variables, {key: keys_of(kinds)})


def _transfusions(cdm: Cdm, k: KeyedTable, kinds: list[Kind]) -> None:
    key, source = "procedure_concept_id", "procedure_source_value"
    rows = rows_of(kinds)
    said = "transfusions"
    k.select(key)
    variables: dict[str, Any] = {}
    category = Target("CM", "", "CMCAT")
    if k.has(source) and k.centre.codes.recognised(category, k.profile(source, rows).counts) >= 0.5:
        variables["CMCAT"] = {"column": source, **c} if (c := k.codes(source, category, rows)) else source
        k.use(source, category, 0.85, "its words are kinds of transfusion", said)
    else:
        variables["CMCAT"] = make_category(k, kinds, key)
    variables |= _name(cdm, k, key, source, rows, said)
    if k.has("procedure_date"):
        for variable in ("CMSTDTC", "CMENDTC"):
            variables[variable] = use(k, "procedure_date", Target("CM", "", variable), said, 0.85)
    k.add("CM", variables, {key: keys_of(kinds)})


# lines of therapy -----------------------------------------------------------------------------------------------------


def _same_as_source(cdm: Cdm, k: KeyedTable, name: str, source: str) -> bool:
    """Whether a column of concepts only repeats what the source value says in words."""
    pairs = k.table.frame.select(name, source).drop_nulls().unique()
    said = [(cdm.names.get(i, ("", "", ""))[0], t) for i, t in pairs.iter_rows()]
    return bool(said) and sum(bool(n) and n.lower() in t.lower() for n, t in said) >= 0.5 * len(said)


def draft_episode(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    who = cdm.subject(k)
    key, source = "episode_concept_id", "episode_source_value"
    if not k.has(source) or not k.has(key):
        return k.finish(who)
    words = k.centre.study.words
    texts = k.table.frame[source].str.strip_chars()
    heads = texts.str.split("|").list.first().str.strip_chars()
    index = [h for h in heads.drop_nulls().unique().to_list() if DRUG in words.canonical(h)]
    if index:
        pattern = f"^(?:{'|'.join(re.escape(h) for h in sorted(index))}) *(?:[|]|$)"
        k.exclusions += [
            {
                "where": {source: {"matches": pattern}},
                "reason": "episodes of the index drug; its doses are in drug_exposure",
            }
        ]
    rows = (~heads.is_in(index).fill_null(False)).arg_true()
    said = "earlier lines of treatment"
    variables: dict[str, Any] = {"MHCAT": {"constant": "PRIOR LINE"}}
    for part in k.parts(source, rows):
        found = k.name_part(part, "MH PRIOR LINE")
        if found is None and not part.name and "MHTERM" not in variables:
            found = (Target("MH", "PRIOR LINE", "MHTERM"), 0.85, "the regimen comes first")
        if found is not None and found[0].variable not in variables:
            variables[found[0].variable] = k.extract(source, part, found[0])
            k.use(source, found[0], found[1], found[2], said)
    if "MHTERM" not in variables:
        variables["MHTERM"] = source
        k.use(source, Target("MH", "PRIOR LINE", "MHTERM"), 0.8, "what the source wrote for the regimen", said)
    for name, variable in (
        ("episode_number", "MHSEQN"),
        ("episode_start_date", "MHSTDTC"),
        ("episode_end_date", "MHENDTC"),
    ):
        if k.has(name):
            variables[variable] = use(k, name, Target("MH", "PRIOR LINE", variable), said)
    kinds = [v for v in k.columns[key].profile.values if v == _REGIMEN]
    if kinds:
        k.select(key)
    k.add("MH", variables, {key: _REGIMEN} if kinds else {})
    objects = "episode_object_concept_id"
    if k.has(objects) and _same_as_source(cdm, k, objects, source):
        k.columns[objects].ignore(f"the same as {source}", 0.85)
    return k.finish(who)
