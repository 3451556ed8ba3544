"""OMOP tables -> their part of the mapping. In: one table a CDM table. Out: entries, columns, questions.

The structure is known (`vocabulary/structures.csv`). What a concept id means is known from the centre's concept
table, by its LOINC code or its name, else from the ids of OHDSI's own vocabulary that chartline knows
(`vocabulary/codes.csv`), else from what the source wrote beside it. Source values that hold several things are taken
apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chartline.draft.coded_records import make_history, make_measure, make_status, terms_in
from chartline.draft.composite import Part
from chartline.draft.fhir import procedure_group
from chartline.draft.flat import Centre, put_list
from chartline.draft.keyed import KeyedTable, Kind, Meaning, sure
from chartline.draft.model import OPEN, Coded, Target, Word
from chartline.draft.words import vocabulary
from chartline.mapping import units
from chartline.sources.base import SourceTable

_REGIMEN = "32531"  # OHDSI: Treatment Regimen
_CYCLE = re.compile(r"END OF CYCLE ([0-9]+)", re.IGNORECASE)


@dataclass
class _Cdm:
    """The tables of a centre and the names of its concepts."""

    tables: dict[str, SourceTable]
    centre: Centre
    names: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # id -> name, vocabulary, code
    person: str = ""  # column of person with the id that the centre uses

    def __post_init__(self) -> None:
        known = {r["code"]: (r["display"], "", "") for r in vocabulary("codes.csv") if r["system"] == "OMOP"}
        self.names.update(known)
        concepts = self.tables.get("concept")
        wanted = ("concept_id", "concept_name", "vocabulary_id", "concept_code")
        if concepts is not None and set(wanted) <= set(concepts.columns):
            for i, name, system, code in concepts.frame.select(wanted).iter_rows():
                if i and name:
                    self.names[i] = (name, system or "", code or "")
        person = self.tables.get("person")
        if person is not None and "person_source_value" in person.columns:
            ids = person.frame["person_source_value"]
            self.person = "person_source_value" if ids.null_count() == 0 and ids.is_unique().all() else ""

    def subject(self, k: KeyedTable) -> Any:
        if "person_id" not in k.columns:
            return None
        c = k.columns["person_id"]
        c.role, c.reason, c.confidence = "subject", "the patient's id", 0.95
        if "person" not in self.tables or not self.person:
            return "person_id"
        return {"column": "person_id", "lookup": {"table": "person", "key": "person_id", "value": self.person}}

    def kinds(self, k: KeyedTable, key: str, source: str) -> list[Kind]:
        """Return the kinds of rows of a table by concept, each with the concept's name before what the source wrote."""
        out = []
        for kind in k.kinds(key, (source,)):
            name, system, code = self.names.get(kind.key, ("", "", ""))
            kind.concept = kind.key
            kind.loinc = code if system.upper() == "LOINC" or re.fullmatch(r"\d{1,5}-\d", code) else ""
            kind.rxnorm = code if system.lower().startswith("rxnorm") else ""
            said = [t.split("|")[0] for t in kind.texts[1:]]
            kind.texts = list(dict.fromkeys([kind.key, *([name] if name else []), *said]))
            out.append(kind)
        return out


def draft_omop(tables: dict[str, SourceTable], centre: Centre) -> dict[str, dict[str, Any]]:
    """Return the mapping's entry of each table that holds something of the study."""
    cdm = _Cdm(tables, centre)
    out: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        make = _MAKERS.get(name)
        if make is None or table.frame.height == 0:
            centre.draft.unused[name] = (
                _UNUSED.get(name, OPEN + "chartline has no use for it") if table.frame.height else "empty"
            )
            continue
        k = KeyedTable(table, "omop", centre)
        out[name] = make(cdm, k)
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
    "observation_period": "repeats the first and last dates of the other tables",
}


def _same_as_source(cdm: _Cdm, k: KeyedTable, name: str, source: str) -> bool:
    """Whether a column of concepts only repeats what the source value says in words."""
    pairs = k.table.frame.select(name, source).drop_nulls().unique()
    said = [(cdm.names.get(i, ("", "", ""))[0], t) for i, t in pairs.iter_rows()]
    return bool(said) and sum(bool(n) and n.lower() in t.lower() for n, t in said) >= 0.5 * len(said)


def _all(k: KeyedTable) -> pl.Series:
    return pl.Series(range(k.table.frame.height), dtype=pl.UInt32)


def _use(k: KeyedTable, name: str, target: Target, rows: str = "", confidence: float = 0.93) -> str:
    k.use(name, target, confidence, "OMOP says what this column is", rows)
    return name


# one a patient ------------------------------------------------------------------------------------------------------


def _person(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    subject = cdm.person or "person_id"
    k.columns[subject].role, k.columns[subject].reason, k.columns[subject].confidence = (
        "subject",
        "the patient's id",
        0.95,
    )
    if subject != "person_id" and "person_id" in k.columns:
        k.select("person_id")
        k.keys.add("person_id")
    variables: dict[str, Any] = {}
    if k.has("birth_datetime"):
        variables["BRTHDTC"] = _use(k, "birth_datetime", Target("DM", "", "BRTHDTC"))
    elif k.has("year_of_birth"):
        parts = {p: f"{p}_of_birth" for p in ("year", "month", "day") if k.has(f"{p}_of_birth")}
        for name in parts.values():
            _use(k, name, Target("DM", "", "BRTHDTC"))
        variables["BRTHDTC"] = {"date_parts": parts}
    if k.has("gender_concept_id"):
        target = Target("DM", "", "SEX")
        words = {w: ["8507" if w == "M" else "8532"] for w in ("M", "F")}
        other = [v for v in k.columns["gender_concept_id"].profile.values if v not in ("8507", "8532", "0")]
        for v in other:
            k.centre.draft.ask("person", "gender_concept_id", f"what does concept {v} mean as a sex?")
        name = k.fixed(target, "gender_concept_id", words, "OMOP's concepts of male and female", 0.97)
        variables["SEX"] = {"column": _use(k, "gender_concept_id", target), "codes": name}
    k.add("DM", variables)
    if k.has("birth_datetime") and k.has("year_of_birth"):  # a second statement of the birth date, to the year
        k.add("DM", {"BRTHDTC": _use(k, "year_of_birth", Target("DM", "", "BRTHDTC"), "to the year")})
    return k.finish(subject) | {"one_row_per_subject": True}


def _death(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    subject = cdm.subject(k)
    variables: dict[str, Any] = {"DTHFL": {"constant": "Y"}}
    for name, variable in (("death_date", "DTHDTC"), ("cause_source_value", "DTHCAUS")):
        if k.has(name):
            variables[variable] = _use(k, name, Target("SS", "", variable))
    if len(variables) > 1:
        k.add("SS", variables)
    return {"optional": True} | k.finish(subject) | {"one_row_per_subject": True}


# conditions and adverse events ----------------------------------------------------------------------------------------


def _condition(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    subject = cdm.subject(k)
    source, key = "condition_source_value", "condition_concept_id"
    taken = _events(k, source) if k.has(source) else pl.Series([], dtype=pl.UInt32)
    mine: list[Kind] = []
    rest: list[Kind] = []
    for kind in cdm.kinds(k, key, source) if k.has(key) else []:
        kind.rows = kind.rows.filter(~kind.rows.is_in(taken.implode()))
        if len(kind.rows):
            (mine if _is_leukaemia(kind) else rest).append(kind)
    if mine:
        _diagnosis(k, mine, key, source)
    k.leave_rows(key, rest)
    return k.finish(subject)


def _is_leukaemia(kind: Kind) -> bool:
    said = " ".join(kind.texts).lower()
    return any(w in said for w in ("leukaemia", "leukemia", "lymphoma", "myelodysplas", "myeloma")) or bool(
        re.search(r"\bC9[1-5]\b", " ".join(kind.texts))
    )


def _diagnosis(k: KeyedTable, mine: list[Kind], key: str, source: str) -> None:
    rows = pl.concat([m.rows for m in mine])
    variables: dict[str, Any] = {"MHCAT": {"constant": "DIAGNOSIS"}}
    term = Target("MH", "DIAGNOSIS", "MHTERM")
    if k.filled(source, rows):
        parts = k.parts(source, rows)
        pattern = next((p for p in parts if p.pattern.startswith("^[A-Z]")), None)
        variables["MHTERM"] = k.extract(source, pattern, term) if pattern is not None else source
        k.use(source, term, 0.88, "what the source wrote for the diagnosis", "diagnosis")
    if k.has("condition_start_date"):
        date: Any = _use(k, "condition_start_date", Target("MH", "DIAGNOSIS", "MHSTDTC"), "diagnosis")
        text = " ".join(k.table.frame[source].gather(rows).drop_nulls().to_list()) if k.has(source) else ""
        if "month only" in text.lower():
            date = {"column": date, "precision": {"month_where": {"column": source, "matches": "month only"}}}
            k.centre.draft.ask(k.table.name, source, "some texts say `month only`: the day of these dates is not read")
        variables["MHSTDTC"] = date
    k.select(key)
    k.add("MH", variables, {key: mine[0].key if len(mine) == 1 else [m.key for m in mine]})


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
            variables[variable] = _use(k, name, Target("AE", "", variable), "adverse events")
    k.add("AE", variables, {source: {"matches": f"^{re.escape(head)}\\|"}})
    return rows


# drugs --------------------------------------------------------------------------------------------------------------


def _drug(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    subject = cdm.subject(k)
    key, source = "drug_concept_id", "drug_source_value"
    study = k.centre.study
    index: list[Kind] = []
    rest: list[Kind] = []
    for kind in cdm.kinds(k, key, source) if k.has(key) else []:
        ours = (study.rxnorm and kind.rxnorm == study.rxnorm) or any(
            "indexdrug" in study.words.canonical(t) for t in kind.texts
        )
        (index if ours else rest).append(kind)
    if index:
        k.select(key)
        _doses(k, index, key)
    if rest and index:
        _other_drugs(k, rest, key, source, {"not": _ids(index)})
    elif rest:
        _other_drugs(k, rest, key, source, None)
    return k.finish(subject)


def _ids(kinds: list[Kind]) -> Any:
    return kinds[0].key if len(kinds) == 1 else [m.key for m in kinds]


def _doses(k: KeyedTable, index: list[Kind], key: str) -> None:
    rows = pl.concat([m.rows for m in index])
    said = "doses of the index drug"
    variables: dict[str, Any] = {"EXTRT": {"constant": k.centre.study.drug}}
    if k.has("drug_exposure_start_date"):
        variables["EXSTDTC"] = _use(k, "drug_exposure_start_date", Target("EX", "", "EXSTDTC"), said)
    if k.filled("sig", rows) if "sig" in k.columns else 0:
        for part in k.parts("sig", rows):
            variable = {"dose_cycle": "EXCYCLE", "dose_day": "EXCYDAY", "dose_m2": "EXDOSM2"}.get(part.kind)
            if variable:
                target = Target("EX", "", variable)
                variables[variable] = k.extract("sig", part, target)
                k.use("sig", target, 0.88, "the text says the dose by surface", said)
    if k.has("quantity") and k.filled("quantity", rows):
        unit = k.first("dose_unit_source_value", rows=rows)
        dose = _use(k, "quantity", Target("EX", "", "EXDOSE"), said)
        variables["EXDOSE"] = {"column": dose, "unit": {"column": unit}} if unit else dose
        if unit:
            k.select(unit)
        else:
            k.centre.draft.ask(k.table.name, "quantity", "is the quantity a dose in mg? It is read so")
    k.add("EX", variables, {key: _ids(index)})


def _other_drugs(k: KeyedTable, rest: list[Kind], key: str, source: str, test: Any) -> None:
    rows = pl.concat([m.rows for m in rest])
    said = "other drugs"
    variables: dict[str, Any] = {}
    parts = k.parts(source, rows) if k.has(source) else []
    category = Target("CM", "", "CMCAT")
    if len(parts) == 2 and k.centre.codes.recognised(category, parts[0].values) >= 0.5:
        for part, variable in zip(parts, ("CMCAT", "CMTRT"), strict=True):
            target = Target("CM", "", variable)
            variables[variable] = k.extract(source, part, target)
            k.use(source, target, 0.85, "kind and drug, divided by a colon", said)
    elif k.has(source):
        variables["CMTRT"] = source
        k.use(source, Target("CM", "", "CMTRT"), 0.85, "what the source wrote for the drug", said)
    for name, variable in (("drug_exposure_start_date", "CMSTDTC"), ("drug_exposure_end_date", "CMENDTC")):
        if k.has(name):
            variables[variable] = _use(k, name, Target("CM", "", variable), said)
    if "sig" in k.columns and k.filled("sig", rows):
        texts = k.profile("sig", rows).values
        if not any(re.search(r"\d", t) for t in texts):
            variables["CMINDC"] = "sig"
            k.use("sig", Target("CM", "", "CMINDC"), 0.65, "its texts are reasons and no doses", said)
            asked = f"are its texts the reason of the treatment ({', '.join(texts[:3])})?"
            k.centre.draft.ask(k.table.name, "sig", f"{asked} They are read so")
    if variables:
        k.add("CM", variables, {key: test} if test is not None else {})


# procedures -----------------------------------------------------------------------------------------------------------


def _procedure(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    subject = cdm.subject(k)
    key, source = "procedure_concept_id", "procedure_source_value"
    groups: dict[str, list[Kind]] = defaultdict(list)
    for kind in cdm.kinds(k, key, source) if k.has(key) else []:
        groups[procedure_group(kind, k.centre)].append(kind)
    if groups["PR"]:
        _transplants(k, groups["PR"], key, source)
    if groups["CM"]:
        _transfusions(k, groups, key, source)
    k.leave_rows(key, groups[""])
    return k.finish(subject)


def _transplants(k: KeyedTable, kinds: list[Kind], key: str, source: str) -> None:
    rows = pl.concat([m.rows for m in kinds])
    said = "transplantation"
    k.select(key)
    variables: dict[str, Any] = {"PRTRT": {"constant": k.centre.study.hsct}}
    if k.has("procedure_date"):
        variables["PRSTDTC"] = _use(k, "procedure_date", Target("PR", "", "PRSTDTC"), said)
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
    k.add("PR", variables, {key: _ids(kinds)})


def _transfusions(k: KeyedTable, groups: Mapping[str, list[Kind]], key: str, source: str) -> None:
    rows = pl.concat([m.rows for m in groups["CM"]])
    said = "transfusions"
    k.select(key)
    variables: dict[str, Any] = {}
    category = Target("CM", "", "CMCAT")
    if k.has(source) and k.centre.codes.recognised(category, k.profile(source, rows).counts) >= 0.5:
        variables["CMCAT"] = {"column": source, **c} if (c := k.codes(source, category, rows)) else source
        k.use(source, category, 0.85, "its words are kinds of transfusion", said)
        variables["CMTRT"] = source
        k.use(source, Target("CM", "", "CMTRT"), 0.8, "what was given, in words", said)
    if k.has("procedure_date"):
        for variable in ("CMSTDTC", "CMENDTC"):
            variables[variable] = _use(k, "procedure_date", Target("CM", "", variable), said, 0.85)
    k.add("CM", variables, {key: _ids(groups["CM"])})


# lines of therapy -----------------------------------------------------------------------------------------------------


def _episode(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    subject = cdm.subject(k)
    key, source = "episode_concept_id", "episode_source_value"
    if not k.has(source) or not k.has(key):
        return k.finish(subject)
    words = k.centre.study.words
    texts = k.table.frame[source].str.strip_chars()
    heads = texts.str.split("|").list.first().str.strip_chars()
    index = [h for h in heads.drop_nulls().unique().to_list() if "indexdrug" in words.canonical(h)]
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
            variables[variable] = _use(k, name, Target("MH", "PRIOR LINE", variable), said)
    kinds = [v for v in k.columns[key].profile.values if v == _REGIMEN]
    if kinds:
        k.select(key)
    k.add("MH", variables, {key: _REGIMEN} if kinds else {})
    objects = "episode_object_concept_id"
    if k.has(objects) and _same_as_source(cdm, k, objects, source):
        k.columns[objects].ignore(f"the same as {source}", 0.85)
    return k.finish(subject)


# measurements and observations --------------------------------------------------------------------------------------


def _measurement(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    return _coded(cdm, k, "measurement", ("value_as_number", "value_source_value", "value_as_concept_id"))


def _observation(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    return _coded(cdm, k, "observation", ("value_as_string", "value_as_number", "value_source_value"))


def _coded(cdm: _Cdm, k: KeyedTable, name: str, values: tuple[str, ...]) -> dict[str, Any]:
    subject = cdm.subject(k)
    key, source, date = f"{name}_concept_id", f"{name}_source_value", f"{name}_date"
    if not k.has(key):
        return k.finish(subject)
    labs: list[tuple[Kind, Target]] = []
    rest: list[Kind] = []
    for kind in cdm.kinds(k, key, source):
        meaning = k.meaning(kind)
        target = meaning.target if meaning is not None and sure(meaning) else None
        if target is not None and target.domain == "LB":
            labs.append((kind, target))
        elif not _one_kind(k, kind, meaning, values, date, key, source):
            rest.append(kind)
    if labs and k.has("value_as_number"):
        _labs(cdm, k, labs, key, source, date)
    k.select(key)
    k.leave_rows(key, rest)
    return k.finish(subject)


def _labs(cdm: _Cdm, k: KeyedTable, labs: list[tuple[Kind, Target]], key: str, source: str, date: str) -> None:
    said = "laboratory tests"
    words: dict[str, list[str]] = {}
    for kind, target in labs:
        words.setdefault(target.item, []).append(kind.key)
    test = Target("LB", "", "LBTESTCD")
    spec: dict[str, Any] = {"column": key, "codes": k.fixed(test, key, words, "by LOINC or the concept's name", 0.93)}
    if k.has(source):
        spec["display"] = source
        k.select(source)
    k.use(key, test, 0.93, "concepts of laboratory tests, by LOINC or name", said)
    variables: dict[str, Any] = {"LBTESTCD": spec}
    if k.has(date):
        variables["LBDTC"] = _use(k, date, Target("LB", "", "LBDTC"), said)
    unit = _unit(cdm, k)
    if unit:
        variables["LBORRES"] = {"column": _use(k, "value_as_number", Target("LB", "", "LBORRES"), said), **unit}
        for name, variable in (("range_low", "LBSTNRLO"), ("range_high", "LBSTNRHI")):
            if k.has(name):
                variables[variable] = _use(k, name, Target("LB", "", variable), said)
        k.add("LB", variables, {key: [kind.key for kind, _ in labs]})
    else:
        k.centre.draft.ask(k.table.name, "value_as_number", "laboratory results without any unit")


def _unit(cdm: _Cdm, k: KeyedTable) -> dict[str, Any]:
    """Return how the unit of a measurement is read: by concept, else as the source wrote it."""
    if k.has("unit_concept_id") and set(k.columns["unit_concept_id"].profile.values) - {"0"}:
        words: dict[str, list[str]] = {}
        seen: list[Word] = []
        ours = {r["code"]: r["means"] for r in vocabulary("codes.csv") if r["system"] == "OMOP"}
        for value, n in k.columns["unit_concept_id"].profile.counts.items():
            name = cdm.names.get(value, ("", "", ""))
            unit = next((u for u in (name[2], name[0], ours.get(value, "")) if u and units.is_known(u)), "")
            if unit:
                words.setdefault(unit, []).append(value)
                seen.append(Word(value, n, unit, 0.95, f"concept {value} is {name[0] or unit}"))
            elif value != "0":
                k.centre.draft.ask(
                    k.table.name, "unit_concept_id", f"which unit is concept {value} ({n} rows)? {name[0]}"
                )
        k.select("unit_concept_id")
        if words:
            k.centre.draft.coded.append(Coded(k.table.name, "unit_concept_id", Target("LB", "", "LBORRESU"), seen))
            return {"unit": {"column": "unit_concept_id", "codes": put_list("units", words, k.centre.lists)}}
    if k.has("unit_source_value"):
        k.select("unit_source_value")
        return {"unit": {"column": "unit_source_value"}}
    return {}


def _one_kind(
    k: KeyedTable, kind: Kind, m: Meaning | None, values: tuple[str, ...], date: str, key: str, source: str
) -> bool:
    value = k.first(*values, rows=kind.rows)
    where = {key: kind.key}
    mrd = any("mrd" in k.centre.study.words.canonical(t) for t in kind.texts)
    if (m is not None and m.target is not None and m.target.domain == "RS") or mrd:
        return _assessment(k, kind, m, values, date, where, source, key, mrd)
    if m is None or m.target is None or not sure(m):
        return False
    if m.target.domain == "MH":
        return make_history(k, kind, m, value, where)
    if m.target.domain == "DM":
        return make_measure(k, kind, m, value, where)
    return make_status(k, kind, m, value, date if k.has(date) else None, where)


def _assessment(
    k: KeyedTable,
    kind: Kind,
    m: Meaning | None,
    values: tuple[str, ...],
    date: str,
    where: dict[str, Any],
    source: str,
    key: str,
    mrd: bool,
) -> bool:
    variables: dict[str, Any] = {}
    if m is not None and m.target is not None and m.target.domain == "RS" and not mrd:
        value = k.first(*values, rows=kind.rows)
        if value is not None:
            variables[m.target.variable] = _read(k, kind, value, m.target, m.confidence, m.reason)
    if mrd:
        for name in values:
            if name not in k.columns or not k.filled(name, kind.rows):
                continue
            number = k.profile(name, kind.rows).kind == "number"
            target = Target("RS", "", "MRDVAL" if number else "MRDCLASS")
            if target.variable not in variables:
                variables[target.variable] = _read(k, kind, name, target, 0.85, "the value of an MRD sample")
    if not variables:
        return False
    head: dict[str, Any] = {}
    if k.has(date):
        head["RSDTC"] = _use(k, date, Target("RS", "", "RSDTC"), kind.key)
    if k.has(source):
        head |= _source_parts(k, kind, source, mrd)
    if mrd:
        for variable in ("MRDASSAY", "MRDSPEC"):
            target = Target("RS", "", variable)
            found = {w.term for t in kind.texts for w in terms_in(k, target, t)}
            if len(found) == 1:
                codes = k.fixed(target, key, {next(iter(found)): [kind.key]}, "the words of the concept say so", 0.85)
                head[variable] = {"column": key, "codes": codes}
                k.use(key, target, 0.85, "the words of the concept say so", kind.key)
    k.add("RS", head | variables, where)
    return True


def _read(k: KeyedTable, kind: Kind, name: str, target: Target, confidence: float, reason: str) -> Any:
    codes = k.codes(name, target, kind.rows)
    k.use(name, target, confidence, reason, kind.key)
    unit: dict[str, Any] = {}
    stated = name == "value_as_number" and k.has("unit_concept_id") and k.filled("unit_concept_id", kind.rows)
    if stated and ("units" in k.centre.lists or _units_known(k, kind)):
        unit = {"unit": {"column": "unit_concept_id", "codes": "units"}}
        k.select("unit_concept_id")
    return {"column": name, **codes, **unit} if codes or unit else name


def _units_known(k: KeyedTable, kind: Kind) -> bool:
    """Make the list of units from these rows, where no laboratory test made it before."""
    ours = {r["code"]: r["means"] for r in vocabulary("codes.csv") if r["system"] == "OMOP"}
    seen = k.profile("unit_concept_id", kind.rows).values
    words = {ours[v]: [v] for v in seen if units.is_known(ours.get(v, ""))}
    if words:
        put_list("units", words, k.centre.lists)
    return bool(words)


def _source_parts(k: KeyedTable, kind: Kind, source: str, mrd: bool) -> dict[str, Any]:
    """The source value of a marrow or MRD sample may carry visit, cycle, cells, limit of detection, method."""
    out: dict[str, Any] = {}
    parts = k.parts(source, kind.rows)
    for part in parts:
        found = k.name_part(part, "RS", "mrd" if mrd else "")
        if found is None and (not part.name or part.constant):
            found = _unnamed(part, mrd)
        if found is None or found[0].variable in out:
            continue
        out[found[0].variable] = k.extract(source, part, found[0])
        k.use(source, found[0], found[1], found[2], kind.key)
    texts = k.table.frame[source].gather(kind.rows).drop_nulls()
    if texts.str.contains(_CYCLE.pattern).any() and "RSCYCLE" not in out:
        target = Target("RS", "", "RSCYCLE")
        out["RSCYCLE"] = {"column": source, "extract": _CYCLE.pattern, "extract_optional": True}
        k.use(source, target, 0.85, "the text says after which cycle", kind.key)
    return out


def _unnamed(part: Part, mrd: bool) -> tuple[Target, float, str] | None:
    if mrd and part.place == 0:
        return Target("RS", "", "MRDMETH"), 0.8, "how MRD was measured comes first"
    if not mrd and part.place > 0 and len(part.values) > 1:
        return Target("RS", "", "RSVISIT"), 0.8, "the visit comes after the name"
    return None


_MAKERS: dict[str, Callable[[_Cdm, KeyedTable], dict[str, Any]]] = {
    "person": _person,
    "death": _death,
    "condition_occurrence": _condition,
    "drug_exposure": _drug,
    "procedure_occurrence": _procedure,
    "episode": _episode,
    "measurement": _measurement,
    "observation": _observation,
}
