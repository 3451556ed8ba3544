"""OMOP tables -> their part of the mapping. In: one table a CDM table. Out: entries, columns, questions.

The structure is known (`vocabulary/structures.csv`). What a concept id means is known from the centre's concept
table, by its LOINC or RxNorm code or its name, else from the ids of OHDSI's own vocabulary that chartline knows
(`vocabulary/codes.csv`), else from what the source wrote beside it. Source values that hold several things are taken
apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl

from chartline.draft.centre import Centre
from chartline.draft.coded.kinds import Kind, is_leukaemia, keys_of, rows_of
from chartline.draft.coded.omop_concepts import Cdm, use
from chartline.draft.coded.omop_findings import draft_measurement, draft_observation
from chartline.draft.coded.omop_index import ERAS, draft_era, draft_index
from chartline.draft.coded.omop_treatment import draft_drug, draft_episode, draft_procedure
from chartline.draft.coded.table import KeyedTable
from chartline.draft.model import EMPTY, Target
from chartline.mapping.signed import OPEN_QUESTION as OPEN
from chartline.sources.base import SourceTable


def draft_omop(tables: dict[str, SourceTable], centre: Centre) -> dict[str, dict[str, Any]]:
    """Return the mapping's entry of each table that holds something of the study."""
    cdm = Cdm(tables, centre)
    out: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        make = _MAKERS.get(name)
        if name in ERAS and centre.study.index is not None and centre.study.index.table == name:
            make = draft_era
        if name == "observation_period" and not centre.study.observed:
            make = None
        if make is None or table.frame.height == 0:
            centre.draft.unused[name] = (
                _UNUSED.get(name, OPEN + "chartline has no use for it") if table.frame.height else EMPTY
            )
            continue
        k = KeyedTable(table, "omop", centre)
        out[name] = make(cdm, k)
    if cdm.looked_up:
        del centre.draft.unused["concept"]
        rest = [c for c in tables["concept"].columns if c not in ("concept_id", "concept_name")]
        out["concept"] = {"ignore": dict.fromkeys(rest, "only the names of concepts are used")}
    looked_up = any(isinstance(t.get("subject"), dict) for n, t in out.items() if n != "person")
    if cdm.person and "person" in out and not looked_up:
        out["person"].setdefault("ignore", {})["person_id"] = "key of the other tables"
    return out


_VOCABULARY = "names of concepts; those in use are written into this mapping"
_UNUSED = {
    **dict.fromkeys(
        ("concept", "vocabulary", "domain", "concept_class", "relationship", "concept_relationship"), _VOCABULARY
    ),
    **dict.fromkeys(("concept_synonym", "concept_ancestor", "source_to_concept_map", "drug_strength"), _VOCABULARY),
    **dict.fromkeys(("visit_occurrence", "visit_detail"), "visits are not used"),
    **dict.fromkeys(("cdm_source", "metadata"), "says how the database was made"),
    **dict.fromkeys(("location", "care_site", "provider"), "direct identifier: places and staff"),
    **dict.fromkeys(("drug_era", "dose_era", "condition_era"), "derived from the other tables"),
    **dict.fromkeys(("cohort", "cohort_definition", "cohort_attribute"), "who was chosen for another study"),
    **dict.fromkeys(("cost", "payer_plan_period"), "costs and insurance are not used"),
    **dict.fromkeys(("note", "note_nlp"), "free text, which is not read"),
    "device_exposure": "devices are not used",
    "specimen": "specimens are not used; what was found in them is in measurement",
    "observation_period": "repeats the first and last dates of the other tables",
}


# one a patient -------------------------------------------------------------------------------------------------------


def _person(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    subject = cdm.person or "person_id"
    k.name_subject(subject, "the patient's id")
    if subject != "person_id" and "person_id" in k.columns:
        k.select("person_id")
        k.keys.add("person_id")
    variables: dict[str, Any] = {}
    if k.has("birth_datetime"):
        variables["BRTHDTC"] = use(k, "birth_datetime", Target("DM", "", "BRTHDTC"))
    elif k.has("year_of_birth"):
        parts = {p: f"{p}_of_birth" for p in ("year", "month", "day") if k.has(f"{p}_of_birth")}
        for name in parts.values():
            use(k, name, Target("DM", "", "BRTHDTC"))
        variables["BRTHDTC"] = {"date_parts": parts}
    if k.has("gender_concept_id"):
        target = Target("DM", "", "SEX")
        words = {w: ["8507" if w == "M" else "8532"] for w in ("M", "F")}
        other = [v for v in k.columns["gender_concept_id"].profile.values if v not in ("8507", "8532", "0")]
        for v in other:
            k.centre.draft.ask("person", "gender_concept_id", f"what does concept {v} mean as a sex?")
        name = k.fixed(target, "gender_concept_id", words, "OMOP's concepts of male and female", 0.97)
        variables["SEX"] = {"column": use(k, "gender_concept_id", target), "codes": name}
    k.add("DM", variables)
    if k.has("birth_datetime") and k.has("year_of_birth"):  # a second statement of the birth date, to the year
        k.add("DM", {"BRTHDTC": use(k, "year_of_birth", Target("DM", "", "BRTHDTC"), "to the year")})
    return k.finish(subject) | {"one_row_per_subject": True}


def _death(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    who = cdm.subject(k)
    variables: dict[str, Any] = {"DTHFL": {"constant": "Y"}}
    for name, variable in (("death_date", "DTHDTC"), ("cause_source_value", "DTHCAUS")):
        if k.has(name):
            variables[variable] = use(k, name, Target("SS", "", variable))
    if len(variables) > 1:
        k.add("SS", variables)
    return {"optional": True} | k.finish(who) | {"one_row_per_subject": True}


def _observation_period(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    who = cdm.subject(k)
    variables: dict[str, Any] = {}
    for name, variable in (("start", "OBSSTDTC"), ("end", "OBSENDTC")):
        column = f"observation_period_{name}_date"
        if k.has(column):
            variables[variable] = use(k, column, Target("SS", "", variable))
    if variables:
        k.add("SS", variables)
    return k.finish(who)


# conditions and adverse events ----------------------------------------------------------------------------------------


def _condition(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    who = cdm.subject(k)
    source, key = "condition_source_value", "condition_concept_id"
    taken = _events(k, source) if k.has(source) else pl.Series([], dtype=pl.UInt32)
    index: list[Kind] = []
    mine: list[Kind] = []
    rest: list[Kind] = []
    for kind in cdm.kinds(k, key, source) if k.has(key) else []:
        kind.rows = kind.rows.filter(~kind.rows.is_in(taken.implode()))
        if len(kind.rows):
            (mine if is_leukaemia(kind) else index if kind.is_index else rest).append(kind)
    draft_index(cdm, k, index)
    if mine:
        _diagnosis(cdm, k, mine, key, source)
    k.leave_rows(key, rest)
    return k.finish(who)


def _diagnosis(cdm: Cdm, k: KeyedTable, mine: list[Kind], key: str, source: str) -> None:
    rows = rows_of(mine)
    variables: dict[str, Any] = {"MHCAT": {"constant": "DIAGNOSIS"}}
    term = Target("MH", "DIAGNOSIS", "MHTERM")
    parts = k.parts(source, rows) if k.has(source) else []
    pattern = next((p for p in parts if p.pattern.startswith("^[A-Z]")), None)
    spec = k.extract(source, pattern, term) if pattern is not None else cdm.named(k, key, source, rows)
    if spec is not None:
        variables["MHTERM"] = spec
        written = pattern is not None or isinstance(spec, str)
        reason = "what the source wrote for the diagnosis" if written else "the name of the concept"
        k.use(source if written else key, term, 0.88, reason, "diagnosis")
    if k.has("condition_start_date"):
        date: Any = use(k, "condition_start_date", Target("MH", "DIAGNOSIS", "MHSTDTC"), "diagnosis")
        unsure = rf"(?i)\b(?:{'|'.join(sorted(k.centre.study.words.raw_marks('month_only')))})\b"
        if k.has(source) and k.table.frame[source].gather(rows).str.contains(unsure).any():
            date = {"column": date, "precision": {"month_where": {"column": source, "matches": unsure}}}
            k.centre.draft.ask(k.table.name, source, "some texts say that only the month is known: the day is not read")
        variables["MHSTDTC"] = date
    k.select(key)
    k.add("MH", variables, {key: keys_of(mine)})


def _events(k: KeyedTable, source: str) -> pl.Series:
    """Make adverse events of rows whose source value begins with a word for one (`AE|term|grade=3|..`)."""
    texts = k.table.frame[source].str.strip_chars()
    words = k.centre.study.words
    heads = texts.str.split("|").list.first()
    ours = [
        h
        for h in heads.drop_nulls().unique().to_list()
        if words.context_of(h).get("AE", 0) == 1.0 and texts.str.starts_with(f"{h}|").any()
    ]
    if not ours:
        return pl.Series([], dtype=pl.UInt32)
    head = ours[0]
    rows = texts.str.starts_with(f"{head}|").fill_null(False).arg_true()
    variables: dict[str, Any] = {}
    for part in k.parts(source, rows):
        found = k.name_part(part, "AE")
        if found is None and not part.name and len(part.values) > 1 and "AETERM" not in variables:
            found = (Target("AE", "", "AETERM"), 0.85, "the words after the sign of an adverse event")
        if found is not None and found[0].variable not in variables:
            variables[found[0].variable] = k.extract(source, part, found[0])
            k.use(source, found[0], found[1], found[2], "adverse events")
    for name, variable in (("condition_start_date", "AESTDTC"), ("condition_end_date", "AEENDTC")):
        if k.has(name):
            variables[variable] = use(k, name, Target("AE", "", variable), "adverse events")
    k.add("AE", variables, {source: {"matches": f"^{re.escape(head)}\\|"}})
    return rows


_MAKERS: dict[str, Callable[[Cdm, KeyedTable], dict[str, Any]]] = {
    "person": _person,
    "death": _death,
    "observation_period": _observation_period,
    "condition_occurrence": _condition,
    "drug_exposure": draft_drug,
    "procedure_occurrence": draft_procedure,
    "episode": draft_episode,
    "measurement": draft_measurement,
    "observation": draft_observation,
}
