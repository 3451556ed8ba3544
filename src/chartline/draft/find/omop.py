"""OMOP tables of a folder: a person table beside others, tables with their own keys, or a DuckDB database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath

from chartline.draft.find.found import Found, Spec, head
from chartline.sources.folder import SourceFile
from chartline.sources.omop_place import folder_of, is_duckdb, parts_path, table_of, twice_in

# Tables by which a folder is known as OMOP: a person table beside at least one of the others, or one with its key.
_NAMES = """
    person observation_period visit_occurrence visit_detail condition_occurrence drug_exposure procedure_occurrence
    device_exposure measurement observation death note note_nlp specimen fact_relationship location care_site provider
    payer_plan_period cost drug_era dose_era condition_era episode episode_event metadata cdm_source concept vocabulary
    domain concept_class concept_relationship relationship concept_synonym concept_ancestor source_to_concept_map
    drug_strength cohort cohort_definition cohort_attribute attribute_definition
"""
_TABLES = frozenset(_NAMES.split())


def take_omop(files: list[SourceFile], found: Found) -> list[SourceFile]:
    """Read OMOP tables; return the files that are none."""
    by_folder: dict[str, list[SourceFile]] = {}
    for file in files:
        if table_of(file) in _TABLES:
            by_folder.setdefault(folder_of(file), []).append(file)
    taken: set[str] = set()
    for file in files:
        if is_duckdb(file):
            found.read({"kind": "omop", "path": file.name}, "omop", [file.name])
            taken.add(file.name)
    for parent, group in by_folder.items():
        tables = {table_of(f) for f in group}
        if not ("person" in tables and len(tables) > 1) and not all(_keyed(f) for f in group):
            continue
        spec, names = _one_format(group, parent, found)
        found.read_what_can_be(partial(_delimited, spec), "omop", names)
        taken.update(f.name for f in group)
    return [f for f in files if f.name not in taken]


def _keyed(file: SourceFile) -> bool:
    """Whether a table's own key stands among its headings, or a person's."""
    if not file.name.lower().endswith(".csv"):
        return False
    line = head(file).split(b"\n", 1)[0].decode("utf-8", "replace").lower()
    return f"{table_of(file)}_id" in line or "person_id" in line


def _one_format(group: list[SourceFile], parent: str, found: Found) -> tuple[Spec, list[str]]:
    """A table that stands there as text and as Parquet is read once, from the format that has more tables."""
    if path := parts_path(group, parent):
        return {"kind": "omop", "path": path, "format": "parquet"}, [f.name for f in group]
    spec: Spec = {"kind": "omop", "path": parent}
    keep = twice_in(group)
    if keep is None:
        return spec, [f.name for f in group]
    kept = {table_of(f) for f in group if f.name.lower().endswith(keep)}
    twice = [f.name for f in group if not f.name.lower().endswith(keep) and table_of(f) in kept]
    for name in twice:
        found.leave(name, f"the same table as {PurePosixPath(name).stem}.{keep}")
    return spec | {"format": keep}, [f.name for f in group if f.name not in twice]


def _delimited(spec: Spec, names: Sequence[str]) -> list[Spec]:
    """OMOP text has commas; exports with tabs and semicolons exist."""
    return [spec, spec | {"delimiter": "\t"}, spec | {"delimiter": ";"}]
