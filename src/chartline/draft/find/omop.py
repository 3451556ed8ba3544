"""OMOP tables of a folder: a person table beside others, tables with their own keys, or a DuckDB database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath

from chartline.draft.find.found import Found, Spec, head
from chartline.sources.folder import SourceFile, seems

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
        if _table(file) in _TABLES:
            by_folder.setdefault(_folder(file), []).append(file)
    taken: set[str] = set()
    for file in files:
        if file.path.suffix.lower() in (".duckdb", ".db") and seems(head(file)) == "a DuckDB database":
            found.read({"kind": "omop", "path": file.name}, "omop", [file.name])
            taken.add(file.name)
    for parent, group in by_folder.items():
        tables = {_table(f) for f in group}
        if not ("person" in tables and len(tables) > 1) and not all(_keyed(f) for f in group):
            continue
        spec, names = _one_format(group, parent, found)
        found.read_what_can_be(partial(_delimited, spec), "omop", names)
        taken.update(f.name for f in group)
    return [f for f in files if f.name not in taken]


def _is_part(file: SourceFile) -> bool:
    """Whether a file is one part of a table's folder, as Spark writes `measurement/part-00000.parquet`."""
    path = PurePosixPath(file.name.lower())
    return path.suffix == ".parquet" and path.stem.startswith("part-")


def _table(file: SourceFile) -> str:
    path = PurePosixPath(file.name.lower())
    if path.suffix not in (".csv", ".parquet"):
        return ""
    return path.parent.name if _is_part(file) else path.stem


def _folder(file: SourceFile) -> str:
    parent = PurePosixPath(file.name).parent
    return str(parent.parent if _is_part(file) else parent)


def _keyed(file: SourceFile) -> bool:
    """Whether a table's own key stands among its headings, or a person's."""
    if not file.name.lower().endswith(".csv"):
        return False
    line = head(file).split(b"\n", 1)[0].decode("utf-8", "replace").lower()
    return f"{_table(file)}_id" in line or "person_id" in line


def _one_format(group: list[SourceFile], parent: str, found: Found) -> tuple[Spec, list[str]]:
    """A table that stands there as text and as Parquet is read once, from the format that has more tables."""
    if parts := [f for f in group if _is_part(f)]:
        inside = "*/*" if len(parts) == len(group) else "**"
        path = f"{inside}.parquet" if parent == "." else f"{parent}/{inside}.parquet"
        return {"kind": "omop", "path": path, "format": "parquet"}, [f.name for f in group]
    spec: Spec = {"kind": "omop", "path": parent}
    stems = {e: {_table(f) for f in group if f.name.lower().endswith(e)} for e in (".csv", ".parquet")}
    both = stems[".csv"] & stems[".parquet"]
    if not both:
        return spec, [f.name for f in group]
    keep = ".csv" if len(stems[".csv"]) >= len(stems[".parquet"]) else ".parquet"
    twice = [f.name for f in group if not f.name.lower().endswith(keep) and _table(f) in both]
    for name in twice:
        found.leave(name, f"the same table as {PurePosixPath(name).stem}{keep}")
    return spec | {"format": keep[1:]}, [f.name for f in group if f.name not in twice]


def _delimited(spec: Spec, names: Sequence[str]) -> list[Spec]:
    """OMOP text has commas; exports with tabs and semicolons exist."""
    return [spec, spec | {"delimiter": "\t"}, spec | {"delimiter": ";"}]
