"""look_up_study: the concepts of a study's selection in each OMOP database, with how many records they have there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chartline.errors import ProtocolError
from chartline.pipeline.read import Tell, asked_of, checked_protocol, silent
from chartline.protocol.load import protocol_file

if TYPE_CHECKING:
    from chartline.sources.omop_concepts import ConceptLine


def look_up_study(study: Path, out: Path, *, tell: Tell = silent) -> dict[str, tuple[ConceptLine, ...]]:
    """Return centre -> its concepts, and write them to the CSV file `out`. No row of a person is read.

    Raises `ProtocolError` where the protocol selects nothing, `SourceError` for a database that cannot be asked.
    """
    from chartline.mapping.load import load_mapping
    from chartline.outputs import write_whole
    from chartline.publish import csv_text
    from chartline.sources.folder import CentreFolder
    from chartline.sources.omop import open_cdm
    from chartline.sources.omop_concepts import concept_frame
    from chartline.sources.selected import look_up_concepts
    from chartline.sources.spec import SourceKind

    protocol, home = checked_protocol(study), protocol_file(study).parent
    if protocol.selection is None:
        raise ProtocolError(
            "The protocol has no selection, so it uses no concepts",
            where=str(protocol_file(study)),
            expected="`concept_sets` and `selection`",
            do="declare them: docs/protocol.md",
        )
    found: dict[str, tuple[ConceptLine, ...]] = {}
    for centre in protocol.data.centres:
        mapping = load_mapping(home / centre.mapping)
        for spec in mapping.sources:
            if spec.kind is SourceKind.OMOP:
                tell(f"Looking into {centre.label or centre.id}")
                folder = CentreFolder(home / centre.folder, mapping.ignore_files)
                with open_cdm(folder, spec) as database:
                    found[centre.id] = look_up_concepts(database, asked_of(protocol, mapping))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, csv_text(concept_frame(found)))
    tell("")
    return found
