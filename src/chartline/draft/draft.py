"""The room's public verb: a centre's files -> a draft of its mapping.

In: a folder (and perhaps some of its files), a protocol, and the signed mappings of the study's other centres. Out: a
`Draft`, whose mapping is valid as it stands and unsigned. Flat tables are read by their headings (`flat/`), FHIR
and OMOP by their structure (`coded/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from chartline.draft.centre import Centre
from chartline.draft.coded.fhir import draft_fhir
from chartline.draft.coded.omop import draft_omop
from chartline.draft.codes import Codes
from chartline.draft.dates import Verdict
from chartline.draft.find.discover import discover
from chartline.draft.find.found import Found
from chartline.draft.flat.subject import find_subject, id_pattern, note_ids
from chartline.draft.flat.table import draft_table, profile_table
from chartline.draft.known import Known
from chartline.draft.model import Draft
from chartline.draft.study import Study
from chartline.errors import SourceError
from chartline.mapping.model import DateOrder, Mapping
from chartline.mapping.signed import OPEN_QUESTION as OPEN
from chartline.protocol.model import Protocol


def draft_centre(
    root: Path,
    names: Sequence[str] | None,
    protocol: Protocol,
    centre_id: str,
    signed: Iterable[Mapping] = (),
    called: dict[str, str] | None = None,
) -> Draft:
    """Draft the mapping of one centre. `names` are the files of `root` it is about, all if None.

    `signed` are mappings whose decisions are reused where somebody signed them; `called` are the names of tables, see
    `discover`.

    Raises SourceError where the folder is not there or nothing in it can be read.
    """
    study = Study.of(protocol)
    known = Known.of(signed, study.words)
    found = discover(root, names, called)
    if not found.tables:
        raise _nothing(found)
    draft = Draft(centre_id, {})
    missing = study.words.raw_marks("missing")
    centre = Centre(study, Codes(study, known.words), known, draft, missing)
    tables = _flat(found, centre)
    tables |= _structured(found, centre)
    if not tables:
        raise _nothing(found, "; ".join(f"{n}: {why.removeprefix(OPEN)}" for n, why in draft.unused.items()))
    draft.mapping = _mapping(found, centre, tables, protocol)
    draft.layout[:0] = [(name, said) for name, layout in found.layouts.items() for said in layout.said]
    draft.notes += [(n.address, n.message) for n in found.notes]
    for said in found.told():
        draft.ask("", "", said)
    return draft


def _nothing(found: Found, unused: str = "") -> SourceError:
    said = unused or "; ".join(found.told()) or "there is no file"
    return SourceError(
        "Nothing here is about patients" if unused else "Nothing here can be read as a table",
        where=str(found.root),
        expected="workbooks, delimited text, a REDCap, ODM, FHIR or OMOP export",
        do=f"see what each file is: {said}",
    )


def _flat(found: Found, centre: Centre) -> dict[str, dict[str, Any]]:
    names = [n for n in found.tables if found.kind_of[n] in ("xlsx", "delimited", "redcap")]
    flats = {n: profile_table(found.tables[n], found.layouts.get(n), centre) for n in names}
    subjects: dict[str, str | None] = {}
    for _ in range(2):  # ids of surely named columns help to find the others
        for n in names:
            if subjects.get(n) is None:
                subjects[n] = find_subject(flats[n], centre)
        for n in names:
            note_ids(flats[n], subjects[n], centre)
    centre.pattern = id_pattern(centre.ids)
    verdict = sum((c.profile.verdict for f in flats.values() for c in f.columns if c.profile.kind == "date"), Verdict())
    _take_order(verdict, centre)
    return {n: draft_table(found.tables[n], flats[n], subjects[n], centre) for n in names}


def _take_order(verdict: Verdict, centre: Centre) -> None:
    """Take the order of day and month that the centre's dates prove; where they prove two or none, it is a question."""
    centre.draft.dates = verdict.sentence() if verdict.like else ""
    ordered = verdict.dmy + verdict.mdy + verdict.either
    if not ordered:
        centre.order = DateOrder.DMY if verdict.named and not verdict.iso else DateOrder.ISO
        return
    if verdict.dmy == verdict.mdy:
        centre.order = DateOrder.ISO
        asked = f"day before month, or month before day? The centre's dates do not decide ({verdict.sentence()})."
        centre.draft.ask("", "", f"{asked} Until you enter DMY or MDY in `dates`, only year-month-day is read")
        return
    centre.order = DateOrder.DMY if verdict.dmy > verdict.mdy else DateOrder.MDY
    if verdict.either:
        said = f"{verdict.either} dates could be read both ways; they are read as the others, {centre.order.value}"
        centre.draft.notes.append(("dates", said))


def _structured(found: Found, centre: Centre) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for dialect, make in (("fhir", draft_fhir), ("omop", draft_omop)):
        mine = {n: t for n, t in found.tables.items() if found.kind_of[n] == dialect}
        if mine:
            out |= make(mine, centre)
    return out


def _mapping(found: Found, centre: Centre, tables: dict[str, dict[str, Any]], protocol: Protocol) -> dict[str, Any]:
    label = next((c.label for c in protocol.data.centres if c.id == centre.draft.centre), "")
    out: dict[str, Any] = {"chartline": "mapping/1", "centre": centre.draft.centre}
    out["label"] = label or f"Centre {centre.draft.centre}"
    out |= {"signed_by": "", "sources": found.sources}
    if found.ignore_files:
        out["ignore_files"] = found.ignore_files
    if centre.draft.unused:
        out["ignore_tables"] = centre.draft.unused
    if centre.missing_seen:
        out["missing"] = sorted(centre.missing_seen)
    out["dates"] = {"order": centre.order.value, "partial": True}
    if centre.lists:
        out["code_lists"] = centre.lists
    if centre.pattern:
        out["subject_pattern"] = centre.pattern
    out["tables"] = tables
    return out
