"""look_up_study: what a study's concept sets are in each OMOP database, and how many records they have there.

A mapping is not needed: before there is one, the database is found in the centre's folder, or is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chartline.errors import ProtocolError
from chartline.pipeline.read import Tell, checked_protocol, silent
from chartline.protocol.load import protocol_file

if TYPE_CHECKING:
    from chartline.protocol.model import Centre
    from chartline.sources.base import ConceptLine
    from chartline.sources.cdm import CdmDatabase


def look_up_study(
    study: Path, out: Path, *, database: str | None = None, schemas: Sequence[str] = (), tell: Tell = silent
) -> dict[str, tuple[ConceptLine, ...]]:
    """Return centre -> its concepts, and write them to the CSV file `out`. No row of a person is read.

    A centre's database is the one that its mapping declares, and without a mapping the one in its folder. `database` (a
    folder, a DuckDB file, `postgresql://...` with `schemas`) is asked instead of them all, and called as it is named.
    Raises `ProtocolError` where the protocol has no concepts, `SourceError` for a database that is not there or cannot
    be asked, `MappingError` for a mapping that cannot be read.
    """
    from chartline.outputs import write_whole
    from chartline.publish import csv_text
    from chartline.sources.asked import Asked
    from chartline.sources.omop_concepts import concept_frame
    from chartline.sources.omop_place import open_place
    from chartline.sources.selected import look_up_concepts

    protocol, home = checked_protocol(study), protocol_file(study).parent
    if protocol.selection is None and not protocol.concept_sets:
        raise ProtocolError(
            "The protocol has no selection, so it uses no concepts",
            where=str(protocol_file(study)),
            expected="`concept_sets` and `selection`",
            do="declare them: docs/protocol.md",
        )
    asked = Asked(protocol.selection, protocol.concept_sets)
    found: dict[str, tuple[ConceptLine, ...]] = {}
    if database is not None:
        with open_place(database, schemas) as opened:
            found[opened.name if "://" in database else database] = look_up_concepts(opened, asked)
    for centre in protocol.data.centres if database is None else ():
        tell(f"Looking into {centre.label or centre.id}")
        for opened in _databases(home, centre):
            with opened:
                found[centre.id] = look_up_concepts(opened, asked)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, csv_text(concept_frame(found)))
    tell("")
    return found


def _databases(home: Path, centre: Centre) -> list[CdmDatabase]:
    """Return the OMOP databases that a centre's mapping declares; without a mapping, the one in its folder."""
    from chartline.mapping.load import load_mapping
    from chartline.sources.folder import CentreFolder
    from chartline.sources.omop import open_cdm
    from chartline.sources.omop_place import find_database
    from chartline.sources.spec import SourceKind

    if not (home / centre.mapping).exists():
        folder = CentreFolder(home / centre.folder)
        return [open_cdm(folder, find_database(folder))]
    mapping = load_mapping(home / centre.mapping)
    folder = CentreFolder(home / centre.folder, mapping.ignore_files)
    return [open_cdm(folder, spec) for spec in mapping.sources if spec.kind is SourceKind.OMOP]
